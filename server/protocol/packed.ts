import { hexOf, type Hex } from "./bytes.ts";
import { DROP_REASONS, type Drops } from "./drops.ts";
import { parseReading, type DeviceHour, type Reading } from "./reading.ts";
import { Refusal, demand } from "./refusal.ts";
import { epochEndAt, epochStartAt } from "./units.ts";

// A reading in bytes, as the store keeps it: about a quarter of its JSON. It holds what `checkReading` has let pass, whose
// period is its epoch and whose seconds fit 32 bits. All numbers are big-endian:
// form u8 | isItMetered u8 | deviceCount u16 | nodeId, lotId, epoch, sequenceIndex u64 | prevReadingHash |
// itEnergyStartMJ, itEnergyEndMJ u64 | drops u32 each | device: deviceIndex u32 | deviceId | energyStartMJ, energyEndMJ u64 |
// availableSec, allocatedSec, curtailedSec, smActiveMilliSec, workUnits, flagsBitmap, droppedCount u32

const FORM = 1;
const HEADER_BYTES = 4 + 4 * 8 + 32 + 2 * 8 + 4 * DROP_REASONS.length;
const DEVICE_BYTES = 4 + 32 + 2 * 8 + 7 * 4;
const DROPS_AT = HEADER_BYTES - 4 * DROP_REASONS.length;
const BRACE = 0x7b;

/** Where a device's id begins in the bytes of a packed reading. */
export function packedIdAt(place: number): number {
  return HEADER_BYTES + place * DEVICE_BYTES + 4;
}

function putHex(bytes: Uint8Array, at: number, hex: Hex): void {
  for (let i = 0; i < 32; i++)
    bytes[at + i] = (digit(hex.charCodeAt(2 * i + 2)) << 4) | digit(hex.charCodeAt(2 * i + 3));
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

/** The bytes of a checked reading; refuses one whose numbers would not come back as they are. */
export function packReading(reading: Reading): Uint8Array {
  const { nodeId, epoch, itEnergy, drops, devices } = reading;
  const isWhole = reading.periodStartAt === epochStartAt(epoch) && reading.periodEndAt === epochEndAt(epoch);
  demand(isWhole, "Packed_OtherPeriod", { nodeId, epoch });
  const bytes = new Uint8Array(HEADER_BYTES + devices.length * DEVICE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FORM);
  view.setUint8(1, itEnergy === null ? 0 : 1);
  view.setUint16(2, devices.length);
  view.setBigUint64(4, nodeId);
  view.setBigUint64(12, reading.lotId);
  view.setBigUint64(20, epoch);
  view.setBigUint64(28, reading.sequenceIndex);
  putHex(bytes, 36, reading.prevReadingHash);
  view.setBigUint64(68, itEnergy?.startMJ ?? 0n);
  view.setBigUint64(76, itEnergy?.endMJ ?? 0n);
  for (let i = 0; i < DROP_REASONS.length; i++) view.setUint32(DROPS_AT + 4 * i, drops[DROP_REASONS[i]!]);
  for (let place = 0; place < devices.length; place++) {
    const device = devices[place]!;
    const at = HEADER_BYTES + place * DEVICE_BYTES;
    view.setUint32(at, device.deviceIndex);
    putHex(bytes, at + 4, device.deviceId);
    view.setBigUint64(at + 36, device.energyStartMJ);
    view.setBigUint64(at + 44, device.energyEndMJ);
    view.setUint32(at + 52, narrow(device.availableSec, "availableSec"));
    view.setUint32(at + 56, narrow(device.allocatedSec, "allocatedSec"));
    view.setUint32(at + 60, narrow(device.curtailedSec, "curtailedSec"));
    view.setUint32(at + 64, narrow(device.smActiveMilliSec, "smActiveMilliSec"));
    view.setUint32(at + 68, narrow(device.workUnits, "workUnits"));
    view.setUint32(at + 72, device.flagsBitmap);
    view.setUint32(at + 76, device.droppedCount);
  }
  return bytes;
}

function narrow(value: bigint, name: string): number {
  if (value > 0xffff_ffffn) throw new Refusal("Packed_TooWide", { name, value });
  return Number(value);
}

/** The reading of packed bytes: the inverse of `packReading`. */
export function unpackReading(bytes: Uint8Array): Reading {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length < HEADER_BYTES || view.getUint8(0) !== FORM ? 0 : view.getUint16(2);
  const isWhole = count > 0 && bytes.length === HEADER_BYTES + count * DEVICE_BYTES;
  demand(isWhole, "Packed_Malformed", { length: bytes.length, count });
  const epoch = view.getBigUint64(20);
  const devices: DeviceHour[] = [];
  for (let place = 0; place < count; place++) {
    const at = HEADER_BYTES + place * DEVICE_BYTES;
    devices.push({
      deviceIndex: view.getUint32(at),
      deviceId: hexOf(bytes.subarray(at + 4, at + 36)),
      energyStartMJ: view.getBigUint64(at + 36),
      energyEndMJ: view.getBigUint64(at + 44),
      availableSec: BigInt(view.getUint32(at + 52)),
      allocatedSec: BigInt(view.getUint32(at + 56)),
      curtailedSec: BigInt(view.getUint32(at + 60)),
      smActiveMilliSec: BigInt(view.getUint32(at + 64)),
      workUnits: BigInt(view.getUint32(at + 68)),
      flagsBitmap: view.getUint32(at + 72),
      droppedCount: view.getUint32(at + 76),
    });
  }
  return {
    nodeId: view.getBigUint64(4),
    lotId: view.getBigUint64(12),
    epoch,
    sequenceIndex: view.getBigUint64(28),
    prevReadingHash: hexOf(bytes.subarray(36, 68)),
    periodStartAt: epochStartAt(epoch),
    periodEndAt: epochEndAt(epoch),
    itEnergy: view.getUint8(1) === 0 ? null : { startMJ: view.getBigUint64(68), endMJ: view.getBigUint64(76) },
    drops: Object.fromEntries(DROP_REASONS.map((reason, i) => [reason, view.getUint32(DROPS_AT + 4 * i)])) as Drops,
    devices,
  };
}

/** What stands at the head of a packed reading. */
export interface PackedHead {
  readonly nodeId: bigint;
  readonly lotId: bigint;
  readonly epoch: bigint;
  readonly sequenceIndex: bigint;
}

/** The head of a packed reading. */
export function packedHead(bytes: Uint8Array): PackedHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    nodeId: view.getBigUint64(4),
    lotId: view.getBigUint64(12),
    epoch: view.getBigUint64(20),
    sequenceIndex: view.getBigUint64(28),
  };
}

/**
 * Whether a packed reading is plainly the next of its node after another: then `checkFollows` need not be asked. It is not
 * plain where boards come, go or change places, though it may be right.
 */
export function isPlainNext(bytes: Uint8Array, before: Uint8Array, beforeHash: Uint8Array): boolean {
  if (bytes.length !== before.length || bytes[1] !== before[1]) return false;
  const [next, last] = [bytes, before].map((one) => new DataView(one.buffer, one.byteOffset, one.byteLength));
  if (next!.getBigUint64(4) !== last!.getBigUint64(4) || next!.getBigUint64(20) <= last!.getBigUint64(20)) return false;
  if (next!.getBigUint64(28) !== last!.getBigUint64(28) + 1n || !isSame(bytes, 36, beforeHash, 0)) return false;
  if (next!.getBigUint64(68) < last!.getBigUint64(76)) return false;
  for (let at = HEADER_BYTES; at < bytes.length; at += DEVICE_BYTES) {
    if (!isSame(bytes, at + 4, before, at + 4)) return false;
    if (next!.getBigUint64(at + 36) < last!.getBigUint64(at + 44)) return false;
  }
  return true;
}

function isSame(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < 32; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** The reading that the store keeps: packed, or the JSON text of an earlier version of the program. */
export function readingOfBody(body: Uint8Array): Reading {
  return body[0] === BRACE ? parseReading(JSON.parse(new TextDecoder().decode(body))) : unpackReading(body);
}

/** What the store keeps, in the packed form. */
export function packedBody(body: Uint8Array): Uint8Array {
  return body[0] === BRACE ? packReading(readingOfBody(body)) : body;
}
