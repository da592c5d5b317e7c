import { expect } from "chai";
import {
  deployIndebted,
  deployWorld,
  ethers,
  idOf,
  LLTV,
  networkHelpers,
  pass,
  usd,
  WAD,
  YEAR_SEC,
} from "./marketsWorld.ts";

describe("Markets", () => {
  describe("createMarket", () => {
    it("opens a market under the hash of its parameters, and tells all of it in an event", async () => {
      const { markets, params, id } = await networkHelpers.loadFixture(deployWorld);
      expect(await markets.idToMarketParams(id)).to.deep.equal(Object.values(params));
      const [event] = await markets.queryFilter(markets.filters.CreateMarket());
      expect(event!.args.id).to.equal(id);
      expect((await markets.market(id)).lastUpdateAt).to.be.above(0n);
    });

    it("refuses a second one, an unknown model or LLTV, and addresses without code", async () => {
      const { markets, params, id, stranger } = await networkHelpers.loadFixture(deployWorld);
      await expect(markets.createMarket(params)).to.be.revertedWithCustomError(markets, "Market_Exists").withArgs(id);
      const cases = [
        ["Market_IrmNotEnabled", { irm: stranger.address }, stranger.address],
        ["Market_LltvNotEnabled", { lltv: LLTV + 1n }, LLTV + 1n],
        ["Market_NoCode", { loanToken: stranger.address }, stranger.address],
        ["Market_NoCode", { collateralToken: stranger.address }, stranger.address],
        ["Market_NoCode", { oracle: stranger.address }, stranger.address],
      ] as const;
      for (const [error, change, subject] of cases) {
        await expect(markets.createMarket({ ...params, ...change }))
          .to.be.revertedWithCustomError(markets, error)
          .withArgs(subject);
      }
    });

    it("refuses every verb on a market that does not exist", async () => {
      const { markets, params, lender } = await networkHelpers.loadFixture(deployWorld);
      const other = { ...params, lltv: LLTV + 1n };
      const calls = [
        () => markets.connect(lender).supply(other, 1, 0, lender, "0x"),
        () => markets.connect(lender).withdraw(other, 1, 0, lender, lender),
        () => markets.connect(lender).supplyCollateral(other, 1, lender, "0x"),
        () => markets.connect(lender).borrow(other, 1, 0, lender, lender),
        () => markets.connect(lender).repay(other, 1, 0, lender, "0x"),
        () => markets.connect(lender).withdrawCollateral(other, 1, lender, lender),
        () => markets.connect(lender).liquidate(other, lender, 1, 0, "0x"),
        () => markets.connect(lender).claimIncome(other, lender, lender),
        () => markets.connect(lender).repayFromIncome(other, lender),
        () => markets.accrueInterest(other),
      ];
      for (const call of calls) {
        await expect(call()).to.be.revertedWithCustomError(markets, "Market_Unknown").withArgs(idOf(other));
      }
    });
  });

  describe("administration", () => {
    it("M24: refuses a stranger on each of its verbs", async () => {
      const { markets, params, stranger, irm } = await networkHelpers.loadFixture(deployWorld);
      const outsider = markets.connect(stranger);
      for (const call of [
        () => outsider.enableIrm(irm),
        () => outsider.enableLltv(1),
        () => outsider.setFee(params, 1),
        () => outsider.setFeeRecipient(stranger),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(markets, "AccessManagedUnauthorized");
      }
    });

    it("refuses values out of range", async () => {
      const { markets, params, irm, stranger } = await networkHelpers.loadFixture(deployWorld);
      await expect(markets.enableIrm(irm)).to.be.revertedWithCustomError(markets, "Market_AlreadySet");
      await expect(markets.enableIrm(stranger)).to.be.revertedWithCustomError(markets, "Market_NoCode");
      await expect(markets.enableLltv(LLTV)).to.be.revertedWithCustomError(markets, "Market_AlreadySet");
      await expect(markets.enableLltv(WAD)).to.be.revertedWithCustomError(markets, "Market_LltvTooHigh");
      await expect(markets.setFee(params, 2501)).to.be.revertedWithCustomError(markets, "Market_FeeTooHigh");
      await expect(markets.setFee(params, 1)).to.be.revertedWithCustomError(markets, "Market_NoFeeRecipient");
      await expect(markets.setFeeRecipient(ethers.ZeroAddress)).to.be.revertedWithCustomError(
        markets,
        "Market_ZeroAddress",
      );
    });
  });

  describe("inputs", () => {
    it("takes assets or shares, never both or neither, and no callback data", async () => {
      const { markets, params, lender } = await networkHelpers.loadFixture(deployWorld);
      const own = markets.connect(lender);
      for (const [assets, shares] of [
        [0, 0],
        [1, 1],
      ] as const) {
        for (const call of [
          () => own.supply(params, assets, shares, lender, "0x"),
          () => own.withdraw(params, assets, shares, lender, lender),
          () => own.borrow(params, assets, shares, lender, lender),
          () => own.repay(params, assets, shares, lender, "0x"),
          () => own.liquidate(params, lender, assets, shares, "0x"),
        ]) {
          await expect(call()).to.be.revertedWithCustomError(markets, "Market_NotOneAmount").withArgs(assets, shares);
        }
      }
      for (const call of [
        () => own.supply(params, 1, 0, lender, "0x00"),
        () => own.repay(params, 1, 0, lender, "0x00"),
        () => own.supplyCollateral(params, 1, lender, "0x00"),
        () => own.liquidate(params, lender, 1, 0, "0x00"),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(markets, "Market_NoCallback");
      }
      await expect(own.supplyCollateral(params, 0, lender, "0x")).to.be.revertedWithCustomError(
        markets,
        "Market_ZeroAmount",
      );
      await expect(own.withdrawCollateral(params, 0, lender, lender)).to.be.revertedWithCustomError(
        markets,
        "Market_ZeroAmount",
      );
    });

    it("sends nothing to, and credits nothing on, the zero address", async () => {
      const { markets, params, lender } = await networkHelpers.loadFixture(deployIndebted);
      const [own, zero] = [markets.connect(lender), ethers.ZeroAddress];
      for (const call of [
        () => own.supply(params, 1, 0, zero, "0x"),
        () => own.withdraw(params, 1, 0, lender, zero),
        () => own.borrow(params, 1, 0, lender, zero),
        () => own.repay(params, 1, 0, zero, "0x"),
        () => own.supplyCollateral(params, 1, zero, "0x"),
        () => own.withdrawCollateral(params, 1, lender, zero),
        () => own.claimIncome(params, lender, zero),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(markets, "Market_ZeroAddress");
      }
    });

    it("takes out no more than a position has, nor than the market holds", async () => {
      const { markets, params, id, lender, borrower } = await networkHelpers.loadFixture(deployIndebted);
      const held = (await markets.position(id, lender)).supplyShares;
      await expect(markets.connect(lender).withdraw(params, 0, held + 1n, lender, lender))
        .to.be.revertedWithCustomError(markets, "Market_NotEnoughShares")
        .withArgs(id, lender.address, held + 1n, held);
      await expect(markets.connect(lender).withdraw(params, 0, held, lender, lender)).to.be.revertedWithCustomError(
        markets,
        "Market_NotEnoughLiquidity",
      );
      await expect(markets.connect(borrower).repay(params, usd(501), 0, borrower, "0x")).to.be.revertedWithCustomError(
        markets,
        "Market_NotEnoughShares",
      );
      await expect(
        markets.connect(borrower).withdrawCollateral(params, usd(1001), borrower, borrower),
      ).to.be.revertedWithCustomError(markets, "Market_NotEnoughShares");
      await markets.connect(borrower).supplyCollateral(params, usd(100_000), borrower, "0x");
      await expect(
        markets.connect(borrower).borrow(params, usd(9501), 0, borrower, borrower),
      ).to.be.revertedWithCustomError(markets, "Market_NotEnoughLiquidity");
    });
  });

  describe("borrow and withdrawCollateral", () => {
    it("go exactly to the LLTV and not one unit further", async () => {
      const { markets, params, id, lender, borrower } = await networkHelpers.loadFixture(deployWorld);
      await markets.connect(lender).supply(params, usd(10_000), 0, lender, "0x");
      await markets.connect(borrower).supplyCollateral(params, usd(1000), borrower, "0x");
      await expect(markets.connect(borrower).borrow(params, usd(800) + 1n, 0, borrower, borrower))
        .to.be.revertedWithCustomError(markets, "Market_Unhealthy")
        .withArgs(id, borrower.address, usd(800) + 1n, usd(800));
      await markets.connect(borrower).borrow(params, usd(800), 0, borrower, borrower);
      await expect(
        markets.connect(borrower).withdrawCollateral(params, 1, borrower, borrower),
      ).to.be.revertedWithCustomError(markets, "Market_Unhealthy");
      await markets.connect(borrower).repay(params, usd(400), 0, borrower, "0x");
      await markets.connect(borrower).withdrawCollateral(params, usd(499), borrower, borrower);
      expect((await markets.position(id, borrower)).collateralShares).to.equal(usd(501));
    });

    it("debt is repaid whole by shares, and then all collateral leaves without a price", async () => {
      const { markets, params, id, borrower, seams } = await networkHelpers.loadFixture(deployIndebted);
      await pass(YEAR_SEC);
      const { borrowShares } = await markets.position(id, borrower);
      await markets.connect(borrower).repay(params, 0, borrowShares, borrower, "0x");
      await seams.setStale(true);
      await markets.connect(borrower).withdrawCollateral(params, usd(1000), borrower, borrower);
      expect(await markets.position(id, borrower)).to.deep.equal([0n, 0n, 0n]);
      expect((await markets.market(id)).totalBorrowShares).to.equal(0n);
    });
  });

  describe("interest", () => {
    it("compounds on the kinked rate, the same for lenders and borrowers", async () => {
      const { markets, params, id } = await networkHelpers.loadFixture(deployIndebted);
      const before = await markets.market(id);
      await pass(YEAR_SEC - 1n);
      await markets.accrueInterest(params);
      const after = await markets.market(id);
      // 5 % used of a kink at 90 % and 4 %: 0.2222 % a year.
      const elapsed = after.lastUpdateAt - before.lastUpdateAt;
      const used = (before.totalBorrowAssets * WAD) / before.totalSupplyAssets;
      const rate = ((WAD / 25n / YEAR_SEC) * used) / ((WAD * 9n) / 10n);
      const first = rate * elapsed;
      const second = (first * first) / (2n * WAD);
      const growth = first + second + (second * first) / (3n * WAD);
      const interest = (before.totalBorrowAssets * growth) / WAD;
      expect(interest).to.be.above(usd(1));
      expect(after.totalBorrowAssets - before.totalBorrowAssets).to.equal(interest);
      expect(after.totalSupplyAssets - before.totalSupplyAssets).to.equal(interest);
    });

    it("pays the fee in supply shares, worth that part of the interest", async () => {
      const { markets, params, id, keeper } = await networkHelpers.loadFixture(deployIndebted);
      await markets.setFeeRecipient(keeper);
      await markets.setFee(params, 1000);
      const before = await markets.market(id);
      await pass(10n * YEAR_SEC);
      await markets.accrueInterest(params);
      const after = await markets.market(id);
      const interest = after.totalBorrowAssets - before.totalBorrowAssets;
      const { supplyShares } = await markets.position(id, keeper);
      expect(after.totalSupplyShares - before.totalSupplyShares).to.equal(supplyShares);
      const worth = (supplyShares * (after.totalSupplyAssets + 1n)) / (after.totalSupplyShares + 1_000_000n);
      expect(worth).to.be.within(interest / 10n - 1n, interest / 10n);
      expect(after.feeWad).to.equal(WAD / 10n);
    });

    it("M20: a century at 100 % utilization and at the highest rate locks nothing", async () => {
      const { markets, params, id, lender, borrower } = await networkHelpers.loadFixture(deployWorld);
      const steep = await ethers.deployContract("KinkedRate", [100n * WAD, 100n * WAD, 100n * WAD, WAD / 2n]);
      await markets.enableIrm(steep);
      await markets.setFeeRecipient(lender);
      const extreme = { ...params, irm: await steep.getAddress() };
      const extremeId = idOf(extreme);
      await markets.createMarket(extreme);
      await markets.setFee(extreme, 2500);
      await markets.connect(lender).supply(extreme, usd(1000), 0, lender, "0x");
      await markets.connect(borrower).supplyCollateral(extreme, usd(2000), borrower, "0x");
      await markets.connect(borrower).borrow(extreme, usd(1000), 0, borrower, borrower);
      const most = 2n ** 104n - 1n;
      for (let decade = 0; decade < 10; decade++) {
        await pass(10n * YEAR_SEC);
        await markets.accrueInterest(extreme);
      }
      const { totalSupplyAssets, totalBorrowAssets } = await markets.market(extremeId);
      expect(totalSupplyAssets).to.equal(most);
      expect(totalBorrowAssets).to.be.at.most(most);
      await markets.connect(borrower).repay(extreme, usd(1000), 0, borrower, "0x");
      await markets.connect(lender).withdraw(extreme, usd(1000), 0, lender, lender);
      expect((await markets.market(id)).totalSupplyAssets).to.equal(0n);
    });

    it("M20: a rate model gone mad is held to 10,000 % a year, and locks nothing", async () => {
      const { markets, params, lender, borrower } = await networkHelpers.loadFixture(deployWorld);
      const mad = await ethers.deployContract("MockRate");
      await markets.enableIrm(mad);
      const market = { ...params, irm: await mad.getAddress() };
      await markets.createMarket(market);
      await markets.connect(lender).supply(market, usd(1000), 0, lender, "0x");
      await markets.connect(borrower).supplyCollateral(market, usd(1000), borrower, "0x");
      await markets.connect(borrower).borrow(market, usd(100), 0, borrower, borrower);
      await markets.accrueInterest(market);
      const [event] = await markets.queryFilter(markets.filters.AccrueInterest(), "latest");
      expect(event!.args.ratePerSecondWad).to.equal((100n * WAD) / YEAR_SEC);
      await markets.connect(lender).withdraw(market, usd(900), 0, lender, lender);
    });

    it("M20: an empty market accrues for a century and then works", async () => {
      const { markets, params, id, lender } = await networkHelpers.loadFixture(deployWorld);
      await pass(100n * YEAR_SEC);
      await markets.connect(lender).supply(params, usd(1), 0, lender, "0x");
      await markets.connect(lender).withdraw(params, usd(1), 0, lender, lender);
      expect((await markets.market(id)).totalSupplyAssets).to.equal(0n);
    });
  });

  describe("first depositor and donations", () => {
    it("M01: inflating the share price costs the attacker more than the victim", async () => {
      const { markets, params, id, loan, stranger, lender } = await networkHelpers.loadFixture(deployWorld);
      const balance = async (who: { address: string }) => loan.balanceOf(who.address);
      const [attackerHad, victimHad] = [await balance(stranger), await balance(lender)];
      await markets.connect(stranger).supply(params, 1, 0, stranger, "0x");
      await loan.connect(stranger).transfer(markets, usd(10_000));
      await markets.connect(lender).supply(params, usd(1000), 0, lender, "0x");
      for (const account of [lender, stranger]) {
        const { supplyShares } = await markets.position(id, account);
        await markets.connect(account).withdraw(params, 0, supplyShares, account, account);
      }
      const [attackerLost, victimLost] = [attackerHad - (await balance(stranger)), victimHad - (await balance(lender))];
      expect(victimLost).to.be.at.most(1n);
      expect(attackerLost).to.be.at.least(usd(10_000));
    });

    it("M02: tokens sent to the contract change no total, position or claim", async () => {
      const { markets, params, id, loan, share, borrower, stranger } = await networkHelpers.loadFixture(deployIndebted);
      const [totals, held] = [await markets.market(id), await markets.position(id, borrower)];
      await loan.connect(stranger).transfer(markets, usd(5000));
      await share.connect(stranger).transfer(markets, usd(5000));
      expect(await markets.market(id)).to.deep.equal(totals);
      expect(await markets.position(id, borrower)).to.deep.equal(held);
      expect(await markets.claimableIncome(params, borrower)).to.equal(0n);
    });
  });
});
