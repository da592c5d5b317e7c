import { id, ZeroAddress, ZeroHash, type AddressLike } from "ethers";

import type { Deal, DealLease } from "./deal.ts";
import { assetsOf } from "./figures.ts";
import { rentBps, type Scenario } from "./scenario.ts";

const DAY_SEC = 86_400;
const [TAKE_OR_PAY, METERED, INDEX_LINKED] = [0, 1, 2] as const;
const HOURS = 730n; // of an average month
const BPS = 10_000n;
const WAD = 10n ** 18n;
const UNITS = 10n ** 6n;

/** What a lease is opened with beside the deal's own terms. */
export interface Letting {
  lotId: bigint;
  lessee: string;
  payee: string;
  asset: string;
  startAt: number;
  months: number;
  /** Where rents follow the market: the index that is read. */
  rateIndex: AddressLike | undefined;
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
  const isNet = lease.tripleNet && !isLinked;
  return {
    ...{ lotId, lessee, payee, asset, startAt, periodCount: months },
    pricing: isLinked ? INDEX_LINKED : isMetered ? METERED : TAKE_OR_PAY,
    baseRentAssets: isLinked || isMetered ? 0n : scaled(lease.rent),
    gpuHourRateAssets: isLinked || !isMetered ? 0n : scaled(lease.gpuHourRate),
    index: {
      source: rateIndex ?? ZeroAddress,
      participationBps: isLinked ? 10_000 : 0,
      floorAssets: 0n,
      capAssets: isLinked ? 10n * hourlyAssets(deal, lease) : 0n,
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

/** What a GPU-hour has to cost for the agreed rent of an average month. */
export function hourlyAssets(deal: Deal, lease: DealLease): bigint {
  if (lease.gpuHourRate !== undefined) return assetsOf(lease.gpuHourRate);
  const gpus = BigInt(deal.lots[lease.lot]!.gpuCount) * BigInt(deal.operation.allocatedBps);
  return (assetsOf(lease.rent ?? "0") * BPS) / (gpus * HOURS);
}

/** The market's rate of a lease's lot in a month, as the index fixes it. */
export function marketRateWad(deal: Deal, scenario: Scenario, lease: DealLease, month: number): bigint {
  return (hourlyAssets(deal, lease) * WAD * BigInt(rentBps(deal, scenario, month))) / (UNITS * BPS);
}
