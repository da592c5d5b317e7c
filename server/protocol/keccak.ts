import { createKeccak } from "hash-wasm";
import { hexOf, type Hex } from "./bytes.ts";

// The WebAssembly module is instantiated once, when this module is loaded; every call after that is synchronous.
const hasher = await createKeccak(256);

/** keccak256 of bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest("binary");
}

/** keccak256 of bytes, in hexadecimal. */
export function keccakHex(bytes: Uint8Array): Hex {
  return hexOf(keccak256(bytes));
}

/** keccak256 of a text's UTF-8 bytes, in hexadecimal. */
export function keccakText(text: string): Hex {
  return keccakHex(new TextEncoder().encode(text));
}
