import type { ClassTerms, FacilityTerms, LeaseMeter, LeaseTerms, Step } from "../../server/model/types.ts";

// A small deal and a small lease whose numbers can be followed by hand.

export const at = (iso: string) => BigInt(Date.parse(iso.length === 10 ? `${iso}T00:00:00Z` : iso) / 1000);
export const step = (kind: Step["kind"], subjectIndex = 0): Step => ({ kind, subjectIndex });

export const SENIOR: ClassTerms = {
  kind: "Senior",
  principalKind: "Scheduled",
  dayCount: "Thirty360",
  couponBps: 1200n,
  termMonthCount: 4,
  callPremiumBps: 100n,
  targetAssets: 1_000_000n,
  minimumAssets: 0n,
  balloonAssets: 0n,
  scheduledWad: [75n, 50n, 25n, 0n].map((part) => part * 10n ** 16n),
};

export const RESIDUAL: ClassTerms = {
  ...SENIOR,
  kind: "Residual",
  couponBps: 0n,
  termMonthCount: 0,
  targetAssets: 500_000n,
  scheduledWad: [],
};

/** Two senior classes over a residual one, one fee with a cap. */
export function dealTerms(changes: Partial<FacilityTerms> = {}): FacilityTerms {
  const above = [step("Fee"), step("Interest", 0), step("Interest", 1)];
  return {
    firstPaymentAt: at("2027-01-31"),
    anticipatedRepaymentAt: 0n,
    callableAt: 0n,
    reserveTargetAssets: 50_000n,
    initialReserveAssets: 40_000n,
    classes: [SENIOR, { ...SENIOR, couponBps: 2400n, targetAssets: 400_000n, principalKind: "Balloon" }, RESIDUAL],
    fees: [{ payee: "servicer", collectionsBps: 100n, fixedAssets: 1_000n, capAssets: 2_000n }],
    covenants: {
      trapDscrBps: 13_500n,
      amortiseDscrBps: 12_500n,
      dscrPeriodCount: 1,
      maxLtvBps: 8_000n,
      minCoverageBps: 9_000n,
      covenantCureSec: 100n,
      interestCureSec: 100n,
    },
    ratchet: [],
    auction: { startBps: 9_000n, floorBps: 5_000n, durationSec: 1_000n },
    performingSteps: [
      ...above,
      step("Reserve"),
      step("Principal", 0),
      step("Principal", 1),
      step("Trap"),
      step("Turbo", 0),
      step("FeeExcess"),
      step("Residual", 2),
    ],
    amortisationSteps: [...above, step("Principal", 0), step("Principal", 1), step("FeeExcess"), step("Residual", 2)],
    enforcementSteps: [
      step("Fee"),
      step("Interest", 0),
      step("Principal", 0),
      step("Interest", 1),
      step("Principal", 1),
      step("Residual", 2),
    ],
    ...changes,
  };
}

export const IDLE: LeaseMeter = {
  gpuCount: 10n,
  availableGpuSec: 0n,
  allocatedGpuSec: 0n,
  curtailedGpuSec: 0n,
  itEnergyWh: 0n,
  facilityEnergyWh: 0n,
};

export function leaseTerms(changes: Partial<LeaseTerms> = {}): LeaseTerms {
  return {
    dollarAssets: 1_000_000n,
    pricing: "TakeOrPay",
    startAt: at("2027-01-31"),
    periodCount: 12,
    baseRentAssets: 1_000_000n,
    gpuHourRateAssets: 0n,
    index: { participationBps: 0n, floorAssets: 0n, capAssets: 0n },
    efficiency: { metric: "None", target: 0n, kWhRateAssets: 0n, sharedBps: 0n, maxBps: 0n },
    payment: {
      dueSec: 86_400n,
      lateFeeBps: 3_600n,
      cureSec: 864_000n,
      depositAssets: 500_000n,
      prepaidMonthCount: 0,
    },
    exit: {
      minPeriodCount: 3,
      noticeSec: 86_400n,
      terminationFeeAssets: 200_000n,
      purchaseAssets: 3_000_000n,
      renewalPeriodCount: 6,
      renewalRentBps: 7_500n,
    },
    relatedParty: false,
    sla: [
      { availabilityBps: 9_900n, creditBps: 1_000n },
      { availabilityBps: 9_500n, creditBps: 2_500n },
    ],
    ...changes,
  };
}
