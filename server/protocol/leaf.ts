import { Words, hexOf, type Hex } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";
import type { DeviceHour } from "./reading.ts";

// A leaf is four words, hashed twice. Four words are one keccak block, and being neither 32 nor 64 bytes they can never
// be an inner node. The first word or its top lane is the kind, so a leaf of one tree is none of another.

/** A registered device: kind | index | identity anchor | node key hash, a word each. */
const KIND_IDENTITY = 1;
/** What one device did in one epoch. */
const KIND_DEVICE_HOUR = 2;
/** One node's signed reading, as published. */
const KIND_READING = 3;
/** The state that a report leaves, as published: the last leaf after the readings. */
const KIND_STATE = 4;

/** A device's place in its lot's identity tree. */
export interface IdentityLeaf {
  readonly index: number;
  readonly anchor: Hex;
  readonly nodeKeyHash: Hex;
}

/** A device's hour at its place in the tree of a report. */
export interface DeviceLeaf {
  readonly leafIndex: number;
  readonly epoch: bigint;
  readonly lotId: bigint;
  readonly nodeId: bigint;
  readonly sequenceIndex: bigint;
  readonly device: DeviceHour;
}

/** A reading's place in the tree of published readings, with its node's signature (64 bytes, r ‖ s). */
export interface ReadingLeaf {
  readonly leafIndex: number;
  readonly epoch: bigint;
  readonly lotId: bigint;
  readonly nodeId: bigint;
  readonly readingHash: Hex;
  readonly signature: Hex;
}

/** The state's place behind the readings, with the hash of the published file's first line. */
export interface StateLeaf {
  readonly leafIndex: number;
  readonly epoch: bigint;
  readonly lineHash: Hex;
}

const words = new Words(4);

function hashTwice(): Uint8Array {
  return keccak256(keccak256(words.bytes));
}

// kind u32 | leafIndex u32 | epoch u64 | lotId u64 | nodeId u64
function putHeader(kind: number, leaf: { leafIndex: number; epoch: bigint; lotId: bigint; nodeId: bigint }): void {
  words.putU32(0, kind);
  words.putU32(4, leaf.leafIndex);
  words.putU64(8, leaf.epoch);
  words.putU64(16, leaf.lotId);
  words.putU64(24, leaf.nodeId);
}

/** Hash of an identity leaf: abi.encode(uint256 kind, uint256 index, bytes32 anchor, bytes32 nodeKeyHash), twice. */
export function identityLeafHash(leaf: IdentityLeaf): Uint8Array {
  words.putWord(0, BigInt(KIND_IDENTITY));
  words.putWord(1, BigInt(leaf.index));
  words.putBytes32(2, leaf.anchor);
  words.putBytes32(3, leaf.nodeKeyHash);
  return hashTwice();
}

/**
 * Hash of a device-hour leaf: abi.encode of
 * header (kind u32 | leafIndex u32 | epoch u64 | lotId u64 | nodeId u64), deviceId,
 * energyStartMJ u64 | energyEndMJ u64 | workUnits u64 | deviceIndex u32 | droppedCount u32,
 * availableSec u32 | allocatedSec u32 | curtailedSec u32 | flagsBitmap u32 | smActiveMilliSec u64 | sequenceIndex u64,
 * most significant first, hashed twice.
 */
export function deviceLeafHash(leaf: DeviceLeaf): Uint8Array {
  putDeviceLeaf(leaf);
  return hashTwice();
}

/** The 128 bytes that a device-hour leaf is the hash of. */
export function deviceLeafBytes(leaf: DeviceLeaf): Uint8Array {
  putDeviceLeaf(leaf);
  return words.bytes.slice();
}

/** The hash of such bytes with another leafIndex, which is written into them. */
export function placedLeafHash(bytes: Uint8Array, leafIndex: number): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, leafIndex);
  return keccak256(keccak256(bytes));
}

function putDeviceLeaf(leaf: DeviceLeaf): void {
  const { device } = leaf;
  putHeader(KIND_DEVICE_HOUR, leaf);
  words.putBytes32(1, device.deviceId);
  words.putU64(64, device.energyStartMJ);
  words.putU64(72, device.energyEndMJ);
  words.putU64(80, device.workUnits);
  words.putU32(88, device.deviceIndex);
  words.putU32(92, device.droppedCount);
  words.putU32(96, Number(device.availableSec));
  words.putU32(100, Number(device.allocatedSec));
  words.putU32(104, Number(device.curtailedSec));
  words.putU32(108, device.flagsBitmap);
  words.putU64(112, device.smActiveMilliSec);
  words.putU64(120, leaf.sequenceIndex);
}

/** Hash of a reading leaf: abi.encode(header, readingHash, signature r, signature s), hashed twice. */
export function readingLeafHash(leaf: ReadingLeaf): Uint8Array {
  putReadingLeaf(leaf);
  return hashTwice();
}

/** The 128 bytes that a reading leaf is the hash of. */
export function readingLeafBytes(leaf: ReadingLeaf): Uint8Array {
  putReadingLeaf(leaf);
  return words.bytes.slice();
}

function putReadingLeaf(leaf: ReadingLeaf): void {
  putHeader(KIND_READING, leaf);
  words.putBytes32(1, leaf.readingHash);
  words.putBytes32(2, leaf.signature.slice(0, 66) as Hex);
  words.putBytes32(3, `0x${leaf.signature.slice(66)}`);
}

/** Hash of a state leaf: abi.encode(header with lot and node 0, keccak256 of the file's first line, 0, 0), hashed twice. */
export function stateLeafHash(leaf: StateLeaf): Uint8Array {
  putHeader(KIND_STATE, { ...leaf, lotId: 0n, nodeId: 0n });
  words.putBytes32(1, leaf.lineHash);
  words.putWord(2, 0n);
  words.putWord(3, 0n);
  return hashTwice();
}

/** Leaf hashes side by side, as the tree takes them. */
export function leafHashes<T>(leaves: readonly T[], hash: (leaf: T) => Uint8Array): Uint8Array {
  const bytes = new Uint8Array(32 * leaves.length);
  leaves.forEach((leaf, i) => bytes.set(hash(leaf), 32 * i));
  return bytes;
}

/** A leaf hash in hexadecimal. */
export function leafHex<T>(leaf: T, hash: (leaf: T) => Uint8Array): Hex {
  return hexOf(hash(leaf));
}
