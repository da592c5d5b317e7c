import { expect } from "chai";
import { deployIndebted, ethers, networkHelpers, PAR, usd, WAD } from "./marketsWorld.ts";

describe("Markets and tokens", () => {
  for (const [decimals, loanUnit] of [
    [6, usd(1)],
    [8, 10n ** 8n],
    [18, WAD],
  ] as const) {
    it(`M05: a loan token of ${decimals} decimals, priced in its own units`, async () => {
      const { markets, params, share, seams, lender, borrower } = await networkHelpers.loadFixture(deployIndebted);
      const loan = await ethers.deployContract("MockToken", [decimals]);
      const market = { ...params, loanToken: await loan.getAddress() };
      await seams.setPrice((PAR * loanUnit) / usd(1));
      await markets.createMarket(market);
      await loan.mint(lender, 1000n * loanUnit);
      await loan.connect(lender).approve(markets, 1000n * loanUnit);
      await markets.connect(lender).supply(market, 1000n * loanUnit, 0, lender, "0x");
      await markets.connect(borrower).supplyCollateral(market, usd(100), borrower, "0x");
      await expect(
        markets.connect(borrower).borrow(market, 80n * loanUnit + 1n, 0, borrower, borrower),
      ).to.be.revertedWithCustomError(markets, "Market_Unhealthy");
      await expect(
        markets.connect(borrower).borrow(market, 80n * loanUnit, 0, borrower, borrower),
      ).to.changeTokenBalance(ethers, loan, borrower, 80n * loanUnit);
      expect(await share.balanceOf(markets)).to.equal(usd(1100));
    });
  }

  it("M05: a token that returns nothing works through every verb", async () => {
    const { markets, params, id, seams, lender, borrower, liquidator } =
      await networkHelpers.loadFixture(deployIndebted);
    const tether = await ethers.deployContract("MockTether");
    const market = { ...params, loanToken: await tether.getAddress() };
    await markets.createMarket(market);
    for (const account of [lender, borrower, liquidator]) {
      await tether.mint(account, usd(1000));
      await tether.connect(account).approve(markets, usd(1000));
    }
    await markets.connect(lender).supply(market, usd(1000), 0, lender, "0x");
    await markets.connect(borrower).supplyCollateral(market, usd(100), borrower, "0x");
    await markets.connect(borrower).borrow(market, usd(80), 0, borrower, borrower);
    await markets.connect(borrower).repay(market, usd(10), 0, borrower, "0x");
    await seams.setPrice(PAR / 2n);
    await markets.connect(liquidator).liquidate(market, borrower, usd(100), 0, "0x");
    await markets.connect(lender).withdraw(market, usd(900), 0, lender, lender);
    expect(await tether.balanceOf(lender)).to.equal(usd(900));
    expect((await markets.market(id)).totalBorrowAssets).to.equal(usd(500));
  });

  it("M05: a token that delivers less, returns false, or is paused is refused, state unchanged", async () => {
    const { markets, params, id, loan, lender, borrower } = await networkHelpers.loadFixture(deployIndebted);
    const before = [await markets.market(id), await markets.position(id, lender), await markets.position(id, borrower)];
    const payIn = [
      () => markets.connect(lender).supply(params, usd(100), 0, lender, "0x"),
      () => markets.connect(borrower).repay(params, usd(100), 0, borrower, "0x"),
    ];
    const payOut = [
      () => markets.connect(lender).withdraw(params, usd(100), 0, lender, lender),
      () => markets.connect(borrower).borrow(params, usd(1), 0, borrower, borrower),
    ];
    await loan.setFee(1);
    for (const verb of payIn) {
      await expect(verb())
        .to.be.revertedWithCustomError(markets, "Settlement_WrongAmount")
        .withArgs(params.loanToken, usd(100), usd(99.99));
    }
    await loan.setFee(0);
    await loan.setReturnsFalse(true);
    for (const verb of [...payIn, ...payOut]) {
      await expect(verb()).to.be.revertedWithCustomError(markets, "SafeERC20FailedOperation");
    }
    await loan.setReturnsFalse(false);
    await loan.setPaused(true);
    for (const verb of [...payIn, ...payOut]) {
      await expect(verb()).to.be.revertedWithCustomError(loan, "MockToken_Paused");
    }
    await loan.setPaused(false);
    expect([
      await markets.market(id),
      await markets.position(id, lender),
      await markets.position(id, borrower),
    ]).to.deep.equal(before);
  });

  it("M05, M06: a blacklisted lender or borrower blocks nobody else, and may name another receiver", async () => {
    const { markets, params, loan, lender, borrower, liquidator, stranger, seams } =
      await networkHelpers.loadFixture(deployIndebted);
    await markets.connect(stranger).supply(params, usd(100), 0, stranger, "0x");
    for (const account of [lender, borrower]) await loan.setBlacklisted(account, true);
    await expect(markets.connect(lender).withdraw(params, usd(1), 0, lender, lender)).to.be.revertedWithCustomError(
      loan,
      "MockToken_Blacklisted",
    );
    await markets.connect(lender).withdraw(params, usd(1), 0, lender, stranger);
    await markets.connect(stranger).withdraw(params, usd(99), 0, stranger, stranger);
    await markets.connect(stranger).repay(params, usd(1), 0, borrower, "0x");
    await seams.setPrice(PAR / 2n);
    await markets.connect(liquidator).liquidate(params, borrower, usd(1000), 0, "0x");
  });

  describe("with a hook before balances change", () => {
    it("M04: no verb can be entered from inside another", async () => {
      const world = await networkHelpers.loadFixture(deployIndebted);
      const { markets, params, id, loan, lender, borrower, stranger } = world;
      const data = (name: string, args: unknown[]) =>
        markets.interface.encodeFunctionData(name as never, args as never);
      // The token itself is the attacker: it may act for everybody.
      for (const account of [lender, borrower]) await markets.connect(account).setAuthorization(loan, true);
      const inner: [string, unknown[]][] = [
        ["supply", [params, 1, 0, lender.address, "0x"]],
        ["withdraw", [params, 1, 0, lender.address, stranger.address]],
        ["borrow", [params, 1, 0, borrower.address, stranger.address]],
        ["repay", [params, 1, 0, borrower.address, "0x"]],
        ["supplyCollateral", [params, 1, borrower.address, "0x"]],
        ["withdrawCollateral", [params, 1, borrower.address, stranger.address]],
        ["liquidate", [params, borrower.address, 1, 0, "0x"]],
        ["claimIncome", [params, borrower.address, stranger.address]],
        ["repayFromIncome", [params, borrower.address]],
        ["flag", [params, borrower.address]],
        ["unflag", [params, borrower.address]],
        ["accrueInterest", [params]],
        ["createMarket", [params]],
      ];
      const guard = ethers.id("ReentrancyGuardReentrantCall()").slice(0, 10);
      for (const [name, args] of inner) {
        await loan.setHook(markets, data(name, args));
        await markets.connect(lender).supply(params, usd(1), 0, lender, "0x");
        expect(await loan.hookPassed(), name).to.equal(false);
        expect((await loan.hookWord()).slice(0, 10), name).to.equal(guard);
      }
      await markets.connect(lender).withdraw(params, usd(1), 0, lender, lender);
      expect(await loan.hookPassed()).to.equal(false);
      expect((await markets.position(id, stranger)).supplyShares).to.equal(0n);
    });

    it("M30: a position, its flag and its bonus read in the middle of a verb are those after it", async () => {
      const { markets, params, id, loan, seams, borrower, liquidator } =
        await networkHelpers.loadFixture(deployIndebted);
      await seams.setPrice((PAR * 60n) / 100n);
      const views = {
        flaggedAt: [id, borrower.address],
        liquidationBonusWad: [params, borrower.address],
        position: [id, borrower.address],
      };
      for (const [name, args] of Object.entries(views)) {
        const data = markets.interface.encodeFunctionData(name as never, args as never);
        await loan.setHook(markets, data);
        const tx = await markets.connect(liquidator).liquidate(params, borrower, usd(1), 0, "0x");
        expect(await loan.hookPassed()).to.equal(true);
        const inside = await loan.hookWord();
        const after = await ethers.provider.call({ to: await markets.getAddress(), data, blockTag: tx.blockNumber! });
        expect(inside, name).to.equal(after.slice(0, 66));
      }
    });

    it("M30: totals read in the middle of a verb are those after it", async () => {
      const { markets, params, id, loan, lender } = await networkHelpers.loadFixture(deployIndebted);
      await loan.setHook(markets, markets.interface.encodeFunctionData("market", [id]));
      for (const verb of [
        () => markets.connect(lender).supply(params, usd(100), 0, lender, "0x"),
        () => markets.connect(lender).withdraw(params, usd(50), 0, lender, lender),
      ]) {
        await verb();
        expect(await loan.hookPassed()).to.equal(true);
        expect(BigInt(await loan.hookWord())).to.equal((await markets.market(id)).totalSupplyAssets);
      }
    });
  });
});
