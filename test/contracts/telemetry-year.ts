import { AbiCoder, keccak256 } from "ethers";
import { network } from "hardhat";
import { commitmentOf } from "../../server/protocol/report.ts";
import { Pen, START_AT, START_EPOCH, deployTelemetry, hashOf, idle, later, pack } from "./reports.ts";

// Telemetry with a year behind it, without the year: counters are those of a year of hours, since bytes that are not
// zero cost more.

const YEAR_HOURS = 8760n;
const LOT_GPUS = 10_000n; // a hundred such lots are a million devices
const coder = AbiCoder.defaultAbiCoder();

/** Telemetry that has just filed `lots` lots with a year behind them. */
export async function yearOld(faulty: number, lots: number) {
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

/** The next report of it, submitted. */
export async function nextReport(faulty: number, lots: number) {
  const { pen, readings } = await yearOld(faulty, lots);
  await pen.reach();
  return pen.send(await pen.report(readings.map((reading) => later(reading))));
}
