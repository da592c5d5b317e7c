import { format } from "prettier";
import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
import { sampleSources } from "../server/sample.ts";
import { matchSnapshot, sortedJson } from "./snapshot.ts";

interface Answer {
  description: string;
  content?: { "application/problem+json"?: object };
}

/** Answers that are problems are all alike: their description is all there is to compare. */
function shortProblems(key: string, value: unknown): unknown {
  if (key !== "responses") return value;
  const answers = Object.entries(value as Record<string, Answer>);
  return Object.fromEntries(
    answers.map(([status, answer]) => {
      const { "application/problem+json": problem, ...others } = answer.content ?? {};
      const isPlain = JSON.stringify(problem) === '{"schema":{"$ref":"#/components/schemas/Problem"}}';
      return [status, isPlain && Object.keys(others).length === 0 ? answer.description : answer];
    }),
  );
}

describe("snapshot of the OpenAPI description", () => {
  it("is the one committed", async () => {
    const app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    const { info, ...rest } = app.swagger() as unknown as { info: Record<string, unknown> };
    await app.close();
    const shown: unknown = JSON.parse(JSON.stringify(rest, shortProblems));
    const text = sortedJson({ info: { ...info, version: "the package's" }, ...(shown as object) });
    // What fits a line stands on one.
    const dense = JSON.stringify(JSON.parse(text));
    matchSnapshot("openapi.json", await format(dense, { parser: "json", printWidth: 120 }));
  });
});
