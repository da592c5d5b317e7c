import type { SimulationResult, StepResult } from "../../scripts/simulate/result.ts";

// A deal of ten months, small enough to be run in every scenario, and a reader of results that knows its terms and the
// rules of docs/deal.md: it recomputes each date from the rent alone.

const SLA = [
  { availabilityBps: 9_900, creditBps: 1_000 },
  { availabilityBps: 9_500, creditBps: 2_500 },
];
const LOT = { model: "NVIDIA H100", tdpW: 700, country: "US", gridZone: "US-ERCOT", evidenceClass: 3 };
const LEASE = {
  ...{ bucket: 2, startMonth: 0, months: 10, dueDays: 10, lateFeeBps: 1_200, cureDays: 20, tripleNet: false, sla: SLA },
};

export const SMALL_DEAL = {
  ...{ name: "small", title: "Small deal", about: "For tests.", startOn: "2028-01-01" },
  lots: [
    // Worth little after a year: whoever has to sell it loses.
    { ...LOT, name: "one", gpuCount: 800, cost: "14000000.00", residualBps: [10_000, 1_500] },
    { ...LOT, name: "two", gpuCount: 400, cost: "7000000.00", residualBps: [10_000, 1_500] },
  ],
  leases: [
    {
      ...LEASE,
      lot: 0,
      lessee: "first",
      pricing: "TakeOrPay",
      rent: "1110000.00",
      deposit: "100000.00",
      purchase: "2000000.00",
    },
    { ...LEASE, lot: 1, lessee: "second", pricing: "Metered", gpuHourRate: "3.50", deposit: "0" },
  ],
  classes: [
    {
      name: "A",
      principal: "LevelPay",
      dayCount: "30/360",
      couponBps: 900,
      months: 10,
      target: "12000000.00",
      callPremiumBps: 100,
    },
    {
      name: "B",
      principal: "Sequential",
      dayCount: "actual/360",
      couponBps: 1_100,
      months: 10,
      target: "5000000.00",
      callPremiumBps: 50,
    },
  ],
  residual: { target: "5000000.00" },
  advanceBps: 10_000,
  fees: [
    { name: "trustee", fixed: "5000.00", collectionsBps: 0, cap: "4000.00" },
    { name: "servicer", fixed: "0", collectionsBps: 50, cap: "100000.00" },
  ],
  reserve: { target: "1000000.00", initial: "1000000.00" },
  covenants: {
    ...{ trapDscrBps: 13_500, amortiseDscrBps: 12_500, dscrPeriods: 1, maxLtvBps: 0, minCoverageBps: 8_000 },
    ...{ covenantCureDays: 120, interestCureDays: 10, countries: ["US"] },
  },
  auction: { startBps: 9_000, floorBps: 1_000, days: 30 },
  ...{ callableMonth: 3, anticipatedRepaymentMonth: 8 },
  operation: { allocatedBps: 9_000, powerBps: 8_000, itPerGpuE4: 12_300, pueE4: 12_500, cfeBps: 4_000 },
  paths: {
    ...{
      defaultBpsAYear: 300,
      reletMonths: 3,
      reletRentBps: 7_000,
      rentDriftBpsAYear: 0,
      rentVolatilityBpsAYear: 3_000,
    },
    ...{ utilizationVolatilityBps: 500, residualVolatilityBpsAYear: 2_000 },
  },
};

const BPS = 10_000n;
const DAY_SEC = 86_400n;
const DATES = 10;
const [A_TARGET, B_TARGET, RESERVE_TARGET] = [12_000_000_000_000n, 5_000_000_000_000n, 1_000_000_000_000n];
const [TRUSTEE_FIXED, TRUSTEE_CAP, SERVICER_CAP] = [5_000_000_000n, 4_000_000_000n, 100_000_000_000n];
const TURBO_FROM = 7; // the eighth month after funding is P(7)

const min = (one: bigint, other: bigint) => (one < other ? one : other);
const over = (one: bigint, other: bigint) => (one > other ? one - other : 0n);

export interface Recomputed {
  periods: { state: string; steps: StepResult[] }[];
}

/** 12m over ten months at 0.75 %: ⌈12m · r ÷ (1 − (1 + r)^−10)⌉ in exact fractions. */
function levelPayment(): bigint {
  const [up, down] = [10_075n ** 10n, 10_000n ** 10n];
  // P · (f · r) ÷ (f − 1), f = up ÷ down, r = 75 ÷ 10,000
  const dividend = A_TARGET * up * 75n;
  const divisor = (up - down) * 10_000n;
  return (dividend + divisor - 1n) / divisor;
}

/** Noon on the first of the month, counted from January 2028. */
function noonOf(month: number): bigint {
  return BigInt(Date.UTC(2028, month, 1, 12) / 1000);
}

/** Every step of every date from the rents, the proceeds and what others declared, by docs/deal.md §4 and §5. */
export function recompute(result: SimulationResult): Recomputed {
  const level = levelPayment();
  const due = { a: 0n, b: 0n, trustee: 0n, servicer: 0n };
  let [a, b, left, reserve, trapped] = [A_TARGET, B_TARGET, A_TARGET, RESERVE_TARGET, 0n];
  let [state, isCoverageOpen, isDscrOpen] = ["Performing", false, false];

  const periods = result.periods.map(({ index, events, rent: rentText, collections }) => {
    for (const event of events) {
      if (event.startsWith("breach: coverage")) isCoverageOpen = true;
      if (event.startsWith("cured: coverage")) isCoverageOpen = false;
      if (event.startsWith("default is declared")) state = "Enforcement";
    }
    const rent = BigInt(rentText);
    const interestA = (a * 900n * 30n) / (BPS * 360n);
    const interestB = (b * 1_100n * (noonOf(index + 1) - noonOf(index))) / (BPS * 360n * DAY_SEC);
    due.a += interestA;
    due.b += interestB;
    const before = left;
    left = index >= DATES - 1 ? 0n : over(left + (left * 900n) / (BPS * 12n), level);
    const servicer = (rent * 50n) / BPS;
    due.trustee += TRUSTEE_FIXED;
    due.servicer += servicer;
    const net = over(rent, TRUSTEE_CAP + min(servicer, SERVICER_CAP));
    const service = interestA + interestB + (index < DATES ? over(min(before, a), left) : 0n);
    if (state === "Performing" || state === "CashTrap") {
      isDscrOpen = net * BPS < 13_500n * service;
      state = isDscrOpen || isCoverageOpen ? "CashTrap" : "Performing";
      if (net * BPS < 12_500n * service) state = "EarlyAmortisation";
    }

    const cash = BigInt(collections) + reserve + trapped;
    const isAll = state === "EarlyAmortisation" || state === "Enforcement";
    const isLast = index >= DATES - 1 || a + b === 0n;
    const isTurbo = index >= TURBO_FROM;
    const fees: Due[] = [
      ["Fee", "trustee", min(due.trustee, TRUSTEE_CAP)],
      ["Fee", "servicer", min(due.servicer, SERVICER_CAP)],
    ];
    const excess: Due[] = [
      ["FeeExcess", "trustee", over(due.trustee, TRUSTEE_CAP)],
      ["FeeExcess", "servicer", over(due.servicer, SERVICER_CAP)],
    ];
    const interest: Due[] = [
      ["Interest", "A", due.a],
      ["Interest", "B", due.b],
    ];
    const principal: Due[] = [
      ["Principal", "A", isAll ? a : over(a, left)],
      ["Principal", "B", b],
    ];
    const performing: Due[] = [
      ["Reserve", "", isLast ? 0n : min(RESERVE_TARGET, a + b)],
      ...principal,
      ["Trap", "", state === "CashTrap" && !isTurbo && !isLast ? cash : 0n],
      ["Turbo", "A", isTurbo ? min(a, left) : 0n],
      ["Turbo", "B", 0n],
    ];
    const split: Due[] = [interest[0]!, principal[0]!, interest[1]!, principal[1]!];
    const middle = state === "Enforcement" ? split : [...interest, ...(isAll ? principal : performing)];
    const steps = pay([...fees, ...middle, ...excess, ["Residual", "", cash]], cash);

    const paid = (kind: string, subject: string) =>
      BigInt(steps.find((step) => step.kind === kind && step.subject === subject)?.paid ?? 0n);
    due.a -= paid("Interest", "A");
    due.b -= paid("Interest", "B");
    due.trustee -= paid("Fee", "trustee") + paid("FeeExcess", "trustee");
    due.servicer -= paid("Fee", "servicer") + paid("FeeExcess", "servicer");
    a -= paid("Principal", "A") + paid("Turbo", "A");
    b -= paid("Principal", "B");
    reserve = paid("Reserve", "");
    trapped = paid("Trap", "");
    return { state, steps };
  });
  return { periods };
}

type Due = [kind: string, subject: string, assets: bigint];

/** Down the list; the trap and the residual are due what they get. */
function pay(dues: Due[], cash: bigint): StepResult[] {
  let rest = cash;
  return dues.map(([kind, subject, assets]) => {
    const paid = min(assets, rest);
    rest -= paid;
    const shown = kind === "Trap" || kind === "Residual" ? paid : assets;
    return { kind, subject, due: String(shown), paid: String(paid) };
  });
}
