import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { Words, bytes32, bytesOf, type Hex } from "./bytes.ts";
import { DROP_REASONS, type Drops } from "./drops.ts";
import { keccak256, keccakHex, keccakText } from "./keccak.ts";
import { Refusal, demand } from "./refusal.ts";
import { parseU64 } from "./units.ts";
import { domainSeparator } from "./typed.ts";

// Ids, times and counters are decimal strings (64 bits do not fit a JSON number); counts, indices and bitmaps are
// integers below 2^32. Unknown fields are refused: what a node signed is exactly what it sent.

/** Energy was integrated from power readings, since the board has no energy counter. */
export const FLAG_ENERGY_INTEGRATED = 1;
/** SM-active time was measured as graphics-engine-active time. */
export const FLAG_SM_FROM_ENGINE = 2;
/** SM-active time was not measured; it counts as 0. */
export const FLAG_SM_UNKNOWN = 4;
/** The board's energy counter restarted during the epoch. */
export const FLAG_COUNTER_RESET = 8;
/** Every flag there is. */
export const FLAGS_MASK = 15;
/** Devices that one node can report. */
export const MAX_DEVICES = 256;

const strict = { additionalProperties: false };
const Decimal = Type.String({ pattern: "^(0|[1-9][0-9]{0,19})$", description: "unsigned 64-bit integer" });
const Bytes32 = Type.String({ pattern: "^0x[0-9a-f]{64}$" });
const Count = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });

/** One device's hour: energy counter at the start and the end, seconds, work done. */
export const DeviceHourSchema = Type.Object(
  {
    deviceIndex: Count,
    deviceId: Bytes32,
    energyStartMJ: Decimal,
    energyEndMJ: Decimal,
    availableSec: Decimal,
    allocatedSec: Decimal,
    smActiveMilliSec: Decimal,
    curtailedSec: Decimal,
    workUnits: Decimal,
    flagsBitmap: Type.Integer({ minimum: 0, maximum: FLAGS_MASK }),
    droppedCount: Count,
  },
  strict,
);

/** One node's statement for one epoch. IT energy is the node's own power meter; both null where it has none. */
export const ReadingSchema = Type.Object(
  {
    version: Type.Literal(1),
    nodeId: Decimal,
    lotId: Decimal,
    epoch: Decimal,
    sequenceIndex: Decimal,
    prevReadingHash: Bytes32,
    periodStartAt: Decimal,
    periodEndAt: Decimal,
    itEnergyStartMJ: Type.Union([Decimal, Type.Null()]),
    itEnergyEndMJ: Type.Union([Decimal, Type.Null()]),
    drops: Type.Object(
      Object.fromEntries(DROP_REASONS.map((reason) => [reason, Count])) as Record<keyof Drops, typeof Count>,
      strict,
    ),
    devices: Type.Array(DeviceHourSchema, { minItems: 1, maxItems: MAX_DEVICES }),
  },
  strict,
);

/** A reading and its node's P-256 signature, 64 bytes. */
export const SignedReadingSchema = Type.Object(
  { reading: ReadingSchema, signature: Type.String({ pattern: "^0x[0-9a-f]{128}$" }) },
  strict,
);

export type ReadingJson = Type.Static<typeof ReadingSchema>;
export type DeviceHourJson = Type.Static<typeof DeviceHourSchema>;
export type SignedReadingJson = Type.Static<typeof SignedReadingSchema>;

/** One device's hour, in numbers. */
export interface DeviceHour {
  readonly deviceIndex: number; // in the lot's identity tree
  readonly deviceId: Hex; // identity anchor
  readonly energyStartMJ: bigint;
  readonly energyEndMJ: bigint;
  readonly availableSec: bigint;
  readonly allocatedSec: bigint;
  readonly smActiveMilliSec: bigint;
  readonly curtailedSec: bigint;
  readonly workUnits: bigint;
  readonly flagsBitmap: number;
  readonly droppedCount: number;
}

/** One node's statement for one epoch, in numbers. */
export interface Reading {
  readonly nodeId: bigint;
  readonly lotId: bigint;
  readonly epoch: bigint;
  readonly sequenceIndex: bigint;
  readonly prevReadingHash: Hex;
  readonly periodStartAt: bigint;
  readonly periodEndAt: bigint;
  readonly itEnergy: { readonly startMJ: bigint; readonly endMJ: bigint } | null;
  readonly drops: Drops;
  readonly devices: readonly DeviceHour[];
}

const readingValidator = Compile(ReadingSchema);

// Ids, epochs and places in a node's chain are kept in signed 64-bit columns.
const I63_MAX = (1n << 63n) - 1n;

function parsePlace(text: string, name: string): bigint {
  const value = parseU64(text, name);
  demand(value <= I63_MAX, "Reading_PlaceTooLarge", { name, value });
  return value;
}

/** A device's hour out of JSON that its schema passed. */
export function parseDevice(json: DeviceHourJson): DeviceHour {
  const { deviceIndex, droppedCount, flagsBitmap } = json;
  if (Object.is(deviceIndex, -0) || Object.is(droppedCount, -0) || Object.is(flagsBitmap, -0))
    throw new Refusal("Reading_NegativeZero", { deviceIndex });
  return {
    deviceIndex: json.deviceIndex,
    deviceId: bytes32(json.deviceId, "deviceId"),
    energyStartMJ: parseU64(json.energyStartMJ, "energyStartMJ"),
    energyEndMJ: parseU64(json.energyEndMJ, "energyEndMJ"),
    availableSec: parseU64(json.availableSec, "availableSec"),
    allocatedSec: parseU64(json.allocatedSec, "allocatedSec"),
    smActiveMilliSec: parseU64(json.smActiveMilliSec, "smActiveMilliSec"),
    curtailedSec: parseU64(json.curtailedSec, "curtailedSec"),
    workUnits: parseU64(json.workUnits, "workUnits"),
    flagsBitmap: json.flagsBitmap,
    droppedCount: json.droppedCount,
  };
}

/** A reading out of JSON; refuses what the schema does not allow and what does not fit 64 bits. */
export function parseReading(json: unknown): Reading {
  if (!readingValidator.Check(json)) {
    const [first] = readingValidator.Errors(json);
    throw new Refusal("Reading_Malformed", { at: first?.instancePath ?? "", rule: first?.message ?? "" });
  }
  const { itEnergyStartMJ: startMJ, itEnergyEndMJ: endMJ } = json;
  demand((startMJ === null) === (endMJ === null), "Reading_HalfItEnergy", { nodeId: json.nodeId });
  return {
    nodeId: parsePlace(json.nodeId, "nodeId"),
    lotId: parsePlace(json.lotId, "lotId"),
    epoch: parsePlace(json.epoch, "epoch"),
    sequenceIndex: parsePlace(json.sequenceIndex, "sequenceIndex"),
    prevReadingHash: bytes32(json.prevReadingHash, "prevReadingHash"),
    periodStartAt: parseU64(json.periodStartAt, "periodStartAt"),
    periodEndAt: parseU64(json.periodEndAt, "periodEndAt"),
    itEnergy:
      startMJ === null || endMJ === null
        ? null
        : { startMJ: parseU64(startMJ, "itEnergyStartMJ"), endMJ: parseU64(endMJ, "itEnergyEndMJ") },
    drops: json.drops,
    devices: json.devices.map(parseDevice),
  };
}

/** The JSON form of a reading: the inverse of `parseReading`. */
export function readingJson(reading: Reading): ReadingJson {
  const { itEnergy, drops, devices, nodeId, lotId, epoch, sequenceIndex, periodStartAt, periodEndAt } = reading;
  return {
    version: 1,
    nodeId: String(nodeId),
    lotId: String(lotId),
    epoch: String(epoch),
    sequenceIndex: String(sequenceIndex),
    prevReadingHash: reading.prevReadingHash,
    periodStartAt: String(periodStartAt),
    periodEndAt: String(periodEndAt),
    itEnergyStartMJ: itEnergy === null ? null : String(itEnergy.startMJ),
    itEnergyEndMJ: itEnergy === null ? null : String(itEnergy.endMJ),
    drops: { ...drops },
    devices: devices.map((device) => ({
      deviceIndex: device.deviceIndex,
      deviceId: device.deviceId,
      energyStartMJ: String(device.energyStartMJ),
      energyEndMJ: String(device.energyEndMJ),
      availableSec: String(device.availableSec),
      allocatedSec: String(device.allocatedSec),
      smActiveMilliSec: String(device.smActiveMilliSec),
      curtailedSec: String(device.curtailedSec),
      workUnits: String(device.workUnits),
      flagsBitmap: device.flagsBitmap,
      droppedCount: device.droppedCount,
    })),
  };
}

// What a node signs is no JSON but the EIP-712 hash of these types, so that a contract can recompute it. They are
// written out by word below, since bulk ingest hashes some ten structs per reading.
const DEVICE_TYPE =
  "DeviceHour(uint32 deviceIndex,bytes32 deviceId,uint64 energyStartMJ,uint64 energyEndMJ,uint64 availableSec," +
  "uint64 allocatedSec,uint64 smActiveMilliSec,uint64 curtailedSec,uint64 workUnits,uint32 flagsBitmap," +
  "uint32 droppedCount)";
const DROPS_TYPE = `Drops(${DROP_REASONS.map((reason) => `uint32 ${reason}`).join(",")})`;
/** encodeType of a reading. */
export const READING_TYPE =
  "Reading(uint64 nodeId,uint64 lotId,uint64 epoch,uint64 sequenceIndex,bytes32 prevReadingHash,uint64 periodStartAt," +
  "uint64 periodEndAt,bool isItMetered,uint64 itEnergyStartMJ,uint64 itEnergyEndMJ,Drops drops,DeviceHour[] devices)" +
  DEVICE_TYPE +
  DROPS_TYPE;

const DEVICE_TYPEHASH = keccakText(DEVICE_TYPE);
const DROPS_TYPEHASH = keccakText(DROPS_TYPE);
const READING_TYPEHASH = keccakText(READING_TYPE);

const deviceWords = new Words(12);
const dropsWords = new Words(1 + DROP_REASONS.length);
const readingWords = new Words(13);
const digestBytes = new Uint8Array(66);

// Each buffer below is of one type, so what never changes is put once, and of a number's word only the lower half.
deviceWords.putBytes32(0, DEVICE_TYPEHASH);
dropsWords.putBytes32(0, DROPS_TYPEHASH);
readingWords.putBytes32(0, READING_TYPEHASH);

function deviceHash(device: DeviceHour): Uint8Array {
  deviceWords.putU32(60, device.deviceIndex);
  deviceWords.putBytes32(2, device.deviceId);
  deviceWords.putU64(120, device.energyStartMJ);
  deviceWords.putU64(152, device.energyEndMJ);
  deviceWords.putU64(184, device.availableSec);
  deviceWords.putU64(216, device.allocatedSec);
  deviceWords.putU64(248, device.smActiveMilliSec);
  deviceWords.putU64(280, device.curtailedSec);
  deviceWords.putU64(312, device.workUnits);
  deviceWords.putU32(348, device.flagsBitmap);
  deviceWords.putU32(380, device.droppedCount);
  return keccak256(deviceWords.bytes);
}

function dropsHash(drops: Drops): Uint8Array {
  for (let i = 0; i < DROP_REASONS.length; i++) dropsWords.putU32(60 + 32 * i, drops[DROP_REASONS[i]!]);
  return keccak256(dropsWords.bytes);
}

function devicesHash(devices: readonly DeviceHour[]): Uint8Array {
  const hashes = new Uint8Array(32 * devices.length);
  devices.forEach((device, i) => hashes.set(deviceHash(device), 32 * i));
  return keccak256(hashes);
}

/** The domain that readings are signed in: one chain, one telemetry contract. */
export function readingDomain(chainId: bigint, telemetry: string): Hex {
  return domainSeparator({ name: "Rackbond Reading", version: "1", chainId, verifyingContract: telemetry });
}

/** A reading's hash: the EIP-712 digest in its domain. The node signs these 32 bytes; the next reading names them. */
export function readingHash(domain: Hex, reading: Reading): Hex {
  readingWords.putWord(1, reading.nodeId);
  readingWords.putWord(2, reading.lotId);
  readingWords.putWord(3, reading.epoch);
  readingWords.putWord(4, reading.sequenceIndex);
  readingWords.putBytes32(5, reading.prevReadingHash);
  readingWords.putWord(6, reading.periodStartAt);
  readingWords.putWord(7, reading.periodEndAt);
  readingWords.putWord(8, reading.itEnergy === null ? 0n : 1n);
  readingWords.putWord(9, reading.itEnergy?.startMJ ?? 0n);
  readingWords.putWord(10, reading.itEnergy?.endMJ ?? 0n);
  readingWords.putRaw(11, dropsHash(reading.drops));
  readingWords.putRaw(12, devicesHash(reading.devices));
  digestBytes.set([0x19, 0x01]);
  digestBytes.set(bytesOf(domain), 2);
  digestBytes.set(keccak256(readingWords.bytes), 34);
  return keccakHex(digestBytes);
}
