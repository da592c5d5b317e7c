import { Failure } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Queries on the outbox. A transaction is queued under a key (once), signed and stored with its nonce, sent, mined, and done
// when its block is deep enough; or failed. Sending is the only step outside the database, and sending the same bytes twice
// does nothing.

export type OutboxStatus = "queued" | "sent" | "mined" | "done" | "failed";

export interface OutboxRow {
  id: bigint;
  kind: string;
  key: string;
  sender: Hex;
  /** The transaction as asked for; plain JSON, integers as decimal strings. */
  request: unknown;
  status: OutboxStatus;
  nonce: bigint | null;
  /** The version that was mined, before that the newest; none when another transaction had the effect. */
  txHash: Hex | null;
  attemptCount: number;
  error: string | null;
}

/** One signed form of a transaction. */
export interface OutboxVersion {
  itemId: bigint;
  txHash: Hex;
  nonce: bigint;
  rawTx: Hex;
  /** Since it was signed, by the database's clock. */
  ageMs: number;
}

const ROW = `id, kind, key, sender, request, status, nonce, tx_hash "txHash", attempt_count "attemptCount", error`;

/** Queues a transaction under its key; false when the key was there already, and then nothing changes. */
export async function enqueue(
  db: Db,
  item: { kind: string; key: string; sender: Hex; request: unknown },
): Promise<boolean> {
  const { rowCount } = await db.query(
    "insert into outbox (kind, key, sender, request) values ($1, $2, $3, $4) on conflict (key) do nothing",
    [item.kind, item.key, bytes(item.sender), JSON.stringify(item.request)],
  );
  return rowCount === 1;
}

/** A sender's transactions that are queued, in the order they were queued. */
export async function queuedItems(db: Db, sender: Hex, limit: number): Promise<OutboxRow[]> {
  const { rows } = await db.query<OutboxRow>(
    `select ${ROW} from outbox where sender = $1 and status = 'queued' order by id limit $2`,
    [bytes(sender), limit],
  );
  return rows;
}

/** A sender's transactions that have a nonce and are not done, by their nonce. */
export async function sentItems(db: Db, sender: Hex): Promise<OutboxRow[]> {
  const { rows } = await db.query<OutboxRow>(
    `select ${ROW} from outbox where sender = $1 and status in ('sent', 'mined') order by nonce`,
    [bytes(sender)],
  );
  return rows;
}

export async function itemByKey(db: Db, key: string): Promise<OutboxRow | undefined> {
  const { rows } = await db.query<OutboxRow>(`select ${ROW} from outbox where key = $1`, [key]);
  return rows[0];
}

/** All versions of a transaction, the newest first. */
export async function versionsOf(db: Db, itemId: bigint): Promise<OutboxVersion[]> {
  const { rows } = await db.query<OutboxVersion>(
    `select item_id "itemId", tx_hash "txHash", nonce, raw_tx "rawTx",
       extract(epoch from clock_timestamp() - signed_at)::float8 * 1000 "ageMs"
     from outbox_versions where item_id = $1 order by signed_at desc, nonce desc`,
    [itemId],
  );
  return rows;
}

/** Stores the signed bytes before they are sent; again with a higher fee under the same nonce. */
export async function markSent(db: Db, id: bigint, signed: { nonce: bigint; txHash: Hex; rawTx: Hex }): Promise<void> {
  const { rowCount } = await db.query(
    `with item as (
       update outbox set status = 'sent', nonce = $2, tx_hash = $3, attempt_count = attempt_count + 1, error = null
       where id = $1 and (status = 'queued' or (status = 'sent' and nonce = $2)) returning id
     )
     insert into outbox_versions (tx_hash, item_id, nonce, raw_tx, signed_at)
     select $3, id, $2, $4, clock_timestamp() from item
     on conflict (tx_hash) do update set signed_at = excluded.signed_at`,
    [id, signed.nonce, bytes(signed.txHash), bytes(signed.rawTx)],
  );
  if (rowCount === 0) throw wrongState(id);
}

/** One version of the transaction is in a block. */
export async function markMined(db: Db, id: bigint, txHash: Hex): Promise<void> {
  await change(db, id, "status = 'mined', tx_hash = $2, error = null where id = $1 and status in ('sent', 'mined')", [
    bytes(txHash),
  ]);
}

/** The transaction has had its effect for good: by the version that was mined, or by another's transaction (no hash). */
export async function markDone(db: Db, id: bigint, txHash: Hex | null): Promise<void> {
  await change(
    db,
    id,
    `status = 'done', tx_hash = $2::bytea, nonce = case when $2::bytea is null then null else nonce end, error = $3
     where id = $1 and status in ('queued', 'sent', 'mined')`,
    [txHash === null ? null : bytes(txHash), txHash === null ? "another transaction had its effect" : null],
  );
}

/** Blocks that held a sender's transactions from this nonce on are gone: those are to be sent again, as they are. */
export async function reopenFrom(db: Db, sender: Hex, nonce: bigint): Promise<Hex[]> {
  const { rows } = await db.query<{ txHash: Hex }>(
    `update outbox set status = 'sent', error = 'its block is gone'
     where sender = $1 and status in ('mined', 'done') and nonce >= $2 returning tx_hash "txHash"`,
    [bytes(sender), nonce],
  );
  return rows.map(({ txHash }) => txHash);
}

/** The block that held this one is gone. */
export async function reopen(db: Db, id: bigint): Promise<void> {
  await change(
    db,
    id,
    "status = 'sent', error = 'its block is gone' where id = $1 and status in ('mined', 'done') and nonce is not null",
    [],
  );
}

/** Another transaction has the nonce: these bytes can never be mined, and the transaction is to be signed anew. */
export async function requeueLost(db: Db, id: bigint): Promise<void> {
  await change(
    db,
    id,
    `status = 'queued', nonce = null, tx_hash = null, error = 'its nonce was taken'
     where id = $1 and status in ('sent', 'mined')`,
    [],
  );
}

/** One that failed before it was ever sent may be asked for again; true when it was such a one. */
export async function requeueUnsent(db: Db, key: string): Promise<boolean> {
  const { rowCount } = await db.query(
    "update outbox set status = 'queued' where key = $1 and status = 'failed' and tx_hash is null",
    [key],
  );
  return rowCount === 1;
}

/** The effect that another's transaction had is gone: one that was done by it is to be sent after all. */
export async function requeueUndone(db: Db, key: string): Promise<void> {
  await db.query(
    "update outbox set status = 'queued', error = null where key = $1 and status = 'done' and tx_hash is null",
    [key],
  );
}

/** An attempt went wrong; the transaction stays open. */
export async function noteError(db: Db, id: bigint, error: string): Promise<void> {
  await change(db, id, "error = $2 where id = $1 and status in ('queued', 'sent', 'mined')", [error]);
}

/** The transaction will never have its effect; its key stays used. The hash is that of the version which reverted. */
export async function markFailed(db: Db, id: bigint, error: string, txHash?: Hex): Promise<void> {
  await change(
    db,
    id,
    "status = 'failed', error = $2, tx_hash = coalesce($3::bytea, tx_hash) where id = $1 and status in ('queued', 'sent', 'mined')",
    [error, txHash === undefined ? null : bytes(txHash)],
  );
}

async function change(db: Db, id: bigint, assignment: string, values: unknown[]): Promise<void> {
  const { rowCount } = await db.query(`update outbox set ${assignment}`, [id, ...values]);
  if (rowCount === 0) throw wrongState(id);
}

function wrongState(id: bigint): Failure {
  return new Failure("Outbox_WrongState", `outbox item ${id} is not in a state to change so`);
}
