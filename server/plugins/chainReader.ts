import { getAddress, toQuantity } from "ethers";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { Failure } from "../failure.ts";
import { ask, outboundUrl } from "../outbound.ts";
import type { FiledCall, FiledEpoch } from "../protocol/auditHistory.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { ContractEvent } from "../protocol/registryHistory.ts";
import { structHash, structOf } from "../protocol/typed.ts";
import type { RpcLog } from "./follow.ts";

// A stranger's view of the chain: events and transactions by JSON-RPC, with limits on time and size. A node is believed
// what it says of the chain, once it says the same twice.

export interface ChainReader {
  /** Every event of registry and telemetry up to the head, in the order of the chain. */
  events(onBlock: (block: bigint, head: bigint) => void): Promise<ContractEvent[]>;
  /** What the transaction of a filing carried; undefined where it does not stand in the transaction's input. */
  callOf(one: FiledEpoch): Promise<FiledCall | undefined>;
  readonly byteCount: () => number;
}

export interface ChainReaderOptions {
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  readonly timeoutMs?: number;
  /** Blocks asked for at once; fewer where the node refuses. */
  readonly rangeCount?: bigint;
}

const LIMIT_BYTES = 128 << 20;
const ATTEMPTS = 3;
const HEADERS_AT_ONCE = 8;
const STRUCTS = {
  submit: structOf(Telemetry__factory.abi, "submit", "report"),
  skip: structOf(Telemetry__factory.abi, "skip", "notice"),
};
const FORK = "Audit_ChainMoves";

interface Header {
  readonly number: bigint;
  readonly hash: string;
  readonly at: bigint;
}

export function chainReader(options: ChainReaderOptions): ChainReader {
  const { deployment, timeoutMs = 60_000, rangeCount = 2_000n } = options;
  const url = outboundUrl(options.rpcUrl, "the chain's address");
  const { registry, telemetry } = deployment.addresses;
  const watched = new Map([
    [getAddress(registry), "registry" as const],
    [getAddress(telemetry), "telemetry" as const],
  ]);
  let byteCount = 0;

  const once = async (method: string, params: unknown[]): Promise<unknown> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const outbound = { method: "POST" as const, headers, body, timeoutMs, limitBytes: LIMIT_BYTES };
    const answer = await ask(url, { ...outbound, isPrivateAllowed: true });
    byteCount += answer.body.length;
    let json: { result?: unknown; error?: { message?: string } };
    try {
      json = JSON.parse(answer.body.toString()) as typeof json;
    } catch {
      throw new Failure("Audit_BadRpc", `${method} answers ${answer.status} with no JSON`);
    }
    if (json.error !== undefined || json.result === undefined) {
      throw new Failure("Audit_RpcError", `${method}: ${String(json.error?.message ?? answer.status).slice(0, 200)}`);
    }
    return json.result;
  };

  const send = async (method: string, params: unknown[]): Promise<unknown> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(method, params);
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof Failure) || error.code === "Audit_RpcError") throw error;
      }
    }
  };

  const headerAt = async (number: bigint | "latest"): Promise<Header> => {
    const tag = number === "latest" ? number : toQuantity(number);
    const block = (await send("eth_getBlockByNumber", [tag, false])) as Record<"number" | "hash" | "timestamp", string>;
    const header = { number: BigInt(block.number), hash: block.hash, at: BigInt(block.timestamp) };
    demand(number === "latest" || header.number === number, "Audit_OtherBlock", { number, got: header.number });
    return header;
  };

  /** Logs of a range; a range that the node finds too large is halved. */
  const logsOf = async (from: bigint, to: bigint): Promise<RpcLog[]> => {
    const filter = { address: [...watched.keys()], fromBlock: toQuantity(from), toBlock: toQuantity(to) };
    try {
      return (await send("eth_getLogs", [filter])) as RpcLog[];
    } catch (error) {
      const isTooLarge = error instanceof Failure && ["Audit_RpcError", "Url_TooLong"].includes(error.code);
      if (!isTooLarge || from === to) throw error;
      const middle = (from + to) / 2n;
      return [...(await logsOf(from, middle)), ...(await logsOf(middle + 1n, to))];
    }
  };

  const eventsOf = async (from: bigint, to: bigint): Promise<ContractEvent[]> => {
    const logs = await logsOf(from, to);
    const numbers = [...new Set(logs.map((log) => BigInt(log.blockNumber)))];
    const headers = new Map<bigint, Header>();
    for (let at = 0; at < numbers.length; at += HEADERS_AT_ONCE) {
      const some = await Promise.all(numbers.slice(at, at + HEADERS_AT_ONCE).map(headerAt));
      for (const header of some) headers.set(header.number, header);
    }
    let last = { block: -1n, logIndex: -1 };
    return logs.flatMap((log) => {
      const block = BigInt(log.blockNumber);
      const logIndex = Number(log.logIndex);
      const contract = watched.get(getAddress(log.address));
      const header = headers.get(block);
      const isOurs = contract !== undefined && block >= from && block <= to && log.removed !== true;
      demand(isOurs && header !== undefined, "Audit_StrayLog", { block, txHash: log.transactionHash });
      demand(header.hash === log.blockHash, FORK, { block });
      const isAfter = block > last.block || (block === last.block && logIndex > last.logIndex);
      demand(isAfter, "Audit_LogsUnsorted", { block, logIndex });
      last = { block, logIndex };
      const parsed = INTERFACES[contract].parseLog(log);
      if (parsed === null) return []; // an event of the access manager
      const args = parsed.args.toObject(true) as Record<string, unknown>;
      return [{ contract, name: parsed.name, args, block, blockAt: header.at, txHash: log.transactionHash as Hex }];
    });
  };

  const read = async (onBlock: (block: bigint, head: bigint) => void): Promise<ContractEvent[]> => {
    const chainId = Number(await send("eth_chainId", []));
    const expected = deployment.chainId;
    demand(chainId === expected, "Chain_WrongId", { chainId, expectedChainId: expected });
    const head = await headerAt("latest");
    const events: ContractEvent[] = [];
    const ends: Header[] = [];
    for (let from = BigInt(deployment.startBlock); from <= head.number; from += rangeCount) {
      const end = from + rangeCount - 1n;
      const to = end < head.number ? end : head.number;
      ends.push(await headerAt(to));
      for (const event of await eventsOf(from, to)) events.push(event);
      onBlock(to, head.number);
    }
    // Asked again: a branch that was left while we read shows here.
    for (const end of ends) {
      const again = await headerAt(end.number);
      demand(again.hash === end.hash, FORK, { block: end.number });
    }
    return events;
  };

  return {
    byteCount: () => byteCount,

    async events(onBlock) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await read(onBlock);
        } catch (error) {
          if (!(error instanceof Refusal) || error.code !== FORK || attempt === ATTEMPTS) throw error;
        }
      }
    },

    async callOf(one) {
      const tx = (await send("eth_getTransactionByHash", [one.txHash])) as Record<
        "hash" | "to" | "input",
        string
      > | null;
      // The node gave the event of it.
      if (tx === null || tx.hash !== one.txHash)
        throw new Failure("Audit_NoTransaction", `the node does not give the transaction ${one.txHash}`);
      const name = one.report === undefined ? "skip" : "submit";
      if (typeof tx.to === "string" && getAddress(tx.to) === getAddress(telemetry)) {
        const call = callIn(name, tx.input);
        if (call !== undefined) return call;
      }
      // Through another contract: the call stands in what that one was given, most often.
      const { selector } = INTERFACES.telemetry.getFunction(name);
      for (
        let at = tx.input.indexOf(selector.slice(2), 2);
        at !== -1;
        at = tx.input.indexOf(selector.slice(2), at + 1)
      ) {
        const call = at % 2 === 0 ? callIn(name, `0x${tx.input.slice(at)}`) : undefined;
        if (call !== undefined && structHash(STRUCTS[name], call.value) === one.hash) return call;
      }
      return undefined;
    },
  };
}

/** A filing's call, as far as it is one; what comes after it does not matter. */
function callIn(name: "skip" | "submit", input: string): FiledCall | undefined {
  try {
    const given = INTERFACES.telemetry.decodeFunctionData(name, input).toArray() as unknown[];
    const value = (given[0] as { toObject(deep: boolean): object }).toObject(true);
    return { value, signerBitmap: given[2] as bigint, signatures: given[3] as Hex };
  } catch {
    return undefined;
  }
}
