import type { Bundle } from "../protocol/ballot.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { FileKind } from "../protocol/publication.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";

/** A reading that an oracle holds. */
export interface HeldReading {
  readonly nodeId: bigint;
  readonly readingHash: Hex;
}

/** What oracles ask of each other; over HTTP, or within one process. Nothing of an answer is believed unchecked. */
export interface Peer {
  /** Hands over messages; gives the peer's own where they are asked for. */
  exchange(bundle: Bundle): Promise<Bundle | undefined>;
  /** The readings of an epoch that the peer holds. */
  inventory(epoch: bigint): Promise<readonly HeldReading[]>;
  /** Those of them with these hashes. */
  readings(epoch: bigint, hashes: readonly Hex[]): Promise<readonly SignedReadingJson[]>;
  /** The lines of a published file; undefined when the peer has none. */
  file(kind: FileKind, hash: Hex): Promise<AsyncIterable<string> | undefined>;
}

/** Hashes that may be asked for at once. */
export const READINGS_AT_ONCE = 500;

/** How much of an inventory is read: a line a node. */
export const HELD_LIMITS = { maxLineBytes: 100, maxBytes: 1 << 27 };
