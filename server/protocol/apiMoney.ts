import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  Bps,
  Count,
  Hash,
  oneOf,
  orNull,
  SignedAmount,
  SignedBps,
  strict,
  U64,
  UnixTime,
  Wad,
} from "./apiTypes.ts";

// What the REST API gives of one account's money in facilities. Private: the account itself and auditors.

export const BASIS_METHODS = ["fifo", "average"] as const;

const Method = Type.Unsafe<(typeof BASIS_METHODS)[number]>({
  type: "string",
  pattern: `^(${BASIS_METHODS.join("|")})$`,
  default: "fifo",
  description: "which shares are sold first: the oldest, or all alike",
});

export const AccountParamsSchema = Type.Object({ address: Address }, strict);
export const PortfolioQuerySchema = Type.Object({ method: Method }, strict);

/**
 * One class in an account. Cost is what was paid for the shares that are left, less the principal they gave back;
 * posted shares are collateral in a market, and still the account's.
 */
export const PositionSchema = Type.Object(
  {
    facility: Address,
    facilityName: Type.String(),
    classIndex: Count,
    token: Address,
    name: Type.String(),
    symbol: Type.String(),
    asset: Address,
    assetSymbol: Type.String(),
    assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
    shares: Amount,
    postedShares: Amount,
    frozenShares: Amount,
    unlockAt: orNull(UnixTime),
    partBps: Bps,
    outstandingAssets: Amount,
    costAssets: Amount,
    paidInAssets: Amount,
    paidOutAssets: Amount,
    interestAssets: Amount,
    principalAssets: Amount,
    lossAssets: Amount,
    realisedAssets: Type.String({ ...SignedAmount, description: "gain or loss of what was sold" }),
    claimableAssets: Amount,
    claimedAssets: Amount,
    exitPriceWad: orNull(Wad),
    valueAssets: orNull(Amount),
    valueComputedAt: orNull(UnixTime),
    isValueUsable: Type.Boolean(),
    xirrBps: Type.Union([SignedBps, Type.Null()], { description: "a year, of all its flows and the value now" }),
  },
  strict,
);

/** Of one settlement token, over all positions in it. */
const TotalSchema = Type.Object(
  {
    asset: Address,
    assetSymbol: Type.String(),
    assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
    costAssets: Amount,
    paidInAssets: Amount,
    paidOutAssets: Amount,
    interestAssets: Amount,
    realisedAssets: SignedAmount,
    lossAssets: Amount,
    claimableAssets: Amount,
    valueAssets: orNull(Amount),
    xirrBps: orNull(SignedBps),
  },
  strict,
);

export const PortfolioSchema = Type.Object(
  {
    account: Address,
    asOfAt: UnixTime,
    method: oneOf(BASIS_METHODS),
    positions: Type.Array(PositionSchema),
    totals: Type.Array(TotalSchema),
  },
  strict,
);

/**
 * What happened to an account's shares of a class. `Posted` and `Returned` are collateral that stays the account's;
 * `Received` and `Sent` are transfers for which nothing was paid here; `Interest`, `Principal` and `Loss` come to the
 * shares as the facility accrues them, `Claimed` is when the money was drawn.
 */
export const FLOW_KINDS = [
  ...["Subscribed", "Refunded", "Bought", "Sold", "Received", "Sent"],
  ...["Posted", "Returned", "Seized", "Interest", "Principal", "Loss", "Claimed"],
] as const;

export const FlowsQuerySchema = Type.Object(
  {
    limit: Type.String({ pattern: "^([1-9]|[1-9][0-9]{1,2}|1000)$", default: "200", description: "1 to 1000" }),
    after: Type.Optional(
      Type.String({
        pattern: "^(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,8})-[0-9]{1,2}$",
        description: "`next` of a page",
      }),
    ),
    year: Type.Optional(Type.String({ pattern: "^(19[7-9][0-9]|[2-9][0-9]{3})$", description: "of UTC" })),
    token: Type.Optional(Address),
    method: Method,
  },
  strict,
);

/**
 * Shares and money of one flow, to the account positive, from it negative. `proceedsAssets` less `basisAssets` is the gain
 * of shares that went; of principal, what it gave back beyond the cost is a gain.
 */
export const FlowSchema = Type.Object(
  {
    key: Type.String({ description: "block, place in it, part" }),
    at: UnixTime,
    kind: oneOf(FLOW_KINDS),
    facility: Address,
    classIndex: Count,
    token: Address,
    symbol: Type.String(),
    asset: Address,
    assetSymbol: Type.String(),
    shares: SignedAmount,
    assets: Type.String({ ...SignedAmount, description: "cash that changed hands" }),
    accruedAssets: Type.String({ ...Amount, description: "came to the shares, to be claimed: no cash yet" }),
    incomeAssets: Type.String({
      ...SignedAmount,
      description: "interest in it; accrued interest paid for is negative",
    }),
    feeAssets: Amount,
    basisAssets: Amount,
    gainAssets: SignedAmount,
    heldShares: Type.String({ ...Amount, description: "afterwards, posted ones included" }),
    costAssets: Type.String({ ...Amount, description: "of those" }),
    counterparty: orNull(Address),
    blockNumber: U64,
    transactionHash: Hash,
  },
  strict,
);

export const TaxParamsSchema = Type.Object(
  { address: Address, year: Type.String({ pattern: "^(19[7-9][0-9]|[2-9][0-9]{3})$" }) },
  strict,
);
export const TaxQuerySchema = Type.Object({ method: Method }, strict);

/** A year's taxable sums in one settlement token. */
export const TaxYearSchema = Type.Object(
  {
    account: Address,
    year: Type.Integer({ minimum: 1970, maximum: 9999 }),
    method: oneOf(BASIS_METHODS),
    totals: Type.Array(
      Type.Object(
        {
          asset: Address,
          assetSymbol: Type.String(),
          assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
          interestAssets: SignedAmount,
          principalAssets: Amount,
          proceedsAssets: Amount,
          basisAssets: Amount,
          gainAssets: SignedAmount,
          lossAssets: Amount,
          feeAssets: Amount,
        },
        strict,
      ),
    ),
  },
  strict,
);

export type BasisMethod = (typeof BASIS_METHODS)[number];
export type FlowKind = (typeof FLOW_KINDS)[number];
export type Position = Static<typeof PositionSchema>;
export type PortfolioTotal = Static<typeof TotalSchema>;
export type Portfolio = Static<typeof PortfolioSchema>;
export type Flow = Static<typeof FlowSchema>;
export type TaxYear = Static<typeof TaxYearSchema>;
