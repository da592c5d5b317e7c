import { Type, type Static } from "typebox";
import { Address, Count, Hash, PageLimit, U64, UnixTime, oneOf, strict } from "./apiTypes.ts";
import type { Json } from "./eventJson.ts";

// What the REST API gives for whoever computes a facility's payments again: its events, as the chain has them.

/** An event. `args` are by name: integers as decimal strings, structs as objects, enumerations by their place. */
export const HistoryEventSchema = Type.Object(
  {
    eventId: U64,
    block: U64,
    logIndex: Count,
    blockAt: UnixTime,
    transactionHash: Hash,
    contract: oneOf(["facilities", "facility", "classToken"]),
    address: Address,
    name: Type.String(),
    args: Type.Unsafe<Record<string, Json>>({ type: "object", additionalProperties: true }),
  },
  strict,
);
export const HistoryQuerySchema = Type.Object({ limit: PageLimit, after: Type.Optional(U64) }, strict);

export type HistoryEvent = Static<typeof HistoryEventSchema>;
