import { ceil } from "./capital-checks.ts";
import type { History, Verb } from "./capital-history.ts";
import type { CapitalVault } from "./capital-vault.ts";

// What people, and the vault's allocator, do on the exchange and with the vault.

/** A class that somebody has, who that is, and what all of its shares are worth. */
async function listing(h: History) {
  const { deals, valuation } = h.stage;
  const deal = h.deal();
  const { facility, tokens } = deals[deal]!;
  const classIndex = h.random.whole(0, tokens.length - 1);
  const token = tokens[classIndex]!;
  const value = await valuation.classValue(facility, classIndex);
  return { token, holder: await h.holderOf(token), value, supply: await token.totalSupply() };
}

const amount = (h: History) => h.random.amount(1, 12);

export const tradeVerbs = ({ exchange, vault, allocator, order }: CapitalVault): readonly Verb[] => [
  {
    name: "fill a sale",
    weight: 3,
    run: async (h) => {
      const { token, holder, value, supply } = await listing(h);
      const shares = h.random.part(await token.balanceOf(holder)) + 1n;
      const assets = (shares * value.exitAssets * h.random.big(80, 120)) / supply / 100n;
      const maxAccruedAssets = h.random.chance(0.5) ? shares : 0n;
      const signed = await order(holder, token, { shares, assets, maxAccruedAssets });
      const taker = h.someone();
      const fill = h.random.part(shares) + 1n;
      return exchange.connect(taker).fill(signed.order, signed.signature, fill, 2n ** 100n, taker);
    },
  },
  {
    name: "fill a purchase",
    weight: 3,
    run: async (h) => {
      const { token, holder, value, supply } = await listing(h);
      const shares = h.random.part(await token.balanceOf(holder)) + 1n;
      const assets = (shares * value.exitAssets * h.random.big(80, 120)) / supply / 100n;
      const signed = await order(h.someone(), token, { shares, assets, isSell: false, maxAccruedAssets: shares });
      return exchange.connect(holder).fill(signed.order, signed.signature, h.random.part(shares) + 1n, 0, holder);
    },
  },
  {
    name: "settle",
    weight: 2,
    run: async (h) => {
      const { token, holder } = await listing(h);
      const shares = h.random.part(await token.balanceOf(holder)) + 1n;
      const assets = (shares * h.random.big(50, 110)) / 100n;
      const sell = await order(holder, token, { shares, assets });
      const buy = await order(h.someone(), token, {
        ...{ shares: shares * 2n, assets: ((assets * h.random.big(98, 120)) / 50n) | 1n, isSell: false },
      });
      const by = exchange.connect(h.someone());
      return by.settle(sell.order, sell.signature, buy.order, buy.signature, h.random.part(shares) + 1n);
    },
  },
  {
    name: "set the fee",
    weight: 0.3,
    run: (h) => exchange.setFee(h.random.whole(0, 100)),
  },
  {
    name: "deposit",
    weight: 6,
    run: (h) => {
      const who = h.someone();
      return vault.connect(who).deposit(amount(h), h.random.chance(0.8) ? who : h.someone());
    },
  },
  {
    name: "mint",
    weight: 2,
    run: (h) => {
      const who = h.someone();
      return vault.connect(who).mint(h.random.amount(1, 17), who);
    },
  },
  {
    name: "requestRedeem",
    weight: 5,
    run: async (h) => {
      const who = await h.holderOf(vault);
      const shares = h.random.part(await vault.balanceOf(who)) / h.random.big(1, 4) + 1n;
      return vault.connect(who).requestRedeem(shares, who, who);
    },
  },
  {
    name: "cancelRedeemRequest",
    weight: 1,
    run: async (h) => {
      const who = h.someone();
      const ids = await vault.requestIds(who);
      return ids.length === 0 ? undefined : vault.connect(who).cancelRedeemRequest(h.random.pick(ids), who);
    },
  },
  {
    name: "claimCancelRedeemRequest",
    weight: 1.5,
    run: async (h) => {
      const who = h.someone();
      const ids = await vault.requestIds(who);
      return ids.length === 0 ? undefined : vault.connect(who).claimCancelRedeemRequest(h.random.pick(ids), who, who);
    },
  },
  { name: "fulfil", weight: 6, run: (h) => vault.connect(h.someone()).fulfil() },
  {
    name: "redeem",
    weight: 2,
    run: async (h) => {
      const who = h.someone();
      const shares = h.random.part(await vault.maxRedeem(who));
      return shares === 0n ? undefined : vault.connect(who).redeem(shares, h.someone(), who);
    },
  },
  {
    name: "withdraw from the vault",
    weight: 2,
    run: async (h) => {
      const who = h.someone();
      const assets = h.random.part(await vault.maxWithdraw(who));
      return assets === 0n ? undefined : vault.connect(who).withdraw(assets, h.someone(), who);
    },
  },
  {
    name: "transfer vault shares",
    weight: 1,
    run: async (h) => vault.connect(await h.holderOf(vault)).transfer(h.someone(), h.random.amount(1, 17)),
  },
  {
    name: "claim for the vault",
    weight: 2,
    run: (h) => vault.connect(h.someone()).claimIncome(h.random.pick(h.stage.deals[h.deal()]!.tokens)),
  },
  {
    name: "donate to the vault",
    weight: 0.5,
    run: (h) => h.stage.asset.connect(h.stage.mallory).transfer(vault, h.random.amount(1, 9)),
  },
  {
    name: "buy for the vault",
    weight: 5,
    run: async (h) => {
      const { token, holder, value, supply } = await listing(h);
      const most = ((await vault.freeAssets()) * supply) / (value.entryAssets + 1n);
      const has = await token.balanceOf(holder);
      const shares = h.random.part(most < has ? most : has) + 1n;
      const entry = (shares * value.entryAssets) / supply;
      const assets = h.random.chance(0.5) ? entry : (entry * h.random.big(90, 101)) / 100n;
      const signed = await order(holder, token, { shares, assets });
      return vault.connect(allocator).buy(signed.order, signed.signature, shares, 2n ** 100n);
    },
  },
  {
    name: "sell for the vault",
    weight: 3,
    run: async (h) => {
      const { token, value, supply } = await listing(h);
      const { shares: held } = await vault.holdingOf(token);
      if (held === 0n) return undefined;
      const shares = h.random.part(held) / 2n + 1n;
      const exit = ceil(shares * value.exitAssets, supply);
      const assets = (exit * h.random.big(98, 105)) / 100n + 1n;
      const signed = await order(h.someone(), token, { shares, assets, isSell: false });
      return vault.connect(allocator).sell(signed.order, signed.signature, shares, 0);
    },
  },
];
