import { BPS, EPOCH_SEC, WAD } from "./units.ts";

// What a lessee owes for one period: the same function, with the same names, as contracts/lease/Invoice.sol, which
// states the formula. Both run test/vectors/invoice.json. Every rounding is against the payee.

export type InvoiceTerms = {
  readonly pricing: "TakeOrPay" | "Metered" | "IndexLinked";
  readonly baseRentAssets: bigint; // a month
  readonly gpuHourRateAssets: bigint; // per GPU-hour
  readonly index: { readonly participationBps: bigint; readonly floorAssets: bigint; readonly capAssets: bigint };
  readonly efficiency: {
    readonly metric: "None" | "Pue" | "WhPerGpuHour";
    readonly targetUnits: bigint; // 1e4 × the ratio, or Wh
    readonly sharedBps: bigint;
    readonly maxBps: bigint;
    readonly kWhRateAssets: bigint;
  };
  readonly exit: { readonly renewalRentBps: bigint };
  readonly sla: readonly { readonly availabilityBps: bigint; readonly creditBps: bigint }[];
};

/** The counters of a meter that rent depends on. */
export type InvoiceMeter = {
  readonly gpuCount: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly curtailedGpuSec: bigint;
  readonly itEnergyWh: bigint;
  readonly facilityEnergyWh: bigint;
};

/** What a statement depends on beside the terms and the meters. */
export type Span = {
  readonly periodSec: bigint; // that were let
  readonly wholeSec: bigint; // of the whole month
  readonly isRenewed: boolean;
  readonly indexWad: bigint; // 0 where none was fixed
  readonly oneAssets: bigint; // one whole token
};

export type Statement = {
  readonly gpuCount: bigint;
  readonly periodSec: bigint;
  readonly wholeSec: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly curtailedGpuSec: bigint;
  readonly itEnergyWh: bigint;
  readonly facilityEnergyWh: bigint;
  readonly indexWad: bigint;
  readonly availabilityBps: bigint;
  readonly rateAssets: bigint;
  readonly baseAssets: bigint;
  readonly meteredAssets: bigint;
  readonly slaCreditAssets: bigint;
  readonly bonusAssets: bigint;
  readonly excessCreditAssets: bigint;
  readonly dueAssets: bigint;
};

const KWH_WH = 1000n;
const MAX_INDEX_WAD = 2n ** 128n - 1n;

/** The statement for a period whose ends are metered by `from` and `to`; throws where a counter fell. */
export function computeInvoice(terms: InvoiceTerms, from: InvoiceMeter, to: InvoiceMeter, span: Span): Statement {
  const { gpuCount } = to;
  const { periodSec, wholeSec } = span;
  const availableGpuSec = rise("availableGpuSec", from, to);
  const allocatedGpuSec = rise("allocatedGpuSec", from, to);
  const curtailedGpuSec = rise("curtailedGpuSec", from, to);
  const itEnergyWh = rise("itEnergyWh", from, to);
  const facilityEnergyWh = rise("facilityEnergyWh", from, to);
  const availabilityBps = availability(gpuCount, gpuCount * periodSec - curtailedGpuSec, availableGpuSec);

  const renewed = (assets: bigint) => (span.isRenewed ? (assets * terms.exit.renewalRentBps) / BPS : assets);
  const isTakeOrPay = terms.pricing === "TakeOrPay";
  const isLinked = terms.pricing === "IndexLinked";
  const rateAssets = isTakeOrPay ? 0n : renewed(isLinked ? linked(terms.index, span) : terms.gpuHourRateAssets);
  const baseAssets = isTakeOrPay ? (renewed(terms.baseRentAssets) * periodSec) / wholeSec : 0n;
  const meteredAssets = (allocatedGpuSec * rateAssets) / EPOCH_SEC;
  const rentAssets = baseAssets + meteredAssets;
  const creditBps = terms.sla.findLast((step) => availabilityBps < step.availabilityBps)?.creditBps ?? 0n;
  const slaCreditAssets = ceil(rentAssets * creditBps, BPS);
  const leftAssets = rentAssets - slaCreditAssets;

  const { metric, targetUnits, sharedBps, maxBps, kWhRateAssets } = terms.efficiency;
  const isPue = metric === "Pue";
  const allowedWh = isPue ? (itEnergyWh * targetUnits) / BPS : (allocatedGpuSec * targetUnits) / EPOCH_SEC;
  const savedWh = metric === "None" ? 0n : allowedWh - (isPue ? facilityEnergyWh : itEnergyWh);
  const limitAssets = (rentAssets * maxBps) / BPS;
  const priceAssets = kWhRateAssets * sharedBps;
  const bonusAssets = savedWh > 0n ? least(limitAssets, (savedWh * priceAssets) / (KWH_WH * BPS)) : 0n;
  const excessCreditAssets =
    savedWh < 0n ? least(leftAssets, least(limitAssets, ceil(-savedWh * priceAssets, KWH_WH * BPS))) : 0n;

  return {
    ...{ gpuCount, periodSec, wholeSec, availableGpuSec, allocatedGpuSec, curtailedGpuSec },
    ...{ itEnergyWh, facilityEnergyWh, indexWad: isLinked ? span.indexWad : 0n, availabilityBps, rateAssets },
    ...{ baseAssets, meteredAssets, slaCreditAssets, bonusAssets, excessCreditAssets },
    dueAssets: leftAssets + bonusAssets - excessCreditAssets,
  };
}

function availability(gpuCount: bigint, requiredGpuSec: bigint, availableGpuSec: bigint): bigint {
  if (gpuCount === 0n) return 0n;
  return requiredGpuSec <= 0n ? BPS : least(BPS, (availableGpuSec * BPS) / requiredGpuSec);
}

/** A part of the index, between floor and cap. */
function linked({ participationBps, floorAssets, capAssets }: InvoiceTerms["index"], span: Span): bigint {
  const assets = (least(span.indexWad, MAX_INDEX_WAD) * participationBps * span.oneAssets) / (WAD * BPS);
  return least(capAssets, assets > floorAssets ? assets : floorAssets);
}

function ceil(x: bigint, y: bigint): bigint {
  return (x + y - 1n) / y;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function rise(counter: Exclude<keyof InvoiceMeter, "gpuCount">, from: InvoiceMeter, to: InvoiceMeter): bigint {
  const difference = to[counter] - from[counter];
  if (difference < 0n) throw new RangeError(`${counter} fell from ${from[counter]} to ${to[counter]}`);
  return difference;
}
