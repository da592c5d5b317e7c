import { addMonths } from "../../server/protocol/calendar.ts";
import type { ClassTerms, FacilityTerms, Step, StepKind } from "../../server/model/types.ts";
import { periodCountOf, type Deal, type DealClass } from "./deal.ts";
import { assetsOf } from "./figures.ts";

const DAY_SEC = 86_400;
const WAD = 10n ** 18n;

/** When everything of a deal happens, in unix seconds. */
export interface Calendar {
  /** The first lease begins, and with it the first reported hour: midnight UTC on the first of a month. */
  startAt: number;
  /** Noon of that day: classes are raised, lots drawn on. */
  fundedAt: number;
  /** P(0): noon on the first of the next month. */
  firstPaymentAt: number;
  periodCount: number;
}

/**
 * A payment date is run so long after the month it pays for: by then the last hour's report is Final, the month is
 * invoiced and the rent is in. A date that is run late counts as run on its day.
 */
export const RUN_LAG_SEC = DAY_SEC + 300;

export function calendarOf(deal: Deal): Calendar {
  const startAt = Date.parse(deal.startOn) / 1000;
  const fundedAt = startAt + DAY_SEC / 2;
  return { startAt, fundedAt, firstPaymentAt: later(fundedAt, 1), periodCount: periodCountOf(deal) };
}

/** So many calendar months later. */
export function later(timeAt: number, monthCount: number): number {
  return Number(addMonths(BigInt(timeAt), monthCount));
}

/** What a facility is made with, as docs/deal.md says it; addresses are added where it goes on-chain. */
export function facilityTermsOf(deal: Deal, payees: readonly string[]): FacilityTerms {
  const { firstPaymentAt, fundedAt } = calendarOf(deal);
  const { covenants, auction, reserve } = deal;
  const dateOf = (month: number | undefined) => (month === undefined ? 0n : BigInt(later(fundedAt, month)));
  return {
    firstPaymentAt: BigInt(firstPaymentAt),
    anticipatedRepaymentAt: dateOf(deal.anticipatedRepaymentMonth),
    callableAt: dateOf(deal.callableMonth),
    reserveTargetAssets: assetsOf(reserve.target),
    initialReserveAssets: assetsOf(reserve.initial),
    classes: [...deal.classes.map(seniorTerms), residualTerms(assetsOf(deal.residual.target))],
    fees: deal.fees.map((fee, index) => ({
      payee: payees[index]!,
      collectionsBps: BigInt(fee.collectionsBps),
      fixedAssets: assetsOf(fee.fixed),
      capAssets: assetsOf(fee.cap),
    })),
    covenants: {
      trapDscrBps: BigInt(covenants.trapDscrBps),
      amortiseDscrBps: BigInt(covenants.amortiseDscrBps),
      dscrPeriodCount: covenants.dscrPeriods,
      maxLtvBps: BigInt(covenants.maxLtvBps),
      minCoverageBps: BigInt(covenants.minCoverageBps),
      covenantCureSec: BigInt(covenants.covenantCureDays * DAY_SEC),
      interestCureSec: BigInt(covenants.interestCureDays * DAY_SEC),
    },
    ratchet: [],
    auction: {
      startBps: BigInt(auction.startBps),
      floorBps: BigInt(auction.floorBps),
      durationSec: BigInt(auction.days * DAY_SEC),
    },
    ...stepsOf(deal.classes.length, deal.fees.length),
  };
}

function seniorTerms(one: DealClass): ClassTerms {
  const target = assetsOf(one.target);
  return {
    kind: "Senior",
    principalKind: one.principal,
    dayCount: one.dayCount === "30/360" ? "Thirty360" : "Actual360",
    couponBps: BigInt(one.couponBps),
    termMonthCount: one.months,
    callPremiumBps: BigInt(one.callPremiumBps),
    targetAssets: target,
    minimumAssets: target,
    balloonAssets: assetsOf(one.balloon ?? "0"),
    scheduledWad: scheduleOf(one.schedule ?? []),
  };
}

function residualTerms(targetAssets: bigint): ClassTerms {
  const none = { dayCount: "Thirty360", couponBps: 0n, termMonthCount: 0, callPremiumBps: 0n } as const;
  const amounts = { targetAssets, minimumAssets: targetAssets, balloonAssets: 0n, scheduledWad: [] };
  return { kind: "Residual", principalKind: "Sequential", ...none, ...amounts };
}

/** The part of the principal that each date leaves, out of what falls due at each. */
function scheduleOf(parts: readonly string[]): bigint[] {
  const total = parts.reduce((sum, part) => sum + assetsOf(part), 0n);
  let left = total;
  return parts.map((part) => {
    left -= assetsOf(part);
    return (left * WAD) / total;
  });
}

/** The order of the design: capped fees, interest, reserve, principal, trap or turbo, fees above the cap, residual. */
function stepsOf(
  seniorCount: number,
  feeCount: number,
): Pick<FacilityTerms, "performingSteps" | "amortisationSteps" | "enforcementSteps"> {
  const each = (kind: StepKind, count: number): Step[] =>
    Array.from({ length: count }, (_, subjectIndex) => ({ kind, subjectIndex }));
  const one = (kind: StepKind): Step => ({ kind, subjectIndex: 0 });
  const residual: Step = { kind: "Residual", subjectIndex: seniorCount };
  const interest = each("Interest", seniorCount);
  const principal = each("Principal", seniorCount);
  const fees = each("Fee", feeCount);
  const excess = each("FeeExcess", feeCount);
  const turbo = [one("Trap"), ...each("Turbo", seniorCount)];
  return {
    performingSteps: [...fees, ...interest, one("Reserve"), ...principal, ...turbo, ...excess, residual],
    amortisationSteps: [...fees, ...interest, ...principal, ...excess, residual],
    enforcementSteps: [...fees, ...interest.flatMap((step, index) => [step, principal[index]!]), ...excess, residual],
  };
}
