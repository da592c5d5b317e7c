import { Type, type Static } from "typebox";
import { Address, Amount, Count, Hash, PageLimit, U64, UnixTime, oneOf, strict } from "./apiTypes.ts";
import type { Json } from "./eventJson.ts";

// What the REST API gives for whoever computes payments again, or holds claims against ledgers against tokens.

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

export const RESERVE_KINDS = ["facility", "leases", "markets", "vault", "bonds", "disputes"] as const;
export const RESERVE_PARTS = [
  "escrow",
  "collections",
  "reserve",
  "trapped",
  "payees",
  "holders",
  "deposits",
  "prepaid",
  "uncollected",
  "lendable",
  "collateralIncome",
  "cash",
  "redemptions",
  "booked",
] as const;

/** What a contract owes by its own account, in parts, beside the settlement tokens that it has. */
export const ReserveSchema = Type.Object(
  {
    kind: oneOf(RESERVE_KINDS),
    address: Address,
    asset: Address,
    assetSymbol: Type.String(),
    assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
    parts: Type.Array(Type.Object({ part: oneOf(RESERVE_PARTS), assets: Amount }, strict)),
    bookedAssets: Amount,
    balanceAssets: Amount,
  },
  strict,
);
export const ReservesQuerySchema = Type.Object({ limit: PageLimit, after: Type.Optional(Address) }, strict);

export type Reserve = Static<typeof ReserveSchema>;
