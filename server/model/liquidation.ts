import { WAD } from "../protocol/units.ts";

// What a liquidator gets beyond what it repays (contracts/credit/Loan.sol): the arithmetic and its roundings.

const MAX_BONUS_WAD = (15n * WAD) / 100n;
const SLOPE_WAD = (3n * WAD) / 10n;
const RISE_SEC = 6n * 3600n;
const FLAG_LIFE_SEC = 24n * 3600n;

/** A market's full bonus: min(15 %, 1 / (1 − 0.3 · (1 − LLTV)) − 1). */
export function fullBonusWad(lltvWad: bigint): bigint {
  const bonusWad = (WAD * WAD) / (WAD - (SLOPE_WAD * (WAD - lltvWad)) / WAD) - WAD;
  return bonusWad < MAX_BONUS_WAD ? bonusWad : MAX_BONUS_WAD;
}

/** The bonus at a time: a fifth of the full one at the flag, all of it six hours later. `flaggedAt` 0: no flag. */
export function bonusWad(lltvWad: bigint, flaggedAt: bigint, nowAt: bigint): bigint {
  const sinceSec = isFlagged(flaggedAt, nowAt) ? nowAt - flaggedAt : 0n;
  const risenSec = RISE_SEC + 4n * (sinceSec < RISE_SEC ? sinceSec : RISE_SEC);
  return (fullBonusWad(lltvWad) * risenSec) / (5n * RISE_SEC);
}

/** Whether a flag stands: it is void a day after it was set. */
export function isFlagged(flaggedAt: bigint, nowAt: bigint): boolean {
  return flaggedAt > 0n && nowAt < flaggedAt + FLAG_LIFE_SEC;
}
