// A review found who could stop the chain, keep it from being stopped, or take back what money had moved on.
import { expect } from "chai";
import { findFaults, twoReports } from "../../server/protocol/faults.ts";
import { filingCall } from "../../server/protocol/report.ts";
import { Stage } from "../contracts/faults-stage.ts";
import { ORACLE_BOND, configOf, networkHelpers, nodesOf } from "../contracts/faults-world.ts";
import { CHALLENGE_SEC, NEVER_AT, hashOf, oracleWallets } from "../contracts/reports.ts";

describe("Findings: halts", () => {
  const at = new Stage();

  const halted = async () => await at.world.telemetry.haltedFromEpoch();
  const impossible = async (change = {}) => await at.liars.report([at.reading({ curtailedSec: 1n })], change);
  const rotate = async () => {
    await at.world.telemetry.setConfig(oracleWallets(1, "next"), 1, NEVER_AT);
  };
  const prove = async (statement: Awaited<ReturnType<typeof at.liars.sign>>) =>
    await at.prove(findFaults(at.config, statement, nodesOf(at.world))[0]!);
  const another = { methodologyHash: hashOf("another") };

  describe("E05: keys of the past halted the chain at any epoch, for ever", () => {
    it("of a configuration that was replaced", async () => {
      const signed = await at.liars.sign(await impossible());
      await rotate();
      await prove(signed);
      expect(await halted()).to.equal(0);
      expect((await at.bonds())[0]).to.equal(4n * ORACLE_BOND);
    });

    it("of one that has expired", async () => {
      const signed = await at.liars.sign(await impossible());
      const expiresAt = BigInt(await networkHelpers.time.latest()) + 86_400n; // blocks follow the wall clock meanwhile
      await at.world.telemetry.setConfig(at.world.oracles, 1, expiresAt);
      at.config = await configOf(at.world);
      const configDigest = (await at.world.telemetry.configDigest()) as `0x${string}`;
      const again = await at.liars.sign({ ...signed, report: { ...signed.report, configDigest } });
      await networkHelpers.time.setNextBlockTimestamp(expiresAt);
      await prove(again);
      expect(await halted()).to.equal(0);
    });

    it("of the one in force, for an epoch that is far, or on-chain with another report", async () => {
      at.liars.pen.epoch += 2n ** 40n;
      await prove(await at.liars.sign(await impossible()));
      at.liars.pen.epoch -= 2n ** 40n;
      const { epoch } = at.liars.pen;
      await at.liars.file([at.reading()]);
      at.liars.pen.epoch = epoch;
      await prove(await at.liars.sign(await impossible()));
      expect(await halted()).to.equal(0);
    });

    it("by a second report beside an honest one that the chain has long had", async () => {
      const second = await at.liars.sign(await at.liars.report([at.reading()], another));
      const filed = await at.liars.file([at.reading()]);
      await rotate();
      await at.prove(twoReports(at.config, filed, second)!);
      expect(await halted()).to.equal(0);
    });

    it("but a report that the chain holds halts it, whoever signs by now", async () => {
      const { epoch } = at.liars.pen;
      const filed = await at.liars.file([at.reading({ curtailedSec: 1n })]);
      await rotate();
      await prove(filed);
      expect(await halted()).to.equal(epoch);
    });
  });

  describe("E04: a halt was burned beforehand", () => {
    it("by the same two reports with one signer's signatures", async () => {
      const second = await at.liars.report([at.reading()], another);
      const filed = await at.liars.file([at.reading()]);
      const pair = [filed, await at.liars.sign(second)] as const;
      for (const signer of [0, 1, 2]) {
        const few = [await at.liars.sign(filed, [signer]), await at.liars.sign(second, [signer])] as const;
        await at.prove(twoReports(at.config, ...few)!);
      }
      expect(await halted()).to.equal(0);
      const left = await at.bonds();
      await at.prove(twoReports(at.config, ...pair)!);
      expect(await halted()).to.equal(filed.report.epoch);
      expect(await at.bonds(), "slashed once").to.deep.equal(left);
      await at.world.telemetry.resolve(false);
      await expect(at.prove(twoReports(at.config, ...pair)!)).to.be.revertedWithCustomError(
        at.world.faults,
        "Faults_AlreadyProven",
      );
    });

    it("by a decoy that was never filed", async () => {
      const decoy = await at.liars.sign(await impossible(another));
      const filed = await at.liars.file([at.reading({ curtailedSec: 1n })]);
      await prove(decoy);
      expect(await halted()).to.equal(0);
      await prove(filed);
      expect(await halted()).to.equal(filed.report.epoch);
    });

    it("by a decoy that halted, and was upheld, before the report was filed", async () => {
      await prove(await at.liars.sign(await impossible(another)));
      expect(await halted()).to.equal(at.liars.pen.epoch);
      await at.world.telemetry.resolve(false);
      const filed = await at.liars.file([at.reading({ curtailedSec: 1n })]);
      await prove(filed);
      expect(await halted()).to.equal(filed.report.epoch);
      await at.world.telemetry.resolve(false);
      await expect(prove(filed)).to.be.revertedWithCustomError(at.world.faults, "Faults_AlreadyProven");
    });

    it("by the filed report itself, said not to be filed", async () => {
      const filed = await at.liars.file([at.reading({ curtailedSec: 1n })]);
      await prove({ ...filed, submittedAt: 0n });
      expect(await halted()).to.equal(0);
      await prove(filed);
      expect(await halted()).to.equal(filed.report.epoch);
    });
  });

  describe("E03: what money had moved on was taken back", () => {
    const recorded = async () => {
      const filed = await at.liars.file([at.reading({ curtailedSec: 1n })]);
      const { epoch } = filed.report;
      await at.liars.file([at.reading()]);
      const filing = at.liars.pen.prior;
      await at.liars.pen.fileSkip();
      await networkHelpers.time.increaseTo(filing.submittedAt + CHALLENGE_SEC);
      await at.world.telemetry.record(epoch + 1n, filingCall(filing), [0]);
      return { filed, epoch };
    };

    it("a halt begins after the newest epoch that is recorded, and a rollback takes nothing of it back", async () => {
      const { telemetry } = at.world;
      const { filed, epoch } = await recorded();
      const meter = await telemetry.meterAt(1n, epoch + 1n);
      await prove(filed);
      expect(await halted()).to.equal(epoch + 2n);
      expect(await telemetry.meterAt(1n, epoch + 1n)).to.deep.equal(meter);
      await telemetry.resolve(true);
      expect(await telemetry.lastEpoch()).to.equal(epoch + 1n);
      expect(await telemetry.meterAt(1n, epoch + 1n)).to.deep.equal(meter);
    });

    it("a lot that was not reported yet counted as idle in epochs that a rollback could fill", async () => {
      const { telemetry } = at.world;
      const { epoch } = await recorded();
      expect((await telemetry.meterAt(9n, epoch + 1n)).gpuCount).to.equal(0n);
      await expect(telemetry.meterAt(9n, epoch + 2n))
        .to.be.revertedWithCustomError(telemetry, "Telemetry_NotRecorded")
        .withArgs(9n, epoch + 2n);
    });
  });
});
