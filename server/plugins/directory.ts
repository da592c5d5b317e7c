import type { KeyObject } from "node:crypto";

import { keyOf, type NodePoint } from "../nodekey.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { Contracts } from "../protocol/contracts.ts";
import { identityAnchor, nodeKeyHash } from "../protocol/identity.ts";
import { identityRootOf } from "../protocol/identityTree.ts";
import type { Lot, SiteFactors } from "../protocol/lot.ts";
import { Refusal } from "../protocol/refusal.ts";

/** A node as registered. */
export interface Node {
  readonly nodeId: bigint;
  readonly siteId: bigint;
  readonly lotId: bigint;
  readonly publicX: Hex;
  readonly publicY: Hex;
  readonly key: KeyObject;
}

/** A lot with the devices of its identity tree. */
export interface DirectoryLot {
  readonly lot: Lot;
  readonly siteId: bigint;
  /** By index: the board's anchor and the node it belongs to. */
  readonly devices: readonly { readonly deviceId: Hex; readonly name: string; readonly nodeId: bigint }[];
}

/** Who may report what: the registered lots, their devices and the keys of their nodes. */
export interface Directory {
  readonly lots: ReadonlyMap<bigint, DirectoryLot>;
  readonly nodes: ReadonlyMap<bigint, Node>;
}

/**
 * Reads the registry and checks the published identities against it: refuses a lot whose leaves do not make its identity
 * root, or whose nodes stand at another site.
 */
export async function readDirectory(
  contracts: Contracts,
  identities: Deployment["identities"],
  factors: SiteFactors,
): Promise<Directory> {
  const nodes = new Map<bigint, Node>();
  const points = await readPoints(contracts);
  const lots = new Map<bigint, DirectoryLot>();
  for (const identity of identities) {
    const lotId = BigInt(identity.lotId);
    const registered = await contracts.registry.lot(lotId);
    const devices = identity.devices.map(({ name, nodeId }) => ({
      deviceId: identityAnchor(name),
      name,
      nodeId: BigInt(nodeId),
    }));
    for (const nodeId of new Set(devices.map((device) => device.nodeId))) {
      const { siteId, revoked } = await contracts.registry.nodes(nodeId);
      const point = points.get(nodeId);
      if (point === undefined) throw new Refusal("Directory_UnknownNode", { lotId, nodeId });
      if (siteId !== registered.siteId) {
        throw new Refusal("Directory_OtherSite", { lotId, nodeId, siteId, lotSiteId: registered.siteId });
      }
      if (revoked) continue; // its readings are refused as an unknown node's; the lot's root still names its key
      nodes.set(nodeId, { nodeId, siteId, lotId, publicX: point.x, publicY: point.y, key: keyOf(point) });
    }
    const identityRoot = identityRootOf(
      devices.map(({ deviceId, nodeId }) => {
        const { x, y } = points.get(nodeId) as NodePoint;
        return { anchor: deviceId, nodeKeyHash: nodeKeyHash(x, y) };
      }),
    );
    if (identityRoot !== registered.identityRoot) {
      throw new Refusal("Directory_WrongRoot", { lotId, identityRoot, registered: registered.identityRoot });
    }
    const lot = { lotId, gpuCount: registered.gpuCount, tdpW: registered.tdpW, site: factors };
    lots.set(lotId, { lot, siteId: registered.siteId, devices });
  }
  return { lots, nodes };
}

/** The points of all nodes: the registry keeps their hashes, its events the points. */
async function readPoints({ registry }: Contracts): Promise<Map<bigint, NodePoint>> {
  const events = await registry.queryFilter(registry.filters.NodeRegistered());
  return new Map(events.map(({ args }) => [args.nodeId, { x: args.publicX as Hex, y: args.publicY as Hex }]));
}
