import { expect } from "chai";
import { network } from "hardhat";
import { commitmentOf, filingCall } from "../../server/protocol/report.ts";
import {
  CHALLENGE_SEC,
  MAX_DELAY_SEC,
  NEVER_AT,
  Pen,
  START_AT,
  START_EPOCH,
  ZERO_HASH,
  deployTelemetry,
  idle,
  later,
  registerLots,
  type Filing,
} from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 2);
  return world;
}

describe("Telemetry: halt and resolution", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;
  /** By hours after the first. */
  let filings: Filing[];

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
    filings = [];
  });

  const hours = async (...lots: number[]) => {
    for (const lotCount of lots) {
      const hour = BigInt(filings.length + 1);
      // The second lot joins an hour after the first.
      const readings = [1n, 2n].slice(0, lotCount).map((lotId) => later(idle(lotId), hour + 1n - lotId));
      filings.push((await pen.file(readings)).filing);
    }
  };
  const record = (hour: number, filing = filings[hour]!) =>
    world.telemetry.record(START_EPOCH + BigInt(hour), filingCall(filing), [0]);
  const final = () => networkHelpers.time.increaseTo(pen.prior.submittedAt + CHALLENGE_SEC);
  /** Takes back what was filed from an hour on, under a new configuration. */
  const rollback = async (hour: number) => {
    await world.telemetry.halt(START_EPOCH + BigInt(hour));
    await world.telemetry.resolve(true);
    await world.telemetry.setConfig(world.oracles, 1, NEVER_AT);
    filings = filings.slice(0, hour);
    pen.epoch = START_EPOCH + BigInt(hour);
    pen.prior = filings.at(-1) ?? { reportHash: ZERO_HASH, submittedAt: 0n, meters: [] };
  };

  it("E04: a halt refuses reports, skips, and records and meters from its epoch on; earlier ones go on", async () => {
    const { telemetry } = world;
    await hours(1, 1, 1);
    await final();
    await record(0);
    await expect(telemetry.halt(START_EPOCH + 1n))
      .to.emit(telemetry, "Halted")
      .withArgs(START_EPOCH + 1n);
    expect(await telemetry.haltedFromEpoch()).to.equal(START_EPOCH + 1n);
    const halted = async (sent: Promise<unknown>) =>
      await expect(sent)
        .to.be.revertedWithCustomError(telemetry, "Telemetry_Halted")
        .withArgs(START_EPOCH + 1n);
    for (const statement of [await pen.report([later(idle(1n), 4n)]), await pen.notice()])
      await halted(pen.send(statement));
    for (const hour of [1, 2]) await halted(record(hour));
    await halted(telemetry.meterAt(1, START_EPOCH + 2n));
    await record(0);
    expect((await telemetry.meterAt(1, START_EPOCH)).availableGpuSec).to.equal(28_800n);
  });

  it("moves to an earlier epoch and never to a later one, nor before the first", async () => {
    const { telemetry } = world;
    await hours(1, 1, 1);
    await telemetry.halt(START_EPOCH + 2n);
    await expect(telemetry.halt(START_EPOCH + 9n)).not.to.emit(telemetry, "Halted");
    await telemetry.halt(0);
    expect(await telemetry.haltedFromEpoch()).to.equal(START_EPOCH);
    await telemetry.resolve(true);
    expect([await telemetry.lastEpoch(), await telemetry.reportedUntilAt()]).to.deep.equal([START_EPOCH - 1n, 0n]);
  });

  it("upheld: everything stands, and what was due meanwhile is late from the resolution on", async () => {
    const { telemetry } = world;
    await hours(1, 1);
    const digest = await telemetry.configDigest();
    await telemetry.halt(START_EPOCH + 1n);
    const endAt = (pen.epoch + 1n) * 3600n;
    await networkHelpers.time.setNextBlockTimestamp(endAt + 10n * MAX_DELAY_SEC);
    await expect(telemetry.resolve(false))
      .to.emit(telemetry, "Resolved")
      .withArgs(START_EPOCH + 1n, false);
    expect([await telemetry.configDigest(), await telemetry.haltedFromEpoch()]).to.deep.equal([digest, 0n]);
    const deadlineAt = endAt + 11n * MAX_DELAY_SEC;
    await networkHelpers.time.setNextBlockTimestamp(deadlineAt + 1n);
    await expect(pen.send(await pen.report([later(idle(1n), 3n)])))
      .to.be.revertedWithCustomError(telemetry, "Telemetry_TooOld")
      .withArgs(pen.epoch, deadlineAt, deadlineAt + 1n);
    await networkHelpers.time.increaseTo(deadlineAt + 2n);
    await record(1);
  });

  it("upheld: takes the late report in its last second", async () => {
    await hours(1);
    await world.telemetry.halt(START_EPOCH);
    const resolvedAt = (pen.epoch + 1n) * 3600n + 10n * MAX_DELAY_SEC;
    await networkHelpers.time.setNextBlockTimestamp(resolvedAt);
    await world.telemetry.resolve(false);
    await networkHelpers.time.setNextBlockTimestamp(resolvedAt + MAX_DELAY_SEC);
    await expect(pen.send(await pen.report([later(idle(1n), 2n)]))).to.emit(world.telemetry, "Submitted");
  });

  it("E10: a resolution that came before an hour ended gives that hour no more time", async () => {
    await hours(1);
    await world.telemetry.halt(START_EPOCH);
    await world.telemetry.resolve(false);
    const deadlineAt = (pen.epoch + 1n) * 3600n + MAX_DELAY_SEC;
    await networkHelpers.time.setNextBlockTimestamp(deadlineAt + 1n);
    await expect(pen.send(await pen.report([later(idle(1n), 2n)])))
      .to.be.revertedWithCustomError(world.telemetry, "Telemetry_TooOld")
      .withArgs(pen.epoch, deadlineAt, deadlineAt + 1n);
  });

  it("E14: rolled back: the epochs are gone, the configuration is void, and a new one goes on from before", async () => {
    const { telemetry } = world;
    await hours(1, 1, 1);
    const old = await pen.report([later(idle(1n), 2n)]);
    const digest = await telemetry.configDigest();
    await rollback(1);
    expect(await telemetry.lastEpoch()).to.equal(START_EPOCH);
    expect(await telemetry.reportedUntilAt()).to.equal((START_EPOCH + 1n) * 3600n);
    expect(await telemetry.commitments(START_EPOCH)).to.equal(commitmentOf(filings[0]!));
    for (const hour of [1n, 2n]) expect(await telemetry.commitments(START_EPOCH + hour)).to.equal(ZERO_HASH);
    const again = { ...old, epoch: pen.epoch, prevReportHash: pen.prior.reportHash };
    await expect(pen.send(again)).to.be.revertedWithCustomError(telemetry, "Telemetry_WrongConfig");
    expect(await telemetry.isConfig(digest)).to.equal(true);
    expect(await telemetry.isInForce(digest)).to.equal(false);
    expect(await telemetry.isInForce(await telemetry.configDigest())).to.equal(true);
    const report = await pen.report([later(idle(1n), 2n)]);
    await expect(pen.send(report)).to.emit(telemetry, "Submitted");
  });

  it("E14: between a rollback and the next configuration nothing is taken, not even under the zero digest", async () => {
    await hours(1);
    await world.telemetry.halt(START_EPOCH);
    await world.telemetry.resolve(true);
    pen.epoch = START_EPOCH;
    pen.prior = { reportHash: ZERO_HASH, submittedAt: 0n, meters: [] };
    await expect(pen.send(await pen.report([later(idle(1n))])))
      .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongConfig")
      .withArgs(ZERO_HASH, ZERO_HASH);
  });

  it("E03: recorded meters stay, whichever epoch is at fault; of a later one, the next report's are read", async () => {
    const { telemetry } = world;
    await hours(1, 1, 1);
    await final();
    await record(1);
    const stood = await telemetry.meterAt(1, START_EPOCH + 1n);
    await expect(telemetry.halt(START_EPOCH))
      .to.emit(telemetry, "Halted")
      .withArgs(START_EPOCH + 2n);
    await record(0);
    expect(await telemetry.meterAt(1, START_EPOCH + 1n)).to.deep.equal(stood);
    await telemetry.resolve(false);
    await rollback(2);
    expect(await telemetry.newestRecordedEpoch()).to.equal(START_EPOCH + 1n);
    expect(await telemetry.meterAt(1, START_EPOCH + 1n)).to.deep.equal(stood);
    const { filing } = await pen.note(await pen.report([{ ...later(idle(1n), 2n), reportingCount: 0n }]));
    await expect(telemetry.meterAt(1, START_EPOCH + 2n)).to.be.revertedWithCustomError(
      telemetry,
      "Telemetry_NotRecorded",
    );
    await final();
    await record(2, filing);
    expect((await telemetry.meterAt(1, START_EPOCH + 2n)).availableGpuSec).to.equal(57_600n);
  });

  it("E10: a skipped epoch that was rolled back is one no more, nor does it keep the report's meters silent", async () => {
    const { telemetry } = world;
    await hours(1);
    await pen.fileSkip();
    await pen.fileSkip();
    expect(await telemetry.reportedUntilAt()).to.equal((START_EPOCH + 1n) * 3600n);
    await telemetry.halt(START_EPOCH + 2n);
    await telemetry.resolve(true);
    // The newest report is that of the first hour: the second stays skipped.
    expect(await telemetry.reportedUntilAt()).to.equal((START_EPOCH + 1n) * 3600n);
    expect([await telemetry.skipped(START_EPOCH + 1n), await telemetry.skipped(START_EPOCH + 2n)]).to.deep.equal([
      true,
      false,
    ]);
    await rollback(1);
    expect(await telemetry.skipped(START_EPOCH + 1n)).to.equal(false);
    const { filing } = await pen.note(await pen.report([later(idle(1n), 2n)]));
    expect(await telemetry.skipped(START_EPOCH + 1n)).to.equal(false);
    await final();
    await record(1, filing);
    expect((await telemetry.meterAt(1, START_EPOCH + 1n)).reportingCount).to.equal(8n);
  });

  it("forgets the first epoch of a lot that was rolled back, for ever or until it is reported again", async () => {
    const { telemetry } = world;
    await hours(1, 2, 2);
    expect([await telemetry.firstEpoch(1), await telemetry.firstEpoch(2)]).to.deep.equal([
      START_EPOCH,
      START_EPOCH + 1n,
    ]);
    await rollback(1);
    expect([await telemetry.firstEpoch(1), await telemetry.firstEpoch(2)]).to.deep.equal([START_EPOCH, 0n]);
    await pen.note(await pen.report([later(idle(1n), 2n)]));
    const { filing } = await pen.note(await pen.report([later(idle(1n), 3n)]));
    await pen.reach();
    await pen.note(await pen.report([later(idle(1n), 4n), later(idle(2n), 1n)]));
    expect(await telemetry.firstEpoch(2)).to.equal(START_EPOCH + 3n);
    await telemetry.halt(START_EPOCH + 5n);
    await telemetry.resolve(true);
    expect(await telemetry.firstEpoch(2)).to.equal(START_EPOCH + 3n);
    await final();
    await record(2, filing);
    // The report of that epoch does not name it: it had counted nothing.
    expect((await telemetry.meterAt(2, START_EPOCH + 2n)).gpuCount).to.equal(0n);
  });

  it("M24: only their roles halt and resolve, and only what is halted is resolved", async () => {
    const { telemetry, stranger } = world;
    for (const sent of [telemetry.connect(stranger).halt(START_EPOCH), telemetry.connect(stranger).resolve(true)]) {
      await expect(sent)
        .to.be.revertedWithCustomError(telemetry, "AccessManagedUnauthorized")
        .withArgs(stranger.address);
    }
    for (const rolledBack of [true, false]) {
      await expect(telemetry.resolve(rolledBack)).to.be.revertedWithCustomError(telemetry, "Telemetry_NotHalted");
    }
  });
});
