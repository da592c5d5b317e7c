import { zstdDecompressSync } from "node:zlib";
import { expect } from "chai";
import type { InjectOptions } from "fastify";
import { buildApp } from "../../server/app.ts";
import { loadConfig, type SettingName } from "../../server/config.ts";
import type { Problem } from "../../server/protocol/api.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import type { Sources } from "../../server/sources.ts";
import { ADDRESS, FILE_TEXT, HASH, receipt, refusalOf, sampleSources, signedReading } from "./sample.ts";

type App = Awaited<ReturnType<typeof buildApp>>;

describe("api", () => {
  const apps: App[] = [];
  let app: App;
  const log: string[] = [];
  const build = async (sources: Partial<Sources> = {}, settings: Partial<Record<SettingName, string>> = {}) => {
    const config = loadConfig({}, { logLevel: "info", requestsPerMinute: "100000", ...settings });
    const built = await buildApp({
      config,
      sources: sampleSources(sources),
      logTo: { write: (line) => void log.push(line) },
    });
    apps.push(built);
    return built;
  };

  before(async () => {
    app = await build();
  });
  after(() => Promise.all(apps.map((each) => each.close())));

  const refusal = (request: InjectOptions | string, on = app) => refusalOf(on, request);
  const post = (payload: unknown, headers: Record<string, string> = {}): InjectOptions => ({
    method: "POST",
    url: "/v1/readings",
    payload: typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    headers: { "content-type": "application/json", ...headers },
  });
  const reading = (change: object) => post({ ...signedReading, reading: { ...signedReading.reading, ...change } });

  describe("GET", () => {
    const routes = [
      "/health",
      "/ready",
      "/v1/summary",
      "/v1/facilities",
      `/v1/facilities/${ADDRESS}`,
      `/v1/facilities/${ADDRESS.toLowerCase()}/payments`,
      `/v1/facilities/${ADDRESS}/events?after=7`,
      "/v1/reserves",
      "/v1/lots",
      "/v1/lots/1",
      "/v1/lots/1/meters?from=490000&to=490002",
      ...[`/v1/facilities/${ADDRESS}/reports`, `/v1/facilities/${ADDRESS}/reports/2026-03`],
      `/v1/facilities/${ADDRESS}/reports/2026-03.json`,
      ...[`/v1/facilities/${ADDRESS}/value`, `/v1/facilities/${ADDRESS}/values?before=100`],
      ...[`/v1/facilities/${ADDRESS}/calendar`, `/v1/facilities/${ADDRESS}/receivables?state=Overdue`],
      `/v1/facilities/${ADDRESS}/telemetry?from=490000&to=490002&step=day`,
      ...["/v1/leases?state=Running&lot=1", "/v1/leases/1", "/v1/leases/1/invoices", "/v1/receivables?after=1-0"],
      "/v1/epochs",
      "/v1/epochs/490001",
      "/v1/epochs/490001/lots/1/devices/8/absence",
      `/v1/epochs/490001/devices/${HASH}/proof`,
      "/openapi.json",
    ];
    for (const url of routes)
      it(`${url} answers 200, as JSON, with the id of the request`, async () => {
        const answer = await app.inject({ url, headers: { "x-request-id": "abc-1" } });
        expect(answer.statusCode, answer.body).to.equal(200);
        expect(answer.headers["content-type"]).to.match(/^application\/json/);
        expect(answer.headers["x-request-id"]).to.equal("abc-1");
        expect(answer.json()).to.be.an("object");
      });

    it("gives what its source gives, to the last digit and with nothing dropped", async () => {
      const sources = sampleSources();
      expect((await app.inject("/v1/summary")).json()).to.deep.equal(await sources.summary());
      expect((await app.inject("/v1/facilities")).json()).to.deep.equal({
        items: await sources.facilities({ limit: 50 }),
        next: null,
      });
      expect((await app.inject(`/v1/epochs/490001/devices/${HASH}/proof`)).json()).to.deep.equal(
        await sources.deviceProof(490_001n, HASH),
      );
      expect((await app.inject("/v1/epochs/490001/lots/1/devices/8/absence")).json()).to.deep.equal(
        await sources.absenceProof(490_001n, 1n, 8),
      );
      const lot = await app.inject("/v1/epochs/490001/lots/1/proof");
      expect(lot.headers["content-type"]).to.equal("application/x-ndjson");
      expect(lot.body.split("\n")).to.deep.equal([...(await sources.lotProof(490_001n, 1n))!, ""]);
    });

    it("gives published files as they are, packed for who takes that, and once", async () => {
      const url = `/v1/files/readings/${HASH}`;
      const plain = await app.inject(url);
      expect(plain.body).to.equal(FILE_TEXT);
      expect(plain.headers).to.include({ etag: `"${HASH}"`, vary: "accept-encoding" });
      expect(plain.headers).to.include({ "cache-control": "public, max-age=31536000, immutable" });
      expect(plain.headers).to.not.have.property("content-encoding");
      for (const coding of ["zstd", "gzip, br , zstd;q=0.5"]) {
        const packed = await app.inject({ url, headers: { "accept-encoding": coding } });
        expect(packed.headers).to.include({ "content-encoding": "zstd" });
        expect(packed.headers["content-length"]).to.equal(String(packed.rawPayload.length));
        expect(zstdDecompressSync(packed.rawPayload).toString()).to.equal(FILE_TEXT);
      }
      for (const coding of ["zstd;q=0", "gzip", "xzstd", ""]) {
        const answer = await app.inject({ url, headers: { "accept-encoding": coding } });
        expect(answer.body, coding).to.equal(FILE_TEXT);
      }
      for (const [tag, status] of [
        [`"${HASH}"`, 304],
        [`"a", W/"${HASH}"`, 304],
        ['"a"', 200],
      ] as const) {
        const answer = await app.inject({ url, headers: { "if-none-match": tag } });
        expect([answer.statusCode, answer.body === ""]).to.deep.equal([status, status === 304]);
      }
    });

    it("gives a month's report as CSV and on paper too", async () => {
      const url = `/v1/facilities/${ADDRESS}/reports/2026-03`;
      const csv = await app.inject(`${url}.csv`);
      expect(csv.headers["content-type"]).to.match(/^text\/csv/);
      expect(csv.headers["content-disposition"]).to.equal('attachment; filename="rackbond-5aaeb605-2026-03.csv"');
      const pdf = await app.inject(`${url}.pdf`);
      expect([pdf.headers["content-type"], pdf.headers["x-block-number"]]).to.deep.equal(["application/pdf", "1234"]);
      expect(pdf.body).to.match(/^%PDF-/);
      expect((await app.inject(`${url}.pdf`)).headers.etag).to.equal(pdf.headers.etag);
      expect(csv.headers.etag).to.not.equal(pdf.headers.etag);
      const have = { "if-none-match": pdf.headers.etag as string };
      const same = await app.inject({ url: `${url}.pdf`, headers: have });
      expect([same.statusCode, same.body]).to.deep.equal([304, ""]);
      expect((await app.inject({ url: `${url}.csv`, headers: have })).statusCode).to.equal(200);
      expect(await refusal(url.replace("03", "13"))).to.equal("400 Request_Invalid");
      expect(await refusal(`${url.replace("03", "04")}.pdf`)).to.equal("404 Report_Unknown");
      expect(await refusal(`${url}.exe`)).to.equal("400 Request_Invalid");
    });

    it("pages through a list without a gap or a repetition", async () => {
      const walk = async (url: string, name: string, key: string) => {
        const seen: string[] = [];
        for (let cursor: string | null = ""; cursor !== null;) {
          const at = cursor === "" ? "" : `&${name}=${cursor}`;
          const page: { items: Record<string, string>[]; next: string | null } = (
            await app.inject(`${url}limit=2${at}`)
          ).json();
          seen.push(...page.items.map((item) => item[key] ?? ""));
          cursor = page.next;
        }
        return seen.join(" ");
      };
      expect(await walk("/v1/lots?", "after", "lotId")).to.equal("1 2 3");
      expect(await walk("/v1/epochs?", "before", "epoch")).to.equal("490002 490001 490000");
      const meters = await app.inject("/v1/lots/1/meters?from=490000&to=490002&limit=2");
      expect(meters.json<{ next: string }>().next).to.equal("490002");
    });

    it("answers 404 for what is not there", async () => {
      const other = `0x${"00".repeat(20)}`;
      expect(await refusal(`/v1/facilities/${other}`)).to.equal("404 Facility_Unknown");
      expect(await refusal(`/v1/facilities/${other}/payments`)).to.equal("404 Facility_Unknown");
      expect(await refusal(`/v1/facilities/${other}/events`)).to.equal("404 Facility_Unknown");
      expect(await refusal("/v1/lots/9")).to.equal("404 Lot_Unknown");
      expect(await refusal("/v1/lots/9/meters?from=1&to=2")).to.equal("404 Lot_Unknown");
      expect(await refusal("/v1/epochs/1")).to.equal("404 Epoch_Unknown");
      expect(await refusal(`/v1/files/readings/0x${"cd".repeat(32)}`)).to.equal("404 File_Unknown");
      expect(await refusal("/v1/epochs/1/lots/1/proof")).to.equal("404 Epoch_Unknown");
      expect(await refusal("/v1/epochs/490001/lots/2/devices/0/absence")).to.equal("404 Absence_Unknown");
      expect(await refusal(`/v1/epochs/1/devices/${HASH}/proof`)).to.equal("404 Device_Unknown");
      expect(await refusal("/v1/nothing")).to.equal("404 Route_Unknown");
      expect(await refusal({ method: "DELETE", url: "/v1/lots/1" })).to.equal("404 Route_Unknown");
    });

    it("says 503 on /ready while the sources are not up, and lives on", async () => {
      const down = await build({ ready: () => Promise.resolve(undefined) });
      expect(await refusal("/ready", down)).to.equal("503 Server_NotReady");
      expect((await down.inject("/health")).statusCode).to.equal(200);
    });

    it("S21: refuses every parameter that has another form, coercing none", async () => {
      const lists = [
        "/v1/lots?",
        "/v1/leases?",
        "/v1/epochs?",
        "/v1/facilities?",
        `/v1/facilities/${ADDRESS}/payments?`,
        `/v1/facilities/${ADDRESS}/events?`,
        "/v1/reserves?",
      ];
      const limits = [
        "0",
        "201",
        "-1",
        "1.0",
        "1e1",
        "01",
        "+1",
        "NaN",
        "",
        " 1",
        "0x10",
        "1&limit=2",
        "9007199254740993",
      ];
      for (const url of lists)
        for (const limit of limits)
          expect(await refusal(`${url}limit=${limit}`), url + limit).to.equal("400 Request_Invalid");
      for (const query of ["nothing=1", "Limit=1", "__proto__=1", "limit[]=1", "constructor=1"])
        expect(await refusal(`/v1/lots?${query}`), query).to.equal("400 Request_Invalid");
      for (const id of [
        "-1",
        "1.5",
        "01",
        "NaN",
        "Infinity",
        "0x1",
        "1e3",
        "١",
        "9223372036854775808",
        "99999999999999999999",
      ])
        expect(await refusal(`/v1/lots/${encodeURIComponent(id)}`), id).to.equal("400 Request_Invalid");
      for (const range of ["", "from=1", "from=2&to=1", "from=-1&to=1", "from=1&to=1.5"])
        expect(await refusal(`/v1/lots/1/meters?${range}`), range).to.equal("400 Request_Invalid");
      for (const address of ["0x12", ADDRESS.slice(2), ADDRESS.replace("aA", "Aa"), `${ADDRESS}0`])
        expect(await refusal(`/v1/facilities/${address}`), address).to.equal("400 Request_Invalid");
      expect(await refusal(`/v1/files/constructor/${HASH}`)).to.equal("400 Request_Invalid");
      expect(await refusal("/v1/files/readings/..%2f..%2fetc%2fpasswd")).to.equal("400 Request_Invalid");
      expect(await refusal("/v1/epochs/1/lots/1/devices/4294967296000/absence")).to.equal("400 Request_Invalid");
      expect(await refusal(`/v1/epochs/1/devices/${HASH.toUpperCase()}/proof`)).to.equal("400 Request_Invalid");
    });

    it("S12: takes hostile text for what it is", async () => {
      for (const text of ["' or 1=1 --", "../../etc/passwd", "<script>", "%00", "\r\nx: y", "%2e%2e%2f", "${7*7}"]) {
        const answer = await app.inject(`/v1/lots/${encodeURIComponent(text)}`);
        expect(answer.statusCode, text).to.equal(400);
        expect(answer.headers["x-content-type-options"]).to.equal("nosniff");
        expect(answer.headers["x"]).to.equal(undefined);
      }
      const forged = await app.inject({ url: "/health", headers: { "x-request-id": 'a"}\n{"level":60' } });
      expect(forged.headers["x-request-id"]).to.match(/^[0-9a-f-]{36}$/);
    });
  });

  describe("POST /v1/readings", () => {
    it("answers 202 when the reading is kept, 200 when it was, 409 to a second one of its epoch", async () => {
      for (const [outcome, status] of [
        ["inserted", 202],
        ["duplicate", 200],
      ] as const) {
        const on = await build({
          submitReading: () => Promise.resolve(receipt(outcome, "1", "2")),
        });
        const answer = await on.inject(post(signedReading));
        expect(answer.statusCode).to.equal(status);
        expect(answer.json()).to.deep.equal({ outcome, epoch: "1", nodeId: "2", readingHash: HASH });
      }
      const second = await build({
        submitReading: () => Promise.resolve(receipt("equivocation", "1", "2")),
      });
      expect(await refusal(post(signedReading), second)).to.equal("409 Reading_Equivocation");
    });

    it("names the refusal of a reading: 401 its signature, 403 its node, 422 any other rule", async () => {
      for (const [code, answer] of [
        ["Reading_BadSignature", "401 Reading_BadSignature"],
        ["Reading_UnknownNode", "403 Reading_UnknownNode"],
        ["Reading_WrongPeriod", "422 Reading_WrongPeriod"],
      ] as const) {
        const on = await build({ submitReading: () => Promise.reject(new Refusal(code, { nodeId: 2n ** 64n - 1n })) });
        expect(await refusal(post(signedReading), on)).to.equal(answer);
        const problem = (await on.inject(post(signedReading))).json<Problem>();
        expect(problem.facts).to.deep.equal({ nodeId: "18446744073709551615" });
      }
    });

    it("gives its source the reading as it came", async () => {
      let taken: unknown;
      const on = await build({
        submitReading: (signed) => {
          taken = signed;
          return Promise.resolve(receipt("inserted", "1", "2"));
        },
      });
      await on.inject(post(signedReading));
      expect(taken).to.deep.equal(signedReading);
    });

    it("S21: refuses wrong types, numbers out of form and unknown fields, and asks its source nothing", async () => {
      const on = await build({ submitReading: () => Promise.reject(new Error("it was asked")) });
      const device = signedReading.reading.devices[0];
      const bad: [string, InjectOptions][] = [
        ["a number for a decimal", reading({ epoch: 490_000 })],
        ["a decimal for a number", reading({ version: "1" })],
        ["an array for a value", reading({ epoch: ["490000"] })],
        ["null", reading({ epoch: null })],
        ["a missing field", reading({ epoch: undefined })],
        ["an unknown field", reading({ extra: 1 })],
        ["an unknown field outside", post({ ...signedReading, extra: 1 })],
        ["an unknown field deep inside", reading({ devices: [{ ...device, extra: 1 }] })],
        ["no devices", reading({ devices: [] })],
        ["too many devices", reading({ devices: Array.from({ length: 257 }, () => device) })],
        ["a negative", reading({ epoch: "-1" })],
        ["a fraction", reading({ epoch: "1.0" })],
        ["NaN as text", reading({ epoch: "NaN" })],
        ["a leading zero", reading({ epoch: "01" })],
        ["a fraction in a count", reading({ devices: [{ ...device, droppedCount: 0.5 }] })],
        ["a count of 2^53 + 1", reading({ devices: [{ ...device, droppedCount: 2 ** 53 + 1 }] })],
        ["Infinity", post(JSON.stringify(signedReading).replace('"droppedCount":0', '"droppedCount":1e999'))],
        ["a hash in capitals", reading({ prevReadingHash: HASH.toUpperCase() })],
        ["a short signature", post({ ...signedReading, signature: "0x01" })],
        ["an array", post([signedReading])],
        ["a text", post('"reading"')],
        ["null alone", post("null")],
      ];
      for (const [what, request] of bad) expect(await refusal(request, on), what).to.equal("400 Request_Invalid");
    });

    it("S08: refuses what is no JSON, too large, too deep, encoded or of another type", async () => {
      const text = JSON.stringify(signedReading);
      const bad: [string, InjectOptions, string][] = [
        ["half", post(text.slice(0, -5)), "400 Request_Malformed"],
        ["empty", post(""), "400 Request_Malformed"],
        ["NaN", post(text.replace('"droppedCount":0', '"droppedCount":NaN')), "400 Request_Malformed"],
        ["prototype", post(text.replace('"version"', '"__proto__":{},"version"')), "400 Request_Malformed"],
        [
          "constructor",
          post(text.replace('"version"', '"constructor":{"prototype":{}},"version"')),
          "400 Request_Malformed",
        ],
        ["no UTF-8", post(Buffer.from([0x22, 0xff, 0xfe, 0x22])), "400 Request_Invalid"],
        ["deep", post("[".repeat(100_000) + "]".repeat(100_000)), "400 Request_Invalid"],
        ["large", post(text + " ".repeat(262_144)), "413 Request_TooLarge"],
        ["gzip", post(text, { "content-encoding": "gzip" }), "415 Request_UnsupportedType"],
        ["text", post(text, { "content-type": "text/plain" }), "415 Request_UnsupportedType"],
        ["form", post(text, { "content-type": "application/x-www-form-urlencoded" }), "415 Request_UnsupportedType"],
        ["no type", post(text, { "content-type": "" }), "415 Request_UnsupportedType"],
      ];
      for (const [what, request, answer] of bad) expect(await refusal(request), what).to.equal(answer);
    });
  });
});
