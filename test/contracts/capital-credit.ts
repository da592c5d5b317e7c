import type { History, Verb } from "./capital-history.ts";
import { UNIT } from "./capital-stage.ts";

// What people do in markets, and what must be so in every market after every step.

type Kind = "supplyShares" | "borrowShares" | "collateralShares";

/** Somebody who has something of a kind in a market; anybody where nobody has. */
async function having(h: History, kind: Kind) {
  const found = [];
  for (const place of h.credit.places) {
    for (const who of [...h.stage.holders, h.stage.mallory]) {
      const position = await h.credit.markets.position(place.id, who);
      if (position[kind] > 0n) found.push({ who, place, shares: position[kind] });
    }
  }
  return found.length > 0 ? h.random.pick(found) : { who: h.someone(), place: h.market(), shares: 0n };
}

const amount = (h: History) => h.random.amount(1, 12);

/** What a position may still borrow at today's price, or nothing where there is none to act on. */
async function roomOf(h: History, who: string, place: History["credit"]["places"][0]): Promise<bigint> {
  const { markets } = h.credit;
  const oracle = await h.stage.ethers.getContractAt("ClassPrice", place.params.oracle);
  const price = await oracle.price().catch(() => 0n);
  const { borrowShares, collateralShares } = await markets.position(place.id, who);
  const { totalBorrowAssets, totalBorrowShares } = await markets.market(place.id);
  const most = (((collateralShares * price) / 10n ** 36n) * place.params.lltv) / 10n ** 18n;
  const owed = (borrowShares * (totalBorrowAssets + 1n)) / (totalBorrowShares + 10n ** 6n);
  return most > owed ? most - owed : 0n;
}

export const CREDIT_VERBS: readonly Verb[] = [
  {
    name: "supply",
    weight: 2,
    run: (h) => {
      const who = h.someone();
      return h.credit.markets.connect(who).supply(h.market().params, amount(h), 0, who, "0x");
    },
  },
  {
    name: "withdraw",
    weight: 2,
    run: async (h) => {
      const { who, place, shares } = await having(h, "supplyShares");
      return h.credit.markets.connect(who).withdraw(place.params, 0, h.random.part(shares) / 3n + 1n, who, who);
    },
  },
  {
    name: "supplyCollateral",
    weight: 5,
    run: async (h) => {
      const place = h.market();
      const token = h.stage.deals[place.deal]!.tokens[place.classIndex]!;
      const who = await h.holderOf(token);
      const shares = h.random.part(await token.balanceOf(who)) + 1n;
      return h.credit.markets.connect(who).supplyCollateral(place.params, shares, who, "0x");
    },
  },
  {
    name: "withdrawCollateral",
    weight: 3,
    run: async (h) => {
      const { who, place, shares } = await having(h, "collateralShares");
      const part = h.random.part(shares) / h.random.big(1, 20) + 1n;
      return h.credit.markets
        .connect(who)
        .withdrawCollateral(place.params, part, who, h.random.pick([who, h.someone()]));
    },
  },
  {
    name: "borrow",
    weight: 6,
    run: async (h) => {
      const { who, place } = await having(h, "collateralShares");
      const room = await roomOf(h, who.address, place);
      const assets = h.random.chance(0.5) ? room : h.random.part(room + UNIT) + 1n;
      return h.credit.markets.connect(who).borrow(place.params, assets, 0, who, h.someone());
    },
  },
  {
    name: "repay",
    weight: 2,
    run: async (h) => {
      const { who, place, shares } = await having(h, "borrowShares");
      return h.credit.markets.connect(who).repay(place.params, 0, h.random.part(shares) / 2n + 1n, who, "0x");
    },
  },
  {
    name: "claimIncome",
    weight: 2,
    run: (h) => {
      const who = h.someone();
      return h.credit.markets.connect(who).claimIncome(h.market().params, who, h.someone());
    },
  },
  {
    name: "repayFromIncome",
    weight: 2,
    run: (h) => h.credit.markets.connect(h.someone()).repayFromIncome(h.market().params, h.someone()),
  },
  {
    name: "liquidate",
    weight: 8,
    run: async (h) => {
      const { who: borrower, place } = await having(h, "borrowShares");
      const { borrowShares, collateralShares } = await h.credit.markets.position(place.id, borrower);
      if (borrowShares === 0n) return undefined;
      const byDebt = h.random.chance(0.5);
      const part = h.random.part(byDebt ? borrowShares : collateralShares);
      const by = h.credit.markets.connect(h.someone());
      return byDebt
        ? by.liquidate(place.params, borrower, 0, part, "0x")
        : by.liquidate(place.params, borrower, part, 0, "0x");
    },
  },
  {
    name: "flag",
    weight: 3,
    run: async (h) => {
      const { who, place } = await having(h, "borrowShares");
      return h.credit.markets.connect(h.someone()).flag(place.params, who);
    },
  },
  {
    name: "unflag",
    weight: 1,
    run: async (h) => {
      const { who, place } = await having(h, "borrowShares");
      return h.credit.markets.connect(h.someone()).unflag(place.params, who);
    },
  },
  {
    name: "accrueInterest",
    weight: 1,
    run: (h) => h.credit.markets.accrueInterest(h.market().params),
  },
];
