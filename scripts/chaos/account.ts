import { createPublicKey, verify } from "node:crypto";

import type { Hex } from "../../server/protocol/bytes.ts";
import type { SiteFactors } from "../../server/protocol/lot.ts";
import type { Meter } from "../../server/protocol/meter.ts";
import { readingHash, type Reading } from "../../server/protocol/reading.ts";
import type { SimLot } from "./fleet.ts";
import type { Made } from "./readings.ts";

// What must be on-chain, told a second time and another way than server/protocol/aggregate.ts: no remainder is carried,
// since the counters of an epoch follow from all that was measured until then.

/** An epoch as the chain and its published file have it. */
export interface PublishedEpoch {
  readonly epoch: bigint;
  readonly readings: readonly { readonly reading: Reading; readonly signature: Hex }[];
  readonly meters: ReadonlyMap<bigint, Meter>;
}

export interface AccountOptions {
  readonly domain: Hex;
  readonly fleet: readonly SimLot[];
  readonly factors: SiteFactors;
  /** Everything that was ever sent, by hash. */
  readonly made: ReadonlyMap<Hex, Made>;
  /**
   * How many oracles held the reading at the cut-off of its epoch, those left out that were faulty in another way than by
   * being away between then and the decision.
   */
  readonly holders: (made: Made) => number;
  /** f+1: every quorum has one of them. */
  readonly holderCount: number;
}

/** What the account found. */
export interface Finding {
  readonly rule: "published" | "valid" | "complete" | "meters";
  readonly epoch: bigint;
  readonly text: string;
}

/** Compares epochs, in their order, with what they must be; says what it counted, too. */
export function keepAccount(options: AccountOptions, epochs: readonly PublishedEpoch[]) {
  const { domain, fleet, made, holders, holderCount, factors } = options;
  const findings: Finding[] = [];
  const keys = new Map(fleet.flatMap(({ nodes }) => nodes.map((node) => [node.nodeId, createPublicKey(node.key)])));
  const newest = new Map<bigint, { reading: Reading; hash: Hex }>();
  const totals = new Map(fleet.map(({ lotId }) => [lotId, emptyTotals()]));
  let readingCount = 0;
  let mustCount = 0;
  for (const { epoch, readings, meters } of epochs) {
    const find = (rule: Finding["rule"], text: string) => findings.push({ rule, epoch, text });
    const candidates = [...made.values()].filter((one) => one.reading.epoch === epoch);
    const inSet = new Map(readings.map(({ reading }) => [reading.nodeId, readingHash(domain, reading)]));
    if (inSet.size !== readings.length) find("valid", "a node stands twice in the set");
    const must = candidates.filter(
      (one) =>
        one.isSound &&
        holders(one) >= holderCount &&
        faultIn(one.reading, newest.get(one.reading.nodeId)) === undefined,
    );
    mustCount += must.length;
    for (const { reading, hash, habit } of must) {
      // Of two readings of one node either may be in.
      if (!inSet.has(reading.nodeId)) find("complete", `node ${reading.nodeId} (${habit}, ${hash}) is missing`);
    }
    for (const total of totals.values()) total.reportingCount = 0n;
    for (const { reading, signature } of readings) {
      readingCount += 1;
      const hash = readingHash(domain, reading);
      const { nodeId } = reading;
      const origin = made.get(hash);
      const bytes = Buffer.from(hash.slice(2), "hex");
      const isSigned = verify(
        "sha256",
        bytes,
        { key: keys.get(nodeId)!, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature.slice(2), "hex"),
      );
      if (!isSigned) find("valid", `node ${nodeId}: a signature that is not its own`);
      if (origin === undefined) find("valid", `node ${nodeId}: a reading that it never made`);
      else if (!origin.isSound) find("valid", `node ${nodeId}: a reading that is ${origin.habit}`);
      const fault = faultIn(reading, newest.get(nodeId));
      if (fault !== undefined) find("valid", `node ${nodeId}: ${fault}`);
      newest.set(nodeId, { reading, hash });
      addTo(totals.get(reading.lotId)!, reading);
    }
    for (const [lotId, total] of totals) {
      const want = meterOf(total, factors);
      const have = meters.get(lotId);
      for (const [name, value] of Object.entries(want) as [keyof Meter, bigint][]) {
        if (have?.[name] !== value)
          find("meters", `lot ${lotId}: ${name} is ${have?.[name]}, the readings say ${value}`);
      }
    }
  }
  return { findings, readingCount, mustCount };
}

/** What keeps a reading from following on the newest of its node in an earlier set. */
function faultIn(reading: Reading, before: { reading: Reading; hash: Hex } | undefined): string | undefined {
  if (before === undefined) return undefined;
  const last = before.reading;
  if (reading.sequenceIndex <= last.sequenceIndex) return "its place in the node's chain is taken";
  if (reading.sequenceIndex === last.sequenceIndex + 1n && reading.prevReadingHash !== before.hash)
    return "it follows on another reading than the one that counted";
  const ends = new Map(last.devices.map(({ deviceId, energyEndMJ }) => [deviceId, energyEndMJ]));
  if (reading.devices.some(({ deviceId, energyStartMJ }) => energyStartMJ < (ends.get(deviceId) ?? 0n)))
    return "a board's counter fell";
  if (reading.itEnergy !== null && last.itEnergy !== null && reading.itEnergy.startMJ < last.itEnergy.endMJ)
    return "the host's counter fell";
  return undefined;
}

type Totals = ReturnType<typeof emptyTotals>;

function emptyTotals() {
  return {
    ...{ reportingCount: 0n, availableSec: 0n, allocatedSec: 0n, activeMilliSec: 0n, curtailedSec: 0n, workUnits: 0n },
    ...{ gpuMJ: 0n, meteredMJ: 0n, unmeteredMJ: 0n },
  };
}

function addTo(total: Totals, { devices, itEnergy }: Reading): void {
  let gpuMJ = 0n;
  for (const device of devices) {
    gpuMJ += device.energyEndMJ - device.energyStartMJ;
    total.availableSec += device.availableSec;
    total.allocatedSec += device.allocatedSec;
    total.activeMilliSec += device.smActiveMilliSec;
    total.curtailedSec += device.curtailedSec;
    total.workUnits += device.workUnits;
  }
  total.reportingCount += BigInt(devices.length);
  total.gpuMJ += gpuMJ;
  if (itEnergy === null) total.unmeteredMJ += gpuMJ;
  else total.meteredMJ += itEnergy.endMJ - itEnergy.startMJ;
}

const MJ_PER_WH = 3_600_000n;
const MJ_PER_KWH = 1000n * MJ_PER_WH;

function meterOf(total: Totals, factors: SiteFactors): Omit<Meter, "gpuCount"> {
  const itMJ = total.meteredMJ + (total.unmeteredMJ * factors.overheadE4) / 10_000n;
  const facilityMJ = (itMJ * factors.pueE4) / 10_000n;
  return {
    reportingCount: total.reportingCount,
    availableGpuSec: total.availableSec,
    allocatedGpuSec: total.allocatedSec,
    smActiveGpuSec: total.activeMilliSec / 1000n,
    gpuEnergyWh: total.gpuMJ / MJ_PER_WH,
    itEnergyWh: itMJ / MJ_PER_WH,
    facilityEnergyWh: facilityMJ / MJ_PER_WH,
    cfeMatchedWh: (facilityMJ * factors.cfeBps) / 10_000n / MJ_PER_WH,
    waterMl: (facilityMJ * factors.waterMlPerKWh) / MJ_PER_KWH,
    emissionsGCO2e: (facilityMJ * factors.gCO2ePerKWh) / MJ_PER_KWH,
    curtailedGpuSec: total.curtailedSec,
    workUnits: total.workUnits,
  };
}
