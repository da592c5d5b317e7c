import { bytesOf, type Hex } from "./bytes.ts";
import { Refusal } from "./refusal.ts";

// A node signs the 32 bytes of its reading's hash with ECDSA over P-256 and SHA-256 (as node:crypto, WebCrypto and TPMs
// do), so a contract verifies (sha256(readingHash), r, s). Of the two signatures (r, s) and (r, n − s) only the one with
// s ≤ n/2 is accepted, as OpenZeppelin's P256 does: nobody can make a second one out of it.

/** Order of the P-256 group. */
export const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SIGNATURE = /^0x[0-9a-f]{128}$/;

/** r and s of a node signature: 64 bytes, r ‖ s, both in range and s in the lower half; or a refusal. */
export function parseNodeSignature(signature: string): { r: bigint; s: bigint } {
  if (!SIGNATURE.test(signature)) throw new Refusal("Signature_Malformed", { text: signature.slice(0, 140) });
  const r = BigInt(signature.slice(0, 66));
  const s = BigInt(`0x${signature.slice(66)}`);
  if (r === 0n || r >= P256_ORDER || s === 0n || s >= P256_ORDER) throw new Refusal("Signature_OutOfRange", { r, s });
  if (s > P256_ORDER >> 1n) throw new Refusal("Signature_HighS", { s });
  return { r, s };
}

/** The same signature with s in the lower half: what a signer does with its library's answer. */
export function lowerS(signature: Hex): Hex {
  if (!SIGNATURE.test(signature)) throw new Refusal("Signature_Malformed", { text: signature.slice(0, 140) });
  const s = BigInt(`0x${signature.slice(66)}`);
  const lower = s > P256_ORDER >> 1n ? P256_ORDER - s : s;
  return `${signature.slice(0, 66)}${lower.toString(16).padStart(64, "0")}` as Hex;
}

/** The bytes that a node signs (its signature algorithm hashes them with SHA-256). */
export function signedBytes(readingHash: Hex): Uint8Array {
  return bytesOf(readingHash);
}

/** Whether a signature is over the hash by the key of a registered point; for browsers, which have no node:crypto. */
export async function isSignedByPoint(point: { x: Hex; y: Hex }, readingHash: Hex, signature: Hex): Promise<boolean> {
  parseNodeSignature(signature);
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const raw = new Uint8Array([4, ...bytesOf(point.x), ...bytesOf(point.y)]);
  const key = await crypto.subtle.importKey("raw", raw, algorithm, false, ["verify"]);
  const signed = new Uint8Array(signedBytes(readingHash));
  return await crypto.subtle.verify(
    { name: "ECDSA", hash: "SHA-256" },
    key,
    new Uint8Array(bytesOf(signature)),
    signed,
  );
}
