import { format } from "prettier";
import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
import * as kinds from "../../server/protocol/apiTypes.ts";
import { sampleSources } from "../server/sample.ts";
import { matchSnapshot, sortedJson } from "./snapshot.ts";

interface Answer {
  $ref?: string;
  description?: string;
}

/** Of an answer that is described elsewhere, the name is all there is to compare; the rest says what is its own. */
function shortAnswers(key: string, value: unknown): unknown {
  if (key === "headers") return Object.keys(value as object).join(", ");
  if (key !== "responses") return value;
  const answers = Object.entries(value as Record<string, Answer>);
  const own = answers.filter(([, { $ref }]) => $ref === undefined);
  const problems = answers.flatMap(([, { $ref }]) => $ref?.split("/").at(-1) ?? []).join(" ");
  return { ...Object.fromEntries(own), ...(problems === "" ? {} : { problems }) };
}

const KINDS = new Map(
  Object.entries(kinds).flatMap(([name, kind]) =>
    typeof kind === "function" ? [] : [[sortedJson(JSON.parse(JSON.stringify(kind))), name] as const],
  ),
);

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description?: string;
  readonly schema: object;
}

/** A parameter in a line: where it stands, whether it may be missing, and of which kind it is. */
function shortParameter({ name, in: place, required, description, schema }: Parameter): string {
  const kind = shortSchema(description === undefined ? schema : { description, ...schema });
  return `${place} ${name}${required ? "" : "?"}: ${typeof kind === "string" ? kind : sortedJson(kind).replace(/\s+/g, " ")}`;
}

type Fields = Record<string, unknown>;

/** A value of a known kind by its name; an object whose fields are all there by its fields; what may be null by that. */
function shortSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shortSchema);
  if (typeof value !== "object" || value === null) return value;
  const kind = KINDS.get(sortedJson(value));
  if (kind !== undefined) return kind;
  if ("in" in value && "name" in value) return shortParameter(value as Parameter);
  const { type, properties, required, additionalProperties, anyOf, ...rest } = value as Fields;
  const names = Object.keys((properties ?? {}));
  const isWhole = Array.isArray(required) && required.length === names.length && additionalProperties === false;
  if (type === "object" && isWhole) return short({ ...rest, fields: properties });
  const [some, nothing] = Array.isArray(anyOf) && anyOf.length === 2 ? (anyOf as Fields[]) : [];
  if (nothing !== undefined && sortedJson(nothing) === sortedJson({ type: "null" })) return short({ ...rest, orNull: some });
  return short(value as Fields);
}

function short(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, shortSchema(field)]));
}

describe("snapshot of the OpenAPI description", () => {
  it("is the one committed", async () => {
    const app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    const { info, ...rest } = app.swagger() as unknown as { info: Record<string, unknown> };
    await app.close();
    const shown = shortSchema(JSON.parse(JSON.stringify(rest, shortAnswers)));
    const text = sortedJson({ info: { ...info, version: "the package's" }, ...(shown as object) });
    // What fits a line stands on one.
    const dense = JSON.stringify(JSON.parse(text));
    matchSnapshot("openapi.json", await format(dense, { parser: "json", printWidth: 120, useTabs: true }));
  });
});
