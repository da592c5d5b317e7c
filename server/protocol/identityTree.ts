import type { Hex } from "./bytes.ts";
import { canonicalDeviceName, identityAnchor } from "./identity.ts";
import { identityLeafHash, leafHashes } from "./leaf.ts";
import { Refusal, demand } from "./refusal.ts";
import { buildTree, rootOf } from "./tree.ts";
import { parseU64 } from "./units.ts";

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

/** A device as its lot's identities are published: the board's name, and the node it reports through. */
export interface NamedDevice {
  readonly name: string;
  readonly nodeId: bigint;
}

/** Devices that a lot can have, as far as its published identities are read. */
const MAX_LOT_DEVICES = 1 << 20;

/** The lines of a lot's published identities, in the order of the index: JSON, the name in its canonical spelling. */
export function* identityLines(devices: Iterable<NamedDevice>): Generator<string, void, undefined> {
  for (const { name, nodeId } of devices) {
    yield JSON.stringify({ name: canonicalDeviceName(name), nodeId: String(nodeId) });
  }
}

/** The devices of published identities; refuses a line in another form than `identityLines` gives it. */
export async function parseIdentities(lines: AsyncIterable<string> | Iterable<string>): Promise<NamedDevice[]> {
  const devices: NamedDevice[] = [];
  for await (const line of lines) {
    const deviceIndex = devices.length;
    demand(deviceIndex < MAX_LOT_DEVICES, "Identities_TooMany", { maxCount: MAX_LOT_DEVICES });
    const device = deviceOf(line, deviceIndex);
    const [canonical] = identityLines([device]);
    demand(canonical === line, "Identities_NotCanonical", { deviceIndex, line: line.slice(0, 200) });
    devices.push(device);
  }
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
