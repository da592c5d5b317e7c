import { Type, type Static } from "typebox";

import { periodCountOf, type Deal } from "./deal.ts";
import { parseMarked, readNamed, refuse, type Marked } from "./figures.ts";

const strict = { additionalProperties: false };
const Percent = Type.Integer({ minimum: 0, maximum: 100, description: "of the deal's term" });
const Bps = Type.Integer({ minimum: 0, maximum: 10_000 });
const Lease = Type.Integer({ minimum: 0, maximum: 7 });

/**
 * What goes otherwise than agreed. Times are percents of the deal's term, rounded down to whole months, so that one
 * scenario fits every deal; lots and leases are counted from 0, one that a deal does not have is passed over.
 */
const ScenarioSchema = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,40}$" }),
    about: Type.String(),
    /** How the lots run for a time: shares of time available and curtailed, share of GPUs that report. */
    meters: Type.Array(
      Type.Object(
        {
          from: Percent,
          until: Percent,
          lots: Type.Optional(Type.Array(Lease, { minItems: 1, maxItems: 8 })),
          availableBps: Type.Optional(Bps),
          curtailedBps: Type.Optional(Bps),
          reportingBps: Type.Optional(Bps),
        },
        strict,
      ),
    ),
    /** The market's rent from a time on, in parts of today's. With any, every lease follows it (index-linked). */
    rents: Type.Array(Type.Object({ at: Percent, bps: Type.Integer({ minimum: 100, maximum: 60_000 }) }, strict)),
    /** Lessees that pay no invoice from a time on. */
    stops: Type.Array(Type.Object({ lease: Lease, at: Percent }, strict)),
    /** Lots that are let again after a default, at parts of the old rent, once the lease before is over. */
    relets: Type.Array(Type.Object({ lease: Lease, at: Percent, rentBps: Bps }, strict)),
    /** What buyers pay for a lot in enforcement, in parts of its model's residual curve. */
    bidBps: Type.Integer({ minimum: 0, maximum: 20_000 }),
    /** A new facility at another coupon redeems this one. */
    refinance: Type.Optional(Type.Object({ at: Percent, couponBps: Bps }, strict)),
  },
  strict,
);

export type Scenario = Static<typeof ScenarioSchema>;

export const SCENARIO_NAMES = ["base", "rent-crash", "default", "outage", "curtailment", "refinance"] as const;

/** A scenario by its name, or out of a user's file. */
export function readScenario(name: string): Marked<Scenario> {
  const [file, json] = readNamed("scenarios", name, "scenario", SCENARIO_NAMES);
  return parseScenario(file, json);
}

export function parseScenario(file: string, json: unknown): Marked<Scenario> {
  const marked = parseMarked(ScenarioSchema, file, json);
  for (const [index, { from, until }] of marked.content.meters.entries()) {
    if (from >= until) throw refuse(file, `/meters/${index}/until`, until, `must be after from (${from})`);
  }
  const { rents } = marked.content;
  for (const [index, { at }] of rents.entries()) {
    if (index > 0 && at <= rents[index - 1]!.at) throw refuse(file, `/rents/${index}/at`, at, "must rise");
  }
  return marked;
}

/** The month, counted from 0, that a percent of a deal's term falls in. */
export function monthAt(deal: Deal, percent: number): number {
  return Math.floor((percent * periodCountOf(deal)) / 100);
}

/** How a lot runs in a month. */
export interface Conduct {
  availableBps: number;
  curtailedBps: number;
  reportingBps: number;
}

/** Later entries win where several speak of a month. */
export function conductOf(deal: Deal, scenario: Scenario, lotIndex: number, month: number): Conduct {
  const conduct: Conduct = { availableBps: 10_000, curtailedBps: 0, reportingBps: 10_000 };
  for (const { from, until, lots, ...given } of scenario.meters) {
    const isThen = monthAt(deal, from) <= month && month < Math.max(monthAt(deal, until), monthAt(deal, from) + 1);
    if (isThen && (lots?.includes(lotIndex) ?? true)) Object.assign(conduct, given);
  }
  return conduct;
}

/** The market's rent in a month, in parts of today's. */
export function rentBps(deal: Deal, scenario: Scenario, month: number): number {
  return scenario.rents.findLast(({ at }) => monthAt(deal, at) <= month)?.bps ?? 10_000;
}
