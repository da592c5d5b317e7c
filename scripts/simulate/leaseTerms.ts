import { id, ZeroAddress, ZeroHash } from "ethers";

import type { Deal, DealLease } from "./deal.ts";
import { assetsOf } from "./figures.ts";
import { hourlyAssets, todaysAssets } from "./market.ts";

const DAY_SEC = 86_400;
const [TAKE_OR_PAY, METERED, INDEX_LINKED] = [0, 1, 2] as const;
const BPS = 10_000n;

/** What a lease is opened with beside the deal's own terms. */
export interface Letting {
  lotId: bigint;
  lessee: string;
  payee: string;
  asset: string;
  startAt: number;
  months: number;
  /** Where rents follow the market: the index that is read. */
  rateIndex: string | undefined;
  /** In parts of the deal's rent. */
  rentBps: number;
  /** Makes two equal leases two. */
  count: number;
}

/** Terms as the lessee signs them. */
export function leaseTermsOf(deal: Deal, lease: DealLease, letting: Letting) {
  const { lotId, lessee, payee, asset, startAt, months, rateIndex } = letting;
  const isLinked = rateIndex !== undefined;
  const isMetered = lease.pricing === "Metered";
  const scaled = (dollars: string | undefined) => (assetsOf(dollars ?? "0") * BigInt(letting.rentBps)) / BPS;
  const hourly = hourlyAssets(deal, lease);
  const isNet = lease.tripleNet && !isLinked;
  return {
    ...{ lotId, lessee, payee, asset, startAt, periodCount: months },
    pricing: isLinked ? INDEX_LINKED : isMetered ? METERED : TAKE_OR_PAY,
    baseRentAssets: isLinked || isMetered ? 0n : scaled(lease.rent),
    gpuHourRateAssets: isLinked || !isMetered ? 0n : scaled(lease.gpuHourRate),
    index: {
      source: rateIndex ?? ZeroAddress,
      participationBps: isLinked ? (hourly * BPS) / todaysAssets(deal, deal.lots[lease.lot]!.model) : 0n,
      floorAssets: 0n,
      capAssets: isLinked ? 10n * hourly : 0n,
    },
    efficiency: { metric: 0, targetUnits: 0, sharedBps: 0, maxBps: 0, kWhRateAssets: 0n },
    payment: {
      dueSec: lease.dueDays * DAY_SEC,
      lateFeeBps: lease.lateFeeBps,
      cureSec: lease.cureDays * DAY_SEC,
      prepaidMonthCount: 0,
      depositAssets: assetsOf(lease.deposit),
    },
    exit: {
      // Bought in its last month, if at all.
      minPeriodCount: months - 1,
      ...{ noticeSec: 0, renewalPeriodCount: 0, renewalRentBps: 0, terminationFeeAssets: 0n },
      purchaseAssets: assetsOf(lease.purchase ?? "0"),
    },
    ...{ tripleNet: isNet, relatedParty: false, lesseeBucket: lease.bucket, countries: [] },
    sla: lease.sla.map((step) => ({ ...step })),
    documentHash: id(`${deal.name}, lease of ${deal.lots[lease.lot]!.name}`),
    salt: letting.count === 0 ? ZeroHash : id(`letting ${letting.count}`),
  };
}
