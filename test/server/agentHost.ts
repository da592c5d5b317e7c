import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import fc from "fast-check";

import { startAgentHost, type AgentHost, type AgentHostOptions } from "../../server/agent/host.ts";
import { isSignedBy, keyOf, signReading } from "../../server/nodekey.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { parseReading, readingHash, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { checkFollows } from "../../server/protocol/rules.ts";
import { AT, DOMAIN, EPOCH, KEY, NODE, POINT, newFolder, refusalOf, scrapeOf } from "./agentBench.ts";

const sign = (hash: Hex) => Promise.resolve(signReading(KEY, hash));
const MS = (atSec: number) => BigInt(Math.round((AT + atSec) * 1000));

interface Place {
  folder: string;
  host: AgentHost;
  /** The same folder under a new process; the old one is not asked to end. */
  restart: (options?: Partial<AgentHostOptions>) => AgentHost;
}

// A host that a test leaves behind, as a crash would, is closed at the end all the same: its files are this process's.
const left: AgentHost[] = [];

function place(options: Partial<AgentHostOptions> = {}): Place {
  const folder = newFolder();
  const start = (changed: Partial<AgentHostOptions> = {}) => {
    const host = startAgentHost({
      folder,
      domain: DOMAIN,
      nodes: [{ ...NODE, hostname: "a", sign }],
      ...options,
      ...changed,
    });
    left.push(host);
    return host;
  };
  const own: Place = { folder, host: start(), restart: (changed) => (own.host = start(changed)) };
  return own;
}

const take = (host: AgentHost, atSec: number, energyMJ = BigInt(Math.round(atSec * 1000))) =>
  host.take("a", MS(atSec), scrapeOf({ energyMJ, smActive: 0.5 }));
const readingOf = ({ reading }: SignedReadingJson) => parseReading(reading);
const spooled = async ({ spool }: AgentHost) => {
  const all: SignedReadingJson[] = [];
  for (const closeIndex of spool.closes()) for await (const signed of spool.read(closeIndex)) all.push(signed);
  return all;
};
const codeOf = async (work: Promise<unknown>) =>
  await work.then(
    () => "none",
    (error: unknown) => (error as { code: string }).code,
  );
const journalOf = (folder: string) => readdirSync(join(folder, "journal")).map((name) => join(folder, "journal", name));

describe("agent host", () => {
  afterEach(async () => {
    await Promise.all(left.splice(0).map((host) => host.close()));
  });

  describe("closeEpoch", () => {
    it("signs one reading, once; it is in the spool, for its owner only, and the journal of its hour is gone", async () => {
      const { host, folder } = place();
      await Promise.all([0, 600, 1200, 1800, 2400, 3000, 3500, 3600.5].map((at) => take(host, at)));
      const [signed, ...more] = await host.closeEpoch(EPOCH);
      expect(more).to.deep.equal([]);
      const reading = readingOf(signed!);
      expect(reading.devices[0]).to.deep.include({ energyStartMJ: 0n, energyEndMJ: 3_600_000n, availableSec: 3600n });
      expect(isSignedBy(keyOf(POINT), readingHash(DOMAIN, reading), signed!.signature as Hex)).to.equal(true);
      expect(await spooled(host)).to.deep.equal([signed]);
      expect(journalOf(folder).map((file) => file.includes(`${EPOCH + 1n}-`))).to.deep.equal([true]);
      expect(await host.closeEpoch(EPOCH)).to.deep.equal([]);
      for (const file of ["spool/state.json", "spool/readings-00000001.ndjson"])
        expect(statSync(join(folder, file)).mode & 0o777).to.equal(0o600);
    });

    it("S06: closes the hours of days off in order, one reading for each that was seen, chained", async () => {
      const own = place();
      for (const hour of [0, 1, 30]) for (const at of [100, 300, 500]) await take(own.host, hour * 3600 + at);
      const signed = await own.restart().closeEpoch(EPOCH + 40n);
      const readings = signed.map(readingOf);
      expect(readings.map(({ epoch }) => epoch - EPOCH)).to.deep.equal([0n, 1n, 30n]);
      for (const [i, reading] of readings.entries())
        if (i > 0) checkFollows(reading, readings[i - 1]!, readingHash(DOMAIN, readings[i - 1]!));
      expect(await own.host.closeEpoch(EPOCH + 40n)).to.deep.equal([]);
    });

    it("S06: what comes after its hour's reading is counted in the next, on every board it names, and as nothing else", async () => {
      const own = place();
      for (const at of [3000, 3300, 3700]) await take(own.host, at);
      await own.host.closeEpoch(EPOCH);
      await take(own.host, 3100);
      await take(own.host, 3500);
      for (const at of [4000, 4300]) await take(own.host, at);
      const [signed] = await own.restart().closeEpoch(EPOCH + 1n);
      const { drops, devices } = readingOf(signed!);
      expect(drops.outOfOrderCount).to.equal(2);
      expect(devices[0]).to.deep.include({ droppedCount: 2, energyStartMJ: 600_000n, energyEndMJ: 1_300_000n });
    });

    it("a scrape between the end and the first one after it, come after the close, is no restarted counter", async () => {
      const own = place();
      for (const [at, energyMJ] of [
        [3000, 1_000_000n],
        [3500, 1_010_000n],
        [3700, 1_050_000n],
      ] as const)
        // prettier-ignore
        await take(own.host, at, energyMJ);
      const [first] = await own.host.closeEpoch(EPOCH);
      expect(readingOf(first!).devices[0]!.energyEndMJ).to.equal(30_000n); // half way up to 1,050,000
      await take(own.host, 3610, 1_012_000n); // less than what the end of the hour was taken for
      const [second] = await own.host.closeEpoch(EPOCH + 1n);
      expect(readingOf(second!).drops.counterResetCount).to.equal(0);
      expect(readingOf(second!).devices[0]).to.deep.include({ energyStartMJ: 30_000n, energyEndMJ: 50_000n });
    });

    it("counts the records of a host that is no longer its, and drops them", async () => {
      const own = place();
      for (const at of [3300, 3600]) await take(own.host, at);
      const host = own.restart({ nodes: [{ ...NODE, hostname: "b", sign }] });
      expect(await host.closeEpoch(EPOCH)).to.deep.equal([]);
      expect(host.status()).to.include({ orphanCount: 2, byteCount: 0 });
    });

    it("S10: of two values that one series has at one time the same one counts, whichever came first", async () => {
      const values = await Promise.all(
        [
          [0, 1],
          [1, 0],
        ].map(async (order) => {
          // prettier-ignore
          const { host } = place();
          await take(host, 3300, 1000n);
          for (const i of order) await take(host, 3600, [2000n, 3000n][i]);
          const [signed] = await host.closeEpoch(EPOCH);
          const { devices, drops } = readingOf(signed!);
          return [devices[0]!.energyEndMJ, drops.duplicateCount];
        }),
      );
      expect(values).to.deep.equal([[1000n, 1], [1000n, 1]]); // prettier-ignore
    });

    it("a host that falls silent and comes back with old scrapes gets its hours, though others' are closed", async () => {
      const nodes = ["a", "b"].map((hostname, i) => ({ ...NODE, nodeId: BigInt(i + 3), hostname, sign }));
      const { host } = place({ nodes });
      for (const at of [3000, 3300, 3600]) await take(host, at);
      expect(await host.closeEpoch(EPOCH)).to.have.length(1);
      for (const at of [3000, 3300, 3600]) await host.take("b", MS(at), scrapeOf({ energyMJ: BigInt(at) }));
      const late = await host.closeEpoch(EPOCH + 1n);
      expect(late.map(({ reading }) => [reading.nodeId, reading.epoch])).to.deep.equal([["4", String(EPOCH)]]);
    });

    it("S01: when the readings cannot be written nothing is given out, and nothing is lost", async () => {
      const own = place();
      for (const at of [3000, 3300, 3600]) await take(own.host, at);
      const spool = join(own.folder, "spool");
      rmSync(spool, { recursive: true });
      writeFileSync(spool, "in the way");
      expect(await codeOf(own.host.closeEpoch(EPOCH))).to.match(/^E/);
      rmSync(spool);
      const [signed] = await own.restart().closeEpoch(EPOCH);
      expect(readingOf(signed!).devices[0]!.energyEndMJ).to.equal(600_000n);
    });
  });

  describe("take", () => {
    it("S10: refuses malformed text as a whole, a host that is not its, and a time that is none", async () => {
      const { host } = place();
      const broken = await refusalOf(() => host.take("a", MS(1), `${scrapeOf({ energyMJ: 1n })}<html>\n`));
      expect(broken).to.deep.include({ code: "Exposition_Malformed" });
      expect((await refusalOf(() => host.take("b", MS(1), ""))).code).to.equal("Agent_UnknownHost");
      for (const at of [0n, -1n, 10n ** 18n])
        expect((await refusalOf(() => host.take("a", at, scrapeOf({ energyMJ: 1n })))).code).to.equal("Agent_BadTime");
      expect((await refusalOf(() => host.take("a", MS(1), "", -1n))).code).to.equal("Number_NotU64");
      expect(await host.closeEpoch(EPOCH)).to.deep.equal([]);
    });

    it("S02: refuses when the journal is full, keeps what it took, and takes again after the close", async () => {
      const own = place({ maxJournalBytes: 1000 });
      await take(own.host, 3300);
      await take(own.host, 3600);
      const codes = await Promise.all([3700, 3800, 3900, 4000].map((at) => codeOf(take(own.host, at))));
      expect(new Set(codes)).to.deep.equal(new Set(["none", "Journal_Full"]));
      expect(await own.host.closeEpoch(EPOCH)).to.have.length(1);
      await take(own.host, 4100);
    });

    it("S02: a disk that is full refuses whole batches and leaves no half of one", async function () {
      if (!existsSync("/dev/full")) this.skip();
      const own = place();
      await take(own.host, 3000);
      // The next file of the journal is a door to a full disk.
      const { symlinkSync } = await import("node:fs");
      const name = `${EPOCH + 1n}-000002.journal`;
      symlinkSync("/dev/full", join(own.folder, "journal", name));
      expect(await codeOf(take(own.host, 3700))).to.match(/^Journal_(DiskFull|Failed)$/);
      rmSync(join(own.folder, "journal", name), { force: true });
      for (const at of [3300, 3600, 3800]) await take(own.host, at);
      const [signed] = await own.restart().closeEpoch(EPOCH);
      expect(readingOf(signed!).devices[0]).to.deep.include({ energyEndMJ: 600_000n, availableSec: 600n });
    });
  });

  describe("after a crash", () => {
    it("S01: a record that is half written is cut off, whole ones stay, and later ones go on", async () => {
      const own = place();
      for (const at of [3000, 3300]) await take(own.host, at);
      const [file] = journalOf(own.folder);
      const whole = readFileSync(file!);
      const changed = Buffer.from(whole.subarray(8));
      changed[60]! ^= 1; // a record as long as it says, and not what was written
      for (const tail of [
        whole.subarray(8, 40),
        Buffer.from([0, 0, 0]),
        Buffer.alloc(64),
        Buffer.alloc(64, 255),
        changed,
      ]) {
        writeFileSync(file!, Buffer.concat([whole, tail]));
        expect(own.restart().status().cutByteCount).to.equal(tail.length);
        expect(readFileSync(file!)).to.deep.equal(whole);
      }
      await take(own.host, 3600);
      const [signed] = await own.restart().closeEpoch(EPOCH);
      expect(readingOf(signed!).devices[0]!.energyEndMJ).to.equal(600_000n);
    });

    it("S01: a close that died before its commit is done again; one that died after it is not", async () => {
      const own = place();
      for (const at of [3000, 3300, 3600]) await take(own.host, at);
      const files = journalOf(own.folder).map((file) => [file, readFileSync(file)] as const);
      appendFileSync(join(own.folder, "spool", "readings-00000001.ndjson.new"), `{"reading":`);
      const [signed] = await own.restart().closeEpoch(EPOCH);
      // Died between the state's new name and the end: the journal is there still, the readings have their old name.
      for (const [file, bytes] of files) writeFileSync(file, bytes);
      const readings = join(own.folder, "spool", "readings-00000001.ndjson");
      writeFileSync(`${readings}.new`, readFileSync(readings));
      rmSync(readings);
      const host = own.restart();
      expect(journalOf(own.folder)).to.deep.equal([]);
      expect(await spooled(host)).to.deep.equal([signed]);
      expect(await host.closeEpoch(EPOCH)).to.deep.equal([]);
      for (const at of [3700, 4000]) await take(host, at);
      const [next] = await host.closeEpoch(EPOCH + 1n);
      expect(readingOf(next!).drops.outOfOrderCount).to.equal(0); // nothing of the closed hour came twice
    });

    for (const [name, text] of [
      ["empty", ""],
      ["half written", `{"version":1,"nodes":[["3n"`],
      ["a list", "[]"],
      ["null", "null"],
      ["of another version", `{"version":2,"closeIndex":1,"dropped":[],"nodes":[]}`],
      ["of other fields", `{"version":1,"closeIndex":1,"dropped":[],"nodes":[["3n",{"accumulators":[]}]]}`],
      ["with a float", `{"version":1,"closeIndex":1.5,"dropped":[],"nodes":[]}`],
    ] as const) {
      it(`refuses a state that is ${name}, by its file's name`, () => {
        const own = place();
        const file = join(own.folder, "spool", "state.json");
        writeFileSync(file, text);
        expect(() => own.restart()).to.throw(`the agent's spool ${file} cannot be read: `);
      });
    }
  });

  it("S01 S06 S10: any order, repetition and splitting of an hour's messages, over restarts, gives the same reading", async () => {
    const scrape = fc.record({
      atSec: fc.integer({ min: 1, max: 4200 }),
      usedMJ: fc.bigInt(0n, 300_000n),
      isBlank: fc.boolean(),
    });
    const plan = fc.record({
      scrapes: fc.uniqueArray(scrape, { minLength: 2, maxLength: 12, selector: ({ atSec }) => atSec }),
      seed: fc.array(fc.nat(1_000_000), { minLength: 40, maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ scrapes, seed }) => {
        let counterMJ = 1_000_000n;
        const texts = scrapes
          .sort((a, b) => a.atSec - b.atSec)
          .map(({ atSec, usedMJ, isBlank }) => {
            counterMJ += usedMJ;
            const first = { gpu: 0, energyMJ: isBlank ? "NaN" : counterMJ, smActive: 0.5, powerW: 300 };
            return { at: MS(atSec), text: scrapeOf(first, { gpu: 1, energyMJ: counterMJ / 2n }) };
          });
        const straight = place();
        for (const { at, text } of texts) await straight.host.take("a", at, text);
        const mixed = place();
        const messages = texts.flatMap(({ at, text }, i) => {
          const lines = text.split("\n");
          const cut = seed[i]! % (lines.length + 1);
          const parts = [lines.slice(0, cut), lines.slice(cut), ...(seed[i]! % 3 === 0 ? [lines.toReversed()] : [])];
          return parts.map((part, j) => ({ at, text: part.join("\n"), key: seed[(3 * i + j) % seed.length]! }));
        });
        messages.sort((a, b) => a.key - b.key);
        for (const [i, { at, text }] of messages.entries()) {
          if (seed[i % seed.length]! % 7 === 0) mixed.restart();
          await mixed.host.take("a", at, text);
        }
        const readings = await Promise.all(
          [straight, mixed].map(async ({ host }) => {
            await host.closeEpoch(EPOCH);
            return (await host.closeEpoch(EPOCH + 1n), await spooled(host)).map(({ reading }) => reading);
          }),
        );
        expect(readings[1]).to.deep.equal(readings[0]);
        expect(readings[0]!.length).to.be.greaterThan(0);
        await Promise.all(left.splice(0).map((host) => host.close()));
      }),
      { numRuns: 25, seed: 20260101 },
    );
  });
});
