import type { Hex } from "./bytes.ts";
import { Refusal, demand } from "./refusal.ts";

// The public point of a node key, as a list of hosts gives it.

/** The public point of a P-256 key, 32 bytes each: what the registry holds. */
export interface NodePoint {
  readonly x: Hex;
  readonly y: Hex;
}

/** The most that a public key's file may be. */
export const MAX_KEY_FILE_BYTES = 8192;

const POINT = /^0x(?:04)?([0-9a-f]{64})([0-9a-f]{64})$/;
const PEM = /-----BEGIN PUBLIC KEY-----([0-9A-Za-z+/=\s]+)-----END PUBLIC KEY-----/;
// SubjectPublicKeyInfo of an uncompressed point: id-ecPublicKey on prime256v1.
const SPKI_PREFIX = "3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04";
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** Whether a point is one of P-256: y² = x³ − 3x + b. */
export function isOnCurve({ x, y }: NodePoint): boolean {
  const [px, py] = [BigInt(x), BigInt(y)];
  return px < P && py < P && (py * py - (px * px * px - 3n * px + B)) % P === 0n;
}

/** A point from its text: 0x and 128 digits, x then y (after 04, where that is written). */
export function pointOfText(text: string): NodePoint {
  const match = POINT.exec(text.toLowerCase());
  demand(match !== null, "NodeKey_NotPoint", { text: text.slice(0, 80) });
  return onCurve({ x: `0x${match[1]!}`, y: `0x${match[2]!}` });
}

/** The text that `pointOfText` reads. */
export function textOfPoint({ x, y }: NodePoint): Hex {
  return `${x}${y.slice(2)}`;
}

/** The point of a public key's PEM file, as `openssl ec -pubout` writes it; refuses a private key. */
export function pointOfPem(pem: string): NodePoint {
  demand(pem.length <= MAX_KEY_FILE_BYTES, "NodeKey_TooLong", { length: pem.length, maxLength: MAX_KEY_FILE_BYTES });
  if (pem.includes("PRIVATE KEY")) throw new Refusal("NodeKey_Private", { expected: "the public key" });
  const encoded = PEM.exec(pem)?.[1];
  if (encoded === undefined) throw new Refusal("NodeKey_NotPem", { length: pem.length });
  let bytes: string;
  try {
    bytes = atob(encoded.replace(/\s/g, ""));
  } catch {
    throw new Refusal("NodeKey_NotPem", { length: pem.length });
  }
  let digits = "";
  for (let at = 0; at < bytes.length; at++) digits += bytes.charCodeAt(at).toString(16).padStart(2, "0");
  const isPlain = digits.startsWith(SPKI_PREFIX) && digits.length === SPKI_PREFIX.length + 128;
  demand(isPlain, "NodeKey_OtherKey", { expected: "an uncompressed point of P-256" });
  return pointOfText(`0x${digits.slice(SPKI_PREFIX.length)}`);
}

function onCurve(point: NodePoint): NodePoint {
  demand(isOnCurve(point), "NodeKey_OffCurve", { x: point.x, y: point.y });
  return point;
}
