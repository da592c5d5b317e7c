import { createHash, type KeyObject } from "node:crypto";

import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { readingHash, readingJson, type Reading, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { EPOCH_SEC, epochEndAt, epochStartAt } from "../../server/protocol/units.ts";
import { signReading } from "../../server/nodekey.ts";
import { nodeKeyOf } from "../cast.ts";
import { diceOf, type Dice } from "./dice.ts";

/** A simulated host: its key, its boards' counters, and its chain of readings. */
export interface SimNode {
  readonly nodeId: bigint;
  readonly lotId: bigint;
  readonly hostname: string;
  readonly key: KeyObject;
  readonly x: Hex;
  readonly y: Hex;
  readonly boards: { readonly deviceIndex: number; readonly name: string; readonly deviceId: Hex; energyMJ: bigint }[];
  /** Energy at the host's own power meter; undefined where it has none. */
  itEnergyMJ: bigint | undefined;
  sequenceIndex: bigint;
  prevReadingHash: Hex;
}

/** A lot of the chaos run. */
export interface SimLot {
  readonly lotId: bigint;
  readonly tdpW: bigint;
  readonly nodes: readonly SimNode[];
}

const TDP_W = 700;

/** Lots with nodes of a few boards each, all of it a function of the seed. */
export function simulateFleet(seed: string, lotCount: number, nodesPerLot: number): SimLot[] {
  const dice = diceOf(seed, "fleet");
  let nodeId = 0n;
  return Array.from({ length: lotCount }, (_, lot) => {
    let deviceIndex = 0;
    const nodes = Array.from({ length: nodesPerLot }, () => {
      nodeId += 1n;
      const hostname = `chaos-${nodeId}`;
      const boards = Array.from({ length: dice.between(2, 4) }, () => {
        const name = uuidOf(`${seed}/${lot}/${deviceIndex}`);
        const energyMJ = BigInt(dice.between(0, 1_000_000_000));
        return { deviceIndex: deviceIndex++, name, deviceId: identityAnchor(name), energyMJ };
      });
      return {
        ...{ nodeId, lotId: BigInt(lot + 1), hostname, ...nodeKeyOf(seed, hostname), boards },
        ...{ itEnergyMJ: dice.chance(0.5) ? BigInt(dice.between(0, 1_000_000_000)) : undefined },
        ...{ sequenceIndex: 1n, prevReadingHash: ZERO_BYTES32 },
      };
    });
    return { lotId: BigInt(lot + 1), tdpW: BigInt(TDP_W), nodes };
  });
}

function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex").toUpperCase();
  return `GPU-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-")}`;
}

/** A reading with its node's signature. */
export interface Signed {
  readonly reading: Reading;
  readonly hash: Hex;
  readonly json: SignedReadingJson;
}

const MILLI = 1000n;

/** The node's next reading, for an epoch; nothing is remembered of it until `remember`. */
export function readingOf(node: SimNode, epoch: bigint, dice: Dice): Reading {
  const boundMJ = node.boards.length * TDP_W * Number(EPOCH_SEC * MILLI);
  let gpuMJ = 0n;
  const devices = node.boards.map(({ deviceIndex, deviceId, energyMJ }) => {
    const usedMJ = BigInt(dice.between(0, boundMJ / node.boards.length));
    gpuMJ += usedMJ;
    const availableSec = BigInt(dice.between(0, Number(EPOCH_SEC)));
    const share = BigInt(dice.between(0, 1000));
    return {
      ...{ deviceIndex, deviceId, energyStartMJ: energyMJ, energyEndMJ: energyMJ + usedMJ, availableSec },
      allocatedSec: (availableSec * share) / 1000n,
      smActiveMilliSec: (availableSec * share) / 2n,
      curtailedSec: (EPOCH_SEC - availableSec) / 3n,
      workUnits: BigInt(dice.between(0, 1000)),
      ...{ flagsBitmap: 0, droppedCount: dice.between(0, 3) },
    };
  });
  const startMJ = node.itEnergyMJ;
  const overMJ = (gpuMJ * BigInt(dice.between(0, 500))) / 1000n;
  return {
    ...{ nodeId: node.nodeId, lotId: node.lotId, epoch },
    ...{ sequenceIndex: node.sequenceIndex, prevReadingHash: node.prevReadingHash },
    ...{ periodStartAt: epochStartAt(epoch), periodEndAt: epochEndAt(epoch) },
    itEnergy: startMJ === undefined ? null : { startMJ, endMJ: startMJ + gpuMJ + overMJ },
    ...{ drops: noDrops(), devices },
  };
}

/** Signs a reading with a key, the node's own or another's. */
export function signed(domain: Hex, reading: Reading, key: KeyObject): Signed {
  const hash = readingHash(domain, reading);
  return { reading, hash, json: { reading: readingJson(reading), signature: signReading(key, hash) } };
}

/** The node goes on from this reading. */
export function remember(node: SimNode, { reading, hash }: Signed): void {
  node.sequenceIndex = reading.sequenceIndex + 1n;
  node.prevReadingHash = hash;
  node.itEnergyMJ = reading.itEnergy?.endMJ;
  for (const board of node.boards) {
    board.energyMJ = reading.devices.find(({ deviceId }) => deviceId === board.deviceId)?.energyEndMJ ?? board.energyMJ;
  }
}
