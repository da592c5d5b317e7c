import type { Transaction } from "ethers";

/** What a transaction offers for gas (EIP-1559), wei. */
export interface Fees {
  readonly maxFeePerGasWei: bigint;
  readonly priorityFeePerGasWei: bigint;
}

/** A node's pool takes another version of a transaction only when both fees are this much higher, or more. */
const RAISE_BPS = 1_000n;

/** The fees of a first version: what the chain suggests, under the cap; none while the base fee alone is above it. */
export function firstFees(suggested: Fees, baseFeeWei: bigint, capWei: bigint): Fees | undefined {
  if (baseFeeWei > capWei) return undefined;
  return capped(suggested, capWei);
}

/** The fees of the next version: both at least a tenth higher, or what the chain suggests by now; none above the cap. */
export function raisedFees(last: Fees, suggested: Fees, capWei: bigint): Fees | undefined {
  const lowest = {
    maxFeePerGasWei: raised(last.maxFeePerGasWei),
    priorityFeePerGasWei: raised(last.priorityFeePerGasWei),
  };
  if (lowest.maxFeePerGasWei > capWei) return undefined;
  const wanted = {
    maxFeePerGasWei: max(lowest.maxFeePerGasWei, suggested.maxFeePerGasWei),
    priorityFeePerGasWei: max(lowest.priorityFeePerGasWei, suggested.priorityFeePerGasWei),
  };
  const fees = capped(wanted, capWei);
  return fees.priorityFeePerGasWei < lowest.priorityFeePerGasWei ? undefined : fees;
}

function raised(feeWei: bigint): bigint {
  return feeWei + (feeWei * RAISE_BPS + 9_999n) / 10_000n + (feeWei === 0n ? 1n : 0n);
}

function capped({ maxFeePerGasWei, priorityFeePerGasWei }: Fees, capWei: bigint): Fees {
  const maxFee = maxFeePerGasWei < capWei ? maxFeePerGasWei : capWei;
  return {
    maxFeePerGasWei: maxFee,
    priorityFeePerGasWei: priorityFeePerGasWei < maxFee ? priorityFeePerGasWei : maxFee,
  };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Fees as a transaction names them. */
export function eip1559({ maxFeePerGasWei, priorityFeePerGasWei }: Fees) {
  return { maxFeePerGas: maxFeePerGasWei, maxPriorityFeePerGas: priorityFeePerGasWei };
}

/** The fees that a transaction offers. */
export function feesOf({ maxFeePerGas, maxPriorityFeePerGas }: Transaction): Fees {
  return { maxFeePerGasWei: maxFeePerGas ?? 0n, priorityFeePerGasWei: maxPriorityFeePerGas ?? 0n };
}
