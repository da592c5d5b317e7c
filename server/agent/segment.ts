import { crc32 } from "node:zlib";

/** One message of a scrape as the journal keeps it. */
export interface JournalRecord {
  readonly hostname: string;
  readonly atMilliSec: bigint;
  readonly wallEnergyMJ: bigint | undefined;
  /** Lines of the text format, those that count. */
  readonly text: string;
}

/** A record's place in a segment file. */
export interface RecordPlace {
  readonly offset: number;
  readonly length: number;
}

// A segment is its eight first bytes and then records: length of the payload and CRC-32 of it, four bytes each, and the
// payload: time (8), whether there is a wall meter (1) and its energy (8), length of the hostname (2), hostname, text.
export const SEGMENT_MAGIC = Buffer.from("RBJRNL1\n");
const HEADER_BYTES = 8;
const FIXED_BYTES = 19;
/** Largest payload of a record. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** A record in bytes. */
export function encodeRecord({ hostname, atMilliSec, wallEnergyMJ, text }: JournalRecord): Buffer {
  const host = Buffer.from(hostname);
  const body = Buffer.from(text);
  const bytes = Buffer.alloc(HEADER_BYTES + FIXED_BYTES + host.length + body.length);
  const payload = bytes.subarray(HEADER_BYTES);
  payload.writeBigUInt64BE(atMilliSec, 0);
  payload.writeUInt8(wallEnergyMJ === undefined ? 0 : 1, 8);
  payload.writeBigUInt64BE(wallEnergyMJ ?? 0n, 9);
  payload.writeUInt16BE(host.length, 17);
  host.copy(payload, FIXED_BYTES);
  body.copy(payload, FIXED_BYTES + host.length);
  bytes.writeUInt32BE(payload.length, 0);
  bytes.writeUInt32BE(crc32(payload), 4);
  return bytes;
}

/** The record that begins at an offset of a segment; undefined where none begins that is whole and undamaged. */
export function decodeRecord(segment: Buffer, offset: number): (JournalRecord & RecordPlace) | undefined {
  if (segment.length < offset + HEADER_BYTES) return undefined;
  const payloadLength = segment.readUInt32BE(offset);
  if (payloadLength < FIXED_BYTES || payloadLength > MAX_RECORD_BYTES) return undefined;
  const end = offset + HEADER_BYTES + payloadLength;
  if (segment.length < end) return undefined;
  const payload = segment.subarray(offset + HEADER_BYTES, end);
  if (crc32(payload) !== segment.readUInt32BE(offset + 4)) return undefined;
  const hostEnd = FIXED_BYTES + payload.readUInt16BE(17);
  if (hostEnd > payload.length) return undefined;
  return {
    offset,
    length: HEADER_BYTES + payloadLength,
    atMilliSec: payload.readBigUInt64BE(0),
    wallEnergyMJ: payload.readUInt8(8) === 0 ? undefined : payload.readBigUInt64BE(9),
    hostname: payload.toString("utf8", FIXED_BYTES, hostEnd),
    text: payload.toString("utf8", hostEnd),
  };
}
