import { generateKeyPairSync, type KeyObject } from "node:crypto";

import { pointOf, signReading } from "../nodekey.ts";
import type { Roster } from "../plugins/roster.ts";
import { ZERO_BYTES32, bytesOf, type Hex } from "../protocol/bytes.ts";
import { noDrops } from "../protocol/drops.ts";
import { keccakText } from "../protocol/keccak.ts";
import { parseReading, readingHash, type ReadingJson } from "../protocol/reading.ts";

// A fleet that never existed, whose nodes sign as real ones do: what an oracle is measured with.

/** A fleet: what an oracle knows of it, and what its nodes keep to themselves. */
export interface MeasureFleet {
  readonly roster: Roster;
  readonly keys: readonly KeyObject[];
  readonly boardsPerNode: number;
  readonly nodesPerLot: number;
}

export interface FleetSize {
  readonly nodeCount: number;
  readonly boardsPerNode: number;
  readonly lotCount: number;
}

const TDP_W = 700;

/** Makes a fleet: node n (from 1) has the boards of one lot that follow those of the node before it. */
export function makeFleet({ nodeCount, boardsPerNode, lotCount }: FleetSize): MeasureFleet {
  const nodesPerLot = Math.ceil(nodeCount / lotCount);
  const lots = Math.ceil(nodeCount / nodesPerLot);
  const roster: Roster = {
    nodeIds: sharedIds(nodeCount),
    points: new Uint8Array(new SharedArrayBuffer(64 * nodeCount)),
    lotIds: sharedIds(lots),
    lotFigures: new Uint32Array(new SharedArrayBuffer(28 * lots)),
    deviceStarts: new Uint32Array(new SharedArrayBuffer(4 * (lots + 1))),
    deviceIds: new Uint8Array(new SharedArrayBuffer(32 * nodeCount * boardsPerNode)),
    deviceNodes: new Uint32Array(new SharedArrayBuffer(4 * nodeCount * boardsPerNode)),
  };
  const keys: KeyObject[] = [];
  for (let node = 0; node < nodeCount; node++) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x, y } = pointOf(privateKey);
    keys.push(privateKey);
    roster.points.set(bytesOf(x), 64 * node);
    roster.points.set(bytesOf(y), 64 * node + 32);
    roster.deviceStarts[Math.floor(node / nodesPerLot) + 1] = (node + 1) * boardsPerNode;
    for (let board = 0; board < boardsPerNode; board++) {
      const at = node * boardsPerNode + board;
      roster.deviceIds.set(bytesOf(boardId(node, board)), 32 * at);
      roster.deviceNodes[at] = node + 1;
    }
  }
  for (let lot = 0; lot < lots; lot++) {
    const gpuCount = roster.deviceStarts[lot + 1]! - roster.deviceStarts[lot]!;
    roster.lotFigures.set([gpuCount, TDP_W, 12_300, 12_500, 4_092, 369, 1_800], 7 * lot);
  }
  return { roster, keys, boardsPerNode, nodesPerLot };
}

function sharedIds(count: number): BigInt64Array {
  const ids = new BigInt64Array(new SharedArrayBuffer(8 * count));
  for (let place = 0; place < count; place++) ids[place] = BigInt(place + 1);
  return ids;
}

function boardId(node: number, board: number): Hex {
  return keccakText(`measured board ${node}/${board}`);
}

/** A node's place in its chain. */
export interface ChainPlace {
  readonly sequenceIndex: bigint;
  readonly prevReadingHash: Hex;
}

export const CHAIN_START: ChainPlace = { sequenceIndex: 0n, prevReadingHash: ZERO_BYTES32 };

/** What the node at a place of the roster says of an epoch, every board at about 500 W; with its hash. */
export function readingOfNode(
  { roster, keys, boardsPerNode, nodesPerLot }: MeasureFleet,
  domain: Hex,
  node: number,
  epoch: bigint,
  place: ChainPlace = CHAIN_START,
  change: Partial<ReadingJson> = {},
): { line: string; hash: Hex } {
  const lot = Math.floor(node / nodesPerLot);
  const firstIndex = node * boardsPerNode - roster.deviceStarts[lot]!;
  const spentMJ = 1_800_000_000n;
  const reading: ReadingJson = {
    ...{ version: 1, nodeId: String(roster.nodeIds[node]), lotId: String(roster.lotIds[lot]), epoch: String(epoch) },
    ...{ sequenceIndex: String(place.sequenceIndex), prevReadingHash: place.prevReadingHash },
    ...{ periodStartAt: String(epoch * 3600n), periodEndAt: String((epoch + 1n) * 3600n) },
    ...{ itEnergyStartMJ: null, itEnergyEndMJ: null, drops: noDrops() },
    devices: Array.from({ length: boardsPerNode }, (_, board) => {
      const startMJ = BigInt(board + 1) * 987_654_321n + place.sequenceIndex * spentMJ;
      return {
        ...{ deviceIndex: firstIndex + board, deviceId: boardId(node, board) },
        ...{ energyStartMJ: String(startMJ), energyEndMJ: String(startMJ + spentMJ - BigInt((node + board) % 1000)) },
        ...{ availableSec: "3600", allocatedSec: String(3600 - (node % 60)), smActiveMilliSec: "1834567" },
        ...{ curtailedSec: "0", workUnits: "0", flagsBitmap: 0, droppedCount: 0 },
      };
    }),
    ...change,
  };
  const hash = readingHash(domain, parseReading(reading));
  return { line: JSON.stringify({ reading, signature: signReading(keys[node]!, hash) }), hash };
}
