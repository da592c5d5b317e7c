import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { Failure } from "../failure.ts";
import { dataTreeOf, stateLine } from "../protocol/aggregate.ts";
import type { Hex } from "../protocol/bytes.ts";
import { deviceLeafBytes, placedLeafHash, readingLeafHash } from "../protocol/leaf.ts";
import { parseReadingSet, readingLine } from "../protocol/publication.ts";
import { readingHash, type SignedReadingJson } from "../protocol/reading.ts";
import type { DeviceLeafJson } from "../protocol/proof.ts";
import { buildTree, rootOf, type Tree } from "../protocol/tree.ts";

/**
 * A published reading set, made ready to be proven from: its two trees, where each leaf comes from, and the readings,
 * packed. Everything is bytes, so that it can be built in a thread and be counted: about 150 bytes a device.
 */
export interface ProofIndex {
  readonly epoch: bigint;
  readonly tree: Tree;
  readonly dataTree: Tree;
  /** By leafIndex: the lot, the index in it, the anchor, and the place of its reading. */
  readonly lotIds: BigUint64Array;
  readonly deviceIndexes: Uint32Array;
  readonly anchors: Uint8Array;
  readonly readingOf: Uint32Array;
  /** The lines of the readings from `firstReading` on. */
  readonly chunks: readonly { readonly firstReading: number; readonly zipped: Uint8Array }[];
}

const CHUNK_LENGTH = 1 << 18;
const LEAF_BYTES = 128;

/** Reads a set and builds its trees; throws `Files_Corrupt` when it is not what its name says. */
export async function buildProofIndex(domain: Hex, dataHash: Hex, lines: AsyncIterable<string>): Promise<ProofIndex> {
  const { epoch, state, readings } = await parseReadingSet(lines);
  const leaves = growing(LEAF_BYTES);
  const readingHashes = growing(32);
  const readingOf: number[] = [];
  const chunks: { firstReading: number; zipped: Uint8Array }[] = [];
  let text = "";
  let firstReading = 0;
  let readingCount = 0;
  const closeChunk = () => {
    if (text !== "") chunks.push({ firstReading, zipped: new Uint8Array(zstdCompressSync(text)) });
    text = "";
    firstReading = readingCount;
  };
  for await (const signed of readings) {
    const { reading, signature } = signed;
    const { nodeId, lotId, sequenceIndex } = reading;
    const hash = readingHash(domain, reading);
    const leaf = { leafIndex: readingCount, epoch, lotId, nodeId, readingHash: hash, signature };
    readingHashes.push(readingLeafHash(leaf));
    for (const device of reading.devices) {
      leaves.push(deviceLeafBytes({ leafIndex: 0, epoch, lotId, nodeId, sequenceIndex, device }));
      readingOf.push(readingCount);
    }
    text += `${readingLine(signed)}\n`;
    readingCount++;
    if (text.length >= CHUNK_LENGTH) closeChunk();
  }
  closeChunk();
  const dataTree = dataTreeOf(epoch, readingHashes.bytes(), stateLine(state));
  if (rootOf(dataTree) !== dataHash) {
    throw new Failure("Files_Corrupt", `the reading set kept under ${dataHash} has the hash ${rootOf(dataTree)}`);
  }
  return { epoch, dataTree, chunks, ...placed(leaves.bytes(), readingOf) };
}

/** The leaves in the order of the tree. */
function placed(bytes: Uint8Array, sources: readonly number[]) {
  const count = sources.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lots = BigUint64Array.from({ length: count }, (_, i) => view.getBigUint64(LEAF_BYTES * i + 16));
  const indexes = Uint32Array.from({ length: count }, (_, i) => view.getUint32(LEAF_BYTES * i + 88));
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => (lots[a]! < lots[b]! ? -1 : lots[a]! > lots[b]! ? 1 : indexes[a]! - indexes[b]!));
  const hashes = new Uint8Array(32 * count);
  const anchors = new Uint8Array(32 * count);
  order.forEach((source, leafIndex) => {
    const leaf = bytes.subarray(LEAF_BYTES * source, LEAF_BYTES * (source + 1));
    anchors.set(leaf.subarray(32, 64), 32 * leafIndex);
    hashes.set(placedLeafHash(leaf, leafIndex), 32 * leafIndex);
  });
  return {
    tree: buildTree(hashes),
    anchors,
    lotIds: BigUint64Array.from(order, (source) => lots[source]!),
    deviceIndexes: order.map((source) => indexes[source]!),
    readingOf: order.map((source) => sources[source]!),
  };
}

/** Items of one length, side by side in a buffer that doubles. */
function growing(itemLength: number): { push(item: Uint8Array): void; bytes(): Uint8Array } {
  let buffer = new Uint8Array(64 * itemLength);
  let length = 0;
  return {
    push(item) {
      if (length + itemLength > buffer.length) {
        const wider = new Uint8Array(2 * buffer.length);
        wider.set(buffer);
        buffer = wider;
      }
      buffer.set(item, length);
      length += itemLength;
    },
    bytes: () => buffer.subarray(0, length),
  };
}

/** Bytes of memory that an index takes. */
export function sizeOf({ tree, dataTree, lotIds, deviceIndexes, anchors, readingOf, chunks }: ProofIndex): number {
  const arrays = [tree.nodes, dataTree.nodes, lotIds, deviceIndexes, anchors, readingOf];
  const packed = chunks.reduce((sum, { zipped }) => sum + zipped.byteLength, 0);
  return arrays.reduce((sum, { byteLength }) => sum + byteLength, packed);
}

/** The leafIndex of a device by its anchor. */
export function leafOfAnchor({ anchors }: ProofIndex, deviceId: Hex): number | undefined {
  const bytes = Buffer.from(anchors.buffer, anchors.byteOffset, anchors.byteLength);
  const wanted = Buffer.from(deviceId.slice(2), "hex");
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) {
    if (at % 32 === 0) return at / 32;
  }
  return undefined;
}

/** How many leaves stand before a lot's index: where it stands, or would. */
export function leavesBefore({ lotIds, deviceIndexes }: ProofIndex, lotId: bigint, deviceIndex: number): number {
  let low = 0;
  let high = lotIds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const isBefore = lotIds[middle]! < lotId || (lotIds[middle] === lotId && deviceIndexes[middle]! < deviceIndex);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Reads readings and leaves out of an index; unpacks a chunk at a time. */
export function readerOf(index: ProofIndex) {
  let open: { firstReading: number; lines: string[] } | undefined;

  const signedAt = (place: number): SignedReadingJson => {
    const isOpen = open !== undefined && place >= open.firstReading && place < open.firstReading + open.lines.length;
    if (!isOpen) {
      const chunk = index.chunks.findLast(({ firstReading }) => firstReading <= place)!;
      const lines = zstdDecompressSync(chunk.zipped).toString().trimEnd().split("\n");
      open = { firstReading: chunk.firstReading, lines };
    }
    return JSON.parse(open!.lines[place - open!.firstReading]!) as SignedReadingJson;
  };

  let last: { place: number; signed: SignedReadingJson } | undefined;
  return {
    signedAt,
    leafAt(leafIndex: number): DeviceLeafJson {
      const place = index.readingOf[leafIndex]!;
      if (last?.place !== place) last = { place, signed: signedAt(place) };
      const { epoch, lotId, nodeId, sequenceIndex, devices } = last.signed.reading;
      const device = devices.find(({ deviceIndex }) => deviceIndex === index.deviceIndexes[leafIndex])!;
      return { leafIndex, epoch, lotId, nodeId, sequenceIndex, device };
    },
  };
}
