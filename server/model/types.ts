import type { DayCount } from "../protocol/calendar.ts";
import type { FACILITY_STATES, STEP_KINDS } from "../protocol/deal.ts";

// The terms of a deal, as the model reads them: the words of docs/deal.md. Money, times (unix seconds), durations and
// rates are bigint; indices and counts are number.

export interface ClassTerms {
  readonly kind: "Senior" | "Residual";
  readonly principalKind: "LevelPay" | "Scheduled" | "Balloon" | "Sequential";
  readonly dayCount: DayCount;
  readonly couponBps: bigint;
  /** N: how many payment dates the schedule has. */
  readonly termMonthCount: number;
  readonly callPremiumBps: bigint;
  readonly targetAssets: bigint;
  readonly minimumAssets: bigint;
  /** LevelPay only. */
  readonly balloonAssets: bigint;
  /** Scheduled only: the part of the principal that each date leaves. */
  readonly scheduledWad: readonly bigint[];
}

export interface FeeTerms {
  readonly payee: string;
  readonly collectionsBps: bigint;
  readonly fixedAssets: bigint;
  /** The most the Fee step pays at one date; what is due above it waits for the FeeExcess step. */
  readonly capAssets: bigint;
}

export interface Covenants {
  readonly trapDscrBps: bigint;
  readonly amortiseDscrBps: bigint;
  readonly dscrPeriodCount: number;
  /** 0: no test. */
  readonly maxLtvBps: bigint;
  /** 0: no test. */
  readonly minCoverageBps: bigint;
  readonly covenantCureSec: bigint;
  readonly interestCureSec: bigint;
}

export interface RatchetStep {
  readonly maxPueE4: bigint;
  readonly marginBps: bigint;
}

export interface AuctionTerms {
  readonly startBps: bigint;
  readonly floorBps: bigint;
  readonly durationSec: bigint;
}

export type StepKind = (typeof STEP_KINDS)[number];

export interface Step {
  readonly kind: StepKind;
  readonly subjectIndex: number;
}

export interface FacilityTerms {
  readonly firstPaymentAt: bigint;
  /** 0: none. */
  readonly anticipatedRepaymentAt: bigint;
  /** 0: never. */
  readonly callableAt: bigint;
  readonly reserveTargetAssets: bigint;
  readonly initialReserveAssets: bigint;
  /** Senior classes in order of seniority, the residual class last. */
  readonly classes: readonly ClassTerms[];
  readonly fees: readonly FeeTerms[];
  readonly covenants: Covenants;
  readonly ratchet: readonly RatchetStep[];
  readonly auction: AuctionTerms;
  readonly performingSteps: readonly Step[];
  readonly amortisationSteps: readonly Step[];
  readonly enforcementSteps: readonly Step[];
}

export type State = (typeof FACILITY_STATES)[number];

export interface IndexClause {
  readonly participationBps: bigint;
  readonly floorAssets: bigint;
  readonly capAssets: bigint;
}

export interface EfficiencyClause {
  readonly metric: "None" | "Pue" | "WhPerGpuHour";
  /** E4 for a PUE, Wh for energy a GPU-hour. */
  readonly target: bigint;
  readonly kWhRateAssets: bigint;
  readonly sharedBps: bigint;
  readonly maxBps: bigint;
}

export interface PaymentClause {
  readonly dueSec: bigint;
  /** A year. */
  readonly lateFeeBps: bigint;
  readonly cureSec: bigint;
  readonly depositAssets: bigint;
  readonly prepaidMonthCount: number;
}

export interface ExitClause {
  readonly minPeriodCount: number;
  readonly noticeSec: bigint;
  readonly terminationFeeAssets: bigint;
  readonly purchaseAssets: bigint;
  readonly renewalPeriodCount: number;
  readonly renewalRentBps: bigint;
}

export interface SlaStep {
  readonly availabilityBps: bigint;
  readonly creditBps: bigint;
}

export interface LeaseTerms {
  /** Whole units of the settlement token in one dollar: 10 ^ its decimals. */
  readonly dollarAssets: bigint;
  readonly pricing: "TakeOrPay" | "Metered" | "IndexLinked";
  readonly startAt: bigint;
  readonly periodCount: number;
  readonly baseRentAssets: bigint;
  readonly gpuHourRateAssets: bigint;
  readonly index: IndexClause;
  readonly efficiency: EfficiencyClause;
  readonly payment: PaymentClause;
  readonly exit: ExitClause;
  readonly relatedParty: boolean;
  /** Availability falling, credit rising. */
  readonly sla: readonly SlaStep[];
}

/** A lot's cumulative counters that a lease reads. */
export interface LeaseMeter {
  readonly gpuCount: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly curtailedGpuSec: bigint;
  readonly itEnergyWh: bigint;
  readonly facilityEnergyWh: bigint;
}
