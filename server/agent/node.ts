import { newAccumulator, wholeSec, type Accumulator } from "../protocol/accumulator.ts";
import { ZERO_BYTES32, type Hex } from "../protocol/bytes.ts";
import { addDrops, noDrops, type Drops } from "../protocol/drops.ts";
import { canonicalDeviceName, identityAnchor } from "../protocol/identity.ts";
import { readingHash, type DeviceHour, type Reading } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { MAX_BOARD_MW, type Scrape } from "../protocol/scrape.ts";
import { MILLI, epochEndAt, epochStartAt } from "../protocol/units.ts";
import { epochUntil, splitSample, type Limits, type Span, type Split } from "./hours.ts";

/** How the agent knows that a GPU is allocated: a workload's label on its rows, or the whole host is one lessee's. */
export type Allocation = "pod" | "dedicated";

/** A host with its boards, as the registry has it. */
export interface NodeSettings {
  readonly nodeId: bigint;
  readonly lotId: bigint;
  /** Each board's place in the lot's identity tree, by the name it is registered under. */
  readonly deviceIndex: ReadonlyMap<string, number>;
  readonly allocation: Allocation;
  /** Longer without a scrape, and the time between does not count as available. */
  readonly maxGapSec: number;
}

/** What must not be forgotten between two readings. */
export interface NodeState {
  /** Each board's counters at the end of the newest reading it is in, by canonical name. */
  readonly accumulators: ReadonlyMap<string, Accumulator>;
  /** The wall meter's, likewise. */
  readonly wall: Accumulator;
  readonly sequenceIndex: bigint;
  readonly epoch: bigint;
  readonly readingHash: Hex;
  /** Samples that came after their epoch's reading, by board: the next reading says so. */
  readonly lateCounts: ReadonlyMap<string, number>;
}

/** The state of a node that never gave a reading. */
export function newNodeState(): NodeState {
  return {
    accumulators: new Map(),
    wall: newAccumulator(),
    sequenceIndex: -1n,
    epoch: -1n,
    readingHash: ZERO_BYTES32,
    lateCounts: new Map(),
  };
}

/** A reading and what its node signs. */
export interface ClosedHour {
  readonly reading: Reading;
  readonly hash: Hex;
}

/** Adds the scrapes of one node up to one reading for each epoch; keeps nothing anywhere. */
export interface Node {
  /** Takes a scrape and the host's wall meter, if it has one. Scrapes come in the order of their times. */
  observe(scrape: Scrape, atMilliSec: bigint, wallEnergyMJ?: bigint): void;
  /** The epochs that something was observed of and that are not closed, in order. */
  open(): bigint[];
  /** The reading of an epoch, once; undefined when nothing was observed in it, or it or a later one was closed before. */
  close(epoch: bigint): ClosedHour | undefined;
  /** The state after the newest reading. */
  state(): NodeState;
}

/** An epoch that is not closed yet. */
interface Hour {
  readonly boards: Map<string, Span>;
  wall: Span | undefined;
  drops: Drops;
  readonly droppedCounts: Map<string, number>;
}

// No host draws as much: a whole rack's 200 kW, in mW.
const MAX_WALL_MW = 200_000_000n;

export function startNode(settings: NodeSettings, domain: Hex, given: NodeState = newNodeState()): Node {
  let state = given;
  const places = new Map([...settings.deviceIndex].map(([name, index]) => [canonicalDeviceName(name), index]));
  const accumulators = new Map(state.accumulators);
  const lateCounts = new Map(state.lateCounts);
  let wall = state.wall;
  const hours = new Map<bigint, Hour>();
  const maxGapMilliSec = BigInt(settings.maxGapSec) * MILLI;
  const boardLimits: Limits = { maxGapMilliSec, maxMilliW: MAX_BOARD_MW };
  const wallLimits: Limits = { maxGapMilliSec, maxMilliW: MAX_WALL_MW };

  const hourOf = (epoch: bigint): Hour => {
    const hour = hours.get(epoch) ?? { boards: new Map(), wall: undefined, drops: noDrops(), droppedCounts: new Map() };
    hours.set(epoch, hour);
    return hour;
  };

  /** The spans of open epochs; what a counter grew by since the reading of a closed one goes to the next. */
  const openSpans = (split: Split): [bigint, Span][] => {
    let carriedMJ: bigint | undefined;
    return split.spans.flatMap(([epoch, span]): [bigint, Span][] => {
      if (epoch <= state.epoch) {
        carriedMJ = span.start.energyMJ;
        return [];
      }
      const start = carriedMJ === undefined ? span.start : { ...span.start, energyMJ: carriedMJ };
      carriedMJ = undefined;
      return [[epoch, { start, end: span.end }]];
    });
  };

  const take = (name: string, split: Split, hour: Hour, droppedCount: number) => {
    accumulators.set(name, split.accumulator);
    for (const [epoch, { start, end }] of openSpans(split)) {
      const { boards } = hourOf(epoch);
      boards.set(name, { start: boards.get(name)?.start ?? start, end });
    }
    hour.drops = addDrops(hour.drops, split.drops);
    const count = Object.values(split.drops).reduce((sum, value) => sum + value, droppedCount);
    hour.droppedCounts.set(name, (hour.droppedCounts.get(name) ?? 0) + count);
  };

  const takeWall = (energyMJ: bigint, atMilliSec: bigint, hour: Hour) => {
    const sample = { energyMJ, powerMilliW: null, smActivePpm: null, smSource: null, isAllocated: false };
    const split = splitSample(wall, sample, atMilliSec, wallLimits);
    wall = split.accumulator;
    for (const [epoch, { start, end }] of openSpans(split)) {
      const its = hourOf(epoch);
      its.wall = { start: its.wall?.start ?? start, end };
    }
    const { counterResetCount } = split.drops;
    hour.drops = addDrops(hour.drops, { ...noDrops(), counterResetCount });
  };

  return {
    observe(scrape, atMilliSec, wallEnergyMJ) {
      demand(atMilliSec > 0n, "Agent_BadTime", { atMilliSec });
      demand((wallEnergyMJ ?? 0n) >= 0n, "Agent_BadWallEnergy", { wallEnergyMJ: wallEnergyMJ ?? 0n });
      const named = scrape.samples.map((sample) => ({ ...sample, name: nameOf(sample.uuid) }));
      const known = named.filter(({ name }) => places.has(name));
      const epoch = epochUntil(atMilliSec);
      if (epoch <= state.epoch) {
        for (const { name } of known) lateCounts.set(name, (lateCounts.get(name) ?? 0) + 1);
        return;
      }
      const hour = hourOf(epoch);
      hour.drops = addDrops(hour.drops, scrape.drops);
      hour.drops.unidentifiedCount += named.length - known.length;
      for (const sample of known) {
        const isAllocated = settings.allocation === "dedicated" || sample.workload !== "";
        const last = accumulators.get(sample.name) ?? newAccumulator();
        const split = splitSample(last, { ...sample, isAllocated }, atMilliSec, boardLimits);
        take(sample.name, split, hour, sample.droppedCount);
      }
      if (wallEnergyMJ !== undefined) takeWall(wallEnergyMJ, atMilliSec, hour);
    },

    open: () => [...hours].flatMap(([epoch, { boards }]) => (boards.size > 0 ? [epoch] : [])).sort(ascending),

    close(epoch) {
      const hour = hours.get(epoch);
      if (epoch <= state.epoch || hour === undefined || hour.boards.size === 0) return undefined;
      const lateCount = [...lateCounts.values()].reduce((sum, count) => sum + count, 0);
      const devices = [...hour.boards]
        .map(([name, span]) => {
          const droppedCount = (hour.droppedCounts.get(name) ?? 0) + (lateCounts.get(name) ?? 0);
          return deviceHour(name, places.get(name) as number, span, droppedCount);
        })
        .sort((a, b) => a.deviceIndex - b.deviceIndex);
      const itEnergy = itEnergyOf(hour);
      // A wall meter that does not go with the boards is not believed, and that is said.
      const outOfRangeCount = itEnergy === null && hour.wall !== undefined ? 1 : 0;
      const reading: Reading = {
        nodeId: settings.nodeId,
        lotId: settings.lotId,
        epoch,
        sequenceIndex: state.sequenceIndex + 1n,
        prevReadingHash: state.readingHash,
        periodStartAt: epochStartAt(epoch),
        periodEndAt: epochEndAt(epoch),
        itEnergy,
        drops: addDrops(hour.drops, { ...noDrops(), outOfRangeCount, outOfOrderCount: lateCount }),
        devices,
      };
      const hash = readingHash(domain, reading);
      const ends = [...hour.boards].map(([name, { end }]) => [name, end] as const);
      lateCounts.clear();
      state = {
        accumulators: new Map([...state.accumulators, ...ends]),
        wall: hour.wall?.end ?? state.wall,
        sequenceIndex: reading.sequenceIndex,
        epoch,
        readingHash: hash,
        lateCounts: new Map(),
      };
      for (const past of [...hours.keys()].filter((key) => key <= epoch)) hours.delete(past);
      return { reading, hash };
    },

    state: () => ({ ...state, lateCounts: new Map(lateCounts) }),
  };
}

/** The name a board is registered under; empty for what is no board's. */
function nameOf(uuid: string): string {
  try {
    return canonicalDeviceName(uuid);
  } catch (error) {
    if (error instanceof Refusal) return "";
    throw error;
  }
}

function deviceHour(name: string, deviceIndex: number, { start, end }: Span, droppedCount: number): DeviceHour {
  const sec = (counter: "availableMilliSec" | "allocatedMilliSec") => wholeSec(end[counter]) - wholeSec(start[counter]);
  const availableSec = sec("availableMilliSec");
  // Whole seconds of a cumulative time add up over the hours; in a part of an hour the others could be one ahead of it.
  return {
    deviceIndex,
    deviceId: identityAnchor(name),
    energyStartMJ: start.energyMJ,
    energyEndMJ: end.energyMJ,
    availableSec,
    allocatedSec: least(sec("allocatedMilliSec"), availableSec),
    smActiveMilliSec: least(end.smActiveMilliSec - start.smActiveMilliSec, availableSec * MILLI),
    curtailedSec: 0n,
    workUnits: 0n,
    flagsBitmap: end.flagsBitmap,
    droppedCount,
  };
}

/** The wall meter's share of an hour, where it was read over all the time that the boards were, and covers them. */
function itEnergyOf({ boards, wall }: Hour): Reading["itEnergy"] {
  if (wall === undefined) return null;
  const { start, end } = wall;
  const spans = [...boards.values()];
  const isWhole = spans.every((span) => timeOf(start) <= timeOf(span.start) && timeOf(end) >= timeOf(span.end));
  const gpuMJ = spans.reduce((sum, span) => sum + span.end.energyMJ - span.start.energyMJ, 0n);
  if (!isWhole || end.energyMJ - start.energyMJ < gpuMJ) return null;
  return { startMJ: start.energyMJ, endMJ: end.energyMJ };
}

function timeOf({ atMilliSec }: Accumulator): bigint {
  return atMilliSec ?? 0n;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
