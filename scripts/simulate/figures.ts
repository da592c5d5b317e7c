import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { TSchema, Static } from "typebox";
import { Compile } from "typebox/compile";

import { formatAssets, parseAssets } from "../../server/protocol/units.ts";

/**
 * Where a figure of a deal or scenario comes from: V read in a primary or well-sourced text, V2 secondary source,
 * G general knowledge, unchecked, D arithmetic from others, A an assumption of this project.
 */
const MARKS = ["V", "V2", "G", "D", "A"] as const;

export interface Figure {
  /** Where in the file, as `/classes/0/couponBps`. */
  path: string;
  value: unknown;
  mark: (typeof MARKS)[number];
  source: string;
}

/** A file of a deal or scenario: its content without the marks, and the marks. */
export interface Marked<T> {
  content: T;
  figures: Figure[];
}

/** The stablecoin's decimals: every amount of a deal has six. */
const DECIMALS = 6;

/** A decimal number of dollars in units of the stablecoin. */
export function assetsOf(dollars: string): bigint {
  return parseAssets(dollars, DECIMALS);
}

/** Dollars and cents, rounded down. */
export function centsOf(assets: bigint): string {
  const [whole = "0", fraction = ""] = formatAssets(assets, DECIMALS).split(".");
  return `${whole}.${fraction.padEnd(2, "0").slice(0, 2)}`;
}

/** What is wrong with one place of a file. */
export function refuse(file: string, path: string, value: unknown, rule: string): Error {
  const shown = value === undefined ? "missing" : JSON.stringify(value).slice(0, 120);
  return new Error(`${file}: ${path === "" ? "/" : path} is ${shown}: ${rule}`);
}

/** A JSON file of the project's folder by its name, or any by its path. */
export function readNamed(folder: string, name: string, what: string, names: readonly string[]): [string, unknown] {
  const isNamed = names.includes(name);
  const file = isNamed ? join(import.meta.dirname, "..", folder, `${name}.json`) : name;
  if (!isNamed && !existsSync(file)) {
    throw new Error(`${what} ${JSON.stringify(name)} is neither a file nor one of ${names.join(", ")}`);
  }
  try {
    return [isNamed ? `${name}.json` : file, JSON.parse(readFileSync(file, "utf8"))];
  } catch (error) {
    throw new Error(`${file}: cannot be read as JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Takes the marks off and holds the rest against the schema; refuses with the path, the value and the rule. */
export function parseMarked<S extends TSchema>(schema: S, file: string, json: unknown): Marked<Static<S>> {
  const figures: Figure[] = [];
  const content = unmark(file, "", json, figures);
  const validator = Compile(schema);
  if (validator.Check(content)) return { content, figures };
  // The deepest place says most: the others are what contains it.
  const [first] = validator.Errors(content).sort((a, b) => b.instancePath.length - a.instancePath.length);
  const { instancePath: path = "", message = "does not fit", params = {} } = first ?? {};
  const { requiredProperties, allowedValues } = params as { requiredProperties?: string[]; allowedValues?: string[] };
  if (requiredProperties !== undefined) {
    throw refuse(file, `${path}/${requiredProperties[0] ?? ""}`, undefined, "must be there");
  }
  const rule = message === "schema is false" ? "is not a part of this file" : message;
  throw refuse(file, path, at(content, path), [rule, ...(allowedValues ?? [])].join(" "));
}

function at(content: unknown, path: string): unknown {
  let value = content;
  for (const key of path.split("/").slice(1)) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

/** `{ value, mark, source }` becomes its value, anywhere. */
function unmark(file: string, path: string, json: unknown, figures: Figure[]): unknown {
  if (Array.isArray(json)) return json.map((item, index) => unmark(file, `${path}/${index}`, item, figures));
  if (typeof json !== "object" || json === null) return json;
  if ("mark" in json && "value" in json) {
    const { value, mark, source, ...others } = json as Record<string, unknown>;
    const isSound = typeof source === "string" && source !== "" && Object.keys(others).length === 0;
    if (!isSound || !MARKS.includes(mark as Figure["mark"])) {
      throw refuse(file, path, json, `a marked figure is { value, mark, source } with a mark of ${MARKS.join(", ")}`);
    }
    figures.push({ path, value, mark: mark as Figure["mark"], source });
    return value;
  }
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, unmark(file, `${path}/${key}`, value, figures)]),
  );
}
