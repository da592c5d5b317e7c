import { isError } from "ethers";

import { AdaptiveRate__factory } from "../../types/factories/credit/AdaptiveRate__factory.ts";
import { bonusWad, fullBonusWad, isFlagged } from "../model/liquidation.ts";
import { accrued, healthOf, suppliedAssets, utilizationWad, yearlyWad, type MarketTotals } from "../model/market.ts";
import type { Liquidation, Market, MarketPoint, Position } from "../protocol/apiMarkets.ts";
import type { Contracts } from "../protocol/contracts.ts";
import { BPS, WAD } from "../protocol/units.ts";
import type { PageAfter, PageBefore } from "../pages.ts";
import { contractTotals, type MarketBook, type PositionBook } from "./marketBooks.ts";
import type { ClassRow } from "./readmodelClasses.ts";

// Markets and positions: their books out of events, with the rate and the price that the contracts have at the block.

const RAY_PER_WAD = 10n ** 9n;
const WAD_PER_BPS = WAD / BPS;

/** A market at a block. */
export interface MarketNow {
  readonly book: MarketBook;
  /** With the interest until then. */
  readonly totals: MarketTotals;
  readonly ratePerSecondWad: bigint;
  readonly rateAtTargetRay: bigint | null;
  readonly price: bigint | null;
  readonly nowAt: bigint;
}

/** What a contract answers, or null where it refuses to. */
export async function answerOrNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (isError(error, "CALL_EXCEPTION") || isError(error, "BAD_DATA")) return null;
    throw error;
  }
}

/** Asks the contracts for what the books of a market do not have. */
export async function marketNow(contracts: Contracts, book: MarketBook, nowAt: bigint): Promise<MarketNow> {
  const { params } = book;
  const markets = await contracts.markets.getAddress();
  const model = AdaptiveRate__factory.connect(params.irm, contracts.markets.runner);
  const asked = { ...params, lltv: params.lltv };
  const [rate, rateAtTargetRay, price] = await Promise.all([
    answerOrNull(model.borrowRate.staticCall(asked, contractTotals(book), { from: markets })),
    answerOrNull(model.rateAtTargetPerSecondRay(book.id)),
    answerOrNull(contracts.classPrice(params.oracle).price()),
  ]);
  const ratePerSecondWad = rate ?? book.accruals.at(-1)?.ratePerSecondWad ?? 0n;
  const elapsedSec = nowAt - book.lastUpdateAt;
  const totals = accrued(book.totals, ratePerSecondWad, elapsedSec, book.feeBps);
  return { book, totals, ratePerSecondWad, rateAtTargetRay, price: price === 0n ? null : price, nowAt };
}

export function shownMarket(now: MarketNow, paysIncome: boolean, classOf: ClassRow | undefined): Market {
  const { book, totals, ratePerSecondWad, rateAtTargetRay } = now;
  const { params } = book;
  const usedWad = utilizationWad(totals);
  const lentWad = (((ratePerSecondWad * usedWad) / WAD) * (BPS - book.feeBps)) / BPS;
  const positions = [...book.positions.values()];
  return {
    id: book.id,
    params: { ...params, lltv: String(params.lltv) },
    facility: classOf?.facility ?? null,
    classIndex: classOf?.classIndex ?? null,
    symbol: classOf?.symbol ?? "",
    createdAt: String(book.createdAt),
    totalSupplyAssets: String(totals.totalSupplyAssets),
    totalSupplyShares: String(totals.totalSupplyShares),
    totalBorrowAssets: String(totals.totalBorrowAssets),
    totalBorrowShares: String(totals.totalBorrowShares),
    totalCollateralShares: String(book.collateralShares),
    lastUpdateAt: String(book.lastUpdateAt),
    utilizationBps: Number(usedWad / WAD_PER_BPS),
    borrowRateBps: yearlyBps(ratePerSecondWad),
    supplyRateBps: yearlyBps(lentWad),
    rateAtTargetBps: rateAtTargetRay === null ? null : Number((rateAtTargetRay * YEAR_SEC) / RAY_PER_WAD / WAD_PER_BPS),
    feeBps: Number(book.feeBps),
    isBorrowingPaused: book.isBorrowingPaused,
    paysIncome,
    priceScaled: now.price === null ? null : String(now.price),
    fullBonusWad: String(fullBonusWad(params.lltv)),
    supplierCount: positions.filter(({ supplyShares }) => supplyShares > 0n).length,
    borrowerCount: positions.filter(({ borrowShares }) => borrowShares > 0n).length,
    badDebtAssets: String(book.badDebtAssets),
  };
}

const YEAR_SEC = 365n * 86_400n;

function yearlyBps(ratePerSecondWad: bigint): number {
  return Number(yearlyWad(ratePerSecondWad) / WAD_PER_BPS);
}

/** A position with its health and the income that its collateral earned. */
export async function shownPosition(contracts: Contracts, now: MarketNow, position: PositionBook): Promise<Position> {
  const { book, totals, price, nowAt } = now;
  const { account, flaggedAt, collateralShares } = position;
  const health = healthOf(totals, position, { price, lltvWad: book.params.lltv });
  const incomeAssets =
    collateralShares === 0n && position.borrowShares === 0n
      ? 0n
      : await answerOrNull(contracts.markets.claimableIncome(book.params, account));
  const text = (value: bigint | null) => (value === null ? null : String(value));
  return {
    marketId: book.id,
    positionIndex: position.positionIndex,
    account,
    supplyShares: String(position.supplyShares),
    supplyAssets: String(suppliedAssets(totals, position.supplyShares)),
    borrowShares: String(position.borrowShares),
    borrowAssets: String(health.owedAssets),
    collateralShares: String(collateralShares),
    collateralAssets: text(health.collateralAssets),
    maxBorrowAssets: text(health.maxAssets),
    healthWad: text(health.healthWad),
    incomeAssets: String(incomeAssets ?? 0n),
    flaggedAt: isFlagged(flaggedAt, nowAt) ? String(flaggedAt) : null,
    liquidationBonusWad: String(bonusWad(book.params.lltv, flaggedAt, nowAt)),
  };
}

/** Positions that hold anything, in the order in which they were opened. */
export function openPositions(book: MarketBook, { limit, after }: PageAfter<bigint>): PositionBook[] {
  return [...book.positions.values()]
    .filter(({ supplyShares, borrowShares, collateralShares }) => supplyShares + borrowShares + collateralShares > 0n)
    .filter(({ positionIndex }) => after === undefined || BigInt(positionIndex) > after)
    .slice(0, limit);
}

/** The accruals of a market, the newest first. */
export function pointsOf(book: MarketBook, page: PageBefore<bigint>): MarketPoint[] {
  return newest(book.accruals, page).map((accrual) => ({
    eventId: String(accrual.eventId),
    accruedAt: String(accrual.at),
    borrowRateBps: yearlyBps(accrual.ratePerSecondWad),
    interestAssets: String(accrual.interestAssets),
    totalSupplyAssets: String(accrual.totalSupplyAssets),
    totalBorrowAssets: String(accrual.totalBorrowAssets),
    utilizationBps: Number(utilizationWad(accrual) / WAD_PER_BPS),
  }));
}

/** The liquidations of a market, the newest first. */
export function liquidationsOf(book: MarketBook, page: PageBefore<bigint>): Liquidation[] {
  return newest(book.liquidations, page).map(({ eventId, at, ...done }) => ({
    ...{ ...done, eventId: String(eventId), marketId: book.id, liquidatedAt: String(at) },
  }));
}

function newest<T extends { readonly eventId: bigint }>(
  items: readonly T[],
  { limit, before }: PageBefore<bigint>,
): T[] {
  return items
    .filter(({ eventId }) => before === undefined || eventId < before)
    .toReversed()
    .slice(0, limit);
}
