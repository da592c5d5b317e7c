import { min } from "./waterfall.ts";

// What an owner's shares of one class cost, so that a gain can be told when some of them go. Principal that comes back is
// cost that comes back, on all shares alike; what is lost takes its part of the cost with it.

export type BasisMethod = "fifo" | "average";

interface Parcel {
  shares: bigint;
  costAssets: bigint;
}

/** Shares in the order in which they came. */
export interface Basis {
  readonly method: BasisMethod;
  readonly parcels: Parcel[];
}

export function openBasis(method: BasisMethod): Basis {
  return { method, parcels: [] };
}

export function sharesOf({ parcels }: Basis): bigint {
  return parcels.reduce((sum, { shares }) => sum + shares, 0n);
}

export function costOf({ parcels }: Basis): bigint {
  return parcels.reduce((sum, { costAssets }) => sum + costAssets, 0n);
}

/** Shares that came, for what they cost. By the average all are one parcel. */
export function acquire({ method, parcels }: Basis, shares: bigint, costAssets: bigint): void {
  const [first] = parcels;
  if (method === "average" && first !== undefined) {
    first.shares += shares;
    first.costAssets += costAssets;
  } else parcels.push({ shares, costAssets });
}

/** Shares that go, the oldest first; what they cost. More than there are take all of it. */
export function dispose({ parcels }: Basis, shares: bigint): bigint {
  let left = shares;
  let basisAssets = 0n;
  while (left > 0n && parcels.length > 0) {
    const parcel = parcels[0]!;
    const taken = min(left, parcel.shares);
    const part = taken === parcel.shares ? parcel.costAssets : (parcel.costAssets * taken) / parcel.shares;
    parcel.shares -= taken;
    parcel.costAssets -= part;
    basisAssets += part;
    left -= taken;
    if (parcel.shares === 0n) parcels.shift();
  }
  return basisAssets;
}

/** Principal that came back, to each share alike: the cost that it is of; the rest of it is a gain. */
export function giveBack({ parcels }: Basis, assets: bigint): bigint {
  let sharesLeft = parcels.reduce((sum, { shares }) => sum + shares, 0n);
  let [assetsLeft, given] = [assets, 0n];
  for (const parcel of parcels) {
    const part = (assetsLeft * parcel.shares) / sharesLeft;
    sharesLeft -= parcel.shares;
    assetsLeft -= part;
    const off = min(parcel.costAssets, part);
    parcel.costAssets -= off;
    given += off;
  }
  return given;
}

/** Principal of `outstandingAssets` that was written off: the cost that is lost with it. */
export function writeOff({ parcels }: Basis, lossAssets: bigint, outstandingAssets: bigint): bigint {
  let lost = 0n;
  for (const parcel of parcels) {
    const part =
      outstandingAssets <= lossAssets ? parcel.costAssets : (parcel.costAssets * lossAssets) / outstandingAssets;
    parcel.costAssets -= part;
    lost += part;
  }
  return lost;
}
