import { Failure } from "../failure.ts";
import { bytesOf, type Hex } from "../protocol/bytes.ts";
import { identityAnchor } from "../protocol/identity.ts";
import { readIdentities, type NamedDevice } from "../protocol/identityTree.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Files } from "./files.ts";

// Where an identity anchor stands in the identities that were published: each list is hashed once, and kept as bytes.

export interface IdentityIndex {
  /** The places of an anchor in a root's list; undefined where nobody published that list here. */
  placesIn(root: Hex, anchor: Hex): Promise<readonly IdentityPlace[] | undefined>;
}

export interface IdentityPlace {
  readonly deviceIndex: number;
  readonly nodeId: bigint;
}

interface Listed {
  /** 32 bytes each, by index. */
  readonly anchors: Buffer;
  readonly nodeIds: BigUint64Array;
}

const ANCHOR_BYTES = 32;
const KEPT_BYTES = 96 << 20; // two million devices

export function openIdentityIndex(files: Pick<Files, "has" | "open">): IdentityIndex {
  const lists = new Map<Hex, Promise<Listed | undefined>>();
  const sizes = new Map<Hex, number>();

  const published = async (root: Hex): Promise<AsyncIterable<NamedDevice> | undefined> =>
    (await files.has("identities", root)) ? readIdentities(files.open("identities", root)) : undefined;

  const read = async (root: Hex): Promise<Listed | undefined> => {
    const devices = await published(root);
    if (devices === undefined) return undefined;
    const anchors: Buffer[] = [];
    const nodeIds: bigint[] = [];
    try {
      for await (const { name, nodeId } of devices) {
        anchors.push(Buffer.from(bytesOf(identityAnchor(name))));
        nodeIds.push(nodeId);
      }
    } catch (error) {
      if (error instanceof Refusal || (error instanceof Failure && error.code === "Files_Corrupt")) return undefined;
      throw error;
    }
    return { anchors: Buffer.concat(anchors), nodeIds: BigUint64Array.from(nodeIds) };
  };

  const listOf = async (root: Hex): Promise<Listed | undefined> => {
    const kept = lists.get(root) ?? read(root);
    lists.delete(root);
    lists.set(root, kept); // the newest last
    const list = await kept.catch((error: unknown) => {
      lists.delete(root);
      throw error;
    });
    if (list === undefined)
      lists.delete(root); // it may be published later
    else sizes.set(root, list.anchors.length + list.nodeIds.byteLength);
    let keptBytes = [...lists.keys()].reduce((sum, one) => sum + (sizes.get(one) ?? 0), 0);
    for (const oldest of lists.keys()) {
      if (keptBytes <= KEPT_BYTES || oldest === root) break;
      keptBytes -= sizes.get(oldest) ?? 0;
      lists.delete(oldest);
      sizes.delete(oldest);
    }
    return list;
  };

  return {
    async placesIn(root, anchor) {
      const list = await listOf(root);
      if (list === undefined) return undefined;
      const { anchors, nodeIds } = list;
      const wanted = Buffer.from(bytesOf(anchor));
      const places: IdentityPlace[] = [];
      for (let at = anchors.indexOf(wanted); at !== -1; at = anchors.indexOf(wanted, at + 1)) {
        const deviceIndex = at / ANCHOR_BYTES;
        if (Number.isInteger(deviceIndex)) places.push({ deviceIndex, nodeId: nodeIds[deviceIndex] ?? 0n });
      }
      return places;
    },
  };
}
