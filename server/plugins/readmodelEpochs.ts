import { getAddress } from "ethers";

import type { Epoch, EpochDetail } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { metersOfWords } from "../protocol/report.ts";
import type { PageBefore } from "../pages.ts";
import type { View } from "./events.ts";

// Reported and skipped epochs, out of events; signatures out of what the oracles keep.

type Report = NonNullable<EpochDetail["report"]>;

/** A report as its event has it: every integer a decimal string. */
export type ReportArgs = Omit<Report, "meters"> & { meterWords: Hex[] };

interface EpochRow {
  epoch: bigint;
  name: "Submitted" | "Skipped";
  transactionHash: Hex;
  args: { submittedAt: string; reportHash: Hex; skipHash: Hex; report?: ReportArgs };
  /** Of the newest report, this epoch's or one before: a skip says nothing of devices. */
  registeredCount: string | null;
}

/** Of a report's or a skip's event: whether no rollback took it back. */
export function isStanding(event: string): string {
  return `not exists (select 1 from events r where r.contract = 'telemetry' and r.name = 'Resolved'
    and (r.args ->> 'rolledBack')::boolean and (r.args ->> 'epoch')::int8 <= (${event}.args ->> 'epoch')::int8
    and (r.block, r.log_index) > (${event}.block, ${event}.log_index))`;
}

const EPOCH = `select (e.args ->> 'epoch')::int8 epoch, e.name, e.tx_hash "transactionHash", e.args,
    (select p.args -> 'report' ->> 'devicesRegisteredCount' from events p where p.contract = 'telemetry'
       and p.name = 'Submitted' and (p.args ->> 'epoch')::int8 <= (e.args ->> 'epoch')::int8 and ${isStanding("p")}
     order by (p.args ->> 'epoch')::int8 desc limit 1) "registeredCount"
  from events e where e.contract = 'telemetry' and e.name in ('Submitted', 'Skipped') and ${isStanding("e")}`;

const CHALLENGE_SEC =
  "(select (args ->> 'challengeSec')::int8 from events where contract = 'telemetry' and name = 'Opened')";

/** From which epoch on the telemetry is halted; null while it is not. A halt moves to earlier epochs only. */
const HALTED_FROM = `(select min((h.args ->> 'epoch')::int8) from events h where h.contract = 'telemetry'
  and h.name = 'Halted' and not exists (select 1 from events r where r.contract = 'telemetry' and r.name = 'Resolved'
    and (r.block, r.log_index) > (h.block, h.log_index)))`;

/** An epoch that was filed. */
interface Filed {
  readonly epoch: bigint;
  readonly submittedAt: bigint;
}

/** Tells whether a report is Final at the head: its window is over, and no halt holds it. */
export async function finality({ db, head }: View): Promise<(filed: Filed) => boolean> {
  const { rows } = await db.query<{ challengeSec: bigint | null; haltedFromEpoch: bigint | null }>(
    `select ${CHALLENGE_SEC} "challengeSec", ${HALTED_FROM} "haltedFromEpoch"`,
  );
  const { challengeSec, haltedFromEpoch } = { challengeSec: 0n, haltedFromEpoch: null, ...rows[0] };
  return ({ epoch, submittedAt }) =>
    submittedAt + (challengeSec ?? 0n) <= head.time && (haltedFromEpoch === null || epoch < haltedFromEpoch);
}

/** From which epoch on the telemetry is halted, since when; undefined while it is not. */
export async function haltOf({ db }: View): Promise<{ fromEpoch: bigint; sinceAt: bigint } | undefined> {
  const { rows } = await db.query<{ fromEpoch: bigint; sinceAt: bigint }>(
    `select (e.args ->> 'epoch')::int8 "fromEpoch", b.time "sinceAt" from events e join blocks b on b.number = e.block
     where e.contract = 'telemetry' and e.name = 'Halted' and (e.args ->> 'epoch')::int8 = ${HALTED_FROM}
     order by e.block desc, e.log_index desc limit 1`,
  );
  return rows[0];
}

/** Epochs that were reported or skipped, the newest first. */
export async function epochsBefore(view: View, { limit, before }: PageBefore<bigint>): Promise<Epoch[]> {
  const { rows } = await view.db.query<EpochRow>(
    `${EPOCH} and ($1::int8 is null or (e.args ->> 'epoch')::int8 < $1)
     order by (e.args ->> 'epoch')::int8 desc limit $2`,
    [before ?? null, limit],
  );
  const isFinal = await finality(view);
  return rows.map((row) => epochOf(row, isFinal));
}

function epochOf(row: EpochRow, isFinal: (filed: Filed) => boolean): Epoch {
  const { submittedAt, reportHash, skipHash, report } = row.args;
  const state = isFinal({ epoch: row.epoch, submittedAt: BigInt(submittedAt) }) ? "Final" : "Submitted";
  return {
    epoch: String(row.epoch),
    state: report === undefined ? "Skipped" : state,
    reportHash: report === undefined ? skipHash : reportHash,
    submittedAt,
    transactionHash: row.transactionHash,
    devicesRegisteredCount: row.registeredCount ?? "0",
    devicesReportingCount: report?.devicesReportingCount ?? "0",
  };
}

/** An epoch with its report and the signatures kept here, and the report as its event has it. */
export async function epochAt(
  view: View,
  epoch: bigint,
): Promise<{ detail: Omit<EpochDetail, "readings">; args: ReportArgs | undefined } | undefined> {
  const { rows } = await view.db.query<EpochRow>(`${EPOCH} and (e.args ->> 'epoch')::int8 = $1`, [epoch]);
  const [row] = rows;
  if (row === undefined) return undefined;
  const shown = epochOf(row, await finality(view));
  const { report } = row.args;
  return {
    detail: {
      ...shown,
      report: report === undefined ? null : shownReport(report),
      signatures: await signaturesOver(view, epoch, shown.reportHash),
    },
    args: report,
  };
}

function shownReport({ meterWords, ...rest }: ReportArgs): Report {
  const meters = metersOfWords(meterWords).map((meter) => ({
    ...meter,
    lotId: String(meter.lotId),
    tdpW: Number(meter.tdpW),
  }));
  return { ...rest, meters };
}

/** Every oracle's signature over a report, by signer. The chain has those of the quorum in the transaction's data. */
async function signaturesOver({ db }: View, epoch: bigint, reportHash: string): Promise<EpochDetail["signatures"]> {
  const { rows } = await db.query<{ signer: Hex; signature: Hex }>(
    `select distinct on (signer) signer, signature from signatures where epoch = $1 and report_hash = $2
     order by signer, oracle_id`,
    [epoch, `\\x${reportHash.slice(2)}`],
  );
  return rows.map(({ signer, signature }) => ({ signer: getAddress(signer), signature }));
}

/** The newest epoch on-chain, and the newest that is Final. */
export async function newestEpochs({
  db,
  head,
}: View): Promise<{ lastEpoch: bigint | null; finalEpoch: bigint | null }> {
  const { rows } = await db.query<{ lastEpoch: bigint | null; finalEpoch: bigint | null }>(
    `select
       (select (args ->> 'epoch')::int8 from events e
        where contract = 'telemetry' and name in ('Submitted', 'Skipped') and ${isStanding("e")}
        order by (args ->> 'epoch')::int8 desc limit 1) "lastEpoch",
       (select (args ->> 'epoch')::int8 from events e
        where contract = 'telemetry' and name in ('Submitted', 'Skipped') and ${isStanding("e")}
          and (args ->> 'submittedAt')::int8 + ${CHALLENGE_SEC} <= $1
          and (args ->> 'epoch')::int8 < coalesce(${HALTED_FROM}, 9223372036854775807)
        order by (args ->> 'epoch')::int8 desc limit 1) "finalEpoch"`,
    [head.time],
  );
  return rows[0] ?? { lastEpoch: null, finalEpoch: null };
}
