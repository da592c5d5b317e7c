import type { LeaseTerms, SlaStep } from "../../server/model/types.ts";
import { EFFICIENCY_METRICS, PRICINGS } from "../../server/protocol/lease.ts";
import type { Random } from "./random.ts";

// Random terms of a lease that the contracts take, and the same as the contracts take them.

const DAY = 86_400;

export function randomTerms(random: Random, startAt: bigint, dollarAssets: bigint): LeaseTerms {
  const pricing = random.pick(PRICINGS);
  const periodCount = random.whole(1, 30);
  const floorAssets = random.chance(0.2) ? 0n : random.amount(1, 7);
  const isRenewable = random.chance(0.6);
  const isMeasured = random.chance(0.6);
  return {
    dollarAssets,
    pricing,
    startAt,
    periodCount,
    baseRentAssets: pricing === "TakeOrPay" ? random.amount(1, 14) : 0n,
    gpuHourRateAssets: pricing === "Metered" ? random.amount(1, 8) : 0n,
    index:
      pricing === "IndexLinked"
        ? { participationBps: random.big(1, 12_000), floorAssets, capAssets: floorAssets + random.amount(1, 7) }
        : { participationBps: 0n, floorAssets: 0n, capAssets: 0n },
    efficiency: isMeasured
      ? {
          metric: random.pick(["Pue", "WhPerGpuHour"] as const),
          target: random.big(1, 20_000),
          kWhRateAssets: random.amount(1, 7),
          sharedBps: random.big(1, 10_000),
          maxBps: random.big(1, 10_000),
        }
      : { metric: "None", target: 0n, kWhRateAssets: 0n, sharedBps: 0n, maxBps: 0n },
    payment: {
      dueSec: random.big(0, 91 * DAY),
      lateFeeBps: random.chance(0.2) ? 0n : random.big(1, 10_000),
      cureSec: random.big(0, 60 * DAY),
      depositAssets: random.chance(0.4) ? 0n : random.amount(1, 14),
      prepaidMonthCount: pricing === "TakeOrPay" ? random.whole(0, Math.min(periodCount, 3)) : 0,
    },
    exit: {
      minPeriodCount: random.whole(0, periodCount),
      noticeSec: random.big(0, 90 * DAY),
      terminationFeeAssets: random.chance(0.3) ? 0n : random.amount(1, 13),
      purchaseAssets: random.chance(0.4) ? 0n : random.amount(1, 15),
      renewalPeriodCount: isRenewable ? random.whole(1, 12) : 0,
      renewalRentBps: isRenewable ? random.big(1, 15_000) : 0n,
    },
    relatedParty: random.chance(0.3),
    sla: randomSla(random),
  };
}

/** Availability strictly falling, credit strictly rising. */
function randomSla(random: Random): SlaStep[] {
  const steps: SlaStep[] = [];
  let [availabilityBps, creditBps] = [10_001n, 0n];
  for (let count = random.whole(0, 4); count > 0; count--) {
    availabilityBps -= random.big(1, 800);
    creditBps += random.big(1, 2_500);
    steps.push({ availabilityBps, creditBps });
  }
  return steps;
}

export interface Parties {
  readonly lotId: bigint;
  readonly lessee: string;
  readonly payee: string;
  readonly asset: string;
  readonly index: string;
}

/** What `open` is called with. */
export function termsOf(terms: LeaseTerms, parties: Parties, salt: string) {
  const { dollarAssets: _, index, efficiency, ...rest } = terms;
  const { target: targetUnits, metric, ...measured } = efficiency;
  const { lotId, lessee, payee, asset } = parties;
  return {
    ...rest,
    ...{ lotId, lessee, payee, asset, salt },
    pricing: PRICINGS.indexOf(terms.pricing),
    index: { ...index, source: terms.pricing === "IndexLinked" ? parties.index : `0x${"0".repeat(40)}` },
    efficiency: { ...measured, targetUnits, metric: EFFICIENCY_METRICS.indexOf(metric) },
    tripleNet: false,
    lesseeBucket: 0,
    countries: [],
    documentHash: `0x${"0".repeat(64)}`,
  };
}
