// Faults a review found in Telemetry.sol. Each test was red before the contract was mended.
import { expect } from "chai";
import { network } from "hardhat";
import { filingCall } from "../../server/protocol/report.ts";
import {
  CHALLENGE_SEC,
  GPUS,
  MAX_DELAY_SEC,
  Pen,
  START_AT,
  START_EPOCH,
  deployTelemetry,
  later,
  idle,
  registerLots,
} from "../contracts/reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 3);
  return world;
}

describe("Findings: telemetry", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
  });

  it("E10: a skipped epoch kept the coverage of the report before it", async () => {
    const first = later(idle(1n));
    const reported = await pen.file([first]);
    const silent = await pen.fileSkip();
    await pen.reach(CHALLENGE_SEC);
    await world.telemetry.record(reported.epoch, filingCall(reported.filing), [0]);
    await world.telemetry.record(silent.epoch, filingCall(silent.filing), [0]);

    const meter = await world.telemetry.meterAt(1n, silent.epoch);
    expect(meter.reportingCount).to.equal(0n);
    expect(meter.gpuCount).to.equal(GPUS);
    expect(meter.availableGpuSec).to.equal(first.availableGpuSec);
    expect((await world.telemetry.meterAt(1n, reported.epoch)).reportingCount).to.equal(GPUS);
    expect((await world.telemetry.ratios(1n, reported.epoch - 1n, silent.epoch)).coverageBps).to.equal(0n);
  });

  it("E03: a dropped lot was refused in the name of the lot after it", async () => {
    const readings = [1n, 2n, 3n].map((lotId) => later(idle(lotId)));
    await pen.file(readings);
    await pen.reach();
    await expect(pen.send(await pen.report(readings.slice(1).map((reading) => later(reading)))))
      .to.be.revertedWithCustomError(world.telemetry, "Telemetry_LotMissing")
      .withArgs(1, pen.epoch);
  });

  it("the first epoch and the delays could not be known from the events", async () => {
    const [event] = await world.telemetry.queryFilter(world.telemetry.filters.Opened);
    expect([...event!.args]).to.deep.equal([
      START_EPOCH,
      await world.registry.getAddress(),
      CHALLENGE_SEC,
      MAX_DELAY_SEC,
    ]);
  });

  it("a skip did not say who had signed it", async () => {
    const notice = await pen.notice();
    await pen.reach();
    const tx = await pen.send(notice, [0, 1, 3]);
    const [event] = await world.telemetry.queryFilter(world.telemetry.filters.Skipped, tx.blockNumber!);
    expect(event!.args.signerBitmap).to.equal(0b1011n);
  });

  it("ratios over a range the wrong way round panicked without a name", async () => {
    await expect(world.telemetry.ratios(1n, START_EPOCH, START_EPOCH - 1n))
      .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BackwardRange")
      .withArgs(START_EPOCH, START_EPOCH - 1n);
  });
});
