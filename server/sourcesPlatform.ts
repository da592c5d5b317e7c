import type { Hex } from "./protocol/bytes.ts";
import type { Role } from "./protocol/roles.ts";

/** A block by its number and hash. */
export interface BlockMark {
  readonly number: bigint;
  readonly hash: Hex;
}

/** What is served around all routes. */
export interface PlatformSources {
  /** The block that the read model stands at; undefined before the first. */
  head(): Promise<BlockMark | undefined>;
  /** The chain that signatures are for. */
  chainId(): number;
  /** What an account is on the chain: out of the access manager, and by what it has. */
  rolesOf(address: string): Promise<Role[]>;
  /** Whether a contract account takes a signature of a digest for its own (ERC-1271); false where there is none. */
  takesSignature(address: string, digest: Hex, signature: Hex): Promise<boolean>;
}
