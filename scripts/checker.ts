// One run of the compiler's model checker over one contract, in a thread: see prover.ts. The engine is CHC, the solver z3
// as it is built into the compiler; without a time limit, which that build does not bear.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";

/** What the compiler says about a place in a file. */
export interface Message {
  code: string;
  text: string;
  file: string;
  line: number;
  start: number;
  end: number;
}

interface Task {
  root: string;
  overlay: string | undefined;
  file: string;
  contract: string;
}
interface CompilerError {
  severity: string;
  errorCode: string;
  message: string;
  formattedMessage: string;
  sourceLocation?: { file: string; start: number; end: number };
}
interface Compiler {
  compile(input: string, callbacks: { import: (path: string) => { contents: string } | { error: string } }): string;
}

const TARGETS = ["assert", "overflow", "underflow", "divByZero", "outOfBounds"];

function read({ root, overlay }: Task, path: string): string {
  for (const base of [...(overlay === undefined ? [] : [overlay]), root, join(root, "node_modules")]) {
    try {
      return readFileSync(join(base, path), "utf8");
    } catch {
      // The next place may have it.
    }
  }
  throw new Error(`${path} is not found`);
}

function check(task: Task): Message[] {
  const solc = createRequire(import.meta.url)("solc") as Compiler;
  const modelChecker = {
    engine: "chc",
    solvers: ["z3"],
    targets: TARGETS,
    contracts: { [task.file]: [task.contract] },
    ...{ showProvedSafe: true, showUnproved: true, showUnsupported: true },
  };
  const input = {
    language: "Solidity",
    sources: { [task.file]: { content: read(task, task.file) } },
    settings: { modelChecker, outputSelection: {} },
  };
  const load = (path: string) => {
    try {
      return { contents: read(task, path) };
    } catch (error) {
      return { error: String(error) };
    }
  };
  const { errors = [] } = JSON.parse(solc.compile(JSON.stringify(input), { import: load })) as {
    errors?: CompilerError[];
  };
  return errors.map(({ errorCode, message, formattedMessage, sourceLocation }) => ({
    code: errorCode,
    text: message.trim(),
    file: sourceLocation?.file ?? "",
    line: Number(/:(\d+):\d+:/.exec(formattedMessage)?.[1] ?? 0),
    start: sourceLocation?.start ?? 0,
    end: sourceLocation?.end ?? 0,
  }));
}

parentPort?.postMessage(check(workerData as Task));
