import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EventFragment, Interface, ParamType } from "ethers";

import { INTERFACES } from "../server/protocol/contracts.ts";

// Pages of docs/reference that say what the code already knows: errors, events, routes and gas.

const FEW = 3;
const ROOT = join(import.meta.dirname, "..");
const contracts = Object.entries(INTERFACES).map(([name, face]): [string, Interface] => [name, face]);

/** Makes a table in Markdown out of its head and rows. */
export type TableOf = (head: string[], rows: string[][]) => string;

/** A page's head: what it is, and what it is made from. */
function headed(title: string, text: string): string {
  return `# ${title}\n\nMade by \`npm run reference\`. ${text}\n\n`;
}

const typed = ({ type, name }: ParamType) => `${type} ${name}`.trim();

/** Custom errors of the contracts, and the codes that the program says in problem details and on the command line. */
export function errorsPage(tableOf: TableOf): string {
  const errors = new Map<string, { selector: string; inputs: string; by: string[] }>();
  for (const [contract, face] of contracts) {
    face.forEachError(({ name, selector, inputs }) => {
      const known = errors.get(name) ?? { selector, inputs: inputs.map(typed).join(", "), by: [] };
      errors.set(name, { ...known, by: [...known.by, contract] });
    });
  }
  const rows = [...errors]
    .sort(byName)
    .map(([name, { selector, inputs, by }]) => [
      ...[`\`${name}\``, `\`${selector}\``, inputs === "" ? "" : `\`${inputs}\``, few(by, "contracts")],
    ]);
  const codes = [...codesOfProgram()].sort(byName).map(([code, files]) => [`\`${code}\``, few(files, "files")]);
  return (
    headed("Errors", "A contract's error carries the numbers that it is about, in the order named here.") +
    `## Of the contracts\n\n${tableOf(["error", "selector", "arguments", "thrown by"], rows)}\n` +
    "## Of the program\n\n" +
    "Codes of problem details (RFC 9457) and of the command line; the detail says the rest.\n\n" +
    tableOf(["code", "said in"], codes)
  );
}

/** By code: the files of the server that say it. */
function codesOfProgram(): Map<string, string[]> {
  const codes = new Map<string, string[]>();
  for (const file of globSync("server/**/*.ts", { cwd: ROOT }).sort()) {
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const [, code = ""] of text.matchAll(/"([A-Z][A-Za-z]+_[A-Z][A-Za-z0-9]+)"/g)) {
      const files = codes.get(code) ?? [];
      if (!files.includes(file)) codes.set(code, [...files, file]);
    }
  }
  return codes;
}

/** Events of the contracts: what the read model is computed from. */
export function eventsPage(tableOf: TableOf): string {
  const parts = contracts.map(([contract, face]) => {
    const events: EventFragment[] = [];
    face.forEachEvent((event) => events.push(event));
    const rows = events
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, topicHash, inputs }) => [
        ...[`\`${name}\``, `\`${topicHash.slice(0, 10)}…\``],
        inputs
          .map((input) => `${input.indexed === true ? "_" : ""}${input.name}${input.indexed === true ? "_" : ""}`)
          .join(", "),
      ]);
    return rows.length === 0 ? "" : `## ${contract}\n\n${tableOf(["event", "topic", "arguments"], rows)}`;
  });
  return (
    headed("Events", "Arguments in italics are indexed.") +
    parts
      .filter((part) => part !== "")
      .join("\n")
      .trimEnd() +
    "\n"
  );
}

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
}

/** Routes of the API, out of the committed description. */
export function routesPage(tableOf: TableOf): string {
  const { paths } = JSON.parse(readFileSync(join(ROOT, "test/snapshots/openapi.json"), "utf8")) as {
    paths: Record<string, Record<string, Operation>>;
  };
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { summary = "", tags = [] }]) => [
      ...[method.toUpperCase(), `\`${path}\``, tags.join(", "), summary.replaceAll("|", "\\|")],
    ]),
  );
  return (
    headed("Routes", "The whole description is served at `/openapi.json`, a page to try it at `/docs`.") +
    tableOf(["method", "path", "about", "what"], rows)
  );
}

/** Gas of the hot paths, as the snapshot test measures them. */
export function gasPage(tableOf: TableOf): string {
  const gas = JSON.parse(readFileSync(join(ROOT, "test/snapshots/gas.json"), "utf8")) as Record<string, number>;
  const rows = Object.entries(gas).map(([what, units]) => [what, units.toLocaleString("en")]);
  return headed("Gas", "Measured by test/snapshots/gas.ts on every run.") + tableOf(["call", "gas"], rows);
}

/** All of them by name, while that is short. */
function few(names: readonly string[], what: string): string {
  return names.length > FEW ? `${names.length} ${what}` : names.join(", ");
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
