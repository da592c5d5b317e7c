import { expect } from "chai";
import fc from "fast-check";

import { startReceiver, type Receiver, type ReceiverOptions } from "../../server/agent/receiver.ts";
import { readWrite } from "../../server/agent/remoteWrite.ts";
import { uncompress } from "../../server/agent/snappy.ts";
import { Failure } from "../../server/failure.ts";
import { parseScrape } from "../../server/protocol/scrape.ts";
import { refusalOf } from "./agentBench.ts";
import { STALE, compressed, writeRequest, type WrittenSeries } from "./remoteWriteBench.ts";

const HOSTS = new Set(["gpu-a", "gpu-b"]);
const LABELS = { host: ["Hostname", "hostname", "instance"], isPodOfExporter: false };
const ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION";
const AT = 1_764_000_000_000;

const series = (name: string, samples: [number, number][], more: Record<string, string> = {}): WrittenSeries => ({
  labels: { __name__: name, Hostname: "gpu-a", UUID: "GPU-1", ...more },
  samples,
});
const read = (...all: WrittenSeries[]) => readWrite(writeRequest(all), HOSTS, LABELS);
const none = { taken: 0, unknownMetric: 0, unknownHost: 0, stale: 0, badTime: 0, unwritable: 0 };

describe("remote write", () => {
  describe("snappy", () => {
    it("comes back as it was, whatever it was", () => {
      const texts = fc.array(fc.constantFrom("abc", "DCGM_FI_DEV_", "\u0000", "xy".repeat(40)), { maxLength: 60 });
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 3000 }),
            texts.map((parts) => Buffer.from(parts.join(""))),
          ),
          (bytes) => {
            expect(uncompress(compressed(bytes), 1e6).equals(bytes)).to.equal(true);
          },
        ),
      );
      const long = Buffer.alloc(200_000, "energy 1234 ");
      expect(uncompress(compressed(long), 200_000).equals(long)).to.equal(true);
    });

    it("S08: refuses a bomb before anything is made, and one that lies about its length", async () => {
      const bomb = compressed(Buffer.alloc(1_000_000));
      expect((await refusalOf(() => uncompress(bomb, 999_999))).code).to.equal("Snappy_TooLarge");
      const huge = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1]);
      expect((await refusalOf(() => uncompress(huge, 1e7))).code).to.equal("Snappy_TooLarge");
    });

    const bad: [string, number[]][] = [
      ["nothing", []],
      ["a length without an end", [0x80, 0x80, 0x80, 0x80, 0x80, 1]],
      ["a literal beyond the end", [4, 12, 1]],
      ["a literal with a negative length", [4, 252, 251, 255, 255, 255, 1, 2, 3]],
      ["a literal longer than was said", [1, 4, 1, 2]],
      ["less than was said", [9, 0, 1]],
      ["a copy of nothing", [4, 1, 0]],
      ["a copy from before the start", [5, 0, 65, 1, 9]],
      ["a copy from a negative place", [8, 0, 65, 15, 255, 255, 255, 255]],
      ["a copy cut off", [5, 0, 65, 2, 1]],
      ["a copy longer than was said", [2, 0, 65, 1, 1]],
    ];
    for (const [what, bytes] of bad)
      it(`S08: refuses ${what}`, async () => {
        expect((await refusalOf(() => uncompress(Uint8Array.from(bytes), 1e6))).code).to.equal("Snappy_Malformed");
      });

    it("S08: ends on any bytes, with bytes or a refusal", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
          try {
            uncompress(bytes, 10_000);
          } catch (error) {
            expect(error).to.have.property("name", "Refusal");
          }
        }),
        { numRuns: 2000 },
      );
    });
  });

  describe("a message", () => {
    it("is one text for each host and time, every digit of it", () => {
      const written = read(
        series(
          ENERGY,
          [
            [5551899580, AT],
            [2 ** 53, AT + 1000],
          ],
          { modelName: 'A "B" \\ C\nD' },
        ),
        series("DCGM_FI_DEV_POWER_USAGE", [[68.244, AT]]),
        series(ENERGY, [[7, AT]], { Hostname: "gpu-b" }),
      );
      expect(written.counts).to.deep.equal({ ...none, taken: 4 });
      expect(written.scrapes.map(({ hostname, atMilliSec }) => [hostname, Number(atMilliSec) - AT])).to.deep.equal([
        ...[
          ["gpu-a", 0],
          ["gpu-a", 1000],
          ["gpu-b", 0],
        ],
      ]);
      expect(written.scrapes[0]!.text).to.equal(
        `${ENERGY}{UUID="GPU-1",modelName="A \\"B\\" \\\\ C\\nD"} 5551899580\n` +
          `DCGM_FI_DEV_POWER_USAGE{UUID="GPU-1"} 68.244\n`,
      );
      expect(written.scrapes[1]!.text).to.include(" 9007199254740992\n");
      const { samples } = parseScrape(written.scrapes[0]!.text);
      expect(samples[0]).to.include({ uuid: "GPU-1", energyMJ: 5551899580n, powerMilliW: 68_244n });
    });

    it("S10: counts what is not known, has ended or has no time, and hands on nothing of it", () => {
      const written = read(
        series("DCGM_FI_DEV_GPU_UTIL", [
          [4294967295, AT],
          [1, AT + 1],
        ]),
        series(ENERGY, [[1, AT]], { Hostname: "elsewhere" }),
        { labels: { __name__: ENERGY, UUID: "GPU-1" }, samples: [[1, AT]] },
        series(ENERGY, [
          [STALE, AT],
          [2, 0],
          [3, -5],
        ]),
        series(ENERGY, [[4, AT]], { "bad-name": "x" }),
        series(`${ENERGY}_total`, [
          [NaN, AT],
          [Infinity, AT + 1],
          [-1, AT + 2],
          [2 ** 63, AT + 3],
        ]),
      );
      expect(written.counts).to.deep.equal({
        ...{ taken: 4, unknownMetric: 2, unknownHost: 2, stale: 1, badTime: 2, unwritable: 1 },
      });
      const drops = written.scrapes.map(({ text }) => {
        const scrape = parseScrape(text);
        expect(scrape.samples[0]!.energyMJ).to.equal(null);
        return Object.entries(scrape.drops).flatMap(([reason, count]) => (count > 0 ? [reason] : []));
      });
      expect(drops.flat()).to.deep.equal(["notANumberCount", "outOfRangeCount", "negativeCount", "blankCount"]);
    });

    it("takes the workload's pod, not the exporter's, however Prometheus named it", () => {
      const renamed = series(ENERGY, [[1, AT]], { pod: "dcgm-exporter-x", exported_pod: "train-7" });
      const idle = series(ENERGY, [[1, AT]], { pod: "dcgm-exporter-x" });
      const workload = (one: WrittenSeries, isPodOfExporter: boolean) => {
        const { scrapes } = readWrite(writeRequest([one]), HOSTS, { ...LABELS, isPodOfExporter });
        return parseScrape(scrapes[0]!.text).samples[0]!.workload;
      };
      expect(workload(renamed, false)).to.equal("train-7");
      expect(workload(renamed, true)).to.equal("train-7");
      expect(workload(idle, false)).to.equal("dcgm-exporter-x");
      expect(workload(idle, true)).to.equal("");
    });

    it("S08: is refused as a whole where it is no WriteRequest", async () => {
      const good = writeRequest([series(ENERGY, [[1, AT]])]);
      const bad: Uint8Array[] = [
        good.subarray(0, 40),
        Uint8Array.from([10, 255, 255, 255, 255, 15]),
        Uint8Array.from([0, 1]),
        Uint8Array.from([10, 2, 10, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        Uint8Array.from(Array<number>(100_000).fill(11)),
        writeRequest([series(ENERGY, [[1, AT]], { long: "x".repeat(5000) })]),
        writeRequest([
          { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, "x"])), samples: [] },
        ]),
        Uint8Array.from([10, 8, 10, 6, 10, 1, 65, 18, 1, 0xff]),
      ];
      for (const bytes of bad) {
        const { code } = await refusalOf(() => readWrite(bytes, HOSTS, LABELS));
        expect(code).to.match(/^RemoteWrite_/);
      }
    });

    it("S08: is no larger as text than it says: what does not count is left out, and the rest has a bound", async () => {
      const samples = Array.from({ length: 10_000 }, (_, n): [number, number] => [n, AT + n]);
      const idle = Array.from({ length: 60 }, (_, n): [string, string] => [`l${n}`, "x".repeat(4000)]);
      const { scrapes, counts } = read(series(ENERGY, samples, Object.fromEntries(idle)));
      expect(counts.taken).to.equal(samples.length);
      expect(scrapes.reduce((sum, { text }) => sum + text.length, 0)).to.be.lessThan(1_000_000);
      const long = { modelName: "x".repeat(4000) };
      expect((await refusalOf(() => read(series(ENERGY, samples, long)))).code).to.equal("RemoteWrite_TooLarge");
    });

    it("S10: samples from before the newest hour that was closed count for nothing", () => {
      const bytes = writeRequest([
        series(ENERGY, [
          [1, AT - 1],
          [2, AT],
        ]),
      ]);
      const { scrapes, counts } = readWrite(bytes, HOSTS, LABELS, BigInt(AT));
      expect(counts).to.deep.equal({ ...none, taken: 1, badTime: 1 });
      expect(scrapes.map(({ atMilliSec }) => atMilliSec)).to.deep.equal([BigInt(AT)]);
    });

    it("S08: ends on any bytes, and a message of empty series takes no room", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          try {
            readWrite(bytes, HOSTS, LABELS);
          } catch (error) {
            expect(error).to.have.property("name", "Refusal");
          }
        }),
        { numRuns: 2000 },
      );
      const empty = new Uint8Array(4_000_000);
      for (let at = 0; at < empty.length; at += 2) empty[at] = 10;
      expect(readWrite(empty, HOSTS, LABELS).scrapes).to.deep.equal([]);
    });
  });

  describe("the gateway", () => {
    const taken: string[] = [];
    let fault: Error | undefined;
    const receivers: Receiver[] = [];
    const start = async (options: Partial<ReceiverOptions> = {}) => {
      const receiver = await startReceiver({
        ...{ host: "127.0.0.1", port: 0, hostnames: [...HOSTS], labels: LABELS, token: "secret-word" },
        ...{ nowMs: () => AT + 5000, log: () => undefined },
        agent: {
          take: (hostname, atMilliSec, text) => {
            if (fault !== undefined) return Promise.reject(fault);
            taken.push(`${hostname} ${atMilliSec} ${text}`);
            return Promise.resolve();
          },
        },
        ...options,
      });
      receivers.push(receiver);
      return receiver;
    };
    const headers = {
      "content-type": "application/x-protobuf",
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": "0.1.0",
      authorization: "Bearer secret-word",
    };
    const write = (receiver: Receiver, body: Uint8Array, given: Record<string, string> = headers) =>
      fetch(`${receiver.url}/api/v1/write`, { method: "POST", headers: given, body });
    const good = () => compressed(writeRequest([series(ENERGY, [[5, AT]])]));

    beforeEach(() => {
      taken.length = 0;
      fault = undefined;
    });
    after(() => Promise.all(receivers.map((receiver) => receiver.close())));

    it("answers 204 when all that counts is kept", async () => {
      const receiver = await start();
      expect((await write(receiver, good())).status).to.equal(204);
      expect(taken).to.deep.equal([`gpu-a ${AT} ${ENERGY}{UUID="GPU-1"} 5\n`]);
      expect(receiver.counts()).to.include({ taken: 1, requests: 1 });
      expect(receiver.newest().get("gpu-a")).to.equal(BigInt(AT));
      const unknown = compressed(writeRequest([series("up", [[1, AT]])]));
      expect((await write(receiver, unknown)).status).to.equal(204);
    });

    it("S08: answers 4xx to what can never be taken, so that Prometheus lets it go", async () => {
      const receiver = await start();
      const { "content-encoding": _, ...plain } = headers;
      const rows: [number, Uint8Array, Record<string, string>][] = [
        [401, good(), { ...headers, authorization: "Bearer secret-wore" }],
        [401, good(), { ...headers, authorization: "" }],
        [400, good(), plain],
        [415, good(), { ...headers, "content-type": "application/json" }],
        [400, Buffer.from("no snappy at all"), headers],
        [400, compressed(Buffer.from("no protobuf at all")), headers],
        [400, compressed(Buffer.alloc(17_000_000)), headers],
        [413, Buffer.alloc(4 * 1024 * 1024 + 1), headers],
      ];
      for (const [status, body, given] of rows) expect((await write(receiver, body, given)).status).to.equal(status);
      expect(taken).to.deep.equal([]);
      expect(receiver.counts()).to.include({ refusedRequests: rows.length, taken: 0 });
    });

    it("S02: answers 503 with Retry-After while nothing can be kept, and counts nothing as taken", async () => {
      const receiver = await start();
      fault = new Failure("Journal_Full", "the journal is full");
      const answer = await write(receiver, good());
      expect([answer.status, answer.headers.get("retry-after")]).to.deep.equal([503, "5"]);
      expect(receiver.counts()).to.include({ busy: 1, taken: 0 });
      fault = undefined;
      expect((await write(receiver, good())).status).to.equal(204);
    });

    it("a scrape that can never be taken holds up no other", async () => {
      const receiver = await start();
      const ahead = series(ENERGY, [[1, AT + 700_000]], { Hostname: "gpu-b" });
      const body = compressed(writeRequest([ahead, series(ENERGY, [[5, AT]])]));
      expect((await write(receiver, body)).status).to.equal(204);
      expect(taken).to.have.length(1);
      expect(receiver.counts()).to.include({ refusedScrapes: 1 });
    });

    it("takes a pushed text, of the time that is said or of now", async () => {
      const receiver = await start({ oldestMilliSec: () => BigInt(AT) });
      const push = (path: string, body: string, type = "text/plain") =>
        fetch(`${receiver.url}/api/v1/exposition/${path}`, {
          ...{ method: "POST", body },
          headers: { authorization: headers.authorization, "content-type": type },
        }).then(({ status }) => status);
      expect(await push("gpu-a", "x 1")).to.equal(204);
      expect(await push(`gpu-b?at=${AT}`, "y 2")).to.equal(204);
      expect(taken).to.deep.equal([`gpu-a ${AT + 5000} x 1`, `gpu-b ${AT} y 2`]);
      expect(await push("gpu-c", "x 1")).to.equal(400);
      expect(await push(`gpu-a?at=${AT - 1}`, "x 1")).to.equal(400);
      expect(await push("gpu-a?at=1e3", "x 1")).to.equal(400);
      expect(await push("gpu-a", "x 1", "application/json")).to.equal(415);
    });
  });
});
