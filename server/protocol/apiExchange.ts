import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  Bps,
  Count,
  Hash,
  PageLimit,
  Signature,
  U64,
  UnixTime,
  Wad,
  oneOf,
  orNull,
  strict,
  textOf,
} from "./apiTypes.ts";

// What the REST API takes and gives of the exchange, the vault and prices.

/** As `ShareExchange` has them. */
export const ORDER_STATUSES = [
  "Open",
  "Expired",
  "OtherTaker",
  "FeeAboveLimit",
  "NonceVoid",
  "Cancelled",
  "Filled",
  "BadSignature",
  "NoClass",
  "MakerShort",
  "MayNotTransfer",
] as const;

/** An order as its maker signs it. */
export const OrderTermsSchema = Type.Object(
  {
    maker: Address,
    taker: Address,
    shareToken: Address,
    asset: Address,
    isSell: Type.Boolean(),
    shares: Amount,
    assets: Amount,
    maxAccruedAssets: Amount,
    maxFeeBps: Type.Integer({ minimum: 0, maximum: 65_535 }),
    expiresAt: U64,
    nonce: Amount,
    salt: Hash,
  },
  strict,
);

/** What a maker hands in. */
export const SignedOrderSchema = Type.Object({ order: OrderTermsSchema, signature: Signature }, strict);

/** An order that was handed in, and what the exchange says of it at the block of the answer. */
export const OrderSchema = Type.Object(
  {
    orderHash: Hash,
    orderId: Type.String({ pattern: "^[0-9]{1,20}$", description: "in the order in which they came in" }),
    order: OrderTermsSchema,
    signature: Signature,
    facility: orNull(Address),
    classIndex: orNull(Count),
    symbol: Type.String(),
    priceWad: Type.String({
      pattern: "^[0-9]+$",
      description: "assets per share, parts of 10^18, without accrued interest",
    }),
    status: oneOf(ORDER_STATUSES),
    filledShares: Amount,
    fillableShares: Amount,
    accruedAssets: Type.String({ ...Amount, description: "interest that accrued to all of its shares" }),
    feeBps: Type.Integer({ minimum: 0, maximum: 65_535, description: "what the exchange takes of the price now" }),
    receivedAt: UnixTime,
  },
  strict,
);
export const OrderParamsSchema = Type.Object({ orderHash: Hash }, strict);
/** A page of orders, the newest first. Without `status=all` those that can be filled: it may be short and yet have a next. */
export const OrdersQuerySchema = Type.Object(
  {
    limit: PageLimit,
    before: Type.Optional(U64),
    shareToken: Type.Optional(Address),
    maker: Type.Optional(Address),
    side: Type.Optional(textOf(["sell", "buy"])),
    status: Type.Optional(textOf(["open", "all"])),
  },
  strict,
);

/**
 * A trade: one order that somebody took, or two that were matched. Its parties are shown to themselves and auditors, and
 * so are its orders, which tell their makers: to others there are none.
 */
export const FillSchema = Type.Object(
  {
    eventId: U64,
    filledAt: UnixTime,
    shareToken: Address,
    facility: orNull(Address),
    classIndex: orNull(Count),
    symbol: Type.String(),
    orderHashes: Type.Array(Hash),
    seller: orNull(Address),
    buyer: orNull(Address),
    asset: Address,
    shares: Amount,
    priceAssets: Amount,
    accruedAssets: Amount,
    feeAssets: Amount,
    transactionHash: Hash,
  },
  strict,
);
/** A page of trades, the newest first. `account` asks for its own, with their parties; `orderHash` alone is for auditors. */
export const FillsQuerySchema = Type.Object(
  {
    limit: PageLimit,
    before: Type.Optional(U64),
    shareToken: Type.Optional(Address),
    orderHash: Type.Optional(Hash),
    account: Type.Optional(Address),
  },
  strict,
);

export const PRICE_STATES = ["Usable", "Stale", "Held", "None"] as const;

/**
 * A class's two prices in whole settlement tokens per whole share, or a model's compute rate in dollars per GPU-hour
 * (then both are it). Usable: it may be acted on at the block of the answer.
 */
export const PriceSchema = Type.Object(
  {
    priceId: Type.String({ description: "the class token, or the model's id" }),
    kind: oneOf(["class", "index"]),
    name: Type.String({ description: "the class's symbol, or the model" }),
    facility: orNull(Address),
    classIndex: orNull(Count),
    exitWad: orNull(Wad),
    entryWad: orNull(Wad),
    computedAt: orNull(UnixTime),
    maxAgeSec: Count,
    heldUntilAt: orNull(UnixTime),
    state: oneOf(PRICE_STATES),
    feed: orNull(Address),
  },
  strict,
);
/** A page of prices: classes by token, then indexes by model. */
export const PricesQuerySchema = Type.Object(
  {
    limit: PageLimit,
    after: Type.Optional(Type.String({ pattern: "^0x([0-9a-fA-F]{40}|[0-9a-f]{64})$" })),
    kind: Type.Optional(textOf(["class", "index"])),
    facility: Type.Optional(Address),
  },
  strict,
);

export const IndexParamsSchema = Type.Object(
  { model: Type.String({ pattern: "^[0-9A-Za-z ._-]{1,64}$", description: "its name, or its id" }) },
  strict,
);
/** A day's rate as it was fixed. */
export const IndexDaySchema = Type.Object(
  {
    dayAt: UnixTime,
    rateWad: Wad,
    lowestWad: Wad,
    highestWad: Wad,
    quoteCount: Count,
    fixedAt: UnixTime,
    transactionHash: Hash,
  },
  strict,
);

/** The income vault. Prices are whole assets per whole share: exit for who leaves, entry for who comes. */
export const VaultSchema = Type.Object(
  {
    address: Address,
    asset: Address,
    name: Type.String(),
    symbol: Type.String(),
    shareDecimalCount: Type.Integer({ minimum: 0, maximum: 24 }),
    totalShares: Amount,
    exitAssets: Amount,
    entryAssets: Amount,
    exitWad: Wad,
    entryWad: Wad,
    isUsable: Type.Boolean({ description: "deposits and fills have a value to act on" }),
    isPaused: Type.Boolean(),
    cashAssets: Amount,
    setAsideAssets: Amount,
    freeAssets: Amount,
    pendingShares: Amount,
    maxDiscountBps: Bps,
    maxDailyLossBps: Bps,
    openRequestId: U64,
    fillableAt: orNull(UnixTime),
  },
  strict,
);

/** A class that the vault may hold. */
export const VaultHoldingSchema = Type.Object(
  {
    classToken: Address,
    facility: Address,
    classIndex: Count,
    symbol: Type.String(),
    shares: Amount,
    exitAssets: Amount,
    entryAssets: Amount,
    incomeAssets: Amount,
    facilityCapAssets: Amount,
    facilityEntryAssets: Amount,
    computedAt: UnixTime,
    maxAgeSec: Count,
    heldUntilAt: UnixTime,
    isUsable: Type.Boolean(),
  },
  strict,
);
export const VaultHoldingsQuerySchema = Type.Object({ limit: PageLimit, after: Type.Optional(Address) }, strict);

/** Redemptions that are not over: a batch as a whole, or one account's part of it. */
export const VaultRequestSchema = Type.Object(
  {
    requestId: U64,
    controller: orNull(Address),
    openedAt: UnixTime,
    fillableAt: UnixTime,
    pendingShares: Amount,
    claimableShares: Amount,
    claimableAssets: Amount,
    cancelledShares: Amount,
    filledBps: Bps,
  },
  strict,
);
/** A page of batches; `controller` asks for an account's own requests. */
export const VaultRequestsQuerySchema = Type.Object(
  { limit: PageLimit, after: Type.Optional(U64), controller: Type.Optional(Address) },
  strict,
);

export type OrderTerms = Static<typeof OrderTermsSchema>;
export type SignedOrder = Static<typeof SignedOrderSchema>;
export type OrderRecord = Static<typeof OrderSchema>;
export type FillRecord = Static<typeof FillSchema>;
export type Price = Static<typeof PriceSchema>;
export type IndexDay = Static<typeof IndexDaySchema>;
export type Vault = Static<typeof VaultSchema>;
export type VaultHolding = Static<typeof VaultHoldingSchema>;
export type VaultRequest = Static<typeof VaultRequestSchema>;
