import { connect, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { expect } from "chai";

import { buildApp } from "../../server/app.ts";
import { loadConfig, type SettingName } from "../../server/config.ts";
import type { BatchResult } from "../../server/protocol/apiReadings.ts";
import { equivocationsOf, readingsOf } from "../../server/plugins/queries.ts";
import type { Api } from "../../server/plugins/http.ts";
import type { Ingest } from "../../server/jobs/ingest.ts";
import { EPOCH, forged, outcomesOf, startIngestBench, takeLines, type IngestBench } from "./ingestBench.ts";
import { refusalOf, sampleSources } from "./sample.ts";

const NDJSON = { "content-type": "application/x-ndjson" };
const URL_BATCH = "/v1/readings/batch";

describe("POST /v1/readings/batch", () => {
  let bench: IngestBench;
  let ingest: Ingest;
  const apps: Api[] = [];
  const build = async (settings: Partial<Record<SettingName, string>> = {}, readings: Ingest | undefined = ingest) => {
    const config = loadConfig({}, { logLevel: "silent", ...settings });
    const app = await buildApp({ config, sources: sampleSources({ readings }) });
    apps.push(app);
    return app;
  };
  const post = (payload: string | Buffer, headers: Record<string, string> = NDJSON) =>
    ({ method: "POST", url: URL_BATCH, headers, payload }) as const;

  before(async () => {
    bench = await startIngestBench();
    ingest = bench.start();
  });
  after(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await bench.stop();
  });

  it("answers for each reading as it would have been answered alone", async () => {
    const app = await build();
    const lines = [bench.line(0), bench.line(0), forged(bench, 1), "{", bench.line(2, EPOCH + 9n)];
    const answer = await app.inject(post(lines.join("\n")));
    expect(answer.statusCode).to.equal(200);
    const { results } = answer.json<{ results: BatchResult[] }>();
    expect(results.map(({ status, outcome, code }) => [status, outcome, code])).to.deep.equal([
      [202, "inserted", undefined],
      [200, "duplicate", undefined],
      [401, "refused", "Reading_BadSignature"],
      [400, "refused", "Reading_NotJson"],
      [425, "refused", "Reading_TooEarly"],
    ]);
    expect(results[0]).to.include({ nodeId: "1", epoch: String(EPOCH), readingHash: bench.hash(0) });
    const other = bench.line(0, EPOCH, undefined, { itEnergyStartMJ: "0", itEnergyEndMJ: "3800000000" });
    const json = { "content-type": "application/json; charset=utf-8" };
    const array = await app.inject(post(`[${other},${bench.line(3)}]`, json));
    const statuses = array.json<{ results: BatchResult[] }>().results.map(({ status, code }) => [status, code]);
    expect(statuses).to.deep.equal([
      [409, "Reading_Equivocation"],
      [202, undefined],
    ]);
    expect(await equivocationsOf(bench.store.db, 0, EPOCH)).to.have.length(1);
  });

  it("S08: refuses what is no batch, too large, encoded or of another type", async () => {
    const app = await build({ batchLimitBytes: "65536" });
    expect(await refusalOf(app, post(""))).to.match(/^400 /);
    expect(await refusalOf(app, post("\n\n"))).to.equal("400 Batch_Empty");
    expect(await refusalOf(app, post("{}", { "content-type": "application/json" }))).to.equal("400 Batch_NotArray");
    expect(await refusalOf(app, post("x".repeat(65_537)))).to.equal("413 Request_TooLarge");
    expect(await refusalOf(app, post("{}", { "content-type": "text/csv" }))).to.equal("415 Request_UnsupportedType");
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect(await refusalOf(app, post(bomb, { ...NDJSON, "content-encoding": "gzip" }))).to.equal(
      "415 Request_UnsupportedType",
    );
    expect(await refusalOf(app, post("{}\n".repeat(5_001)))).to.equal("413 Batch_TooMany");
  });

  it("S09: tells an address that sent false ones when to come again, before it reads more", async () => {
    const app = await build();
    const flood = Array.from({ length: 80 }, (_, n) => forged(bench, n % 40, EPOCH, n)).join("\n");
    const remoteAddress = "203.0.113.7";
    const answer = await app.inject({ ...post(flood), remoteAddress });
    const statuses = answer.json<{ results: BatchResult[] }>().results.map(({ status }) => status);
    expect([statuses[0], statuses.at(-1)]).to.deep.equal([401, 429]);
    const again = await app.inject({ ...post(flood), remoteAddress });
    expect([again.statusCode, again.json<{ code: string }>().code]).to.deep.equal([429, "Ingest_TooMany"]);
    expect(Number(again.headers["retry-after"])).to.be.within(1, 60);
  });

  it("S08: bounds the bytes on their way in, of one address and of all, whatever was announced", async () => {
    const app = await build({ ingestBytes: "131072", batchLimitBytes: "131072", requestTimeoutMs: "1000" });
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const head = `POST ${URL_BATCH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n`;
    const send = (text: string, then?: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(head + text));
        let got = "";
        socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
        socket.on("close", () => resolve(got)).on("error", reject);
        if (then !== undefined) setTimeout(() => socket.write(then), 300);
      });
    // Two that send half of what they announced, slowly; the third would be one too many of its address.
    const slow = `content-length: 60000\r\n\r\n${" ".repeat(30_000)}`;
    const held = [send(slow), send(slow)];
    await sleep(150);
    expect(await send(`content-length: 30000\r\n\r\n${" ".repeat(30_000)}`)).to.match(/^HTTP\/1\.1 503 .*Ingest_Full/s);
    for (const answer of await Promise.all(held)) expect(answer).to.match(/^(HTTP\/1\.1 408 .*Request_TooSlow.*)?$/s);
    const line = bench.line(5);
    const chunked = `${line.length.toString(16)}\r\n${line}\r\n0\r\n\r\n`;
    expect(await send(`transfer-encoding: chunked\r\n\r\n`, chunked)).to.match(/^HTTP\/1\.1 200 .*"inserted"/s);
  });

  it("answers 404 where no readings are kept", async () => {
    const app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    apps.push(app);
    expect(await refusalOf(app, post("{}"))).to.equal("404 Route_Unknown");
  });

  // Last: the database of this bench is another process after it.
  it("S02: the database killed in the middle: 503, then all of it, and nothing that was acknowledged is lost", async () => {
    await bench.store.db.query("truncate readings, equivocations");
    bench.clockAt = (EPOCH + 60n) * 3600n;
    const fresh = bench.start();
    const app = await build({}, fresh);
    const acknowledged: string[] = [];
    const line = (node: number, e: number) =>
      bench.line(node, EPOCH + BigInt(e), { sequenceIndex: BigInt(2 * e), prevReadingHash: bench.hash(node) });
    const batches = Array.from({ length: 50 }, (_, e) => [0, 1, 2, 3].map((node) => line(node, e)));
    const statuses = new Set<number>();
    const submit = async (lines: string[], lane: number) => {
      for (;;) {
        const answer = await app.inject({ ...post(lines.join("\n")), remoteAddress: `10.0.1.${lane}` });
        statuses.add(answer.statusCode);
        if (answer.statusCode === 200) {
          const { results } = answer.json<{ results: BatchResult[] }>();
          for (const { readingHash } of results) if (readingHash !== undefined) acknowledged.push(readingHash);
          return;
        }
        expect(answer.headers["retry-after"]).to.match(/^\d+$/);
        await sleep(100);
      }
    };
    let killedAt = -1;
    const lanes = [0, 1, 2].map(async (lane) => {
      for (let turn = lane; turn < batches.length; turn += 3) {
        await submit(batches[turn]!, lane);
        if (killedAt === -1 && acknowledged.length > 40) {
          killedAt = acknowledged.length;
          process.kill(bench.store.embedded!.pid()!, "SIGKILL");
        }
      }
    });
    await Promise.all(lanes);
    expect([...statuses].sort()).to.deep.equal([200, 503]);
    expect(killedAt).to.be.within(40, 100);
    const rows = await Promise.all(batches.map((_, e) => readingsOf(bench.store.db, 0, EPOCH + BigInt(e))));
    const keptHashes = rows.flat().map(({ readingHash }) => readingHash);
    expect(new Set(keptHashes)).to.deep.equal(new Set(acknowledged));
    expect(outcomesOf(await takeLines(fresh, [line(9, 50)]))).to.deep.equal(["inserted"]);
  });
});
