import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";

import { Count, Hash, U64, orNull, strict } from "./apiTypes.ts";
import { ZERO_BYTES32, type Hex } from "./bytes.ts";
import { deviceLeafHash, leafHex, readingLeafHash, type DeviceLeaf } from "./leaf.ts";
import {
  DeviceHourSchema,
  SignedReadingSchema,
  parseDevice,
  parseReading,
  readingHash,
  type Reading,
} from "./reading.ts";
import { demand } from "./refusal.ts";
import { verifyProof } from "./tree.ts";
import { parseU64 } from "./units.ts";

// Proofs of what an epoch's report says, for whoever has the report from the chain and nothing else from us. They run in
// a browser. Sorted pairs make a path say nothing of a leaf's place: the leafIndex inside the leaf does, which the
// oracles answer for (a report with leaves out of order is a fault that the chain decides).

/** The siblings of a path, or of a range. */
export const PathSchema = Type.Array(Hash, { maxItems: 64 });

/** A leaf of the tree of device hours. */
export const DeviceLeafSchema = Type.Object(
  { leafIndex: Count, epoch: U64, lotId: U64, nodeId: U64, sequenceIndex: U64, device: DeviceHourSchema },
  strict,
);
/** The tree of a proof, and where its root was put on-chain. */
export const AnchorFields = { leafCount: Count, root: Hash, reportHash: Hash, transactionHash: Hash };

/** A device's hour with its path to the root of the report, and the node's signed reading with its path to `dataHash`. */
export const DeviceProofSchema = Type.Object(
  {
    ...{ leaf: DeviceLeafSchema, leafHash: Hash, proof: PathSchema, ...AnchorFields },
    signed: Type.Object(
      { ...SignedReadingSchema.properties, leafIndex: Count, leafCount: Count, proof: PathSchema, dataHash: Hash },
      strict,
    ),
  },
  strict,
);

const PlacedLeafSchema = Type.Object({ leaf: DeviceLeafSchema, proof: PathSchema }, strict);

/** The neighbours between which a device's hour would stand; null at an end of the tree. */
export const AbsenceProofSchema = Type.Object(
  {
    ...{ lotId: U64, deviceIndex: Count, ...AnchorFields },
    below: orNull(PlacedLeafSchema),
    above: orNull(PlacedLeafSchema),
  },
  strict,
);

export type DeviceLeafJson = Static<typeof DeviceLeafSchema>;
export type DeviceProof = Static<typeof DeviceProofSchema>;
export type AbsenceProof = Static<typeof AbsenceProofSchema>;

/** What a verifier takes from the chain: the report's event. */
export interface ReportFacts {
  readonly epoch: bigint;
  readonly readingsRoot: Hex;
  readonly dataHash: Hex;
  readonly devicesReportingCount: bigint;
}

const validators = new Map<TSchema, { Check(value: unknown): boolean }>();

/** Refuses what has another form than the schema says. */
export function requireForm(schema: TSchema, given: unknown): void {
  const validator = validators.get(schema) ?? Compile(schema);
  validators.set(schema, validator);
  demand(validator.Check(given), "Proof_Malformed", {});
}

/** A leaf out of its JSON. */
export function parseLeaf(json: DeviceLeafJson): DeviceLeaf {
  return {
    leafIndex: json.leafIndex,
    epoch: parseU64(json.epoch, "epoch"),
    lotId: parseU64(json.lotId, "lotId"),
    nodeId: parseU64(json.nodeId, "nodeId"),
    sequenceIndex: parseU64(json.sequenceIndex, "sequenceIndex"),
    device: parseDevice(json.device),
  };
}

/** Refuses a proof in another tree than the report's. */
export function requireSameTree(report: ReportFacts, given: { root: string; leafCount: number }): void {
  const { epoch, readingsRoot, devicesReportingCount } = report;
  demand(given.root === readingsRoot, "Proof_WrongRoot", { epoch, root: given.root, readingsRoot });
  const isWhole = BigInt(given.leafCount) === devicesReportingCount;
  demand(isWhole, "Proof_WrongCount", { epoch, leafCount: given.leafCount, devicesReportingCount });
}

/** A leaf out of its JSON, if it stands in the report's tree. */
export function requireLeaf(report: ReportFacts, json: DeviceLeafJson, proof: readonly string[]): DeviceLeaf {
  const leaf = parseLeaf(json);
  const { leafIndex } = leaf;
  demand(leaf.epoch === report.epoch, "Proof_OtherEpoch", { epoch: leaf.epoch, expectedEpoch: report.epoch });
  const count = Number(report.devicesReportingCount);
  const isThere = verifyProof(report.readingsRoot, count, leafIndex, deviceLeafHash(leaf), proof as Hex[]);
  demand(isThere, "Proof_WrongPath", { epoch: report.epoch, leafIndex, root: report.readingsRoot });
  return leaf;
}

/**
 * Verifies a device's hour against the report: its leaf is in the tree, and it is what the published reading says. Gives
 * the leaf, and the reading with its hash: who asks the registry for the node's key checks the signature over it with
 * `isSignedByPoint`. `domain` is the one that readings are signed in.
 */
export function verifyDeviceProof(
  report: ReportFacts,
  domain: Hex,
  given: DeviceProof,
): { leaf: DeviceLeaf; reading: Reading; readingHash: Hex; signature: Hex } {
  requireForm(DeviceProofSchema, given);
  requireSameTree(report, given);
  const leaf = requireLeaf(report, given.leaf, given.proof);
  const { reading, readingHash: hash } = requireReading(report, domain, given.signed);
  requireSameHour(leaf, reading);
  return { leaf, reading, readingHash: hash, signature: given.signed.signature as Hex };
}

/** A reading out of its proof, if it stands in the tree of published readings under the report's `dataHash`. */
export function requireReading(
  report: Pick<ReportFacts, "epoch" | "dataHash">,
  domain: Hex,
  signed: DeviceProof["signed"],
): { reading: Reading; readingHash: Hex; leafHash: Uint8Array } {
  const reading = parseReading(signed.reading);
  const hash = readingHash(domain, reading);
  const { epoch, dataHash } = report;
  demand(signed.dataHash === dataHash, "Proof_WrongRoot", { epoch, root: signed.dataHash });
  const { nodeId, lotId } = reading;
  const { leafIndex, leafCount } = signed;
  const placed = { leafIndex, epoch: reading.epoch, lotId, nodeId, readingHash: hash };
  const leafHash = readingLeafHash({ ...placed, signature: signed.signature as Hex });
  const isThere = verifyProof(dataHash, leafCount, leafIndex, leafHash, signed.proof as Hex[]);
  demand(isThere, "Proof_WrongPath", { epoch, leafIndex, root: dataHash });
  return { reading, readingHash: hash, leafHash };
}

/** Refuses a leaf that says anything else of its device than the reading does. */
export function requireSameHour(leaf: DeviceLeaf, reading: Reading): void {
  const { nodeId, lotId, epoch, sequenceIndex } = reading;
  const device = reading.devices.find(({ deviceIndex }) => deviceIndex === leaf.device.deviceIndex);
  const said = device && { leafIndex: leaf.leafIndex, epoch, lotId, nodeId, sequenceIndex, device };
  const isSame = said !== undefined && leafHex(said, deviceLeafHash) === leafHex(leaf, deviceLeafHash);
  demand(isSame, "Proof_OtherReading", { epoch, nodeId, leafIndex: leaf.leafIndex });
}

/** Whether a leaf stands before a lot's index in the order of the tree: -1, at it: 0, or after it: 1. */
export function sideOf(
  { lotId, device: { deviceIndex } }: DeviceLeaf,
  at: { lotId: bigint; deviceIndex: number },
): number {
  if (lotId !== at.lotId) return lotId < at.lotId ? -1 : 1;
  return Math.sign(deviceIndex - at.deviceIndex);
}

/** Verifies that a lot's device of an index is not in the report: its two neighbours, or an end of the tree, show it. */
export function verifyAbsence(report: ReportFacts, given: AbsenceProof): void {
  requireForm(AbsenceProofSchema, given);
  requireSameTree(report, given);
  const { epoch } = report;
  const at = { lotId: parseU64(given.lotId, "lotId"), deviceIndex: given.deviceIndex };
  const below = given.below === null ? undefined : requireLeaf(report, given.below.leaf, given.below.proof);
  const above = given.above === null ? undefined : requireLeaf(report, given.above.leaf, given.above.proof);
  const belowIndex = below?.leafIndex ?? -1;
  const aboveIndex = above?.leafIndex ?? given.leafCount;
  demand(aboveIndex === belowIndex + 1, "Proof_NotNeighbours", { epoch, belowIndex, aboveIndex });
  const isBetween = (below === undefined || sideOf(below, at) < 0) && (above === undefined || sideOf(above, at) > 0);
  demand(isBetween, "Proof_NotBetween", { epoch, ...at, belowIndex, aboveIndex });
  const isEmpty = given.leafCount === 0;
  demand(isEmpty === (report.readingsRoot === ZERO_BYTES32), "Proof_WrongRoot", { epoch, root: report.readingsRoot });
}
