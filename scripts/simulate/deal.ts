import { Type, type Static } from "typebox";

import { assetsOf, parseMarked, readNamed, refuse, type Marked } from "./figures.ts";

const strict = { additionalProperties: false };
const oneOf = <const T extends readonly string[]>(names: T) =>
  Type.Unsafe<T[number]>({ type: "string", enum: [...names] });
const Name = Type.String({ minLength: 1, maxLength: 60 });
const Dollars = Type.String({ pattern: "^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,6})?$", description: "decimal dollars" });
const Bps = Type.Integer({ minimum: 0, maximum: 10_000 });
const Ratio = Type.Integer({ minimum: 0, maximum: 60_000, description: "in basis points, may exceed 100 %" });
const Months = Type.Integer({ minimum: 1, maximum: 120 });
const Days = Type.Integer({ minimum: 0, maximum: 365 });
const Country = Type.String({ pattern: "^[A-Z]{2}$" });

/** GPUs of one model at one site. */
const LotSchema = Type.Object(
  {
    name: Name,
    model: Name,
    /** Design power of one GPU. */
    tdpW: Type.Integer({ minimum: 1, maximum: 10_000 }),
    gpuCount: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    cost: Dollars,
    country: Country,
    gridZone: Type.String({ minLength: 1, maxLength: 31 }),
    evidenceClass: Type.Integer({ minimum: 0, maximum: 4 }),
    /** Value in parts of cost at the end of year 0, 1, … */
    residualBps: Type.Array(Bps, { minItems: 1, maxItems: 21 }),
  },
  strict,
);

const LeaseSchema = Type.Object(
  {
    lot: Type.Integer({ minimum: 0 }),
    lessee: Name,
    /** Credit bucket of the lessee, 0 the best. */
    bucket: Type.Integer({ minimum: 0, maximum: 9 }),
    pricing: oneOf(["TakeOrPay", "Metered"]),
    /** A month, under take-or-pay. */
    rent: Type.Optional(Dollars),
    /** A GPU-hour, metered. */
    gpuHourRate: Type.Optional(Dollars),
    startMonth: Type.Integer({ minimum: 0, maximum: 12 }),
    months: Months,
    dueDays: Type.Integer({ minimum: 0, maximum: 91 }),
    lateFeeBps: Bps,
    cureDays: Days,
    deposit: Dollars,
    tripleNet: Type.Boolean(),
    sla: Type.Array(Type.Object({ availabilityBps: Bps, creditBps: Bps }, strict), { maxItems: 8 }),
    /** What the lessee may buy the lot for when the lease ends, and does. */
    purchase: Type.Optional(Dollars),
  },
  strict,
);

const ClassSchema = Type.Object(
  {
    name: Type.String({ pattern: "^[A-Z][A-Za-z0-9]{0,11}$" }),
    principal: oneOf(["LevelPay", "Scheduled", "Balloon", "Sequential"]),
    dayCount: oneOf(["30/360", "actual/360"]),
    couponBps: Bps,
    months: Months,
    target: Dollars,
    balloon: Type.Optional(Dollars),
    /** Scheduled: what of the principal falls due at each date, in any unit; they are scaled to the whole. */
    schedule: Type.Optional(Type.Array(Dollars, { minItems: 1, maxItems: 120 })),
    callPremiumBps: Bps,
  },
  strict,
);

/** What a simulation needs to know of a deal; amounts are dollars. */
const DealSchema = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,40}$" }),
    title: Name,
    about: Type.String(),
    /** The first day of the leases; payment dates are on the first of each month after it. */
    startOn: Type.String({ pattern: "^20[0-9]{2}-[01][0-9]-01$" }),
    lots: Type.Array(LotSchema, { minItems: 1, maxItems: 8 }),
    leases: Type.Array(LeaseSchema, { minItems: 1, maxItems: 8 }),
    /** Senior first. */
    classes: Type.Array(ClassSchema, { minItems: 1, maxItems: 7 }),
    residual: Type.Object({ target: Dollars }, strict),
    advanceBps: Bps,
    /** Paid in this order before interest; what exceeds a cap is paid after principal. */
    fees: Type.Array(Type.Object({ name: Name, fixed: Dollars, collectionsBps: Bps, cap: Dollars }, strict), {
      maxItems: 6,
    }),
    reserve: Type.Object({ target: Dollars, initial: Dollars }, strict),
    covenants: Type.Object(
      {
        trapDscrBps: Ratio,
        amortiseDscrBps: Ratio,
        dscrPeriods: Type.Integer({ minimum: 1, maximum: 12 }),
        maxLtvBps: Ratio,
        minCoverageBps: Bps,
        covenantCureDays: Days,
        interestCureDays: Days,
        countries: Type.Array(Country),
      },
      strict,
    ),
    auction: Type.Object({ startBps: Bps, floorBps: Bps, days: Type.Integer({ minimum: 1, maximum: 90 }) }, strict),
    callableMonth: Type.Optional(Months),
    anticipatedRepaymentMonth: Type.Optional(Months),
    /** How the GPUs run: allocated time, power of design power, IT ÷ GPU and facility ÷ IT energy. */
    operation: Type.Object({ allocatedBps: Bps, powerBps: Bps, itPerGpuE4: Ratio, pueE4: Ratio, cfeBps: Bps }, strict),
    /** What random paths are drawn from; a year where it says so. */
    paths: Type.Object(
      {
        defaultBpsAYear: Bps,
        reletMonths: Type.Integer({ minimum: 0, maximum: 36 }),
        reletRentBps: Ratio,
        rentDriftBpsAYear: Type.Integer({ minimum: -6_000, maximum: 6_000 }),
        rentVolatilityBpsAYear: Ratio,
        utilizationVolatilityBps: Bps,
        residualVolatilityBpsAYear: Ratio,
      },
      strict,
    ),
  },
  strict,
);

export type Deal = Static<typeof DealSchema>;
export type DealClass = Deal["classes"][number];
export type DealLease = Deal["leases"][number];

export const DEAL_NAMES = ["xai-2026", "xai-2026-balloon", "crusoe-2023", "ddtl", "equipment-abs"] as const;

/** A deal by its name, or out of a user's file. */
export function readDeal(name: string): Marked<Deal> {
  const [file, json] = readNamed("deals", name, "deal", DEAL_NAMES);
  return parseDeal(file, json);
}

export function parseDeal(file: string, json: unknown): Marked<Deal> {
  const marked = parseMarked(DealSchema, file, json);
  const [fault] = faultsOf(marked.content);
  if (fault !== undefined) throw refuse(file, ...fault);
  return marked;
}

/** How many payment dates a deal has. */
export function periodCountOf(deal: Deal): number {
  return Math.max(...deal.classes.map(({ months }) => months));
}

/** Undrawn money has to be there for the reserve; what is drawn is the lots' cost. */
export function raisedOf(deal: Deal): bigint {
  return [...deal.classes, deal.residual].reduce((sum, { target }) => sum + assetsOf(target), 0n);
}

export function costOf(deal: Deal): bigint {
  return deal.lots.reduce((sum, { cost }) => sum + assetsOf(cost), 0n);
}

type Fault = [path: string, value: unknown, rule: string];

/** What no schema says. */
function faultsOf(deal: Deal): Fault[] {
  const faults: Fault[] = [];
  const demand = (isSound: boolean, ...fault: Fault) => {
    if (!isSound) faults.push(fault);
  };
  const { lots, leases, classes, covenants, auction, reserve } = deal;
  demand(
    Number(deal.startOn.slice(5, 7)) >= 1 && !Number.isNaN(Date.parse(deal.startOn)),
    "/startOn",
    deal.startOn,
    "no date",
  );
  for (const [i, lot] of lots.entries()) {
    const falls = lot.residualBps.every((bps, year) => year === 0 || bps <= lot.residualBps[year - 1]!);
    demand(falls, `/lots/${i}/residualBps`, lot.residualBps, "must not rise");
    demand(assetsOf(lot.cost) > 0n, `/lots/${i}/cost`, lot.cost, "must be more than nothing");
    demand(
      lots.findIndex(({ model }) => model === lot.model) === i || sameModel(deal, lot.model),
      `/lots/${i}/model`,
      lot.model,
      "has another tdpW or residualBps elsewhere",
    );
  }
  for (const [i, lease] of leases.entries()) {
    demand(lease.lot < lots.length, `/leases/${i}/lot`, lease.lot, `must be below ${lots.length}`);
    demand(
      leases.findIndex(({ lot }) => lot === lease.lot) === i,
      `/leases/${i}/lot`,
      lease.lot,
      "has a lease already",
    );
    const field = lease.pricing === "TakeOrPay" ? "rent" : "gpuHourRate";
    demand(lease[field] !== undefined, `/leases/${i}/${field}`, lease[field], `${lease.pricing} needs it`);
    const other = lease.pricing === "TakeOrPay" ? "gpuHourRate" : "rent";
    demand(lease[other] === undefined, `/leases/${i}/${other}`, lease[other], `${lease.pricing} has none`);
    const isNet = !lease.tripleNet || (lease.pricing === "TakeOrPay" && lease.sla.length === 0);
    demand(isNet, `/leases/${i}/tripleNet`, true, "is for take-or-pay without an SLA");
    for (const [j, step] of lease.sla.entries()) {
      const above = lease.sla[j - 1];
      const isSorted =
        above === undefined || (step.availabilityBps < above.availabilityBps && step.creditBps > above.creditBps);
      demand(isSorted, `/leases/${i}/sla/${j}`, step, "availability must fall and credit rise");
    }
  }
  for (const [i, { principal, target, balloon = "0", schedule, months }] of classes.entries()) {
    demand(assetsOf(target) >= 1_000_000n, `/classes/${i}/target`, target, "must be a dollar at least");
    demand(assetsOf(balloon) <= assetsOf(target), `/classes/${i}/balloon`, balloon, "exceeds the target");
    demand(balloon === "0" || principal === "LevelPay", `/classes/${i}/balloon`, balloon, "is for LevelPay");
    const length = principal === "Scheduled" ? months : undefined;
    demand(
      schedule?.length === length,
      `/classes/${i}/schedule`,
      schedule?.length,
      `must have ${length ?? "no"} entries`,
    );
  }
  const isFilled = assetsOf(reserve.initial) <= assetsOf(reserve.target);
  demand(isFilled, "/reserve/initial", reserve.initial, "exceeds the target");
  const needed = costOf(deal) + assetsOf(reserve.initial);
  demand(
    raisedOf(deal) >= needed,
    "/residual/target",
    deal.residual.target,
    "cost and initial reserve exceed what is raised",
  );
  demand(
    covenants.amortiseDscrBps <= covenants.trapDscrBps,
    "/covenants/amortiseDscrBps",
    covenants.amortiseDscrBps,
    "exceeds trapDscrBps",
  );
  demand(
    auction.floorBps >= 1 && auction.floorBps <= auction.startBps,
    "/auction/floorBps",
    auction.floorBps,
    "must be 1 to startBps",
  );
  return faults;
}

function sameModel({ lots }: Deal, model: string): boolean {
  const [first, ...others] = lots.filter((lot) => lot.model === model);
  return others.every(
    (lot) => lot.tdpW === first?.tdpW && JSON.stringify(lot.residualBps) === JSON.stringify(first.residualBps),
  );
}
