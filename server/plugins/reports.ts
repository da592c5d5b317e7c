import type { Hex } from "../protocol/bytes.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Queries on reports and the signatures under them.

export interface ReportRow {
  epoch: bigint;
  reportHash: Hex;
  body: string;
  /** What the report writes on-chain; plain JSON, integers as decimal strings. */
  meters: unknown;
  /** The state after it, which the next epoch's aggregation starts from. */
  carry: unknown;
}

const REPORT = `epoch, report_hash "reportHash", body, meters, carry`;

/** Keeps what a role knows of an epoch's report on-chain; after a rollback another one takes its place. */
export async function saveReport(db: Db, oracleId: number, report: ReportRow): Promise<void> {
  const { epoch, reportHash, body } = report;
  await db.query(
    `insert into reports (oracle_id, epoch, report_hash, body, meters, carry, status)
     values ($1, $2, $3, $4, $5, $6, 'submitted')
     on conflict (oracle_id, epoch) do update set report_hash = excluded.report_hash, body = excluded.body,
       meters = excluded.meters, carry = excluded.carry, status = excluded.status`,
    [oracleId, epoch, bytes(reportHash), body, JSON.stringify(report.meters), JSON.stringify(report.carry)],
  );
}

export async function reportOf(db: Db, oracleId: number, epoch: bigint): Promise<ReportRow | undefined> {
  const { rows } = await db.query<ReportRow>(`select ${REPORT} from reports where oracle_id = $1 and epoch = $2`, [
    oracleId,
    epoch,
  ]);
  return rows[0];
}

// Signatures

export interface SignatureRow {
  signer: Hex;
  signature: Hex;
}

/** Keeps a signature; a signer's first one over a report stays. */
export async function saveSignature(
  db: Db,
  oracleId: number,
  epoch: bigint,
  reportHash: Hex,
  row: SignatureRow,
): Promise<void> {
  await db.query(
    `insert into signatures (oracle_id, epoch, report_hash, signer, signature) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [oracleId, epoch, bytes(reportHash), bytes(row.signer), bytes(row.signature)],
  );
}

/** The signatures a role has seen over a report, by signer. */
export async function signaturesOf(db: Db, oracleId: number, epoch: bigint, reportHash: Hex): Promise<SignatureRow[]> {
  const { rows } = await db.query<SignatureRow>(
    `select signer, signature from signatures
     where oracle_id = $1 and epoch = $2 and report_hash = $3 order by signer`,
    [oracleId, epoch, bytes(reportHash)],
  );
  return rows;
}
