import { Failure } from "../failure.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import { byteaArray, int8Array } from "./arrays.ts";
import type { Db } from "./db.ts";

// Each thing the program asks of its tables, once and by name. Epochs, ids and times are bigint; `hash`, keys and
// signatures are 0x strings. A role's rows carry its oracleId.

/** The stored form of a 0x string. */
export function bytes(hex: string): string {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(hex)) throw new Failure("Store_NotHex", `${hex.slice(0, 80)} is not a 0x string`);
  return `\\x${hex.slice(2)}`;
}

// Readings

export interface ReadingRow {
  epoch: bigint;
  nodeId: bigint;
  lotId: bigint;
  sequence: bigint;
  readingHash: Hex;
  /** What `readingOfBody` reads. */
  body: Uint8Array;
  signature: Hex;
  receivedAt: bigint;
}

/** inserted: durable now · duplicate: it was there · equivocation: another reading of this node and epoch was there. */
export type Outcome = "inserted" | "duplicate" | "equivocation";

/** Rows that are asked for at once: the driver holds them in text until it has the last. */
const PAGE_COUNT = 4_000;

const READING = `epoch, node_id "nodeId", lot_id "lotId", sequence, reading_hash "readingHash", body, signature,
  received_at "receivedAt"`;

/**
 * Keeps readings, each (node, epoch) once, and says for each what became of it; the first conflicting one of a node
 * and epoch is kept as evidence. Doing it again changes nothing. Rows are written in key order, so that two batches
 * never wait for each other in a circle.
 */
export async function insertReadings(db: Db, oracleId: number, readings: ReadingRow[]): Promise<Outcome[]> {
  const raw = readings.map((row) => ({
    ...row,
    readingHash: rawBytes(row.readingHash),
    signature: rawBytes(row.signature),
  }));
  return await insertPacked(db, oracleId, raw);
}

/** A row with its hash and signature as bytes. */
export type PackedRow = Omit<ReadingRow, "readingHash" | "signature"> & {
  readonly readingHash: Uint8Array;
  readonly signature: Uint8Array;
};

/** `insertReadings`, for rows in bytes. */
export async function insertPacked(db: Db, oracleId: number, readings: readonly PackedRow[]): Promise<Outcome[]> {
  const epochs = int8Array(readings.map(({ epoch }) => epoch));
  const nodeIds = int8Array(readings.map(({ nodeId }) => nodeId));
  const { rows: fresh } = await db.query<{ epoch: bigint; nodeId: bigint }>(
    `insert into readings (oracle_id, epoch, node_id, lot_id, sequence, reading_hash, body, signature, received_at)
     select $1, epoch, node_id, lot_id, sequence, reading_hash, body, signature, received_at
     from unnest($2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::bytea[], $7::bytea[], $8::bytea[], $9::int8[])
       with ordinality as input (epoch, node_id, lot_id, sequence, reading_hash, body, signature, received_at, place)
     order by epoch, node_id, place
     on conflict (oracle_id, epoch, node_id) do nothing
     returning epoch, node_id "nodeId"`,
    [
      oracleId,
      epochs,
      nodeIds,
      int8Array(readings.map(({ lotId }) => lotId)),
      int8Array(readings.map(({ sequence }) => sequence)),
      byteaArray(readings.map(({ readingHash }) => readingHash)),
      byteaArray(readings.map(({ body }) => body)),
      byteaArray(readings.map(({ signature }) => signature)),
      int8Array(readings.map(({ receivedAt }) => receivedAt)),
    ],
  );
  if (fresh.length === readings.length) return readings.map(() => "inserted");

  const freshKeys = new Set(fresh.map(keyOf));
  const { rows: kept } = await db.query<{ epoch: bigint; nodeId: bigint; readingHash: Hex }>(
    `select epoch, node_id "nodeId", reading_hash "readingHash" from readings
     where oracle_id = $1 and (epoch, node_id) in (select * from unnest($2::int8[], $3::int8[]))`,
    [oracleId, epochs, nodeIds],
  );
  const keptHash = new Map(kept.map((row) => [keyOf(row), row.readingHash]));
  const outcomes: Outcome[] = readings.map((reading) => {
    const key = keyOf(reading);
    if (keptHash.get(key) !== hexOf(reading.readingHash)) return "equivocation";
    return freshKeys.delete(key) ? "inserted" : "duplicate"; // the same reading twice in one batch: once inserted
  });
  const conflicts = readings.filter((_, place) => outcomes[place] === "equivocation");
  if (conflicts.length > 0)
    await db.query(
      `insert into equivocations (oracle_id, epoch, node_id, reading_hash, body, signature, received_at)
       select $1, epoch, node_id, reading_hash, body, signature, received_at
       from unnest($2::int8[], $3::int8[], $4::bytea[], $5::bytea[], $6::bytea[], $7::int8[])
         with ordinality as input (epoch, node_id, reading_hash, body, signature, received_at, place)
       order by epoch, node_id, place
       on conflict (oracle_id, epoch, node_id) do nothing`,
      [
        oracleId,
        int8Array(conflicts.map(({ epoch }) => epoch)),
        int8Array(conflicts.map(({ nodeId }) => nodeId)),
        byteaArray(conflicts.map(({ readingHash }) => readingHash)),
        byteaArray(conflicts.map(({ body }) => body)),
        byteaArray(conflicts.map(({ signature }) => signature)),
        int8Array(conflicts.map(({ receivedAt }) => receivedAt)),
      ],
    );
  return outcomes;
}

function keyOf(row: { epoch: bigint; nodeId: bigint }): string {
  return `${row.epoch}/${row.nodeId}`;
}

function rawBytes(hex: Hex): Buffer {
  return Buffer.from(bytes(hex).slice(2), "hex");
}

/** Rows whose bytea columns are still the 0x strings that the driver makes of them. */
function withBody<Row extends { body: Uint8Array }>(rows: (Omit<Row, "body"> & { body: Hex })[]): Row[] {
  return rows.map((row) => ({ ...row, body: rawBytes(row.body) }) as unknown as Row);
}

/** A role's readings of an epoch, by node. */
export async function readingsOf(db: Db, oracleId: number, epoch: bigint): Promise<ReadingRow[]> {
  const all: ReadingRow[] = [];
  for (;;) {
    const page = await readingsAfter(db, oracleId, epoch, all.at(-1)?.nodeId ?? -1n, PAGE_COUNT);
    for (const row of page) all.push(row);
    if (page.length < PAGE_COUNT) return all;
  }
}

/** The next of a role's readings of an epoch, by node: at most `limit` of those above a node. */
export async function readingsAfter(
  db: Db,
  oracleId: number,
  epoch: bigint,
  afterNodeId: bigint,
  limit: number,
): Promise<ReadingRow[]> {
  const { rows } = await db.query<Omit<ReadingRow, "body"> & { body: Hex }>(
    `select ${READING} from readings where oracle_id = $1 and epoch = $2 and node_id > $3 order by node_id limit $4`,
    [oracleId, epoch, afterNodeId, limit],
  );
  return withBody(rows);
}

/** What a role holds of an epoch: each node, and the hash of its reading. */
export async function inventoryOf(
  db: Db,
  oracleId: number,
  epoch: bigint,
): Promise<{ nodeId: bigint; readingHash: Hex }[]> {
  const { rows } = await db.query<{ nodeId: bigint; readingHash: Hex }>(
    `select node_id "nodeId", reading_hash "readingHash" from readings where oracle_id = $1 and epoch = $2
     order by node_id`,
    [oracleId, epoch],
  );
  return rows;
}

/** A role's readings of an epoch with one of those hashes, by node. */
export async function readingsWith(
  db: Db,
  oracleId: number,
  epoch: bigint,
  hashes: readonly Hex[],
): Promise<ReadingRow[]> {
  const { rows } = await db.query<Omit<ReadingRow, "body"> & { body: Hex }>(
    `select ${READING} from readings where oracle_id = $1 and epoch = $2 and reading_hash = any ($3::bytea[])
     order by node_id`,
    [oracleId, epoch, byteaArray(hashes.map(rawBytes))],
  );
  return withBody(rows);
}

/** The newest epoch that a role has a reading of. */
export async function newestEpochOf(db: Db, oracleId: number): Promise<bigint | undefined> {
  const { rows } = await db.query<{ epoch: bigint | null }>(
    "select max(epoch) epoch from readings where oracle_id = $1",
    [oracleId],
  );
  return rows[0]?.epoch ?? undefined;
}

/** A role's newest reading of each node. */
export async function newestReadings(db: Db, oracleId: number): Promise<ReadingRow[]> {
  const { rows } = await db.query<Omit<ReadingRow, "body"> & { body: Hex }>(
    `select distinct on (node_id) ${READING} from readings where oracle_id = $1 order by node_id, epoch desc`,
    [oracleId],
  );
  return withBody(rows);
}

type EvidenceRow = Omit<ReadingRow, "lotId" | "sequence">;

/** The first conflicting readings of an epoch, by node; the readings they conflict with are in `readingsOf`. */
export async function equivocationsOf(db: Db, oracleId: number, epoch: bigint): Promise<EvidenceRow[]> {
  const { rows } = await db.query<Omit<EvidenceRow, "body"> & { body: Hex }>(
    `select epoch, node_id "nodeId", reading_hash "readingHash", body, signature, received_at "receivedAt"
     from equivocations where oracle_id = $1 and epoch = $2 order by node_id`,
    [oracleId, epoch],
  );
  return withBody(rows);
}

// Progress

export async function markOf(db: Db, name: string): Promise<string | undefined> {
  const { rows } = await db.query<{ value: string }>("select value from kv where name = $1", [name]);
  return rows[0]?.value;
}

export async function setMark(db: Db, name: string, value: string): Promise<void> {
  await db.query(
    "insert into kv (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value",
    [name, value],
  );
}
