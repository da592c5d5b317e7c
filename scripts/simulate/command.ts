import { Command, InvalidArgumentError } from "commander";

import { DEAL_NAMES } from "./deal.ts";
import { SCENARIO_NAMES } from "./scenario.ts";

/** What a simulation was asked for. */
export interface SimulateOptions {
  deal: string;
  scenario: string;
  /** Print the result as JSON, and nothing else, on standard output. */
  json: boolean;
  csv: string | undefined;
  html: string | undefined;
  /** Random paths to run by the model; on-chain nothing is run then, unless a scenario is named. */
  paths: number;
  seed: string;
  /** Whether the deal is run on a chain. */
  isOnChain: boolean;
}

const MAX_PATHS = 1_000_000;

/** Reads the command line; a wrong one ends the program with what is wrong. */
export function readSimulateOptions(args: string[]): SimulateOptions {
  const command = new Command("npm run simulate --")
    .description("Runs a multi-year deal on the real contracts, on a chain inside the process, or on random paths.")
    .requiredOption("--deal <name>", `${DEAL_NAMES.join(", ")}, or a JSON file`)
    .option("--scenario <name>", `${SCENARIO_NAMES.join(", ")}, or a JSON file`)
    .option("--json", "print the result as JSON, alone on standard output", false)
    .option("--csv [file]", "write a row for each payment date and step; without a file, to standard output")
    .option("--html <file>", "write one self-contained page with charts")
    .option("--paths <n>", "run so many random paths with the model, on every core", paths, 0)
    .option("--seed <text>", "what the random paths are a function of", "1")
    .showHelpAfterError()
    .parse(args, { from: "user" });
  const given = command.opts<Given>();
  if (given.json && given.csv === true)
    command.error("error: --json and --csv without a file both take standard output");
  const isOnChain = given.paths === 0 || given.scenario !== undefined;
  if (given.csv !== undefined && !isOnChain) command.error("error: --csv needs a --scenario beside --paths");
  return {
    ...{ deal: given.deal, scenario: given.scenario ?? "base", json: given.json, html: given.html },
    csv: given.csv === true ? "-" : given.csv,
    ...{ paths: given.paths, seed: given.seed, isOnChain },
  };
}

interface Given {
  deal: string;
  scenario?: string;
  json: boolean;
  csv?: string | true;
  html?: string;
  paths: number;
  seed: string;
}

function paths(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > MAX_PATHS) {
    throw new InvalidArgumentError(`a whole number from 1 to ${MAX_PATHS} is expected.`);
  }
  return value;
}
