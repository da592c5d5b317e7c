import { Signature, concat, getAddress, recoverAddress } from "ethers";
import type { Hex } from "./bytes.ts";
import { Refusal, demand } from "./refusal.ts";

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** What Telemetry.submit takes: bit i for signer i, and 64 bytes (EIP-2098) per set bit by ascending index. */
export interface PackedSignatures {
  readonly signerBitmap: bigint;
  readonly signatures: Hex;
}

/** Signatures that a quorum of n = 3f+1 needs. */
export function quorumCount(faultyCount: number): number {
  return 2 * faultyCount + 1;
}

function compactOf(text: string): Signature {
  if (!/^0x([0-9a-fA-F]{128}|[0-9a-fA-F]{130})$/.test(text)) throw malformed(text);
  // In 65 bytes s stands whole; in 64 its top bit is the parity.
  const word = BigInt(`0x${text.slice(66, 130)}`);
  const s = text.length === 132 ? word : BigInt.asUintN(255, word);
  demand(s <= HALF_ORDER, "Signature_HighS", { s });
  try {
    return Signature.from(text);
  } catch {
    throw malformed(text);
  }
}

// Who signed is asked again and again of the same few signatures, and costs a millisecond: the newest answers are kept.
const known = new Map<string, string>();
const KNOWN_COUNT = 2048;

function recover(digest: Hex, signature: string): string {
  const key = `${digest}/${signature}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const compact = compactOf(signature);
  try {
    const signer = recoverAddress(digest, compact);
    for (const oldest of known.keys()) {
      if (known.size < KNOWN_COUNT) break;
      known.delete(oldest);
    }
    known.set(key, signer);
    return signer;
  } catch {
    throw malformed(signature);
  }
}

function malformed(text: string): Refusal {
  return new Refusal("Signature_Malformed", { text: text.slice(0, 140) });
}

/** The index of the signer of a digest among `signers`; refuses a stranger. */
export function signerIndexOf(digest: Hex, signers: readonly string[], signature: string): number {
  const signer = recover(digest, signature);
  const index = signers.findIndex((address) => getAddress(address) === signer);
  demand(index >= 0, "Quorum_UnknownSigner", { signer });
  return index;
}

/**
 * Exactly 2f+1 signatures, those of the lowest signer indices, in order of the index. Signatures may be 64 or 65 bytes
 * and come in any order; refuses a stranger's, two by one signer, and fewer than 2f+1.
 */
export function packSignatures(
  digest: Hex,
  signers: readonly string[],
  faultyCount: number,
  signatures: readonly string[],
): PackedSignatures {
  const byIndex = new Map<number, string>();
  for (const signature of signatures) {
    const signerIndex = signerIndexOf(digest, signers, signature);
    demand(!byIndex.has(signerIndex), "Quorum_SignerTwice", { signerIndex, signer: signers[signerIndex] ?? "" });
    byIndex.set(signerIndex, compactOf(signature).compactSerialized);
  }
  const needed = quorumCount(faultyCount);
  demand(byIndex.size >= needed, "Quorum_TooFew", { signatureCount: byIndex.size, quorumCount: needed });
  const chosen = [...byIndex].sort(([a], [b]) => a - b).slice(0, needed);
  const signerBitmap = chosen.reduce((bitmap, [signerIndex]) => bitmap | (1n << BigInt(signerIndex)), 0n);
  return { signerBitmap, signatures: concat(chosen.map(([, compact]) => compact)) as Hex };
}
