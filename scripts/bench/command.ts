import { Command, Option } from "commander";

/** What can be measured, each a set of rows. */
export const GROUPS = ["gas", "ingest", "epoch"] as const;

export type Group = (typeof GROUPS)[number];

export interface BenchOptions {
  only: Group[];
  /** Print one JSON document, and nothing else, on standard output. */
  json: boolean;
}

/** Reads the command line; a wrong one ends the program with what is wrong. */
export function readBenchOptions(args: string[]): BenchOptions {
  return new Command("npm run bench --")
    .description("Measures what the design promises, beside the named peers; ends with 1 when a target is missed.")
    .addOption(new Option("--only <groups...>", "these groups alone").choices(GROUPS).default([...GROUPS]))
    .option("--json", "print the rows as JSON, alone on standard output", false)
    .showHelpAfterError()
    .parse(args, { from: "user" })
    .opts<BenchOptions>();
}
