import { getAddress, toQuantity, type JsonRpcProvider } from "ethers";

import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { jsonFields } from "../protocol/eventJson.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import {
  announced,
  blocksDownFrom,
  forgetAbove,
  headBlock,
  insertBlocks,
  insertEvents,
  lockBlocks,
  type BlockRow,
  type EventRow,
} from "./events.ts";
import type { Store } from "./store.ts";

// Reads the events of our contracts into the store. What the node says is checked where it can be: the chain's id, that
// each block continues the one kept before, that each log is of a block with that hash and of a contract of ours.

export interface FollowOptions {
  readonly store: Pick<Store, "db" | "transaction">;
  readonly provider: Pick<JsonRpcProvider, "send">;
  readonly deployment: Deployment;
  /** Blocks asked for at once. */
  readonly rangeCount?: number;
}

export interface Follower {
  /** Reads all there is. Blocks of a branch that was left are forgotten first, back to the last common one. */
  catchUp(): Promise<void>;
  /** Catches up now and then; an error goes to `onError`, and the next time tries again. */
  start(everyMs: number, onError: (error: unknown) => void): void;
  /** Whether the newest attempt reached the chain's head. */
  isCurrent(): boolean;
  /** Changes whenever the followed events do. */
  version(): number;
  /** Ends the timer and waits for what is under way. */
  stop(): Promise<void>;
}

type ContractName = keyof typeof INTERFACES;

/**
 * Whose events are followed, beside those of facilities and their class tokens. The settlement token is not among them:
 * its other holders' transfers are none of ours. Who adds one also adds a migration that forgets all blocks.
 */
const FOLLOWED = [
  ...(["authority", "registry", "telemetry", "leases", "facilities", "gate", "valuation", "computeIndex"] as const),
  ...(["markets", "bonds", "faults", "disputes", "exchange", "leverage", "vault", "statements"] as const),
];

const RANGE_COUNT = 2_000;
const HEADERS_AT_ONCE = 32;
const ATTEMPTS = 5;

export function startFollower(options: FollowOptions): Follower {
  const { store, provider, deployment } = options;
  const { addresses, chainId } = deployment;
  const rangeCount = BigInt(options.rangeCount ?? RANGE_COUNT);
  const fixed = FOLLOWED.map((name): [string, ContractName] => [addresses[name], name]);

  const headerAt = async (number: bigint | "latest"): Promise<BlockRow | undefined> => {
    const tag = number === "latest" ? number : toQuantity(number);
    const block = (await provider.send("eth_getBlockByNumber", [tag, false])) as RpcBlock | null;
    if (block === null) return undefined;
    const header = { number: BigInt(block.number), hash: block.hash as Hex, time: BigInt(block.timestamp) };
    demand(number === "latest" || header.number === number, "Follow_OtherBlock", { number, got: header.number });
    return header;
  };

  /** The block before the deployment: what every branch that we follow has in common. */
  const placeBase = async (): Promise<BlockRow> => {
    const number = BigInt(Math.max(0, deployment.startBlock - 1));
    const base = await headerAt(number);
    if (base === undefined) throw new Refusal("Follow_NoStart", { startBlock: deployment.startBlock });
    await store.transaction(async (tx) => {
      await lockBlocks(tx);
      if ((await headBlock(tx)) === undefined) await insertBlocks(tx, [base]);
    });
    return base;
  };

  let version = 0;

  /** The newest block kept that the chain has too; forgets what is above it. */
  const returnToChain = async (head: BlockRow): Promise<BlockRow> => {
    for (let from = head.number; ;) {
      const kept = await blocksDownFrom(store.db, from, 16);
      for (const block of kept) {
        const header = await headerAt(block.number);
        if (header?.hash !== block.hash) continue;
        if (block.number < head.number) {
          await store.transaction(async (tx) => {
            await lockBlocks(tx);
            await forgetAbove(tx, block.number);
          });
          version += 1;
        }
        return block;
      }
      const last = kept.at(-1);
      if (last === undefined) throw new Refusal("Follow_OtherChain", { chainId, headBlock: head.number });
      from = last.number - 1n;
    }
  };

  const logsOf = async (watched: ReadonlyMap<string, ContractName>, from: bigint, to: bigint): Promise<Event[]> => {
    const filter = { address: [...watched.keys()], fromBlock: toQuantity(from), toBlock: toQuantity(to) };
    const logs = (await provider.send("eth_getLogs", [filter])) as RpcLog[];
    return logs.map((log) => {
      const block = BigInt(log.blockNumber);
      const address = getAddress(log.address);
      const contract = watched.get(address);
      if (contract === undefined || block < from || block > to || log.removed === true) {
        throw new Refusal("Follow_StrayLog", { address, block, txHash: log.transactionHash });
      }
      return { ...decode(contract, log), block, address, contract };
    });
  };

  /** The events of a range, those of facilities that are announced in it included. */
  const eventsOf = async (from: bigint, to: bigint): Promise<Event[]> => {
    const watched = new Map<string, ContractName>(fixed);
    for (const { address, contract } of await announced(store.db)) watched.set(address, contract);
    const events = await logsOf(watched, from, to);
    const fresh = new Map<string, ContractName>();
    for (const { contract, name, args } of events) {
      if (contract !== "facilities" || name !== "FacilityCreated") continue;
      fresh.set(args["facility"] as string, "facility");
      for (const token of args["classTokens"] as string[]) fresh.set(token, "classToken");
    }
    if (fresh.size > 0) events.push(...(await logsOf(fresh, from, to)));
    return events;
  };

  /** Reads the range after the head into the store, all of it or nothing; undefined when the chain moved meanwhile. */
  const advance = async (head: BlockRow, to: bigint): Promise<BlockRow | undefined> => {
    const last = await headerAt(to);
    const events = await eventsOf(head.number + 1n, to);
    const numbers = [...new Set(events.map(({ block }) => block))].filter((number) => number !== to);
    const headers: (BlockRow | undefined)[] = [];
    for (let i = 0; i < numbers.length; i += HEADERS_AT_ONCE) {
      headers.push(...(await Promise.all(numbers.slice(i, i + HEADERS_AT_ONCE).map(headerAt))));
    }
    const blocks = [...headers, last].filter((header) => header !== undefined);
    const hashes = new Map(blocks.map(({ number, hash }) => [number, hash]));
    const isWhole = events.every(({ block, blockHash }) => hashes.get(block) === blockHash);
    // Asked last: a branch that was left while we read shows here.
    const [lastAgain, headAgain] = await Promise.all([headerAt(to), headerAt(head.number)]);
    const isStill = last !== undefined && lastAgain?.hash === last.hash && headAgain?.hash === head.hash;
    if (!isWhole || !isStill) return undefined;
    await store.transaction(async (tx) => {
      await lockBlocks(tx);
      const current = await headBlock(tx);
      demand(current?.hash === head.hash, "Follow_HeadMoved", { block: head.number, current: current?.number ?? -1n });
      await insertBlocks(tx, blocks);
      await insertEvents(tx, events);
    });
    version += 1;
    return last;
  };

  const catchUp = async (): Promise<void> => {
    const answer = Number(await provider.send("eth_chainId", []));
    demand(answer === chainId, "Chain_WrongId", { chainId: answer, expectedChainId: chainId });
    for (let attempt = 1; ; attempt++) {
      const target = await headerAt("latest");
      let head: BlockRow | undefined = await returnToChain((await headBlock(store.db)) ?? (await placeBase()));
      while (head !== undefined && target !== undefined && head.number < target.number) {
        const end: bigint = head.number + rangeCount;
        head = await advance(head, end < target.number ? end : target.number);
      }
      if (head !== undefined && target !== undefined) return;
      demand(attempt < ATTEMPTS, "Follow_ChainMoves", { attempts: attempt, block: target?.number ?? -1n });
    }
  };

  let isCurrent = false;
  let queue: Promise<void> = Promise.resolve();
  let waitingCount = 0;
  let timer: NodeJS.Timeout | undefined;
  // One at a time; who asks while one is under way gets one that begins after the question.
  const enqueue = (): Promise<void> => {
    waitingCount += 1;
    const run = queue.then(async () => {
      try {
        await catchUp();
        isCurrent = true;
      } catch (error) {
        isCurrent = false;
        throw error;
      } finally {
        waitingCount -= 1;
      }
    });
    queue = run.catch(() => undefined);
    return run;
  };

  return {
    catchUp: enqueue,
    start(everyMs, onError) {
      timer ??= setInterval(() => {
        if (waitingCount === 0) enqueue().catch(onError);
      }, everyMs).unref();
    },
    isCurrent: () => isCurrent,
    version: () => version,
    async stop() {
      clearInterval(timer);
      await queue;
    },
  };
}

/** An event, and the hash of its block as the log has it. */
type Event = EventRow & { blockHash: Hex };

function decode(contract: ContractName, log: RpcLog): Omit<Event, "block" | "address" | "contract"> {
  const parsed = INTERFACES[contract].parseLog(log);
  const txHash = log.transactionHash as Hex;
  if (parsed === null) throw new Refusal("Follow_UnknownEvent", { contract, topic: log.topics[0] ?? "", txHash });
  const { name, args, fragment } = parsed;
  return {
    ...{ name, txHash, blockHash: log.blockHash as Hex, logIndex: Number(log.logIndex) },
    args: jsonFields(fragment.inputs, args),
  };
}

interface RpcBlock {
  number: string;
  hash: string;
  timestamp: string;
}

/** An event as eth_getLogs gives it. */
export interface RpcLog {
  address: string;
  topics: string[];
  data: string;
  blockNumber: string;
  blockHash: string;
  logIndex: string;
  transactionHash: string;
  removed?: boolean;
}
