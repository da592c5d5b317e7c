import type { JsonRpcProvider } from "ethers";

import type { Telemetry } from "../../types/telemetry/Telemetry.ts";
import { Failure, messageOf } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import type { LotMeter } from "../protocol/meter.ts";
import { Refusal } from "../protocol/refusal.ts";
import { metersHashOf, metersOfWords, type Filing } from "../protocol/report.ts";
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

/** The telemetry's state that the next report follows on, and what its prior filing was; out of events alone. */
export interface TelemetryHead {
  lastEpoch: bigint;
  configDigest: Hex;
  signers: string[];
  faultyCount: number;
  prior: Filing;
}

/** Reads the head; the filing comes from the events, so losing a database loses nothing. */
export async function telemetryHead(telemetry: Telemetry): Promise<TelemetryHead> {
  const [lastEpoch, configDigest, signers, faultyCount] = await Promise.all([
    telemetry.lastEpoch(),
    telemetry.configDigest(),
    telemetry.signers(),
    telemetry.faultyCount(),
  ]);
  return {
    lastEpoch,
    configDigest: configDigest as Hex,
    signers: [...signers],
    faultyCount: Number(faultyCount),
    prior: await filingAt(telemetry, lastEpoch),
  };
}

/** The filing of an epoch: of its report; of a skip with the meters before it; empty before the first epoch. */
export async function filingAt(telemetry: Telemetry, epoch: bigint): Promise<Filing> {
  const submitted = await telemetry.queryFilter(telemetry.filters.Submitted(epoch));
  const event = submitted.at(-1);
  if (event !== undefined) {
    const { reportHash, submittedAt, report } = event.args;
    return { reportHash: reportHash as Hex, submittedAt, meters: metersOfWords(report.meterWords) };
  }
  const skipped = (await telemetry.queryFilter(telemetry.filters.Skipped(epoch))).at(-1);
  if (skipped !== undefined) {
    const { skipHash, submittedAt } = skipped.args;
    return { reportHash: skipHash as Hex, submittedAt, meters: (await filingAt(telemetry, epoch - 1n)).meters };
  }
  return { reportHash: `0x${"0".repeat(64)}`, submittedAt: 0n, meters: [] };
}

/** Refuses to go on when the node's meters before an epoch are not the chain's. */
export function requireSameMeters(epoch: bigint, own: readonly LotMeter[], prior: Filing): void {
  const ownHash = metersHashOf(own);
  const chainHash = metersHashOf(prior.meters);
  if (ownHash !== chainHash) throw new Refusal("Oracle_MetersDiffer", { epoch, ownHash, chainHash });
}
