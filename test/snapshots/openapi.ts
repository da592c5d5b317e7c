import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
import { sampleSources } from "../server/sample.ts";
import { matchSnapshot, sortedJson } from "./snapshot.ts";

describe("snapshot of the OpenAPI description", () => {
  it("is the one committed", async () => {
    const app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    const { info, ...rest } = app.swagger() as unknown as { info: Record<string, unknown> };
    await app.close();
    matchSnapshot("openapi.json", sortedJson({ info: { ...info, version: "the package's" }, ...rest }));
  });
});
