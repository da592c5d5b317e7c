/** What time it is, unix seconds. */
export interface Clock {
  now(): bigint;
}

/** This machine's clock, shifted for tests of what a wrong one does. */
export function systemClock(offsetSec = 0): Clock {
  return { now: () => BigInt(Math.floor(Date.now() / 1000) + offsetSec) };
}

/** The time of the newest block that was seen: for local chains, whose hours pass in seconds. */
export function chainClock(blockTime: () => bigint, offsetSec = 0): Clock {
  return { now: () => blockTime() + BigInt(offsetSec) };
}
