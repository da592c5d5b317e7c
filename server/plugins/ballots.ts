import type { DecisionSignature, Instance, SignedMessage } from "../protocol/ballot.ts";
import type { Hex } from "../protocol/bytes.ts";
import { readingOfBody, packReading } from "../protocol/packed.ts";
import type { Reading } from "../protocol/reading.ts";
import type { ReportJson } from "../protocol/report.ts";
import { byteaArray, int8Array } from "./arrays.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Queries on what an oracle keeps of the consensus: its own messages, the reports they are about, decisions.

const STEPS = { proposal: 0, prevote: 1, precommit: 2 } as const;

export interface Ballot {
  readonly message: SignedMessage;
  /** The prevotes that a precommit rests on. */
  readonly quorum: readonly SignedMessage[];
}

/** Keeps a signed message before it leaves. The first one of a round and step stays: what another would say is lost. */
export async function saveBallot(db: Db, oracleId: number, instance: Instance, ballot: Ballot): Promise<void> {
  const { configDigest, epoch, kind } = instance;
  const { message, quorum } = ballot;
  await db.query(
    `insert into ballots (oracle_id, config_digest, epoch, kind, round, step, message, quorum)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
    [
      ...[oracleId, bytes(configDigest), epoch, kind, message.round, STEPS[message.type]],
      ...[JSON.stringify(message), JSON.stringify(quorum)],
    ],
  );
}

/** What an oracle said in an instance, in order. */
export async function ballotsOf(db: Db, oracleId: number, instance: Instance): Promise<Ballot[]> {
  const { configDigest, epoch, kind } = instance;
  const { rows } = await db.query<{ message: SignedMessage; quorum: SignedMessage[] }>(
    `select message, quorum from ballots where oracle_id = $1 and config_digest = $2 and epoch = $3 and kind = $4
     order by round, step`,
    [oracleId, bytes(configDigest), epoch, kind],
  );
  return rows;
}

/** Keeps a report that a message is about. */
export async function saveDraft(db: Db, oracleId: number, epoch: bigint, hash: Hex, report: ReportJson): Promise<void> {
  await db.query(
    "insert into drafts (oracle_id, epoch, report_hash, report) values ($1, $2, $3, $4) on conflict do nothing",
    [oracleId, epoch, bytes(hash), JSON.stringify(report)],
  );
}

export async function draftsOf(db: Db, oracleId: number, epoch: bigint): Promise<ReportJson[]> {
  const { rows } = await db.query<{ report: ReportJson }>(
    "select report from drafts where oracle_id = $1 and epoch = $2 order by report_hash",
    [oracleId, epoch],
  );
  return rows.map(({ report }) => report);
}

export interface Decision {
  readonly value: Hex;
  readonly quorum: readonly SignedMessage[];
  /** Unix seconds by this machine's own clock. */
  readonly decidedAt: bigint;
}

export async function saveDecision(db: Db, oracleId: number, instance: Instance, decision: Decision): Promise<void> {
  const { configDigest, epoch, kind } = instance;
  await db.query(
    `insert into decisions (oracle_id, config_digest, epoch, kind, value_hash, quorum, decided_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [
      ...[oracleId, bytes(configDigest), epoch, kind, bytes(decision.value)],
      ...[JSON.stringify(decision.quorum), decision.decidedAt],
    ],
  );
}

export async function decisionOf(db: Db, oracleId: number, instance: Instance): Promise<Decision | undefined> {
  const { configDigest, epoch, kind } = instance;
  const { rows } = await db.query<Decision>(
    `select value_hash "value", quorum, decided_at "decidedAt" from decisions
     where oracle_id = $1 and config_digest = $2 and epoch = $3 and kind = $4`,
    [oracleId, bytes(configDigest), epoch, kind],
  );
  return rows[0];
}

/** Forgets what was said of epochs that are buried on-chain. */
export async function forgetBallots(db: Db, oracleId: number, beforeEpoch: bigint): Promise<void> {
  for (const table of ["ballots", "drafts", "decisions"]) {
    await db.query(`delete from ${table} where oracle_id = $1 and epoch < $2`, [oracleId, beforeEpoch]);
  }
}

// Signatures for the chain, in the table of plugins/reports.ts

export async function saveDecisionSignatures(
  db: Db,
  oracleId: number,
  epoch: bigint,
  signers: readonly string[],
  signatures: readonly DecisionSignature[],
): Promise<void> {
  for (const { signerIndex, value, signature } of signatures) {
    const signer = signers[signerIndex];
    if (signer === undefined) continue;
    await db.query(
      `insert into signatures (oracle_id, epoch, report_hash, signer, signature) values ($1, $2, $3, $4, $5)
       on conflict do nothing`,
      [oracleId, epoch, bytes(value), bytes(signer), bytes(signature)],
    );
  }
}

// The newest reported reading of each node

export interface ReportedReading {
  readonly reading: Reading;
  readonly hash: Hex;
}

export async function reportedReadings(db: Db, oracleId: number): Promise<Map<bigint, ReportedReading>> {
  const { rows } = await db.query<{ nodeId: bigint; hash: Hex; body: Hex }>(
    `select node_id "nodeId", reading_hash hash, body from reported_readings where oracle_id = $1`,
    [oracleId],
  );
  return new Map(
    rows.map(({ nodeId, hash, body }) => [nodeId, { reading: readingOfBody(Buffer.from(body.slice(2), "hex")), hash }]),
  );
}

/** Keeps the readings of a reported set; a node's newer one stays. */
export async function saveReportedReadings(
  db: Db,
  oracleId: number,
  readings: readonly ReportedReading[],
): Promise<void> {
  if (readings.length === 0) return;
  await db.query(
    `insert into reported_readings as kept (oracle_id, node_id, epoch, reading_hash, body)
     select $1, node_id, epoch, reading_hash, body
     from unnest($2::int8[], $3::int8[], $4::bytea[], $5::bytea[]) as input (node_id, epoch, reading_hash, body)
     order by node_id
     on conflict (oracle_id, node_id) do update
       set epoch = excluded.epoch, reading_hash = excluded.reading_hash, body = excluded.body
       where kept.epoch < excluded.epoch`,
    [
      oracleId,
      int8Array(readings.map(({ reading }) => reading.nodeId)),
      int8Array(readings.map(({ reading }) => reading.epoch)),
      byteaArray(readings.map(({ hash }) => Buffer.from(hash.slice(2), "hex"))),
      byteaArray(readings.map(({ reading }) => packReading(reading))),
    ],
  );
}

/**
 * Epochs after one were taken back: their readings count no more, and their reports are to be read again. So are those from
 * `fromEpoch` on where a reading was forgotten, for its node said something before.
 */
export async function forgetReportedAfter(
  db: Db,
  oracleId: number,
  epoch: bigint,
  fromEpoch: bigint,
): Promise<{ readonly readingCount: number }> {
  const { rowCount } = await db.query("delete from reported_readings where oracle_id = $1 and epoch > $2", [
    oracleId,
    epoch,
  ]);
  const readingCount = rowCount ?? 0;
  await db.query(
    "update reports set status = 'proposed' where oracle_id = $1 and epoch >= $2 and status = 'submitted'",
    [oracleId, readingCount > 0 && fromEpoch <= epoch ? fromEpoch : epoch + 1n],
  );
  return { readingCount };
}

/** Whether readings of epochs after one are kept. */
export async function hasReportedAfter(db: Db, oracleId: number, epoch: bigint): Promise<boolean> {
  const { rowCount } = await db.query("select from reported_readings where oracle_id = $1 and epoch > $2 limit 1", [
    oracleId,
    epoch,
  ]);
  return rowCount !== 0;
}

/** The newest epoch up to one whose report's readings were kept and stand on-chain; undefined when there is none. */
export async function newestStandingEpoch(db: Db, oracleId: number, toEpoch: bigint): Promise<bigint | undefined> {
  const { rows } = await db.query<{ epoch: bigint }>(
    `select r.epoch from reports r where r.oracle_id = $1 and r.epoch <= $2 and r.status = 'submitted'
       and '0x' || encode(r.report_hash, 'hex') = (select args ->> 'reportHash' from events
         where contract = 'telemetry' and name in ('Submitted', 'Skipped') and (args ->> 'epoch')::int8 = r.epoch
         order by block desc, log_index desc limit 1)
     order by r.epoch desc limit 1`,
    [oracleId, toEpoch],
  );
  return rows[0]?.epoch;
}
