import { id } from "ethers";

import { signQuotes } from "../quotes.ts";
import { todaysAssets } from "./market.ts";
import { rentBps, type Scenario } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { calendarOf, later } from "./terms.ts";

const BPS = 10_000n;
const UNITS = 10n ** 6n;
const WAD = 10n ** 18n;

/** Where rents follow the market: who publishes the price of a GPU-hour, and fixes it for the first of each month. */
export interface Rates {
  address: string;
  fix(month: number): Promise<void>;
}

/** The index, with its publishers listed; undefined where the scenario's rents are as agreed. */
export async function openRates(
  { deal, chain, parties, addresses, as }: Stage,
  scenario: Scenario,
): Promise<Rates | undefined> {
  if (scenario.rents.length === 0) return undefined;
  const { startAt } = calendarOf(deal);
  const { computeIndex } = as(parties.admin);
  for (const { address } of parties.publishers) await chain.send(() => computeIndex.listPublisher(address, true));
  const fixed = new Set<number>();
  return {
    address: addresses.computeIndex,
    async fix(month) {
      if (fixed.has(month)) return;
      fixed.add(month);
      for (const model of new Set(deal.leases.map(({ lot }) => deal.lots[lot]!.model))) {
        const rateWad = (todaysAssets(deal, model) * WAD * BigInt(rentBps(deal, scenario, month))) / (UNITS * BPS);
        const quoted = { modelId: id(model), dayAt: later(startAt, month), rateWad };
        const [quotes, signatures] = await signQuotes(computeIndex, parties.publishers, quoted);
        await chain.send(() => computeIndex.fix(quotes, signatures));
      }
    },
  };
}
