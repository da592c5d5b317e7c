import type { KeyObject } from "node:crypto";

import { newAccumulator, wholeSec, type Accumulator } from "../protocol/accumulator.ts";
import { ZERO_BYTES32, type Hex } from "../protocol/bytes.ts";
import { addDrops, noDrops, type Drops } from "../protocol/drops.ts";
import { parseDcgm } from "../protocol/exposition.ts";
import { identityAnchor } from "../protocol/identity.ts";
import {
  readingHash,
  readingJson,
  type DeviceHour,
  type Reading,
  type SignedReadingJson,
} from "../protocol/reading.ts";
import { demand } from "../protocol/refusal.ts";
import { MILLI, epochEndAt, epochStartAt } from "../protocol/units.ts";
import { signReading } from "../nodekey.ts";
import { epochUntil, splitSample, type Sample, type Span, type Split } from "./hours.ts";
import { openSpool, type AgentState } from "./spool.ts";

/** How the agent knows that a GPU is allocated: a workload's pod label on its rows, or the whole host is one lessee's. */
export type Allocation = "pod" | "dedicated";

export interface AgentOptions {
  readonly nodeId: bigint;
  readonly lotId: bigint;
  /** Each board's place in the lot's identity tree, by its UUID as the exporter prints it. */
  readonly deviceIndex: ReadonlyMap<string, number>;
  readonly key: KeyObject;
  /** Of the readings: one chain, one telemetry contract. */
  readonly domain: Hex;
  readonly allocation: Allocation;
  /** Longer without a scrape, and the time between does not count as available. */
  readonly maxGapSec: number;
  /** Where the agent keeps its counters and its newest reading. */
  readonly spoolFile: string;
}

export interface Agent {
  /** Takes a scrape (dcgm-exporter text) and the host's wall meter, if it has one. Refuses malformed text as a whole. */
  observe(text: string, atSec: number, wallEnergyMJ?: bigint): void;
  /**
   * The signed reading of an epoch, once; undefined when nothing was observed in it, or it or a later one was closed
   * before. What is observed of an epoch after its close is in no reading, so the scrape at or after its end comes first.
   * The agent's state is on disk before the reading is given out.
   */
  close(epoch: bigint): SignedReadingJson | undefined;
  /** The newest reading, to be sent again after a restart. */
  newest(): SignedReadingJson | undefined;
}

/** An epoch that is not closed yet. */
interface Hour {
  readonly boards: Map<string, Span>;
  wall: Span | undefined;
  drops: Drops;
  readonly droppedCounts: Map<string, number>;
}

/** Runs on a GPU host: adds scrapes up to one signed reading for each epoch. */
export function startAgent(options: AgentOptions): Agent {
  const spool = openSpool(options.spoolFile);
  let state: AgentState = spool.read() ?? {
    accumulators: new Map(),
    wall: newAccumulator(),
    sequenceIndex: -1n,
    epoch: -1n,
    readingHash: ZERO_BYTES32,
    signed: null,
  };
  const anchors = new Map([...options.deviceIndex.keys()].map((uuid) => [uuid, identityAnchor(uuid)]));
  const accumulators = new Map(state.accumulators);
  let wall = state.wall;
  const hours = new Map<bigint, Hour>();

  const hourOf = (epoch: bigint): Hour => {
    const hour = hours.get(epoch) ?? { boards: new Map(), wall: undefined, drops: noDrops(), droppedCounts: new Map() };
    if (epoch > state.epoch) hours.set(epoch, hour); // of a closed one nothing is kept
    return hour;
  };

  const take = (uuid: string, split: Split, hour: Hour, droppedCount: number) => {
    accumulators.set(uuid, split.accumulator);
    for (const [epoch, { start, end }] of split.spans) {
      const { boards } = hourOf(epoch);
      boards.set(uuid, { start: boards.get(uuid)?.start ?? start, end });
    }
    hour.drops = addDrops(hour.drops, split.drops);
    const count = Object.values(split.drops).reduce((sum, value) => sum + value, droppedCount);
    hour.droppedCounts.set(uuid, (hour.droppedCounts.get(uuid) ?? 0) + count);
  };

  const takeWall = (energyMJ: bigint, atMilliSec: bigint, maxGapMilliSec: bigint, hour: Hour) => {
    const split = splitSample(wall, wallSample(energyMJ), atMilliSec, maxGapMilliSec);
    wall = split.accumulator;
    for (const [epoch, { start, end }] of split.spans) {
      const its = hourOf(epoch);
      its.wall = { start: its.wall?.start ?? start, end };
    }
    const { counterResetCount } = split.drops;
    hour.drops = addDrops(hour.drops, { ...noDrops(), counterResetCount });
  };

  return {
    observe(text, atSec, wallEnergyMJ) {
      const scrape = parseDcgm(text);
      demand(Number.isSafeInteger(atSec) && atSec > 0, "Agent_BadTime", { atSec });
      demand((wallEnergyMJ ?? 0n) >= 0n, "Agent_BadWallEnergy", { wallEnergyMJ: wallEnergyMJ ?? 0n });
      const atMilliSec = BigInt(atSec) * MILLI;
      const maxGapMilliSec = BigInt(options.maxGapSec) * MILLI;
      const hour = hourOf(epochUntil(atMilliSec));
      const known = scrape.samples.filter((sample) => options.deviceIndex.has(sample.uuid));
      hour.drops = addDrops(hour.drops, scrape.drops);
      hour.drops.unidentifiedCount += scrape.samples.length - known.length;
      for (const sample of known) {
        const isAllocated = options.allocation === "dedicated" || sample.workload !== "";
        const last = accumulators.get(sample.uuid) ?? newAccumulator();
        const split = splitSample(last, { ...sample, isAllocated }, atMilliSec, maxGapMilliSec);
        take(sample.uuid, split, hour, sample.droppedCount);
      }
      if (wallEnergyMJ !== undefined) takeWall(wallEnergyMJ, atMilliSec, maxGapMilliSec, hour);
    },

    close(epoch) {
      const hour = hours.get(epoch);
      if (hour === undefined || hour.boards.size === 0) return undefined;
      const devices = [...hour.boards]
        .map(([uuid, span]) => deviceHour(uuid, span, hour.droppedCounts.get(uuid) ?? 0))
        .sort((a, b) => a.deviceIndex - b.deviceIndex);
      const itEnergy = itEnergyOf(hour);
      // A wall meter that does not go with the boards is not believed, and that is said.
      const isWallDropped = itEnergy === null && hour.wall !== undefined;
      const reading: Reading = {
        nodeId: options.nodeId,
        lotId: options.lotId,
        epoch,
        sequenceIndex: state.sequenceIndex + 1n,
        prevReadingHash: state.readingHash,
        periodStartAt: epochStartAt(epoch),
        periodEndAt: epochEndAt(epoch),
        itEnergy,
        drops: isWallDropped ? addDrops(hour.drops, { ...noDrops(), outOfRangeCount: 1 }) : hour.drops,
        devices,
      };
      const hash = readingHash(options.domain, reading);
      const signed = { reading: readingJson(reading), signature: signReading(options.key, hash) };
      const ends = [...hour.boards].map(([uuid, { end }]) => [uuid, end] as const);
      const next: AgentState = {
        accumulators: new Map([...state.accumulators, ...ends]),
        wall: hour.wall?.end ?? state.wall,
        sequenceIndex: reading.sequenceIndex,
        epoch,
        readingHash: hash,
        signed,
      };
      spool.write(next);
      state = next;
      for (const past of [...hours.keys()].filter((key) => key <= epoch)) hours.delete(past);
      return signed;
    },

    newest: () => state.signed ?? undefined,
  };

  function deviceHour(uuid: string, { start, end }: Span, droppedCount: number): DeviceHour {
    const sec = (counter: "availableMilliSec" | "allocatedMilliSec") =>
      wholeSec(end[counter]) - wholeSec(start[counter]);
    return {
      deviceIndex: options.deviceIndex.get(uuid) as number,
      deviceId: anchors.get(uuid) as Hex,
      energyStartMJ: start.energyMJ,
      energyEndMJ: end.energyMJ,
      availableSec: sec("availableMilliSec"),
      allocatedSec: sec("allocatedMilliSec"),
      smActiveMilliSec: end.smActiveMilliSec - start.smActiveMilliSec,
      curtailedSec: 0n,
      workUnits: 0n,
      flagsBitmap: end.flagsBitmap,
      droppedCount,
    };
  }
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

/** The wall meter is one more counter. */
function wallSample(energyMJ: bigint): Sample {
  const none = { powerMilliW: null, smActivePpm: null, smSource: null, droppedCount: 0 };
  return { uuid: "", model: "", workload: "", energyMJ, isAllocated: false, ...none };
}
