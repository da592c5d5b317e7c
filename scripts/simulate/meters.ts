import { emptyMeter, type Meter } from "../../server/protocol/meter.ts";
import { SITE_FACTORS } from "../catalogue.ts";
import type { Deal } from "./deal.ts";
import { conductOf, type Scenario } from "./scenario.ts";
import { calendarOf, later } from "./terms.ts";

const HOUR_SEC = 3600;
const BPS = 10_000n;
const WH_PER_KWH = 1000n;

/** What a lot's counters grow by in each hour of a month. */
export interface Stretch {
  fromEpoch: number;
  untilEpoch: number;
  /** By lot, in the order of the deal. */
  hourly: Meter[];
}

/** A lot as reports name it. */
export interface ReportedLot {
  lotId: bigint;
  tdpW: bigint;
  gpuCount: bigint;
}

export function reportedLots(deal: Deal): ReportedLot[] {
  return deal.lots.map(({ tdpW, gpuCount }, index) => ({
    lotId: BigInt(index + 1),
    tdpW: BigInt(tdpW),
    gpuCount: BigInt(gpuCount),
  }));
}

/** How the fleet runs, month by month: what the oracles of the simulation have to report. */
export function stretchesOf(deal: Deal, scenario: Scenario, monthCount: number): Stretch[] {
  const { startAt } = calendarOf(deal);
  return Array.from({ length: monthCount }, (_, month) => ({
    fromEpoch: later(startAt, month) / HOUR_SEC,
    untilEpoch: later(startAt, month + 1) / HOUR_SEC,
    hourly: deal.lots.map((_lot, lotIndex) => hourOf(deal, scenario, lotIndex, month)),
  }));
}

function hourOf(deal: Deal, scenario: Scenario, lotIndex: number, month: number): Meter {
  const { gpuCount: count, tdpW } = deal.lots[lotIndex]!;
  const { allocatedBps, powerBps, itPerGpuE4, pueE4, cfeBps } = deal.operation;
  const { availableBps, curtailedBps, reportingBps } = conductOf(deal, scenario, lotIndex, month);
  const gpuCount = BigInt(count);
  const wholeGpuSec = gpuCount * BigInt(HOUR_SEC);
  const curtailedGpuSec = part(wholeGpuSec, curtailedBps);
  const availableGpuSec = part(wholeGpuSec - curtailedGpuSec, availableBps);
  const gpuEnergyWh = (part(gpuCount * BigInt(tdpW), powerBps) * availableGpuSec) / wholeGpuSec;
  const itEnergyWh = part(gpuEnergyWh, itPerGpuE4);
  const facilityEnergyWh = part(itEnergyWh, pueE4);
  return {
    ...emptyMeter(gpuCount),
    ...{ availableGpuSec, curtailedGpuSec, gpuEnergyWh, itEnergyWh, facilityEnergyWh },
    reportingCount: part(gpuCount, reportingBps),
    allocatedGpuSec: part(availableGpuSec, allocatedBps),
    smActiveGpuSec: part(part(availableGpuSec, allocatedBps), powerBps),
    cfeMatchedWh: part(facilityEnergyWh, cfeBps),
    waterMl: (facilityEnergyWh * SITE_FACTORS.waterMlPerKWh) / WH_PER_KWH,
    emissionsGCO2e: (facilityEnergyWh * SITE_FACTORS.gCO2ePerKWh) / WH_PER_KWH,
  };
}

function part(whole: bigint, bps: number): bigint {
  return (whole * BigInt(bps)) / BPS;
}
