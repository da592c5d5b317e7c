import { Failure } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Queries on reports, the signatures under them, and the mark below which a key never signs.

export type ReportStatus = "proposed" | "submitted";

export interface ReportRow {
  epoch: bigint;
  reportHash: Hex;
  body: string;
  /** What the report writes on-chain; plain JSON, integers as decimal strings. */
  meters: unknown;
  /** What the next epoch's aggregation starts from: the remainders below a whole unit. */
  carry: unknown;
  status: ReportStatus;
}

const REPORT = `epoch, report_hash "reportHash", body, meters, carry, status`;

/** Keeps a role's report of an epoch. One that is still only proposed may be replaced, a later one never. */
export async function saveReport(db: Db, oracleId: number, report: Omit<ReportRow, "status">): Promise<void> {
  const { epoch, reportHash, body } = report;
  const { rowCount } = await db.query(
    `insert into reports (oracle_id, epoch, report_hash, body, meters, carry) values ($1, $2, $3, $4, $5, $6)
     on conflict (oracle_id, epoch) do update set report_hash = excluded.report_hash, body = excluded.body,
       meters = excluded.meters, carry = excluded.carry
     where reports.status = 'proposed' or reports.report_hash = excluded.report_hash`,
    [oracleId, epoch, bytes(reportHash), body, JSON.stringify(report.meters), JSON.stringify(report.carry)],
  );
  if (rowCount === 0)
    throw new Failure(
      "Report_Settled",
      `oracle ${oracleId} has another report for epoch ${epoch}; refused ${reportHash}`,
    );
}

/** Moves a report on (or back, after a re-org). */
export async function setReportStatus(
  db: Db,
  oracleId: number,
  epoch: bigint,
  reportHash: Hex,
  status: ReportStatus,
): Promise<void> {
  const { rowCount } = await db.query(
    "update reports set status = $4 where oracle_id = $1 and epoch = $2 and report_hash = $3",
    [oracleId, epoch, bytes(reportHash), status],
  );
  if (rowCount === 0)
    throw new Failure("Report_Unknown", `oracle ${oracleId} has no report ${reportHash} for epoch ${epoch}`);
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

// The high-water mark

export interface HighWater {
  epoch: bigint;
  reportHash: Hex;
}

/**
 * Allows one signature: raises the signer's mark to this epoch and report, or throws `Signer_BelowMark` when the mark
 * stands at a later epoch, or at this one with another report. A signature leaves only after this is committed.
 */
export async function raiseHighWater(db: Db, signer: Hex, epoch: bigint, reportHash: Hex): Promise<void> {
  const { rowCount } = await db.query(
    `insert into high_water (signer, epoch, report_hash) values ($1, $2, $3)
     on conflict (signer) do update set epoch = excluded.epoch, report_hash = excluded.report_hash
     where high_water.epoch < excluded.epoch
       or (high_water.epoch = excluded.epoch and high_water.report_hash = excluded.report_hash)`,
    [bytes(signer), epoch, bytes(reportHash)],
  );
  if (rowCount === 1) return;
  const mark = await highWaterOf(db, signer);
  throw new Failure(
    "Signer_BelowMark",
    `${signer} signed ${mark?.reportHash} for epoch ${mark?.epoch}; it will not sign ${reportHash} for epoch ${epoch}`,
  );
}

export async function highWaterOf(db: Db, signer: Hex): Promise<HighWater | undefined> {
  const { rows } = await db.query<HighWater>(
    `select epoch, report_hash "reportHash" from high_water where signer = $1`,
    [bytes(signer)],
  );
  return rows[0];
}
