import { BPS } from "./units.ts";

// Dates in UTC and simple interest: the same functions as contracts/calendar.sol and annuity.sol. Both run
// test/vectors/calendar.json.

const DAY_SEC = 86_400n;

interface CivilDate {
  readonly year: number;
  readonly month: number; // 1 to 12
  readonly day: number; // 1 to 31
}

function dateOf(timeAt: bigint): CivilDate {
  const date = new Date(Number(timeAt) * 1000);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** `monthCount` after `anchorAt`, on the anchor's day of the month or the month's last day, whichever is first. */
export function addMonths(anchorAt: bigint, monthCount: number): bigint {
  const { year, month, day } = dateOf(anchorAt);
  const lastDay = new Date(Date.UTC(year, month + monthCount, 0)).getUTCDate();
  const midnight = Date.UTC(year, month - 1 + monthCount, Math.min(day, lastDay)) / 1000;
  return BigInt(midnight) + (anchorAt % DAY_SEC);
}

/** Days between two times by the 30/360 bond basis (ISDA 2006, 4.16(f)). */
export function days30360(fromAt: bigint, toAt: bigint): bigint {
  const from = dateOf(fromAt);
  const to = dateOf(toAt);
  const fromDay = Math.min(from.day, 30);
  const toDay = to.day === 31 && fromDay === 30 ? 30 : to.day;
  return BigInt(360 * (to.year - from.year) + 30 * (to.month - from.month) + toDay - fromDay);
}

/**
 * Days of interest by 30/360 in the period from one payment date to the next: 30 for the whole of it, at most 30 before
 * its end; past its end, the bond basis from there.
 */
export function periodDays30360(fromAt: bigint, nextAt: bigint, toAt: bigint): bigint {
  if (toAt >= nextAt) return 30n + days30360(nextAt, toAt);
  const dayCount = days30360(fromAt, toAt);
  return dayCount < 30n ? dayCount : 30n;
}

export const DAY_COUNTS = ["Thirty360", "Actual360"] as const;
export type DayCount = (typeof DAY_COUNTS)[number];

/** Simple interest on a principal from one time to another, rounded down. */
export function interestAssets(
  principalAssets: bigint,
  couponBps: bigint,
  dayCount: DayCount,
  fromAt: bigint,
  toAt: bigint,
): bigint {
  return dayCount === "Thirty360"
    ? (principalAssets * couponBps * days30360(fromAt, toAt)) / (BPS * 360n)
    : (principalAssets * couponBps * (toAt - fromAt)) / (BPS * 360n * DAY_SEC);
}

/** The same in the period from one payment date to the next, which by 30/360 has 30 days, whatever its length. */
export function periodInterestAssets(
  principalAssets: bigint,
  couponBps: bigint,
  dayCount: DayCount,
  fromAt: bigint,
  nextAt: bigint,
  toAt: bigint,
): bigint {
  return dayCount === "Thirty360"
    ? (principalAssets * couponBps * periodDays30360(fromAt, nextAt, toAt)) / (BPS * 360n)
    : interestAssets(principalAssets, couponBps, dayCount, fromAt, toAt);
}
