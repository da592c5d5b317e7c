import type { Hex } from "./bytes.ts";
import { INTERFACES } from "./contracts.ts";
import type { DeviceList } from "./deviceList.ts";
import { nodeKeyHash } from "./identity.ts";
import type { NamedDevice } from "./identityTree.ts";
import type { NodePoint } from "./nodePoint.ts";
import { Refusal } from "./refusal.ts";

// A list of devices on its way into the registry: what is sent, and what the registry says to it.

/** What a lot is registered with, besides its devices. */
export interface LotTerms {
  readonly siteId: bigint;
  readonly modelId: Hex;
  readonly costAssets: bigint;
  readonly commissionedAt: bigint;
}

/** Hosts that one transaction registers, where nothing else is said. */
export const HOSTS_PER_TRANSACTION = 400;

/** A node that is registered already. */
export interface KnownNode {
  readonly nodeId: bigint;
  readonly isRevoked: boolean;
}

/** Ids of the list's hosts, 0 where one is not registered yet; refuses a host whose key was revoked. */
export function nodeIdsOf(list: DeviceList, known: ReadonlyMap<Hex, KnownNode>): bigint[] {
  return list.hosts.map(({ keyHash, hostname }) => {
    const node = known.get(keyHash);
    if (node?.isRevoked === true) throw new Refusal("Enrol_NodeRevoked", { hostname, nodeId: node.nodeId });
    return node?.nodeId ?? 0n;
  });
}

/** Places of the hosts that are not registered yet, in the order and the portions they are registered in. */
export function missingPlaces(nodeIds: readonly bigint[], hostsPerTransaction: number): number[][] {
  const places = nodeIds.flatMap((nodeId, place) => (nodeId === 0n ? [place] : []));
  const portions: number[][] = [];
  for (let at = 0; at < places.length; at += hostsPerTransaction)
    portions.push(places.slice(at, at + hostsPerTransaction));
  return portions;
}

/** The public points of hosts, as `Registry.registerNodes` takes them. */
export function pointsOf(list: DeviceList, places: readonly number[]): NodePoint[] {
  return places.map((place) => list.hosts[place]!.point);
}

/** A log as a receipt has it. */
export interface ReceiptLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** Puts the ids that a transaction gave its hosts at their places; refuses a receipt that names one of them not. */
export function takeNodeIds(
  nodeIds: bigint[],
  list: DeviceList,
  places: readonly number[],
  receipt: { readonly hash: string; readonly logs: readonly ReceiptLog[] },
  registry: string,
): void {
  const ids = new Map<Hex, bigint>();
  for (const { address, topics, data } of receipt.logs) {
    if (address.toLowerCase() !== registry.toLowerCase()) continue;
    const event = INTERFACES.registry.parseLog({ topics: [...topics], data });
    if (event?.name !== "NodeRegistered") continue;
    ids.set(nodeKeyHash(event.args["publicX"] as Hex, event.args["publicY"] as Hex), event.args["nodeId"] as bigint);
  }
  for (const place of places) {
    const { keyHash, hostname } = list.hosts[place]!;
    const nodeId = ids.get(keyHash);
    if (nodeId === undefined) throw new Refusal("Enrol_NotAnnounced", { hostname, hash: receipt.hash });
    nodeIds[place] = nodeId;
  }
}

/** The arguments of `Registry.registerLot`. */
export function lotArguments({ siteId, modelId, costAssets, commissionedAt }: LotTerms, list: DeviceList) {
  const figures = [BigInt(list.names.length), costAssets, commissionedAt, list.identityRoot] as const;
  return [siteId, modelId, ...figures] as const;
}

/** The list's devices, each with its node: what is published. */
export function* listedDevices(list: DeviceList, nodeIds: readonly bigint[]): Generator<NamedDevice, void, undefined> {
  for (const [index, name] of list.names.entries()) yield { name, nodeId: nodeIds[list.hostIndexes[index]!]! };
}
