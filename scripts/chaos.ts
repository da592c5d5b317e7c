import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import { judge, type Judgement } from "./chaos/judge.ts";
import { FAULT_KINDS, FAULTS, type FaultKind } from "./chaos/plan.ts";
import { runChaos, type Spell } from "./chaos/run.ts";
import { whole } from "./options.ts";

// Four oracle processes, a chain and thousands of readings, while everything fails that can; afterwards every epoch must
// be on-chain once, with the meters that the readings say. Progress goes to standard error, the result to standard output.

interface Given {
  seed: string;
  epochs: number;
  nodes: number;
  faults: FaultKind[];
  json: boolean;
  keep: boolean;
  data?: string;
}

interface Result extends Judgement {
  readonly seed: string;
  readonly faults: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  readonly madeCount: number;
  readonly durationSec: number;
}

const LOTS = 3;

function readCommand(args: string[]): Given {
  return new Command("npm run chaos --")
    .description(
      "Breaks four oracle processes, their network, databases, clocks and chain in every way, and checks what is left.",
    )
    .option("--seed <text>", "what the schedule, the keys and the readings are a function of", "1")
    .option("--epochs <n>", "hours that readings are sent for", whole(2, 1_000), 24)
    .option("--nodes <n>", `nodes of each of ${LOTS} lots`, whole(1, 500), 40)
    .option(
      "--faults <list>",
      `kinds of faults, by commas: ${FAULT_KINDS.join(", ")}; or none`,
      faultKinds,
      FAULT_KINDS,
    )
    .option("--json", "print the result as JSON, alone on standard output", false)
    .option("--keep", "leave the folder behind even when nothing was found", false)
    .option("--data <dir>", "the folder; by default a new one below the system's temporary folder")
    .showHelpAfterError()
    .parse(args, { from: "user" })
    .opts<Record<string, never> & Given>();
}

function faultKinds(text: string): FaultKind[] {
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const kind = FAULT_KINDS.find((one) => one === name);
    if (kind === undefined) throw new InvalidArgumentError(`${name} is none of ${FAULT_KINDS.join(", ")}.`);
    return kind;
  });
}

async function main(): Promise<void> {
  const given = readCommand(process.argv.slice(2));
  const folder = given.data === undefined ? mkdtempSync(join(tmpdir(), "rackbond-chaos-")) : resolve(given.data);
  const startedMs = Date.now();
  const say = (text: string) =>
    process.stderr.write(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  let isClean = false;
  // Whoever ends the run ends what it started, too.
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort(new Error(signal)));
  try {
    const result = await runChaos<Result>(
      {
        ...{ seed: given.seed, epochCount: given.epochs, kinds: given.faults, folder, say, signal: abort.signal },
        ...{ lotCount: LOTS, nodesPerLot: given.nodes },
      },
      async (aftermath) => ({
        ...(await judge(aftermath)),
        seed: given.seed,
        faults: countsOf(aftermath.spells),
        answers: Object.fromEntries([...aftermath.feeder.answers()].sort()),
        madeCount: aftermath.made.size,
        durationSec: Math.round((Date.now() - startedMs) / 1000),
      }),
    );
    isClean = result.checks.every(({ violations }) => violations.length === 0);
    writeFileSync(join(folder, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
    console.log(given.json ? JSON.stringify(result) : tableOf(result));
  } finally {
    if (isClean && !given.keep && given.data === undefined) rmSync(folder, { recursive: true, force: true });
    else say(`what is left lies in ${folder}`);
    process.exitCode = isClean ? 0 : 1;
  }
}

function countsOf(spells: readonly Spell[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault } of spells) counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
  return counts;
}

const MAX_SHOWN = 5;

function tableOf({
  seed,
  faults,
  answers,
  madeCount,
  epochCount,
  readingCount,
  durationSec,
  checks,
  notes,
}: Result): string {
  const lines = [
    `seed ${seed}: ${epochCount} epochs, ${madeCount} readings made, ${readingCount} counted, ${durationSec} s`,
    "",
    "done",
  ];
  for (const [kind, count] of Object.entries(faults)) {
    lines.push(`  ${String(count).padStart(4)} × ${kind.padEnd(12)} ${FAULTS[kind as FaultKind].does}`);
  }
  lines.push("", "oracles' answers to readings");
  for (const [answer, count] of Object.entries(answers)) lines.push(`  ${String(count).padStart(6)} ${answer}`);
  lines.push("", "found");
  for (const { rule, seen, violations } of checks) {
    lines.push(`  ${violations.length === 0 ? "held  " : "BROKEN"} ${rule} (${seen})`);
    for (const violation of violations.slice(0, MAX_SHOWN)) lines.push(`         ${violation}`);
    if (violations.length > MAX_SHOWN) lines.push(`         and ${violations.length - MAX_SHOWN} more`);
  }
  return [...lines, ...notes.map((note) => `  note   ${note}`)].join("\n");
}

await main();
