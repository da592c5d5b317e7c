import { addMonths } from "../protocol/calendar.ts";
import { BPS } from "../protocol/units.ts";
import { invoice, type Statement } from "./invoice.ts";
import type { LeaseMeter, LeaseTerms } from "./types.ts";
import { max, min } from "./waterfall.ts";

// One lease's ledger: invoices, escrow, receivables, its early end (docs/deal.md §7).

const HOUR_SEC = 3600n;
const WEEK_SEC = 604_800n;
const YEAR_SEC = 360n * 86_400n;

export interface Receivable {
  /** Of the invoice, without late fees. */
  leftAssets: bigint;
  readonly dueAt: bigint;
  /** Counted and not paid. */
  lateFeeAssets: bigint;
  /** Up to when late fees are counted. */
  countedAt: bigint;
}

export interface Lease {
  readonly terms: LeaseTerms;
  /** By period; undefined where nothing was invoiced. */
  readonly receivables: (Receivable | undefined)[];
  periodCount: number;
  settledCount: number;
  escrowAssets: bigint;
  depositAssets: bigint;
  /** The fee for an early end, not paid. */
  terminationFeeAssets: bigint;
  /** The early end; undefined while there is none. */
  endAt: bigint | undefined;
  /** All that the payee was paid. */
  collectedAssets: bigint;
}

export function openLease(terms: LeaseTerms): Lease {
  return {
    terms,
    receivables: [],
    periodCount: terms.periodCount,
    settledCount: 0,
    escrowAssets: 0n,
    depositAssets: 0n,
    terminationFeeAssets: 0n,
    endAt: undefined,
    collectedAssets: 0n,
  };
}

/** When a period begins, and the one before ends. */
export function periodStartAt({ terms }: Lease, periodIndex: number): bigint {
  return addMonths(terms.startAt, periodIndex);
}

/** Where a period ends, an early end counted. */
export function periodEndAt(lease: Lease, periodIndex: number): bigint {
  const untilAt = periodStartAt(lease, periodIndex + 1);
  return lease.endAt === undefined ? untilAt : min(untilAt, lease.endAt);
}

/** Invoices the next period and pays it from escrow first. */
export function settle(lease: Lease, nowAt: bigint, from: LeaseMeter, to: LeaseMeter, indexAssets?: bigint): Statement {
  const index = lease.settledCount;
  const period = {
    fromAt: periodStartAt(lease, index),
    untilAt: periodStartAt(lease, index + 1),
    endAt: periodEndAt(lease, index),
    isRenewed: index >= lease.terms.periodCount,
    indexAssets,
  };
  const statement = invoice(lease.terms, period, from, to);
  const paid = min(lease.escrowAssets, statement.dueAssets);
  lease.escrowAssets -= paid;
  lease.collectedAssets += paid;
  lease.settledCount = index + 1;
  const dueAt = nowAt + lease.terms.payment.dueSec;
  lease.receivables[index] = {
    leftAssets: statement.dueAssets - paid,
    dueAt,
    lateFeeAssets: 0n,
    countedAt: dueAt,
  };
  return statement;
}

/** Pays an invoice: late fees first, then the rent; what is over becomes escrow. */
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
  const receivable = lease.receivables[periodIndex]!;
  receivable.lateFeeAssets += lateFee(lease, receivable, nowAt);
  receivable.countedAt = max(receivable.countedAt, nowAt);
  const fee = min(assets, receivable.lateFeeAssets);
  const rent = min(assets - fee, receivable.leftAssets);
  receivable.lateFeeAssets -= fee;
  receivable.leftAssets -= rent;
  lease.collectedAssets += fee + rent;
  return fee + rent;
}

/** The late fee since it was last counted. */
export function lateFee({ terms }: Lease, { leftAssets, countedAt }: Receivable, nowAt: bigint): bigint {
  if (nowAt <= countedAt) return 0n;
  return (leftAssets * terms.payment.lateFeeBps * (nowAt - countedAt)) / (BPS * YEAR_SEC);
}

// The end

/** Adds the renewal's periods; answers nothing: the caller knows that the lessee may. */
export function renew(lease: Lease): void {
  lease.periodCount += lease.terms.exit.renewalPeriodCount;
}

/** Unpaid so long after its due time, a receivable ends the lease; answers whether it does. */
export function declareDefault(lease: Lease, nowAt: bigint, periodIndex: number): boolean {
  const receivable = lease.receivables[periodIndex];
  if (receivable === undefined || receivable.leftAssets === 0n || lease.endAt !== undefined) return false;
  if (nowAt < receivable.dueAt + lease.terms.payment.cureSec) return false;
  endEarly(lease, nowAt);
  return true;
}

export function terminate(lease: Lease, nowAt: bigint): void {
  endEarly(lease, nowAt + lease.terms.exit.noticeSec);
}

/** Ends at the end of the hour; each period that has not begun by then costs the fee. */
function endEarly(lease: Lease, timeAt: bigint): void {
  const endAt = (timeAt / HOUR_SEC + 1n) * HOUR_SEC;
  lease.endAt = endAt;
  let left = 0n;
  for (let index = 0; index < lease.periodCount; index++) if (periodStartAt(lease, index) >= endAt) left++;
  lease.terminationFeeAssets += left * lease.terms.exit.terminationFeeAssets;
}

/** How late a receivable is: 0 not due, then up to 4, 8, 13 weeks, older. */
export function ageOf({ dueAt }: Receivable, nowAt: bigint): number {
  if (nowAt < dueAt) return 0;
  const weeks = nowAt / WEEK_SEC - dueAt / WEEK_SEC;
  if (weeks <= 4n) return 1;
  if (weeks <= 8n) return 2;
  return weeks <= 13n ? 3 : 4;
}
