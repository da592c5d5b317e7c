// What a report costs, held as caps beside the reach of the design (section 6: 110,000 with five signatures and roots
// only, 7,000 for each further lot, 800,000 for a hundred lots). Counters are those of a year of hours, since bytes that
// are not zero cost more; the gas is what the receipt says, calldata included.
import { expect } from "chai";
import { network } from "hardhat";
import { AbiCoder, keccak256 } from "ethers";
import { commitmentOf, filingCall } from "../../server/protocol/report.ts";
import { CHALLENGE_SEC, Pen, START_AT, START_EPOCH, deployTelemetry, hashOf, idle, later, pack } from "./reports.ts";

const YEAR_HOURS = 8760n;
const LOT_GPUS = 10_000n; // a hundred such lots are a million devices
const coder = AbiCoder.defaultAbiCoder();

describe("Telemetry: gas", () => {
  /** Telemetry that has just filed `lots` lots with a year behind them. */
  async function old(faulty: number, lots: number) {
    const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });
    const world = await deployTelemetry(ethers, faulty);
    const pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
    const readings = Array.from({ length: lots }, (_, i) => later(idle(BigInt(i + 1), LOT_GPUS), YEAR_HOURS));
    const stored = await world.telemetry.commitments(START_EPOCH - 1n);
    pen.prior = { reportHash: hashOf("report"), submittedAt: START_EPOCH * 3600n, meters: readings.map(pack) };
    for (let slot = 0; ; ++slot) {
      const place = keccak256(coder.encode(["uint256", "uint256"], [START_EPOCH - 1n, slot]));
      if ((await networkHelpers.getStorageAt(await world.telemetry.getAddress(), place)) !== stored) continue;
      await networkHelpers.setStorageAt(await world.telemetry.getAddress(), place, commitmentOf(pen.prior));
      break;
    }
    return { ...world, pen, readings };
  }

  async function submitGas(faulty: number, lots: number): Promise<number> {
    const { pen, readings } = await old(faulty, lots);
    await pen.reach();
    const receipt = await (await pen.send(await pen.report(readings.map((reading) => later(reading))))).wait();
    return Number(receipt!.gasUsed);
  }

  for (const [what, measure, cap] of [
    ["roots only, 3 signatures", () => submitGas(1, 0), 95_500],
    ["roots only, 5 signatures", () => submitGas(2, 0), 110_000],
    ["the second lot", async () => (await submitGas(1, 2)) - (await submitGas(1, 1)), 7_000],
    ["each of ten lots", async () => ((await submitGas(1, 10)) - (await submitGas(1, 1))) / 9, 7_000],
    ["each of a hundred lots", async () => ((await submitGas(1, 100)) - (await submitGas(1, 1))) / 99, 7_000],
    ["100 lots, a million devices, 5 signatures", () => submitGas(2, 100), 800_000],
  ] as [string, () => Promise<number>, number][]) {
    it(`submit, ${what}: at most ${cap} gas`, async () => {
      expect(await measure()).to.be.at.most(cap);
    });
  }

  it("record: at most 111,000 gas for a filing of one lot, 77,000 for each further lot", async () => {
    const gas = [];
    for (const lots of [1, 2]) {
      const { pen, telemetry } = await old(1, lots);
      await pen.time.setNextBlockTimestamp(pen.prior.submittedAt + CHALLENGE_SEC);
      const meterIndexes = Array.from({ length: lots }, (_, i) => i);
      const receipt = await (await telemetry.record(START_EPOCH - 1n, filingCall(pen.prior), meterIndexes)).wait();
      gas.push(Number(receipt!.gasUsed));
    }
    expect(gas[0]).to.be.at.most(111_000);
    expect(gas[1]! - gas[0]!).to.be.at.most(77_000);
  });
});
