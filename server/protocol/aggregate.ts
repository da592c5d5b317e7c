import type { Hex } from "./bytes.ts";
import { keccakText } from "./keccak.ts";
import {
  deviceLeafHash,
  leafHashes,
  readingLeafHash,
  stateLeafHash,
  type DeviceLeaf,
  type ReadingLeaf,
} from "./leaf.ts";
import { checkLot, type Lot } from "./lot.ts";
import { COUNTERS, addMeter, emptyMeter, packMeter, type LotMeter, type Meter } from "./meter.ts";
import type { Reading } from "./reading.ts";
import { Refusal, demand } from "./refusal.ts";
import { gpuEnergyMJ } from "./rules.ts";
import { buildTree, rootOf, type Tree } from "./tree.ts";
import { BPS, E4, MILLI, MJ_PER_KWH, floorCarry, floorWh, parseU64 } from "./units.ts";

/** What an epoch's flooring left over, to be added to the next epoch; each less than one unit of its counter. */
export interface Carry {
  readonly overhead: bigint; // mJ·1e-4 of IT energy
  readonly pue: bigint; // mJ·1e-4 of facility energy
  readonly cfe: bigint; // mJ·1e-4 of carbon-free-matched energy
  readonly gpuMJ: bigint;
  readonly itMJ: bigint;
  readonly facilityMJ: bigint;
  readonly cfeMJ: bigint;
  readonly water: bigint; // mJ·ml/kWh
  readonly emissions: bigint; // mJ·g/kWh
  readonly smActiveMilliSec: bigint;
}

/** A lot's meter and what its flooring left over, at the end of an epoch. */
export interface LotState {
  readonly lotId: bigint;
  readonly meter: Meter;
  readonly carry: Carry;
}

/** All that aggregation remembers from one epoch to the next. */
export interface AggregateState {
  readonly epoch: bigint;
  readonly lots: readonly LotState[]; // by ascending lotId
}

/** A reading that passed `checkReading`, and whose signature and devices were checked against the registry. */
export interface VerifiedReading {
  readonly reading: Reading;
  readonly readingHash: Hex;
  readonly signature: Hex;
}

/** One epoch, summed up. */
export interface Aggregation {
  readonly epoch: bigint;
  readonly meters: LotMeter[]; // by ascending lotId
  readonly leaves: readonly DeviceLeaf[]; // by lotId, then deviceIndex
  readonly tree: Tree;
  readonly readingsRoot: Hex;
  readonly readingLeaves: readonly ReadingLeaf[]; // by nodeId
  readonly dataTree: Tree; // the reading leaves, then the state's
  readonly dataHash: Hex;
  readonly devicesRegisteredCount: bigint;
  readonly devicesReportingCount: bigint;
  readonly state: AggregateState;
}

const NO_CARRY: Carry = {
  overhead: 0n,
  pue: 0n,
  cfe: 0n,
  gpuMJ: 0n,
  itMJ: 0n,
  facilityMJ: 0n,
  cfeMJ: 0n,
  water: 0n,
  emissions: 0n,
  smActiveMilliSec: 0n,
};
const CARRIES = Object.keys(NO_CARRY) as (keyof Carry)[];

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sum<T>(items: readonly T[], amount: (item: T) => bigint): bigint {
  return items.reduce((total, item) => total + amount(item), 0n);
}

// The epoch of one lot: counters as differences, and what flooring leaves over.
function meterLot(lot: Lot, readings: readonly Reading[], carry: Carry): { epochMeter: Meter; carry: Carry } {
  const { site } = lot;
  const devices = readings.flatMap((reading) => reading.devices);
  const metered = readings.filter((reading) => reading.itEnergy !== null);
  const unmetered = readings.filter((reading) => reading.itEnergy === null);

  const gpuMJ = sum(readings, gpuEnergyMJ);
  const meteredMJ = sum(metered, ({ itEnergy }) => (itEnergy === null ? 0n : itEnergy.endMJ - itEnergy.startMJ));
  const overhead = floorCarry(sum(unmetered, gpuEnergyMJ) * site.overheadE4, carry.overhead, E4);
  const itMJ = meteredMJ + overhead.quotient;
  const pue = floorCarry(itMJ * site.pueE4, carry.pue, E4);
  const facilityMJ = pue.quotient;
  const cfe = floorCarry(facilityMJ * site.cfeBps, carry.cfe, BPS);

  const gpuWh = floorWh(gpuMJ, carry.gpuMJ);
  const itWh = floorWh(itMJ, carry.itMJ);
  const facilityWh = floorWh(facilityMJ, carry.facilityMJ);
  const cfeWh = floorWh(cfe.quotient, carry.cfeMJ);
  const water = floorCarry(facilityMJ * site.waterMlPerKWh, carry.water, MJ_PER_KWH);
  const emissions = floorCarry(facilityMJ * site.gCO2ePerKWh, carry.emissions, MJ_PER_KWH);
  const active = floorCarry(
    sum(devices, (device) => device.smActiveMilliSec),
    carry.smActiveMilliSec,
    MILLI,
  );

  const epochMeter = {
    gpuCount: lot.gpuCount,
    reportingCount: BigInt(devices.length),
    availableGpuSec: sum(devices, (device) => device.availableSec),
    allocatedGpuSec: sum(devices, (device) => device.allocatedSec),
    smActiveGpuSec: active.quotient,
    gpuEnergyWh: gpuWh.quotient,
    itEnergyWh: itWh.quotient,
    facilityEnergyWh: facilityWh.quotient,
    cfeMatchedWh: cfeWh.quotient,
    waterMl: water.quotient,
    emissionsGCO2e: emissions.quotient,
    curtailedGpuSec: sum(devices, (device) => device.curtailedSec),
    workUnits: sum(devices, (device) => device.workUnits),
  };
  const left = {
    overhead: overhead.remainder,
    pue: pue.remainder,
    cfe: cfe.remainder,
    gpuMJ: gpuWh.remainder,
    itMJ: itWh.remainder,
    facilityMJ: facilityWh.remainder,
    cfeMJ: cfeWh.remainder,
    water: water.remainder,
    emissions: emissions.remainder,
    smActiveMilliSec: active.remainder,
  };
  return { epochMeter, carry: left };
}

function leavesOf(epoch: bigint, lot: Lot, readings: readonly Reading[], firstIndex: number): DeviceLeaf[] {
  const placed = readings
    .flatMap((reading) => reading.devices.map((device) => ({ reading, device })))
    .sort((a, b) => a.device.deviceIndex - b.device.deviceIndex);
  const deviceIds = new Set<Hex>();
  return placed.map(({ reading, device }, i) => {
    const { deviceIndex, deviceId } = device;
    const isOnce = deviceIndex !== placed[i - 1]?.device.deviceIndex && !deviceIds.has(deviceId);
    demand(isOnce, "Aggregate_DeviceTwice", { epoch, lotId: lot.lotId, deviceIndex, nodeId: reading.nodeId });
    deviceIds.add(deviceId);
    demand(BigInt(deviceIndex) < lot.gpuCount, "Aggregate_IndexBeyondLot", { lotId: lot.lotId, deviceIndex });
    const { nodeId, sequenceIndex } = reading;
    return { leafIndex: firstIndex + i, epoch, lotId: lot.lotId, nodeId, sequenceIndex, device };
  });
}

function readingsByLot(epoch: bigint, verified: readonly VerifiedReading[]): Map<bigint, Reading[]> {
  const byLot = new Map<bigint, Reading[]>();
  for (const { reading } of verified) {
    const { nodeId } = reading;
    demand(reading.epoch === epoch, "Aggregate_WrongEpoch", { epoch, readingEpoch: reading.epoch, nodeId });
    const readings = byLot.get(reading.lotId);
    if (readings === undefined) byLot.set(reading.lotId, [reading]);
    else readings.push(reading);
  }
  return byLot;
}

/** The state before the first epoch that is aggregated. */
export function initialState(firstEpoch: bigint): AggregateState {
  return { epoch: firstEpoch - 1n, lots: [] };
}

// Every lot counted before must still be there, with as many boards: the chain refuses a report otherwise.
function checkLots(lots: readonly Lot[], state: AggregateState): void {
  const gpuCounts = new Map<bigint, bigint>();
  for (const lot of lots) {
    const { lotId } = lot;
    checkLot(lot);
    demand(!gpuCounts.has(lotId), "Aggregate_LotTwice", { lotId });
    gpuCounts.set(lotId, lot.gpuCount);
  }
  for (const { lotId, meter } of state.lots) {
    const gpuCount = gpuCounts.get(lotId);
    if (gpuCount === undefined) throw new Refusal("Aggregate_LotMissing", { lotId, epoch: state.epoch });
    demand(gpuCount === meter.gpuCount, "Aggregate_LotChanged", { lotId, gpuCount, before: meter.gpuCount });
  }
}

/**
 * Sums up one epoch. The result depends on nothing but the values given, not on their order: oracles with the same
 * state and the same readings get the same bytes. A lot without readings keeps its counters; nothing is carried
 * forward but remainders smaller than one unit.
 */
export function aggregate(
  epoch: bigint,
  state: AggregateState,
  lots: readonly Lot[],
  verified: readonly VerifiedReading[],
): Aggregation {
  demand(epoch > state.epoch, "Aggregate_NotLater", { epoch, stateEpoch: state.epoch });
  checkLots(lots, state);
  const byLot = readingsByLot(epoch, verified);
  const before = new Map(state.lots.map((lot) => [lot.lotId, lot]));

  const meters: LotMeter[] = [];
  const states: LotState[] = [];
  const placed: { readonly lot: Lot; readonly readings: readonly Reading[]; readonly firstIndex: number }[] = [];
  const boardCount = verified.reduce((count, { reading }) => count + reading.devices.length, 0);
  const hashes = new Uint8Array(32 * boardCount);
  let leafCount = 0;
  const lotsInOrder = lots.toSorted((a, b) => compare(a.lotId, b.lotId));
  for (const lot of lotsInOrder) {
    const { lotId } = lot;
    const readings = byLot.get(lotId) ?? [];
    byLot.delete(lotId);
    const last = before.get(lotId);
    const { epochMeter, carry } = meterLot(lot, readings, last?.carry ?? NO_CARRY);
    const meter = addMeter(last?.meter ?? emptyMeter(lot.gpuCount), epochMeter);
    meters.push(packMeter(lotId, lot.tdpW, meter));
    states.push({ lotId, meter, carry });
    placed.push({ lot, readings, firstIndex: leafCount });
    for (const leaf of leavesOf(epoch, lot, readings, leafCount)) hashes.set(deviceLeafHash(leaf), 32 * leafCount++);
  }
  for (const lotId of byLot.keys()) throw new Refusal("Aggregate_UnknownLot", { epoch, lotId });

  const tree = buildTree(hashes);
  const after = { epoch, lots: states };
  const dataTree = dataTreeOf(epoch, leafHashes(placeReadings(epoch, verified), readingLeafHash), stateLine(after));
  return {
    epoch,
    meters,
    // Of a million boards the leaves are a gigabyte: they are made for those who ask for them.
    get leaves() {
      return placed.flatMap(({ lot, readings, firstIndex }) => leavesOf(epoch, lot, readings, firstIndex));
    },
    tree,
    readingsRoot: rootOf(tree),
    get readingLeaves() {
      return placeReadings(epoch, verified);
    },
    dataTree,
    dataHash: rootOf(dataTree),
    devicesRegisteredCount: sum(lots, (lot) => lot.gpuCount),
    devicesReportingCount: BigInt(leafCount),
    state: after,
  };
}

/** The tree that `dataHash` is the root of: the leaves of the readings, then the one of the state. */
export function dataTreeOf(epoch: bigint, readingLeafHashes: Uint8Array, line: string): Tree {
  const leafIndex = readingLeafHashes.length / 32;
  const hashes = new Uint8Array(readingLeafHashes.length + 32);
  hashes.set(readingLeafHashes);
  hashes.set(stateLeafHash({ leafIndex, epoch, lineHash: keccakText(line) }), readingLeafHashes.length);
  return buildTree(hashes);
}

function placeReadings(epoch: bigint, verified: readonly VerifiedReading[]): ReadingLeaf[] {
  const placed = verified.toSorted((a, b) => compare(a.reading.nodeId, b.reading.nodeId));
  return placed.map(({ reading, readingHash, signature }, leafIndex) => {
    const { nodeId, lotId } = reading;
    demand(nodeId !== placed[leafIndex - 1]?.reading.nodeId, "Aggregate_NodeTwice", { epoch, nodeId });
    return { leafIndex, epoch, lotId, nodeId, readingHash, signature };
  });
}

type Decimals<T> = Record<keyof T, string>;

/** The JSON form of a state: decimal strings. */
export interface AggregateStateJson {
  epoch: string;
  lots: { lotId: string; meter: Decimals<Meter>; carry: Decimals<Carry> }[];
}

const METER_FIELDS = ["gpuCount", "reportingCount", ...COUNTERS] as const;

function toDecimals<T extends object>(values: T, names: readonly (keyof T & string)[]): Decimals<T> {
  return Object.fromEntries(names.map((name) => [name, String(values[name])])) as Decimals<T>;
}

function fromDecimals<T>(texts: Partial<Decimals<T>>, names: readonly (keyof T & string)[]): T {
  return Object.fromEntries(names.map((name) => [name, parseU64(texts[name] ?? "", name)])) as T;
}

/** A state as JSON, to be kept across restarts. */
export function stateJson(state: AggregateState): AggregateStateJson {
  const lots = state.lots.map(({ lotId, meter, carry }) => ({
    lotId: String(lotId),
    meter: toDecimals(meter, METER_FIELDS),
    carry: toDecimals(carry, CARRIES),
  }));
  return { epoch: String(state.epoch), lots };
}

/** The first line of a published reading set. The reading set's hash commits to it, so it has this one form. */
export function stateLine(state: AggregateState): string {
  return JSON.stringify({ version: 1, epoch: String(state.epoch), state: stateJson(state) });
}

/** A state out of JSON: the inverse of `stateJson`. */
export function parseState(json: AggregateStateJson): AggregateState {
  const lots = json.lots.map(({ lotId, meter, carry }) => ({
    lotId: parseU64(lotId, "lotId"),
    meter: fromDecimals<Meter>(meter, METER_FIELDS),
    carry: fromDecimals<Carry>(carry, CARRIES),
  }));
  return { epoch: parseU64(json.epoch, "epoch"), lots };
}
