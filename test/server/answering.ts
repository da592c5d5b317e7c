import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { Type } from "typebox";
import { buildApp } from "../../server/app.ts";
import { loadConfig, type SettingName } from "../../server/config.ts";
import { noteBlock } from "../../server/plugins/asOf.ts";
import { columnsOf, csvOf } from "../../server/plugins/csv.ts";
import type { Api } from "../../server/plugins/http.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { LeaseSchema } from "../../server/protocol/apiLeases.ts";
import { orNull } from "../../server/protocol/apiTypes.ts";
import type { Sources } from "../../server/sources.ts";
import type { BlockMark } from "../../server/sourcesPlatform.ts";
import { refusalOf, sampleSources } from "./sample.ts";

const block = (number: bigint, branch = "0"): BlockMark => ({
  number,
  hash: `0x${branch}${number.toString(16).padStart(63, "0")}` as Hex,
});

describe("answers", () => {
  const apps: Api[] = [];
  after(() => Promise.all(apps.map((app) => app.close())));

  /** An API whose sources read at `at.block`, and count how often. */
  const build = async (replaced: Partial<Sources> = {}, settings: Partial<Record<SettingName, string>> = {}) => {
    const at = { block: block(1n), askedCount: 0 };
    const sample = sampleSources();
    const sources = sampleSources({
      head: () => Promise.resolve(at.block),
      lots: async (page) => {
        at.askedCount += 1;
        noteBlock(at.block);
        return await sample.lots(page);
      },
      ...replaced,
    });
    const config = loadConfig({}, { logLevel: "silent", requestsPerMinute: "100000", ...settings });
    const app = await buildApp({ config, sources });
    apps.push(app);
    return { app, at };
  };

  describe("of a block", () => {
    it("are made once, also when many ask at once, and anew after the next block", async () => {
      const { app, at } = await build();
      const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject("/v1/lots")));
      expect(new Set(answers.map(({ body }) => body)).size).to.equal(1);
      expect(answers.every(({ statusCode }) => statusCode === 200)).to.equal(true);
      await app.inject("/v1/lots");
      expect(at.askedCount).to.equal(1);
      await app.inject("/v1/lots?limit=2");
      expect(at.askedCount).to.equal(2);
      at.block = block(2n);
      expect((await app.inject("/v1/lots")).headers["x-block-number"]).to.equal("2");
      expect(at.askedCount).to.equal(3);
    });

    it("S15: change with a re-organisation, though the block's number is the same", async () => {
      const { app, at } = await build();
      const first = await app.inject("/v1/lots");
      at.block = block(1n, "1");
      const second = await app.inject("/v1/lots");
      expect(at.askedCount).to.equal(2);
      expect(second.headers["x-block-number"]).to.equal("1");
      expect(second.headers.etag).to.not.equal(first.headers.etag);
    });

    it("name it, and are 304 for who has them", async () => {
      const { app, at } = await build();
      const { headers } = await app.inject("/v1/lots");
      expect(headers).to.include({ "x-block-number": "1", "cache-control": "no-cache" });
      expect(headers.vary).to.match(/accept, accept-encoding/);
      const have = { "if-none-match": `"x", W/${headers.etag as string}` };
      const same = await app.inject({ url: "/v1/lots", headers: have });
      expect([same.statusCode, same.body]).to.deep.equal([304, ""]);
      expect(same.headers).to.include({ "x-block-number": "1", etag: headers.etag });
      const head = await app.inject({ method: "HEAD", url: "/v1/lots" });
      expect(head.headers.etag).to.equal(headers.etag);
      expect(at.askedCount).to.equal(1);
      at.block = block(2n);
      expect((await app.inject({ url: "/v1/lots", headers: have })).statusCode).to.equal(200);
    });

    it("come packed to who takes that, once they are long", async () => {
      const { app } = await build();
      const plain = await app.inject("/v1/lots");
      const packed = await app.inject({ url: "/v1/lots", headers: { "accept-encoding": "br, gzip" } });
      expect(packed.headers["content-encoding"]).to.equal("gzip");
      expect(gunzipSync(packed.rawPayload).toString()).to.equal(plain.body);
      const refused = await app.inject({ url: "/v1/lots", headers: { "accept-encoding": "gzip;q=0" } });
      expect(refused.headers).to.not.have.property("content-encoding");
    });

    it("are read again when the chain moved between two readings of one answer", async () => {
      const moves = [block(1n), block(2n), block(2n), block(2n)];
      const sample = sampleSources();
      const { app } = await build({
        summary: async () => {
          noteBlock(moves.shift()!);
          noteBlock(moves.shift()!);
          return await sample.summary();
        },
      });
      expect((await app.inject("/v1/summary")).headers["x-block-number"]).to.equal("2");
      expect(moves).to.deep.equal([]);
    });

    it("may be of the block before for who would wait, where that is set, and say so", async () => {
      for (const [staleMs, block2] of [
        ["0", "2"],
        ["10000", "1"],
      ] as const) {
        const sample = sampleSources();
        let waitMs = 0;
        const { app, at } = await build(
          {
            lot: async (lotId) => {
              noteBlock(at.block);
              await new Promise((resolve) => setTimeout(resolve, waitMs));
              return await sample.lot(lotId);
            },
          },
          { staleMs },
        );
        await app.inject("/v1/lots/1");
        at.block = block(2n);
        waitMs = 50;
        const both = await Promise.all([app.inject("/v1/lots/1"), app.inject("/v1/lots/1")]);
        expect(both.map(({ headers }) => headers["x-block-number"])).to.deep.equal(["2", block2]);
        expect((await app.inject("/v1/lots/1")).headers["x-block-number"]).to.equal("2");
      }
    });

    it("are not kept when they are refusals, nor given to those who waited", async () => {
      let failCount = 1;
      const sample = sampleSources();
      const { app } = await build({
        lot: async (lotId) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          noteBlock(block(1n));
          if (failCount-- > 0) throw new Error("gone for a moment");
          return await sample.lot(lotId);
        },
      });
      const [first, second] = await Promise.all([app.inject("/v1/lots/1"), app.inject("/v1/lots/1")]);
      expect([first.statusCode, second.statusCode]).to.deep.equal([500, 200]);
      expect(await refusalOf(app, "/v1/lots/77")).to.equal("404 Lot_Unknown");
    });
  });

  describe("as CSV", () => {
    it("have the schema's fields as columns, nested ones joined, arrays as JSON", async () => {
      const { app } = await build();
      const csv = await app.inject("/v1/leases?format=csv");
      expect(csv.headers["content-type"]).to.equal("text/csv; charset=utf-8; header=present");
      expect(csv.headers["content-disposition"]).to.equal('attachment; filename="leases.csv"');
      const [head, row, end] = csv.body.split("\r\n");
      expect(head).to.equal(
        columnsOf(LeaseSchema)
          .map((column) => column.join("."))
          .join(","),
      );
      expect(head).to.include("efficiency.metric,efficiency.targetUnits").and.include(",sla,");
      expect(row).to.include('"[{""availabilityBps"":9900,""creditBps"":1000}]"').and.include(",TakeOrPay,");
      expect(end).to.equal("");
    });

    it("are given where the client prefers that type, and JSON where it does not say so", async () => {
      const { app } = await build();
      const type = async (accept: string) =>
        (await app.inject({ url: "/v1/lots", headers: { accept } })).headers["content-type"]?.toString().split(";")[0];
      expect(await type("text/csv")).to.equal("text/csv");
      expect(await type("application/json;q=0.5, text/csv")).to.equal("text/csv");
      for (const accept of ["*/*", "text/*", "application/json, text/csv;q=0.9", "text/csv;q=0", ""])
        expect(await type(accept), accept).to.equal("application/json");
      expect(await refusalOf(app, "/v1/lots?format=xml")).to.equal("400 Request_Invalid");
      expect(await refusalOf(app, "/v1/lots/1?format=csv")).to.equal("400 Request_Invalid");
    });

    it("hold every page unless a limit is given, and then say where the next is", async () => {
      const { app } = await build();
      const rows = (body: string) => body.trim().split("\r\n").slice(1);
      expect(rows((await app.inject("/v1/lots?format=csv")).body)).to.have.lengthOf(3);
      const page = await app.inject("/v1/lots?format=csv&limit=2");
      expect(rows(page.body)).to.have.lengthOf(2);
      expect(page.headers.link).to.equal('</v1/lots?format=csv&limit=2&after=2>; rel="next"');
      const epochs = await app.inject("/v1/epochs?limit=1&format=csv");
      expect(epochs.headers.link).to.match(/before=490002/);
      expect((await app.inject("/v1/lots?limit=2")).json()).to.have.property("next", "2");
    });

    it("S12: quote what a spreadsheet would run", () => {
      const schema = Type.Object({ text: Type.String(), part: orNull(Type.Object({ n: Type.Integer() })) });
      const csv = (text: string) => csvOf(schema, [{ text, part: null }]);
      expect(csv("a")).to.equal("text,part.n\r\na,\r\n");
      for (const text of ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1"]) expect(csv(text)).to.include(`'${text}`);
      for (const text of ["-12", "-12.5", "1=1"]) expect(csv(text)).to.include(`\n${text},`);
      expect(csvOf(schema, [{ text: 'a"b,c', part: { n: -1 } }])).to.equal('text,part.n\r\n"a""b,c",-1\r\n');
    });
  });
});
