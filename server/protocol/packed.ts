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

/** A device's hour where it stands in packed bytes. */
class PackedDevice implements DeviceHour {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  get deviceIndex(): number {
    return this.#view.getUint32(this.#at);
  }
  get deviceId(): Hex {
    return hexOf(new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#at + 4, 32));
  }
  get energyStartMJ(): bigint {
    return this.#view.getBigUint64(this.#at + 36);
  }
  get energyEndMJ(): bigint {
    return this.#view.getBigUint64(this.#at + 44);
  }
  get availableSec(): bigint {
    return BigInt(this.#view.getUint32(this.#at + 52));
  }
  get allocatedSec(): bigint {
    return BigInt(this.#view.getUint32(this.#at + 56));
  }
  get curtailedSec(): bigint {
    return BigInt(this.#view.getUint32(this.#at + 60));
  }
  get smActiveMilliSec(): bigint {
    return BigInt(this.#view.getUint32(this.#at + 64));
  }
  get workUnits(): bigint {
    return BigInt(this.#view.getUint32(this.#at + 68));
  }
  get flagsBitmap(): number {
    return this.#view.getUint32(this.#at + 72);
  }
  get droppedCount(): number {
    return this.#view.getUint32(this.#at + 76);
  }
}

/**
 * A reading that stays in its bytes and is read where it is asked: an epoch of 125,000 nodes takes 150 MB so, and ten times
 * as much in numbers.
 */
class PackedReading implements Reading {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = bytes.length < HEADER_BYTES || this.#view.getUint8(0) !== FORM ? 0 : this.#view.getUint16(2);
    const isWhole = count > 0 && bytes.length === HEADER_BYTES + count * DEVICE_BYTES;
    demand(isWhole, "Packed_Malformed", { length: bytes.length, count });
  }

  get nodeId(): bigint {
    return this.#view.getBigUint64(4);
  }
  get lotId(): bigint {
    return this.#view.getBigUint64(12);
  }
  get epoch(): bigint {
    return this.#view.getBigUint64(20);
  }
  get sequenceIndex(): bigint {
    return this.#view.getBigUint64(28);
  }
  get prevReadingHash(): Hex {
    return hexOf(new Uint8Array(this.#view.buffer, this.#view.byteOffset + 36, 32));
  }
  get periodStartAt(): bigint {
    return epochStartAt(this.epoch);
  }
  get periodEndAt(): bigint {
    return epochEndAt(this.epoch);
  }
  get itEnergy(): Reading["itEnergy"] {
    if (this.#view.getUint8(1) === 0) return null;
    return { startMJ: this.#view.getBigUint64(68), endMJ: this.#view.getBigUint64(76) };
  }
  get drops(): Drops {
    return Object.fromEntries(
      DROP_REASONS.map((reason, i) => [reason, this.#view.getUint32(DROPS_AT + 4 * i)]),
    ) as Drops;
  }
  get devices(): readonly DeviceHour[] {
    const devices: DeviceHour[] = [];
    const end = this.#view.byteLength;
    for (let at = HEADER_BYTES; at < end; at += DEVICE_BYTES) devices.push(new PackedDevice(this.#view, at));
    return devices;
  }
}

/** The reading of packed bytes: the inverse of `packReading`. Its fields are read when they are asked for. */
export function unpackReading(bytes: Uint8Array): Reading {
  return new PackedReading(bytes);
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
