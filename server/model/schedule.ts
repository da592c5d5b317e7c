import { BPS } from "../protocol/units.ts";
import type { ClassTerms } from "./types.ts";

// The level payment, and what a class's schedule leaves outstanding after each date (docs/deal.md §2).

export const RAY = 10n ** 27n;
export const WAD = 10n ** 18n;
const MONTHS = 12n;

/** The payment that takes the principal to the balloon in so many months, rounded up. */
export function levelPayment(principal: bigint, couponBps: bigint, monthCount: number, balloon: bigint): bigint {
  const rate = (couponBps * RAY) / (MONTHS * BPS);
  if (rate === 0n) return ceilDiv(principal - balloon, BigInt(monthCount));
  const growth = power(RAY + rate, monthCount);
  return ceilDiv((principal * growth - balloon * RAY) * rate, (growth - RAY) * RAY);
}

/** base ^ exponent in 27 decimals, by squaring from the exponent's lowest bit, each product rounded down. */
function power(base: bigint, exponent: number): bigint {
  let result = RAY;
  let square = base;
  for (let left = exponent; left > 0; left >>= 1) {
    if (left & 1) result = (result * square) / RAY;
    square = (square * square) / RAY;
  }
  return result;
}

export function ceilDiv(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

export interface Schedule {
  /** B: the principal at the start of performing. */
  readonly startAssets: bigint;
  /** Z: the balloon of what was drawn. */
  readonly balloonAssets: bigint;
  readonly levelPaymentAssets: bigint;
  /** O(k) for each date of the term. */
  readonly leftAssets: readonly bigint[];
}

export function scheduleOf(terms: ClassTerms, startAssets: bigint): Schedule {
  const isLevel = terms.kind === "Senior" && terms.principalKind === "LevelPay";
  const balloonAssets = isLevel ? (terms.balloonAssets * startAssets) / terms.targetAssets : 0n;
  const levelPaymentAssets = isLevel
    ? levelPayment(startAssets, terms.couponBps, terms.termMonthCount, balloonAssets)
    : 0n;
  const leftAssets: bigint[] = [];
  let left = startAssets;
  for (let index = 0; index < terms.termMonthCount; index++) {
    left = index === terms.termMonthCount - 1 ? 0n : next(terms, startAssets, levelPaymentAssets, left, index);
    leftAssets.push(left);
  }
  return { startAssets, balloonAssets, levelPaymentAssets, leftAssets };
}

function next(terms: ClassTerms, start: bigint, level: bigint, left: bigint, index: number): bigint {
  switch (terms.principalKind) {
    case "LevelPay": {
      const after = left + (left * terms.couponBps) / (BPS * MONTHS) - level;
      return after > 0n ? after : 0n;
    }
    case "Scheduled":
      return (start * terms.scheduledWad[index]!) / WAD;
    case "Balloon":
      return start;
    case "Sequential":
      return 0n;
  }
}

/** O(k): B before the first date, 0 from the last one on. */
export function leftAfter(schedule: Schedule, index: number): bigint {
  return index < 0 ? schedule.startAssets : (schedule.leftAssets[index] ?? 0n);
}
