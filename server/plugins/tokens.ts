import { toUtf8String } from "ethers";
import { LRUCache } from "lru-cache";

import type { Contracts } from "../protocol/contracts.ts";
import type { BlockRow } from "./events.ts";

/** What no event says of a token. It does not change. */
export interface TokenFacts {
  readonly symbol: string;
  readonly decimalCount: number;
}

/** Settlement tokens, each asked once. */
export interface Tokens {
  factsOf(token: string, block: Pick<BlockRow, "hash">): Promise<TokenFacts>;
}

const KEPT = 256;

export function openTokens(contractsAfter: (block: Pick<BlockRow, "hash">) => Pick<Contracts, "classToken">): Tokens {
  const known = new LRUCache<string, TokenFacts>({ max: KEPT });
  return {
    async factsOf(address, block) {
      const found = known.get(address);
      if (found !== undefined) return found;
      const token = contractsAfter(block).classToken(address);
      const [decimalCount, symbol] = await Promise.all([token.decimals(), token.symbol().catch(symbolOfBytes)]);
      const facts = { decimalCount: Number(decimalCount), symbol };
      known.set(address, facts);
      return facts;
    },
  };
}

/** Some tokens answer bytes32; others have no symbol at all. */
function symbolOfBytes(error: unknown): string {
  const value = (error as { value?: unknown }).value;
  if (typeof value !== "string" || !/^0x[0-9a-f]{64}$/.test(value)) return "";
  try {
    return toUtf8String(value.replace(/(00)+$/, ""));
  } catch {
    return "";
  }
}
