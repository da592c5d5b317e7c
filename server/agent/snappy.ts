import { Refusal, demand } from "../protocol/refusal.ts";

// The block format of snappy, read strictly. snappyjs 0.7.0, which the tests write it with, never ends on a literal
// whose 32-bit length is negative, and takes copies from beyond what it wrote.

function malformed(byteIndex: number): Refusal {
  return new Refusal("Snappy_Malformed", { byteIndex });
}

/** Little-endian bytes as a number; refuses bytes that are not there. */
function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.length) throw malformed(at);
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

/** The length that a block says it has uncompressed, and where the block goes on. */
function readLength(bytes: Uint8Array): { length: number; at: number } {
  let length = 0;
  for (let at = 0; at < 5 && at < bytes.length; at++) {
    const byte = bytes[at]!;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { length, at: at + 1 };
  }
  throw malformed(0);
}

/** Uncompresses a block; refuses one that is no block, or that says it is longer than `maxBytes`, before anything is made. */
export function uncompress(bytes: Uint8Array, maxBytes: number): Buffer {
  const { length, at: start } = readLength(bytes);
  demand(length <= maxBytes, "Snappy_TooLarge", { length, maxBytes });
  const out = Buffer.alloc(length);
  let from = start;
  let to = 0;
  while (from < bytes.length) {
    const tag = bytes[from]!;
    const kind = tag & 3;
    from++;
    let size: number;
    if (kind === 0) {
      const extra = Math.max(0, (tag >> 2) - 59);
      size = (extra === 0 ? tag >> 2 : littleEndian(bytes, from, extra)) + 1;
      from += extra;
      if (from + size > bytes.length || to + size > length) throw malformed(from);
      out.set(bytes.subarray(from, from + size), to);
      from += size;
    } else {
      const width = kind === 3 ? 4 : kind;
      const low = littleEndian(bytes, from, width);
      size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
      const offset = kind === 1 ? low + ((tag >> 5) << 8) : low;
      from += width;
      if (offset === 0 || offset > to || to + size > length) throw malformed(from);
      // Byte by byte: a copy may repeat what it has just written.
      for (let i = 0; i < size; i++) out[to + i] = out[to - offset + i]!;
    }
    to += size;
  }
  if (to !== length) throw malformed(from);
  return out;
}
