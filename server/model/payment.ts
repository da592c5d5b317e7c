import { BPS } from "../protocol/units.ts";
import { periodInterest } from "./dates.ts";
import {
  cashAssets,
  credit,
  marginBps,
  payClass,
  paymentAt,
  periodOf,
  type ClassBook,
  type Facility,
} from "./facility.ts";
import { leftAfter } from "./schedule.ts";
import type { Step } from "./types.ts";
import { allocate, max, min, minus } from "./waterfall.ts";

// A payment date (docs/deal.md §4), and the moves of the state that belong to it (§5).

/** What one date did. The arrays of a payment go by the list's steps. */
export interface PaymentDate {
  readonly index: number;
  readonly dueAt: bigint;
  readonly netAssets: bigint;
  readonly serviceAssets: bigint;
  readonly marginBps: bigint;
  /** Interest of the period, by class. */
  readonly interestAssets: readonly bigint[];
  readonly steps: readonly Step[];
  readonly dueAssets: readonly bigint[];
  readonly paidAssets: readonly bigint[];
}

/** Runs the next payment date, late or not, as on its day. */
export function distribute(facility: Facility): PaymentDate {
  const index = facility.nextIndex;
  const dueAt = paymentAt(facility, index);
  const margin = marginBps(facility);

  const interestAssets = addInterest(facility, index, margin);
  const feeAssets = addFees(facility);
  const netAssets = minus(facility.periodRentAssets, feeAssets);
  const serviceAssets = serviceOf(facility, index, interestAssets);
  testCoverage(facility, netAssets, serviceAssets);

  facility.periodRentAssets = 0n;
  facility.shownMarginBps = undefined;
  facility.nextIndex = index + 1;
  const run = runSteps(facility, index, dueAt);

  for (const book of facility.classes) {
    if (book.interestDueAssets === 0n) book.missedAt = 0n;
    else if (book.missedAt === 0n) book.missedAt = dueAt;
  }
  return { index, dueAt, netAssets, serviceAssets, marginBps: margin, interestAssets, ...run };
}

// Step 1
function addInterest(facility: Facility, index: number, margin: bigint): bigint[] {
  const period = periodOf(facility, index);
  return facility.classes.map((book) => {
    const { terms, outstandingAssets } = book;
    if (terms.kind === "Residual") return 0n;
    const assets = periodInterest(outstandingAssets, terms.couponBps + margin, terms.dayCount, period);
    book.interestDueAssets += assets;
    return assets;
  });
}

// Step 3: what the date adds to each fee; returned: the part of it under the caps.
function addFees(facility: Facility): bigint {
  const { fees, terms, periodRentAssets } = facility;
  let capped = 0n;
  for (let index = 0; index < fees.length; index++) {
    const { fixedAssets, collectionsBps, capAssets } = terms.fees[index]!;
    const added = fixedAssets + (periodRentAssets * collectionsBps) / BPS;
    fees[index]!.dueAssets += added;
    capped += min(added, capAssets);
  }
  return capped;
}

// Step 4
function serviceOf(facility: Facility, index: number, interestAssets: readonly bigint[]): bigint {
  let service = 0n;
  facility.classes.forEach(({ terms, schedule, outstandingAssets }, classIndex) => {
    if (terms.kind === "Residual") return;
    service += interestAssets[classIndex]!;
    if (terms.principalKind !== "LevelPay" && terms.principalKind !== "Scheduled") return;
    const after = leftAfter(schedule, index);
    const floor = index === terms.termMonthCount - 1 ? max(after, schedule.balloonAssets) : after;
    service += minus(min(leftAfter(schedule, index - 1), outstandingAssets), floor);
  });
  return service;
}

// Step 5
function testCoverage(facility: Facility, net: bigint, service: bigint): void {
  const { dscrPeriodCount, trapDscrBps, amortiseDscrBps } = facility.terms.covenants;
  const { netAssets, serviceAssets } = facility;
  netAssets.push(net);
  serviceAssets.push(service);
  if (netAssets.length > dscrPeriodCount) {
    netAssets.shift();
    serviceAssets.shift();
  }
  const isTested = facility.state === "Performing" || facility.state === "CashTrap";
  if (!isTested || dscrPeriodCount === 0 || netAssets.length < dscrPeriodCount) return;
  const covered = sum(netAssets) * BPS;
  const needed = sum(serviceAssets);
  if (covered < amortiseDscrBps * needed) facility.state = "EarlyAmortisation";
  else {
    facility.breaches.isDscrOpen = covered < trapDscrBps * needed;
    moveTrap(facility);
  }
}

function sum(amounts: readonly bigint[]): bigint {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
}

/** Performing and CashTrap: CashTrap exactly while a breach is open. */
export function moveTrap(facility: Facility): void {
  if (facility.state !== "Performing" && facility.state !== "CashTrap") return;
  const { isDscrOpen, ltvAt, coverage, country } = facility.breaches;
  facility.state = isDscrOpen || ltvAt > 0n || coverage.size > 0 || country.size > 0 ? "CashTrap" : "Performing";
}

// Step 6

/** Pays all cash down the list of the state, with date k's schedules; also once more at a close with loss. */
export function runSteps(
  facility: Facility,
  index: number,
  dueAt: bigint,
): Pick<PaymentDate, "steps" | "dueAssets" | "paidAssets"> {
  const steps = stepsOf(facility);
  const cash = cashAssets(facility);
  // All dues stand before the first payment.
  const dueAssets = steps.map((step) => dueOf(facility, step, index, dueAt, cash));
  const paidAssets = allocate(dueAssets, cash);
  facility.collectionsAssets = cash;
  facility.saleAssets = 0n;
  facility.reserveAssets = 0n;
  facility.trappedAssets = 0n;
  for (let stepIndex = 0; stepIndex < steps.length; stepIndex++) {
    const paid = paidAssets[stepIndex]!;
    if (paid === 0n) continue;
    facility.collectionsAssets -= paid;
    pay(facility, steps[stepIndex]!, paid);
  }
  return { steps, dueAssets, paidAssets };
}

function stepsOf({ state, terms }: Facility): readonly Step[] {
  if (state === "EarlyAmortisation") return terms.amortisationSteps;
  return state === "Enforcement" ? terms.enforcementSteps : terms.performingSteps;
}

function dueOf(facility: Facility, step: Step, index: number, dueAt: bigint, cash: bigint): bigint {
  const { terms, classes, state } = facility;
  const { subjectIndex } = step;
  switch (step.kind) {
    case "Fee":
      return min(facility.fees[subjectIndex]!.dueAssets, terms.fees[subjectIndex]!.capAssets);
    case "FeeExcess":
      return minus(facility.fees[subjectIndex]!.dueAssets, terms.fees[subjectIndex]!.capAssets);
    case "Interest":
      return classes[subjectIndex]!.interestDueAssets;
    case "Principal": {
      const { outstandingAssets } = classes[subjectIndex]!;
      const isAll = state === "EarlyAmortisation" || state === "Enforcement";
      return isAll ? outstandingAssets : outstandingAssets - staysOf(facility, subjectIndex, index);
    }
    case "Turbo":
      return isAnticipated(facility, dueAt) ? staysOf(facility, subjectIndex, index) : 0n;
    case "Reserve":
      return needsNoReserve(facility, index) ? 0n : min(terms.reserveTargetAssets, seniorOutstanding(facility));
    case "Trap":
      return state === "CashTrap" && !isAnticipated(facility, dueAt) && !needsNoReserve(facility, index) ? cash : 0n;
    case "Residual":
      return cash;
  }
}

/** What a date may leave a class outstanding: its schedule, less its part of the lots sold, senior first. */
function staysOf({ classes, saleAssets }: Facility, classIndex: number, index: number): bigint {
  const stays = ({ outstandingAssets, schedule }: ClassBook) => min(outstandingAssets, leftAfter(schedule, index));
  const above = classes.slice(0, classIndex).reduce((sum, book) => sum + stays(book), 0n);
  return minus(stays(classes[classIndex]!), minus(saleAssets, above));
}

function isAnticipated({ terms }: Facility, dueAt: bigint): boolean {
  return terms.anticipatedRepaymentAt > 0n && dueAt >= terms.anticipatedRepaymentAt;
}

/** Each senior class is repaid, or at or past its last date. */
function needsNoReserve({ classes }: Facility, index: number): boolean {
  return classes.every(
    ({ terms, outstandingAssets }) =>
      terms.kind === "Residual" || outstandingAssets === 0n || index >= terms.termMonthCount - 1,
  );
}

function seniorOutstanding({ classes }: Facility): bigint {
  return classes.reduce(
    (total, { terms, outstandingAssets }) => (terms.kind === "Senior" ? total + outstandingAssets : total),
    0n,
  );
}

function pay(facility: Facility, { kind, subjectIndex }: Step, paid: bigint): void {
  switch (kind) {
    case "Fee":
    case "FeeExcess": {
      const fee = facility.fees[subjectIndex]!;
      fee.dueAssets -= paid;
      fee.paidAssets += paid;
      credit(facility, facility.terms.fees[subjectIndex]!.payee, paid);
      return;
    }
    case "Interest":
      facility.classes[subjectIndex]!.interestDueAssets -= paid;
      {
        payClass(facility, subjectIndex, paid, 0n);
        return;
      }
    case "Principal":
    case "Turbo": {
      payClass(facility, subjectIndex, 0n, paid);
      return;
    }
    case "Reserve":
      facility.reserveAssets = paid;
      return;
    case "Trap":
      facility.trappedAssets = paid;
      return;
    case "Residual": {
      payResidual(facility, subjectIndex, paid);
      return;
    }
  }
}

/** Income while a senior class is owed anything, then principal until its own is repaid, then income again. */
function payResidual(facility: Facility, classIndex: number, paid: bigint): void {
  const isOwed = facility.classes.some(
    ({ terms, outstandingAssets, interestDueAssets }) =>
      terms.kind === "Senior" && (outstandingAssets > 0n || interestDueAssets > 0n),
  );
  const principal = isOwed ? 0n : min(paid, facility.classes[classIndex]!.outstandingAssets);
  payClass(facility, classIndex, paid - principal, principal);
}
