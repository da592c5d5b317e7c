import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { buildApp, listen } from "../../server/app.ts";
import { loadConfig, type SettingName } from "../../server/config.ts";
import type { Api } from "../../server/plugins/http.ts";
import type { Happening } from "../../server/protocol/apiStream.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Sources } from "../../server/sources.ts";
import type { BlockMark } from "../../server/sourcesPlatform.ts";
import type { OrderRecord } from "../../server/protocol/apiExchange.ts";
import { ADDRESS, HASH, refusalOf, sampleSources } from "./sample.ts";
import { sampleCapital } from "./sampleCapital.ts";

const block = (number: number, branch = 0): BlockMark => ({
  number: BigInt(number),
  hash: `0x${branch}${number.toString(16).padStart(63, "0")}` as Hex,
});

describe("around the API's routes", () => {
  const apps: Api[] = [];
  const folder = mkdtempSync(join(tmpdir(), "rackbond-portal-"));
  const build = async (sources: Partial<Sources> = {}, settings: Partial<Record<SettingName, string>> = {}) => {
    const config = loadConfig({}, { logLevel: "silent", portalDir: folder, ...settings });
    const app = await buildApp({ config, sources: sampleSources(sources) });
    apps.push(app);
    return app;
  };

  before(() => {
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), "<!doctype html><title>portal</title>");
    writeFileSync(join(folder, "assets", "page-abc123.js"), `export const text = "${"a".repeat(2_000)}";`);
  });
  after(async () => {
    await Promise.all(apps.map((app) => app.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  describe("the portal", () => {
    const html = { accept: "text/html,application/xhtml+xml" };

    it("is given for every path that is a page's, under a policy that lets nothing foreign in", async () => {
      const app = await build();
      for (const url of ["/", "/portfolio", `/facilities/${ADDRESS}`, "/audit/search?anchor=0x12"]) {
        const page = await app.inject({ url, headers: html });
        expect([page.statusCode, page.body], url).to.deep.equal([200, "<!doctype html><title>portal</title>"]);
        expect(page.headers["cache-control"], url).to.equal("no-cache");
        expect(page.headers["content-security-policy"])
          .to.include("script-src 'self'")
          .and.include("frame-ancestors 'none'")
          .and.not.match(/https:|'unsafe-eval'|upgrade-insecure/);
      }
    });

    it("keeps its files for good where their name is their content, and packs them", async () => {
      const app = await build();
      const file = await app.inject({ url: "/assets/page-abc123.js", headers: { "accept-encoding": "gzip" } });
      expect(file.headers).to.include({ "cache-control": "public, max-age=31536000, immutable" });
      expect(file.headers["content-type"]).to.match(/javascript/);
      expect(gunzipSync(file.rawPayload).toString()).to.match(/^export const text/);
    });

    it("S12: gives no file that is outside of its folder, and problems where the API was meant", async () => {
      writeFileSync(join(folder, "..", "outside.txt"), "outside");
      const app = await build();
      for (const url of [
        "/../outside.txt",
        "/..%2foutside.txt",
        "/assets/..%2f..%2foutside.txt",
        "/%2e%2e/outside.txt",
      ]) {
        const answer = await app.inject({ url });
        expect(answer.statusCode, url).to.be.within(400, 404);
        expect(answer.body, url).to.not.include("outside\n").and.not.equal("outside");
      }
      rmSync(join(folder, "..", "outside.txt"));
      for (const url of [
        "/v1/nothing",
        "/assets/gone.js",
        "/assets/",
        "/assets",
        "/docs/nothing",
        "/peer/v1/inventory/1",
      ])
        expect(await refusalOf(app, { url, headers: html }), url).to.equal("404 Route_Unknown");
      expect(await refusalOf(app, { url: "/portfolio", headers: { accept: "application/json" } })).to.equal(
        "404 Route_Unknown",
      );
      expect(await refusalOf(app, { method: "POST", url: "/portfolio", headers: html })).to.equal("404 Route_Unknown");
    });
  });

  describe("other sites", () => {
    it("S12: may read what is public where that is set, and nothing otherwise", async () => {
      const origin = "https://other.example";
      const from = async (app: Api, method: "GET" | "OPTIONS" = "GET") =>
        (
          await app.inject({
            ...{ method, url: "/v1/lots" },
            headers: { origin, ...(method === "OPTIONS" && { "access-control-request-method": "POST" }) },
          })
        ).headers;
      expect(await from(await build())).to.not.have.property("access-control-allow-origin");
      const other = await build({}, { corsOrigins: "https://one.example" });
      expect(await from(other)).to.not.have.property("access-control-allow-origin");
      const open = await build({}, { corsOrigins: `https://one.example,${origin}` });
      expect(await from(open)).to.include({ "access-control-allow-origin": origin });
      // A shared cache must not give one site's answer to another.
      expect((await from(open)).vary)
        .to.match(/\bOrigin\b/i)
        .and.match(/\baccept, accept-encoding\b/);
      expect(await from(open)).to.not.have.property("access-control-allow-credentials");
      expect((await from(open, "OPTIONS"))["access-control-allow-methods"]).to.equal("GET, HEAD");
    });
  });

  describe("GET /v1/deployment", () => {
    it("says where the contracts are", async () => {
      const app = await build();
      const sources = sampleSources();
      expect((await app.inject("/v1/deployment")).json()).to.deep.equal(sources.deployment());
    });
  });

  describe("GET /metrics", () => {
    it("measures routes by their pattern, what is kept, and where the program stands", async () => {
      const app = await build();
      await app.inject("/v1/lots/1");
      await app.inject("/v1/lots/2");
      await app.inject("/v1/lots/99");
      await app.inject("/nowhere/at/all");
      const { headers, body } = await app.inject("/metrics");
      expect(headers["content-type"]).to.match(/^text\/plain; version=0\.0\.4/);
      expect(body).to.match(/duration_seconds_count\{method="GET",route="\/v1\/lots\/:lotId",status="200"\} 2\n/);
      expect(body).to.include('refusals_total{route="/v1/lots/:lotId",status="404"} 1\n');
      expect(body).to.not.include("nowhere");
      for (const line of [
        "rackbond_ready 1",
        "rackbond_head_block 99",
        "rackbond_epoch_final 490001",
        "rackbond_events 7",
      ])
        expect(body).to.include(`${line}\n`);
      expect(body)
        .to.match(/process_resident_memory_bytes \d/)
        .and.match(/nodejs_eventloop_lag_p99_seconds \d/);
    });

    it("has every measure that the dashboard shows", async () => {
      const { body } = await (await build()).inject("/metrics");
      const known = new Set([...body.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
      const dashboard = readFileSync("docs/grafana.json", "utf8");
      const shown = [...dashboard.matchAll(/\b((?:rackbond|nodejs|process)_\w+?)(?:_bucket|_count)?(?=[{,])/g)];
      expect(shown.length).to.be.greaterThan(20);
      for (const [, name] of shown) expect(known, name).to.include(name);
    });

    it("says that it is not ready where the database is gone, and is read all the same", async () => {
      const app = await build({ standing: () => Promise.reject(new Error("gone")) });
      const { statusCode, body } = await app.inject("/metrics");
      expect(statusCode).to.equal(200);
      expect(body).to.include("rackbond_ready 0\n");
    });
  });

  describe("GET /v1/stream", () => {
    const happening = (number: number, kind: Happening["kind"]): Happening => ({
      ...{ kind, blockNumber: String(number), blockHash: block(number).hash, logIndex: 0 },
      ...{ name: "Happened", address: ADDRESS, ids: { leaseId: "1" } },
    });

    /** A chain that a test moves, and an API that streams it. */
    const stream = async (settings: Partial<Record<SettingName, string>> = {}, capital = sampleCapital()) => {
      const chain = { head: block(5), left: new Set<string>(), items: [happening(4, "epoch"), happening(5, "lease")] };
      const app = await build(
        {
          head: () => Promise.resolve(chain.head),
          happenings: (after, logIndex) =>
            Promise.resolve({
              head: chain.head,
              isContinued: !chain.left.has(after.hash),
              items: chain.items.filter(
                ({ blockNumber, logIndex: at }) =>
                  BigInt(blockNumber) > after.number || (BigInt(blockNumber) === after.number && at > logIndex),
              ),
            }),
          capital,
        },
        settings,
      );
      const url = await listen(app, "127.0.0.1", 0);
      const open = async (lastEventId?: string) => {
        const ending = new AbortController();
        const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
        const answer = await fetch(`${url}/v1/stream`, { headers, signal: ending.signal });
        const client = { status: answer.status, type: answer.headers.get("content-type"), text: "", ending };
        const read = async () => {
          for await (const piece of answer.body!) client.text += Buffer.from(piece).toString();
        };
        read().catch(() => undefined);
        return client;
      };
      return { chain, open, app };
    };
    const until = async (client: { text: string }, part: string) => {
      for (let waitedMs = 0; !client.text.includes(part); waitedMs += 10) {
        if (waitedMs > 5_000) throw new Error(`not told: ${part} in ${client.text}`);
        await sleep(10);
      }
    };
    const kinds = (text: string) => [...text.matchAll(/^event: (\w+)$/gm)].map(([, kind]) => kind);

    it("tells of each block as it comes, and who comes back of what it missed", async () => {
      const { chain, open, app } = await stream();
      const first = await open();
      expect([first.status, first.type]).to.deep.equal([200, "text/event-stream; charset=utf-8"]);
      await until(first, '"blockNumber":"5"');
      expect(kinds(first.text)).to.deep.equal(["head"]);
      chain.items.push(happening(6, "payment"));
      chain.head = block(6);
      await until(first, "event: payment");
      await until(first, `"blockHash":"${block(6).hash}"}`);
      expect(first.text).to.include(`id: 6-0-${block(6).hash}\nevent: payment\n`);
      const back = await open(`4-0-${block(4).hash}`);
      await until(back, '"blockNumber":"6"');
      await until(back, "event: head");
      expect(kinds(back.text)).to.deep.equal(["lease", "payment", "head"]);
      expect(back.text).to.not.include("readAgain");
      for (const client of [first, back]) client.ending.abort();
      await app.close();
    });

    it("S15: tells who saw a block that the chain has left to read all again", async () => {
      const { chain, open, app } = await stream();
      const client = await open();
      await until(client, "event: head");
      chain.left.add(block(5).hash);
      chain.head = block(5, 1);
      await until(client, '"readAgain":"true"');
      const back = await open(`5-0-${block(5).hash}`);
      await until(back, '"readAgain":"true"');
      expect(kinds(back.text)).to.deep.equal(["head"]);
      await app.close(); // ends both
    });

    it("tells of an order that is new, and of one that is handed in again nothing", async () => {
      const signed = {
        order: {
          ...{ isSell: true, maxAccruedAssets: "0", maker: ADDRESS, taker: ADDRESS, shareToken: ADDRESS },
          ...{ asset: ADDRESS, shares: "1", assets: "1", expiresAt: "1", nonce: "0", maxFeeBps: 0, salt: HASH },
        },
        signature: `0x${"11".repeat(65)}`,
      };
      const kept: OrderRecord = {
        ...{ ...signed, orderHash: HASH, orderId: "1", facility: null, classIndex: null, symbol: "A", priceWad: "1" },
        ...{
          status: "Open",
          filledShares: "0",
          fillableShares: "1",
          accruedAssets: "0",
          feeBps: 0,
          receivedAt: "1",
        },
      };
      let isNew = true;
      const putOrder = () => Promise.resolve({ isNew, order: kept });
      const { open, app } = await stream({}, sampleCapital({ putOrder }));
      const client = await open();
      await until(client, "event: head");
      const post = async () => (await app.inject({ method: "POST", url: "/v1/orders", payload: signed })).statusCode;
      expect(await post()).to.equal(201);
      await until(client, "event: order");
      isNew = false;
      expect(await post()).to.equal(200);
      isNew = true;
      expect(await post()).to.equal(201);
      await until(client, 'Offered"}\n\nevent: order');
      expect(kinds(client.text)).to.deep.equal(["head", "order", "order"]);
      await app.close();
    });

    it("S08: takes no more clients than are set, and forgets those that went", async () => {
      const { open } = await stream({ maxStreams: "10" });
      const one = await open(); // a tenth of ten
      expect((await open()).status).to.equal(503);
      one.ending.abort();
      let status = 503;
      for (let attempt = 0; attempt < 50 && status === 503; attempt++) {
        await sleep(20);
        status = (await open()).status;
      }
      expect(status).to.equal(200);
    });
  });
});
