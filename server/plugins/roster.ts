import { createPublicKey, type KeyObject } from "node:crypto";

import { bytesOf } from "../protocol/bytes.ts";
import type { Lot } from "../protocol/lot.ts";
import type { Directory } from "./directory.ts";

// Who may report what, in shared memory: every thread that judges readings looks it up in place. A million devices take
// about 40 MB, once for all threads.

/** A directory as threads share it. Nodes and lots are in ascending order of their ids, so that they can be searched. */
export interface Roster {
  readonly nodeIds: BigInt64Array;
  /** Public points, 64 bytes a node. */
  readonly points: Uint8Array;
  readonly lotIds: BigInt64Array;
  /** gpuCount, tdpW, overheadE4, pueE4, cfeBps, gCO2ePerKWh, waterMlPerKWh of each lot. */
  readonly lotFigures: Uint32Array;
  /** Where a lot's devices begin; one more than there are lots. */
  readonly deviceStarts: Uint32Array;
  /** Identity anchors, 32 bytes each, by lot and index. */
  readonly deviceIds: Uint8Array;
  /** The node of each device, by its place in `nodeIds` plus one; 0 for a node that may report nothing. */
  readonly deviceNodes: Uint32Array;
}

const FIGURES = 7;

const shared = (byteCount: number) => new SharedArrayBuffer(Math.max(byteCount, 8));

/** The roster of a directory. */
export function rosterOf({ nodes, lots }: Directory): Roster {
  const nodeIds = BigInt64Array.from(nodes.keys()).sort();
  const lotIds = BigInt64Array.from(lots.keys()).sort();
  const deviceCount = [...lots.values()].reduce((sum, { devices }) => sum + devices.length, 0);
  const roster: Roster = {
    nodeIds: new BigInt64Array(shared(8 * nodeIds.length), 0, nodeIds.length),
    points: new Uint8Array(shared(64 * nodeIds.length), 0, 64 * nodeIds.length),
    lotIds: new BigInt64Array(shared(8 * lotIds.length), 0, lotIds.length),
    lotFigures: new Uint32Array(shared(4 * FIGURES * lotIds.length), 0, FIGURES * lotIds.length),
    deviceStarts: new Uint32Array(shared(4 * (lotIds.length + 1)), 0, lotIds.length + 1),
    deviceIds: new Uint8Array(shared(32 * deviceCount), 0, 32 * deviceCount),
    deviceNodes: new Uint32Array(shared(4 * deviceCount), 0, deviceCount),
  };
  roster.nodeIds.set(nodeIds);
  roster.lotIds.set(lotIds);
  const placeOf = new Map(Array.from(nodeIds, (nodeId, place) => [nodeId, place]));
  nodeIds.forEach((nodeId, place) => {
    const { publicX, publicY } = nodes.get(nodeId)!;
    roster.points.set(bytesOf(publicX), 64 * place);
    roster.points.set(bytesOf(publicY), 64 * place + 32);
  });
  let next = 0;
  lotIds.forEach((lotId, place) => {
    const { lot, devices } = lots.get(lotId)!;
    const { overheadE4, pueE4, cfeBps, gCO2ePerKWh, waterMlPerKWh } = lot.site;
    const figures = [lot.gpuCount, lot.tdpW, overheadE4, pueE4, cfeBps, gCO2ePerKWh, waterMlPerKWh];
    roster.lotFigures.set(figures.map(Number), FIGURES * place);
    roster.deviceStarts[place] = next;
    for (const { deviceId, nodeId } of devices) {
      roster.deviceIds.set(bytesOf(deviceId), 32 * next);
      roster.deviceNodes[next++] = (placeOf.get(nodeId) ?? -1) + 1;
    }
  });
  roster.deviceStarts[lotIds.length] = next;
  return roster;
}

/** The place of an id in an ascending list, or −1. */
export function searchId(ids: BigInt64Array, id: bigint): number {
  let low = 0;
  let high = ids.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = ids[middle]!;
    if (found === id) return middle;
    if (found < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The lot at a place of the roster. */
export function lotAt({ lotIds, lotFigures }: Roster, place: number): Lot {
  const [gpuCount, tdpW, overheadE4, pueE4, cfeBps, gCO2ePerKWh, waterMlPerKWh] = [
    ...lotFigures.subarray(FIGURES * place, FIGURES * (place + 1)),
  ].map(BigInt) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint];
  return {
    lotId: lotIds[place]!,
    gpuCount,
    tdpW,
    site: { overheadE4, pueE4, cfeBps, gCO2ePerKWh, waterMlPerKWh },
  };
}

/** The public key of the node at a place of the roster. */
export function keyAt({ points }: Roster, place: number): KeyObject {
  const text = (from: number) => Buffer.from(points.subarray(from, from + 32)).toString("base64url");
  const [x, y] = [text(64 * place), text(64 * place + 32)];
  return createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x, y } });
}

/** Whether a lot's device at an index is the node's and has the id that stands in `packed` at `idAt`. */
export function isDeviceOf(
  roster: Roster,
  place: { readonly node: number; readonly lot: number },
  deviceIndex: number,
  packed: Uint8Array,
  idAt: number,
): boolean {
  const at = roster.deviceStarts[place.lot]! + deviceIndex;
  if (at >= roster.deviceStarts[place.lot + 1]! || roster.deviceNodes[at] !== place.node + 1) return false;
  const { deviceIds } = roster;
  for (let i = 0; i < 32; i++) if (deviceIds[32 * at + i] !== packed[idAt + i]) return false;
  return true;
}
