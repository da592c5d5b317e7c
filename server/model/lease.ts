import { addMonths } from "../protocol/calendar.ts";
import { BPS } from "../protocol/units.ts";
import { invoice, type Statement } from "./invoice.ts";
import type { LeaseMeter, LeaseTerms } from "./types.ts";
import { max, min } from "./waterfall.ts";

// One lease's ledger: invoices, escrow, receivables, its end (docs/deal.md §7). The verbs of the end answer whether
// the lease lets them happen; if not, nothing has changed.

const HOUR_SEC = 3600n;
const INDEX_WAIT_SEC = 864_000n;
const WEEK_SEC = 604_800n;
const YEAR_SEC = 360n * 86_400n;

export interface Receivable {
  readonly payee: string;
  /** Of the invoice, without late fees. */
  leftAssets: bigint;
  readonly dueAt: bigint;
  /** Late fees counted and not paid. */
  lateFeeAssets: bigint;
  /** Up to when late fees are counted. */
  countedAt: bigint;
}

export interface Lease {
  readonly terms: LeaseTerms;
  /** By period, where escrow did not pay it all at once; the fee for an early end stands in place of the first period that it cut. */
  readonly receivables: (Receivable | undefined)[];
  /** Rent, fees included, that each payee was paid. */
  readonly rentAssets: Map<string, bigint>;
  payee: string;
  /** Payees to which anyone has shown that the lessee is related; the terms may say it for all. */
  readonly relatedPayees: Set<string>;
  /** With renewal, without what an early end cut. */
  periodCount: number;
  settledCount: number;
  escrowAssets: bigint;
  depositAssets: bigint;
  /** The early end; undefined while there is none. */
  endAt: bigint | undefined;
  isRenewed: boolean;
  isDefaulted: boolean;
  isBought: boolean;
}

/** The lessee pays in the deposit and, under take-or-pay, the prepaid months. */
export function openLease(terms: LeaseTerms, payee: string): Lease {
  const { prepaidMonthCount, depositAssets } = terms.payment;
  return {
    terms,
    receivables: [],
    rentAssets: new Map(),
    payee,
    relatedPayees: new Set(),
    periodCount: terms.periodCount,
    settledCount: 0,
    escrowAssets: terms.pricing === "TakeOrPay" ? BigInt(prepaidMonthCount) * terms.baseRentAssets : 0n,
    depositAssets,
    endAt: undefined,
    isRenewed: false,
    isDefaulted: false,
    isBought: false,
  };
}

// Periods and invoices

/** When a period begins, and the one before ends. */
export function periodStartAt({ terms }: Lease, periodIndex: number): bigint {
  return addMonths(terms.startAt, periodIndex);
}

/** Where a period ends, an early end counted. */
export function periodEndAt(lease: Lease, periodIndex: number): bigint {
  const untilAt = periodStartAt(lease, periodIndex + 1);
  return lease.endAt === undefined ? untilAt : min(untilAt, lease.endAt);
}

/** Where the last period ends. */
export function leaseEndAt(lease: Lease): bigint {
  return lease.endAt ?? periodStartAt(lease, lease.periodCount);
}

/** Whether the next period is over, and its index fixed or waited for. */
export function isSettleable(lease: Lease, nowAt: bigint, indexWad: bigint | undefined): boolean {
  if (lease.settledCount >= lease.periodCount) return false;
  const endAt = periodEndAt(lease, lease.settledCount);
  const mustWait = lease.terms.pricing === "IndexLinked" && indexWad === undefined;
  return nowAt >= (mustWait ? endAt + INDEX_WAIT_SEC : endAt);
}

/** Invoices the next period by the meters at its ends. */
export function settle(lease: Lease, nowAt: bigint, from: LeaseMeter, to: LeaseMeter, indexWad?: bigint): Statement {
  const index = lease.settledCount;
  const period = {
    fromAt: periodStartAt(lease, index),
    untilAt: periodStartAt(lease, index + 1),
    endAt: periodEndAt(lease, index),
    isRenewed: index >= lease.terms.periodCount,
    indexWad,
  };
  const statement = invoice(lease.terms, period, from, to);
  lease.settledCount = index + 1;
  owe(lease, nowAt, index, statement.dueAssets);
  return statement;
}

/** An amount falls due to the payee: escrow pays first, the rest is a receivable. */
function owe(lease: Lease, nowAt: bigint, index: number, assets: bigint): void {
  const { payee } = lease;
  const paid = min(assets, lease.escrowAssets);
  lease.escrowAssets -= paid;
  creditRent(lease, payee, paid);
  if (paid === assets) return;
  const dueAt = nowAt + lease.terms.payment.dueSec;
  lease.receivables[index] = { payee, leftAssets: assets - paid, dueAt, lateFeeAssets: 0n, countedAt: dueAt };
}

function creditRent({ rentAssets }: Lease, payee: string, assets: bigint): void {
  rentAssets.set(payee, (rentAssets.get(payee) ?? 0n) + assets);
}

/** The rent that a payee was paid and that came from a party related to it. */
export function relatedRent({ terms, relatedPayees, rentAssets }: Lease, payee: string): bigint {
  return terms.relatedParty || relatedPayees.has(payee) ? (rentAssets.get(payee) ?? 0n) : 0n;
}

// Payments

/** Late fees first, then the rent; what is over, or paid before its invoice, becomes escrow. */
export function pay(lease: Lease, nowAt: bigint, periodIndex: number, assets: bigint): void {
  lease.escrowAssets += assets - payReceivable(lease, nowAt, periodIndex, assets);
}

export function payFromEscrow(lease: Lease, nowAt: bigint, periodIndex: number): void {
  lease.escrowAssets -= payReceivable(lease, nowAt, periodIndex, lease.escrowAssets);
}

export function prepay(lease: Lease, assets: bigint): void {
  lease.escrowAssets += assets;
}

function payReceivable(lease: Lease, nowAt: bigint, periodIndex: number, assets: bigint): bigint {
  const receivable = lease.receivables[periodIndex];
  if (receivable === undefined) return 0n;
  receivable.lateFeeAssets += lateFee(lease, receivable, nowAt);
  receivable.countedAt = max(receivable.countedAt, nowAt);
  const fee = min(assets, receivable.lateFeeAssets);
  const rent = min(assets - fee, receivable.leftAssets);
  receivable.lateFeeAssets -= fee;
  receivable.leftAssets -= rent;
  creditRent(lease, receivable.payee, fee + rent);
  return fee + rent;
}

/** The late fee since it was last counted. */
export function lateFee({ terms }: Lease, { leftAssets, countedAt }: Receivable, nowAt: bigint): bigint {
  if (nowAt <= countedAt) return 0n;
  return (leftAssets * terms.payment.lateFeeBps * (nowAt - countedAt)) / (BPS * YEAR_SEC);
}

/** A receivable with its late fees to now. */
export function owedOn(lease: Lease, periodIndex: number, nowAt: bigint): bigint {
  const receivable = lease.receivables[periodIndex];
  if (receivable === undefined) return 0n;
  return receivable.leftAssets + receivable.lateFeeAssets + lateFee(lease, receivable, nowAt);
}

export function isOwing(lease: Lease, nowAt: bigint): boolean {
  return lease.receivables.some((_, index) => owedOn(lease, index, nowAt) > 0n);
}

/** How late a receivable is, in weeks that begin on Thursdays: 0 not due, then up to 4, 8, 13, older. */
export function ageOf({ dueAt }: Receivable, nowAt: bigint): number {
  const weeks = nowAt / WEEK_SEC - dueAt / WEEK_SEC;
  return [0n, 4n, 8n, 13n].filter((limit) => weeks > limit).length;
}

// The end

export function renew(lease: Lease, nowAt: bigint): boolean {
  const { renewalPeriodCount } = lease.terms.exit;
  if (lease.isRenewed || lease.endAt !== undefined || renewalPeriodCount === 0) return false;
  if (nowAt >= leaseEndAt(lease)) return false;
  lease.isRenewed = true;
  lease.periodCount += renewalPeriodCount;
  return true;
}

export function terminate(lease: Lease, nowAt: bigint): boolean {
  const { noticeSec, minPeriodCount } = lease.terms.exit;
  const endAt = endOfHour(nowAt + noticeSec);
  if (lease.isDefaulted || lease.isBought || endAt >= leaseEndAt(lease)) return false;
  if (endAt < periodStartAt(lease, minPeriodCount)) return false;
  endEarly(lease, nowAt, endAt, lease.terms.exit.terminationFeeAssets);
  return true;
}

/** Unpaid so long after its due time, a receivable that escrow does not cover puts the lease in default. */
export function declareDefault(lease: Lease, nowAt: bigint, periodIndex: number): boolean {
  const receivable = lease.receivables[periodIndex];
  if (receivable === undefined || lease.isDefaulted) return false;
  if (nowAt < receivable.dueAt + lease.terms.payment.cureSec) return false;
  if (owedOn(lease, periodIndex, nowAt) <= lease.escrowAssets) return false;
  lease.isDefaulted = true;
  lease.escrowAssets += lease.depositAssets;
  lease.depositAssets = 0n;
  payFromEscrow(lease, nowAt, periodIndex);
  const endAt = endOfHour(nowAt);
  if (endAt < leaseEndAt(lease)) endEarly(lease, nowAt, endAt, lease.terms.exit.terminationFeeAssets);
  return true;
}

/** The price is the payee's and no rent; a lien holder may ask for more than it. */
export function purchase(lease: Lease, nowAt: bigint, leastAssets = 0n): boolean {
  const { purchaseAssets, minPeriodCount } = lease.terms.exit;
  if (
    purchaseAssets === 0n ||
    purchaseAssets < leastAssets ||
    lease.isDefaulted ||
    lease.isBought ||
    isOwing(lease, nowAt)
  )
    return false;
  if (nowAt < periodStartAt(lease, minPeriodCount) || nowAt >= leaseEndAt(lease)) return false;
  lease.isBought = true;
  const endAt = endOfHour(nowAt);
  if (endAt < leaseEndAt(lease)) endEarly(lease, nowAt, endAt, 0n);
  return true;
}

function endOfHour(timeAt: bigint): bigint {
  return (timeAt / HOUR_SEC + 1n) * HOUR_SEC;
}

/** Periods that do not begin before the end are cut; each costs the fee, which is invoiced in place of the first. */
function endEarly(lease: Lease, nowAt: bigint, endAt: bigint, feeAssets: bigint): void {
  let count = lease.periodCount;
  while (count > 0 && periodStartAt(lease, count - 1) >= endAt) count--;
  const fee = feeAssets * BigInt(lease.periodCount - count);
  lease.endAt = endAt;
  lease.periodCount = count;
  if (fee > 0n) owe(lease, nowAt, count, fee);
}

/** Over and owing nothing: what is left of escrow and deposit is the lessee's. */
export function refund(lease: Lease, nowAt: bigint): bigint | undefined {
  if (lease.settledCount < lease.periodCount || isOwing(lease, nowAt)) return undefined;
  const assets = lease.escrowAssets + lease.depositAssets;
  lease.escrowAssets = 0n;
  lease.depositAssets = 0n;
  return assets;
}
