/** Why samples were dropped, counted; the names and order are part of what a node signs. */
export const DROP_REASONS = [
  "blankCount", // a DCGM sentinel: blank, not found, not supported, not permissioned
  "notANumberCount",
  "negativeCount",
  "outOfRangeCount", // infinite, or beyond what a board can do
  "migRepeatCount", // a MIG slice's row that repeats its board
  "duplicateCount", // the same series twice in one scrape, or the same time twice
  "outOfOrderCount",
  "counterResetCount", // an energy counter that fell: the driver was loaded anew
  "gapCount", // too long since the sample before to say what happened in between
  "unidentifiedCount", // a row without a board's UUID
] as const;

/** One of the reasons. */
export type DropReason = (typeof DROP_REASONS)[number];

/** How many samples were dropped for each reason. */
export type Drops = Record<DropReason, number>;

/** Nothing dropped. */
export function noDrops(): Drops {
  return Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Drops;
}

/** Both together. */
export function addDrops(a: Drops, b: Drops): Drops {
  return Object.fromEntries(DROP_REASONS.map((reason) => [reason, a[reason] + b[reason]])) as Drops;
}
