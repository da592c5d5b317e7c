import { expect } from "chai";
import {
  deployIndebted,
  deployWorld,
  ethers,
  idOf,
  networkHelpers,
  PAR,
  pass,
  RISE_SEC,
  usd,
  WAD,
} from "./marketsWorld.ts";

// LLTV 80 %, risen in full: 1 / (1 − 0.3 · 0.2), rounded down.
const INCENTIVE = (WAD * WAD) / (WAD - (3n * WAD) / 50n);
const SHARES = 1_000_000n; // of debt, for one asset unit in a fresh market

/** 800 borrowed on 1,000 shares, which then fall to `percent` of par; flagged for so long that the bonus is full. */
async function underwater(percent: bigint) {
  const world = await deployIndebted();
  const { markets, params, borrower, seams } = world;
  await markets.connect(borrower).borrow(params, usd(300), 0, borrower, borrower);
  await seams.setPrice((PAR * percent) / 100n);
  await markets.flag(params, borrower);
  await pass(RISE_SEC);
  return world;
}
const fallen = () => underwater(95n);
const insolvent = () => underwater(50n);

describe("Markets.liquidate", () => {
  it("refuses a healthy position, at the limit too", async () => {
    const { markets, params, liquidator, borrower, seams } = await networkHelpers.loadFixture(deployIndebted);
    await seams.setPrice((PAR * 63n) / 100n);
    await expect(markets.connect(liquidator).liquidate(params, borrower, 1, 0, "0x")).to.be.revertedWithCustomError(
      markets,
      "Market_Healthy",
    );
    await seams.setPrice((PAR * 62n) / 100n);
    await markets.connect(liquidator).liquidate(params, borrower, 1, 0, "0x");
  });

  it("refuses a position without debt", async () => {
    const { markets, params, liquidator, stranger } = await networkHelpers.loadFixture(deployIndebted);
    await expect(markets.connect(liquidator).liquidate(params, stranger, 1, 0, "0x")).to.be.revertedWithCustomError(
      markets,
      "Market_Healthy",
    );
  });

  it("by collateral: repays its value less the incentive, rounded up", async () => {
    const { markets, params, id, liquidator, borrower, loan, share } = await networkHelpers.loadFixture(fallen);
    const had = await loan.balanceOf(liquidator);
    const before = await markets.position(id, borrower);
    await markets.connect(liquidator).liquidate(params, borrower, usd(100), 0, "0x");
    const paid = had - (await loan.balanceOf(liquidator));
    const exact = (usd(95) * WAD) / INCENTIVE;
    expect(paid).to.be.within(exact, exact + 2n);
    expect(await share.balanceOf(liquidator)).to.equal(usd(1_000_100));
    const after = await markets.position(id, borrower);
    expect(before.collateralShares - after.collateralShares).to.equal(usd(100));
    expect(before.borrowShares - after.borrowShares).to.be.within(exact * (SHARES - 10n), (exact + 2n) * SHARES);
  });

  it("by debt: seizes its value and the incentive, rounded down", async () => {
    const { markets, params, id, liquidator, borrower, loan, share } = await networkHelpers.loadFixture(fallen);
    const had = await loan.balanceOf(liquidator);
    await markets.connect(liquidator).liquidate(params, borrower, 0, usd(100) * SHARES, "0x");
    const paid = had - (await loan.balanceOf(liquidator));
    const seized = (await share.balanceOf(liquidator)) - usd(1_000_000);
    const most = (paid * INCENTIVE * 100n) / (95n * WAD);
    expect(seized).to.be.within(most - 3n, most);
    expect((await markets.position(id, borrower)).collateralShares).to.equal(usd(1000) - seized);
  });

  it("M19: a repayment that comes first makes a liquidation smaller, not impossible", async () => {
    const { markets, params, id, liquidator, borrower } = await networkHelpers.loadFixture(fallen);
    const { borrowShares } = await markets.position(id, borrower);
    await markets.connect(borrower).repay(params, 1, 0, borrower, "0x");
    await markets.connect(liquidator).liquidate(params, borrower, 0, borrowShares, "0x");
    expect((await markets.position(id, borrower)).borrowShares).to.equal(0n);
    expect((await markets.position(id, borrower)).collateralShares).to.be.above(0n);
  });

  it("M19: asking for all collateral of a solvent borrower takes no more than the debt is worth", async () => {
    const { markets, params, id, liquidator, borrower, loan, share } = await networkHelpers.loadFixture(fallen);
    const had = await loan.balanceOf(liquidator);
    await markets.connect(liquidator).liquidate(params, borrower, usd(5000), 0, "0x");
    const paid = had - (await loan.balanceOf(liquidator));
    expect(paid).to.be.within(usd(800), usd(800.1));
    const seized = (await share.balanceOf(liquidator)) - usd(1_000_000);
    expect(seized).to.be.at.most((paid * INCENTIVE * 100n) / (95n * WAD));
    expect((await markets.position(id, borrower)).borrowShares).to.equal(0n);
  });

  it("M19: bad debt is taken from the suppliers at once, whichever way all collateral is asked for", async () => {
    for (const [seize, repay] of [
      [usd(1000), 0n],
      [0n, usd(800) * SHARES],
    ] as const) {
      const { markets, params, id, liquidator, borrower } = await insolvent();
      await markets.accrueInterest(params);
      const before = await markets.market(id);
      await networkHelpers.time.setNextBlockTimestamp(before.lastUpdateAt + 1n);
      const tx = await markets.connect(liquidator).liquidate(params, borrower, seize, repay, "0x");
      expect(await markets.position(id, borrower)).to.deep.equal([0n, 0n, 0n]);
      const after = await markets.market(id);
      expect(after.totalBorrowAssets).to.equal(0n);
      expect(after.totalBorrowShares).to.equal(0n);
      const [event] = await markets.queryFilter(markets.filters.Liquidate(), tx.blockNumber!);
      const repaid = (usd(500) * WAD) / INCENTIVE;
      expect(event!.args.repaidAssets).to.be.within(repaid, repaid + 2n);
      expect(event!.args.badDebtAssets).to.be.within(usd(800) - repaid - 2n, usd(800) - repaid + 3000n);
      const [interest] = await markets.queryFilter(markets.filters.AccrueInterest(), tx.blockNumber!);
      expect(after.totalSupplyAssets).to.equal(
        before.totalSupplyAssets + interest!.args.interestAssets - event!.args.badDebtAssets,
      );
      expect(event!.args.badDebtShares).to.be.above(0n);
    }
  });

  it("M19: a dust position left behind can be finished by anyone", async () => {
    const { markets, params, id, liquidator, borrower } = await networkHelpers.loadFixture(insolvent);
    await markets.connect(liquidator).liquidate(params, borrower, usd(1000) - 1n, 0, "0x");
    expect((await markets.position(id, borrower)).borrowShares).to.be.above(0n);
    await markets.connect(liquidator).liquidate(params, borrower, 1, 0, "0x");
    expect(await markets.position(id, borrower)).to.deep.equal([0n, 0n, 0n]);
  });

  it("M29: collateral is never free, however low its price", async () => {
    const { markets, params, liquidator, borrower, seams, loan } = await networkHelpers.loadFixture(fallen);
    await seams.setPrice(1);
    const had = await loan.balanceOf(liquidator);
    await markets.connect(liquidator).liquidate(params, borrower, usd(1000), 0, "0x");
    expect(had - (await loan.balanceOf(liquidator))).to.be.within(1n, 2n); // up to a whole share of debt, and up again
  });

  it("M08: a liquidator that may not receive the collateral is refused, an eligible one is not", async () => {
    const { markets, params, liquidator, stranger, borrower, share } = await networkHelpers.loadFixture(fallen);
    await share.setBarred(stranger, true);
    await share.setBarred(borrower, true);
    await expect(markets.connect(stranger).liquidate(params, borrower, 100, 0, "0x"))
      .to.be.revertedWithCustomError(share, "MockShare_CannotReceive")
      .withArgs(stranger.address);
    await markets.connect(liquidator).liquidate(params, borrower, 100, 0, "0x");
    await markets.connect(borrower).repay(params, usd(700), 0, borrower, "0x");
    await markets.connect(borrower).withdrawCollateral(params, usd(500), borrower, liquidator);
  });

  it("the full incentive is 1 / (1 − 0.3 · (1 − LLTV)), and never above 15 %", async () => {
    const { markets, params, lender, borrower, liquidator, loan, seams } =
      await networkHelpers.loadFixture(deployWorld);
    for (const [lltv, incentive] of [
      [(WAD * 945n) / 1000n, (WAD * WAD) / (WAD - (3n * 55n * WAD) / 10_000n)],
      [WAD / 10n, (WAD * 115n) / 100n],
    ] as const) {
      await markets.enableLltv(lltv);
      await seams.setPrice(PAR);
      const other = { ...params, lltv };
      await markets.createMarket(other);
      await markets.connect(lender).supply(other, usd(10_000), 0, lender, "0x");
      await markets.connect(borrower).supplyCollateral(other, usd(1000), borrower, "0x");
      await markets.connect(borrower).borrow(other, (usd(1000) * lltv) / WAD, 0, borrower, borrower);
      await seams.setPrice((PAR * 99n) / 100n);
      await markets.flag(other, borrower);
      await pass(RISE_SEC);
      const had = await loan.balanceOf(liquidator);
      await markets.connect(liquidator).liquidate(other, borrower, usd(50), 0, "0x");
      const exact = (usd(49.5) * WAD) / incentive;
      expect(had - (await loan.balanceOf(liquidator)), idOf(other)).to.be.within(exact, exact + 2n);
    }
  });
});

describe("Markets without a valid price", () => {
  const spoil: Record<string, (world: Awaited<ReturnType<typeof deployIndebted>>) => Promise<unknown>> = {
    "M18: stale": ({ seams }) => seams.setStale(true),
    "M18: zero": ({ seams }) => seams.setPrice(0),
    "M29: beyond 2^192": ({ seams }) => seams.setPrice(2n ** 192n + 1n),
    "M29: the largest number": ({ seams }) => seams.setPrice(ethers.MaxUint256),
  };
  for (const [title, change] of Object.entries(spoil)) {
    it(`${title}: no new debt, no collateral out, no liquidation; all exits work`, async () => {
      const world = await networkHelpers.loadFixture(deployIndebted);
      const { markets, params, id, lender, borrower, liquidator, stranger, loan, share, seams } = world;
      await loan.connect(stranger).approve(share, usd(1000));
      await share.connect(stranger).pay(usd(1000));
      await change(world);
      const own = markets.connect(borrower);
      const refused = [
        () => own.borrow(params, 1, 0, borrower, borrower),
        () => own.withdrawCollateral(params, 1, borrower, borrower),
        () => own.claimIncome(params, borrower, borrower),
        () => markets.connect(liquidator).liquidate(params, borrower, 1, 0, "0x"),
        () => markets.connect(liquidator).flag(params, borrower),
        () => markets.connect(stranger).repayFromIncome(params, borrower),
      ];
      for (const call of refused) {
        await (title === "M18: stale"
          ? expect(call()).to.be.revertedWithCustomError(seams, "MockSeams_Stale")
          : expect(call()).to.be.revertedWithCustomError(markets, "Market_BadPrice"));
      }
      await own.supplyCollateral(params, 1, borrower, "0x");
      await own.repay(params, usd(1), 0, borrower, "0x");
      await own.repayFromIncome(params, borrower);
      await markets.connect(lender).supply(params, usd(1), 0, lender, "0x");
      await markets.connect(lender).withdraw(params, usd(1), 0, lender, lender);
      const { borrowShares, collateralShares } = await markets.position(id, borrower);
      if (borrowShares > 0n) await own.repay(params, 0, borrowShares, borrower, "0x");
      await own.withdrawCollateral(params, collateralShares, borrower, borrower);
    });
  }

  it("M18: a price that jumps to the largest allowed breaks nothing", async () => {
    const { markets, params, borrower, seams } = await networkHelpers.loadFixture(deployIndebted);
    await seams.setPrice(2n ** 192n);
    await markets.connect(borrower).borrow(params, usd(9000), 0, borrower, borrower);
  });
});
