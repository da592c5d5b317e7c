// What boards did, straight from the samples that Prometheus kept: nothing of the server is used here.

/** A series as Prometheus's range query answers it. */
export interface RawSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [atSec: number, value: string])[];
}

export interface BoardSum {
  readonly energyMJ: bigint;
  readonly availableSec: bigint;
  readonly allocatedSec: bigint;
  /** The energy is integrated from power. */
  readonly isIntegrated: boolean;
  readonly resetCount: number;
  readonly lastAtMs: number;
}

const ENERGY = /^DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION(_total)?$/;
export const COUNTED =
  /^DCGM_FI_(DEV_TOTAL_ENERGY_CONSUMPTION(_total)?|DEV_POWER_USAGE|PROF_SM_ACTIVE|PROF_GR_ENGINE_ACTIVE)$/;

/** Energy and time of each board, by UUID. */
export function sumBoards(all: readonly RawSeries[]): Map<string, BoardSum> {
  const counted = all.filter(({ metric }) => COUNTED.test(metric["__name__"] ?? ""));
  const boards = Map.groupBy(counted, ({ metric }) => metric["UUID"] ?? "");
  return new Map([...boards].map(([uuid, series]) => [uuid, sumBoard(series)]));
}

function sumBoard(series: readonly RawSeries[]): BoardSum {
  // A MIG instance's row repeats its board's.
  const own = series.filter(({ metric }) => (metric["GPU_I_ID"] ?? "") === "");
  const pointsOf = (name: RegExp) =>
    own
      .filter(({ metric }) => name.test(metric["__name__"]!))
      .flatMap(({ values }) => values.map(([atSec, text]) => ({ atMs: Math.round(atSec * 1000), value: Number(text) })))
      .sort((a, b) => a.atMs - b.atMs);
  const times = [...new Set(pointsOf(COUNTED).map(({ atMs }) => atMs))].sort((a, b) => a - b);
  const spanMs = times.at(-1)! - times[0]!;
  const isAllocated = own.some(({ metric }) => (metric["exported_pod"] ?? metric["pod"] ?? "") !== "");
  const availableSec = BigInt(Math.floor(spanMs / 1000));
  const counters = pointsOf(ENERGY).filter(({ value }) => value >= 0 && value < 9.2e18);
  const { energyMJ, resetCount } = counters.length > 0 ? ofCounter(counters) : ofPower(pointsOf(/POWER_USAGE/));
  return {
    ...{ energyMJ, resetCount, availableSec, allocatedSec: isAllocated ? availableSec : 0n },
    ...{ isIntegrated: counters.length === 0, lastAtMs: times.at(-1)! },
  };
}

interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** What a counter grew by; one that fell began again at zero. */
function ofCounter(points: readonly Point[]): { energyMJ: bigint; resetCount: number } {
  let energyMJ = 0n;
  let resetCount = 0;
  for (let i = 1; i < points.length; i++) {
    const [before, after] = [BigInt(points[i - 1]!.value), BigInt(points[i]!.value)];
    energyMJ += after < before ? after : after - before;
    if (after < before) resetCount++;
  }
  return { energyMJ, resetCount };
}

/** The mean of two powers over the time between them, in whole mJ. */
function ofPower(points: readonly Point[]): { energyMJ: bigint; resetCount: number } {
  let doubledMicroJ = 0n;
  for (let i = 1; i < points.length; i++) {
    const [before, after] = [points[i - 1]!, points[i]!];
    const milliW = BigInt(Math.round(before.value * 1000)) + BigInt(Math.round(after.value * 1000));
    doubledMicroJ += milliW * BigInt(after.atMs - before.atMs);
  }
  return { energyMJ: doubledMicroJ / 2000n, resetCount: 0 };
}
