import { accrued, type MarketPosition, type MarketPrice, type MarketTotals } from "../../../server/model/market.ts";
import type { Market } from "../../../server/protocol/apiMarkets.ts";
import type { Chain } from "../../chain.ts";

/** A market as the API has it, in numbers. */
export function marketOf(market: Market): { totals: MarketTotals; price: MarketPrice } {
  const { params, priceScaled } = market;
  return {
    totals: {
      totalSupplyAssets: BigInt(market.totalSupplyAssets),
      totalSupplyShares: BigInt(market.totalSupplyShares),
      totalBorrowAssets: BigInt(market.totalBorrowAssets),
      totalBorrowShares: BigInt(market.totalBorrowShares),
    },
    price: { price: priceScaled === null ? null : BigInt(priceScaled), lltvWad: BigInt(params.lltv) },
  };
}

/** What an account has in a market and in its wallet. */
export interface OwnMarket {
  position: MarketPosition;
  incomeAssets: bigint;
  cashAssets: bigint;
  walletShares: bigint;
  flaggedAt: bigint;
}

/** The account's own, at the newest block. */
export async function ownMarket(chain: Chain, { id, params }: Market): Promise<OwnMarket> {
  const { markets, classToken } = chain.contracts;
  const { account } = chain;
  const [{ supplyShares, borrowShares, collateralShares }, incomeAssets, cashAssets, walletShares, flaggedAt] =
    await Promise.all([
      markets.position(id, account),
      markets.claimableIncome(paramsOf(params), account),
      classToken(params.loanToken).balanceOf(account),
      classToken(params.collateralToken).balanceOf(account),
      markets.flaggedAt(id, account),
    ]);
  return {
    position: { supplyShares, borrowShares, collateralShares },
    ...{ incomeAssets, cashAssets, walletShares, flaggedAt },
  };
}

/** A market's totals with the interest until the newest block, and its price, from the contracts. */
export async function marketNow(
  chain: Chain,
  { id, params }: Market,
): Promise<{ totals: MarketTotals; price: MarketPrice }> {
  const { markets, rateModel, classPrice } = chain.contracts;
  const [market, price, block] = await Promise.all([
    markets.market(id),
    // Without a price to act on the source refuses; the verbs say what that stops.
    classPrice(params.oracle)
      .price()
      .catch(() => null),
    chain.provider.getBlock("latest"),
  ]);
  const { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares, lastUpdateAt, feeWad } = market;
  const totals = { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares };
  const rateWad = await rateModel(params.irm).borrowRateView(paramsOf(params), { ...totals, lastUpdateAt, feeWad });
  const elapsedSec = BigInt(block?.timestamp ?? 0) - lastUpdateAt;
  return {
    totals: accrued(totals, rateWad, elapsedSec > 0n ? elapsedSec : 0n, feeWad / 10n ** 14n),
    price: { price, lltvWad: BigInt(params.lltv) },
  };
}

/** What the verbs of a market are called with. */
export function paramsOf(params: Market["params"]) {
  return { ...params, lltv: BigInt(params.lltv) };
}
