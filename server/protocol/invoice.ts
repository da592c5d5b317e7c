// What a lessee owes for one period: the same function, with the same names, as contracts/lease/Invoice.sol, which
// states the formula. Both run test/vectors/invoice.json. Every rounding is against the payee.

export type InvoiceTerms = {
  readonly pricing: "TakeOrPay" | "Metered";
  readonly baseRentAssets: bigint; // a month
  readonly gpuHourRateAssets: bigint; // per GPU-hour
  readonly sla: readonly { readonly availabilityBps: bigint; readonly creditBps: bigint }[];
};

/** The counters of a meter that rent depends on. */
export type InvoiceMeter = {
  readonly gpuCount: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly curtailedGpuSec: bigint;
};

export type Statement = {
  readonly gpuCount: bigint;
  readonly periodSec: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly curtailedGpuSec: bigint;
  readonly availabilityBps: bigint;
  readonly baseAssets: bigint;
  readonly meteredAssets: bigint;
  readonly slaCreditAssets: bigint;
  readonly dueAssets: bigint;
};

const BPS = 10_000n;
const HOUR_SEC = 3_600n;

/** The statement for a period of `periodSec` whose ends are metered by `from` and `to`; throws where a counter fell. */
export function computeInvoice(
  terms: InvoiceTerms,
  from: InvoiceMeter,
  to: InvoiceMeter,
  periodSec: bigint,
): Statement {
  const { gpuCount } = to;
  const availableGpuSec = rise("availableGpuSec", from, to);
  const allocatedGpuSec = rise("allocatedGpuSec", from, to);
  const curtailedGpuSec = rise("curtailedGpuSec", from, to);
  const availabilityBps = availability(gpuCount, gpuCount * periodSec - curtailedGpuSec, availableGpuSec);

  const isTakeOrPay = terms.pricing === "TakeOrPay";
  const baseAssets = isTakeOrPay ? terms.baseRentAssets : 0n;
  const meteredAssets = isTakeOrPay ? 0n : (allocatedGpuSec * terms.gpuHourRateAssets) / HOUR_SEC;
  const rentAssets = baseAssets + meteredAssets;
  const creditBps = terms.sla.findLast((step) => availabilityBps < step.availabilityBps)?.creditBps ?? 0n;
  const slaCreditAssets = (rentAssets * creditBps + BPS - 1n) / BPS;

  return {
    gpuCount,
    periodSec,
    availableGpuSec,
    allocatedGpuSec,
    curtailedGpuSec,
    availabilityBps,
    baseAssets,
    meteredAssets,
    slaCreditAssets,
    dueAssets: rentAssets - slaCreditAssets,
  };
}

function availability(gpuCount: bigint, requiredGpuSec: bigint, availableGpuSec: bigint): bigint {
  if (gpuCount === 0n) return 0n;
  if (requiredGpuSec <= 0n) return BPS;
  const bps = (availableGpuSec * BPS) / requiredGpuSec;
  return bps < BPS ? bps : BPS;
}

function rise(
  counter: "availableGpuSec" | "allocatedGpuSec" | "curtailedGpuSec",
  from: InvoiceMeter,
  to: InvoiceMeter,
) {
  const difference = to[counter] - from[counter];
  if (difference < 0n) throw new RangeError(`${counter} fell from ${from[counter]} to ${to[counter]}`);
  return difference;
}
