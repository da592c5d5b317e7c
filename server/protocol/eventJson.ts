import type { ParamType } from "ethers";

// A decoded event as JSON: by name, integers as decimal strings, structs as objects. It is what the read model keeps, and
// what a browser makes of the logs of a node of its own.

export type Json = string | boolean | Json[] | { [name: string]: Json };

/** The arguments of an event by their names. */
export function jsonFields(params: readonly ParamType[], values: readonly unknown[]): Record<string, Json> {
  return Object.fromEntries(params.map((param, index) => [param.name, jsonOf(param, values[index])]));
}

function jsonOf(param: ParamType, value: unknown): Json {
  if (param.isTuple()) return jsonFields(param.components, value as readonly unknown[]);
  if (param.isArray()) return (value as readonly unknown[]).map((entry) => jsonOf(param.arrayChildren, entry));
  if (typeof value === "boolean") return value;
  return String(value).replaceAll("\0", "\ufffd"); // PostgreSQL's JSON holds no zero
}
