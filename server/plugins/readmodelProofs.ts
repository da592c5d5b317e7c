import { Failure } from "../failure.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import type { AbsenceProof, DeviceProof } from "../protocol/proof.ts";
import type { LotProof } from "../protocol/proofLot.ts";
import { proofOf, rangeProofOf, rootOf } from "../protocol/tree.ts";
import { leafOfAnchor, leavesBefore, readerOf, type ProofIndex } from "./proofIndex.ts";
import type { Proofs } from "./proofs.ts";
import type { ReportArgs } from "./readmodelEpochs.ts";

// Proofs of what a report says, out of the published reading set. Nothing is served of a set that does not make the two
// roots that are on-chain.

/** A report as its event has it, and where it is. */
export interface PlacedReport {
  readonly args: ReportArgs;
  readonly reportHash: string;
  readonly transactionHash: string;
}

/** The index of a report's readings; undefined when they are not kept here. */
export async function indexFor(proofs: Proofs, { args }: PlacedReport): Promise<ProofIndex | undefined> {
  const { epoch, dataHash, readingsRoot } = args;
  const index = await proofs.indexOf(dataHash as Hex);
  if (index === undefined) return undefined;
  const found = rootOf(index.tree);
  if (found === readingsRoot && index.epoch === BigInt(epoch)) return index;
  const message = `the readings of epoch ${index.epoch} make the root ${found}, epoch ${epoch} on-chain has ${readingsRoot}`;
  throw new Failure("Epoch_NotReproduced", message);
}

function anchorOf({ args, reportHash, transactionHash }: PlacedReport, { tree }: ProofIndex) {
  return { leafCount: tree.count, root: args.readingsRoot, reportHash, transactionHash };
}

function leafHashAt({ tree: { count, nodes } }: ProofIndex, leafIndex: number): Hex {
  const at = 32 * (2 * count - 2 - leafIndex);
  return hexOf(nodes.subarray(at, at + 32));
}

/** A device's hour; undefined when it is not in the report. */
export function deviceProofIn(index: ProofIndex, report: PlacedReport, deviceId: Hex): DeviceProof | undefined {
  const leafIndex = leafOfAnchor(index, deviceId);
  if (leafIndex === undefined) return undefined;
  const reader = readerOf(index);
  const { tree, dataTree, readingOf } = index;
  const place = readingOf[leafIndex]!;
  return {
    leaf: reader.leafAt(leafIndex),
    leafHash: leafHashAt(index, leafIndex),
    proof: proofOf(tree, leafIndex),
    ...anchorOf(report, index),
    signed: {
      ...reader.signedAt(place),
      leafIndex: place,
      leafCount: dataTree.count,
      proof: proofOf(dataTree, place),
      dataHash: report.args.dataHash,
    },
  };
}

/** That a lot's device of an index is not in the report; undefined when it is. */
export function absenceProofIn(
  index: ProofIndex,
  report: PlacedReport,
  lotId: bigint,
  deviceIndex: number,
): AbsenceProof | undefined {
  const { tree, lotIds, deviceIndexes } = index;
  const next = leavesBefore(index, lotId, deviceIndex);
  if (lotIds[next] === lotId && deviceIndexes[next] === deviceIndex) return undefined;
  const reader = readerOf(index);
  const placedAt = (leafIndex: number) =>
    leafIndex < 0 || leafIndex >= tree.count
      ? null
      : { leaf: reader.leafAt(leafIndex), proof: proofOf(tree, leafIndex) };
  return {
    ...{ lotId: String(lotId), deviceIndex, ...anchorOf(report, index) },
    below: placedAt(next - 1),
    above: placedAt(next),
  };
}

/** The lines of a lot's proof: what it is, then every leaf of the lot with a neighbour at either side. */
export function* lotProofLines(index: ProofIndex, report: PlacedReport, lotId: bigint): Generator<string> {
  const { tree } = index;
  const firstIndex = Math.max(0, leavesBefore(index, lotId, 0) - 1);
  const endIndex = Math.min(tree.count, leavesBefore(index, lotId + 1n, 0) + 1);
  const rangeCount = endIndex - firstIndex;
  const head: LotProof = {
    ...{ lotId: String(lotId), epoch: report.args.epoch, firstIndex, rangeCount },
    proof: rangeCount === 0 ? [] : rangeProofOf(tree, firstIndex, endIndex - 1),
    ...anchorOf(report, index),
  };
  yield JSON.stringify(head);
  const reader = readerOf(index);
  for (let leafIndex = firstIndex; leafIndex < endIndex; leafIndex++) yield JSON.stringify(reader.leafAt(leafIndex));
}
