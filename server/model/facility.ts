import { addMonths } from "../protocol/calendar.ts";
import { BPS } from "../protocol/units.ts";
import { accruedInterest, type Period } from "./dates.ts";
import { scheduleOf, WAD, type Schedule } from "./schedule.ts";
import { accrue, mint, openShares, type ShareBook } from "./shares.ts";
import type { ClassTerms, FacilityTerms, State } from "./types.ts";
import { min } from "./waterfall.ts";

// One facility: its ledger, and its life up to the first payment date (docs/deal.md §2, §3). A verb assumes that the
// contract would let it through; the verbs that anyone may try (triggers.ts) answer whether it would.

export interface ClassBook {
  readonly terms: ClassTerms;
  readonly shares: ShareBook;
  raisedAssets: bigint;
  outstandingAssets: bigint;
  interestDueAssets: bigint;
  /** The date whose interest was missed, 0 while none is. */
  missedAt: bigint;
  schedule: Schedule;
  interestPaidAssets: bigint;
  principalPaidAssets: bigint;
  lossAssets: bigint;
  /** Paid to the class and not claimed. */
  unclaimedAssets: bigint;
}

export interface FeeBook {
  dueAssets: bigint;
  paidAssets: bigint;
}

export interface LotBook {
  readonly costAssets: bigint;
  /** The last day whose coverage was shown, to breach or to cure. */
  shownDayAt: bigint;
  /** Of the auction that runs or ran last; 0 before the first. */
  startAssets: bigint;
  startedAt: bigint;
}

/** Since when each breach is open; 0, or no entry, while it is not. Coverage and country are by lot. */
export interface Breaches {
  isDscrOpen: boolean;
  ltvAt: bigint;
  readonly coverage: Map<string, bigint>;
  readonly country: Map<string, bigint>;
}

export interface Facility {
  readonly terms: FacilityTerms;
  /** P(0), P(1), … as far as they were asked for. */
  readonly datesAt: bigint[];
  readonly classes: ClassBook[];
  readonly fees: FeeBook[];
  readonly breaches: Breaches;
  readonly lots: Map<string, LotBook>;
  /** Drawn on each lot, also on those that left. */
  readonly drawnAssets: Map<string, bigint>;
  /** What payees other than holders may withdraw. */
  readonly claimableAssets: Map<string, bigint>;
  /** Net and service of the last dates, as many as the test of coverage takes. */
  readonly netAssets: bigint[];
  readonly serviceAssets: bigint[];
  state: State;
  escrowAssets: bigint;
  collectionsAssets: bigint;
  reserveAssets: bigint;
  trappedAssets: bigint;
  /** Rent collected since the date before. */
  periodRentAssets: bigint;
  /** When the last lot left. */
  lotLeftAt: bigint;
  /** F: when funding started. */
  fundedAt: bigint;
  /** k of the next payment date. */
  nextIndex: number;
  /** The margin shown for the period under way. */
  shownMarginBps: bigint | undefined;
}

export function openFacility(terms: FacilityTerms): Facility {
  return {
    terms,
    datesAt: [],
    classes: terms.classes.map((classTerms) => ({
      terms: classTerms,
      shares: openShares(),
      raisedAssets: 0n,
      outstandingAssets: 0n,
      interestDueAssets: 0n,
      missedAt: 0n,
      schedule: { startAssets: 0n, balloonAssets: 0n, levelPaymentAssets: 0n, leftAssets: [] },
      interestPaidAssets: 0n,
      principalPaidAssets: 0n,
      lossAssets: 0n,
      unclaimedAssets: 0n,
    })),
    fees: terms.fees.map(() => ({ dueAssets: 0n, paidAssets: 0n })),
    breaches: { isDscrOpen: false, ltvAt: 0n, coverage: new Map(), country: new Map() },
    lots: new Map(),
    drawnAssets: new Map(),
    claimableAssets: new Map(),
    netAssets: [],
    serviceAssets: [],
    state: "Raising",
    escrowAssets: 0n,
    collectionsAssets: 0n,
    reserveAssets: 0n,
    trappedAssets: 0n,
    periodRentAssets: 0n,
    lotLeftAt: 0n,
    fundedAt: 0n,
    nextIndex: 0,
    shownMarginBps: undefined,
  };
}

/** A copy that goes its own way; terms, dates and schedules are shared. Holders' books are not copied. */
export function cloneFacility(facility: Facility): Facility {
  const { breaches } = facility;
  return {
    ...facility,
    classes: facility.classes.map((book) => ({ ...book, shares: openShares() })),
    fees: facility.fees.map((fee) => ({ ...fee })),
    breaches: { ...breaches, coverage: new Map(breaches.coverage), country: new Map(breaches.country) },
    lots: new Map([...facility.lots].map(([lotId, lot]) => [lotId, { ...lot }])),
    drawnAssets: new Map(facility.drawnAssets),
    claimableAssets: new Map(facility.claimableAssets),
    netAssets: [...facility.netAssets],
    serviceAssets: [...facility.serviceAssets],
  };
}

// Raise and funding

export function subscribe(facility: Facility, classIndex: number, holder: string, assets: bigint): void {
  const book = facility.classes[classIndex]!;
  mint(book.shares, holder, assets);
  book.raisedAssets += assets;
  book.outstandingAssets += assets;
  facility.escrowAssets += assets;
}

export function startFunding(facility: Facility, nowAt: bigint): void {
  facility.state = "Funding";
  facility.fundedAt = nowAt;
}

/** Money against a pledged lot, out of escrow; a lot may be drawn against more than once. */
export function draw(facility: Facility, lotId: string, costAssets: bigint, assets: bigint): void {
  facility.escrowAssets -= assets;
  facility.drawnAssets.set(lotId, (facility.drawnAssets.get(lotId) ?? 0n) + assets);
  if (!facility.lots.has(lotId))
    facility.lots.set(lotId, { costAssets, shownDayAt: 0n, startAssets: 0n, startedAt: 0n });
}

/** What was not drawn fills the reserve first; the rest goes back to every class in proportion. */
export function startPerforming(facility: Facility, nowAt: bigint): void {
  const { classes, terms } = facility;
  facility.reserveAssets = min(facility.escrowAssets, terms.initialReserveAssets);
  const returned = facility.escrowAssets - facility.reserveAssets;
  const raised = classes.reduce((sum, book) => sum + book.raisedAssets, 0n);
  const period = { ...periodOf(facility, 0), untilAt: nowAt };
  let left = returned;
  classes.forEach((book, index) => {
    const isLast = index === classes.length - 1;
    const part = isLast ? left : (returned * book.raisedAssets) / raised;
    left -= part;
    if (!isLast)
      book.interestDueAssets = accruedInterest(part, book.terms.couponBps, book.terms.dayCount, period, nowAt);
    book.schedule = scheduleOf(book.terms, book.raisedAssets - part);
    payClass(facility, index, 0n, part);
  });
  facility.escrowAssets = 0n;
  facility.state = "Performing";
}

// Dates

/** P(k). */
export function paymentAt(facility: Facility, index: number): bigint {
  return (facility.datesAt[index] ??= addMonths(facility.terms.firstPaymentAt, index));
}

/** Interest period k: from F or P(k−1) to P(k). */
export function periodOf(facility: Facility, index: number): Period {
  return {
    fromAt: index === 0 ? facility.fundedAt : paymentAt(facility, index - 1),
    untilAt: paymentAt(facility, index),
    isFirst: index === 0,
  };
}

export function isPaymentDue(facility: Facility, nowAt: bigint): boolean {
  return isRunning(facility) && paymentAt(facility, facility.nextIndex) <= nowAt;
}

/** The margin of the period under way: as shown, else the table's last. */
export function marginBps(facility: Facility): bigint {
  const { ratchet } = facility.terms;
  if (facility.nextIndex === 0 || ratchet.length === 0) return 0n;
  return facility.shownMarginBps ?? ratchet[ratchet.length - 1]!.marginBps;
}

/** A senior class's interest from the last date that was run to now, not yet due. */
export function accruedAssets(facility: Facility, classIndex: number, nowAt: bigint): bigint {
  const { terms, outstandingAssets } = facility.classes[classIndex]!;
  if (terms.kind === "Residual" || !(isRunning(facility) || facility.state === "Funding")) return 0n;
  const period = periodOf(facility, facility.nextIndex);
  const couponBps = terms.couponBps + marginBps(facility);
  return accruedInterest(outstandingAssets, couponBps, terms.dayCount, period, nowAt);
}

export function isRunning({ state }: Facility): boolean {
  return state === "Performing" || state === "CashTrap" || state === "EarlyAmortisation" || state === "Enforcement";
}

// Money in and out

/** All cash that a payment date pays out of. */
export function cashAssets({ collectionsAssets, reserveAssets, trappedAssets }: Facility): bigint {
  return collectionsAssets + reserveAssets + trappedAssets;
}

/** Rent that came in from the leases. */
export function collect(facility: Facility, rentAssets: bigint): void {
  facility.collectionsAssets += rentAssets;
  facility.periodRentAssets += rentAssets;
}

/** Money that came in and is not rent: a surplus found, the proceeds of a sale. */
export function bookProceeds(facility: Facility, assets: bigint): void {
  facility.collectionsAssets += assets;
}

export function credit(facility: Facility, payee: string, assets: bigint): void {
  facility.claimableAssets.set(payee, (facility.claimableAssets.get(payee) ?? 0n) + assets);
}

export function withdraw(facility: Facility, payee: string): bigint {
  const assets = facility.claimableAssets.get(payee) ?? 0n;
  facility.claimableAssets.set(payee, 0n);
  return assets;
}

/** Books interest and principal to a class and its holders. */
export function payClass(facility: Facility, classIndex: number, interest: bigint, principal: bigint): void {
  const book = facility.classes[classIndex]!;
  book.outstandingAssets -= principal;
  book.interestPaidAssets += interest;
  book.principalPaidAssets += principal;
  book.unclaimedAssets += interest + principal;
  accrue(book.shares, interest, principal);
}

// Ratios

/** Outstanding ÷ raised. */
export function poolFactorWad({ outstandingAssets, raisedAssets }: ClassBook): bigint {
  return raisedAssets === 0n ? 0n : (outstandingAssets * WAD) / raisedAssets;
}

/** All that is owed to the senior classes, interest to now included. */
export function seniorOwedAssets(facility: Facility, nowAt: bigint): bigint {
  return facility.classes.reduce((sum, { terms, outstandingAssets, interestDueAssets }, index) => {
    if (terms.kind === "Residual") return sum;
    return sum + outstandingAssets + interestDueAssets + accruedAssets(facility, index, nowAt);
  }, 0n);
}

/** The DSCR over the dates that count, in basis points; undefined before there are enough, or with no service. */
export function dscrBps(facility: Facility): bigint | undefined {
  const { dscrPeriodCount } = facility.terms.covenants;
  const service = facility.serviceAssets.reduce((sum, assets) => sum + assets, 0n);
  if (facility.serviceAssets.length < dscrPeriodCount || service === 0n) return undefined;
  return (facility.netAssets.reduce((sum, assets) => sum + assets, 0n) * BPS) / service;
}
