import type { Hex } from "./bytes.ts";
import { identityLeafHash, leafHashes } from "./leaf.ts";
import { buildTree, rootOf } from "./tree.ts";

/** A device as the registry's identity root commits to it; its index is its place in the list. */
export interface IdentifiedDevice {
  readonly anchor: Hex;
  readonly nodeKeyHash: Hex;
}

/** The identity root of a lot: leaves in the order of their index. */
export function identityRootOf(devices: readonly IdentifiedDevice[]): Hex {
  return rootOf(
    buildTree(
      leafHashes(
        devices.map((device, index) => ({ index, ...device })),
        identityLeafHash,
      ),
    ),
  );
}
