import { createPublicKey, sign, verify, type KeyObject } from "node:crypto";

import { bytesOf, hexOf, type Hex } from "./protocol/bytes.ts";
import type { NodePoint } from "./protocol/nodePoint.ts";
import { lowerS, parseNodeSignature, signedBytes } from "./protocol/signature.ts";

/** The public point of a private or public P-256 key. */
export function pointOf(key: KeyObject): NodePoint {
  const { x, y } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return { x: coordinate(x), y: coordinate(y) };
}

/** The public key of a point; throws when it is not on the curve. */
export function keyOf(point: NodePoint): KeyObject {
  const text = (hex: Hex) => Buffer.from(bytesOf(hex)).toString("base64url");
  return createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x: text(point.x), y: text(point.y) } });
}

/** A node's signature over a reading's hash: ECDSA with SHA-256, 64 bytes r ‖ s, s in the lower half. */
export function signReading(key: KeyObject, readingHash: Hex): Hex {
  return lowerS(hexOf(sign("sha256", signedBytes(readingHash), { key, dsaEncoding: "ieee-p1363" })));
}

/** Whether a signature is the node's over the hash; a malformed or high-s signature is refused. */
export function isSignedBy(key: KeyObject, readingHash: Hex, signature: Hex): boolean {
  parseNodeSignature(signature);
  return verify("sha256", signedBytes(readingHash), { key, dsaEncoding: "ieee-p1363" }, bytesOf(signature));
}

function coordinate(text: unknown): Hex {
  return hexOf(Buffer.from(String(text), "base64url"));
}
