import { parentPort, workerData } from "node:worker_threads";

import type { Deal } from "./deal.ts";
import { COLUMNS, seedOf, type PathJob } from "./montecarlo.ts";
import { randomOf } from "../random.ts";
import { runPath, startOf } from "./path.ts";

// Runs paths in blocks and posts each block's figures: one row a path.

const { deal, seed, fromPath, untilPath, blockPaths } = workerData as PathJob & { deal: Deal };
const start = startOf(deal);
const classCount = start.facility.classes.length;
const width = COLUMNS + 3 * classCount;
for (let from = fromPath; from < untilPath; from += blockPaths) {
  const count = Math.min(blockPaths, untilPath - from);
  const rows = new Float64Array(count * width);
  for (let row = 0; row < count; row++) {
    const outcome = runPath(start, randomOf(seedOf(seed, from + row)));
    const { lowestDscr, isTrapped, isAmortisedEarly, isEnforced } = outcome;
    const figures = outcome.classes.flatMap((one) => [one.loss, one.coverage, one.yield]);
    rows.set([lowestDscr, Number(isTrapped), Number(isAmortisedEarly), Number(isEnforced), ...figures], row * width);
  }
  parentPort!.postMessage({ from, rows });
}
