import { stringify } from "csv-stringify/sync";
import type { TSchema } from "typebox";

// Lists as CSV (RFC 4180): the columns are the schema's fields, nested ones joined by a dot, arrays as JSON. What a
// spreadsheet would run as a formula is quoted with an apostrophe; numbers, also negative ones, are not.

const RUNS = /^[=+\-@\t\r]/;
const NUMBER = /^-?\d+(\.\d+)?$/;

interface Shape {
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly anyOf?: readonly TSchema[];
}

/** The columns of a list of such items, in the schema's order. */
export function columnsOf(schema: TSchema, path: readonly string[] = []): string[][] {
  const { properties, anyOf } = schema as Shape;
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([name, field]) => columnsOf(field, [...path, name]));
  const columns = (anyOf ?? [])
    .flatMap((branch) => columnsOf(branch, path))
    .filter(({ length }) => length > path.length);
  if (columns.length === 0) return [[...path]];
  return columns.filter((column, place) => columns.findIndex((other) => sameColumn(other, column)) === place);
}

function sameColumn(a: readonly string[], b: readonly string[]): boolean {
  return a.join(".") === b.join(".");
}

/** A list as CSV, with a header line. */
export function csvOf(schema: TSchema, items: readonly unknown[]): string {
  const columns = columnsOf(schema);
  const rows = items.map((item) => columns.map((column) => cellOf(valueAt(item, column))));
  return stringify([columns.map((column) => column.join(".")), ...rows], { record_delimiter: "\r\n" });
}

function valueAt(item: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    if (typeof value !== "object" || value === null) return undefined;
    return (value as Record<string, unknown>)[name];
  }, item);
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" || typeof value === "bigint" ? String(value) : JSON.stringify(value);
  return RUNS.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}
