import { BPS } from "../protocol/units.ts";
import {
  accruedAssets,
  isPaymentDue,
  isRunning,
  bookProceeds,
  cashAssets,
  collect,
  paymentAt,
  payClass,
  seniorOwedAssets,
  type ClassBook,
  type Facility,
} from "./facility.ts";
import { moveTrap, runSteps } from "./payment.ts";
import { ceilDiv } from "./schedule.ts";
import { accrueLoss } from "./shares.ts";
import { max, min } from "./waterfall.ts";

// Sales of lots, the close with loss, the redemption (docs/deal.md §6).

const YEAR_SEC = 365n * 86_400n;

/** Puts a lot without a live lease up, for the first time or again; answers whether it may be. */
export function startAuction(facility: Facility, nowAt: bigint, lotId: string): boolean {
  const lot = facility.lots.get(lotId);
  const { startBps, durationSec } = facility.terms.auction;
  if (lot === undefined || !isForSale(facility, nowAt)) return false;
  if (lot.startedAt > 0n && nowAt < lot.startedAt + durationSec) return false;
  const startAssets = lot.startedAt > 0n ? floorOf(facility, lot.startAssets) : (lot.costAssets * startBps) / BPS;
  lot.startAssets = max(startAssets, 1n);
  lot.startedAt = nowAt;
  return true;
}

/** The price of a lot that is up; undefined where none is. */
export function auctionPrice(facility: Facility, nowAt: bigint, lotId: string): bigint | undefined {
  const { durationSec } = facility.terms.auction;
  const lot = facility.lots.get(lotId);
  if (lot === undefined || lot.startedAt === 0n) return undefined;
  const fall = lot.startAssets - floorOf(facility, lot.startAssets);
  return lot.startAssets - (fall * min(nowAt - lot.startedAt, durationSec)) / durationSec;
}

function floorOf({ terms }: Facility, startAssets: bigint): bigint {
  return max((startAssets * terms.auction.floorBps) / BPS, 1n);
}

/** Lots are sold in enforcement, or for the residual class alone, while the cash does not cover the classes. */
function isForSale(facility: Facility, nowAt: bigint): boolean {
  if (facility.state !== "Enforcement" && !(isRunning(facility) && areSeniorsWhole(facility))) return false;
  return seniorOwedAssets(facility, nowAt) + residualOf(facility).outstandingAssets > cashAssets(facility);
}

function residualOf({ classes }: Facility): ClassBook {
  return classes[classes.length - 1]!;
}

/** Nothing is owed to a senior class: the facility may be closed outside enforcement. */
export function areSeniorsWhole(facility: Facility): boolean {
  return facility.classes.every(
    ({ terms, outstandingAssets, interestDueAssets }) =>
      terms.kind === "Residual" || (outstandingAssets === 0n && interestDueAssets === 0n),
  );
}

/** Sells a lot that is up at its price of now, which is returned; the proceeds are collections. */
export function buyLot(facility: Facility, nowAt: bigint, lotId: string): bigint | undefined {
  const price = auctionPrice(facility, nowAt, lotId);
  if (price === undefined || !isForSale(facility, nowAt)) return undefined;
  bookProceeds(facility, price);
  leave(facility, nowAt, lotId);
  return price;
}

/** The least that a lessee may buy a pledged lot for: the lot's part, by what was drawn, of what the seniors are owed. */
export function leastPrice(facility: Facility, nowAt: bigint, lotId: string): bigint {
  const { drawnAssets } = facility;
  const total = [...drawnAssets.values()].reduce((sum, assets) => sum + assets, 0n);
  return ceilDiv(seniorOwedAssets(facility, nowAt) * (drawnAssets.get(lotId) ?? 0n), total);
}

/** Gives a lot back to the sponsor; answers whether it may be. */
export function releaseLot(facility: Facility, nowAt: bigint, lotId: string): boolean {
  if (!isRunning(facility) || !facility.lots.has(lotId) || !areSeniorsWhole(facility)) return false;
  if (residualOf(facility).outstandingAssets > 0n) return false;
  leave(facility, nowAt, lotId);
  return true;
}

/** A lot that leaves takes its breaches with it. */
function leave(facility: Facility, nowAt: bigint, lotId: string): void {
  facility.lots.delete(lotId);
  facility.lotLeftAt = nowAt;
  facility.breaches.coverage.delete(lotId);
  facility.breaches.country.delete(lotId);
  moveTrap(facility);
}

/**
 * All lots are gone and nothing is to come from the leases, or not within a year: cash is paid once more, with what
 * waited in the leases and was collected first, and what stays outstanding is lost. Answers whether it may be.
 */
export function close(facility: Facility, nowAt: bigint, waitingAssets = 0n, receivableAssets = 0n): boolean {
  if (!isRunning(facility) || facility.lots.size > 0) return false;
  if (receivableAssets > 0n && nowAt < facility.lotLeftAt + YEAR_SEC) return false;
  const mayLose = facility.state === "Enforcement" && !isPaymentDue(facility, nowAt);
  if (!areSeniorsWhole(facility) && !mayLose) return false;
  collect(facility, waitingAssets);
  payLast(facility, nowAt);
  writeOff(facility);
  facility.state = "Closed";
  return true;
}

/** The payment with which a facility closes: on all cash, with the interest accrued until then. */
export function payLast(facility: Facility, nowAt: bigint): ReturnType<typeof runSteps> {
  facility.classes.forEach((classBook, classIndex) => {
    classBook.interestDueAssets += accruedAssets(facility, classIndex, nowAt);
  });
  const index = facility.nextIndex;
  return runSteps(facility, index, paymentAt(facility, index));
}

/** What stays outstanding when all is paid is lost. */
export function writeOff(facility: Facility): void {
  for (const classBook of facility.classes) {
    classBook.lossAssets += classBook.outstandingAssets;
    accrueLoss(classBook.shares, classBook.outstandingAssets);
    classBook.outstandingAssets = 0n;
    classBook.interestDueAssets = 0n;
    classBook.missedAt = 0n;
  }
}

/** What a new facility must pay: the appraised hardware, or all senior claims with the premium if they are more. */
export function redemptionPrice(facility: Facility, nowAt: bigint, hardwareAssets: bigint): bigint {
  let claims = 0n;
  facility.classes.forEach(({ terms }, index) => {
    if (terms.kind === "Senior") claims += outstandingOf(facility, index) + incomeOf(facility, index, nowAt);
  });
  return max(hardwareAssets, claims);
}

/** Pays the senior classes all they are owed out of the price; the rest is collections. */
export function redeem(facility: Facility, nowAt: bigint, priceAssets: bigint): void {
  let left = priceAssets;
  facility.classes.forEach((classBook, index) => {
    if (classBook.terms.kind === "Residual") return;
    const principal = classBook.outstandingAssets;
    const income = incomeOf(facility, index, nowAt);
    payClass(facility, index, income, principal);
    classBook.interestDueAssets = 0n;
    classBook.missedAt = 0n;
    left -= income + principal;
  });
  for (const lotId of facility.lots.keys()) leave(facility, nowAt, lotId);
  bookProceeds(facility, left);
}

function outstandingOf(facility: Facility, classIndex: number): bigint {
  return facility.classes[classIndex]!.outstandingAssets;
}

/** What a redemption pays a class as income: premium, interest due, accrued to now. */
function incomeOf(facility: Facility, classIndex: number, nowAt: bigint): bigint {
  const { outstandingAssets, interestDueAssets, terms } = facility.classes[classIndex]!;
  const premium = ceilDiv(outstandingAssets * terms.callPremiumBps, BPS);
  return premium + interestDueAssets + accruedAssets(facility, classIndex, nowAt);
}
