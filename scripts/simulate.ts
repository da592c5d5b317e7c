import { writeFileSync } from "node:fs";

import { startBar } from "../server/bar.ts";
import { readSimulateOptions, type SimulateOptions } from "./simulate/command.ts";
import { csvOf } from "./simulate/csv.ts";
import { readDeal, type Deal } from "./simulate/deal.ts";
import type { Marked } from "./simulate/figures.ts";
import { htmlOf } from "./simulate/html.ts";
import { runPaths, type PathsResult } from "./simulate/montecarlo.ts";
import type { SimulationResult } from "./simulate/result.ts";
import { readScenario } from "./simulate/scenario.ts";
import { pathsText, periodText, summaryText } from "./simulate/text.ts";
import { timesOf } from "./simulate/words.ts";

// A multi-year deal on the real contracts in this process, or on random paths by the independent model. Progress goes
// to standard error; standard output carries the result and nothing else.

const PLAIN_LINE_MONTHS = 3;
const PLAIN_LINE_PATHS = 5_000;

async function main(options: SimulateOptions): Promise<void> {
  const deal = readDeal(options.deal);
  const scenario = readScenario(options.scenario);
  const toOutput = options.json || options.csv === "-";
  const say = (text: string) => {
    if (!toOutput) process.stdout.write(`${text}\n`);
  };
  const run = options.isOnChain ? await onChain(options, deal, scenario, say) : undefined;
  const paths = options.paths === 0 ? undefined : await onPaths(options, deal, say);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ...run, ...(paths && { deal: deal.content.name, paths }) })}\n`);
  if (run !== undefined && options.csv === "-") process.stdout.write(csvOf(run));
  else if (run !== undefined && options.csv !== undefined) write(options.csv, csvOf(run));
  if (options.html !== undefined) write(options.html, htmlOf(deal.content.title, run, paths));
}

async function onChain(
  options: SimulateOptions,
  deal: Marked<Deal>,
  scenario: ReturnType<typeof readScenario>,
  say: (text: string) => void,
): Promise<SimulationResult> {
  // Hardhat takes a second to load, which random paths and wrong options need not wait for.
  const { simulate } = await import("./simulate/run.ts");
  const bar = startBar(PLAIN_LINE_MONTHS);
  const run = await simulate(deal, scenario, (period, done, of) => {
    bar.end();
    say(periodText(period));
    bar.show(done, Math.max(done, of), `${period.dueOn} · ${period.state} · DSCR ${timesOf(period.dscrBps)}`);
  });
  bar.end();
  say(summaryText(run));
  return run;
}

async function onPaths(
  options: SimulateOptions,
  deal: Marked<Deal>,
  say: (text: string) => void,
): Promise<PathsResult> {
  const bar = startBar(PLAIN_LINE_PATHS);
  const result = await runPaths(deal.content, options, (done) => bar.show(done, options.paths, "paths"));
  bar.end();
  say(pathsText(result));
  return result;
}

function write(file: string, text: string): void {
  writeFileSync(file, text);
  process.stderr.write(`wrote ${file}\n`);
}

// Standard output is for the result: what a library has to say goes elsewhere.
console.log = console.error;
try {
  await main(readSimulateOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`simulate: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env["RACKBOND_LOG"] === "debug") console.error(error);
  process.exitCode = 1;
}
