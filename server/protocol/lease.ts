import { ZeroAddress } from "ethers";

// The enumerations of a lease by their place in the contracts' own, and terms that ask for nothing.

export const PRICINGS = ["TakeOrPay", "Metered", "IndexLinked"] as const;
export const EFFICIENCY_METRICS = ["None", "Pue", "WhPerGpuHour"] as const;

/** Every clause that terms may leave out, left out: to be spread into them first. */
export const NO_CLAUSES = {
  index: { source: ZeroAddress, participationBps: 0n, floorAssets: 0n, capAssets: 0n },
  efficiency: { metric: 0n, targetUnits: 0n, sharedBps: 0n, maxBps: 0n, kWhRateAssets: 0n },
  payment: { dueSec: 0n, lateFeeBps: 0n, cureSec: 0n, prepaidMonthCount: 0n, depositAssets: 0n },
  exit: {
    ...{ minPeriodCount: 0n, noticeSec: 0n, renewalPeriodCount: 0n, renewalRentBps: 0n },
    ...{ terminationFeeAssets: 0n, purchaseAssets: 0n },
  },
  tripleNet: false,
  relatedParty: false,
  lesseeBucket: 0n,
  countries: [] as string[],
  sla: [] as { availabilityBps: bigint; creditBps: bigint }[],
};
