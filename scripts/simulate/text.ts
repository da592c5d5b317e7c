import type { Distribution, PathsResult } from "./montecarlo.ts";
import type { ClassResult, PeriodResult, SimulationResult } from "./result.ts";
import { dollarsOf, percentOf, stepName, timesOf } from "./words.ts";

/** A period for a terminal: collections, each step due and paid, the tests, the classes, what happened. */
export function periodText(period: PeriodResult, title = `Payment ${period.index + 1}`): string {
  const { dueOn, state, rent, collections } = period;
  const lines = [
    `${title} · ${dueOn} · ${state} · rent ${dollarsOf(rent)} · collections ${dollarsOf(collections)}`,
    `  ${"step".padEnd(22)}${"due".padStart(20)}${"paid".padStart(20)}`,
    ...period.steps.map(
      (step) => `  ${stepName(step).padEnd(22)}${dollarsOf(step.due).padStart(20)}${dollarsOf(step.paid).padStart(20)}`,
    ),
    `  DSCR ${timesOf(period.dscrBps)} · LTV ${percentOf(period.ltvBps === null ? null : period.ltvBps / 10_000)} · ` +
      `reserve ${dollarsOf(period.reserve)} · trapped ${dollarsOf(period.trapped)}`,
    `  pool factors ${period.classes.map(({ name, poolFactor }) => `${name} ${poolFactor}`).join(", ")}`,
    ...period.events.map((event) => `  * ${event}`),
  ];
  return lines.join("\n");
}

function classLine(one: ClassResult): string {
  const amounts = [one.raised, one.interest, one.principal, one.outstanding, one.loss].map((units) =>
    dollarsOf(units).padStart(20),
  );
  return `  ${one.name.padEnd(10)}${amounts.join("")}${percentOf(one.yield).padStart(11)}${one.multiple.toFixed(3).padStart(8)}`;
}

/** The whole deal at its end. */
export function summaryText(result: SimulationResult): string {
  const { cash, checks } = result;
  const heads = ["raised", "interest", "principal", "outstanding", "loss"].map((head) => head.padStart(20));
  return [
    ...(result.closing === undefined ? [] : [periodText(result.closing, "Close")]),
    `${result.title} · scenario ${result.scenario} · ${result.periods.length} payment dates · ${result.state}`,
    ...(result.levelPayment === undefined ? [] : [`  level payment $${result.levelPayment} a month`]),
    `  ${"class".padEnd(10)}${heads.join("")}${"XIRR".padStart(11)}${"x".padStart(8)}`,
    ...result.classes.map(classLine),
    `  received ${dollarsOf(cash.received)} = fees ${dollarsOf(cash.fees)} + claimed ${dollarsOf(cash.claimed)} + ` +
      `claimable ${dollarsOf(cash.claimable)} + reserve ${dollarsOf(cash.reserve)} + trapped ` +
      `${dollarsOf(cash.trapped)} + collections ${dollarsOf(cash.collections)} + escrow ${dollarsOf(cash.escrow)}`,
    `  held in every period: cash conserved (${checks.conserved}), senior before junior (${checks.seniorFirst}), level ` +
      `payment (${checks.levelPayments})`,
    `  ${result.reports} reports, ${result.transactions} transactions, ${result.seconds} s`,
  ].join("\n");
}

/** Random paths, class by class. */
export function pathsText(result: PathsResult): string {
  const times = (value: number) => `${value.toFixed(2)}x`;
  const percent = (value: number) => percentOf(value);
  const line = (name: string, { mean, quantiles }: Distribution, format: (value: number) => string) =>
    `  ${name.padEnd(22)}${[mean, ...Object.values(quantiles)].map((value) => format(value).padStart(10)).join("")}`;
  const heads = ["mean", ...Object.keys(result.lowestDscr.quantiles)].map((head) => head.padStart(10)).join("");
  return [
    `${result.paths} paths, seed ${result.seed}: ${Math.round(result.pathsPerSecond)} a second on ${result.threads} threads`,
    `  trapped ${percentOf(result.trappedShare)} · early amortisation ${percentOf(result.amortisedShare)} · enforcement ` +
      percentOf(result.enforcedShare),
    `  ${"".padEnd(22)}${heads}`,
    line("lowest DSCR", result.lowestDscr, times),
    ...result.classes.flatMap((one) => [
      `  class ${one.name}: principal is lost on ${percentOf(one.lossShare)} of the paths`,
      line("  loss", one.loss, percent),
      line("  coverage over life", one.coverage, times),
      line("  yield", one.yield, percent),
    ]),
  ].join("\n");
}
