// Runs the compiler's model checker over the contracts in test/proofs, each in a thread of its own, and judges what it
// says: a property counts as proven only where the checker names its assertion as safe.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Message } from "./checker.ts";

const ROOT = join(import.meta.dirname, "..");
const LIMIT_MS = 300_000;
const SAFE = "9576";
/** An assertion that must not hold: the checker has to find a case, or the proofs around it are about nothing. */
const WITNESS = "possible: ";

/** A contract of proofs: what it says of itself. */
export interface Proof {
  file: string;
  contract: string;
  /** What each assertion says, by its place in the file. */
  assertions: { property: string; start: number; end: number }[];
  /** How many operations the checker must find free of overflow, underflow and division by zero. */
  arithmeticCount: number;
}

/** One property, and why it is not proven, if it is not. */
export interface Verdict {
  contract: string;
  property: string;
  failure?: string;
  milliseconds: number;
}

/** The contracts in test/proofs and their properties; throws on one that a reader could not follow. */
export function readProofs(): Proof[] {
  return globSync("test/proofs/*.sol", { cwd: ROOT })
    .sort()
    .flatMap((file) => parseProofs(file, readFileSync(join(ROOT, file), "utf8")));
}

export function parseProofs(file: string, text: string): Proof[] {
  const heads = [...text.matchAll(/^contract (\w+)/gm)];
  return heads.map((head, i) => {
    const contract = head[1]!;
    const body = text.slice(head.index, heads[i + 1]?.index);
    const assertions = [...body.matchAll(/(?:\/\/ (.+)\n *)?\bassert\(/g)].map((match) => {
      if (match[1] === undefined) throw new Error(`${file}: an assertion of ${contract} has no property above it`);
      const at = head.index + match.index + match[0].length - "assert(".length;
      // The checker counts bytes.
      const start = Buffer.byteLength(text.slice(0, at));
      const end = Buffer.byteLength(text.slice(0, text.indexOf(");\n", at) + 1));
      return { property: match[1], start, end };
    });
    if (assertions.length === 0) throw new Error(`${file}: ${contract} proves nothing`);
    const tag = /@custom:arithmetic (\d+)\n(?:\/\/\/.*\n)*$/.exec(text.slice(0, head.index));
    return { file, contract, assertions, arithmeticCount: Number(tag?.[1] ?? 0) };
  });
}

/** What the checker's messages prove of a contract's properties. */
export function judge(proof: Proof, messages: Message[], milliseconds: number): Verdict[] {
  const verdict = (property: string, failure?: string): Verdict => {
    const base = { contract: proof.contract, property, milliseconds };
    return failure === undefined ? base : { ...base, failure };
  };
  const at = (message: Message, place: { start: number; end: number }) =>
    message.file === proof.file && message.start === place.start && message.end === place.end;
  const isAssertion = (message: Message) => message.text.includes("Assertion violation");

  const verdicts = proof.assertions.map((assertion) => {
    const said = messages.filter((message) => isAssertion(message) && at(message, assertion));
    if (assertion.property.startsWith(WITNESS)) {
      const isFound = said.some(({ code, text }) => code !== SAFE && text.includes("happens here"));
      return verdict(
        assertion.property,
        isFound ? undefined : "the checker finds no case of it: the rest is about nothing",
      );
    }
    const against = said.find((message) => message.code !== SAFE);
    if (against !== undefined) return verdict(assertion.property, against.text);
    return verdict(assertion.property, said.length === 0 ? "the checker says nothing about it" : undefined);
  });

  const safe = messages.filter((message) => message.code === SAFE && !isAssertion(message));
  const safeCount = new Set(safe.map(({ file, start, text }) => `${file}:${start}:${text}`)).size;
  if (proof.arithmeticCount + safeCount > 0) {
    const stated = `${proof.arithmeticCount} operations never overflow, underflow or divide by zero`;
    const failure = `the checker proves ${safeCount} operations, ${proof.arithmeticCount} are stated`;
    verdicts.push(verdict(stated, safeCount === proof.arithmeticCount ? undefined : failure));
  }

  const others = messages.filter((message) => message.code !== SAFE);
  for (const message of others) {
    if (proof.assertions.some((assertion) => isAssertion(message) && at(message, assertion))) continue;
    verdicts.push(verdict(`${message.file}:${message.line}`, message.text));
  }
  return verdicts;
}

/** Proves contracts, `width` at a time. Files under `overlay` stand in for those of the project. */
export async function prove(
  proofs: Proof[],
  { width = 2, overlay, report }: { width?: number; overlay?: string; report?: (verdict: Verdict) => void } = {},
): Promise<Verdict[]> {
  const left = [...proofs];
  const verdicts: Verdict[] = [];
  async function work(): Promise<void> {
    for (let proof = left.shift(); proof !== undefined; proof = left.shift()) {
      const startedAt = Date.now();
      const said = await run(proof, overlay);
      const milliseconds = Date.now() - startedAt;
      const judged =
        typeof said === "string"
          ? proof.assertions.map(({ property }) => ({
              ...{ contract: proof.contract, property, milliseconds },
              failure: said,
            }))
          : judge(proof, said, milliseconds);
      judged.forEach((verdict) => report?.(verdict));
      verdicts.push(...judged);
    }
  }
  await Promise.all(Array.from({ length: width }, work));
  return verdicts;
}

/** The checker's messages about one contract, or why there are none. */
function run({ file, contract }: Proof, overlay: string | undefined): Promise<Message[] | string> {
  const worker = new Worker(new URL("./checker.ts", import.meta.url), {
    workerData: { root: ROOT, overlay, file, contract },
  });
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      resolve(`no answer in ${LIMIT_MS / 1000} s`);
      void worker.terminate();
    }, LIMIT_MS);
    const end = (result: Message[] | string) => {
      clearTimeout(limit);
      resolve(result);
    };
    worker.once("message", (messages: Message[]) => end(messages));
    worker.once("error", (error: Error) => end(error.message));
    worker.once("exit", (code) => end(`the checker ended with ${code}`));
  });
}
