import { bytesOf, type Hex } from "./bytes.ts";
import { keccakHex, keccakText } from "./keccak.ts";
import { Refusal } from "./refusal.ts";

const UUID = /^(?:GPU-)?([0-9A-F]{8})-?([0-9A-F]{4})-?([0-9A-F]{4})-?([0-9A-F]{4})-?([0-9A-F]{12})$/;
const SERIAL = /^[0-9A-Z](?:[0-9A-Z._-]{4,126}[0-9A-Z])$/;

/**
 * The one spelling of a board's unique id: compatibility-normalised (NFKC), trimmed, upper case; a UUID always as
 * GPU-8-4-4-4-12. What is not plain ASCII after that (a look-alike letter, a zero-width mark) is refused, and so is a
 * MIG slice, which is no board.
 */
export function canonicalDeviceName(text: string): string {
  const name = text.normalize("NFKC").trim().toUpperCase();
  const uuid = UUID.exec(name);
  if (uuid !== null) return `GPU-${uuid.slice(1).join("-")}`;
  if (!SERIAL.test(name) || name.startsWith("MIG-")) {
    throw new Refusal("Device_BadName", { name: JSON.stringify(text.slice(0, 80)) });
  }
  return name;
}

/** A device's identity anchor: keccak256 of the canonical name's bytes. */
export function identityAnchor(text: string): Hex {
  return keccakText(canonicalDeviceName(text));
}

/** keccak256 of a P-256 public key's coordinates, x ‖ y. */
export function nodeKeyHash(x: Hex, y: Hex): Hex {
  const bytes = new Uint8Array(64);
  for (const [at, coordinate] of [[0, x] as const, [32, y] as const]) {
    const raw = bytesOf(coordinate);
    if (raw.length !== 32) throw new Refusal("NodeKey_BadCoordinate", { length: raw.length });
    bytes.set(raw, at);
  }
  return keccakHex(bytes);
}
