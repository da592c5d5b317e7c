import { Command, Option } from "commander";

/** What can be measured, each a set of rows. */
export const GROUPS = ["gas", "ingest", "epoch", "api"] as const;

export type Group = (typeof GROUPS)[number];

export interface BenchOptions {
  only: Group[];
  /** Print one JSON document, and nothing else, on standard output. */
  json: boolean;
  /** A running system's folder for the api, in place of one that is made for it. */
  data: string | undefined;
}

/** Reads the command line; a wrong one ends the program with what is wrong. */
export function readBenchOptions(args: string[]): BenchOptions {
  return new Command("npm run bench --")
    .description("Measures what the design promises, beside the named peers; ends with 1 when a target is missed.")
    .addOption(new Option("--only <groups...>", "these groups alone").choices(GROUPS).default([...GROUPS]))
    .option("--json", "print the rows as JSON, alone on standard output", false)
    .option("--data <folder>", "for api: what npm start -- --once --months 1 --data FOLDER made; a copy is used")
    .showHelpAfterError()
    .parse(args, { from: "user" })
    .opts<BenchOptions>();
}
