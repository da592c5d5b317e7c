import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { Busy } from "../../server/busy.ts";
import { BUDGET_LIMITS } from "../../server/jobs/budget.ts";
import type { Ingest } from "../../server/jobs/ingest.ts";
import { openJudges } from "../../server/jobs/judges.ts";
import { equivocationsOf, readingsOf } from "../../server/plugins/queries.ts";
import { readingOfBody } from "../../server/protocol/packed.ts";
import { readingJson } from "../../server/protocol/reading.ts";
import {
  DOMAIN,
  EPOCH,
  HOME,
  NOW,
  STRANGER,
  codeOfFailure,
  forged,
  outcomesOf,
  startIngestBench,
  takeLines,
  type IngestBench,
} from "./ingestBench.ts";

describe("ingest", () => {
  let bench: IngestBench;
  let ingest: Ingest;

  before(async () => {
    bench = await startIngestBench();
  });
  after(() => bench.stop());
  beforeEach(async () => {
    await bench.store.db.query("truncate readings, equivocations");
    bench.clockAt = NOW;
    ingest = bench.start();
  });

  const kept = (epoch = EPOCH) => readingsOf(bench.store.db, 0, epoch);
  const next = (node: number, sequenceIndex: bigint) => ({ sequenceIndex, prevReadingHash: bench.hash(node) });

  describe("a batch", () => {
    for (const form of ["lines", "array"] as const)
      it(`as ${form} has a result for each reading, and one that is refused refuses no other`, async () => {
        const texts = [bench.line(0), "{", forged(bench, 1), bench.line(2), bench.line(0)];
        if (form === "array") texts[1] = "{}";
        const body = Buffer.from(form === "lines" ? `${texts.join("\r\n")}\n\n` : ` [ ${texts.join(" ,\n")} ] `);
        const taken = await ingest.take(body, form, HOME);
        const second = form === "lines" ? "Reading_NotJson" : "Reading_Malformed";
        expect(outcomesOf(taken)).to.deep.equal([
          ...["inserted", second, "Reading_BadSignature", "inserted", "duplicate"],
        ]);
        expect(taken[3]).to.deep.include({ nodeId: 3n, epoch: EPOCH, readingHash: bench.hash(2) });
        const rows = await kept();
        expect(rows.map(({ nodeId }) => nodeId)).to.deep.equal([1n, 3n]);
        expect(rows[1]).to.deep.include({ readingHash: bench.hash(2), lotId: 1n, sequence: 0n, receivedAt: NOW });
        expect(readingJson(readingOfBody(rows[1]!.body))).to.deep.equal(bench.signed(2).reading);
      });

    it("S06: known readings change nothing, and a second one of an hour is kept as evidence", async () => {
      await takeLines(ingest, [bench.line(0), bench.line(1)]);
      const other = bench.line(1, EPOCH, undefined, { itEnergyStartMJ: "0", itEnergyEndMJ: "3800000000" });
      expect(outcomesOf(await takeLines(ingest, [bench.line(0), other]))).to.deep.equal(["duplicate", "equivocation"]);
      expect((await kept())[1]!.readingHash).to.equal(bench.hash(1));
      const [evidence] = await equivocationsOf(bench.store.db, 0, EPOCH);
      expect(readingOfBody(evidence!.body).itEnergy).to.deep.equal({ startMJ: 0n, endMJ: 3_800_000_000n });
    });

    const wholes: [string, "lines" | "array", string, string][] = [
      ["nothing at all", "lines", "\n \n", "Batch_Empty"],
      ["an empty array", "array", "[]", "Batch_Empty"],
      ["no array", "array", "{}", "Batch_NotArray"],
      ["an array that is cut off", "array", '[{"a":1}', "Batch_NotArray"],
      ["an array with more behind it", "array", "[{}] {}", "Batch_NotArray"],
      ["a string that never ends", "array", '[{"a":"]}', "Batch_NotArray"],
      ["a million brackets", "array", "[".repeat(1_000_000), "Batch_TooDeep"],
      ["more readings than a batch has", "lines", "{}\n".repeat(5_001), "Batch_TooMany"],
    ];
    for (const [what, form, text, code] of wholes)
      it(`S08: refuses ${what} as a whole`, async () => {
        expect(await codeOfFailure(() => ingest.take(Buffer.from(text), form, HOME))).to.equal(code);
      });
  });

  describe("a reading", () => {
    const change = (edit: (signed: Record<string, never>) => void) => () => {
      const signed = bench.signed(0) as unknown as Record<string, never>;
      edit(signed);
      return JSON.stringify(signed);
    };
    type Reading = { epoch: unknown; nodeId: unknown; devices: Record<string, unknown>[] };
    const field = (edit: (reading: Reading) => void) => change((signed) => edit(signed["reading"]!));
    const rows: [string, string, () => string][] = [
      ["S08: no JSON", "Reading_NotJson", () => "\u0000\u0001{["],
      ["S08: bytes of no text", "Reading_NotJson", () => "\ud800"],
      ["S08: a number", "Reading_Malformed", () => "17"],
      ["S08: nested a hundred thousand deep", "Reading_Malformed", () => "[".repeat(1e5 / 2) + "]".repeat(1e5 / 2)],
      ["S08: longer than 256 boards are", "Reading_TooLarge", () => `{"a":"${"x".repeat(131_072)}"}`],
      ["S08: half a signature", "Signature_Malformed", change((signed) => (signed["signature"] = "0x12" as never))],
      ["S08: no signature", "Reading_Unsigned", change((signed) => delete signed["signature"])],
      ["S21: an unknown field beside it", "Reading_Malformed", change((signed) => (signed["note"] = 1 as never))],
      ["S21: an unknown field in it", "Reading_Malformed", field((reading) => Object.assign(reading, { x: 1 }))],
      [
        "S21: a prototype's field",
        "Reading_Malformed",
        () => bench.line(0).replace('{"version"', '{"__proto__":{},"version"'),
      ],
      ["S21: a number for a decimal", "Reading_Malformed", field((reading) => (reading.epoch = Number(EPOCH)))],
      ["S21: a decimal with a point", "Reading_Malformed", field((reading) => (reading.epoch = "490000.0"))],
      ["S21: a decimal with a sign", "Reading_Malformed", field((reading) => (reading.epoch = "-0"))],
      ["S21: 2^64", "Number_NotU64", field((reading) => (reading.devices[0]!["energyEndMJ"] = String(2n ** 64n)))],
      [
        "S21: a string for an integer",
        "Reading_Malformed",
        field((reading) => (reading.devices[0]!["deviceIndex"] = "0")),
      ],
      ["S21: half an index", "Reading_Malformed", field((reading) => (reading.devices[0]!["deviceIndex"] = 0.5))],
      ["S21: −0", "Reading_NegativeZero", () => bench.line(0).replace('"deviceIndex":0', '"deviceIndex":-0')],
      ["S21: NaN", "Reading_NotJson", () => bench.line(0).replace('"deviceIndex":0', '"deviceIndex":NaN')],
      ["S21: infinity", "Reading_Malformed", () => bench.line(0).replace('"deviceIndex":0', '"deviceIndex":1e999')],
      [
        "S21: 2^53 + 1",
        "Reading_Malformed",
        () => bench.line(0).replace('"deviceIndex":0', '"deviceIndex":9007199254740993'),
      ],
      ["of a node nobody knows", "Reading_UnknownNode", () => bench.line(0, EPOCH, undefined, { nodeId: "99" })],
      ["S20: of another's lot", "Reading_WrongDevice", () => bench.line(0, EPOCH, undefined, { lotId: "2" })],
      [
        "S20: of another's boards",
        "Reading_WrongDevice",
        () => bench.line(0, EPOCH, undefined, { devices: bench.signed(1).reading.devices }),
      ],
      [
        "E03: with a second too many",
        "Reading_TimeBeyondPeriod",
        field((reading) => (reading.devices[0]!["availableSec"] = "3601")),
      ],
      ["E01: signed by another", "Reading_BadSignature", () => forged(bench, 0)],
    ];
    for (const [what, code, make] of rows)
      it(`${what} is refused`, async () => {
        const taken = await takeLines(ingest, [make(), bench.line(9)]);
        expect(outcomesOf(taken)).to.deep.equal([code, "inserted"]);
        expect(await kept()).to.have.length(1);
      });

    it("S07: is taken from its hour's end until the longest delay after, give or take the skew", async () => {
      const endAt = (EPOCH + 1n) * 3600n;
      const at = async (clockAt: bigint) => {
        bench.clockAt = clockAt;
        return (await takeLines(ingest, [bench.line(0)]))[0]!;
      };
      const early = await at(endAt - 121n);
      expect(early).to.have.nested.property("refusal.code", "Reading_TooEarly");
      expect(early).to.have.nested.property("refusal.facts.opensAt", endAt - 120n);
      const late = await at(endAt + 259_321n);
      expect(late).to.have.nested.property("refusal.code", "Reading_TooLate");
      expect(late).to.have.nested.property("refusal.facts.closesAt", endAt + 259_320n);
      expect((await at(endAt - 120n)).outcome).to.equal("inserted");
      expect((await at(endAt + 259_320n)).outcome).to.equal("duplicate");
    });
  });

  describe("a node's chain", () => {
    it("S06: goes on in one batch, out of order, and after a restart", async () => {
      bench.clockAt = NOW + 7200n;
      const second = bench.line(0, EPOCH + 1n, next(0, 1n));
      const inOrder = [bench.line(0), second, bench.line(1), bench.line(2, EPOCH + 1n, next(2, 1n)), bench.line(2)];
      expect(outcomesOf(await takeLines(ingest, inOrder))).to.deep.equal(Array(5).fill("inserted"));
      const restarted = bench.start();
      const wrong = bench.line(1, EPOCH + 1n, { sequenceIndex: 1n, prevReadingHash: bench.hash(0) });
      const right = bench.line(1, EPOCH + 1n, next(1, 1n));
      expect(outcomesOf(await takeLines(restarted, [wrong, right]))).to.deep.equal([
        "Reading_WrongPrevHash",
        "inserted",
      ]);
    });

    it("S06: after readings that were missed the counters bind, and a lost one shuts nobody out", async () => {
      bench.clockAt = NOW + 7200n;
      await takeLines(ingest, [bench.line(0)]);
      const fallen = { devices: bench.signed(0).reading.devices };
      const texts = [
        bench.line(0, EPOCH + 1n, next(0, 4n), fallen),
        bench.line(0, EPOCH + 1n, next(0, 0n)),
        bench.line(0, EPOCH + 2n, next(0, 4n)),
      ];
      const codes = outcomesOf(await takeLines(ingest, texts));
      expect(codes).to.deep.equal(["Reading_CounterFell", "Reading_WrongSequence", "inserted"]);
    });
  });

  describe("S09: forged signatures", () => {
    const flood = (count: number, node: (n: number) => number) =>
      Array.from({ length: count }, (_, n) => forged(bench, node(n), EPOCH, n));

    it("cost an address its budget and no more, and honest nodes go on from theirs", async () => {
      const codes = outcomesOf(
        await takeLines(
          ingest,
          flood(300, (n) => n % 20),
          STRANGER,
        ),
      );
      expect(codes.filter((code) => code === "Reading_BadSignature")).to.have.length(BUDGET_LIMITS.failuresPerMinute);
      expect(codes.filter((code) => code === "Reading_TooManyFailures")).to.have.length(300 - 64);
      expect(ingest.figures().failedSignatureCount).to.equal(64);
      const error: unknown = await takeLines(ingest, [bench.line(0)], STRANGER).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Busy).and.deep.include({ code: "Ingest_TooMany", isOwnFault: true, retrySec: 1 });
      expect(outcomesOf(await takeLines(ingest, [bench.line(0), bench.line(30)]))).to.deep.equal([
        ...["inserted", "inserted"],
      ]);
    });

    it("beside an honest node at one address do not shut it out, and each costs it its trust once", async () => {
      bench.clockAt = NOW + 3600n;
      await takeLines(ingest, [bench.line(0), bench.line(1)], STRANGER);
      await takeLines(
        ingest,
        flood(100, (n) => 10 + (n % 20)),
        STRANGER,
      );
      const later = [...flood(50, () => 1), bench.line(0, EPOCH + 1n, next(0, 1n))];
      const codes = outcomesOf(await takeLines(ingest, later, STRANGER));
      expect(codes.at(-1)).to.equal("inserted");
      expect(codes.filter((code) => code === "Reading_BadSignature")).to.have.length(1);
    });

    it("of many addresses cost what all may cost, and trusted nodes go on", async () => {
      bench.clockAt = NOW + 3600n;
      const few = bench.start({ budget: { ...BUDGET_LIMITS, failuresPerSec: 5 } });
      await takeLines(few, [bench.line(0)]);
      for (let address = 0; address < 10; address++)
        await takeLines(
          few,
          flood(10, (n) => n + 5),
          `203.0.113.${address}`,
        );
      expect(few.figures().failedSignatureCount).to.be.within(20, 25);
      expect(outcomesOf(await takeLines(few, [bench.line(7)], "203.0.113.99"))).to.deep.equal([
        "Reading_TooManyFailures",
      ]);
      expect(outcomesOf(await takeLines(few, [bench.line(0, EPOCH + 1n, next(0, 1n))]))).to.deep.equal(["inserted"]);
    });
  });

  describe("too much", () => {
    it("of one node is refused by reading, of one address by batch, until time has passed", async () => {
      const budget = { ...BUDGET_LIMITS, nodeBurstCount: 2, nodeRefillMs: 50, readingsPerMinute: 1200 };
      const narrow = bench.start({ budget });
      const repeated = outcomesOf(
        await takeLines(
          narrow,
          [0, 0, 0].map((node) => bench.line(node)),
        ),
      );
      expect(repeated).to.deep.equal(["inserted", "duplicate", "Reading_TooOften"]);
      await sleep(60);
      expect(outcomesOf(await takeLines(narrow, [bench.line(0)]))).to.deep.equal(["duplicate"]);
      await takeLines(narrow, Array<string>(1220).fill("{}"));
      expect(await codeOfFailure(() => takeLines(narrow, [bench.line(1)]))).to.equal("Ingest_TooMany");
      expect(outcomesOf(await takeLines(narrow, [bench.line(1)], STRANGER))).to.deep.equal(["inserted"]);
    });

    it("S02: at once waits nowhere: it is told to come later, and what was taken is stored", async () => {
      const batch = (node: number) => takeLines(tight, [bench.line(node)]).then(outcomesOf, (error: unknown) => error);
      const waitingBytes = 3 * Buffer.byteLength(bench.line(0));
      const tight = bench.start({ queue: { waitingBytes, batchesPerAddress: 64 } });
      const answers = await Promise.all([0, 1, 2, 3, 4, 5].map(batch));
      const busy = answers.filter((answer) => answer instanceof Busy);
      expect(busy.length).to.be.within(3, 4);
      for (const { code, isOwnFault } of busy) expect([code, isOwnFault]).to.deep.equal(["Ingest_Full", false]);
      expect(await kept()).to.have.length(6 - busy.length);
      expect(await batch(5)).to.deep.equal(["inserted"]);
      expect(tight.figures().waitingBytes).to.equal(0);
      const one = bench.start({ queue: { waitingBytes: 1e9, batchesPerAddress: 1 } });
      const [, second] = await Promise.allSettled([6, 7].map((node) => takeLines(one, [bench.line(node)])));
      expect(second).to.have.nested.property("reason.code", "Ingest_TooManyAtOnce");
    });
  });

  describe("threads", () => {
    const judges = openJudges(1);
    after(() => judges.stop());

    it("judge as the main one does, and one that dies is replaced", async () => {
      const threaded = bench.start({ judges });
      const taken = await takeLines(threaded, [bench.line(0), forged(bench, 1), "{"]);
      expect(outcomesOf(taken)).to.deep.equal(["inserted", "Reading_BadSignature", "Reading_NotJson"]);
      const lost = judges.judge({
        ...{ rosterId: 999, bytes: Buffer.from("{}"), form: "lines", domain: DOMAIN, nowAt: NOW },
        ...{ window: { maxDelaySec: 1n, skewSec: 1n }, failureCount: 1, trustedNodes: new Int32Array() },
      });
      expect(await codeOfFailure(() => lost)).to.equal("Ingest_ThreadLost");
      expect(outcomesOf(await takeLines(threaded, [bench.line(3)]))).to.deep.equal(["inserted"]);
    });
  });
});
