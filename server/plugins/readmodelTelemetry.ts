import type { FacilityTelemetry } from "../protocol/apiValues.ts";
import type { Hex } from "../protocol/bytes.ts";
import { addMeter, emptyMeter, ratiosOf, subtractMeter, unpackMeter, type Meter } from "../protocol/meter.ts";
import { metersOfWords } from "../protocol/report.ts";
import { BPS, EPOCH_SEC } from "../protocol/units.ts";
import type { TelemetryRange } from "../sourcesMoney.ts";
import type { View } from "./events.ts";
import { finality, isStanding, newestEpochs } from "./readmodelEpochs.ts";

// What all lots of a facility did together, out of the reports' events. Counters never fall, so the difference between
// two reports is what happened between them, however many epochs that is.

const DAY_EPOCHS = 24n;

interface MarkRow {
  mark: bigint;
  epoch: bigint | null;
  words: Hex[] | null;
  /** Of the report or skip of the epoch itself. */
  submittedAt: bigint | null;
}

/** The newest standing report up to each of some epochs, and when the epoch itself was filed. */
async function reportsUpTo({ db, head }: View, epochs: readonly bigint[]): Promise<MarkRow[]> {
  const { rows } = await db.query<MarkRow>(
    `select m.mark, r.epoch, r.words,
       (select (e.args ->> 'submittedAt')::int8 from events e where e.contract = 'telemetry'
          and e.name in ('Submitted', 'Skipped') and (e.args ->> 'epoch')::int8 = m.mark and e.block <= $2
          and ${isStanding("e")}) "submittedAt"
     from unnest($1::int8[]) m(mark) left join lateral (
       select (e.args ->> 'epoch')::int8 epoch, e.args -> 'report' -> 'meterWords' words from events e
       where e.contract = 'telemetry' and e.name in ('Submitted', 'Skipped') and e.name = 'Submitted'
         and (e.args ->> 'epoch')::int8 <= m.mark and e.block <= $2 and ${isStanding("e")}
       order by (e.args ->> 'epoch')::int8 desc limit 1) r on true
     order by m.mark`,
    [epochs, head.number],
  );
  return rows;
}

/** The epoch of the first report that stands. */
async function firstReported({ db, head }: View): Promise<bigint | null> {
  const { rows } = await db.query<{ epoch: bigint }>(
    `select (e.args ->> 'epoch')::int8 epoch from events e where e.contract = 'telemetry' and e.name = 'Submitted'
       and e.block <= $1 and ${isStanding("e")} order by (e.args ->> 'epoch')::int8 limit 1`,
    [head.number],
  );
  return rows[0]?.epoch ?? null;
}

/** The sum of the lots' meters in a report; of an epoch that it is not of, nothing reports. */
function sumOf({ mark, epoch, words }: MarkRow, lotIds: ReadonlySet<string>): Meter {
  const own = metersOfWords(words ?? []).filter(({ lotId }) => lotIds.has(String(lotId)));
  const sum = own.reduce((total, words) => {
    const meter = unpackMeter(words);
    const counts = {
      gpuCount: total.gpuCount + meter.gpuCount,
      reportingCount: total.reportingCount + meter.reportingCount,
    };
    return { ...addMeter(total, meter), ...counts };
  }, emptyMeter(0n));
  return epoch === mark ? sum : { ...sum, reportingCount: 0n };
}

/** Reporting ÷ registered GPUs of some lots in the newest report; null before there is one of them. */
export async function coverageBpsOf(view: View, lotIds: readonly string[]): Promise<number | null> {
  const { lastEpoch } = await newestEpochs(view);
  if (lastEpoch === null) return null;
  const [newest] = await reportsUpTo(view, [lastEpoch]);
  const { gpuCount, reportingCount } = sumOf(newest!, new Set(lotIds));
  return gpuCount === 0n ? null : Number((reportingCount * BPS) / gpuCount);
}

/** What some lots did, hour by hour or day by day (UTC), as far as it is filed. */
export async function telemetryOf(
  view: View,
  lotIds: readonly string[],
  { fromEpoch, toEpoch, step, limit }: TelemetryRange,
): Promise<FacilityTelemetry[]> {
  const { lastEpoch } = await newestEpochs(view);
  const firstEpoch = await firstReported(view);
  if (lastEpoch === null || firstEpoch === null) return [];
  const last = lastEpoch < toEpoch ? lastEpoch : toEpoch;
  // Nothing is known of the time before the first report: a page that began there would be empty, and the last.
  const first = firstEpoch > fromEpoch ? firstEpoch : fromEpoch;
  return await overSpans(view, lotIds, spansOf(first, last, step, limit));
}

/** What some lots did over all of the epochs from one to another; undefined where nothing is filed. */
export async function telemetryOver(
  view: View,
  lotIds: readonly string[],
  { fromEpoch, toEpoch }: Span,
): Promise<FacilityTelemetry | undefined> {
  const { lastEpoch } = await newestEpochs(view);
  if (lastEpoch === null || lastEpoch < fromEpoch) return undefined;
  const [told] = await overSpans(view, lotIds, [{ fromEpoch, toEpoch: lastEpoch < toEpoch ? lastEpoch : toEpoch }]);
  return told;
}

async function overSpans(view: View, lotIds: readonly string[], spans: readonly Span[]): Promise<FacilityTelemetry[]> {
  const [first] = spans;
  if (first === undefined) return [];
  const marks = await reportsUpTo(view, [first.fromEpoch - 1n, ...spans.map((span) => span.toEpoch)]);
  const isFinal = await finality(view);
  const lots = new Set(lotIds);
  const meters = marks.map((mark) => sumOf(mark, lots));
  return spans.flatMap((span, index) => {
    const [before, after] = [meters[index]!, meters[index + 1]!];
    if (marks[index + 1]!.epoch === null) return []; // before the first report
    const { mark, submittedAt } = marks[index + 1]!;
    const isDone = submittedAt !== null && isFinal({ epoch: mark, submittedAt });
    return [spanOf(span, before, after, isDone)];
  });
}

/** Epochs from one to another, both included. */
export interface Span {
  readonly fromEpoch: bigint;
  readonly toEpoch: bigint;
}

/** Whole hours, or days of UTC: the first and the last of them may be a part. */
function spansOf(fromEpoch: bigint, toEpoch: bigint, step: "hour" | "day", limit: number): Span[] {
  const size = step === "hour" ? 1n : DAY_EPOCHS;
  const spans: Span[] = [];
  for (let from = fromEpoch; from <= toEpoch && spans.length < limit;) {
    const end = (from / size + 1n) * size - 1n;
    spans.push({ fromEpoch: from, toEpoch: end < toEpoch ? end : toEpoch });
    from = end + 1n;
  }
  return spans;
}

function spanOf({ fromEpoch, toEpoch }: Span, before: Meter, after: Meter, isFinal: boolean): FacilityTelemetry {
  const growth = subtractMeter(after, before);
  const { allocationBps, smActiveBps, pueE4, gpuHoursPerMWh, cfeBps, gCO2ePerKWh, coverageBps } = ratiosOf(growth);
  const spanSec = (toEpoch - fromEpoch + 1n) * EPOCH_SEC;
  return {
    ...{ fromEpoch: String(fromEpoch), toEpoch: String(toEpoch), isFinal },
    gpuCount: String(growth.gpuCount),
    reportingCount: String(growth.reportingCount),
    availableGpuSec: String(growth.availableGpuSec),
    allocatedGpuSec: String(growth.allocatedGpuSec),
    smActiveGpuSec: String(growth.smActiveGpuSec),
    curtailedGpuSec: String(growth.curtailedGpuSec),
    gpuEnergyWh: String(growth.gpuEnergyWh),
    itEnergyWh: String(growth.itEnergyWh),
    facilityEnergyWh: String(growth.facilityEnergyWh),
    cfeMatchedWh: String(growth.cfeMatchedWh),
    emissionsGCO2e: String(growth.emissionsGCO2e),
    waterMl: String(growth.waterMl),
    averagePowerW: String((growth.facilityEnergyWh * EPOCH_SEC) / spanSec),
    ...{ allocationBps: Number(allocationBps), smActiveBps: Number(smActiveBps), coverageBps: Number(coverageBps) },
    ...{ pueE4: Number(pueE4), cfeBps: Number(cfeBps) },
    ...{ gCO2ePerKWh: String(gCO2ePerKWh), gpuHoursPerMWh: String(gpuHoursPerMWh) },
  };
}
