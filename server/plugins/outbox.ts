import { Failure } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Queries on the outbox. A transaction is queued under a key (once), signed and stored with its nonce, sent, then mined
// or failed. Sending is the only step outside the database, and sending the same bytes twice does nothing.

export type OutboxStatus = "queued" | "sent" | "mined" | "failed";

export interface OutboxRow {
  id: bigint;
  kind: string;
  key: string;
  sender: Hex;
  /** The transaction as asked for; plain JSON, integers as decimal strings. */
  request: unknown;
  status: OutboxStatus;
  nonce: bigint | null;
  txHash: Hex | null;
  rawTx: Hex | null;
  attemptCount: number;
  error: string | null;
}

const ROW = `id, kind, key, sender, request, status, nonce, tx_hash "txHash", raw_tx "rawTx",
  attempt_count "attemptCount", error`;

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

/** A sender's transactions that are queued or sent, in the order they were queued. */
export async function openItems(db: Db, sender: Hex, limit: number): Promise<OutboxRow[]> {
  const { rows } = await db.query<OutboxRow>(
    `select ${ROW} from outbox where sender = $1 and status in ('queued', 'sent') order by id limit $2`,
    [bytes(sender), limit],
  );
  return rows;
}

export async function itemByKey(db: Db, key: string): Promise<OutboxRow | undefined> {
  const { rows } = await db.query<OutboxRow>(`select ${ROW} from outbox where key = $1`, [key]);
  return rows[0];
}

/** Stores the signed bytes before they are sent; again with a higher fee under the same nonce. */
export async function markSent(db: Db, id: bigint, signed: { nonce: bigint; txHash: Hex; rawTx: Hex }): Promise<void> {
  await change(
    db,
    id,
    `status = 'sent', nonce = $2, tx_hash = $3, raw_tx = $4, attempt_count = attempt_count + 1, error = null
     where id = $1 and (status = 'queued' or (status = 'sent' and nonce = $2))`,
    [signed.nonce, bytes(signed.txHash), bytes(signed.rawTx)],
  );
}

/** The transaction is in a block. */
export async function markMined(db: Db, id: bigint, txHash: Hex): Promise<void> {
  await change(db, id, "status = 'mined', tx_hash = $2, error = null where id = $1 and status in ('sent', 'mined')", [
    bytes(txHash),
  ]);
}

/** Blocks that held a sender's transactions from this nonce on are gone: those are to be signed and sent anew. */
export async function requeueFrom(db: Db, sender: Hex, nonce: bigint): Promise<void> {
  await db.query(
    `update outbox set status = 'queued', nonce = null, tx_hash = null, raw_tx = null, error = 'its block is gone'
     where sender = $1 and status = 'mined' and nonce >= $2`,
    [bytes(sender), nonce],
  );
}

/** Another transaction has the nonce: these bytes can never be mined, and the transaction is to be signed anew. */
export async function requeueLost(db: Db, id: bigint): Promise<void> {
  await change(
    db,
    id,
    `status = 'queued', nonce = null, tx_hash = null, raw_tx = null, error = 'its nonce was taken'
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

/** An attempt went wrong; the transaction stays open. */
export async function noteError(db: Db, id: bigint, error: string): Promise<void> {
  await change(db, id, "error = $2 where id = $1 and status in ('queued', 'sent')", [error]);
}

/** The transaction will never have its effect; its key stays used. */
export async function markFailed(db: Db, id: bigint, error: string): Promise<void> {
  await change(db, id, "status = 'failed', error = $2 where id = $1 and status in ('queued', 'sent')", [error]);
}

async function change(db: Db, id: bigint, assignment: string, values: unknown[]): Promise<void> {
  const { rowCount } = await db.query(`update outbox set ${assignment}`, [id, ...values]);
  if (rowCount === 0) throw new Failure("Outbox_WrongState", `outbox item ${id} is not in a state to change so`);
}
