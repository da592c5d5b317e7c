import { noDrops, type Drops } from "./drops.ts";
import { MAX_BOARD_MW, type GpuSample } from "./scrape.ts";
import { FLAG_COUNTER_RESET, FLAG_ENERGY_INTEGRATED, FLAG_SM_FROM_ENGINE, FLAG_SM_UNKNOWN } from "./reading.ts";
import { demand } from "./refusal.ts";
import { MILLI, floorCarry } from "./units.ts";

/** One board's counters as its node keeps them between samples; none ever falls. Times are unix milliseconds. */
export interface Accumulator {
  readonly atMilliSec: bigint | null; // of the last sample
  readonly counterMJ: bigint | null; // the board's own counter then, or what it must have been
  readonly observedMJ: bigint | null; // the board's own counter as it was last read
  readonly powerMilliW: bigint | null;
  readonly energyMJ: bigint;
  readonly halfMicroJ: bigint; // of integrated energy, less than one mJ
  readonly availableMilliSec: bigint;
  readonly allocatedMilliSec: bigint;
  readonly smActiveMilliSec: bigint;
  readonly smPpmMilliSec: bigint; // less than one ms of SM-active time
  readonly flagsBitmap: number;
}

/** The accumulator after a sample, and what was dropped of the sample. */
export interface Advance {
  readonly accumulator: Accumulator;
  readonly drops: Drops;
}

const HALF_MICRO_PER_MJ = 2000n;
const PPM = 1_000_000n;

/** The accumulator of a board that was never sampled. */
export function newAccumulator(): Accumulator {
  return {
    atMilliSec: null,
    counterMJ: null,
    observedMJ: null,
    powerMilliW: null,
    energyMJ: 0n,
    halfMicroJ: 0n,
    availableMilliSec: 0n,
    allocatedMilliSec: 0n,
    smActiveMilliSec: 0n,
    smPpmMilliSec: 0n,
    flagsBitmap: 0,
  };
}

/** A sample as an accumulator takes it. */
export interface AccumulatorSample extends Pick<GpuSample, "energyMJ" | "powerMilliW" | "smActivePpm" | "smSource"> {
  readonly isAllocated: boolean;
}

/**
 * Adds a sample taken at a time. Energy is what the board's counter grew by, across gaps too. A counter that fell below
 * what was read of it restarted at zero. Growth beyond `maxMilliW`, over the time between or over the gap that is
 * allowed, is no energy: the counter is another, or was misread, and counts on from where it stands. Without a counter energy is the mean of the two powers over the time
 * between (trapezoid), and nothing over a gap longer than `maxGapMilliSec`: nothing is made up. Over such a gap the
 * board was not seen available either. The time up to the sample counts as allocated when the board is allocated at the
 * sample.
 */
export function addSample(
  accumulator: Accumulator,
  sample: AccumulatorSample,
  atMilliSec: bigint,
  maxGapMilliSec: bigint,
  maxMilliW: bigint = MAX_BOARD_MW,
): Advance {
  demand(maxGapMilliSec > 0n, "Accumulator_BadGap", { maxGapMilliSec });
  const drops = noDrops();
  const { energyMJ: counterMJ, powerMilliW } = sample;
  const last = accumulator;
  if (last.atMilliSec === null) {
    const flagsBitmap = last.flagsBitmap | smFlag(sample);
    const first = { ...last, atMilliSec, counterMJ, observedMJ: counterMJ, powerMilliW, flagsBitmap };
    return { accumulator: first, drops };
  }
  const spanMilliSec = atMilliSec - last.atMilliSec;
  if (spanMilliSec <= 0n) {
    drops[spanMilliSec === 0n ? "duplicateCount" : "outOfOrderCount"]++;
    return { accumulator: last, drops };
  }

  let { energyMJ, halfMicroJ, availableMilliSec, allocatedMilliSec, smActiveMilliSec, smPpmMilliSec } = last;
  let flagsBitmap = last.flagsBitmap | smFlag(sample);
  const isSeen = spanMilliSec <= maxGapMilliSec;
  if (!isSeen) drops.gapCount++;

  // A scrape that lost the counter to a blank does not turn a board with a counter into one without.
  let nextCounterMJ = counterMJ ?? last.counterMJ;
  if (counterMJ !== null && last.counterMJ !== null) {
    const isReset = counterMJ < (last.observedMJ ?? last.counterMJ);
    // Above what was read, but below what the counter must have been meanwhile: that energy is counted already.
    if (!isReset && counterMJ < last.counterMJ) nextCounterMJ = last.counterMJ;
    const grownMJ = isReset ? counterMJ : (nextCounterMJ as bigint) - last.counterMJ;
    // Over a span shorter than a gap may be, a clock that was set back is told from a counter that jumped.
    const boundMilliSec = spanMilliSec > maxGapMilliSec ? spanMilliSec : maxGapMilliSec;
    if (grownMJ * MILLI <= maxMilliW * boundMilliSec) energyMJ += grownMJ;
    else drops.outOfRangeCount++;
    if (isReset) drops.counterResetCount++;
    if (isReset) flagsBitmap |= FLAG_COUNTER_RESET;
  } else if (
    counterMJ === null &&
    last.counterMJ === null &&
    isSeen &&
    powerMilliW !== null &&
    last.powerMilliW !== null
  ) {
    const integrated = floorCarry((powerMilliW + last.powerMilliW) * spanMilliSec, halfMicroJ, HALF_MICRO_PER_MJ);
    energyMJ += integrated.quotient;
    halfMicroJ = integrated.remainder;
    flagsBitmap |= FLAG_ENERGY_INTEGRATED;
  }
  if (isSeen) {
    availableMilliSec += spanMilliSec;
    if (sample.isAllocated) allocatedMilliSec += spanMilliSec;
    const active = floorCarry((sample.smActivePpm ?? 0n) * spanMilliSec, smPpmMilliSec, PPM);
    smActiveMilliSec += active.quotient;
    smPpmMilliSec = active.remainder;
  }
  const next = {
    atMilliSec,
    counterMJ: nextCounterMJ,
    observedMJ: counterMJ ?? last.observedMJ,
    powerMilliW,
    energyMJ,
    halfMicroJ,
    availableMilliSec,
    allocatedMilliSec,
    smActiveMilliSec,
    smPpmMilliSec,
    flagsBitmap,
  };
  return { accumulator: next, drops };
}

/** The accumulator of the next epoch: counters go on, the epoch's flags do not. */
export function closeEpoch(accumulator: Accumulator): Accumulator {
  return { ...accumulator, flagsBitmap: 0 };
}

/** Whole seconds of a time in milliseconds, floored. */
export function wholeSec(milliSec: bigint): bigint {
  return milliSec / MILLI;
}

function smFlag(sample: AccumulatorSample): number {
  if (sample.smSource === null) return FLAG_SM_UNKNOWN;
  return sample.smSource === "engine" ? FLAG_SM_FROM_ENGINE : 0;
}
