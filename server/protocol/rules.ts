import type { Hex } from "./bytes.ts";
import type { Lot } from "./lot.ts";
import type { Reading, DeviceHour } from "./reading.ts";
import { demand } from "./refusal.ts";
import { E4, MILLI, epochEndAt, epochStartAt } from "./units.ts";

/**
 * Work units of one device in one hour: beyond it a count is a mistake, and a few of them could pin a lot's 64-bit counter.
 * At the bound a lot of 1,000,000 devices counts for 120 years.
 */
export const MAX_WORK_UNITS = 1n << 24n;

// The bound that Telemetry.sol puts on a lot's IT energy: 1.6 × design power.
const POWER_BOUND_TENTHS = 16n;

/** The energy a device can take in a period by the bound, in mJ, for `deviceCount` devices of a lot. */
export function energyBoundMJ(tdpW: bigint, deviceCount: bigint, periodSec: bigint): bigint {
  return (tdpW * deviceCount * periodSec * MILLI * POWER_BOUND_TENTHS) / 10n;
}

/** Energy of the devices of a reading, in mJ. */
export function gpuEnergyMJ(reading: Reading): bigint {
  return reading.devices.reduce((sum, device) => sum + device.energyEndMJ - device.energyStartMJ, 0n);
}

/** Refuses a device's hour that cannot be, in a lot of so many boards of that design power. */
export function checkDevice(
  { nodeId, epoch }: Pick<Reading, "nodeId" | "epoch">,
  device: DeviceHour,
  lot: Pick<Lot, "gpuCount" | "tdpW">,
  periodSec: bigint,
): void {
  const { deviceIndex, energyStartMJ, energyEndMJ, availableSec, allocatedSec, curtailedSec } = device;
  const at = { nodeId, epoch, deviceIndex };
  demand(BigInt(deviceIndex) < lot.gpuCount, "Reading_IndexBeyondLot", { ...at, gpuCount: lot.gpuCount });
  demand(energyEndMJ >= energyStartMJ, "Reading_CounterFell", { ...at, energyStartMJ, energyEndMJ });
  const usedSec = availableSec + curtailedSec;
  demand(usedSec <= periodSec, "Reading_TimeBeyondPeriod", { ...at, availableSec, curtailedSec, periodSec });
  demand(allocatedSec <= availableSec, "Reading_AllocatedBeyondAvailable", { ...at, allocatedSec, availableSec });
  const activeMilliSec = device.smActiveMilliSec;
  const isActiveWithin = activeMilliSec <= availableSec * MILLI;
  demand(isActiveWithin, "Reading_ActiveBeyondAvailable", { ...at, smActiveMilliSec: activeMilliSec, availableSec });
  const { workUnits } = device;
  demand(workUnits <= MAX_WORK_UNITS, "Reading_WorkImplausible", { ...at, workUnits, boundUnits: MAX_WORK_UNITS });
  const energyMJ = energyEndMJ - energyStartMJ;
  const boundMJ = energyBoundMJ(lot.tdpW, 1n, periodSec);
  demand(energyMJ <= boundMJ, "Reading_EnergyImplausible", { ...at, energyMJ, boundMJ, tdpW: lot.tdpW });
}

function checkItEnergy(reading: Reading, lot: Lot, periodSec: bigint): void {
  const { nodeId, epoch, itEnergy } = reading;
  const gpuMJ = gpuEnergyMJ(reading);
  const boundMJ = energyBoundMJ(lot.tdpW, BigInt(reading.devices.length), periodSec);
  // In mJ·1e-4, so that what many nodes lose to flooring cannot add up beyond the lot's bound.
  let itE4MJ = gpuMJ * lot.site.overheadE4;
  if (itEnergy !== null) {
    const { startMJ, endMJ } = itEnergy;
    demand(endMJ >= startMJ, "Reading_ItCounterFell", { nodeId, epoch, startMJ, endMJ });
    demand(endMJ - startMJ >= gpuMJ, "Reading_ItBelowGpu", { nodeId, epoch, itMJ: endMJ - startMJ, gpuMJ });
    itE4MJ = (endMJ - startMJ) * E4;
  }
  const isPlausible = itE4MJ <= boundMJ * E4;
  demand(isPlausible, "Reading_ItEnergyImplausible", { nodeId, epoch, itMJ: itE4MJ / E4, boundMJ, tdpW: lot.tdpW });
}

/** Refuses a reading that says what cannot be, for the epoch and the lot it is read for. */
export function checkReading(reading: Reading, epoch: bigint, lot: Lot): void {
  const { nodeId, periodStartAt, periodEndAt } = reading;
  demand(reading.epoch === epoch, "Reading_WrongEpoch", { nodeId, epoch: reading.epoch, expectedEpoch: epoch });
  demand(reading.lotId === lot.lotId, "Reading_WrongLot", { nodeId, lotId: reading.lotId, expectedLotId: lot.lotId });
  const isWholeEpoch = periodStartAt === epochStartAt(epoch) && periodEndAt === epochEndAt(epoch);
  demand(isWholeEpoch, "Reading_WrongPeriod", { nodeId, epoch, periodStartAt, periodEndAt });
  let lastIndex = -1;
  const deviceIds = new Set<Hex>();
  for (const device of reading.devices) {
    const { deviceIndex, deviceId } = device;
    demand(deviceIndex !== lastIndex, "Reading_DuplicateIndex", { nodeId, epoch, deviceIndex });
    demand(deviceIndex > lastIndex, "Reading_IndexOutOfOrder", { nodeId, epoch, deviceIndex, lastIndex });
    demand(!deviceIds.has(deviceId), "Reading_DuplicateDevice", { nodeId, epoch, deviceId });
    lastIndex = deviceIndex;
    deviceIds.add(deviceId);
    checkDevice(reading, device, lot, periodEndAt - periodStartAt);
  }
  checkItEnergy(reading, lot, periodEndAt - periodStartAt);
}

/** Refuses a reading that does not continue the node's reading before: sequence, chained hash, counters. */
export function checkFollows(reading: Reading, before: Reading, beforeHash: Hex): void {
  const { nodeId, sequenceIndex, prevReadingHash } = reading;
  demand(nodeId === before.nodeId, "Reading_OtherNode", { nodeId, beforeNodeId: before.nodeId });
  const expectedIndex = before.sequenceIndex + 1n;
  demand(sequenceIndex === expectedIndex, "Reading_WrongSequence", { nodeId, sequenceIndex, expectedIndex });
  demand(prevReadingHash === beforeHash, "Reading_WrongPrevHash", { nodeId, prevReadingHash, beforeHash });
  demand(reading.epoch > before.epoch, "Reading_NotLater", { nodeId, epoch: reading.epoch, before: before.epoch });
  checkGrowth(reading, before);
}

/** Refuses a reading with a counter below what an earlier one of its node ended at, the next one or not. */
export function checkGrowth(reading: Reading, before: Reading): void {
  const { nodeId } = reading;
  const ends = new Map(before.devices.map((device) => [device.deviceId, device.energyEndMJ]));
  for (const { deviceId, energyStartMJ } of reading.devices) {
    const beforeEndMJ = ends.get(deviceId) ?? 0n;
    demand(energyStartMJ >= beforeEndMJ, "Reading_CounterFell", { nodeId, deviceId, energyStartMJ, beforeEndMJ });
  }
  if (reading.itEnergy !== null && before.itEnergy !== null) {
    const { startMJ } = reading.itEnergy;
    const beforeEndMJ = before.itEnergy.endMJ;
    demand(startMJ >= beforeEndMJ, "Reading_ItCounterFell", { nodeId, startMJ, beforeEndMJ });
  }
}
