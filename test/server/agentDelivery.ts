import { expect } from "chai";

import { post, type Verdict } from "../../server/agent/delivery.ts";
import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
import type { Ingest } from "../../server/jobs/ingest.ts";
import type { Api } from "../../server/plugins/http.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { EPOCH, forged, startIngestBench, type IngestBench } from "./ingestBench.ts";
import { sampleSources } from "./sample.ts";

describe("agent's delivery to an oracle's own routes", () => {
  let bench: IngestBench;
  let app: Api;
  let url: URL;

  before(async () => {
    bench = await startIngestBench();
    const readings: Ingest = bench.start();
    app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources({ readings }) });
    url = new URL(`${await app.listen({ host: "127.0.0.1", port: 0 })}/`);
  });
  after(async () => {
    await app.close();
    await bench.stop();
  });

  const deliver = async (...lines: string[]) => {
    const readings = lines.map((line) => JSON.parse(line) as SignedReadingJson);
    const options = { timeoutMs: 5000, isPrivateAllowed: true, isBatch: true, nowMs: Date.now() };
    const answer = await post(url, readings, options);
    expect(answer.kind).to.equal("judged");
    expect(answer.skewSec).to.be.within(-2, 2);
    return answer.kind === "judged" ? answer.verdicts.map(nameOf) : [];
  };
  const nameOf = (verdict: Verdict) => (verdict.kind === "rejected" ? verdict.code : verdict.kind);

  it("S06 S07: knows what is taken, what never will be, and what is to be sent again", async () => {
    const other = bench.line(0, EPOCH, undefined, { itEnergyStartMJ: "0", itEnergyEndMJ: "3800000000" });
    expect(await deliver(bench.line(0), bench.line(0), forged(bench, 1))).to.deep.equal([
      "taken",
      "taken",
      "Reading_BadSignature",
    ]);
    expect(await deliver(other, bench.line(2, EPOCH + 9n), bench.line(3))).to.deep.equal([
      "Reading_Equivocation",
      "later",
      "taken",
    ]);
  });
});
