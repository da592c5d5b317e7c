import { createPublicKey } from "node:crypto";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { Signature, computeAddress, recoverAddress } from "ethers";

import { Failure, codeOf } from "../failure.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import { keccak256 } from "../protocol/keccak.ts";
import type { KeySigner } from "./key.ts";

/** A secp256k1 key that something else keeps: a key management service, a hardware module. */
export interface DigestSource {
  /** DER (SubjectPublicKeyInfo), as key management services give it, or the 65 bytes of the point. */
  readonly publicKey: Uint8Array;
  /** The ECDSA signature over 32 bytes as they are: DER, or r ‖ s of 32 bytes each; s may be high. */
  signDigest(digest: Uint8Array): Promise<Uint8Array>;
  /** Ends what the source holds open. */
  close?(): Promise<void>;
}

export const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A signer over a source of signatures, none of which leaves unless it is the key's. `what` names the source in failures. */
export function externalSigner(source: DigestSource, what: string): KeySigner {
  const address = addressOf(source.publicKey, what);
  return {
    address,
    async sign(preimage) {
      const digest = keccak256(preimage);
      const { r, s } = parseEcdsa(await source.signDigest(digest), SECP256K1_ORDER, what);
      return compactOf(digest, r, s, address, what);
    },
    close: async () => await source.close?.(),
  };
}

/** The signer whose source a JavaScript module opens: its default export is a function that gives a `DigestSource`. */
export async function moduleSigner(file: string): Promise<KeySigner> {
  const what = `the key module ${file}`;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile()) throw new Failure("Key_Unreadable", `${what} is no file`);
  if (process.getuid !== undefined && (found.mode & 0o022) !== 0)
    throw new Failure("Key_FileOpen", `${what} can be written by others: chmod go-w ${file}`);
  try {
    const { default: open } = (await import(pathToFileURL(resolve(file)).href)) as {
      default: () => Promise<DigestSource>;
    };
    return externalSigner(await open(), what);
  } catch (error) {
    if (error instanceof Failure) throw error;
    // What a foreign module says may hold its credentials.
    throw new Failure(
      "Key_Module",
      `${what} does not open: ${codeOf(error) ?? (error as Error | null)?.name ?? "unknown"}`,
    );
  }
}

/** The address of a public key, in DER or as a point. */
export function addressOf(publicKey: Uint8Array, what: string): string {
  const isPoint = publicKey.length === 65 && publicKey[0] === 4;
  try {
    return computeAddress(hexOf(isPoint ? publicKey : pointOfSpki(publicKey, "secp256k1", what)));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("Key_BadPublicKey", `${what}: the public key is not on secp256k1`);
  }
}

/** The 65 bytes of the point in a SubjectPublicKeyInfo; refuses another curve. */
export function pointOfSpki(der: Uint8Array, curve: "secp256k1" | "P-256", what: string): Uint8Array {
  try {
    const { crv, x, y } = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }).export({
      format: "jwk",
    });
    if (crv === curve && x !== undefined && y !== undefined)
      return Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  } catch {
    // Said below.
  }
  throw new Failure("Key_BadPublicKey", `${what}: the public key is no SubjectPublicKeyInfo of ${curve}`);
}

/** r and s of an ECDSA signature in DER, or of fixed length, with s in the lower half. */
export function parseEcdsa(signature: Uint8Array, order: bigint, what: string): { r: bigint; s: bigint } {
  const bad = () => new Failure("Key_BadSignature", `${what}: the answer is no ECDSA signature`);
  const [r, s] =
    signature.length === 64
      ? [BigInt(hexOf(signature.subarray(0, 32))), BigInt(hexOf(signature.subarray(32)))]
      : derIntegers(signature, bad);
  if (r <= 0n || r >= order || s <= 0n || s >= order) throw bad();
  return { r, s: s > order >> 1n ? order - s : s };
}

// SEQUENCE of two INTEGERs, each of at most 33 bytes, in DER's one form: lengths below 128, no needless zero, none negative.
function derIntegers(der: Uint8Array, bad: () => Failure): [bigint, bigint] {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) throw bad();
  let at = 2;
  const integer = () => {
    const length = der[at + 1];
    const bytes = der.subarray(at + 2, at + 2 + (length ?? 0));
    if (der[at] !== 2 || length === undefined || length === 0 || length > 33 || bytes.length !== length) throw bad();
    if (bytes[0]! >= 128 || (bytes[0] === 0 && (bytes[1] ?? 0) < 128)) throw bad();
    at += 2 + length;
    return BigInt(hexOf(bytes));
  };
  const integers: [bigint, bigint] = [integer(), integer()];
  if (at !== der.length) throw bad();
  return integers;
}

/** The EIP-2098 form: of the two parities the one under which the signature is the key's; none is refused. */
export function compactOf(digest: Uint8Array, r: bigint, s: bigint, address: string, what: string): Hex {
  const word = (value: bigint) => `0x${value.toString(16).padStart(64, "0")}`;
  for (const yParity of [0, 1] as const) {
    const signature = Signature.from({ r: word(r), s: word(s), yParity });
    try {
      if (recoverAddress(digest, signature) === address) return signature.compactSerialized as Hex;
    } catch {
      // No point has this r.
    }
  }
  throw new Failure("Key_WrongSignature", `${what}: the signature is not of the key ${address}`);
}
