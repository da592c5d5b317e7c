import { DAY_COUNTS } from "../protocol/calendar.ts";
import { STEP_KINDS, PRINCIPAL_KINDS } from "../protocol/deal.ts";
import type { ClassTerms, FacilityTerms, Step } from "./types.ts";

// The terms of a facility out of what its creation's event says: integers as decimal text, enumerations by their place.

interface ClassJson {
  readonly kind: string;
  readonly principalKind: string;
  readonly dayCount: string;
  readonly couponBps: string;
  readonly termMonthCount: string;
  readonly callPremiumBps: string;
  readonly targetAssets: string;
  readonly minimumAssets: string;
  readonly balloonAssets: string;
  readonly scheduledWad: readonly string[];
}

interface StepJson {
  readonly kind: string;
  readonly subjectIndex: string;
}

/** `settings` of FacilityCreated, as far as payments go by it. */
export interface SettingsJson {
  readonly sponsor: string;
  readonly firstPaymentAt: string;
  readonly anticipatedRepaymentAt: string;
  readonly callableAt: string;
  readonly reserveTargetAssets: string;
  readonly initialReserveAssets: string;
  readonly classes: readonly { readonly name: string; readonly symbol: string; readonly terms: ClassJson }[];
  readonly fees: readonly Readonly<Record<"payee" | "collectionsBps" | "fixedAssets" | "capAssets", string>>[];
  readonly covenants: Readonly<
    Record<
      | "trapDscrBps"
      | "amortiseDscrBps"
      | "dscrPeriodCount"
      | "maxLtvBps"
      | "minCoverageBps"
      | "covenantCureSec"
      | "interestCureSec",
      string
    >
  >;
  readonly ratchet: readonly Readonly<Record<"maxPueE4" | "marginBps", string>>[];
  readonly auction: Readonly<Record<"startBps" | "floorBps" | "durationSec", string>>;
  readonly performingSteps: readonly StepJson[];
  readonly amortisationSteps: readonly StepJson[];
  readonly enforcementSteps: readonly StepJson[];
}

/** What a facility was made with, for the model. */
export function termsOf(settings: SettingsJson): FacilityTerms {
  const { covenants, auction } = settings;
  return {
    firstPaymentAt: BigInt(settings.firstPaymentAt),
    anticipatedRepaymentAt: BigInt(settings.anticipatedRepaymentAt),
    callableAt: BigInt(settings.callableAt),
    reserveTargetAssets: BigInt(settings.reserveTargetAssets),
    initialReserveAssets: BigInt(settings.initialReserveAssets),
    classes: settings.classes.map(({ terms }) => classTermsOf(terms)),
    fees: settings.fees.map(({ payee, collectionsBps, fixedAssets, capAssets }) => ({
      payee,
      collectionsBps: BigInt(collectionsBps),
      fixedAssets: BigInt(fixedAssets),
      capAssets: BigInt(capAssets),
    })),
    covenants: {
      trapDscrBps: BigInt(covenants.trapDscrBps),
      amortiseDscrBps: BigInt(covenants.amortiseDscrBps),
      dscrPeriodCount: Number(covenants.dscrPeriodCount),
      maxLtvBps: BigInt(covenants.maxLtvBps),
      minCoverageBps: BigInt(covenants.minCoverageBps),
      covenantCureSec: BigInt(covenants.covenantCureSec),
      interestCureSec: BigInt(covenants.interestCureSec),
    },
    ratchet: settings.ratchet.map(({ maxPueE4, marginBps }) => ({
      maxPueE4: BigInt(maxPueE4),
      marginBps: BigInt(marginBps),
    })),
    auction: {
      startBps: BigInt(auction.startBps),
      floorBps: BigInt(auction.floorBps),
      durationSec: BigInt(auction.durationSec),
    },
    performingSteps: settings.performingSteps.map(stepOf),
    amortisationSteps: settings.amortisationSteps.map(stepOf),
    enforcementSteps: settings.enforcementSteps.map(stepOf),
  };
}

/** A class's terms as the model takes them. */
export function classTermsOf(terms: ClassJson): ClassTerms {
  return {
    kind: terms.kind === "0" ? "Senior" : "Residual",
    principalKind: PRINCIPAL_KINDS[Number(terms.principalKind)] ?? "Sequential",
    dayCount: DAY_COUNTS[Number(terms.dayCount)] ?? "Thirty360",
    couponBps: BigInt(terms.couponBps),
    termMonthCount: Number(terms.termMonthCount),
    callPremiumBps: BigInt(terms.callPremiumBps),
    targetAssets: BigInt(terms.targetAssets),
    minimumAssets: BigInt(terms.minimumAssets),
    balloonAssets: BigInt(terms.balloonAssets),
    scheduledWad: terms.scheduledWad.map(BigInt),
  };
}

/** A step of the priority of payments out of an event. */
export function stepOf({ kind, subjectIndex }: StepJson): Step {
  return { kind: STEP_KINDS[Number(kind)] ?? "Fee", subjectIndex: Number(subjectIndex) };
}
