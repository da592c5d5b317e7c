import { Type, type Static } from "typebox";

import { Count, U64, strict } from "./apiTypes.ts";
import { ZERO_BYTES32, type Hex } from "./bytes.ts";
import { deviceLeafHash, type DeviceLeaf } from "./leaf.ts";
import { emptyMeter, subtractMeter, unpackMeter, type LotMeter } from "./meter.ts";
import {
  AnchorFields,
  DeviceLeafSchema,
  PathSchema,
  parseLeaf,
  requireForm,
  requireSameTree,
  sideOf,
  type DeviceLeafJson,
  type ReportFacts,
} from "./proof.ts";
import { Refusal, demand } from "./refusal.ts";
import { verifyRange } from "./tree.ts";
import { MILLI, MJ_PER_WH, parseU64 } from "./units.ts";

// A lot's hour in a report, proven whole: every leaf of the lot, that there is no other, and what they add up to.

/**
 * The first line of a lot's proof: the range of leaves in the lines that follow, and the hashes beside it. The range is the
 * lot's leaves and one neighbour at either side, which shows that none is left out.
 */
export const LotProofSchema = Type.Object(
  { lotId: U64, epoch: U64, firstIndex: Count, rangeCount: Count, proof: PathSchema, ...AnchorFields },
  strict,
);

export type LotProof = Static<typeof LotProofSchema>;

/** What the leaves of a lot add up to. */
export interface LotSum {
  readonly lotId: bigint;
  readonly reportingCount: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly smActiveMilliSec: bigint;
  readonly curtailedGpuSec: bigint;
  readonly gpuEnergyMJ: bigint;
  readonly workUnits: bigint;
}

/** Verifies that leaves are all that the report has of a lot, and adds them up. */
export async function verifyLot(
  report: ReportFacts,
  given: LotProof,
  leaves: AsyncIterable<DeviceLeafJson> | Iterable<DeviceLeafJson>,
): Promise<LotSum> {
  requireForm(LotProofSchema, given);
  requireSameTree(report, given);
  const { epoch } = report;
  const { firstIndex, rangeCount, leafCount } = given;
  const lotId = parseU64(given.lotId, "lotId");
  demand(rangeCount <= leafCount, "Proof_WrongCount", {
    epoch,
    leafCount: rangeCount,
    devicesReportingCount: leafCount,
  });
  const hashes = new Uint8Array(32 * rangeCount);
  let sum = NOTHING;
  let first: DeviceLeaf | undefined;
  let last: DeviceLeaf | undefined;
  let count = 0;
  for await (const json of leaves) {
    requireForm(DeviceLeafSchema, json);
    const leaf = parseLeaf(json);
    const { leafIndex } = leaf;
    demand(count < rangeCount && leaf.epoch === epoch, "Proof_StrayLeaf", { epoch, leafIndex, rangeCount });
    const expectedIndex = firstIndex + count;
    demand(leafIndex === expectedIndex, "Proof_NotNeighbours", { epoch, leafIndex, expectedIndex });
    const isAfter = last === undefined || sideOf(leaf, { lotId: last.lotId, deviceIndex: last.device.deviceIndex }) > 0;
    demand(isAfter, "Proof_LeavesUnsorted", { epoch, leafIndex });
    hashes.set(deviceLeafHash(leaf), 32 * count++);
    first ??= leaf;
    last = leaf;
    if (leaf.lotId === lotId) sum = added(sum, leaf);
  }
  demand(count === rangeCount, "Proof_TooFewLeaves", { epoch, leafCount: count, rangeCount });
  const isRange =
    leafCount === 0
      ? report.readingsRoot === ZERO_BYTES32
      : verifyRange(report.readingsRoot, leafCount, firstIndex, hashes, given.proof as Hex[]);
  demand(isRange, "Proof_WrongPath", { epoch, leafIndex: firstIndex, root: report.readingsRoot });
  const isFromStart = firstIndex === 0 || (first !== undefined && first.lotId < lotId);
  const isToEnd = firstIndex + count === leafCount || (last !== undefined && last.lotId > lotId);
  demand(isFromStart && isToEnd, "Proof_NotWholeLot", { epoch, lotId, firstIndex, rangeCount });
  return { ...sum, lotId };
}

const NOTHING: Omit<LotSum, "lotId"> = {
  reportingCount: 0n,
  availableGpuSec: 0n,
  allocatedGpuSec: 0n,
  smActiveMilliSec: 0n,
  curtailedGpuSec: 0n,
  gpuEnergyMJ: 0n,
  workUnits: 0n,
};

function added(sum: typeof NOTHING, { device }: DeviceLeaf): typeof NOTHING {
  return {
    reportingCount: sum.reportingCount + 1n,
    availableGpuSec: sum.availableGpuSec + device.availableSec,
    allocatedGpuSec: sum.allocatedGpuSec + device.allocatedSec,
    smActiveMilliSec: sum.smActiveMilliSec + device.smActiveMilliSec,
    curtailedGpuSec: sum.curtailedGpuSec + device.curtailedSec,
    gpuEnergyMJ: sum.gpuEnergyMJ + device.energyEndMJ - device.energyStartMJ,
    workUnits: sum.workUnits + device.workUnits,
  };
}

/**
 * Compares a lot's sum with what its meter grew by since the epoch before (undefined: its first). Seconds and work units
 * are equal; SM-active time and energy, which meters floor with the remainder carried, within one unit. IT and facility
 * energy are not in the leaves: they follow from the published state.
 */
export function checkLotSum(sum: LotSum, after: LotMeter, before: LotMeter | undefined): void {
  const { lotId } = sum;
  const later = unpackMeter(after);
  const growth = subtractMeter(later, before === undefined ? emptyMeter(later.gpuCount) : unpackMeter(before));
  for (const name of [
    "reportingCount",
    "availableGpuSec",
    "allocatedGpuSec",
    "curtailedGpuSec",
    "workUnits",
  ] as const) {
    demand(sum[name] === growth[name], "Proof_OtherSum", {
      lotId,
      counter: name,
      sum: sum[name],
      growth: growth[name],
    });
  }
  const floored = [
    ["smActiveGpuSec", sum.smActiveMilliSec, MILLI],
    ["gpuEnergyWh", sum.gpuEnergyMJ, MJ_PER_WH],
  ] as const;
  for (const [name, amount, unit] of floored) {
    const difference = amount - growth[name] * unit;
    const isWithin = difference < unit && difference > -unit;
    demand(isWithin, "Proof_OtherSum", { lotId, counter: name, sum: amount, growth: growth[name] });
  }
}

/** Reads the lines of a lot's proof: the first says what the others are. */
export async function readLotProof(
  lines: AsyncIterable<string>,
): Promise<{ proof: LotProof; leaves: AsyncIterable<DeviceLeafJson> }> {
  const rest = lines[Symbol.asyncIterator]();
  const first = await rest.next();
  if (first.done === true) throw new Refusal("Proof_Empty", {});
  const leaves = (async function* () {
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      yield jsonOf(next.value) as DeviceLeafJson;
    }
  })();
  return { proof: jsonOf(first.value) as LotProof, leaves };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Refusal("Proof_Malformed", {});
  }
}
