import { AdaptiveRate__factory } from "../../types/factories/credit/AdaptiveRate__factory.ts";
import {
  accrued,
  effectOf,
  healthOf,
  utilizationWad,
  type MarketAmount,
  type MarketEffect,
  type MarketPosition,
  type MarketTotals,
  type MarketVerb,
} from "../model/market.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { Refusal } from "../protocol/refusal.ts";
import { approvals, demandHeld, type Investor, type Plan } from "./investPlans.ts";

// What an investor does in a lending market, and all that an account has.

export interface MarketPlace {
  readonly id: string;
  readonly params: { loanToken: string; collateralToken: string; oracle: string; irm: string; lltv: bigint };
}

/** The market that is named, or the only one. */
export function marketOf({ facilities }: Deployment, id: string | undefined): MarketPlace {
  const markets = facilities.flatMap((place) => place.markets);
  const found = id === undefined ? markets : markets.filter((market) => market.id === id.toLowerCase());
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Refusal("Invest_WhichMarket", { marketCount: markets.length });
  const { id: own, ...params } = only;
  return { id: own, params: { ...params, lltv: BigInt(params.lltv) } };
}

/** A market's totals with the interest until now, an account's part in it, and the price where there is one. */
export async function marketNow({ contracts }: Investor, { id, params }: MarketPlace, account: string) {
  const { markets } = contracts;
  const [stored, held, block] = await Promise.all([
    markets.market(id),
    markets.position(id, account),
    markets.runner!.provider!.getBlock("latest"),
  ]);
  const { supplyShares, borrowShares, collateralShares } = held;
  const { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares, lastUpdateAt, feeWad } = stored;
  const rateWad = await AdaptiveRate__factory.connect(params.irm, markets.runner).borrowRateView(params, {
    ...{
      totalSupplyAssets,
      totalSupplyShares,
      totalBorrowAssets,
      totalBorrowShares,
      lastUpdateAt,
      fee: feeWad,
      feeWad,
    },
  });
  const elapsedSec = BigInt(block!.timestamp) - lastUpdateAt;
  const stand = { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares };
  const totals = accrued(stand, rateWad, elapsedSec > 0n ? elapsedSec : 0n, feeWad / 10n ** 14n);
  const price = await contracts
    .classPrice(params.oracle)
    .price()
    .catch(() => null); // stale or held: shown, and refused where it is needed
  const position: MarketPosition = { supplyShares, borrowShares, collateralShares };
  return { totals, position, price: { price, lltvWad: params.lltv } };
}

/** What a verb of a market does to the loan and to the market; `all` repays or withdraws everything. */
export async function marketPlan(
  investor: Investor,
  place: MarketPlace,
  verb: MarketVerb,
  asked: bigint | "all",
): Promise<Plan> {
  const { contracts, account, deployment } = investor;
  const { totals, position, price } = await marketNow(investor, place, account);
  const isCollateral = verb === "supplyCollateral" || verb === "withdrawCollateral";
  const allShares = { withdraw: position.supplyShares, repay: position.borrowShares } as Record<string, bigint>;
  const amount: MarketAmount =
    asked === "all"
      ? { shares: isCollateral ? position.collateralShares : (allShares[verb] ?? 0n) }
      : isCollateral
        ? { shares: asked }
        : { assets: asked };
  const effect = effectOf(verb, amount, totals, position, price);
  const isIn = verb === "supply" || verb === "repay" || verb === "supplyCollateral";
  const token = isCollateral ? place.params.collateralToken : place.params.loanToken;
  // Interest until the block: a thousandth more may be taken of a debt that is repaid whole.
  const spareAssets = verb === "repay" && asked === "all" ? effect.movedAssets / 1000n + 1n : 0n;
  const units = isCollateral ? effect.movedShares : effect.movedAssets + spareAssets;
  if (isIn) await demandHeld(investor, token, units);
  const { markets } = deployment.addresses;
  return {
    calls: [
      ...(isIn ? await approvals(investor, token, markets, units) : []),
      { to: markets, data: callOf(contracts, place, verb, amount, account) },
    ],
    preview: { verb, market: place.id, ...shownEffect(effect, totals, position, price) },
  };
}

function callOf(contracts: Contracts, place: MarketPlace, verb: MarketVerb, amount: MarketAmount, account: string) {
  const { interface: code } = contracts.markets;
  const { params } = place;
  const pair = "assets" in amount ? ([amount.assets, 0n] as const) : ([0n, amount.shares] as const);
  const shares = "shares" in amount ? amount.shares : 0n;
  switch (verb) {
    case "supply":
    case "repay":
      return code.encodeFunctionData(verb as "supply", [params, ...pair, account, "0x"]);
    case "withdraw":
    case "borrow":
      return code.encodeFunctionData(verb as "borrow", [params, ...pair, account, account]);
    case "supplyCollateral":
      return code.encodeFunctionData(verb, [params, shares, account, "0x"]);
    case "withdrawCollateral":
      return code.encodeFunctionData(verb, [params, shares, account, account]);
  }
}

function shownEffect(
  effect: MarketEffect,
  totals: MarketTotals,
  position: MarketPosition,
  price: { price: bigint | null; lltvWad: bigint },
) {
  const [before, after] = [healthOf(totals, position, price), healthOf(effect.totals, effect.position, price)];
  return {
    ...{ movedAssets: effect.movedAssets, movedShares: effect.movedShares },
    ...{ owedBeforeAssets: before.owedAssets, owedAfterAssets: after.owedAssets, maxDebtAfterAssets: after.maxAssets },
    ...{ healthBeforeWad: before.healthWad, healthAfterWad: after.healthWad },
    utilizationAfterWad: utilizationWad(effect.totals),
  };
}

// What an account has

export async function positionsOf(investor: Investor, account: string): Promise<object> {
  const { contracts, deployment } = investor;
  const classes = [];
  for (const place of deployment.facilities) {
    for (const [classIndex, token] of place.classTokens.entries()) {
      const class_ = contracts.classToken(token);
      const [symbol, shares, claimableAssets, supplyShares, value] = await Promise.all([
        ...([class_.symbol(), class_.balanceOf(account), class_.claimableAssets(account)] as const),
        ...([class_.totalSupply(), contracts.valuation.classValue(place.address, classIndex)] as const),
      ]);
      if (shares === 0n && claimableAssets === 0n) continue;
      const exitAssets = supplyShares === 0n ? 0n : (value.exitAssets * shares) / supplyShares;
      const computedAt = value.computedAt;
      classes.push({
        facility: place.address,
        classIndex,
        symbol,
        token,
        shares,
        exitAssets,
        computedAt,
        claimableAssets,
      });
    }
  }
  const { vault } = contracts;
  const vaultShares = await vault.balanceOf(account);
  const markets = [];
  for (const { id } of deployment.facilities.flatMap((place) => place.markets)) {
    const { totals, position, price } = await marketNow(investor, marketOf(deployment, id), account);
    const { supplyShares, borrowShares, collateralShares } = position;
    if (supplyShares + borrowShares + collateralShares === 0n) continue;
    const { owedAssets, maxAssets: maxDebtAssets, healthWad } = healthOf(totals, position, price);
    markets.push({ market: id, collateralShares, owedAssets, maxDebtAssets, healthWad, supplyShares });
  }
  return {
    account,
    cashAssets: await contracts.classToken(deployment.addresses.asset).balanceOf(account),
    classes,
    vault: {
      vaultShares,
      exitAssets: await vault.convertToAssets(vaultShares),
      readyAssets: await vault.maxWithdraw(account),
    },
    markets,
  };
}
