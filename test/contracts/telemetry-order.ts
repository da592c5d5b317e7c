import { expect } from "chai";
import { network } from "hardhat";
import { commitmentOf, filingCall, reportCall } from "../../server/protocol/report.ts";
import {
  NEVER_AT,
  HOUR_SEC,
  MAX_DELAY_SEC,
  Pen,
  ZERO_HASH,
  hashOf,
  type Filing,
  START_AT,
  START_EPOCH,
  deployTelemetry,
  later,
  idle,
  registerLots,
} from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 2);
  return world;
}

describe("Telemetry: one epoch after the other, in time", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;
  const first = [later(idle(1n))];
  const second = first.map((reading) => later(reading));

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
  });

  describe("submit", () => {
    context("given the next epoch", () => {
      it("stores one word, the hash of report, meters and time, and moves on", async () => {
        expect(await world.telemetry.commitments(START_EPOCH - 1n)).to.equal(commitmentOf(pen.prior));
        const { filing, epoch } = await pen.file(first);
        expect(epoch).to.equal(START_EPOCH);
        expect(await world.telemetry.commitments(epoch)).to.equal(commitmentOf(filing));
        expect(await world.telemetry.lastEpoch()).to.equal(epoch);
        expect(await world.telemetry.reportedUntilAt()).to.equal((epoch + 1n) * HOUR_SEC);
      });

      it("is open to anyone who brings the signatures", async () => {
        const report = await pen.report(first);
        const [bitmap, signatures] = await pen.sign(report);
        await pen.reach();
        await expect(
          world.telemetry.connect(world.stranger).submit(reportCall(report), filingCall(pen.prior), bitmap, signatures),
        ).to.emit(world.telemetry, "Submitted");
      });
    });

    context("E02: given another epoch", () => {
      it("E02: refuses a gap", async () => {
        const epoch = START_EPOCH + 1n;
        const report = await pen.report(first, {
          epoch,
          periodStartAt: epoch * HOUR_SEC,
          periodEndAt: (epoch + 1n) * HOUR_SEC,
        });
        await pen.reach(HOUR_SEC);
        await expect(pen.send(report))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongEpoch")
          .withArgs(epoch, START_EPOCH);
      });

      it("E02: refuses the same report again", async () => {
        const before = { ...pen.prior };
        const { report } = await pen.file(first);
        const [bitmap, signatures] = await pen.sign(report);
        for (const prior of [before, pen.prior]) {
          await expect(world.telemetry.submit(reportCall(report), filingCall(prior), bitmap, signatures))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongEpoch")
            .withArgs(START_EPOCH, START_EPOCH + 1n);
        }
      });

      it("E02: refuses an epoch that was passed, even with new words", async () => {
        await pen.file(first);
        await pen.file(second);
        const old = await pen.report(first, { epoch: START_EPOCH });
        await expect(pen.send(old))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongEpoch")
          .withArgs(START_EPOCH, START_EPOCH + 2n);
      });
    });

    context("E02: given a period that is not the epoch's hour", () => {
      for (const [what, start, end] of [
        ["overlaps the one before", -1n, 0n],
        ["leaves a second out", 1n, 0n],
        ["runs over", 0n, 1n],
        ["ends early", 0n, -1n],
        ["is shifted", 1n, 1n],
      ] as const) {
        it(`E02: refuses one that ${what}`, async () => {
          const periodStartAt = START_EPOCH * HOUR_SEC + start;
          const periodEndAt = (START_EPOCH + 1n) * HOUR_SEC + end;
          await pen.reach();
          await expect(pen.send(await pen.report(first, { periodStartAt, periodEndAt })))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongPeriod")
            .withArgs(START_EPOCH, periodStartAt, periodEndAt);
        });
      }
    });

    context("E02: at the edges of the time it may come in", () => {
      const endAt = (START_EPOCH + 1n) * HOUR_SEC;

      it("E02: refuses it one second before its hour has ended", async () => {
        await pen.reach(-1n);
        await expect(pen.send(await pen.report(first)))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_Future")
          .withArgs(START_EPOCH, endAt, endAt - 1n);
      });

      for (const afterSec of [0n, MAX_DELAY_SEC]) {
        it(`E02: takes it ${afterSec} s after its hour`, async () => {
          await pen.reach(afterSec);
          await pen.send(await pen.report(first));
          expect(await networkHelpers.time.latest()).to.equal(endAt + afterSec);
          expect(await world.telemetry.lastEpoch()).to.equal(START_EPOCH);
        });
      }

      it("E02: refuses it one second after the longest delay", async () => {
        await pen.reach(MAX_DELAY_SEC + 1n);
        await expect(pen.send(await pen.report(first)))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_TooOld")
          .withArgs(START_EPOCH, endAt + MAX_DELAY_SEC, endAt + MAX_DELAY_SEC + 1n);
      });
    });

    context("E02: given a wrong link to the report before", () => {
      it("E02: refuses another previous hash than the filing's", async () => {
        await pen.file(first);
        await pen.reach();
        await expect(pen.send(await pen.report(second, { prevReportHash: ZERO_HASH })))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongPrevReport")
          .withArgs(pen.epoch, ZERO_HASH, pen.prior.reportHash);
      });

      it("E02: refuses a filing changed anywhere", async () => {
        await pen.file([...first, later(idle(2n))]);
        const report = await pen.report([...second, later(idle(2n), 2n)]);
        await pen.reach();
        const { prior } = pen;
        const [one, two] = prior.meters as [Filing["meters"][0], Filing["meters"][0]];
        const low = { ...one, energyWord: two.resourceWord };
        for (const wrong of [
          { ...prior, reportHash: hashOf("another") },
          { ...prior, submittedAt: prior.submittedAt + 1n },
          { ...prior, meters: [] },
          { ...prior, meters: [one] },
          { ...prior, meters: [one, two, two] },
          { ...prior, meters: [two, one] },
          { ...prior, meters: [low, two] },
          { ...prior, meters: [{ ...one, tdpW: one.tdpW + 1n }, two] },
          { ...prior, meters: [{ ...one, lotId: 3n }, two] },
        ]) {
          pen.prior = wrong;
          await expect(pen.send({ ...report, prevReportHash: wrong.reportHash }))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongPrior")
            .withArgs(START_EPOCH, commitmentOf(wrong), commitmentOf(prior));
        }
      });
    });
  });

  describe("skip", () => {
    const reason = "two data centres dark";

    it("moves on, stores the meters of before under its own hash, and says why", async () => {
      await pen.file(first);
      const reportedUntilAt = await world.telemetry.reportedUntilAt();
      const { tx, filing, epoch, notice } = await pen.fileSkip(reason);
      await expect(tx)
        .to.emit(world.telemetry, "Skipped")
        .withArgs(epoch, Pen.hash(notice), filing.submittedAt, 0b111, hashOf(reason));
      expect(await world.telemetry.commitments(epoch)).to.equal(commitmentOf(filing));
      expect(await world.telemetry.skipped(epoch)).to.equal(true);
      expect(await world.telemetry.skipped(epoch - 1n)).to.equal(false);
      expect(await world.telemetry.lastEpoch()).to.equal(epoch);
      expect(await world.telemetry.reportedUntilAt(), "a skip makes nothing fresh").to.equal(reportedUntilAt);
    });

    it("can be the first thing ever filed", async () => {
      await pen.fileSkip();
      await pen.file(first);
      expect(await world.telemetry.firstEpoch(1n)).to.equal(START_EPOCH + 1n);
    });

    it("E02: refuses one before the hour has ended, and takes it at the end exactly", async () => {
      const endAt = (START_EPOCH + 1n) * HOUR_SEC;
      await pen.reach(-1n);
      await expect(pen.send(await pen.notice()))
        .to.be.revertedWithCustomError(world.telemetry, "Telemetry_Future")
        .withArgs(START_EPOCH, endAt, endAt - 1n);
      await pen.reach(0n);
      await expect(pen.send(await pen.notice())).to.emit(world.telemetry, "Skipped");
    });

    it("E02: refuses another epoch, previous hash or filing, and the same skip again", async () => {
      await pen.reach(HOUR_SEC);
      await expect(pen.send(await pen.notice("why", { epoch: START_EPOCH + 1n })))
        .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongEpoch")
        .withArgs(START_EPOCH + 1n, START_EPOCH);
      await expect(pen.send(await pen.notice("why", { prevReportHash: hashOf("another") })))
        .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongPrevReport")
        .withArgs(START_EPOCH, hashOf("another"), ZERO_HASH);
      const notice = await pen.notice();
      await pen.send(notice);
      await expect(pen.send(notice)).to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongEpoch");
      pen.epoch += 1n;
      await pen.reach();
      await expect(pen.send(await pen.notice())).to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongPrior");
    });

    it("E01: refuses one for an old config", async () => {
      const notice = await pen.notice();
      await world.telemetry.setConfig(world.oracles, 1, NEVER_AT);
      await pen.reach();
      await expect(pen.send(notice)).to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongConfig");
    });
  });

  describe("E10: after a silence", () => {
    it("E10: a day late, reports are refused; skips catch up; then one hour counts as one hour", async () => {
      await pen.file(first);
      const fresh = await world.telemetry.reportedUntilAt();
      await networkHelpers.time.increaseTo((START_EPOCH + 26n) * HOUR_SEC);
      await expect(pen.send(await pen.report(second))).to.be.revertedWithCustomError(
        world.telemetry,
        "Telemetry_TooOld",
      );
      while (pen.epoch < START_EPOCH + 25n) {
        const notice = await pen.notice("oracles down");
        await pen.note(notice);
      }
      expect(await world.telemetry.reportedUntilAt(), "the silence stays visible").to.equal(fresh);

      const twoHours = second.map((reading) => later(reading));
      await expect(pen.send(await pen.report(twoHours)), "time of the silence cannot be made up")
        .to.be.revertedWithCustomError(world.telemetry, "Telemetry_TimeBound")
        .withArgs(1, 2n * 8n * HOUR_SEC, 8n * HOUR_SEC);
      await pen.send(await pen.report(second));
      expect(await world.telemetry.reportedUntilAt()).to.equal((START_EPOCH + 26n) * HOUR_SEC);
    });
  });
});
