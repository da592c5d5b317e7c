import type { ClassTerms } from "../../server/model/types.ts";
import type { PaidDate } from "./ledger.ts";
import type { Checks, Conservation } from "./result.ts";

// What must hold on every payment date; a breach ends the run.

export class CheckFailed extends Error {}

/** received = the sum of where it is, to the unit. */
export function checkConserved(checks: Checks, where: string, cash: Conservation): void {
  const { received, ...places } = cash;
  const total = Object.values(places).reduce((sum, units: string) => sum + BigInt(units), 0n);
  if (total !== BigInt(received)) {
    throw new CheckFailed(
      `${where}: ${received} units came in and ${total} are accounted for: ${JSON.stringify(cash)}`,
    );
  }
  checks.conserved += 1;
}

/** No step is paid before those above it are whole, none more than it is due, all together what there is. */
export function checkSeniorFirst(checks: Checks, where: string, { steps, cashAssets }: PaidDate): void {
  let left = cashAssets;
  for (const { kind, subject, due, paid } of steps) {
    const expected = BigInt(due) < left ? BigInt(due) : left;
    if (BigInt(paid) !== expected) {
      throw new CheckFailed(`${where}: ${kind} ${subject} is due ${due} of ${left} left and was paid ${paid}`);
    }
    left -= expected;
  }
  if (left !== 0n) throw new CheckFailed(`${where}: ${left} units were not paid out`);
  checks.seniorFirst += 1;
}

/** A level-pay class before and after a date. */
export interface LevelClass {
  terms: ClassTerms;
  levelPaymentAssets: bigint;
  outstandingBefore: bigint;
  outstandingAfter: bigint;
}

const MONTHS_BPS = 120_000n;

/**
 * A level-pay class that is on schedule pays exactly its level payment, interest and principal together, and leaves
 * what an annuity leaves; `onSchedule` is what it should have before the date. Gives what it should have after it.
 */
export function checkLevelPayment(
  checks: Checks,
  where: string,
  one: LevelClass,
  onSchedule: bigint,
  { steps, paymentIndex }: PaidDate,
  classIndex: number,
): bigint {
  const { terms, levelPaymentAssets } = one;
  const interest = (onSchedule * terms.couponBps) / MONTHS_BPS;
  const isLast = paymentIndex === terms.termMonthCount - 1;
  const rest = onSchedule + interest - levelPaymentAssets;
  const next = isLast || rest < 0n ? 0n : rest;
  const own = steps.filter((step) => step.subjectIndex === classIndex && /^(Interest|Principal)$/.test(step.kind));
  const isWhole = own.every(({ due, paid }) => due === paid);
  // Short of cash, redeemed early or amortising early: no schedule holds.
  if (one.outstandingBefore !== onSchedule || !isWhole || one.outstandingAfter < next) return next;
  if (terms.dayCount !== "Thirty360" || paymentIndex >= terms.termMonthCount) return next;
  const paid = own.reduce((sum, step) => sum + BigInt(step.paid), 0n);
  const expected = isLast ? onSchedule + interest : levelPaymentAssets;
  if (paid !== expected || one.outstandingAfter !== next) {
    throw new CheckFailed(
      `${where}: the level payment is ${expected}, ${paid} was paid, ${one.outstandingAfter} is left`,
    );
  }
  checks.levelPayments += 1;
  return next;
}
