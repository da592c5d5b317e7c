import { addSample, closeEpoch, type Accumulator, type AccumulatorSample } from "../protocol/accumulator.ts";
import type { Drops } from "../protocol/drops.ts";
import { EPOCH_SEC, MILLI } from "../protocol/units.ts";

/** One counter in one epoch: where the epoch found it, and where it stands. */
export interface Span {
  readonly start: Accumulator;
  readonly end: Accumulator;
}

/** A counter after a sample, and the span that each epoch between its last sample and this one got of it. */
export interface Split {
  readonly accumulator: Accumulator;
  readonly spans: readonly (readonly [epoch: bigint, span: Span])[];
  readonly drops: Drops;
}

/** What a counter can do, and how long it may go unread. */
export interface Limits {
  readonly maxGapMilliSec: bigint;
  readonly maxMilliW: bigint;
}

const EPOCH_MILLI_SEC = EPOCH_SEC * MILLI;

/** The epoch that a sample's time ends in: the last millisecond of an hour belongs to it, the first after it too. */
export function epochUntil(atMilliSec: bigint): bigint {
  return atMilliSec === 0n ? 0n : (atMilliSec - 1n) / EPOCH_MILLI_SEC;
}

/**
 * Adds a sample, cut at the ends of the hours since the last one: scrapes do not come on the hour, and a reading says
 * what happened in its own. Between two samples a counter and a power go straight. Of a gap longer than
 * `maxGapMilliSec` only the sample's own hour gets its part: nobody saw the hours before.
 */
export function splitSample(
  last: Accumulator,
  sample: AccumulatorSample,
  atMilliSec: bigint,
  { maxGapMilliSec, maxMilliW }: Limits,
): Split {
  const lastAt = last.atMilliSec;
  if (lastAt === null || atMilliSec <= lastAt) {
    const { accumulator, drops } = addSample(last, sample, atMilliSec, maxGapMilliSec, maxMilliW);
    // The first sample opens the hour after it: nothing is known of the time before.
    const first = [[atMilliSec / EPOCH_MILLI_SEC, { start: accumulator, end: accumulator }]] as const;
    return { accumulator, drops, spans: lastAt === null ? first : [] };
  }
  const isSeen = atMilliSec - lastAt <= maxGapMilliSec;
  // Cut to pieces, a gap is still a gap: a piece of one longer than the limit is longer than a millisecond.
  const gapMilliSec = isSeen ? maxGapMilliSec : 1n;
  const ownStartMilliSec = epochUntil(atMilliSec) * EPOCH_MILLI_SEC;
  let cutMilliSec = (epochUntil(lastAt) + 1n) * EPOCH_MILLI_SEC;
  if (!isSeen && cutMilliSec < ownStartMilliSec) cutMilliSec = ownStartMilliSec;

  const spans: [bigint, Span][] = [];
  let start = lastAt === cutMilliSec ? closeEpoch(last) : last;
  for (; cutMilliSec < atMilliSec; cutMilliSec += EPOCH_MILLI_SEC) {
    if (cutMilliSec === lastAt) continue;
    const cut = between(last, lastAt, sample, atMilliSec, cutMilliSec);
    const added = addSample(start, cut, cutMilliSec, gapMilliSec, maxMilliW).accumulator;
    const accumulator = { ...added, observedMJ: last.observedMJ }; // nobody read the counter at the cut
    if (isSeen) spans.push([epochUntil(cutMilliSec), { start, end: accumulator }]);
    start = closeEpoch(accumulator);
  }
  const { accumulator, drops } = addSample(start, sample, atMilliSec, gapMilliSec, maxMilliW);
  spans.push([epochUntil(atMilliSec), { start, end: accumulator }]);
  return { accumulator, drops, spans };
}

/** What a sample at a time between two others would have said; where the counter restarted, it restarts after. */
function between(
  last: Accumulator,
  lastAt: bigint,
  sample: AccumulatorSample,
  nextAt: bigint,
  atMilliSec: bigint,
): AccumulatorSample {
  const straight = (from: bigint | null, to: bigint | null): bigint | null =>
    from === null || to === null ? null : from + ((to - from) * (atMilliSec - lastAt)) / (nextAt - lastAt);
  const { energyMJ: counterMJ, powerMilliW } = sample;
  const isBelow = counterMJ !== null && last.counterMJ !== null && counterMJ < last.counterMJ;
  return {
    ...sample,
    energyMJ: isBelow ? last.counterMJ : straight(last.counterMJ, counterMJ),
    powerMilliW: straight(last.powerMilliW, powerMilliW),
  };
}
