import { Refusal } from "./refusal.ts";

/** 0x-prefixed lower-case hexadecimal. */
export type Hex = `0x${string}`;

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const BYTES32 = /^0x[0-9a-f]{64}$/;

/** Thirty-two zero bytes. */
export const ZERO_BYTES32: Hex = `0x${"0".repeat(64)}`;

/** Lower-case hexadecimal of bytes. */
export function hexOf(bytes: Uint8Array): Hex {
  let text = "";
  for (const byte of bytes) text += HEX_OF_BYTE[byte]!;
  return `0x${text}`;
}

/** Bytes of canonical hexadecimal; refuses upper case, odd lengths and a missing prefix. */
export function bytesOf(hex: string): Uint8Array {
  if (!/^0x([0-9a-f]{2})*$/.test(hex)) throw new Refusal("Hex_NotCanonical", { text: hex.slice(0, 80) });
  const bytes = new Uint8Array(hex.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (nibble(hex.charCodeAt(2 * i + 2)) << 4) | nibble(hex.charCodeAt(2 * i + 3));
  }
  return bytes;
}

/** The text as a bytes32; refuses anything but 0x and 64 lower-case digits. */
export function bytes32(text: string, name: string): Hex {
  if (!BYTES32.test(text)) throw new Refusal("Hex_NotBytes32", { name, text: text.slice(0, 80) });
  return text as Hex;
}

function nibble(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

/** A buffer of 32-byte big-endian words: what abi.encode makes of static values. */
export class Words {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(wordCount: number) {
    this.bytes = new Uint8Array(32 * wordCount);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Puts a value of at most 64 bits at a byte offset as eight bytes. */
  putU64(offset: number, value: bigint): void {
    this.#view.setBigUint64(offset, value);
  }

  /** Puts a value of at most 32 bits at a byte offset as four bytes. */
  putU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value);
  }

  /** Puts a value of at most 64 bits into a whole word. */
  putWord(word: number, value: bigint): void {
    this.#view.setBigUint64(32 * word, 0n);
    this.#view.setBigUint64(32 * word + 8, 0n);
    this.#view.setBigUint64(32 * word + 16, 0n);
    this.#view.setBigUint64(32 * word + 24, value);
  }

  /** Puts a canonical bytes32 into a word. */
  putBytes32(word: number, hex: Hex): void {
    for (let i = 0; i < 32; i++) {
      const high = nibble(hex.charCodeAt(2 * i + 2));
      this.bytes[32 * word + i] = (high << 4) | nibble(hex.charCodeAt(2 * i + 3));
    }
  }

  /** Puts thirty-two raw bytes into a word. */
  putRaw(word: number, raw: Uint8Array): void {
    this.bytes.set(raw, 32 * word);
  }
}

/** The letters of a country code, as the contracts have it: two bytes. */
export function countryText(code: string): string {
  return String.fromCharCode(...[2, 4].map((at) => Number.parseInt(code.slice(at, at + 2), 16)));
}
