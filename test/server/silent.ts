import type { Contracts } from "../../server/protocol/contracts.ts";

/** Contracts of a read model that is made of events alone: every token has six decimals, nothing else answers. */
export const silentContracts = {
  classToken: () => ({ decimals: () => Promise.resolve(6n), symbol: () => Promise.resolve("USDX") }),
} as unknown as Contracts;
