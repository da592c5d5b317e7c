import type { Deployment } from "../protocol/deployment.ts";
import type { Db, Transact } from "./db.ts";
import { headBlock, lockBlocks } from "./events.ts";
import { startFollower, type FollowOptions } from "./follow.ts";
import type { Store } from "./store.ts";

// Reads the chain anew beside what was followed so far, compares the two, and puts the new in the other's place: all
// that the read model says is computed from it. A program that serves from this database goes on meanwhile.

export interface RebuildOptions {
  readonly store: Pick<Store, "transaction">;
  readonly provider: FollowOptions["provider"];
  readonly deployment: Deployment;
  readonly rangeCount?: number;
  /** Compares, and changes nothing. */
  readonly isDry?: boolean;
  readonly onProgress?: (block: bigint) => void;
}

export interface Rebuilt {
  readonly headBlock: bigint;
  readonly eventCount: number;
  /** Events that are on the chain and were not kept, up to the older of the two heads; and the other way round. */
  readonly missingCount: number;
  readonly strayCount: number;
  readonly isReplaced: boolean;
}

const SCHEMA = "rebuilding";
const EVENT = "block, log_index, tx_hash, address, contract, name, args";
const PLACED = `${EVENT}, (select b.hash from SCHEMA.blocks b where b.number = e.block) block_hash`;

/** One at a time: who else rebuilds this database waits. */
const LOCK = 7_204_113_907n;

export async function rebuild(options: RebuildOptions): Promise<Rebuilt> {
  const { transaction } = options.store;
  await transaction(open);
  try {
    const aside = storeAside(transaction);
    const follower = startFollower({
      ...{ store: aside, provider: reported(options), deployment: options.deployment },
      ...(options.rangeCount === undefined ? {} : { rangeCount: options.rangeCount }),
    });
    await follower.catchUp();
    return await transaction((tx) => compareAndReplace(tx, options.isDry === true));
  } finally {
    await transaction((tx) => tx.query(`drop schema if exists ${SCHEMA} cascade`));
  }
}

async function open(tx: Db): Promise<void> {
  await tx.query("select pg_advisory_xact_lock($1)", [LOCK]);
  await tx.query(`drop schema if exists ${SCHEMA} cascade`); // of one that was broken off
  await tx.query(`create schema ${SCHEMA}`);
  await tx.query(`create table ${SCHEMA}.blocks (like public.blocks including all)`);
  await tx.query(`create table ${SCHEMA}.events (like public.events including all)`);
  await tx.query(`alter table ${SCHEMA}.events add foreign key (block) references ${SCHEMA}.blocks on delete cascade`);
}

/** A store whose blocks and events are those of the schema aside. */
function storeAside(transaction: Transact): Pick<Store, "db" | "transaction"> {
  const within: Transact = (work) =>
    transaction(async (tx) => {
      await tx.query(`set local search_path to ${SCHEMA}, public`);
      return await work(tx);
    });
  const db: Db = { query: (text, values) => within((tx) => tx.query(text, values)) };
  return { db, transaction: within };
}

/** A provider that tells how far the logs were asked for. */
function reported({ provider, onProgress }: RebuildOptions): FollowOptions["provider"] {
  return {
    send: (async (method: string, params: unknown[]) => {
      const answer: unknown = await provider.send(method, params);
      if (method === "eth_getLogs") onProgress?.(BigInt((params[0] as { toBlock: string }).toBlock));
      return answer;
    }) as FollowOptions["provider"]["send"],
  };
}

async function compareAndReplace(tx: Db, isDry: boolean): Promise<Rebuilt> {
  await lockBlocks(tx);
  const kept = await headBlock(tx);
  const { rows: heads } = await tx.query<{ number: bigint }>(`select max(number) number from ${SCHEMA}.blocks`);
  const head = heads[0]?.number ?? 0n;
  const until = kept === undefined || kept.number < head ? (kept?.number ?? -1n) : head;
  const placed = (schema: string) =>
    `select ${PLACED.replace("SCHEMA", schema)} from ${schema}.events e where e.block <= $1`;
  const only = async (one: string, other: string) => {
    const { rows } = await tx.query<{ count: bigint }>(
      `select count(*) count from (${placed(one)} except ${placed(other)}) d`,
      [until],
    );
    return Number(rows[0]?.count ?? 0n);
  };
  const missingCount = await only(SCHEMA, "public");
  const strayCount = await only("public", SCHEMA);
  const { rows: counts } = await tx.query<{ count: bigint }>(`select count(*) count from ${SCHEMA}.events`);
  // What was followed meanwhile is not there yet, unless the two differ: then it is followed again.
  const isReplaced = !isDry && (missingCount + strayCount > 0 || kept === undefined || kept.number <= head);
  if (isReplaced) {
    await tx.query("delete from public.blocks");
    await tx.query(`insert into public.blocks select * from ${SCHEMA}.blocks`);
    await tx.query(`insert into public.events (${EVENT}) select ${EVENT} from ${SCHEMA}.events`);
  }
  return { headBlock: head, eventCount: Number(counts[0]?.count ?? 0n), missingCount, strayCount, isReplaced };
}
