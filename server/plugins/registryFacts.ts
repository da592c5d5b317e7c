import type { KeyObject } from "node:crypto";

import type { Hex } from "../protocol/bytes.ts";
import { nodeKeyHash } from "../protocol/identity.ts";
import { EPOCH_SEC } from "../protocol/units.ts";

// What the followed events of the registry say, one after the other.

/** A node as registered. */
export interface Node {
  readonly nodeId: bigint;
  readonly siteId: bigint;
  readonly publicX: Hex;
  readonly publicY: Hex;
  readonly keyHash: Hex;
  readonly key: KeyObject;
}

/** An event of the registry, with the time of its block. */
export interface RegistryEvent {
  time: bigint;
  name: string;
  args: Record<string, unknown>;
}

/** The events that the facts are made of. */
export const FACT_NAMES = [
  ...["SiteRegistered", "NodeRegistered", "NodeRevoked", "LotRegistered", "LotMoved", "DevicesSwapped"],
  ...["Attested", "AttestationVoided", "DuplicateProven", "Unfrozen", "LotRetired"],
];

/** Makes the key of a public point; one call a point is enough. */
export type KeyOfPoint = (publicX: Hex, publicY: Hex) => KeyObject;

/** From when until when a level is in force. */
export interface Attestation {
  readonly fromAt: bigint;
  readonly untilAt: bigint;
}

/** What decides whether a lot's readings count. */
export interface Standing {
  /** Level 1: from when, until when. */
  readonly attestations: readonly Attestation[];
  readonly isFrozen: boolean;
  readonly isRetired: boolean;
}

interface LotFacts {
  siteId: bigint;
  readonly gpuCount: bigint;
  readonly tdpW: bigint;
  identityRoot: Hex;
  readonly attestations: { readonly fromAt: bigint; untilAt: bigint }[];
  isFrozen: boolean;
  isRetired: boolean;
}

type RegisteredNode = Node & { readonly isRevoked: boolean };

/** Sites, nodes and lots as the events tell of them so far. */
export interface Facts {
  /** The operator of each site. */
  readonly sites: Map<bigint, string>;
  readonly nodes: Map<bigint, RegisteredNode>;
  /** By operator and key hash the first node. */
  readonly firstNodes: Map<string, bigint>;
  readonly lots: Map<bigint, LotFacts>;
}

/** Adds what an event says. */
export function apply({ sites, nodes, firstNodes, lots }: Facts, event: RegistryEvent, keyOfPoint: KeyOfPoint): void {
  const { name, time, args } = event;
  const id = (field: string) => BigInt(args[field] as string);
  const lot = "lotId" in args ? lots.get(id("lotId")) : undefined;
  const voidLevel1 = () => {
    const last = lot?.attestations.at(-1);
    if (last !== undefined && last.untilAt > time) last.untilAt = time;
  };
  if (name === "SiteRegistered") sites.set(id("siteId"), args["operator"] as string);
  else if (name === "NodeRegistered") {
    const [publicX, publicY] = [args["publicX"] as Hex, args["publicY"] as Hex];
    const place = { nodeId: id("nodeId"), siteId: id("siteId"), publicX, publicY, isRevoked: false };
    const keyHash = nodeKeyHash(publicX, publicY);
    nodes.set(place.nodeId, { ...place, keyHash, key: keyOfPoint(publicX, publicY) });
    const known = `${sites.get(place.siteId)} ${keyHash}`;
    if (!firstNodes.has(known)) firstNodes.set(known, place.nodeId);
  } else if (name === "NodeRevoked") {
    const node = nodes.get(id("nodeId"));
    if (node !== undefined) nodes.set(node.nodeId, { ...node, isRevoked: true });
  } else if (name === "LotRegistered") {
    const { gpuCount, tdpW, identityRoot } = args["lot"] as { gpuCount: string; tdpW: string; identityRoot: Hex };
    const facts = { siteId: id("siteId"), gpuCount: BigInt(gpuCount), tdpW: BigInt(tdpW), identityRoot };
    lots.set(id("lotId"), { ...facts, attestations: [], isFrozen: false, isRetired: false });
  } else if (lot === undefined) return;
  else if (name === "DuplicateProven") lot.isFrozen = true;
  else if (name === "Unfrozen") lot.isFrozen = false;
  else if (name === "LotRetired") lot.isRetired = true;
  else if (name === "LotMoved") lot.siteId = id("siteId");
  else if (name === "DevicesSwapped") {
    lot.identityRoot = args["identityRoot"] as Hex;
    voidLevel1();
  } else if (name === "Attested") {
    if (args["level"] !== "1") return;
    voidLevel1();
    lot.attestations.push({ fromAt: time, untilAt: id("expiresAt") });
  } else if (args["level"] === "1") voidLevel1();
}

/** The first end of an epoch at which one of the attestations stood. */
export function attestedAt(attestations: LotFacts["attestations"]): bigint | undefined {
  const ends = attestations.flatMap(({ fromAt, untilAt }) => {
    const endAt = ((fromAt + EPOCH_SEC - 1n) / EPOCH_SEC) * EPOCH_SEC;
    return endAt < untilAt ? [endAt] : [];
  });
  return ends.length === 0 ? undefined : ends.reduce((a, b) => (a < b ? a : b));
}

/** Whether readings of a lot can count at the newest of the events or after it, so that its devices are needed. */
export function isWanted({ attestations, isFrozen, isRetired }: Standing, newestAt: bigint): boolean {
  return !isFrozen && !isRetired && attestations.some(({ untilAt }) => untilAt > newestAt);
}

/** Whether the readings of a lot count at the end of an epoch: level 1 is in force, and it is neither frozen nor retired. */
export function isCounted({ attestations, isFrozen, isRetired }: Standing, periodEndAt: bigint): boolean {
  const isInForce = attestations.some(({ fromAt, untilAt }) => fromAt <= periodEndAt && periodEndAt < untilAt);
  return isInForce && !isFrozen && !isRetired;
}
