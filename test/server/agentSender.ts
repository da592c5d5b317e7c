import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { startSender, type Sender, type SenderEvent, type SenderOptions } from "../../server/agent/sender.ts";
import { openSpool, type Spool } from "../../server/agent/spool.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { AT, EPOCH, NODE, bench, newFolder, scrapeOf } from "./agentBench.ts";
import { serve, startOracle, until, type Answer, type FakeOracle } from "./agentPlaces.ts";

const closing: (() => Promise<void>)[] = [];

/** Readings of hours in a row. */
function readingsOf(count: number): SignedReadingJson[] {
  const { agent } = bench({ ...NODE, maxGapSec: 3600 });
  for (let hour = 0; hour <= count; hour++) agent.observe(scrapeOf({ energyMJ: BigInt(hour) }), AT + hour * 3600);
  return Array.from({ length: count }, (_, hour) => agent.close(EPOCH + BigInt(hour))!);
}

async function spoolOf(...closes: SignedReadingJson[][]): Promise<{ folder: string; spool: Spool }> {
  const folder = newFolder();
  const spool = openSpool(join(folder, "spool"));
  for (const readings of closes) await spool.commit({ states: new Map(), readings, dropped: [] });
  return { folder, spool };
}

function send(place: { folder: string; spool: Spool }, oracles: string[], changed: Partial<SenderOptions> = {}) {
  const events: SenderEvent[] = [];
  const sender = startSender({
    ...{ spool: place.spool, folder: join(place.folder, "sent"), oracles, isPrivateAllowed: true },
    ...{ batchCount: 3, timeoutMs: 1000, backoffMs: [2, 20], nowMs: () => Date.now() },
    onEvent: (event) => events.push(event),
    ...changed,
  });
  closing.push(() => sender.stop());
  return { sender, events };
}

const oracleWith = async (before: Parameters<typeof startOracle>[0]): Promise<FakeOracle> => {
  const oracle = await startOracle(before);
  closing.push(oracle.close);
  return oracle;
};
const epochsOf = (readings: SignedReadingJson[]) =>
  readings.map(({ reading }) => Number(BigInt(reading.epoch) - EPOCH));
const isDone = (sender: Sender) => async () => (await sender.status()).every(({ unsentCount }) => unsentCount === 0);
const problem = (status: number, code: string): Answer => ({ status, body: { status, code, detail: "d" } });

describe("agent sender", () => {
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it("brings every reading to every oracle, oldest first, in batches, and lets go of what all have", async () => {
    const readings = readingsOf(8);
    const place = await spoolOf(readings.slice(0, 5), readings.slice(5, 6));
    const [one, two] = [await oracleWith(() => "take"), await oracleWith(() => "take")];
    const { sender } = send(place, [one.url, two.url]);
    await until(isDone(sender), "both have all");
    await place.spool.commit({ states: new Map(), readings: readings.slice(6), dropped: [] });
    sender.wake();
    await until(() => two.came.length + one.came.length === 16, "the last two");
    for (const oracle of [one, two]) expect(epochsOf(oracle.came)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
    await until(() => place.spool.closes().length === 0, "the spool is empty");
    expect(one.messageCount).to.be.lessThan(5);
  });

  it("S06: one oracle that is down holds nobody up; its readings stay, over a restart, until it is back", async () => {
    const place = await spoolOf(readingsOf(4));
    const up = await oracleWith(() => "take");
    let isDown = true;
    const down = await oracleWith(() => (isDown ? problem(503, "Server_Busy") : "take"));
    const first = send(place, [up.url, down.url]);
    await until(async () => (await first.sender.status())[0]!.unsentCount === 0, "the one that is up");
    await until(() => first.events.some(({ kind }) => kind === "failed"), "the one that is down");
    expect((await first.sender.status()).map(({ unsentCount, isUp }) => [unsentCount, isUp])).to.deep.equal([
      [0, true],
      [4, false],
    ]);
    await first.sender.stop();
    expect(place.spool.closes()).to.deep.equal([1]);
    isDown = false;
    const { sender } = send({ folder: place.folder, spool: openSpool(join(place.folder, "spool")) }, [
      up.url,
      down.url,
    ]);
    await until(isDone(sender), "all");
    expect([up.came.length, down.came.length]).to.deep.equal([4, 4]);
  });

  it("S01: an answer that is lost is asked for again: the same bytes, and no reading twice for it", async () => {
    const place = await spoolOf(readingsOf(5));
    const oracle = await oracleWith((index) => (index < 2 ? "hangUp" : "take"));
    const { sender } = send(place, [oracle.url]);
    await until(isDone(sender), "all");
    expect(oracle.faults).to.deep.equal([]);
    expect(oracle.taken.size).to.equal(5);
    expect(oracle.came.length).to.be.greaterThan(5);
  });

  it("S01: what an oracle has answered for is on the disk before the next is sent: a crash sends none of it again", async () => {
    const place = await spoolOf(readingsOf(5));
    const oracle = await oracleWith((index) => (index === 1 ? problem(503, "Server_Busy") : "take"));
    const first = send(place, [oracle.url], { backoffMs: [60_000, 60_000] });
    await until(() => first.events.some(({ kind }) => kind === "failed"), "the failure");
    expect(oracle.came).to.have.length(3);
    const copy = { folder: newFolder(), spool: place.spool };
    cpSync(join(place.folder, "sent"), join(copy.folder, "sent"), { recursive: true }); // as a crash would leave it
    await first.sender.stop();
    const { sender } = send(copy, [oracle.url]);
    await until(isDone(sender), "all");
    expect(epochsOf(oracle.came)).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it("S21: what an oracle will never take is set aside with the reason, for that oracle only, and the rest goes on", async () => {
    const place = await spoolOf(readingsOf(5));
    const strict = await oracleWith((_, readings) => ({
      status: 200,
      body: {
        results: readings.map(({ reading }) => {
          if (BigInt(reading.epoch) === EPOCH + 1n)
            return { status: 422, outcome: "refused", code: "Reading_TooLate", detail: "old" };
          return BigInt(reading.epoch) === EPOCH + 3n
            ? { status: 409, outcome: "equivocation" }
            : { status: 202, outcome: "inserted" };
        }),
      },
    }));
    const lenient = await oracleWith(() => "take");
    const { sender, events } = send(place, [strict.url, lenient.url]);
    await until(isDone(sender), "all");
    expect(lenient.taken.size).to.equal(5);
    const codes = events.flatMap((event) => (event.kind === "rejected" ? [event.code] : []));
    expect(codes).to.deep.equal(["Reading_TooLate", "Reading_Equivocation"]);
    expect(sender.rejectedCount()).to.equal(2);
    const folder = join(place.folder, "sent", "rejected");
    const kept = readdirSync(folder).map(
      (name) =>
        JSON.parse(readFileSync(join(folder, name), "utf8")) as SignedReadingJson & { code: string; oracle: string },
    );
    expect(
      kept.map(({ oracle, code, reading }) => [oracle, code, Number(BigInt(reading.epoch) - EPOCH)]),
    ).to.deep.equal([
      [strict.url, "Reading_TooLate", 1],
      [strict.url, "Reading_Equivocation", 3],
    ]);
    expect(kept[0]!.signature).to.match(/^0x[0-9a-f]{128}$/);
  });

  it("S08: of a batch that is too large halves are sent, and a reading that is told to wait waits with those behind it", async () => {
    const place = await spoolOf(readingsOf(6));
    let hasWaited = false;
    const oracle = await oracleWith((_, readings) => {
      if (readings.length > 2) return problem(413, "Request_TooLarge");
      if (hasWaited || BigInt(readings[0]!.reading.epoch) !== EPOCH + 2n) return "take";
      hasWaited = true;
      return {
        status: 200,
        body: { results: readings.map(() => ({ status: 429, outcome: "refused", code: "Ingest_Node" })) },
      };
    });
    const { sender } = send(place, [oracle.url], { batchCount: 6 });
    await until(isDone(sender), "all");
    expect(epochsOf(oracle.came)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(sender.rejectedCount()).to.equal(0);
  });

  it("sends one by one to an oracle without batches", async () => {
    const place = await spoolOf(readingsOf(4));
    const paths: string[] = [];
    const came: number[] = [];
    const old = await oracleWith((_, readings, path) => {
      paths.push(path);
      if (path === "/v1/readings/batch") return problem(404, "Route_Unknown");
      came.push(...epochsOf([...readings]));
      return readings.length === 1 && came.length !== 3 ? { status: 202 } : problem(422, "Reading_CounterFell");
    });
    const { sender } = send(place, [old.url]);
    await until(isDone(sender), "all");
    expect([came, sender.rejectedCount()]).to.deep.equal([[0, 1, 2, 3], 1]);
    expect(new Set(paths)).to.deep.equal(new Set(["/v1/readings/batch", "/v1/readings"]));
  });

  it("S15: waits as long as Retry-After asks, at least, and longer from failure to failure", async () => {
    const place = await spoolOf(readingsOf(1));
    const date = new Date(Date.now() + 60_000).toUTCString();
    const answers: Answer[] = [
      { status: 503, headers: { "retry-after": "1" } },
      { status: 429, headers: { "retry-after": date } },
    ];
    const oracle = await oracleWith((index) => answers[index]);
    const { events, sender } = send(place, [oracle.url]);
    await until(() => events.length === 2, "two failures", 4000);
    const waits = events.map((event) => (event.kind === "failed" ? event.waitMs : 0));
    expect(waits[0]).to.equal(1000);
    expect(waits[1]).to.be.within(50_000, 61_000);
    await sender.stop(); // which does not wait for it
  });

  it("S07: what an oracle's clock holds for early, or its limits for too often, is sent again until it is taken", async () => {
    const place = await spoolOf(readingsOf(3));
    const codes = ["Reading_TooEarly", "Reading_TooOften", "Reading_TooEarly"];
    const oracle = await oracleWith((index, readings) => {
      const code = codes[index];
      if (code === undefined) return "take";
      const results = readings.map(() => ({ status: 422, outcome: "refused", code, detail: "" }));
      return { status: 200, body: { results } };
    });
    const { sender } = send(place, [oracle.url]);
    await until(isDone(sender), "all");
    expect([oracle.taken.size, sender.rejectedCount()]).to.deep.equal([3, 0]);
  });

  for (const [name, answer] of [
    ["a page of another program", { status: 403, body: "<html>" }],
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:1/" } }],
    ["too few results", { status: 200, body: { results: [] } }],
    ["no JSON", { status: 200, body: 7 }],
    ["an unknown route", { status: 404, body: { code: "Route_Unknown" } }],
  ] as const) {
    it(`S11 S14: takes ${name} for a failure, and loses nothing by it`, async () => {
      const place = await spoolOf(readingsOf(2));
      const oracle = await oracleWith((index) => (index < 3 ? answer : "take"));
      const { sender, events } = send(place, [oracle.url]);
      await until(isDone(sender), "all");
      expect(events.some(({ kind }) => kind === "failed")).to.equal(true);
      expect([oracle.taken.size, sender.rejectedCount()]).to.deep.equal([2, 0]);
    });
  }

  it("S08: an answer without end is cut off, and one that never comes is waited for no longer than is set", async () => {
    const place = await spoolOf(readingsOf(1));
    let isEndless = true;
    const endless = await serve((_, response) => {
      if (!isEndless) return; // never answers
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
      };
      response.on("drain", pour);
      pour();
    });
    closing.push(endless.close);
    const { events } = send(place, [endless.url], { timeoutMs: 500 });
    await until(() => events.length > 0, "a failure");
    isEndless = false;
    await until(() => events.length > 2, "another");
    const reasons = events.map((event) => (event.kind === "failed" ? event.reason : ""));
    expect(reasons[0]).to.contain("longer than");
    expect(reasons.at(-1)).to.contain("no whole answer within 500 ms");
  });

  it("S11: refuses an oracle that is not https, but on this machine, and one with a password in its address", async () => {
    const place = await spoolOf();
    for (const url of ["http://10.0.0.1/", "ftp://127.0.0.1/", "https://a:b@oracle.example/", "no"])
      expect(() => send(place, [url])).to.throw(/an oracle's address/);
  });

  it("refuses a cursor that is damaged, or ahead of the spool", async () => {
    const place = await spoolOf(readingsOf(1));
    const oracle = await oracleWith(() => "take");
    const { sender } = send(place, [oracle.url]);
    await until(isDone(sender), "all");
    await sender.stop();
    const name = readdirSync(join(place.folder, "sent")).find((one) => one.startsWith("cursor-"))!;
    const file = join(place.folder, "sent", name);
    for (const text of ["", "{}", `{"closeIndex":-1,"lineIndex":0}`, `{"closeIndex":99,"lineIndex":0}`]) {
      writeFileSync(file, text);
      expect(() => send(place, [oracle.url]), text).to.throw(file);
    }
  });
});
