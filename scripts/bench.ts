// Measures what the design promises (docs/measured.md) beside the named peers: npm run bench -- [--only GROUP …]
// [--json]. What is on the way goes to standard error.
import { type Group, readBenchOptions } from "./bench/command.ts";
import { type Row, tableOf } from "./bench/rows.ts";

const say = (line: string) => process.stderr.write(`${line}\n`);

const { only, json, data } = readBenchOptions(process.argv.slice(2));

// Each group loads what it needs only when it is asked for.
const MEASURES: Record<Group, () => Promise<Row[]>> = {
  gas: async () => (await import("./bench/gas.ts")).gasRows(say),
  ingest: async () => (await import("./bench/machine.ts")).ingestRows(say),
  epoch: async () => (await import("./bench/machine.ts")).epochRows(say),
  api: async () => (await import("./bench/api.ts")).apiRows(say, data),
};

const rows: Row[] = [];
for (const group of new Set(only)) rows.push(...(await MEASURES[group]()));
process.stdout.write(`${json ? JSON.stringify({ rows }) : tableOf(rows)}\n`);
process.exit(rows.every(({ met }) => met) ? 0 : 1);
