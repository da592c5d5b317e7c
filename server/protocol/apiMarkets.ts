import { Type, type Static } from "typebox";
import { Address, Amount, Bps, Count, Hash, PageLimit, U64, UnixTime, Wad, orNull, strict } from "./apiTypes.ts";

// What the REST API gives of the lending markets. Totals and rates have the interest up to the block of the answer.

export const MarketParamsSchema = Type.Object({ id: Hash }, strict);
/** A page of markets, by id. */
export const MarketsQuerySchema = Type.Object(
  { limit: PageLimit, after: Type.Optional(Hash), collateralToken: Type.Optional(Address) },
  strict,
);

export const MarketSchema = Type.Object(
  {
    id: Hash,
    params: Type.Object(
      { loanToken: Address, collateralToken: Address, oracle: Address, irm: Address, lltv: Wad },
      { ...strict, description: "what the market's verbs are called with" },
    ),
    facility: orNull(Address),
    classIndex: orNull(Count),
    symbol: Type.String({ description: "of the collateral" }),
    createdAt: UnixTime,
    totalSupplyAssets: Amount,
    totalSupplyShares: Amount,
    totalBorrowAssets: Amount,
    totalBorrowShares: Amount,
    totalCollateralShares: Amount,
    lastUpdateAt: UnixTime,
    utilizationBps: Bps,
    borrowRateBps: Type.Integer({ minimum: 0, description: "a year, compounded" }),
    supplyRateBps: Type.Integer({ minimum: 0, description: "a year, compounded, after the fee" }),
    rateAtTargetBps: orNull(Type.Integer({ minimum: 0, description: "a year, simple" })),
    feeBps: Bps,
    isBorrowingPaused: Type.Boolean(),
    paysIncome: Type.Boolean({ description: "what the collateral earns belongs to the borrower" }),
    priceScaled: orNull(
      Type.String({
        pattern: "^[0-9]+$",
        description: "loan units per collateral unit, times 10^36; null: none to act on",
      }),
    ),
    fullBonusWad: Wad,
    supplierCount: Count,
    borrowerCount: Count,
    badDebtAssets: Amount,
  },
  strict,
);

/** The account is shown to itself and to auditors. */
export const PositionSchema = Type.Object(
  {
    marketId: Hash,
    positionIndex: Type.Integer({
      minimum: 0,
      description: "in the order in which the market's positions were opened",
    }),
    account: orNull(Address),
    supplyShares: Amount,
    supplyAssets: Amount,
    borrowShares: Amount,
    borrowAssets: Amount,
    collateralShares: Amount,
    collateralAssets: orNull(Amount),
    maxBorrowAssets: orNull(Amount),
    healthWad: orNull(
      Type.String({ pattern: "^[0-9]+$", description: "below 10^18 it can be liquidated; null: no debt or no price" }),
    ),
    incomeAssets: Amount,
    flaggedAt: orNull(UnixTime),
    liquidationBonusWad: Wad,
  },
  strict,
);

/** A page of positions, in the order in which they were opened. */
export const PositionsQuerySchema = Type.Object({ limit: PageLimit, after: Type.Optional(U64) }, strict);

/** A market's totals after an accrual, and the rate of the time before it. */
export const MarketPointSchema = Type.Object(
  {
    eventId: U64,
    accruedAt: UnixTime,
    borrowRateBps: Type.Integer({ minimum: 0, description: "a year, compounded" }),
    interestAssets: Amount,
    totalSupplyAssets: Amount,
    totalBorrowAssets: Amount,
    utilizationBps: Bps,
  },
  strict,
);

/** A liquidation; the borrower is shown to itself and to auditors. */
export const LiquidationSchema = Type.Object(
  {
    eventId: U64,
    marketId: Hash,
    liquidatedAt: UnixTime,
    liquidator: Address,
    borrower: orNull(Address),
    repaidAssets: Amount,
    seizedShares: Amount,
    badDebtAssets: Amount,
    transactionHash: Hash,
  },
  strict,
);

export type Market = Static<typeof MarketSchema>;
export type Position = Static<typeof PositionSchema>;
export type MarketPoint = Static<typeof MarketPointSchema>;
export type Liquidation = Static<typeof LiquidationSchema>;
