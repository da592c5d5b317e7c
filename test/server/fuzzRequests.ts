import fc from "fast-check";

// Requests out of the OpenAPI description: what its schemas allow, what they almost allow, and what nobody should send.

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

export interface FuzzedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | undefined;
}

/** Texts that have broken servers before. */
const HOSTILE = [
  ...["", " ", "0", "-1", "01", "1.5", "1e9", "NaN", "Infinity", "null", "undefined", "true", "[]", "{}", "%", "%00"],
  ...["9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999", "4294967296"],
  ...["' or 1=1 --", "../../etc/passwd", "..%2f", "<script>", "${7*7}", "__proto__", "constructor", "\u0000", "\ud800"],
  ...["\r\nx: y", "١", "𝟙", "ａ", "0x", `0x${"0".repeat(40)}`, `0x${"f".repeat(40)}`, `0x${"0".repeat(64)}`],
  ...["a".repeat(127), "a".repeat(2_000), "2026-13", "2026-00", "0000-01", "9999-12"],
];
const hostile = fc.constantFrom(...HOSTILE);

/** Values of a schema. `known` are texts that the sources have something for, where the pattern takes them. */
function valuesOf(schema: Schema, known: readonly string[]): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((branch) => valuesOf(branch, known)));
  if (schema.type === "string") return textsOf(schema, known);
  if (schema.type === "integer" || schema.type === "number")
    return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1_000, 0xffff_ffff) });
  if (schema.type === "boolean") return fc.boolean();
  if (schema.type === "null") return fc.constant(null);
  if (schema.type === "array") {
    const minLength = schema.minItems ?? 0;
    return fc.array(valuesOf(schema.items ?? {}, known), { minLength, maxLength: Math.max(minLength, 2) });
  }
  if (schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(([name, field]) => [name, valuesOf(field, known)] as const);
    return fc.record(Object.fromEntries(fields), { requiredKeys: [...(schema.required ?? [])] });
  }
  return fc.jsonValue({ maxDepth: 2 });
}

function textsOf({ pattern, minLength = 0, maxLength = 100 }: Schema, known: readonly string[]): fc.Arbitrary<string> {
  if (pattern === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 50) });
  const form = new RegExp(pattern);
  const fitting = known.filter((text) => form.test(text));
  const matching = fc.stringMatching(form);
  return fitting.length === 0 ? matching : fc.oneof({ arbitrary: fc.constantFrom(...fitting), weight: 3 }, matching);
}

/** A value that is spoilt at one place. */
function spoilt(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0)
    return fc.oneof(hostile, fc.jsonValue({ maxDepth: 1 }));
  const keys = Object.keys(value);
  return fc.constantFrom(...keys).chain((key) => {
    const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
    const part = copy[key];
    const without = () => {
      const { [key]: _, ...rest } = copy;
      return rest;
    };
    return fc.oneof(
      spoilt(part).map((bad) => (Array.isArray(value) ? [bad] : { ...copy, [key]: bad })),
      fc.constant(Array.isArray(value) ? [...(value as unknown[]), ...(value as unknown[])] : without()),
      fc.constant({ ...copy, __extra: 1 }),
    );
  });
}

const oddHeaders = fc.record(
  {
    accept: fc.constantFrom(
      "*/*",
      "text/csv",
      "application/json;q=0, text/csv;q=1",
      "text/html",
      ";;;,,q=",
      "a".repeat(500),
    ),
    "accept-encoding": fc.constantFrom("gzip", "zstd", "gzip;q=0", "br, *;q=0", ",,;"),
    "if-none-match": fc.constantFrom("*", '"x"', "W/", '",,,"'),
    cookie: fc.constantFrom("rackbond_session=", "rackbond_session=%00", "a=b; rackbond_session=0x.1.2", "=;=;"),
    "x-request-id": fc.constantFrom("a", "é", "a b", "x".repeat(100)),
    authorization: fc.constantFrom("Bearer", "Basic Og==", ""),
    origin: fc.constantFrom("null", "https://other.example", "file://"),
    host: fc.constantFrom("localhost", "other.example", "", "localhost:99999", "[::1]", "a b"),
  },
  { requiredKeys: [] },
);

/** Requests of one operation: most of them as described, the rest spoilt somewhere. */
export function requestsOf(
  path: string,
  method: string,
  { parameters = [], requestBody }: Described,
  known: readonly string[],
): fc.Arbitrary<FuzzedRequest> {
  const text = (schema: Schema) =>
    fc.oneof({ arbitrary: valuesOf(schema, known).map(String), weight: 9 }, { arbitrary: hostile, weight: 1 });
  const inPath = parameters.filter((parameter) => parameter.in === "path");
  const inQuery = parameters.filter((parameter) => parameter.in === "query");
  const places = fc.record(Object.fromEntries(inPath.map(({ name, schema }) => [name, text(schema)])));
  const asked = fc.record(Object.fromEntries(inQuery.map(({ name, schema }) => [name, text(schema)])), {
    requiredKeys: [],
  });
  const extra = fc.oneof(
    { arbitrary: fc.constant(""), weight: 9 },
    { arbitrary: fc.constantFrom("nothing=1", "limit=1&limit=2", "__proto__[x]=1", "%", "&&=&"), weight: 1 },
  );
  const [type, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const payload =
    body === undefined
      ? fc.constant(undefined)
      : valuesOf(body.schema, known).chain((value) =>
          fc.oneof(
            { arbitrary: fc.constant(textOf(value)), weight: 3 },
            { arbitrary: spoilt(value).map(textOf), weight: 3 },
            { arbitrary: fc.constantFrom("", "{", "[", '{"a":1', '"', "\u0000", "[[[[".repeat(500)), weight: 1 },
          ),
        );
  const types = fc.oneof(
    { arbitrary: fc.constant(type ?? "application/json"), weight: 9 },
    { arbitrary: fc.constantFrom("text/plain", "application/xml", "application/json; charset=x", ";"), weight: 1 },
  );
  return fc.record({ places, asked, extra, payload, types, odd: fc.option(oddHeaders, { nil: {} }) }).map((parts) => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encoded((parts.places as Record<string, string>)[name]!),
    );
    const query = Object.entries(parts.asked).map(([name, value]) => `${name}=${encoded(value ?? "")}`);
    const all = [...query, ...(parts.extra === "" ? [] : [parts.extra])].join("&");
    return {
      method: method.toUpperCase(),
      url: all === "" ? filled : `${filled}?${all}`,
      headers: { ...parts.odd, ...(parts.payload === undefined ? {} : { "content-type": parts.types }) },
      payload: parts.payload,
    };
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
