import { openBooks } from "./books.ts";
import { openChain } from "./chain.ts";
import type { Deal } from "./deal.ts";
import type { Marked } from "./figures.ts";
import { openRates } from "./rates.ts";
import { refinance } from "./refinancing.ts";
import { startReporter } from "./reporter.ts";
import type { PeriodResult, SimulationResult } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { closeDeal, setStage } from "./stage.ts";
import { tenantsOf } from "./tenants.ts";
import { calendarOf, later, RUN_LAG_SEC } from "./terms.ts";
import { wardensOf } from "./wardens.ts";

/** Hears of each payment date as it is run. */
export type Listener = (period: PeriodResult, done: number, of: number) => void;

/** A deal in trouble goes on for so long after its last date: enforcement, and a year for rent that never comes. */
const AFTER_MONTHS = 24;
const DAY_SEC = 86_400;
const BUY_BEFORE_SEC = 1800;

/** Runs a deal on a chain of its own, month by month, with every check on every date. */
export async function simulate(
  deal: Marked<Deal>,
  scenario: Marked<Scenario>,
  listener: Listener,
): Promise<SimulationResult> {
  const startedMs = performance.now();
  const { startAt, periodCount } = calendarOf(deal.content);
  const chain = await openChain(startAt - DAY_SEC);
  const stage = await setStage(deal.content, chain);
  const reporter = await startReporter(stage, scenario.content, periodCount + AFTER_MONTHS);
  try {
    const tenants = tenantsOf(stage, scenario.content, reporter, await openRates(stage, scenario.content));
    const wardens = wardensOf(stage, scenario.content, reporter);
    await closeDeal(stage);
    await tenants.open();
    const books = await openBooks(stage);
    let story: string[] = [];

    for (let month = 0; month < periodCount + AFTER_MONTHS && (await books.state()) !== "Closed"; month++) {
      const [fromAt, untilAt] = [later(startAt, month), later(startAt, month + 1)];
      const days = reporter.batchesAt.filter((time) => time > fromAt + DAY_SEC && time < untilAt);
      for (const [index, at] of days.entries()) {
        await reporter.reportUntil(at);
        story.push(...(await tenants.watch(month)));
        await wardens.watch(month, days[index + 1] ?? untilAt - BUY_BEFORE_SEC);
      }
      chain.moveTo(untilAt - BUY_BEFORE_SEC);
      story.push(...(await tenants.buy(month)));
      await reporter.reportUntil(untilAt + DAY_SEC);
      chain.moveTo(untilAt + RUN_LAG_SEC);
      story.push(...(await tenants.settle(month)));
      if ((await books.state()) === "Closed") break;

      const { period, standing } = await books.payDate(tenants.takeInvoiced(), story);
      story = [];
      await wardens.afterPayment(standing);
      listener(period, month + 1, periodCount);
      const refinanced = await refinance(stage, scenario.content, month);
      story.push(...(refinanced ?? []));
      if (refinanced !== undefined || !tenants.isAnyLive()) await wardens.finish();
    }
    const result = await books.result(story, [...deal.figures, ...scenario.figures], scenario.content);
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    return { ...result, reports: reporter.reportCount(), transactions: chain.sentCount(), seconds };
  } finally {
    await reporter.stop();
    await chain.close();
  }
}
