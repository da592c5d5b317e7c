import type { Hex } from "../protocol/bytes.ts";
import type { Json } from "../protocol/eventJson.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Queries on the blocks and events that were followed.

export interface BlockRow {
  number: bigint;
  hash: Hex;
  /** Unix seconds. */
  time: bigint;
}

export interface EventRow {
  block: bigint;
  logIndex: number;
  txHash: Hex;
  /** With its checksum. */
  address: string;
  contract: string;
  name: string;
  /** By name; integers as decimal strings. */
  args: Record<string, Json>;
}

/** The events up to a head, as one transaction sees them. */
export interface View {
  readonly db: Db;
  readonly head: BlockRow;
}

/** One connection answers one question at a time. */
export async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

const BLOCK = "number, hash, time";
const LOCK = 7_204_113_906n; // who writes blocks holds this advisory lock

/** Lets one transaction at a time write blocks. */
export async function lockBlocks(tx: Db): Promise<void> {
  await tx.query("select pg_advisory_xact_lock($1)", [LOCK]);
}

/** The newest block that was followed. */
export async function headBlock(db: Db): Promise<BlockRow | undefined> {
  const { rows } = await db.query<BlockRow>(`select ${BLOCK} from blocks order by number desc limit 1`);
  return rows[0];
}

/** Followed blocks up to a number, the newest first. */
export async function blocksDownFrom(db: Db, number: bigint, limit: number): Promise<BlockRow[]> {
  const { rows } = await db.query<BlockRow>(
    `select ${BLOCK} from blocks where number <= $1 order by number desc limit $2`,
    [number, limit],
  );
  return rows;
}

/** Forgets the blocks above a number, with their events. */
export async function forgetAbove(db: Db, number: bigint): Promise<void> {
  await db.query("delete from blocks where number > $1", [number]);
}

export async function insertBlocks(db: Db, blocks: readonly BlockRow[]): Promise<void> {
  await db.query(`insert into blocks (number, hash, time) select * from unnest($1::int8[], $2::bytea[], $3::int8[])`, [
    blocks.map(({ number }) => number),
    blocks.map(({ hash }) => bytes(hash)),
    blocks.map(({ time }) => time),
  ]);
}

export async function insertEvents(db: Db, events: readonly EventRow[]): Promise<void> {
  await db.query(
    `insert into events (block, log_index, tx_hash, address, contract, name, args)
     select * from unnest($1::int8[], $2::int4[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::jsonb[])`,
    [
      events.map(({ block }) => block),
      events.map(({ logIndex }) => logIndex),
      events.map(({ txHash }) => bytes(txHash)),
      events.map(({ address }) => address),
      events.map(({ contract }) => contract),
      events.map(({ name }) => name),
      events.map(({ args }) => JSON.stringify(args)),
    ],
  );
}

/** Facilities and class tokens that the factory has announced, each with the name of its contract. */
export async function announced(db: Db): Promise<{ address: string; contract: "facility" | "classToken" }[]> {
  const { rows } = await db.query<{ facility: string; tokens: string[] }>(
    `select args ->> 'facility' facility, args -> 'classTokens' tokens from events
     where contract = 'facilities' and name = 'FacilityCreated' order by block, log_index`,
  );
  return rows.flatMap(({ facility, tokens }) => [
    { address: facility, contract: "facility" as const },
    ...tokens.map((address) => ({ address, contract: "classToken" as const })),
  ]);
}
