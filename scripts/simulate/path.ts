import { close } from "../../server/model/enforcement.ts";
import * as model from "../../server/model/facility.ts";
import { distribute } from "../../server/model/payment.ts";
import { declareInterestDefault, declareMaturityDefault } from "../../server/model/triggers.ts";
import { MONTH_HOURS } from "../catalogue.ts";
import type { Deal, DealLease } from "./deal.ts";
import { assetsOf } from "./figures.ts";
import { calendarOf, facilityTermsOf } from "./terms.ts";
import { monthlyYield } from "../../server/model/yields.ts";

// One random path of a deal, run by the independent model (server/model): rents, utilization, defaults and resale
// values are drawn, payments and triggers follow docs/deal.md.

/** What a path gave one class. */
export interface ClassOutcome {
  /** Principal never repaid ÷ raised. */
  loss: number;
  /** Net rent and sales ÷ interest and principal of this class and those above, over the path's life. */
  coverage: number;
  /** A year, compounded monthly; −1 where nothing came back. */
  yield: number;
}

export interface Outcome {
  classes: ClassOutcome[];
  /** The lowest cover of debt service that was tested. */
  lowestDscr: number;
  isTrapped: boolean;
  isAmortisedEarly: boolean;
  isEnforced: boolean;
}

/** A deal at the start of performing, which each path copies. */
export interface Start {
  deal: Deal;
  facility: model.Facility;
  periodCount: number;
}

const MONTHS = 12;
const DAY_SEC = 86_400n;
const BPS = 10_000;
/** Lots are sold this many months after enforcement began. */
const SALE_MONTHS = 2;

export function startOf(deal: Deal): Start {
  const { fundedAt, periodCount } = calendarOf(deal);
  const terms = facilityTermsOf(
    deal,
    deal.fees.map(({ name }) => name),
  );
  const facility = model.openFacility(terms);
  terms.classes.forEach(({ targetAssets }, index) => model.subscribe(facility, index, "holder", targetAssets));
  model.startFunding(facility, BigInt(fundedAt));
  deal.lots.forEach(({ cost }, index) => model.draw(facility, String(index), assetsOf(cost), assetsOf(cost)));
  model.startPerforming(facility, BigInt(fundedAt));
  return { deal, facility, periodCount };
}

/** A standard normal (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A lease on its path: 1 as agreed, else what its lot was let again for; nothing until a month. */
interface Tenancy {
  lease: DealLease;
  fullRent: number;
  level: number;
  emptyUntil: number;
}

export function runPath({ deal, facility: start, periodCount }: Start, random: () => number): Outcome {
  const { paths } = deal;
  const facility = model.cloneFacility(start);
  const tenancies = deal.leases.map((lease) => ({ lease, fullRent: fullRent(deal, lease), level: 1, emptyUntil: 0 }));
  const flows = facility.classes.map(({ raisedAssets }) => {
    const own = new Float64Array(periodCount + MONTHS + 1);
    own[0] = -Number(raisedAssets);
    return own;
  });
  const seen = { lowestDscr: Infinity, isTrapped: false, isAmortisedEarly: false, isEnforced: false };
  let [market, resale, received] = [1, 1, 0];
  let enforcedAt = Infinity;

  for (let month = 0; month < periodCount + MONTHS && !isOver(facility, month, periodCount); month++) {
    market *= growth(random, paths.rentDriftBpsAYear, paths.rentVolatilityBpsAYear);
    resale *= growth(random, 0, paths.residualVolatilityBpsAYear);
    if (facility.lots.size > 0) {
      model.collect(facility, units(rentOf(tenancies, month, { deal, market, random })));
      received += buy(facility, tenancies, month);
    }
    received += Number(distribute(facility).netAssets);

    const nowAt = facility.datesAt[month]! + facility.terms.covenants.interestCureSec + DAY_SEC;
    for (let index = 0; index < facility.classes.length; index++) {
      if (declareInterestDefault(facility, nowAt, index) || declareMaturityDefault(facility, nowAt, index)) {
        enforcedAt = month;
      }
    }
    if (month >= enforcedAt + SALE_MONTHS) {
      received += sell(facility, deal, month, resale);
      close(facility, nowAt);
    }
    note(facility, flows, seen, month);
  }
  return { ...seen, classes: classesOf(facility, flows, received) };
}

function isOver({ state, classes }: model.Facility, month: number, periodCount: number): boolean {
  if (state === "Closed") return true;
  return month >= periodCount && classes.every((one) => one.terms.kind === "Residual" || one.outstandingAssets === 0n);
}

function growth(random: () => number, driftBps: number, volatilityBps: number): number {
  const volatility = volatilityBps / BPS / Math.sqrt(MONTHS);
  return Math.exp(Math.log1p(driftBps / BPS) / MONTHS - (volatility * volatility) / 2 + volatility * normal(random));
}

function units(amount: number): bigint {
  return BigInt(Math.round(amount));
}

/** A month's rent as agreed; of metered GPU-hours at full use. */
function fullRent(deal: Deal, { lot, rent, gpuHourRate }: DealLease): number {
  if (rent !== undefined) return Number(assetsOf(rent));
  return Number(assetsOf(gpuHourRate ?? "0")) * deal.lots[lot]!.gpuCount * Number(MONTH_HOURS);
}

interface Draws {
  deal: Deal;
  market: number;
  random: () => number;
}

function rentOf(tenancies: Tenancy[], month: number, { deal, market, random }: Draws): number {
  const { paths, operation } = deal;
  const survival = (1 - paths.defaultBpsAYear / BPS) ** (1 / MONTHS);
  let total = 0;
  for (const tenancy of tenancies) {
    const { startMonth, months, pricing } = tenancy.lease;
    if (month < startMonth || month >= startMonth + months) continue;
    if (month >= tenancy.emptyUntil && random() > survival) {
      tenancy.emptyUntil = month + 1 + paths.reletMonths;
      tenancy.level = 0;
    }
    if (month < tenancy.emptyUntil) continue;
    if (tenancy.level === 0) tenancy.level = Math.min(1, (market * paths.reletRentBps) / BPS);
    total += tenancy.fullRent * tenancy.level * (pricing === "Metered" ? use(operation, paths, random) : 1);
  }
  return total;
}

function use({ allocatedBps }: Deal["operation"], paths: Deal["paths"], random: () => number): number {
  return Math.min(1, Math.max(0, (allocatedBps + normal(random) * paths.utilizationVolatilityBps) / BPS));
}

/** Lessees that never defaulted buy at their lease's end, as agreed. */
function buy(facility: model.Facility, tenancies: readonly Tenancy[], month: number): number {
  let total = 0;
  for (const { lease, level } of tenancies) {
    const isLast = month === lease.startMonth + lease.months - 1;
    if (!isLast || lease.purchase === undefined || level !== 1) continue;
    const price = assetsOf(lease.purchase);
    model.bookSale(facility, price);
    facility.lots.delete(String(lease.lot));
    total += Number(price);
  }
  return total;
}

/** The lots that are left go for their residual value, as far as the market pays it and the auction begins above it. */
function sell(facility: model.Facility, deal: Deal, month: number, resale: number): number {
  let total = 0;
  deal.lots.forEach(({ cost, residualBps }, index) => {
    if (!facility.lots.delete(String(index))) return;
    const year = Math.min(Math.floor(month / MONTHS) + 1, residualBps.length - 1);
    total += Math.min(deal.auction.startBps, residualBps[year]! * resale) * (Number(assetsOf(cost)) / BPS);
  });
  model.bookProceeds(facility, units(total));
  return total;
}

function note(
  facility: model.Facility,
  flows: readonly Float64Array[],
  seen: Omit<Outcome, "classes">,
  month: number,
): void {
  const { state, classes } = facility;
  seen.isTrapped ||= state === "CashTrap";
  seen.isAmortisedEarly ||= state === "EarlyAmortisation";
  seen.isEnforced ||= state === "Enforcement" || classes.some(({ lossAssets }) => lossAssets > 0n);
  const dscr = model.dscrBps(facility);
  if (dscr !== undefined) seen.lowestDscr = Math.min(seen.lowestDscr, Number(dscr) / BPS);
  for (let index = 0; index < flows.length; index++) {
    const book = classes[index]!;
    flows[index]![month + 1] = Number(book.unclaimedAssets);
    book.unclaimedAssets = 0n;
  }
}

function classesOf(facility: model.Facility, flows: readonly Float64Array[], received: number): ClassOutcome[] {
  let owed = 0;
  return facility.classes.map((book, index) => {
    const raised = Number(book.raisedAssets);
    const isResidual = book.terms.kind === "Residual";
    if (!isResidual) owed += Number(book.interestPaidAssets + book.interestDueAssets) + raised;
    const returned = flows[index]!.reduce((sum, flow) => sum + flow, raised);
    // The residual is repaid by whatever it gets: its loss is what did not come back of what was paid in.
    const unpaid = isResidual ? Math.max(0, raised - returned) : Number(book.lossAssets + book.outstandingAssets);
    return { loss: unpaid / raised, coverage: received / owed, yield: monthlyYield(flows[index]!) ?? -1 };
  });
}
