import { expect } from "chai";

import type { Oracle } from "../../server/jobs/oracle.ts";
import { reportOf } from "../../server/plugins/reports.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { refusalOf } from "./agentBench.ts";
import { FIRST_EPOCH, readingOf, startStage, wire, type HourOptions, type Stage } from "./stage.ts";

const E = FIRST_EPOCH;
const NOW = (E + 1n) * 3600n;

describe("oracle reports", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[];

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    oracles = stage.startOracles();
  });

  const everywhere = (...batch: SignedReadingJson[]) => Promise.all(oracles.map((oracle) => oracle.ingest(batch, NOW)));
  const hours = (epoch: bigint, options: HourOptions = {}) => [0, 1, 2].map((n) => readingOf(stage, n, epoch, options));

  describe("propose and attest", () => {
    it("brings an epoch on-chain with the same report from all, and says so in every row", async () => {
      await everywhere(...hours(E).map(wire));
      const closed = await stage.close(oracles);
      expect(closed.refusals).to.deep.equal([]);
      expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E);
      expect(closed.report.devicesReportingCount).to.equal(3n);
      for (const oracle of oracles) {
        const row = await reportOf(stage.store.db, oracle.oracleId, E);
        expect(row).to.deep.include({ reportHash: closed.reportHash, status: "submitted" });
      }
    });

    it("E10: brings an epoch without a reading on-chain, nothing carried forward", async () => {
      await everywhere(...hours(E).map(wire));
      const first = await stage.close(oracles);
      const second = await stage.close(oracles);
      expect(second.report.devicesReportingCount).to.equal(0n);
      expect(second.report.meters.map((meter) => meter.energyWord)).to.deep.equal(
        first.report.meters.map((meter) => meter.energyWord),
      );
    });

    it("S14: a peer with other readings refuses by the first difference, and the others go on without it", async () => {
      const [odd, ...others] = [oracles[3]!, oracles[0]!, oracles[1]!, oracles[2]!];
      const readings = hours(E);
      await Promise.all(others.map((oracle) => oracle.ingest(readings.map(wire), NOW)));
      await odd.ingest([wire(readings[0]!)], NOW);
      let closed = await stage.close(oracles);
      expect(closed.signerBitmap.toString(2).replaceAll("0", "")).to.equal("111");
      const [refusal] = closed.refusals;
      expect(refusal!.code).to.equal("Oracle_ReportDiffers");
      expect(refusal!.facts).to.deep.include({ oracleId: 3, epoch: E, field: "readingsRoot" });
      // Through four more epochs: also where the odd one's turn to propose comes.
      let before = readings;
      for (let epoch = E + 1n; epoch <= E + 4n; epoch++) {
        before = before.map((signed, n) => readingOf(stage, n, epoch, { before: signed }));
        await everywhere(...before.map(wire));
        closed = await stage.close(oracles, closed.head);
        expect(closed.refusals.map(({ code }) => code)).to.deep.equal(["Oracle_NoState"]);
      }
      expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E + 4n);
    });

    it("E01: with 2f signatures nothing is sent, and the chain is as it was", async () => {
      const readings = hours(E).map(wire);
      await Promise.all(oracles.slice(0, 2).map((oracle) => oracle.ingest(readings, NOW)));
      await oracles[2]!.ingest(readings.slice(0, 1), NOW);
      await oracles[3]!.ingest(readings.slice(0, 2), NOW);
      const { transmitter } = stage.world.cast;
      const nonce = await stage.provider.getTransactionCount(transmitter.address);
      const refusal = await refusalOf(() => stage.close(oracles));
      expect(refusal.code).to.equal("Epoch_NoQuorum");
      expect(refusal.facts).to.deep.include({ epoch: E, signatureCount: 2, quorumCount: 3 });
      expect(refusal.facts.reasons).to.contain("Oracle_ReportDiffers: oracleId 2");
      expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E - 1n);
      expect(await stage.provider.getTransactionCount(transmitter.address)).to.equal(nonce);
      expect(await stage.storeText()).to.match(/outbox\n\n?kv/);
    });

    it("E14: a signer signs no second report for an epoch: what it signed stands, whatever comes later", async () => {
      const head = await stage.head();
      const [oracle] = oracles as [Oracle];
      await oracle.ingest([wire(readingOf(stage, 0, E))], NOW);
      const first = await oracle.propose(head);
      await oracle.ingest([wire(readingOf(stage, 1, E))], NOW);
      expect(await oracle.propose(head)).to.deep.equal(first);
      const other = await refusalOf(() => oracle.propose({ ...head, configDigest: `0x${"5".repeat(64)}` }));
      expect(other.code).to.equal("Signer_BelowMark");
      expect(other.facts).to.deep.include({ oracleId: 0, epoch: E });
      const { rows } = await stage.store.db.query("select 1 from signatures where oracle_id = 0");
      expect(rows).to.have.length(1);
    });

    it("E14: a mark that stands higher, the reports being lost, keeps the signer out and the quorum going", async () => {
      await everywhere(...hours(E).map(wire));
      await stage.store.db.query("insert into high_water values ($1, $2, $3)", [
        `\\x${oracles[0]!.address.slice(2)}`,
        E + 5n,
        `\\x${"9".repeat(64)}`,
      ]);
      const closed = await stage.close(oracles);
      expect(closed.refusals.map(({ code }) => code)).to.deep.equal(["Signer_BelowMark"]);
      expect(closed.signerBitmap.toString(2).replaceAll("0", "")).to.equal("111");
    });

    it("S01: goes on after a restart with the same report hashes", async () => {
      // Made once: a node's signature, which the report's data hash covers, is another each time.
      const signed = [hours(E, { energyMJ: 123_456_789n })];
      for (let n = 1n; n < 3n; n++) {
        const next = signed
          .at(-1)!
          .map((before, host) => readingOf(stage, host, E + n, { before, energyMJ: 123_456_789n }));
        signed.push(next);
      }
      const chainOf = async (isRestarting: boolean): Promise<Hex[]> => {
        await stage.reset();
        oracles = stage.startOracles();
        const hashes: Hex[] = [];
        for (const batch of signed) {
          await everywhere(...batch.map(wire));
          if (isRestarting) {
            await oracles[0]!.propose(await stage.head()); // and then the program was killed
            oracles = stage.startOracles();
          }
          hashes.push((await stage.close(oracles)).reportHash);
        }
        return hashes;
      };
      // Report hashes hold no block time.
      expect(await chainOf(true)).to.deep.equal(await chainOf(false));
    });

    it("refuses to go on from meters that are not the chain's", async () => {
      await everywhere(...hours(E).map(wire));
      await stage.close(oracles);
      const head = await stage.head();
      const wrong: Hex = `0x${"1".repeat(64)}`;
      const meters = head.prior.meters.map((meter) => ({ ...meter, resourceWord: wrong }));
      const refusal = await refusalOf(() => oracles[0]!.propose({ ...head, prior: { ...head.prior, meters } }));
      expect(refusal.code).to.equal("Oracle_MetersDiffer");
    });
  });
});
