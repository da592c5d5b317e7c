import { format } from "prettier";
import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
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

describe("snapshot of the OpenAPI description", () => {
  it("is the one committed", async () => {
    const app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    const { info, ...rest } = app.swagger() as unknown as { info: Record<string, unknown> };
    await app.close();
    const shown: unknown = JSON.parse(JSON.stringify(rest, shortAnswers));
    const text = sortedJson({ info: { ...info, version: "the package's" }, ...(shown as object) });
    // What fits a line stands on one.
    const dense = JSON.stringify(JSON.parse(text));
    matchSnapshot("openapi.json", await format(dense, { parser: "json", printWidth: 120, useTabs: true }));
  });
});
