import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { type Row, rowOf } from "./rows.ts";

// What this machine does as an oracle, by the measures that `rackbond measure` has.

const PROGRAM = join(import.meta.dirname, "../../server/cli/rackbond.ts");

type Say = (line: string) => void;
type Printed = Record<string, number | string>;

/** Ingest that is verified and durable, of the signatures alone that the same threads verify. */
export async function ingestRows(say: Say): Promise<Row[]> {
  const { shareOfBare, shareOfBareCpu } = await measure("ingest", say);
  const share = { unit: "of bare P-256", target: 0.7, isLeast: true };
  return [
    rowOf({ ...share, name: "ingest, readings a second", value: Number(shareOfBare) }),
    rowOf({ ...share, name: "ingest, processor time of a reading", value: Number(shareOfBareCpu) }),
  ];
}

/** One epoch of a million devices. */
export async function epochRows(say: Say): Promise<Row[]> {
  const { seconds, processMiB, databaseMiB } = await measure("epoch", say);
  return [
    rowOf({ name: "epoch of 1,000,000 devices, time", unit: "s", value: Number(seconds), target: 60 }),
    rowOf({
      name: "epoch of 1,000,000 devices, memory",
      unit: "MiB",
      value: Number(processMiB) + Number(databaseMiB),
      target: 2048,
    }),
  ];
}

/** The last of the rows that `rackbond measure` prints; each is said. */
async function measure(what: string, say: Say): Promise<Printed> {
  const child = spawn(process.execPath, [PROGRAM, "measure", what], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    say(chunk.toString().trimEnd());
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`rackbond measure ${what} ended with ${code ?? "a signal"}`);
  return JSON.parse(output.trim().split("\n").at(-1)!) as Printed;
}
