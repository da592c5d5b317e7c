import { addMonths } from "../../server/protocol/calendar.ts";
import type {
  ClassTerms,
  Covenants,
  FacilityTerms,
  FeeTerms,
  RatchetStep,
  Step,
  StepKind,
} from "../../server/model/types.ts";
import type { Random } from "./random.ts";

// Random deals, every list of steps in a random order that the page allows.

const DAY = 86_400n;
const WAD = 10n ** 18n;
/** The least that a class raises: a whole token. */
export const SHARE_ASSETS = 10n ** 6n;

/** Where the first payment date stands: month ends, leap days, any time of day. */
const ANCHORS = ["2027-03-29", "2027-03-30", "2027-03-31", "2028-02-29", "2028-02-28", "2027-12-31", "2027-04-15"];

export const PAYEES = ["payee0", "payee1", "payee2"] as const;

export function randomAnchorAt(random: Random): bigint {
  return BigInt(Date.parse(random.pick(ANCHORS)) / 1000) + random.big(0, 86_399);
}

export function randomDeal(random: Random, firstPaymentAt: bigint): FacilityTerms {
  const scale = random.whole(8, 18);
  const seniorCount = random.whole(1, 4);
  const seniors = Array.from({ length: seniorCount }, () => seniorTerms(random, scale));
  const fees = Array.from({ length: random.whole(0, 3) }, (_, index) => feeTerms(random, PAYEES[index]!, scale));
  const reserveTargetAssets = random.chance(0.25) ? 0n : random.amount(scale - 2, scale);
  const isAnticipated = random.chance(0.4);
  return {
    firstPaymentAt,
    anticipatedRepaymentAt: isAnticipated ? addMonths(firstPaymentAt, random.whole(2, 30)) + random.big(-1, 1) : 0n,
    callableAt: random.chance(0.7) ? addMonths(firstPaymentAt, random.whole(0, 12)) : 0n,
    reserveTargetAssets,
    initialReserveAssets: random.part(reserveTargetAssets),
    classes: [...seniors, residualTerms(random, scale)],
    fees,
    covenants: covenants(random),
    ratchet: ratchet(random),
    auction: {
      startBps: random.big(5_000, 15_000),
      floorBps: random.big(1_000, 9_999),
      durationSec: random.big(3_600, 30 * 86_400),
    },
    performingSteps: performingSteps(random, seniorCount, fees.length, reserveTargetAssets > 0n),
    amortisationSteps: withFees(random, mixed(random, seniorCount), [], fees.length, seniorCount),
    enforcementSteps: withFees(random, byClass(seniorCount), [], fees.length, seniorCount),
  };
}

function seniorTerms(random: Random, scale: number): ClassTerms {
  const targetAssets = random.amount(scale - 1, scale);
  const principalKind = random.pick(["LevelPay", "Scheduled", "Balloon", "Sequential"] as const);
  const termMonthCount = random.chance(0.4) ? random.whole(1, 15) : random.whole(12, 60);
  return {
    kind: "Senior",
    principalKind,
    dayCount: random.pick(["Thirty360", "Actual360"] as const),
    couponBps: random.chance(0.1) ? 0n : random.big(1, 2_500),
    termMonthCount,
    callPremiumBps: random.chance(0.3) ? 0n : random.big(1, 500),
    targetAssets,
    minimumAssets: SHARE_ASSETS,
    balloonAssets: principalKind === "LevelPay" && random.chance(0.4) ? random.part(targetAssets) : 0n,
    scheduledWad: principalKind === "Scheduled" ? scheduledWad(random, termMonthCount) : [],
  };
}

function scheduledWad(random: Random, count: number): bigint[] {
  let left = WAD;
  return Array.from({ length: count }, (_, index) => {
    if (index === count - 1) return 0n;
    left -= (random.part(left) * 2n) / BigInt(count - index);
    if (left < 0n) left = 0n;
    return left;
  });
}

function residualTerms(random: Random, scale: number): ClassTerms {
  return {
    kind: "Residual",
    principalKind: "LevelPay",
    dayCount: "Thirty360",
    couponBps: 0n,
    termMonthCount: 0,
    callPremiumBps: 0n,
    targetAssets: random.amount(scale - 1, scale),
    minimumAssets: SHARE_ASSETS,
    balloonAssets: 0n,
    scheduledWad: [],
  };
}

function feeTerms(random: Random, payee: string, scale: number): FeeTerms {
  const fixedAssets = random.chance(0.3) ? 0n : random.amount(1, scale - 3);
  return {
    payee,
    collectionsBps: random.chance(0.4) ? 0n : random.big(1, 300),
    fixedAssets,
    capAssets: random.pick([0n, fixedAssets, fixedAssets + random.amount(1, scale - 2), 10n ** 30n]),
  };
}

function covenants(random: Random): Covenants {
  const trapDscrBps = random.chance(0.2) ? 0n : random.big(10_000, 16_000);
  return {
    trapDscrBps,
    amortiseDscrBps: random.chance(0.3) ? 0n : (trapDscrBps * random.big(500, 1_000)) / 1_000n,
    dscrPeriodCount: trapDscrBps === 0n ? 0 : random.whole(1, 4),
    maxLtvBps: random.chance(0.3) ? 0n : random.big(5_000, 9_500),
    minCoverageBps: random.chance(0.3) ? 0n : random.big(5_000, 10_000),
    covenantCureSec: random.big(1, 120) * DAY,
    interestCureSec: random.big(0, 60) * DAY,
  };
}

function ratchet(random: Random): RatchetStep[] {
  let maxPueE4 = 10_000n;
  let marginBps = 0n;
  return Array.from({ length: random.whole(0, 3) }, () => {
    maxPueE4 += random.big(1, 3_000);
    marginBps += random.big(0, 200);
    return { maxPueE4, marginBps };
  });
}

// Lists of steps

const step = (kind: StepKind, subjectIndex = 0): Step => ({ kind, subjectIndex });

/** Interest and principal, a principal anywhere below the interest of its class and of those before it. */
function mixed(random: Random, seniorCount: number): Step[] {
  const steps: Step[] = [];
  let [interests, principals] = [0, 0];
  while (principals < seniorCount) {
    if (interests < seniorCount && (interests === principals || random.chance(0.7)))
      steps.push(step("Interest", interests++));
    else steps.push(step("Principal", principals++));
  }
  return steps;
}

function byClass(seniorCount: number): Step[] {
  return Array.from({ length: seniorCount }, (_, index) => [step("Interest", index), step("Principal", index)]).flat();
}

function performingSteps(random: Random, seniorCount: number, feeCount: number, hasReserve: boolean): Step[] {
  const steps = mixed(random, seniorCount);
  const firstPrincipal = steps.findIndex(({ kind }) => kind === "Principal");
  if (hasReserve) steps.splice(random.whole(0, firstPrincipal), 0, step("Reserve"));
  const below = random.chance(0.7) ? Array.from({ length: seniorCount }, (_, index) => step("Turbo", index)) : [];
  if (random.chance(0.8)) below.splice(random.whole(0, below.length), 0, step("Trap"));
  return withFees(random, steps, below, feeCount, seniorCount);
}

/** The fees at random places, their excess below all principal, the residual last. */
function withFees(random: Random, above: Step[], below: Step[], feeCount: number, residualIndex: number): Step[] {
  const places = (list: Step[]) =>
    Array.from({ length: feeCount }, () => random.whole(0, list.length)).sort((a, b) => a - b);
  const insert = (kind: StepKind, list: Step[]) => {
    const result = [...list];
    places(list).forEach((place, index) => result.splice(place + index, 0, step(kind, index)));
    return result;
  };
  const hasExcess = random.chance(0.7);
  return [
    ...insert("Fee", above),
    ...(hasExcess ? insert("FeeExcess", below) : below),
    step("Residual", residualIndex),
  ];
}
