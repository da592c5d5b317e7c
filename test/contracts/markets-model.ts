import { expect } from "chai";
import {
  accrued,
  effectOf,
  healthOf,
  MARKET_VERBS,
  mostOf,
  type MarketPosition,
  type MarketTotals,
  type MarketVerb,
} from "../../server/model/market.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { randomOf } from "../../scripts/random.ts";
import { deployIndebted, networkHelpers, PAR, usd, YEAR_SEC } from "./marketsWorld.ts";

// The model of a market that previews are made with, against the contract: a random history to the unit, and the most
// that each verb lets through.

const FEE_BPS = 1000n;

async function stage() {
  const world = await deployIndebted();
  const { markets, params, id, seams, borrower, irm, admin } = world;
  await markets.setFeeRecipient(admin);
  await markets.setFee(params, FEE_BPS);
  let price: bigint | null = PAR;

  const totalsNow = async (): Promise<MarketTotals> => {
    const { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares } = await markets.market(id);
    return { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares };
  };
  const positionNow = async (): Promise<MarketPosition> => {
    const { supplyShares, borrowShares, collateralShares } = await markets.position(id, borrower);
    return { supplyShares, borrowShares, collateralShares };
  };
  /** What the next block's verb starts from: the chain's own totals and rate, the model's interest. */
  const next = async () => {
    const at = BigInt(await networkHelpers.time.latest()) + 1n;
    await networkHelpers.time.setNextBlockTimestamp(at);
    const { lastUpdateAt } = await markets.market(id);
    const totals = await totalsNow();
    const rate = await irm.borrowRate.staticCall(params, { ...totals, lastUpdateAt, feeWad: 0n });
    return {
      totals: accrued(totals, rate, at - lastUpdateAt, FEE_BPS),
      position: await positionNow(),
      terms: { price, lltvWad: params.lltv },
    };
  };

  const act = (verb: MarketVerb, assets: bigint, shares: bigint) => {
    const own = markets.connect(borrower);
    const gas = { gasLimit: 2_000_000 };
    switch (verb) {
      case "supply":
        return own.supply(params, assets, shares, borrower, "0x", gas);
      case "withdraw":
        return own.withdraw(params, assets, shares, borrower, borrower, gas);
      case "supplyCollateral":
        return own.supplyCollateral(params, shares, borrower, "0x", gas);
      case "withdrawCollateral":
        return own.withdrawCollateral(params, shares, borrower, borrower, gas);
      case "borrow":
        return own.borrow(params, assets, shares, borrower, borrower, gas);
      case "repay":
        return own.repay(params, assets, shares, borrower, "0x", gas);
    }
  };
  /** The contract's error, or undefined where it did it. */
  const refusalOf = async (sent: Promise<unknown>) => {
    try {
      await sent;
      return undefined;
    } catch (error) {
      const { data = "" } = error as { data?: string };
      return markets.interface.parseError(data)?.name ?? String(error);
    }
  };
  /** Null: the price is stale. */
  const setPrice = async (to: bigint | null) => {
    price = to;
    await seams.setStale(to === null);
    if (to !== null) await seams.setPrice(to);
  };
  return { ...world, totalsNow, positionNow, next, act, refusalOf, setPrice };
}

const isCollateral = (verb: MarketVerb) => verb.endsWith("Collateral");

function outcome(work: () => ReturnType<typeof effectOf>) {
  try {
    return { effect: work(), code: undefined };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { effect: undefined, code: error.code };
  }
}

describe("model of a market", () => {
  it("M18, M20: follows the contract to the unit through a random history, refusals included", async () => {
    const s = await networkHelpers.loadFixture(stage);
    // What is left to lend is about what is posted: both limit.
    await s.markets.connect(s.lender).withdraw(s.params, usd(9_300), 0, s.lender, s.lender);
    const random = randomOf(20_260_601);
    const met = new Set<string>();
    for (let step = 0; step < 150; step++) {
      if (random() < 0.15) await networkHelpers.time.increase(BigInt(Math.floor(random() * 60 * 86_400)));
      if (random() < 0.1)
        await s.setPrice(random() < 0.2 ? null : (PAR * BigInt(50 + Math.floor(random() * 80))) / 100n);
      const verb = MARKET_VERBS[Math.floor(random() * MARKET_VERBS.length)]!;
      const { totals, position, terms } = await s.next();
      const size = random() < 0.08 ? 0n : usd(random() * (random() < 0.2 ? 20_000 : 400)) + 1n;
      const isByShares = isCollateral(verb) || random() < 0.4;
      const shares = !isByShares ? 0n : isCollateral(verb) ? size : size * 999_983n;
      const assets = isByShares ? 0n : size;
      const amount = isByShares ? { shares } : { assets };
      const expected = outcome(() => effectOf(verb, amount, totals, position, terms));
      const code = await s.refusalOf(s.act(verb, assets, shares));
      met.add(expected.code ?? verb);
      const label = `${step} ${verb}`;
      // Without a price the source's own error comes through.
      if (expected.code === "Market_NoPrice") expect(code, label).to.contain("MockSeams_Stale");
      else expect(code, label).to.equal(expected.code);
      if (expected.effect === undefined) continue;
      // A deposit of collateral accrues nothing.
      if (verb !== "supplyCollateral") expect(await s.totalsNow(), label).to.deep.equal(expected.effect.totals);
      expect(await s.positionNow(), label).to.deep.equal(expected.effect.position);
    }
    const wanted = ["Market_Unhealthy", "Market_NotEnoughShares", "Market_NotEnoughLiquidity", "Market_NoPrice"];
    expect([...met]).to.include.members([...MARKET_VERBS, ...wanted]);
  });

  for (const verb of ["withdraw", "withdrawCollateral", "borrow"] as const) {
    it(`knows the most that ${verb} lets through: one unit more is refused`, async () => {
      const s = await networkHelpers.loadFixture(stage);
      await s.setPrice((PAR * 987_654_321n) / 1_000_000_000n);
      await s.act("supply", usd(1234.567891), 0n);
      await networkHelpers.time.increase(YEAR_SEC);
      for (const more of [1n, 0n]) {
        const { totals, position, terms } = await s.next();
        const asked = mostOf(verb, totals, position, terms)! + more;
        const sent = isCollateral(verb) ? s.act(verb, 0n, asked) : s.act(verb, asked, 0n);
        const refused = verb === "withdraw" ? "Market_NotEnoughShares" : "Market_Unhealthy";
        expect(await s.refusalOf(sent)).to.equal(more === 0n ? undefined : refused);
      }
    });
  }

  it("says at which price a position can be liquidated: there it cannot, a unit under it can", async () => {
    const s = await networkHelpers.loadFixture(stage);
    await networkHelpers.time.increase(YEAR_SEC);
    const { totals, position, terms } = await s.next();
    const { liquidationPrice, owedAssets, maxAssets } = healthOf(totals, position, terms);
    expect(maxAssets! > owedAssets).to.equal(true);
    const most = (price: bigint) => healthOf(totals, position, { ...terms, price }).maxAssets!;
    expect(most(liquidationPrice!) >= owedAssets).to.equal(true);
    expect(most(liquidationPrice! - 1n) < owedAssets).to.equal(true);
  });
});
