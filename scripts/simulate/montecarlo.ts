import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import type { Deal } from "./deal.ts";

/** A thread's part of the paths. */
export interface PathJob {
  seed: string;
  fromPath: number;
  untilPath: number;
  blockPaths: number;
}

/** Figures of a path before those of its classes: lowest DSCR, trapped, amortised early, enforced. */
export const COLUMNS = 4;

/** How a figure lies over the paths. */
export interface Distribution {
  mean: number;
  /** At 1, 5, 25, 50, 75, 95 and 99 %. */
  quantiles: Record<string, number>;
  /** Paths by equal steps from the lowest to the highest value shown (1 to 99 %; the rest in the outer bars). */
  histogram: { from: number; until: number; counts: number[] };
}

export interface ClassPaths {
  name: string;
  /** Share of paths on which the class lost principal. */
  lossShare: number;
  loss: Distribution;
  coverage: Distribution;
  yield: Distribution;
}

export interface PathsResult {
  paths: number;
  seed: string;
  threads: number;
  seconds: number;
  pathsPerSecond: number;
  trappedShare: number;
  amortisedShare: number;
  enforcedShare: number;
  lowestDscr: Distribution;
  classes: ClassPaths[];
}

const PERCENTS = [1, 5, 25, 50, 75, 95, 99];
const BARS = 30;
const BLOCK_PATHS = 250;

/** The seed of one path: whichever thread runs it, it is the same path (FNV-1a). */
export function seedOf(seed: string, path: number): number {
  let hash = 0x811c9dc5;
  for (const character of `${seed}/${path}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

/** Runs random paths on every core; `onProgress` hears how many are done. */
export async function runPaths(
  deal: Deal,
  options: { paths: number; seed: string; threads?: number },
  onProgress: (done: number) => void,
): Promise<PathsResult> {
  const { paths, seed } = options;
  const threads = Math.min(options.threads ?? availableParallelism(), paths);
  const startedMs = performance.now();
  const width = COLUMNS + 3 * (deal.classes.length + 1);
  const table = new Float64Array(paths * width);
  let done = 0;
  await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const [fromPath, untilPath] = [index, index + 1].map((part) => Math.floor((paths * part) / threads)) as [
        number,
        number,
      ];
      const job: PathJob = { seed, fromPath, untilPath, blockPaths: BLOCK_PATHS };
      return ranOn(job, deal, (from, rows) => {
        table.set(rows, from * width);
        done += rows.length / width;
        onProgress(done);
      });
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  return { ...summaryOf(deal, table, width), paths, seed, threads, seconds, pathsPerSecond: paths / seconds };
}

function ranOn(job: PathJob, deal: Deal, onRows: (from: number, rows: Float64Array) => void): Promise<void> {
  const worker = new Worker(new URL("pathThread.ts", import.meta.url), { workerData: { ...job, deal } });
  worker.on("message", ({ from, rows }: { from: number; rows: Float64Array }) => onRows(from, rows));
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a thread of paths ended with ${code}`))));
  });
}

function summaryOf(deal: Deal, table: Float64Array, width: number) {
  const column = (at: number) =>
    Float64Array.from({ length: table.length / width }, (_, row) => table[row * width + at]!);
  const names = [...deal.classes.map(({ name }) => name), "residual"];
  return {
    lowestDscr: distributionOf(column(0)),
    trappedShare: mean(column(1)),
    amortisedShare: mean(column(2)),
    enforcedShare: mean(column(3)),
    classes: names.map((name, index) => {
      const [loss, coverage, rate] = [0, 1, 2].map((part) => column(COLUMNS + 3 * index + part)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      return {
        name,
        lossShare: mean(loss.map((value) => Number(value > 0))),
        loss: distributionOf(loss),
        coverage: distributionOf(coverage),
        yield: distributionOf(rate),
      };
    }),
  };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Values that are not finite (a cover with nothing to serve) are left out. */
export function distributionOf(values: Float64Array): Distribution {
  const sorted = values.filter(Number.isFinite).sort();
  const at = (percent: number) => sorted[Math.min(sorted.length - 1, Math.floor((percent * sorted.length) / 100))] ?? 0;
  const [from, until] = [at(1), at(99)];
  const counts = new Array<number>(BARS).fill(0);
  for (const value of sorted) {
    const bar = until === from ? 0 : Math.floor(((value - from) / (until - from)) * BARS);
    counts[Math.min(BARS - 1, Math.max(0, bar))]! += 1;
  }
  return {
    mean: sorted.length === 0 ? 0 : mean(sorted),
    quantiles: Object.fromEntries(PERCENTS.map((percent) => [`p${percent}`, at(percent)])),
    histogram: { from, until, counts },
  };
}
