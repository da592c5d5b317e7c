import {
  effectOf,
  healthOf,
  owedAssets,
  suppliedAssets,
  utilizationWad,
  type MarketAmount,
  type MarketEffect,
  type MarketHealth,
  type MarketPrice,
  type MarketVerb,
} from "../../../server/model/market.ts";
import type { Market } from "../../../server/protocol/apiMarkets.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import type { Action, ActionStep, Effect } from "../../action.tsx";
import { approvalOf } from "../../approval.ts";
import type { Chain } from "../../chain.ts";
import { marketNow, ownMarket, paramsOf, type OwnMarket } from "./marketNow.ts";
import { toneOf, type MarketTalk } from "./talk.tsx";

// What an account does in a lending market: each as one action with the preview of all it changes.

/** Repaying all by assets would leave what accrues until the block: by shares nothing is left. */
const MARGIN_PARTS = 1000n;

/** A verb with its amount; `isAll` repays or withdraws by shares, to the last. */
export interface Ask {
  verb: MarketVerb;
  units: bigint;
  isAll: boolean;
}

const isOfShares = (verb: MarketVerb) => verb === "supplyCollateral" || verb === "withdrawCollateral";

/** The amount of an ask as the contract takes it. */
export function amountOf({ verb, units, isAll }: Ask, own: Pick<OwnMarket, "position">): MarketAmount {
  if (isOfShares(verb)) return { shares: units };
  if (isAll && verb === "repay") return { shares: own.position.borrowShares };
  if (isAll && verb === "withdraw") return { shares: own.position.supplyShares };
  return { assets: units };
}

/** One verb in a market. */
export function marketAction(market: Market, ask: Ask, talk: MarketTalk): Action {
  const { verb } = ask;
  return {
    title: talk.words.titles(verb, market.symbol),
    async plan(chain) {
      const [{ totals, price }, own] = await Promise.all([marketNow(chain, market), ownMarket(chain, market)]);
      const amount = amountOf(ask, own);
      const effect = effectOf(verb, amount, totals, own.position, price);
      demandOwned(verb, effect, own);
      const send = sending(market, verb, amount);
      const approvals = await approvalsOf(chain, market, ask, effect, talk);
      // Without an approval to wait for, the contract itself says what it would refuse.
      if (approvals.length === 0) await send.staticCall(chain);
      const before = { totals, position: own.position };
      return {
        effects: effectsOf(market, verb, before, effect, own, price, talk),
        steps: [...approvals, { label: talk.words.verbs(verb), run: send.run }],
        warnings: warningsOf(verb, effect, price, talk),
      };
    },
  };
}

/** What the wallet must have. */
function demandOwned(verb: MarketVerb, { movedAssets, movedShares }: MarketEffect, own: OwnMarket): void {
  const isPaying = verb === "supply" || verb === "repay";
  const [asked, held] = isPaying
    ? [movedAssets, own.cashAssets]
    : verb === "supplyCollateral"
      ? [movedShares, own.walletShares]
      : [0n, 0n];
  if (asked > held) throw new Refusal("Wallet_NotEnough", { askedUnits: asked, heldUnits: held });
}

async function approvalsOf(
  chain: Chain,
  market: Market,
  { verb, isAll }: Ask,
  effect: MarketEffect,
  talk: MarketTalk,
): Promise<ActionStep[]> {
  const { addresses } = chain;
  const unit = verb === "supplyCollateral" ? market.symbol : talk.coin.unit;
  const label = talk.field.allow(talk.field.theMarkets, unit);
  if (verb === "supplyCollateral")
    return approvalOf(chain, {
      ...{ token: market.params.collateralToken, spender: addresses.markets, units: effect.movedShares, label },
    });
  if (verb !== "supply" && verb !== "repay") return [];
  const units = effect.movedAssets + (isAll && verb === "repay" ? effect.movedAssets / MARGIN_PARTS + 1n : 0n);
  return approvalOf(chain, { token: market.params.loanToken, spender: addresses.markets, units, label });
}

function sending(market: Market, verb: MarketVerb, amount: MarketAmount) {
  const [assets, shares] = "assets" in amount ? [amount.assets, 0n] : [0n, amount.shares];
  const isOut = verb === "withdraw" || verb === "withdrawCollateral" || verb === "borrow";
  const amounts = isOfShares(verb) ? [shares] : [assets, shares];
  const argsOf = (account: string) => [paramsOf(market.params), ...amounts, account, isOut ? account : "0x"];
  const methodOf = ({ contracts }: Chain) => contracts.markets.getFunction(verb as string);
  return {
    run: (chain: Chain) => methodOf(chain).send(...argsOf(chain.account)),
    staticCall: (chain: Chain): Promise<unknown> => methodOf(chain).staticCall(...argsOf(chain.account)),
  };
}

type Before = Pick<MarketEffect, "totals" | "position">;

/** What changes: the wallet, the position, its health. */
function effectsOf(
  market: Market,
  verb: MarketVerb,
  before: Before,
  after: MarketEffect,
  own: OwnMarket,
  price: MarketPrice,
  talk: MarketTalk,
): Effect[] {
  const { words, field, coin } = talk;
  const isPaying = verb === "supply" || verb === "repay";
  const paidAssets = isPaying ? -after.movedAssets : after.movedAssets;
  const effects: Effect[] = [];
  if (after.movedAssets > 0n)
    effects.push({
      label: field.inWallet(coin.unit),
      before: talk.cash(own.cashAssets),
      after: talk.cash(own.cashAssets + paidAssets),
    });
  if (after.movedShares > 0n) {
    const sentShares = verb === "supplyCollateral" ? -after.movedShares : after.movedShares;
    effects.push(
      {
        label: field.inWallet(market.symbol),
        before: talk.shares(own.walletShares),
        after: talk.shares(own.walletShares + sentShares),
      },
      {
        label: words.collateral,
        before: talk.shares(before.position.collateralShares),
        after: talk.shares(after.position.collateralShares),
      },
    );
  }
  if (verb === "supply" || verb === "withdraw") {
    effects.push({
      label: words.supplied,
      before: talk.cash(suppliedAssets(before.totals, before.position.supplyShares)),
      after: talk.cash(suppliedAssets(after.totals, after.position.supplyShares)),
    });
    return [...effects, utilization(before, after, talk)];
  }
  const [was, is] = [before, after].map(({ totals, position }) => healthOf(totals, position, price)) as [
    MarketHealth,
    MarketHealth,
  ];
  effects.push({
    label: words.debt,
    before: talk.cash(owedAssets(before.totals, before.position.borrowShares)),
    after: talk.cash(owedAssets(after.totals, after.position.borrowShares)),
  });
  effects.push({
    label: words.health,
    before: talk.health(was),
    after: talk.health(is),
    tone: toneOf(is),
  });
  effects.push({
    label: words.liquidationPrice,
    before: talk.price(was.liquidationPrice),
    after: talk.price(is.liquidationPrice),
  });
  return isOfShares(verb) ? effects : [...effects, utilization(before, after, talk)];
}

function utilization(before: Before, after: Before, { words, ratio }: MarketTalk): Effect {
  return {
    label: words.utilization,
    before: ratio(utilizationWad(before.totals)),
    after: ratio(utilizationWad(after.totals)),
  };
}

/** What to know first. */
function warningsOf(
  verb: MarketVerb,
  { totals, position }: MarketEffect,
  price: MarketPrice,
  talk: MarketTalk,
): string[] {
  if (verb === "supply") return [talk.words.lendingRisk];
  if (verb !== "borrow" && verb !== "withdrawCollateral") return [];
  return toneOf(healthOf(totals, position, price)) === undefined ? [] : [talk.words.nearLiquidation];
}

/** Pays what the posted collateral has earned: to the debt, or out. */
export function incomeAction(market: Market, to: "repay" | "claim", talk: MarketTalk): Action {
  return {
    title: talk.words.incomeTitles(to),
    async plan(chain) {
      const params = paramsOf(market.params);
      const [{ totals }, own] = await Promise.all([marketNow(chain, market), ownMarket(chain, market)]);
      const { markets } = chain.contracts;
      const { account } = chain;
      const owed = owedAssets(totals, own.position.borrowShares);
      if (to === "claim") await markets.claimIncome.staticCall(params, account, account);
      else await markets.repayFromIncome.staticCall(params, account);
      const taken = to === "claim" || own.incomeAssets < owed ? own.incomeAssets : owed;
      const { words, field, coin } = talk;
      return {
        effects: [
          { label: words.income, before: talk.cash(own.incomeAssets), after: talk.cash(own.incomeAssets - taken) },
          to === "claim"
            ? {
                label: field.inWallet(coin.unit),
                before: talk.cash(own.cashAssets),
                after: talk.cash(own.cashAssets + taken),
              }
            : { label: words.debt, before: talk.cash(owed), after: talk.cash(owed - taken) },
        ],
        steps: [
          {
            label: words.incomeTitles(to),
            run: ({ contracts }) =>
              to === "claim"
                ? contracts.markets.claimIncome(params, account, account)
                : contracts.markets.repayFromIncome(params, account),
          },
        ],
      };
    },
  };
}
