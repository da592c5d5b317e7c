import { expect } from "chai";
import { connect, type AddressInfo } from "node:net";
import { buildApp } from "../../server/app.ts";
import { Failure } from "../../server/failure.ts";
import { loadConfig, type SettingName } from "../../server/config.ts";
import type { Api } from "../../server/plugins/http.ts";
import type { Problem } from "../../server/protocol/api.ts";
import type { Sources } from "../../server/sources.ts";
import { refusalOf, sampleSources } from "./sample.ts";

describe("api limits", () => {
  const apps: Api[] = [];
  const log: string[] = [];
  const build = async (sources: Partial<Sources> = {}, settings: Partial<Record<SettingName, string>> = {}) => {
    const config = loadConfig({}, { logLevel: "info", ...settings });
    const logTo = { write: (line: string) => void log.push(line) };
    const app = await buildApp({ config, sources: sampleSources(sources), logTo });
    apps.push(app);
    return app;
  };

  after(() => Promise.all(apps.map((app) => app.close())));

  it("S08: counts requests by address; /health is always answered", async () => {
    const few = await build({}, { requestsPerMinute: "3" });
    for (let count = 0; count < 3; count++) expect((await few.inject("/v1/lots")).statusCode).to.equal(200);
    expect(await refusalOf(few, "/v1/lots")).to.equal("429 Request_TooMany");
    expect(await refusalOf(few, "/v1/nothing")).to.equal("429 Request_TooMany");
    expect((await few.inject({ url: "/v1/lots", remoteAddress: "10.0.0.2" })).statusCode).to.equal(200);
    expect((await few.inject("/health")).statusCode).to.equal(200);
  });

  it("S08: refuses work while the event loop is behind; /health is still answered", async () => {
    const busy = await build({}, { maxEventLoopDelayMs: "10" });
    const until = performance.now() + 1200; // delays are sampled once a second
    while (performance.now() < until) {
      const slice = performance.now() + 100;
      while (performance.now() < slice);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await refusalOf(busy, "/v1/lots")).to.equal("503 Server_Busy");
    expect((await busy.inject("/v1/lots")).headers["retry-after"]).to.equal("5");
    expect((await busy.inject("/health")).statusCode).to.equal(200);
  });

  it("S08: believes X-Forwarded-For only behind the proxies it was told of", async () => {
    for (const [proxyCount, status] of [
      ["0", 429],
      ["1", 200],
    ] as const) {
      const on = await build({}, { requestsPerMinute: "1", proxyCount });
      const from = (address: string) => on.inject({ url: "/v1/lots", headers: { "x-forwarded-for": address } });
      await from("10.0.0.1");
      expect((await from("10.0.0.2")).statusCode).to.equal(status);
    }
  });

  it("S08: answers addresses and bytes that no route sees with problems too", async () => {
    const on = await build();
    expect(await refusalOf(on, "/v1/lots/%zz")).to.equal("400 Request_Malformed");
    expect(await refusalOf(on, `/v1/lots/${"1".repeat(200)}`)).to.equal("414 Request_TooLong");
    await on.listen({ host: "127.0.0.1", port: 0 });
    const raw = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect((on.server.address() as AddressInfo).port, "127.0.0.1", () => socket.write(text));
        let answer = "";
        socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
        socket.on("end", () => resolve(answer)).on("error", reject);
      });
    expect(await raw("GARBAGE\r\n\r\n")).to.match(/^HTTP\/1\.1 400 .*"code":"Request_Malformed"/s);
    expect(await raw(`GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)).to.match(
      /^HTTP\/1\.1 431 .*Request_TooLong/s,
    );
  });

  it("S13: tells the client nothing of a failure, and the log no secret", async () => {
    log.length = 0;
    const broken = await build({
      summary: () => Promise.reject(new Error("connect postgres://rackbond:pass-word@db:5432/x failed")),
    });
    const request = { url: "/v1/summary", headers: { authorization: "Bearer token-word", cookie: "s=cookie-word" } };
    const answer = await broken.inject(request);
    expect(answer.statusCode).to.equal(500);
    expect(answer.json<Problem>().code).to.equal("Server_Failed");
    expect(answer.body).not.to.match(/postgres|db:5432|pass-word/);
    broken.log.warn({ settings: { databaseUrl: "pass-word", port: 1 }, headers: { authorization: "token-word" } });
    const written = log.join("");
    expect(written).to.include("postgres://rackbond:***@db:5432").and.include(answer.headers["x-request-id"]);
    expect(written).not.to.match(/pass-word|token-word|cookie-word/);
  });

  it("says when to come back while no block is followed, and while the database gives no answer", async () => {
    let failure = new Error("");
    const waiting = await build({ summary: () => Promise.reject(failure) });
    const coded = (code: string) => Object.assign(new Error("canceling statement of db:5432"), { code });
    for (const [error, code] of [
      [new Failure("ReadModel_Empty", "no block has been followed yet"), "ReadModel_Empty"],
      [new Error("timeout exceeded when trying to connect"), "Store_NoAnswer"],
      [new Error("Query read timeout"), "Store_NoAnswer"],
      [coded("57014"), "Store_NoAnswer"],
      [coded("ECONNREFUSED"), "Store_NoAnswer"],
      [coded("53300"), "Store_NoAnswer"],
    ] as const) {
      failure = error;
      const answer = await waiting.inject("/v1/summary");
      expect([answer.statusCode, answer.json<Problem>().code]).to.deep.equal([503, code]);
      expect(Number(answer.headers["retry-after"])).to.be.within(1, 60);
      expect(answer.body).not.to.include("db:5432");
    }
    failure = coded("42703");
    expect((await waiting.inject("/v1/summary")).statusCode).to.equal(500);
  });
});
