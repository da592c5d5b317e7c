import type { Hex } from "./bytes.ts";
import { canonicalDeviceName, identityAnchor } from "./identity.ts";
import { identityLeafHash, leafHashes } from "./leaf.ts";
import { Refusal, demand } from "./refusal.ts";
import { buildTree, proofOf, rootOf, type Tree } from "./tree.ts";
import { parseU64 } from "./units.ts";

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

/** A device as its lot's identities are published: the board's name, and the node it reports through. */
export interface NamedDevice {
  readonly name: string;
  readonly nodeId: bigint;
}

/** Devices that a lot can have, as far as its published identities are read. */
export const MAX_LOT_DEVICES = 1 << 20;

/** A device's line of published identities: JSON, the name in its canonical spelling. */
export function identityLine({ name, nodeId }: NamedDevice): string {
  return JSON.stringify({ name: canonicalDeviceName(name), nodeId: String(nodeId) });
}

/** The lines of a lot's published identities, in the order of the index. */
export function* identityLines(devices: Iterable<NamedDevice>): Generator<string, void, undefined> {
  for (const device of devices) yield identityLine(device);
}

/** The devices of published identities, one by one; refuses a line in another form than `identityLines` gives it. */
export async function* readIdentities(
  lines: AsyncIterable<string> | Iterable<string>,
  maxCount = MAX_LOT_DEVICES,
): AsyncGenerator<NamedDevice, void, undefined> {
  let deviceIndex = 0;
  for await (const line of lines) {
    demand(deviceIndex < maxCount, "Identities_TooMany", { maxCount });
    const device = deviceOf(line, deviceIndex);
    demand(identityLine(device) === line, "Identities_NotCanonical", { deviceIndex, line: line.slice(0, 200) });
    yield device;
    deviceIndex++;
  }
}

/** All the devices of published identities. */
export async function parseIdentities(lines: AsyncIterable<string> | Iterable<string>): Promise<NamedDevice[]> {
  const devices: NamedDevice[] = [];
  for await (const device of readIdentities(lines)) devices.push(device);
  return devices;
}

function deviceOf(line: string, deviceIndex: number): NamedDevice {
  let json: { name?: unknown; nodeId?: unknown } | null;
  try {
    json = JSON.parse(line) as typeof json;
  } catch {
    json = null;
  }
  const { name, nodeId } = json ?? {};
  if (typeof name !== "string" || typeof nodeId !== "string") {
    throw new Refusal("Identities_Malformed", { deviceIndex, line: line.slice(0, 200) });
  }
  return { name, nodeId: parseU64(nodeId, "nodeId") };
}

/** The identity root of named devices; `keyHashOf` gives the hash of a node's registered key. */
export function namedIdentityRoot(devices: readonly NamedDevice[], keyHashOf: (nodeId: bigint) => Hex): Hex {
  return identityRootOf(
    devices.map(({ name, nodeId }) => ({ anchor: identityAnchor(name), nodeKeyHash: keyHashOf(nodeId) })),
  );
}
