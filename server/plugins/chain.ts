import type { JsonRpcProvider, TransactionReceipt } from "ethers";

import type { Telemetry } from "../../types/telemetry/Telemetry.ts";
import { Failure, messageOf } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import { Refusal } from "../protocol/refusal.ts";
import { metersOfWords, type Filing } from "../protocol/report.ts";
import { SwitchingProvider, type RpcOptions } from "./rpc.ts";

/**
 * A JSON-RPC provider that never answers from a cache, checked to serve the expected chain. Of several addresses (an array,
 * or a text with commas) the first that serves is asked, in the order given.
 */
export async function connectChain(
  urls: string | readonly string[],
  chainId: number,
  options: Partial<RpcOptions> = {},
): Promise<JsonRpcProvider> {
  const list = typeof urls === "string" ? urls.split(",").map((url) => url.trim()) : urls;
  const provider = new SwitchingProvider(list, chainId, options);
  provider.pollingInterval = 50;
  try {
    await provider.send("eth_chainId", []);
    return provider;
  } catch (error) {
    provider.destroy();
    if (error instanceof Refusal || error instanceof Failure) throw error;
    throw new Failure("Chain_Unreachable", `no chain answers: ${messageOf(error)}`, { cause: error });
  }
}

/** The decimals of a token. */
export async function decimalCountOf(provider: JsonRpcProvider, token: string): Promise<number> {
  const data = INTERFACES.classToken.encodeFunctionData("decimals");
  const [answer] = INTERFACES.classToken.decodeFunctionResult("decimals", await provider.call({ to: token, data }));
  return Number(answer);
}

/**
 * The filing of an epoch that is on-chain: of its report; of a skip with the meters before it; empty before the first
 * epoch. Of an epoch that was rolled back and filed again it is the newest; one that is not there any more is refused.
 */
export async function filingAt(telemetry: Telemetry, epoch: bigint): Promise<Filing> {
  const lastEpoch = await telemetry.lastEpoch();
  if (epoch > lastEpoch) throw new Refusal("Telemetry_NotFiled", { epoch, lastEpoch });
  return await standingFiling(telemetry, epoch);
}

async function standingFiling(telemetry: Telemetry, epoch: bigint): Promise<Filing> {
  const submitted = (await telemetry.queryFilter(telemetry.filters.Submitted(epoch))).at(-1);
  const skipped = (await telemetry.queryFilter(telemetry.filters.Skipped(epoch))).at(-1);
  if (submitted !== undefined && !isBefore(submitted, skipped)) {
    const { reportHash, submittedAt, report } = submitted.args;
    return { reportHash: reportHash as Hex, submittedAt, meters: metersOfWords(report.meterWords) };
  }
  if (skipped !== undefined) {
    const { skipHash, submittedAt } = skipped.args;
    const { meters } = await standingFiling(telemetry, epoch - 1n);
    return { reportHash: skipHash as Hex, submittedAt, meters };
  }
  return { reportHash: `0x${"0".repeat(64)}`, submittedAt: 0n, meters: [] };
}

interface Placed {
  readonly blockNumber: number;
  readonly index: number;
}

function isBefore(one: Placed, other: Placed | undefined): boolean {
  if (other === undefined) return false;
  return one.blockNumber < other.blockNumber || (one.blockNumber === other.blockNumber && one.index < other.index);
}

/** The receipt of the first of these transactions that is in a block. */
export async function receiptAmong(
  provider: JsonRpcProvider,
  hashes: readonly string[],
): Promise<TransactionReceipt | undefined> {
  for (const hash of hashes) {
    const receipt = await provider.getTransactionReceipt(hash);
    if (receipt === null) continue;
    // A service may still tell of a block that the chain has left.
    const block = await provider.getBlock(receipt.blockNumber);
    if (block?.hash === receipt.blockHash) return receipt;
  }
  return undefined;
}
