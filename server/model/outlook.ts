import { addMonths } from "../protocol/calendar.ts";
import { periodInterest } from "./dates.ts";
import { leftAfter, type Schedule } from "./schedule.ts";
import type { ClassTerms } from "./types.ts";
import { min } from "./waterfall.ts";
import { xirr, type Flow } from "./yields.ts";

// What a senior class is to be paid from here on, if every date pays what its schedule says (docs/deal.md §2). What the
// class is behind its schedule by is due with the next date.

/** A class as it stands before a payment date. */
export interface Standing {
  readonly terms: ClassTerms;
  readonly schedule: Schedule;
  readonly outstandingAssets: bigint;
  readonly interestDueAssets: bigint;
  /** k of the next payment date, and where its interest period began. */
  readonly nextIndex: number;
  readonly periodStartAt: bigint;
  readonly firstPaymentAt: bigint;
  /** What is added to the coupon in an interest period. */
  readonly marginBpsOf: (periodIndex: number) => bigint;
}

/** One date to come. */
export interface ExpectedDate {
  readonly index: number;
  readonly dueAt: bigint;
  readonly interestAssets: bigint;
  readonly principalAssets: bigint;
  readonly leftAssets: bigint;
}

/** Whether the schedule says how much each date repays: not where all that is left over does. */
export function isScheduled({ kind, principalKind }: ClassTerms): boolean {
  return kind === "Senior" && principalKind !== "Sequential";
}

/** The dates to come until the class is repaid; past its last date, the next one repays it. */
export function expectedDates(standing: Standing): ExpectedDate[] {
  const { terms, schedule, firstPaymentAt, marginBpsOf } = standing;
  const dates: ExpectedDate[] = [];
  let left = standing.outstandingAssets;
  let fromAt = standing.periodStartAt;
  for (let index = standing.nextIndex; left > 0n; index++) {
    const dueAt = addMonths(firstPaymentAt, index);
    const couponBps = terms.couponBps + marginBpsOf(index);
    const period = { fromAt, untilAt: dueAt, isFirst: index === 0 };
    const late = index === standing.nextIndex ? standing.interestDueAssets : 0n;
    const interestAssets = late + periodInterest(left, couponBps, terms.dayCount, period);
    const stays = index >= terms.termMonthCount - 1 ? 0n : min(left, leftAfter(schedule, index));
    dates.push({ index, dueAt, interestAssets, principalAssets: left - stays, leftAssets: stays });
    left = stays;
    fromAt = dueAt;
  }
  return dates;
}

/** The yearly rate of who pays a price now and is paid on the dates to come; null where a date is past already. */
export function scheduledYield(standing: Standing, nowAt: bigint, priceAssets: bigint): number | null {
  const dates = expectedDates(standing);
  if (priceAssets === 0n || dates.length === 0 || dates[0]!.dueAt < nowAt) return null;
  const flows: Flow[] = dates.map(({ dueAt, interestAssets, principalAssets }) => ({
    at: Number(dueAt),
    assets: interestAssets + principalAssets,
  }));
  return xirr([{ at: Number(nowAt), assets: -priceAssets }, ...flows]);
}
