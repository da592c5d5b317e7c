import { mkdtempSync, rmSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { Wallet } from "ethers";
import fc from "fast-check";
import { Compile } from "typebox/compile";
import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
import { insertBlocks } from "../../server/plugins/events.ts";
import type { Api } from "../../server/plugins/http.ts";
import { readModel } from "../../server/plugins/readmodel.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import { ProblemSchema } from "../../server/protocol/api.ts";
import type { Challenge, Session } from "../../server/protocol/apiSession.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import type { Sources } from "../../server/sources.ts";
import { requestsOf, type Description } from "./fuzzRequests.ts";
import { ADDRESS, HASH, sampleSources } from "./sample.ts";

/** More of them are tried by hand: FUZZ_RUNS=2000 FUZZ_SEED=7. */
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 15);
const SEED = Number(process.env["FUZZ_SEED"] ?? 6);
/** An answer that does not end is looked at in its own test. */
const ENDLESS = new Set(["openStream"]);
/** A machine that is busy otherwise is no failure. */
const BUSY = "Server_Busy";
const wallet = new Wallet(HASH);
const KNOWN = [ADDRESS, ADDRESS.toLowerCase(), HASH, "1", "2", "490001", "490000", "H100", "2026-01"];

/** Contracts of which every one, asked for anything, answers six. */
const sixes: unknown = new Proxy(() => undefined, {
  get: (_, name) => (name === "then" ? (done: (value: bigint) => void) => done(6n) : sixes),
  apply: () => sixes,
});

const problem = Compile(ProblemSchema);

describe("S12: whatever is asked of the API", () => {
  const apps: Api[] = [];
  let folder: string;
  let store: Store;

  const build = async (sources: Sources) => {
    const config = loadConfig({}, { logLevel: "silent", requestsPerMinute: "10000000", maxEventLoopDelayMs: "60000" });
    const app = await buildApp({ config, sources });
    apps.push(app);
    return app;
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-fuzz-"));
    store = await openStore({ dataDir: join(folder, "data") });
    await insertBlocks(store.db, [{ number: 1n, hash: HASH, time: 1_764_000_000n }]);
  });
  after(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The cookie of an auditor, who may see all. */
  const signIn = async (app: Api): Promise<string> => {
    const ask = (url: string, payload: object) => app.inject({ method: "POST", url, payload });
    const { message } = (await ask("/v1/session/challenge", { address: wallet.address })).json<Challenge>();
    const opened = await ask("/v1/session", { message, signature: await wallet.signMessage(message) });
    expect(opened.json<Session>().viewer?.roles).to.include("auditor");
    return String(opened.headers["set-cookie"]).split(";")[0]!;
  };

  /** Asks everything that is described; what is wrong with an answer is said with the request. */
  const fuzz = async (app: Api): Promise<Map<string, Set<number>>> => {
    const seen = new Map<string, Set<number>>();
    const { paths } = app.swagger() as unknown as Description;
    const cookie = await signIn(app);
    let clientCount = 0;
    for (const [path, methods] of Object.entries(paths))
      for (const [method, operation] of Object.entries(methods)) {
        if (ENDLESS.has(operation.operationId)) continue;
        const property = fc.asyncProperty(requestsOf(path, method, operation, KNOWN), async (request) => {
          await turn(); // injected requests alone would let no timer run
          clientCount += 1; // each from its own address, so that no limit hides what is behind it
          const remoteAddress = `10.${(clientCount >> 16) & 255}.${(clientCount >> 8) & 255}.${clientCount & 255}`;
          const headers = clientCount % 2 === 0 ? { cookie, ...request.headers } : request.headers;
          const answer = await app.inject({ ...request, headers, remoteAddress } as never);
          const { statusCode, body } = answer;
          const said = `${statusCode} ${body.slice(0, 300)}`;
          seen.set(operation.operationId, (seen.get(operation.operationId) ?? new Set()).add(statusCode));
          if (statusCode >= 500 && !body.includes(BUSY)) throw new Error(`a failure: ${said}`);
          if (statusCode < 400) return;
          if (!/^application\/problem\+json/.test(String(answer.headers["content-type"])))
            throw new Error(`no problem document: ${said}`);
          const given: unknown = request.method === "HEAD" ? undefined : JSON.parse(body);
          if (given !== undefined && !problem.Check(given)) throw new Error(`not as a problem is: ${said}`);
        });
        await fc.assert(property, { numRuns: RUNS, seed: SEED });
      }
    return seen;
  };

  it("is answered or refused with a problem, out of a sample that has an answer", async function () {
    this.timeout(0);
    const seen = await fuzz(await build(sampleSources({ rolesOf: () => Promise.resolve(["auditor"]) })));
    // What is never answered was never tried either; some takes what no generator makes, such as a signature.
    const answered = [...seen.values()].filter((statuses) => [...statuses].some((status) => status < 400));
    expect(answered.length / seen.size).to.be.greaterThan(0.7);
    const unrefused = [...seen].filter(([, statuses]) => ![...statuses].some((status) => status >= 400));
    expect(unrefused.map(([operationId]) => operationId)).to.deep.equal([]);
  });

  it("is answered or refused with a problem, out of a database that has none", async function () {
    this.timeout(0);
    const sources = readModel({
      ...{ store, follower: { isCurrent: () => true, version: () => 0 } },
      files: { find: () => Promise.resolve(undefined) },
      proofs: { indexOf: () => Promise.resolve(undefined) },
      deployment: sampleSources().deployment() as Deployment,
      contractsAfter: () => sixes as never,
      submit: (signed) => sampleSources().submitReading(signed),
    });
    await fuzz(await build({ ...sources, rolesOf: () => Promise.resolve(["auditor"]) }));
  });

  it("S08: is refused as bytes that are no HTTP, or half of it, and the next one is served", async () => {
    const app = await build(sampleSources());
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const raw = (bytes: string | Buffer) =>
      new Promise<string>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
        let answer = "";
        socket.on("data", (piece: Buffer) => (answer += piece.toString("latin1")));
        socket.on("error", () => resolve(answer)).on("close", () => resolve(answer));
      });
    const host = "host: localhost\r\nconnection: close\r\n";
    const json = "content-type: application/json\r\n";
    const cases: (string | Buffer)[] = [
      "GARBAGE\r\n\r\n",
      "\r\n\r\n\r\n\r\n",
      Buffer.alloc(4096, 0xff),
      Buffer.from("160301020001000100fc0303", "hex"), // TLS
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      `GET /v1/lots HTTP/9.9\r\n${host}\r\n`,
      "GET /v1/lots HTTP/1.1\r\n\r\n", // without a host
      `GET ${"/a".repeat(20_000)} HTTP/1.1\r\n${host}\r\n`,
      `GET /v1/lots/%zz HTTP/1.1\r\n${host}\r\n`,
      `GET //v1/../v1/lots HTTP/1.1\r\n${host}\r\n`,
      `GET http://other.example/v1/lots HTTP/1.1\r\n${host}\r\n`,
      `GET /v1/lots HTTP/1.1\r\n${host}x: ${"y".repeat(40_000)}\r\n\r\n`,
      `GET /v1/lots HTTP/1.1\r\n${host}${"a: b\r\n".repeat(3_000)}\r\n`,
      `GET /v1/lots HTTP/1.1\r\n${host}a\u0000b: c\r\n\r\n`,
      `GET /v1/lots HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n`,
      `POST /v1/readings HTTP/1.1\r\n${host}${json}content-length: 10\r\ncontent-length: 20\r\n\r\n{}`,
      `POST /v1/readings HTTP/1.1\r\n${host}${json}content-length: -1\r\n\r\n{}`,
      `POST /v1/readings HTTP/1.1\r\n${host}${json}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /v1/readings HTTP/1.1\r\n${host}${json}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      `POST /v1/session HTTP/1.1\r\n${host}${json}content-length: 99999999\r\n\r\n{}`,
      `POST /v1/session HTTP/1.1\r\n${host}${json}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}`,
      `TRACE /v1/lots HTTP/1.1\r\n${host}\r\n`,
      `CONNECT localhost:80 HTTP/1.1\r\n${host}\r\n`,
      `GET /v1/stream HTTP/1.1\r\n${host}last-event-id: ${"9".repeat(300)}\r\n\r\n`.replace(
        "/v1/stream",
        "/v1/stream?x=1",
      ),
      `GET /v1/lots HTTP/1.1\r\n${host}upgrade: websocket\r\nconnection: upgrade\r\n\r\n`,
    ];
    for (const bytes of cases) {
      const answer = await raw(bytes);
      const shown = `${bytes.toString("latin1").slice(0, 60)} → ${answer.slice(0, 200)}`;
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0);
      if (!answer.includes(BUSY)) expect(status, shown).to.be.lessThan(500);
      if (status >= 400 && answer.includes("\r\n\r\n{")) expect(answer, shown).to.include("application/problem+json");
      expect((await app.inject("/health")).statusCode, shown).to.equal(200);
    }
  });
});
