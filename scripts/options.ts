import { Command, InvalidArgumentError, Option } from "commander";

import { DEAL, KALOS, type Quantile } from "./catalogue.ts";
import type { ChainEngine } from "./chain.ts";
import type { Quantiles } from "./exporter.ts";
import { numberOf, readText } from "./replay.ts";

/** What a run of the main job was asked for. */
export interface RunOptions {
  once: boolean;
  months: number;
  seed: string;
  /** Simulated seconds a real second; 0: as fast as it goes. */
  factor: number;
  data: string | undefined;
  /** Of the API; what the settings say when undefined. */
  port: number | undefined;
  rpcPort: number;
  /** The local chain's program; by default what there is for the platform. */
  chain: ChainEngine | undefined;
  scrapeFiles: string[];
  powerFiles: string[];
  quantiles: Quantiles | undefined;
  /** US cents per GPU-hour by price-panel name, in place of the built-in rates. */
  rateCents: ReadonlyMap<string, number>;
}

const DEFAULT_FACTOR = 36_000; // ten simulated hours a second, where the machine is that fast

/** Reads the command line; a wrong one ends the program with what is wrong. */
export function readOptions(args: string[]): RunOptions {
  const command = new Command("npm start --")
    .description("Runs the main job: GPU telemetry becomes an investor's payout on a local EVM.")
    .option("--once", "run a fixed number of months as fast as it goes, print a JSON summary last, and exit", false)
    .option("--months <n>", "how many payment dates --once runs", whole(1, Number(DEAL.termMonths)), 3)
    .option("--seed <text>", "what the generated telemetry and the keys are a function of", "1")
    .option("--factor <n>", "simulated seconds a second; 0 is as fast as it goes", whole(0, 1e9))
    .option("--data <dir>", "keep chain, database and spools here, and go on from there the next time")
    .option("--port <n>", "of the API on 127.0.0.1 (3000); 0 takes any", whole(0, 65_535))
    .option("--rpc-port <n>", "of the chain's JSON-RPC on 127.0.0.1; 0 takes any", whole(0, 65_535), 8545)
    .addOption(new Option("--chain <engine>", "the local chain's program").choices(["anvil", "hardhat"]))
    .option("--scrape <files...>", "replay recorded dcgm-exporter text instead of generating telemetry", [])
    .option("--power <file...>", "replay wall-power traces (CSV, .gz too) of hosts of eight GPUs", [])
    .option("--quantiles <file>", "sample these quantiles of real telemetry (AcmeTrace's CSV) in the generator")
    .option("--cluster <name>", "which cluster's columns of --quantiles", "kalos")
    .option("--prices <file>", "rents are the newest daily medians of this CSV (date,gpu,…,median,…)")
    .showHelpAfterError()
    .parse(args, { from: "user" });
  const given = command.opts<Record<string, never> & Given>();
  return {
    ...{ once: given.once, months: given.months, seed: given.seed, data: given.data },
    factor: given.factor ?? (given.once ? 0 : DEFAULT_FACTOR),
    ...{
      port: given.port,
      rpcPort: given.rpcPort,
      chain: given.chain,
      scrapeFiles: given.scrape,
      powerFiles: given.power,
    },
    quantiles: given.quantiles === undefined ? undefined : readQuantiles(given.quantiles, given.cluster),
    rateCents: given.prices === undefined ? new Map() : readPrices(given.prices),
  };
}

interface Given {
  once: boolean;
  months: number;
  seed: string;
  factor?: number;
  data?: string;
  port?: number;
  rpcPort: number;
  chain?: ChainEngine;
  scrape: string[];
  power: string[];
  quantiles?: string;
  cluster: string;
  prices?: string;
}

/** The parser of an option that is a whole number. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is expected.`);
    }
    return value;
  };
}

/** What the telemetry contract takes a board to be able to draw, of its design power. */
const POWER_BOUND = 1.6;

/** Columns `<cluster>_sm_active_pct` and `<cluster>_a100_power_w` over `percentile`: an inverse distribution function. */
function readQuantiles(file: string, cluster: string): Quantiles {
  const { columns, rows } = readCsv(file);
  const points = (column: string, max: number): Quantile[] => {
    const at = columns.indexOf(column);
    const percentileAt = columns.indexOf("percentile");
    if (at === -1 || percentileAt === -1) throw new Error(`${file}: no column ${at === -1 ? column : "percentile"}`);
    let above: Quantile = [-1, 0];
    return rows.map((cells, index) => {
      const point: Quantile = [numberOf(cells[percentileAt]), numberOf(cells[at])];
      const isNext = point[0] > above[0] && point[0] <= 100 && point[1] >= above[1] && point[1] <= max;
      if (!isNext) {
        throw new Error(
          `${file}:${index + 2}: ${column} is no quantile up to ${max}: ${cells.join(",").slice(0, 100)}`,
        );
      }
      above = point;
      return point;
    });
  };
  return {
    smActivePct: points(`${cluster}_sm_active_pct`, 100),
    powerW: points(`${cluster}_a100_power_w`, POWER_BOUND * KALOS.tdpW),
    tdpW: KALOS.tdpW,
  };
}

/** Dollars a GPU-hour; no offer on record is near. */
const MAX_PRICE = 1000;

/** The newest median of each GPU, in whole cents. */
function readPrices(file: string): Map<string, number> {
  const { columns, rows } = readCsv(file);
  const at = (column: string) => {
    const index = columns.indexOf(column);
    if (index === -1) throw new Error(`${file}: no column ${column}; a price panel has date, gpu and median`);
    return index;
  };
  const [dateAt, gpuAt, medianAt] = [at("date"), at("gpu"), at("median")];
  const newest = new Map<string, { date: string; cents: number }>();
  rows.forEach((cells, index) => {
    const [date, gpu, median] = [cells[dateAt] ?? "", cells[gpuAt] ?? "", numberOf(cells[medianAt])];
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || gpu === "" || !(median >= 0.01 && median <= MAX_PRICE)) {
      throw new Error(`${file}:${index + 2}: not a date, a GPU and a price: ${cells.join(",").slice(0, 100)}`);
    }
    const before = newest.get(gpu);
    if (before === undefined || before.date <= date) newest.set(gpu, { date, cents: Math.round(median * 100) });
  });
  return new Map([...newest].map(([gpu, { cents }]) => [gpu, cents]));
}

function readCsv(file: string): { columns: string[]; rows: string[][] } {
  const [head = "", ...lines] = readText(file).trim().split(/\r?\n/);
  if (lines.length === 0) throw new Error(`${file}: no rows`);
  return { columns: head.split(","), rows: lines.map((line) => line.split(",")) };
}
