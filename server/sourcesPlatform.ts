import type { Hex } from "./protocol/bytes.ts";
import type { Happening } from "./protocol/apiStream.ts";
import type { PublicDeployment } from "./protocol/deployment.ts";
import type { Role } from "./protocol/roles.ts";

/** A block by its number and hash. */
export interface BlockMark {
  readonly number: bigint;
  readonly hash: Hex;
}

/** What happened after a block, up to the head. */
export interface Happenings {
  readonly head: BlockMark;
  /** That block is on the chain still; where it is not, nothing is told and all has to be read again. */
  readonly isContinued: boolean;
  readonly items: readonly Happening[];
}

/** Where the program stands, for the metrics. */
export interface Standing {
  readonly headBlock: bigint;
  readonly headAt: bigint;
  readonly lastEpoch: bigint | null;
  readonly finalEpoch: bigint | null;
  readonly eventCount: bigint;
  /** The follower reached the chain's head at its newest attempt. */
  readonly isCurrent: boolean;
  readonly rollbackCount: number;
}

/** What is served around all routes. */
export interface PlatformSources {
  /** The block that the read model stands at; undefined before the first. */
  head(): Promise<BlockMark | undefined>;
  /** What happened after a block's log; of so many at most. */
  happenings(after: BlockMark, logIndex: number, limit: number): Promise<Happenings>;
  standing(): Promise<Standing>;
  deployment(): PublicDeployment;
  /** The chain that signatures are for. */
  chainId(): number;
  /** What an account is on the chain: out of the access manager, and by what it has. */
  rolesOf(address: string): Promise<Role[]>;
  /** Whether a contract account takes a signature of a digest for its own (ERC-1271); false where there is none. */
  takesSignature(address: string, digest: Hex, signature: Hex): Promise<boolean>;
}
