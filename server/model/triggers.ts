import { BPS } from "../protocol/units.ts";
import { isRunning, paymentAt, periodOf, seniorOwedAssets, type Facility } from "./facility.ts";
import { moveTrap } from "./payment.ts";

// What anyone may show of a facility (docs/deal.md §5). Each verb answers whether the facts bear it; if not, nothing
// has changed.

const HOUR_SEC = 3600n;
const MAX_DAY_AGE_SEC = 14n * 86_400n;

export type CovenantTrigger = "Ltv" | "Coverage" | "Country";

/** The value that an appraisal gives, not stale. */
export function declareLtv(facility: Facility, nowAt: bigint, valueAssets: bigint): boolean {
  if (!isTrapping(facility) || facility.breaches.ltvAt > 0n || !isOverLtv(facility, nowAt, valueAssets)) return false;
  facility.breaches.ltvAt = nowAt;
  moveTrap(facility);
  return true;
}

export function cureLtv(facility: Facility, nowAt: bigint, valueAssets: bigint): boolean {
  if (facility.breaches.ltvAt === 0n || isOverLtv(facility, nowAt, valueAssets)) return false;
  facility.breaches.ltvAt = 0n;
  moveTrap(facility);
  return true;
}

function isOverLtv(facility: Facility, nowAt: bigint, valueAssets: bigint): boolean {
  const { maxLtvBps } = facility.terms.covenants;
  return maxLtvBps > 0n && seniorOwedAssets(facility, nowAt) * BPS > maxLtvBps * valueAssets;
}

/** A day that is later than the last one shown of the lot, and at most two weeks past. */
export function declareCoverage(
  facility: Facility,
  nowAt: bigint,
  lotId: string,
  dayAt: bigint,
  coverageBps: bigint,
): boolean {
  const { breaches, terms, lots } = facility;
  const lot = lots.get(lotId);
  if (!isTrapping(facility) || lot === undefined || breaches.coverage.has(lotId)) return false;
  if (dayAt <= lot.shownDayAt || nowAt - dayAt > MAX_DAY_AGE_SEC) return false;
  if (coverageBps >= terms.covenants.minCoverageBps) return false;
  lot.shownDayAt = dayAt;
  breaches.coverage.set(lotId, nowAt);
  moveTrap(facility);
  return true;
}

export function cureCoverage(facility: Facility, lotId: string, dayAt: bigint, coverageBps: bigint): boolean {
  const { breaches, terms, lots } = facility;
  const lot = lots.get(lotId);
  if (lot === undefined || !breaches.coverage.has(lotId) || dayAt <= lot.shownDayAt) return false;
  if (coverageBps < terms.covenants.minCoverageBps) return false;
  lot.shownDayAt = dayAt;
  breaches.coverage.delete(lotId);
  moveTrap(facility);
  return true;
}

export function declareCountry(facility: Facility, nowAt: bigint, lotId: string, isAllowed: boolean): boolean {
  if (!isTrapping(facility) || !facility.lots.has(lotId) || isAllowed) return false;
  if (facility.breaches.country.has(lotId)) return false;
  facility.breaches.country.set(lotId, nowAt);
  moveTrap(facility);
  return true;
}

export function cureCountry(facility: Facility, lotId: string, isAllowed: boolean): boolean {
  if (!isAllowed || !facility.breaches.country.delete(lotId)) return false;
  moveTrap(facility);
  return true;
}

/** A covenant's breach that stayed open too long ends the performing life. */
export function declareAmortisation(
  facility: Facility,
  nowAt: bigint,
  trigger: CovenantTrigger,
  lotId: string,
): boolean {
  const openedAt = openSince(facility, trigger, lotId);
  if (!isTrapping(facility) || openedAt === 0n) return false;
  if (nowAt < openedAt + facility.terms.covenants.covenantCureSec) return false;
  facility.state = "EarlyAmortisation";
  return true;
}

function openSince({ breaches }: Facility, trigger: CovenantTrigger, lotId: string): bigint {
  if (trigger === "Ltv") return breaches.ltvAt;
  if (trigger === "Coverage") return breaches.coverage.get(lotId) ?? 0n;
  return breaches.country.get(lotId) ?? 0n;
}

/** The most senior class that is owed anything missed its interest, too long ago. */
export function declareInterestDefault(facility: Facility, nowAt: bigint, classIndex: number): boolean {
  const { missedAt, terms } = facility.classes[classIndex]!;
  if (!isDefaultable(facility) || terms.kind === "Residual" || missedAt === 0n) return false;
  const isMostSenior = facility.classes
    .slice(0, classIndex)
    .every(({ outstandingAssets, interestDueAssets }) => outstandingAssets === 0n && interestDueAssets === 0n);
  if (!isMostSenior || nowAt <= missedAt + facility.terms.covenants.interestCureSec) return false;
  facility.state = "Enforcement";
  return true;
}

/** A senior class is outstanding too long after the last date of its term, which has been run. */
export function declareMaturityDefault(facility: Facility, nowAt: bigint, classIndex: number): boolean {
  const { terms, outstandingAssets } = facility.classes[classIndex]!;
  if (!isDefaultable(facility) || terms.kind === "Residual" || outstandingAssets === 0n) return false;
  const lastIndex = terms.termMonthCount - 1;
  if (facility.nextIndex <= lastIndex) return false;
  if (nowAt <= paymentAt(facility, lastIndex) + facility.terms.covenants.interestCureSec) return false;
  facility.state = "Enforcement";
  return true;
}

/** The PUE of all lots over the period before sets the margin of the period under way, once. */
export function showPue(facility: Facility, nowAt: bigint, pueE4: bigint): boolean {
  const { ratchet } = facility.terms;
  if (!isRunning(facility) || facility.nextIndex === 0 || ratchet.length === 0) return false;
  if (facility.shownMarginBps !== undefined || nowAt >= paymentAt(facility, facility.nextIndex)) return false;
  const row = ratchet.find(({ maxPueE4 }) => pueE4 <= maxPueE4) ?? ratchet[ratchet.length - 1]!;
  facility.shownMarginBps = row.marginBps;
  return true;
}

/** The hours that the PUE of the period before is of. */
export function pueHours(facility: Facility): { fromAt: bigint; untilAt: bigint } {
  const { fromAt, untilAt } = periodOf(facility, facility.nextIndex - 1);
  return { fromAt: fromAt - (fromAt % HOUR_SEC), untilAt: untilAt - (untilAt % HOUR_SEC) };
}

function isTrapping({ state }: Facility): boolean {
  return state === "Performing" || state === "CashTrap";
}

function isDefaultable(facility: Facility): boolean {
  return isRunning(facility) && facility.state !== "Enforcement";
}
