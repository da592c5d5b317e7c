import type { Hex } from "../protocol/bytes.ts";

/** A secp256k1 key, wherever it is kept. */
export interface KeySigner {
  /** With its checksum. */
  readonly address: string;
  /** The signature over keccak256(preimage): 64 bytes, EIP-2098, s in the lower half. */
  sign(preimage: Uint8Array): Promise<Hex>;
  /** Ends what the signer holds open. */
  close(): Promise<void>;
}
