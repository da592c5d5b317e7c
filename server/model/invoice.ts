import { BPS, E4 } from "../protocol/units.ts";
import { ceilDiv, WAD } from "./schedule.ts";
import type { EfficiencyClause, LeaseMeter, LeaseTerms } from "./types.ts";
import { max, min, minus } from "./waterfall.ts";

// What a lessee owes for one period (docs/deal.md §7); every rounding is against the payee.

const HOUR_SEC = 3600n;
const WH_PER_KWH = 1000n;

export interface InvoicePeriod {
  readonly fromAt: bigint;
  readonly untilAt: bigint;
  /** Where an early end cuts the period short; untilAt where none does. */
  readonly endAt: bigint;
  readonly isRenewed: boolean;
  /** IndexLinked: dollars a GPU-hour as fixed for the day the period starts on; undefined where it was not fixed. */
  readonly indexWad: bigint | undefined;
}

export interface Statement {
  readonly rentAssets: bigint;
  readonly slaCreditAssets: bigint;
  readonly bonusAssets: bigint;
  readonly efficiencyCreditAssets: bigint;
  readonly dueAssets: bigint;
}

export function invoice(terms: LeaseTerms, period: InvoicePeriod, from: LeaseMeter, to: LeaseMeter): Statement {
  const rentAssets = rentOf(terms, period, to.allocatedGpuSec - from.allocatedGpuSec);
  const slaCreditAssets = ceilDiv(rentAssets * creditBps(terms, period.endAt - period.fromAt, from, to), BPS);
  const { bonusAssets, creditAssets } = efficiencyOf(terms.efficiency, rentAssets, from, to);
  const efficiencyCreditAssets = min(creditAssets, rentAssets - slaCreditAssets);
  const dueAssets = rentAssets - slaCreditAssets + bonusAssets - efficiencyCreditAssets;
  return { rentAssets, slaCreditAssets, bonusAssets, efficiencyCreditAssets, dueAssets };
}

function rentOf(terms: LeaseTerms, period: InvoicePeriod, allocatedGpuSec: bigint): bigint {
  if (terms.pricing === "TakeOrPay") {
    const base = renewed(terms, period, terms.baseRentAssets);
    return (base * (period.endAt - period.fromAt)) / (period.untilAt - period.fromAt);
  }
  const rate = terms.pricing === "Metered" ? terms.gpuHourRateAssets : indexRate(terms, period.indexWad);
  return (allocatedGpuSec * renewed(terms, period, rate)) / HOUR_SEC;
}

function indexRate({ index, dollarAssets }: LeaseTerms, indexWad: bigint | undefined): bigint {
  if (indexWad === undefined) return index.floorAssets;
  const rate = (indexWad * dollarAssets * index.participationBps) / (WAD * BPS);
  return min(index.capAssets, max(index.floorAssets, rate));
}

function renewed({ exit }: LeaseTerms, { isRenewed }: InvoicePeriod, assets: bigint): bigint {
  return isRenewed ? (assets * exit.renewalRentBps) / BPS : assets;
}

/** The credit of the last row that the availability is under. */
function creditBps({ sla }: LeaseTerms, lengthSec: bigint, from: LeaseMeter, to: LeaseMeter): bigint {
  const availableBps = availabilityBps(lengthSec, from, to);
  let credit = 0n;
  for (const step of sla) if (availableBps < step.availabilityBps) credit = step.creditBps;
  return credit;
}

/** Curtailed time was not to be delivered. */
function availabilityBps(lengthSec: bigint, from: LeaseMeter, to: LeaseMeter): bigint {
  if (to.gpuCount === 0n) return 0n;
  const required = minus(to.gpuCount * lengthSec, to.curtailedGpuSec - from.curtailedGpuSec);
  if (required === 0n) return BPS;
  return min(((to.availableGpuSec - from.availableGpuSec) * BPS) / required, BPS);
}

function efficiencyOf(
  { metric, target, kWhRateAssets, sharedBps, maxBps }: EfficiencyClause,
  rentAssets: bigint,
  from: LeaseMeter,
  to: LeaseMeter,
): { bonusAssets: bigint; creditAssets: bigint } {
  if (metric === "None") return { bonusAssets: 0n, creditAssets: 0n };
  const itWh = to.itEnergyWh - from.itEnergyWh;
  const allowed =
    metric === "Pue" ? (itWh * target) / E4 : ((to.allocatedGpuSec - from.allocatedGpuSec) * target) / HOUR_SEC;
  const used = metric === "Pue" ? to.facilityEnergyWh - from.facilityEnergyWh : itWh;
  const most = (rentAssets * maxBps) / BPS;
  const price = kWhRateAssets * sharedBps;
  return {
    bonusAssets: min((minus(allowed, used) * price) / (WH_PER_KWH * BPS), most),
    creditAssets: min(ceilDiv(minus(used, allowed) * price, WH_PER_KWH * BPS), most),
  };
}
