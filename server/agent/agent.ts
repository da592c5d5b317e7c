import type { KeyObject } from "node:crypto";

import { addSample, closeEpoch, newAccumulator, wholeSec, type Accumulator } from "../protocol/accumulator.ts";
import { ZERO_BYTES32, type Hex } from "../protocol/bytes.ts";
import { addDrops, noDrops, type Drops } from "../protocol/drops.ts";
import { parseDcgm } from "../protocol/exposition.ts";
import { identityAnchor } from "../protocol/identity.ts";
import { readingHash, readingJson, type DeviceHour, type SignedReadingJson } from "../protocol/reading.ts";
import { MILLI, epochEndAt, epochStartAt } from "../protocol/units.ts";
import { signReading } from "../nodekey.ts";
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
   * The signed reading of an epoch, once; undefined when nothing was observed in it, or it was closed before. The agent's
   * state is on disk before the reading is given out.
   */
  close(epoch: bigint): SignedReadingJson | undefined;
  /** The newest reading, to be sent again after a restart. */
  newest(): SignedReadingJson | undefined;
}

/** Runs on a GPU host: adds scrapes up to one signed reading for each epoch. */
export function startAgent(options: AgentOptions): Agent {
  const spool = openSpool(options.spoolFile);
  let state: AgentState = spool.read() ?? {
    accumulators: new Map(),
    wallMJ: null,
    sequenceIndex: -1n,
    epoch: -1n,
    readingHash: ZERO_BYTES32,
    signed: null,
  };
  const anchors = new Map([...options.deviceIndex.keys()].map((uuid) => [uuid, identityAnchor(uuid)]));
  let accumulators = new Map(state.accumulators);
  let wallMJ = state.wallMJ;
  let drops = noDrops();
  let dropped = new Map<string, number>();
  let seenAtSec = -1;

  const take = (uuid: string, next: Accumulator, sampleDrops: Drops, scrapeDropped: number) => {
    accumulators.set(uuid, next);
    drops = addDrops(drops, sampleDrops);
    const count = Object.values(sampleDrops).reduce((sum, value) => sum + value, scrapeDropped);
    dropped.set(uuid, (dropped.get(uuid) ?? 0) + count);
  };

  return {
    observe(text, atSec, wallEnergyMJ) {
      const scrape = parseDcgm(text);
      const known = scrape.samples.filter((sample) => options.deviceIndex.has(sample.uuid));
      drops = addDrops(drops, scrape.drops);
      drops = { ...drops, unidentifiedCount: drops.unidentifiedCount + scrape.samples.length - known.length };
      for (const sample of known) {
        const isAllocated = options.allocation === "dedicated" || sample.workload !== "";
        const before = accumulators.get(sample.uuid) ?? newAccumulator();
        const atMilliSec = BigInt(atSec) * MILLI;
        const advance = addSample(before, { ...sample, isAllocated }, atMilliSec, BigInt(options.maxGapSec) * MILLI);
        take(sample.uuid, advance.accumulator, advance.drops, sample.droppedCount);
      }
      if (wallEnergyMJ !== undefined) wallMJ = wallEnergyMJ;
      if (known.length > 0) seenAtSec = Math.max(seenAtSec, atSec);
    },

    close(epoch) {
      if (epoch <= state.epoch || BigInt(seenAtSec) <= epochStartAt(epoch)) return undefined;
      const devices = [...accumulators]
        .filter(([, now]) => now.atMilliSec !== null && now.atMilliSec > epochStartAt(epoch) * MILLI)
        .map(([uuid, now]) => deviceHour(uuid, state.accumulators.get(uuid) ?? newAccumulator(), now))
        .sort((a, b) => a.deviceIndex - b.deviceIndex);
      const sequenceIndex = state.sequenceIndex + 1n;
      const reading = {
        nodeId: options.nodeId,
        lotId: options.lotId,
        epoch,
        sequenceIndex,
        prevReadingHash: state.readingHash,
        periodStartAt: epochStartAt(epoch),
        periodEndAt: epochEndAt(epoch),
        itEnergy: wallMJ === null ? null : { startMJ: state.wallMJ ?? wallMJ, endMJ: wallMJ },
        drops,
        devices,
      };
      const hash = readingHash(options.domain, reading);
      const signed = { reading: readingJson(reading), signature: signReading(options.key, hash) };
      accumulators = new Map([...accumulators].map(([uuid, accumulator]) => [uuid, closeEpoch(accumulator)]));
      state = { accumulators: new Map(accumulators), wallMJ, sequenceIndex, epoch, readingHash: hash, signed };
      spool.write(state);
      drops = noDrops();
      dropped = new Map();
      return signed;
    },

    newest: () => state.signed ?? undefined,
  };

  function deviceHour(uuid: string, start: Accumulator, now: Accumulator): DeviceHour {
    const sec = (counter: "availableMilliSec" | "allocatedMilliSec") =>
      wholeSec(now[counter]) - wholeSec(start[counter]);
    const availableSec = sec("availableMilliSec");
    const allocatedSec = sec("allocatedMilliSec");
    const activeMilliSec = now.smActiveMilliSec - start.smActiveMilliSec;
    const boundMilliSec = availableSec * MILLI;
    return {
      deviceIndex: options.deviceIndex.get(uuid) as number,
      deviceId: anchors.get(uuid) as Hex,
      energyStartMJ: start.energyMJ,
      energyEndMJ: now.energyMJ,
      availableSec,
      // Both are parts of the available time; floored apart they could be one unit beyond it.
      allocatedSec: allocatedSec < availableSec ? allocatedSec : availableSec,
      smActiveMilliSec: activeMilliSec < boundMilliSec ? activeMilliSec : boundMilliSec,
      curtailedSec: 0n,
      workUnits: 0n,
      flagsBitmap: now.flagsBitmap,
      droppedCount: dropped.get(uuid) ?? 0,
    };
  }
}
