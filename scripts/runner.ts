import { spawn } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** What a test runner reported. */
export interface Outcome {
  passed: number;
  failed: number;
}

export type Runner = "solidity" | "mocha";

const SUITE = join(import.meta.dirname, "suite.ts");
const LIMIT_MS = 20 * 60_000;

/**
 * The counts in a runner's report; the last report counts, since a test may print what looks like one. A test that
 * did not run is not a passed one. Undefined: the runner made no report.
 */
export function outcomeOf(output: string): Outcome | undefined {
  const text = stripVTControlCharacters(output);
  const last = (word: string) => [...text.matchAll(new RegExp(`^ *(\\d+) ${word}(?: \\(.*\\))?\\r?$`, "gm"))].at(-1);
  const passing = last("passing");
  if (passing === undefined) return undefined;
  const others = ["failing", "pending", "skipped"].map(last).filter((line) => line && line.index > passing.index);
  return { passed: Number(passing[1]), failed: others.reduce((sum, line) => sum + Number(line![1]), 0) };
}

/** What a run counts as: a bad end without a failed test is a failure, and so is a run of nothing. */
export function judge(outcome: Outcome | undefined, code: number | null): Outcome {
  const { passed, failed } = outcome ?? { passed: 0, failed: 0 };
  return { passed, failed: failed === 0 && (passed === 0 || code !== 0) ? 1 : failed };
}

/** How a runner is run. */
export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** It is killed after this long. */
  limitMs?: number;
  /** Show what it prints in one piece when it has ended: for several at a time. */
  isWhole?: boolean;
  /** Where it is shown; by default on standard output. */
  shown?: NodeJS.WritableStream;
}

/** Runs the tests of one runner (all, or those in `files`) and shows what they print. */
export async function runTests(runner: Runner, files: string[] = [], options: RunOptions = {}): Promise<Outcome> {
  const { env = {}, limitMs = LIMIT_MS, isWhole = false, shown = process.stdout } = options;
  const child = spawn(process.execPath, [SUITE, runner, ...files], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", isWhole ? "pipe" : "inherit"],
  });
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
  let output = "";
  for (const stream of streams) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      if (!isWhole) shown.write(text);
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    // Not "close": something the tests started may still hold the pipe.
    child.once("exit", (exitCode) => setTimeout(resolve, 100, exitCode));
    child.once("error", reject);
  });
  clearTimeout(limit);
  for (const stream of streams) stream.destroy();
  if (isWhole) shown.write(output);

  const reported = outcomeOf(output);
  const outcome = judge(reported, code);
  if (outcome.passed === 0) console.error(`The ${runner} runner ran no test.`);
  if (code !== 0 && outcome.failed !== reported?.failed)
    console.error(`The ${runner} runner ended with ${code ?? "a signal"}.`);
  return outcome;
}
