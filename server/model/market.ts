import { Refusal, demand } from "../protocol/refusal.ts";
import { BPS, WAD } from "../protocol/units.ts";

// What a verb does to a loan in a lending market and to the market's totals: the arithmetic of contracts/credit/Market.sol
// and Loan.sol, its roundings and its refusals. Totals have the interest until now in them.

const [VIRTUAL_ASSETS, VIRTUAL_SHARES] = [1n, 10n ** 6n];
/** Prices are loan assets per share of collateral, scaled by this. */
export const PRICE_SCALE = 10n ** 36n;
const YEAR_SEC = 365n * 86_400n;
const MAX_COLLATERAL_SHARES = 2n ** 96n - 1n;

/** A market's totals with the interest until now. */
export interface MarketTotals {
  readonly totalSupplyAssets: bigint;
  readonly totalSupplyShares: bigint;
  readonly totalBorrowAssets: bigint;
  readonly totalBorrowShares: bigint;
}

/** What an account has in a market. */
export interface MarketPosition {
  readonly supplyShares: bigint;
  readonly borrowShares: bigint;
  readonly collateralShares: bigint;
}

/** What a position's health depends on; `price` is null where there is none to act on. */
export interface MarketPrice {
  readonly price: bigint | null;
  readonly lltvWad: bigint;
}

export const MARKET_VERBS = [
  "supply",
  "withdraw",
  "supplyCollateral",
  "withdrawCollateral",
  "borrow",
  "repay",
] as const;
export type MarketVerb = (typeof MARKET_VERBS)[number];

/** One amount of a verb: assets of the loan token, or shares (of the supply, the debt, or the collateral). */
export type MarketAmount = { readonly assets: bigint } | { readonly shares: bigint };

/** What a verb leaves, and what it moved: loan assets, or shares of collateral. */
export interface MarketEffect {
  readonly totals: MarketTotals;
  readonly position: MarketPosition;
  readonly movedAssets: bigint;
  readonly movedShares: bigint;
}

/** What a position owes and may owe; `healthWad` is the second of the first, null without debt or price. */
export interface MarketHealth {
  readonly owedAssets: bigint;
  readonly maxAssets: bigint | null;
  readonly collateralAssets: bigint | null;
  readonly healthWad: bigint | null;
  /** The price under which it can be liquidated; 0 without debt, null without collateral. */
  readonly liquidationPrice: bigint | null;
}

const mulDivDown = (a: bigint, b: bigint, divisor: bigint) => (a * b) / divisor;
const mulDivUp = (a: bigint, b: bigint, divisor: bigint) => (a * b + divisor - 1n) / divisor;
const min = (a: bigint, b: bigint) => (a < b ? a : b);

type Rounding = typeof mulDivDown;

const sharesOf = (round: Rounding, assets: bigint, totalAssets: bigint, totalShares: bigint) =>
  round(assets, totalShares + VIRTUAL_SHARES, totalAssets + VIRTUAL_ASSETS);
const assetsOf = (round: Rounding, shares: bigint, totalAssets: bigint, totalShares: bigint) =>
  round(shares, totalAssets + VIRTUAL_ASSETS, totalShares + VIRTUAL_SHARES);

/** What supplied shares are worth on withdrawal. */
export function suppliedAssets(totals: MarketTotals, supplyShares: bigint): bigint {
  return assetsOf(mulDivDown, supplyShares, totals.totalSupplyAssets, totals.totalSupplyShares);
}

/** What shares of the debt cost to repay. */
export function owedAssets(totals: MarketTotals, borrowShares: bigint): bigint {
  return assetsOf(mulDivUp, borrowShares, totals.totalBorrowAssets, totals.totalBorrowShares);
}

/** Assets that can be borrowed or withdrawn now. */
export function liquidAssets(totals: MarketTotals): bigint {
  const free = totals.totalSupplyAssets - totals.totalBorrowAssets;
  return free > 0n ? free : 0n;
}

/** borrowed ÷ supplied. */
export function utilizationWad({ totalSupplyAssets, totalBorrowAssets }: MarketTotals): bigint {
  if (totalBorrowAssets >= totalSupplyAssets) return totalBorrowAssets === 0n ? 0n : WAD;
  return mulDivDown(totalBorrowAssets, WAD, totalSupplyAssets);
}

/** e^(rate · time) − 1 by its first three terms, as the contract counts it. */
function growthWad(ratePerSecondWad: bigint, elapsedSec: bigint): bigint {
  const firstWad = ratePerSecondWad * elapsedSec;
  const secondWad = (firstWad * firstWad) / (2n * WAD);
  return firstWad + secondWad + (secondWad * firstWad) / (3n * WAD);
}

/** The totals after `elapsedSec` at a rate, with the shares that pay the fee on the interest. */
export function accrued(
  totals: MarketTotals,
  ratePerSecondWad: bigint,
  elapsedSec: bigint,
  feeBps: bigint,
): MarketTotals {
  const interestAssets = mulDivDown(totals.totalBorrowAssets, growthWad(ratePerSecondWad, elapsedSec), WAD);
  const totalSupplyAssets = totals.totalSupplyAssets + interestAssets;
  const feeAssets = mulDivDown(interestAssets, feeBps, BPS);
  const feeShares = sharesOf(mulDivDown, feeAssets, totalSupplyAssets - feeAssets, totals.totalSupplyShares);
  return {
    ...totals,
    totalSupplyAssets,
    totalSupplyShares: totals.totalSupplyShares + feeShares,
    totalBorrowAssets: totals.totalBorrowAssets + interestAssets,
  };
}

/** What a year at a rate adds to a debt, compounded by the second. */
export function yearlyWad(ratePerSecondWad: bigint): bigint {
  return growthWad(ratePerSecondWad, YEAR_SEC);
}

/** A position's health. */
export function healthOf(totals: MarketTotals, position: MarketPosition, market: MarketPrice): MarketHealth {
  const { price, lltvWad } = market;
  const { borrowShares, collateralShares } = position;
  const owed = owedAssets(totals, borrowShares);
  const collateralAssets = price === null ? null : mulDivDown(collateralShares, price, PRICE_SCALE);
  const maxAssets = collateralAssets === null ? null : mulDivDown(collateralAssets, lltvWad, WAD);
  const neededAssets = mulDivUp(owed, WAD, lltvWad);
  return {
    owedAssets: owed,
    maxAssets,
    collateralAssets,
    healthWad: maxAssets === null || borrowShares === 0n ? null : mulDivDown(maxAssets, WAD, owed),
    liquidationPrice: collateralShares === 0n ? null : mulDivUp(neededAssets, PRICE_SCALE, collateralShares),
  };
}

/** What a verb does, or the contract's own refusal. */
export function effectOf(
  verb: MarketVerb,
  amount: MarketAmount,
  totals: MarketTotals,
  position: MarketPosition,
  market: MarketPrice,
): MarketEffect {
  const asked = "assets" in amount ? amount.assets : amount.shares;
  if (verb === "supplyCollateral" || verb === "withdrawCollateral") {
    demand(asked > 0n, "Market_ZeroAmount", {});
    const collateralShares = position.collateralShares + (verb === "supplyCollateral" ? asked : -asked);
    demand(collateralShares >= 0n, "Market_NotEnoughShares", {
      askedShares: asked,
      heldShares: position.collateralShares,
    });
    const maxShares = MAX_COLLATERAL_SHARES - position.collateralShares;
    demand(collateralShares <= MAX_COLLATERAL_SHARES, "Market_TooMuchCollateral", { askedShares: asked, maxShares });
    const left = { ...position, collateralShares };
    if (verb === "withdrawCollateral") demandHealthy(totals, left, market);
    return { totals, position: left, movedAssets: 0n, movedShares: asked };
  }
  demand(asked > 0n, "Market_NotOneAmount", { assets: 0n, shares: 0n });
  const isDebt = verb === "borrow" || verb === "repay";
  const isOut = verb === "borrow" || verb === "withdraw";
  const allAssets = isDebt ? totals.totalBorrowAssets : totals.totalSupplyAssets;
  const allShares = isDebt ? totals.totalBorrowShares : totals.totalSupplyShares;
  const [toShares, toAssets] = isOut ? [mulDivUp, mulDivDown] : [mulDivDown, mulDivUp];
  const assets = "assets" in amount ? asked : assetsOf(toAssets, asked, allAssets, allShares);
  const shares = "shares" in amount ? asked : sharesOf(toShares, asked, allAssets, allShares);
  return {
    ...(isDebt ? debt : supply)(isOut, { assets, shares }, totals, position, market),
    movedAssets: assets,
    movedShares: 0n,
  };
}

type Amounts = { assets: bigint; shares: bigint };

function supply(isOut: boolean, { assets, shares }: Amounts, totals: MarketTotals, position: MarketPosition) {
  const supplyShares = position.supplyShares + (isOut ? -shares : shares);
  demand(supplyShares >= 0n, "Market_NotEnoughShares", { askedShares: shares, heldShares: position.supplyShares });
  const left = {
    ...totals,
    totalSupplyAssets: totals.totalSupplyAssets + (isOut ? -assets : assets),
    totalSupplyShares: totals.totalSupplyShares + (isOut ? -shares : shares),
  };
  if (isOut) demandLiquid(left);
  return { totals: left, position: { ...position, supplyShares } };
}

function debt(
  isOut: boolean,
  { assets, shares }: Amounts,
  totals: MarketTotals,
  position: MarketPosition,
  market: MarketPrice,
) {
  demand(!isOut || assets > 0n, "Market_ZeroAmount", {});
  const borrowShares = position.borrowShares + (isOut ? shares : -shares);
  demand(borrowShares >= 0n, "Market_NotEnoughShares", { askedShares: shares, heldShares: position.borrowShares });
  const left = {
    ...totals,
    // What is repaid rounds up: the last of it may exceed the total by one.
    totalBorrowAssets: isOut
      ? totals.totalBorrowAssets + assets
      : totals.totalBorrowAssets - min(assets, totals.totalBorrowAssets),
    totalBorrowShares: totals.totalBorrowShares + (isOut ? shares : -shares),
  };
  const after = { totals: left, position: { ...position, borrowShares } };
  if (!isOut) return after;
  demandLiquid(left);
  demandHealthy(left, after.position, market);
  return after;
}

function demandLiquid({ totalSupplyAssets, totalBorrowAssets }: MarketTotals): void {
  const isLiquid = totalBorrowAssets <= totalSupplyAssets;
  demand(isLiquid, "Market_NotEnoughLiquidity", { totalSupplyAssets, totalBorrowAssets });
}

function demandHealthy(totals: MarketTotals, position: MarketPosition, market: MarketPrice): void {
  if (position.borrowShares === 0n) return;
  const { owedAssets: owed, maxAssets } = healthOf(totals, position, market);
  if (maxAssets === null) throw new Refusal("Market_NoPrice", {});
  demand(owed <= maxAssets, "Market_Unhealthy", { owedAssets: owed, maxAssets });
}

/** The most of a verb that passes now, in assets of the loan or shares of the collateral; null where nothing of the market limits it. */
export function mostOf(
  verb: MarketVerb,
  totals: MarketTotals,
  position: MarketPosition,
  market: MarketPrice,
): bigint | null {
  switch (verb) {
    case "supply":
    case "supplyCollateral":
      return null;
    case "repay":
      return owedAssets(totals, position.borrowShares);
    case "withdraw":
      return min(suppliedAssets(totals, position.supplyShares), liquidAssets(totals));
    case "withdrawCollateral":
      return mostCollateralOut(totals, position, market);
    case "borrow":
      return mostBorrowed(totals, position, market);
  }
}

function mostCollateralOut(totals: MarketTotals, position: MarketPosition, { price, lltvWad }: MarketPrice): bigint {
  if (position.borrowShares === 0n) return position.collateralShares;
  if (price === null || price === 0n) return 0n;
  const neededAssets = mulDivUp(owedAssets(totals, position.borrowShares), WAD, lltvWad);
  const neededShares = mulDivUp(neededAssets, PRICE_SCALE, price);
  return position.collateralShares > neededShares ? position.collateralShares - neededShares : 0n;
}

function mostBorrowed(totals: MarketTotals, position: MarketPosition, market: MarketPrice): bigint {
  const { owedAssets: owed, maxAssets } = healthOf(totals, position, market);
  if (maxAssets === null || maxAssets <= owed) return 0n;
  let assets = min(maxAssets - owed, liquidAssets(totals));
  // Debt rounds up twice, as shares and as what they are worth.
  while (assets > 0n && !passes("borrow", { assets }, totals, position, market)) assets -= 1n;
  return assets;
}

function passes(...ask: Parameters<typeof effectOf>): boolean {
  try {
    effectOf(...ask);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
