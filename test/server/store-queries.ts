import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as outbox from "../../server/plugins/outbox.ts";
import * as queries from "../../server/plugins/queries.ts";
import * as reports from "../../server/plugins/reports.ts";
import { type Store, openStore } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const SIGNER: Hex = `0x${"ab".repeat(20)}`;
const OTHER: Hex = `0x${"cd".repeat(20)}`;
// Names as an attacker writes them: as values they are inert.
const HOSTILE = `'); drop table readings; -- \\ " $1 \u2028 ☃`;

function reading(epoch: bigint, nodeId: bigint, readingHash = hash(1)): queries.ReadingRow {
  const body = Buffer.from(JSON.stringify({ epoch: String(epoch), name: HOSTILE }));
  return { epoch, nodeId, lotId: 7n, sequence: 1n, readingHash, body, signature: "0x0102", receivedAt: 1_764_000_000n };
}

describe("store queries", () => {
  let root: string;
  let store: Store;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), "rackbond-queries-"));
    store = await openStore({ dataDir: root });
  });

  after(async () => {
    await store.close();
    rmSync(root, { recursive: true, force: true });
  });

  const refusal = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "not refused",
      (error: unknown) => String((error as { code?: unknown }).code),
    );

  describe("insertReadings", () => {
    it("S06: keeps a reading once, and says duplicate to the same again", async () => {
      const row = reading(1n, 1n);
      expect(await queries.insertReadings(store.db, 0, [row])).to.deep.equal(["inserted"]);
      expect(await queries.insertReadings(store.db, 0, [row])).to.deep.equal(["duplicate"]);
      expect(await queries.readingsOf(store.db, 0, 1n)).to.deep.equal([row]);
    });

    it("S06: says equivocation to another reading of the epoch, keeps the first and the evidence", async () => {
      const [first, second, third] = [reading(2n, 1n, hash(1)), reading(2n, 1n, hash(2)), reading(2n, 1n, hash(3))];
      expect(await queries.insertReadings(store.db, 0, [first])).to.deep.equal(["inserted"]);
      expect(await queries.insertReadings(store.db, 0, [second, third])).to.deep.equal([
        "equivocation",
        "equivocation",
      ]);
      expect(await queries.insertReadings(store.db, 0, [first])).to.deep.equal(["duplicate"]);
      expect(await queries.readingsOf(store.db, 0, 2n)).to.deep.equal([first]);
      const evidence = await queries.equivocationsOf(store.db, 0, 2n);
      expect(evidence.map((row) => [row.readingHash, row.body])).to.deep.equal([[second.readingHash, second.body]]);
    });

    it("S06: judges each row of a batch that repeats and contradicts itself", async () => {
      const batch = [reading(3n, 2n), reading(3n, 1n), reading(3n, 2n), reading(3n, 2n, hash(9)), reading(3n, 3n)];
      expect(await queries.insertReadings(store.db, 0, batch)).to.deep.equal([
        "inserted",
        "inserted",
        "duplicate",
        "equivocation",
        "inserted",
      ]);
      expect((await queries.readingsOf(store.db, 0, 3n)).map((row) => row.nodeId)).to.deep.equal([1n, 2n, 3n]);
    });

    it("S01: of concurrent batches in opposite orders, keeps every row once, with no deadlock", async () => {
      const batch = [1n, 2n, 3n].map((nodeId) => reading(4n, nodeId));
      let batches: Promise<queries.Outcome[]>[] = [];
      const undone = store.transaction(async (tx) => {
        await queries.insertReadings(tx, 0, [reading(4n, 2n)]); // both batches stop in the middle …
        batches = [batch, batch.toReversed()].map((rows) => queries.insertReadings(store.db, 0, rows));
        for (let waiting = 0; waiting < 2;) {
          const { rows } = await tx.query("select from pg_locks where not granted");
          waiting = rows.length;
        }
        throw new Error("undone"); // … and go on from there together
      });
      await undone.catch(() => undefined);
      expect((await Promise.all(batches)).flat().toSorted()).to.deep.equal([
        ...["duplicate", "duplicate", "duplicate"],
        ...["inserted", "inserted", "inserted"],
      ]);
    });

    it("keeps the roles apart", async () => {
      await queries.insertReadings(store.db, 1, [reading(5n, 1n, hash(1))]);
      expect(await queries.insertReadings(store.db, 2, [reading(5n, 1n, hash(2))])).to.deep.equal(["inserted"]);
      expect(await queries.readingsOf(store.db, 3, 5n)).to.deep.equal([]);
    });

    it("S21: keeps integers to the last digit, and refuses what an int8 cannot hold", async () => {
      const large = reading(2n ** 53n + 1n, 2n ** 63n - 1n);
      await queries.insertReadings(store.db, 0, [large]);
      expect(await queries.readingsOf(store.db, 0, 2n ** 53n + 1n)).to.deep.equal([large]);
      expect(await refusal(queries.insertReadings(store.db, 0, [reading(6n, 2n ** 63n)]))).to.equal("ERR_OUT_OF_RANGE");
      expect(await refusal(queries.insertReadings(store.db, 0, [reading(6n, 1n, "0x1")]))).to.equal("Store_NotHex");
      expect(await refusal(queries.insertReadings(store.db, 0, [reading(6n, 1n, "0x11")]))).to.equal("23514");
      expect(await queries.readingsOf(store.db, 0, 6n)).to.deep.equal([]);
    });
  });

  it("S12: values are inert, whatever they spell", async () => {
    await queries.setMark(store.db, HOSTILE, HOSTILE);
    expect(await queries.markOf(store.db, HOSTILE)).to.equal(HOSTILE);
    await queries.insertReadings(store.db, 0, [reading(7n, 1n)]);
    expect((await queries.readingsOf(store.db, 0, 7n))[0]?.body).to.deep.equal(reading(7n, 1n).body);
  });

  describe("reports", () => {
    const report = (epoch: bigint, reportHash: Hex) => ({
      epoch,
      reportHash,
      body: "{}",
      meters: [{ lotId: "1", gpuEnergyWh: "18446744073709551615" }],
      carry: { "1": "999" },
    });

    it("are replaced when another one took their place on-chain", async () => {
      await reports.saveReport(store.db, 0, report(1n, hash(1)));
      await reports.saveReport(store.db, 0, report(1n, hash(2)));
      expect(await reports.reportOf(store.db, 0, 1n)).to.deep.equal(report(1n, hash(2)));
      expect(await reports.reportOf(store.db, 1, 1n)).to.equal(undefined);
    });

    it("carry each signer's first signature", async () => {
      const sign = (signer: Hex, signature: Hex) =>
        reports.saveSignature(store.db, 0, 1n, hash(1), { signer, signature });
      await sign(OTHER, "0x02");
      await sign(SIGNER, "0x01");
      await sign(SIGNER, "0x03");
      expect(await reports.signaturesOf(store.db, 0, 1n, hash(1))).to.deep.equal([
        { signer: SIGNER, signature: "0x01" },
        { signer: OTHER, signature: "0x02" },
      ]);
    });
  });

  describe("outbox", () => {
    const item = (key: string) => ({ kind: "submit", key, sender: SIGNER, request: { to: OTHER, epoch: "1" } });
    const signed = (nonce: bigint, n: number) => ({ nonce, txHash: hash(n), rawTx: "0x02f8" as const });
    const queued = async (key: string) => {
      await outbox.enqueue(store.db, item(key));
      const row = await outbox.itemByKey(store.db, key);
      if (row === undefined) throw new Error("not queued");
      return row.id;
    };

    it("S05: queues a key once and hands items out in order", async () => {
      expect(await outbox.enqueue(store.db, item("a"))).to.equal(true);
      expect(await outbox.enqueue(store.db, { ...item("a"), request: {} })).to.equal(false);
      await outbox.enqueue(store.db, item("b"));
      await outbox.enqueue(store.db, { ...item("c"), sender: OTHER });
      const open = await outbox.queuedItems(store.db, SIGNER, 10);
      expect(open.map((row) => row.key)).to.deep.equal(["a", "b"]);
      expect(open[0]?.request).to.deep.equal(item("a").request);
    });

    it("S05: gives a nonce to one transaction, whose bytes may be replaced under it", async () => {
      const [first, second] = [await queued("d"), await queued("e")];
      await outbox.markSent(store.db, first, signed(4n, 1));
      expect(await refusal(outbox.markSent(store.db, second, signed(4n, 2)))).to.equal("23505");
      await outbox.markSent(store.db, first, signed(4n, 3));
      expect(await refusal(outbox.markSent(store.db, first, signed(5n, 4)))).to.equal("Outbox_WrongState");
      const row = await outbox.itemByKey(store.db, "d");
      expect([row?.status, row?.nonce, row?.txHash, row?.attemptCount]).to.deep.equal(["sent", 4n, hash(3), 2]);
    });

    it("S05: remembers every version, the newest first", async () => {
      const id = await queued("v");
      await outbox.markSent(store.db, id, signed(14n, 21));
      await outbox.markSent(store.db, id, signed(14n, 22));
      const versions = await outbox.versionsOf(store.db, id);
      expect(versions.map(({ txHash, nonce }) => [txHash, nonce])).to.deep.equal([
        [hash(22), 14n],
        [hash(21), 14n],
      ]);
      expect(versions[0]?.ageMs).to.be.within(0, 60_000);
      await outbox.requeueLost(store.db, id);
      expect(await outbox.versionsOf(store.db, id)).to.have.length(2);
    });

    it("S03: what is done is sent again from a nonce on, and keeps its nonce", async () => {
      const [first, second] = [await queued("g"), await queued("h")];
      await outbox.markSent(store.db, first, signed(30n, 31));
      await outbox.markSent(store.db, second, signed(31n, 32));
      await outbox.markDone(store.db, first, hash(31));
      await outbox.markDone(store.db, second, hash(32));
      await outbox.reopenFrom(store.db, SIGNER, 31n);
      expect((await outbox.itemByKey(store.db, "g"))?.status).to.equal("done");
      expect(await outbox.itemByKey(store.db, "h")).to.deep.include({ status: "sent", nonce: 31n, txHash: hash(32) });
      await outbox.markDone(store.db, second, null);
      expect(await outbox.itemByKey(store.db, "h")).to.deep.include({ status: "done", nonce: null, txHash: null });
    });

    it("S03: goes to mined and back, and never sends what is mined or failed", async () => {
      const id = await queued("f");
      expect(await refusal(outbox.markMined(store.db, id, hash(1)))).to.equal("Outbox_WrongState");
      await outbox.markSent(store.db, id, signed(6n, 1));
      await outbox.markMined(store.db, id, hash(1));
      expect(await refusal(outbox.markSent(store.db, id, signed(6n, 2)))).to.equal("Outbox_WrongState");
      await outbox.requeueLost(store.db, id);
      await outbox.markSent(store.db, id, signed(6n, 2));
      await outbox.noteError(store.db, id, HOSTILE);
      expect((await outbox.itemByKey(store.db, "f"))?.error).to.equal(HOSTILE);
      await outbox.markFailed(store.db, id, "reverted");
      expect(await refusal(outbox.markSent(store.db, id, signed(6n, 3)))).to.equal("Outbox_WrongState");
      expect(await outbox.enqueue(store.db, item("f"))).to.equal(false);
    });
  });
});
