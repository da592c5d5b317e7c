import type { Hex } from "./bytes.ts";
import { identityLeafHash, leafHashes } from "./leaf.ts";
import { demand } from "./refusal.ts";
import { buildTree, proofOf, rootOf, type Tree } from "./tree.ts";

/** A device as the registry's identity root commits to it; its index is its place in the list. */
export interface IdentifiedDevice {
  readonly anchor: Hex;
  readonly nodeKeyHash: Hex;
}

/** The identity tree of a lot: leaves in the order of their index. */
export function identityTreeOf(devices: readonly IdentifiedDevice[]): Tree {
  return buildTree(
    leafHashes(
      devices.map((device, index) => ({ index, ...device })),
      identityLeafHash,
    ),
  );
}

/** The identity root of a lot. */
export function identityRootOf(devices: readonly IdentifiedDevice[]): Hex {
  return rootOf(identityTreeOf(devices));
}

/** A leaf of a lot's identity tree with its proof, as `Registry.proveDuplicate` takes it. */
export interface IdentifiedLeaf extends IdentifiedDevice {
  readonly lotId: bigint;
  readonly deviceIndex: number;
  readonly proof: Hex[];
}

/** The proof that a device stands at its index of a lot. */
export function identifiedLeaf(
  lotId: bigint,
  devices: readonly IdentifiedDevice[],
  deviceIndex: number,
  tree: Tree = identityTreeOf(devices),
): IdentifiedLeaf {
  const device = devices[deviceIndex];
  demand(device !== undefined, "Lot_NoDevice", { lotId, deviceIndex, count: devices.length });
  const { anchor, nodeKeyHash } = device;
  return { lotId, deviceIndex, anchor, nodeKeyHash, proof: proofOf(tree, deviceIndex) };
}
