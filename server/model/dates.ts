import { days30360, type DayCount } from "../protocol/calendar.ts";
import { BPS } from "../protocol/units.ts";
import { min } from "./waterfall.ts";

// Interest of whole and of broken periods (docs/deal.md §1).

const YEAR_DAYS = 360n;
const DAY_SEC = 86_400n;
const MONTH_DAYS = 30n;

/** The times between which interest runs; a payment date begins it, or the start of funding. */
export interface Period {
  readonly fromAt: bigint;
  readonly untilAt: bigint;
  readonly isFirst: boolean;
}

/** Interest of a whole period, rounded down. */
export function periodInterest(principal: bigint, couponBps: bigint, dayCount: DayCount, period: Period): bigint {
  if (dayCount === "Actual360") return actual(principal, couponBps, period.untilAt - period.fromAt);
  return thirty(principal, couponBps, period.isFirst ? days30360(period.fromAt, period.untilAt) : MONTH_DAYS);
}

/** Interest from a period's start to a time: while the date that ends it is late, days are counted on from that date. */
export function accruedInterest(
  principal: bigint,
  couponBps: bigint,
  dayCount: DayCount,
  period: Period,
  timeAt: bigint,
): bigint {
  if (dayCount === "Actual360") return actual(principal, couponBps, timeAt - period.fromAt);
  return thirty(principal, couponBps, accruedDays(period, timeAt));
}

function accruedDays({ fromAt, untilAt, isFirst }: Period, timeAt: bigint): bigint {
  if (isFirst) return days30360(fromAt, timeAt);
  if (timeAt >= untilAt) return MONTH_DAYS + days30360(untilAt, timeAt);
  return min(days30360(fromAt, timeAt), MONTH_DAYS);
}

function actual(principal: bigint, couponBps: bigint, sec: bigint): bigint {
  return (principal * couponBps * sec) / (BPS * YEAR_DAYS * DAY_SEC);
}

function thirty(principal: bigint, couponBps: bigint, days: bigint): bigint {
  return (principal * couponBps * days) / (BPS * YEAR_DAYS);
}
