import { setTimeout as sleep } from "node:timers/promises";

import type { LocalChain } from "../chain.ts";

/** The beat of the local chain: a block every so often, each of them as many seconds later; and what a re-org makes of it. */
export interface Pace {
  /** The newest time that any block had, unix seconds: no clock that reads the chain was ever later. */
  nowAt(): number;
  /** Resolves when the chain has reached a time. */
  until(timeAt: number): Promise<void>;
  /** Blocks since the start. */
  beatCount(): number;
  /** From this time on the clock crawls. */
  hold(fromAt: number): void;
  /**
   * Replaces the newest blocks, as soon as there are transactions in them, after so many blocks at the latest; gives how
   * many there were. They are gone; with `isReplayed` they stand in the first of the new blocks, at another time.
   */
  reorg(blockCount: number, isReplayed: boolean, patienceBeats: number): Promise<number>;
  /** Raw transactions of every block there ever was, gone ones included. */
  transactions(): readonly SeenTransaction[];
  stop(): Promise<void>;
}

/** A transaction as a block had it. */
export interface SeenTransaction {
  readonly blockHash: string;
  readonly from: string;
  readonly to: string | null;
  readonly input: string;
  readonly hash: string;
}

export interface PaceOptions {
  readonly chain: LocalChain;
  /** Between two blocks: of our time and of the chain's. */
  readonly blockMs: number;
  readonly blockSec: number;
}

/** A block of a clock that crawls: turns of seconds still come. */
const CRAWL_SEC = 10;

/** Takes the chain over: no transaction is mined but by the beat. */
export async function startPace({ chain, blockMs, blockSec }: PaceOptions): Promise<Pace> {
  const seen: SeenTransaction[] = [];
  let heldFromAt = Infinity;
  let beatCount = 0;
  /** The newest blocks, and the newest with a transaction in it. */
  let newest = 0;
  let newestFilled = 0;
  const end: { isStopped: boolean; fault?: Error } = { isStopped: false };
  let nowAt = 0;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  };
  const ask = (method: string, ...params: unknown[]) => askChain(chain.url, method, params);
  const blockAt = async (tag: string) => (await ask("eth_getBlockByNumber", tag, true)) as Block;
  const note = ({ hash: blockHash, number, timestamp, transactions }: Block) => {
    nowAt = Math.max(nowAt, Number(timestamp));
    newest = Number(number);
    if (transactions.length > 0) newestFilled = newest;
    for (const { from, to, input, hash } of transactions) seen.push({ blockHash, from, to, input, hash });
  };
  const mine = async () => {
    const { timestamp } = await blockAt("latest");
    // A re-org may have taken the chain's clock back; ours does not follow.
    const lastAt = Math.max(nowAt, Number(timestamp));
    const nextAt = lastAt + (lastAt + blockSec < heldFromAt ? blockSec : CRAWL_SEC);
    await ask("evm_setNextBlockTimestamp", nextAt);
    await ask("evm_mine");
    note(await blockAt("latest"));
    beatCount += 1;
  };

  const replace = async (blockCount: number, isReplayed: boolean): Promise<number> => {
    const from = Number((await blockAt("latest")).number) - blockCount + 1;
    const places = Array.from({ length: blockCount }, (_, index) => `0x${(from + index).toString(16)}`);
    const raw: [string, number][] = [];
    for (const place of places) {
      const { transactions } = await blockAt(place);
      for (const { hash } of transactions) raw.push([String(await ask("eth_getRawTransactionByHash", hash)), 0]);
    }
    newestFilled = 0;
    await ask("anvil_reorg", blockCount, isReplayed ? raw : []);
    for (const place of places) note(await blockAt(place));
    return raw.length;
  };

  await ask("evm_setAutomine", false);
  await ask("anvil_setBlockTimestampInterval", blockSec);
  note(await blockAt("latest"));
  const beat = (async () => {
    while (!end.isStopped) await Promise.all([inTurn(mine), sleep(blockMs)]);
  })().catch((error: unknown) => {
    end.isStopped = true;
    end.fault = error instanceof Error ? error : new Error(String(error));
  });
  return {
    nowAt: () => nowAt,
    async until(timeAt) {
      while (nowAt < timeAt && !end.isStopped) await sleep(blockMs / 4);
      if (end.fault !== undefined) throw end.fault;
    },
    beatCount: () => beatCount,
    hold: (fromAt) => (heldFromAt = fromAt),
    async reorg(blockCount, isReplayed, patienceBeats) {
      const limit = beatCount + patienceBeats;
      while (newest - newestFilled >= blockCount && beatCount < limit && !end.isStopped) await sleep(blockMs / 8);
      return await inTurn(() => replace(blockCount, isReplayed));
    },
    transactions: () => seen,
    async stop() {
      end.isStopped = true;
      await beat;
    },
  };
}

interface Block {
  number: string;
  hash: string;
  timestamp: string;
  transactions: SeenTransaction[];
}

/** One JSON-RPC call, past every wire. */
export async function askChain(url: string, method: string, params: unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
