import type { Hex } from "./bytes.ts";
import { nodeKeyHash } from "./identity.ts";
import { EPOCH_SEC } from "./units.ts";

// The registry out of its events, as it stood at a time. Times only go forward.

/** An event of a contract, with the time of its block. */
export interface ContractEvent {
  readonly contract: "registry" | "telemetry";
  readonly name: string;
  /** By name, as the ABI decodes them. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly blockAt: bigint;
  readonly block: bigint;
  readonly txHash: Hex;
}

/** A node as registered. */
export interface RegisteredNode {
  readonly siteId: bigint;
  readonly x: Hex;
  readonly y: Hex;
  readonly keyHash: Hex;
  readonly isRevoked: boolean;
}

/** A lot as registered, moved and swapped so far. */
export interface RegisteredLot {
  readonly lotId: bigint;
  readonly siteId: bigint;
  readonly gpuCount: bigint;
  readonly tdpW: bigint;
  readonly identityRoot: Hex;
  readonly isFrozen: boolean;
  readonly isRetired: boolean;
}

/** The registry at a time that moves forward. */
export interface RegistryClock {
  /** Takes the events of blocks up to a time, the time itself included. */
  moveTo(timeAt: bigint): void;
  node(nodeId: bigint): RegisteredNode | undefined;
  lot(lotId: bigint): RegisteredLot | undefined;
  /** Of the nodes with a key at sites of the operator of this one the first. */
  nodeOf(siteId: bigint, keyHash: Hex): bigint | undefined;
  /** Whether a lot's readings count: level 1 is in force, and it is neither frozen nor retired. */
  isCounted(lotId: bigint): boolean;
  /** The lots that a report of an epoch has, by id: attested at level 1 at its end, or at the end of an earlier one. */
  reportedLots(): RegisteredLot[];
}

interface Attestation {
  readonly fromAt: bigint;
  untilAt: bigint;
}

/** Replays registry events, which are in the order of the chain. */
export function registryClock(events: readonly ContractEvent[]): RegistryClock {
  const operators = new Map<bigint, string>(); // by site
  const nodes = new Map<bigint, RegisteredNode>();
  const firstNodes = new Map<string, bigint>(); // by operator and key hash
  const lots = new Map<bigint, RegisteredLot>();
  const attestations = new Map<bigint, Attestation[]>();
  let next = 0;
  let nowAt = 0n;

  const endLevel1 = (lotId: bigint, at: bigint) => {
    const last = attestations.get(lotId)?.at(-1);
    if (last !== undefined && last.untilAt > at) last.untilAt = at;
  };

  const apply = ({ name, args, blockAt }: ContractEvent) => {
    const { nodeId, lotId, siteId, level, expiresAt } = args as Record<string, bigint>;
    const lot = lotId === undefined ? undefined : lots.get(lotId);
    if (name === "SiteRegistered" && siteId !== undefined) operators.set(siteId, args["operator"] as string);
    else if (name === "NodeRegistered" && nodeId !== undefined && siteId !== undefined) {
      const { publicX: x, publicY: y } = args as { publicX: Hex; publicY: Hex };
      const keyHash = nodeKeyHash(x, y);
      nodes.set(nodeId, { siteId, x, y, keyHash, isRevoked: false });
      const known = `${operators.get(siteId)} ${keyHash}`;
      if (!firstNodes.has(known)) firstNodes.set(known, nodeId);
    } else if (name === "NodeRevoked" && nodeId !== undefined) {
      const node = nodes.get(nodeId);
      if (node !== undefined) nodes.set(nodeId, { ...node, isRevoked: true });
    } else if (name === "LotRegistered" && lotId !== undefined && siteId !== undefined) {
      const { gpuCount, tdpW, identityRoot } = args["lot"] as Pick<RegisteredLot, "gpuCount" | "tdpW" | "identityRoot">;
      lots.set(lotId, { lotId, siteId, gpuCount, tdpW, identityRoot, isFrozen: false, isRetired: false });
      attestations.set(lotId, []);
    }
    if (lot === undefined || lotId === undefined) return;
    if (name === "LotMoved" && siteId !== undefined) lots.set(lotId, { ...lot, siteId });
    if (name === "DuplicateProven") lots.set(lotId, { ...lot, isFrozen: true });
    if (name === "Unfrozen") lots.set(lotId, { ...lot, isFrozen: false });
    if (name === "LotRetired") lots.set(lotId, { ...lot, isRetired: true });
    if (name === "DevicesSwapped") {
      lots.set(lotId, { ...lot, identityRoot: args["identityRoot"] as Hex });
      endLevel1(lotId, blockAt);
    }
    if (level !== 1n) return;
    if (name === "Attested" && expiresAt !== undefined) {
      endLevel1(lotId, blockAt);
      attestations.get(lotId)?.push({ fromAt: blockAt, untilAt: expiresAt });
    } else if (name === "AttestationVoided") endLevel1(lotId, blockAt);
  };

  // Whether an attestation stood at the end of an epoch that is over.
  const wasAttested = (list: readonly Attestation[]) =>
    list.some(({ fromAt, untilAt }) => {
      const endAt = ((fromAt + EPOCH_SEC - 1n) / EPOCH_SEC) * EPOCH_SEC;
      return endAt < untilAt && endAt <= nowAt;
    });

  return {
    moveTo(timeAt) {
      nowAt = timeAt;
      for (let event = events[next]; event !== undefined && event.blockAt <= timeAt; event = events[++next])
        apply(event);
    },
    node: (nodeId) => nodes.get(nodeId),
    lot: (lotId) => lots.get(lotId),
    nodeOf: (siteId, keyHash) => firstNodes.get(`${operators.get(siteId)} ${keyHash}`),
    isCounted(lotId) {
      const lot = lots.get(lotId);
      const isInForce = (attestations.get(lotId) ?? []).some((one) => one.fromAt <= nowAt && nowAt < one.untilAt);
      return isInForce && lot !== undefined && !lot.isFrozen && !lot.isRetired;
    },
    reportedLots: () =>
      [...lots.values()]
        .filter(({ lotId }) => wasAttested(attestations.get(lotId) ?? []))
        .sort((a, b) => (a.lotId < b.lotId ? -1 : 1)),
  };
}
