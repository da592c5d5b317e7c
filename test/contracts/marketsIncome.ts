import { expect } from "chai";
import { deployIndebted, deployWorld, ethers, networkHelpers, PAR, usd, WAD } from "./marketsWorld.ts";

const SUPPLY = usd(4_000_000); // shares that exist in the world: 4 holders of 1,000,000

type World = Awaited<ReturnType<typeof deployWorld>>;

/** Pays income to the class: each of its shares earns assets ÷ SUPPLY. */
async function pay({ loan, share, admin }: World, assets: bigint): Promise<void> {
  await loan.mint(admin, assets);
  await loan.approve(share, assets);
  await share.pay(assets);
}

/** Two borrowers in one market and one of them in a second market too, on the same collateral. */
async function twoMarkets() {
  const world = await deployIndebted();
  const { markets, params, borrower, stranger } = world;
  await markets.enableLltv(WAD / 2n);
  const second = { ...params, lltv: WAD / 2n };
  await markets.createMarket(second);
  await markets.connect(stranger).supplyCollateral(params, usd(3000), stranger, "0x");
  await markets.connect(borrower).supplyCollateral(second, usd(500), borrower, "0x");
  return { ...world, second };
}

describe("Income of posted collateral", () => {
  it("belongs to the borrowers by shares, over all markets, and none of it to the contract", async () => {
    const world = await networkHelpers.loadFixture(twoMarkets);
    const { markets, params, second, borrower, stranger, loan } = world;
    await pay(world, SUPPLY / 10n);
    expect(await markets.claimableIncome(params, borrower)).to.equal(usd(100));
    expect(await markets.claimableIncome(params, stranger)).to.equal(usd(300));
    expect(await markets.claimableIncome(second, borrower)).to.equal(usd(50));
    for (const [market, account, assets] of [
      [params, stranger, usd(300)],
      [params, borrower, usd(100)],
      [second, borrower, usd(50)],
    ] as const) {
      const claim = () => markets.connect(account).claimIncome(market, account, account);
      await expect(claim()).to.changeTokenBalance(ethers, loan, account, assets);
      await expect(claim()).to.changeTokenBalance(ethers, loan, account, 0n);
    }
    const book = await markets.incomeBook(params.collateralToken);
    expect([book.cashAssets, book.unclaimedAssets, book.postedShares]).to.deep.equal([0n, 0n, usd(4500)]);
  });

  it("goes to those who had posted while it accrued", async () => {
    const world = await networkHelpers.loadFixture(deployIndebted);
    const { markets, params, borrower, stranger } = world;
    await pay(world, SUPPLY / 10n);
    await markets.connect(stranger).supplyCollateral(params, usd(1000), stranger, "0x");
    await pay(world, SUPPLY / 10n);
    await markets.connect(stranger).withdrawCollateral(params, usd(1000), stranger, stranger);
    await pay(world, SUPPLY / 10n);
    expect(await markets.claimableIncome(params, borrower)).to.equal(usd(300));
    expect(await markets.claimableIncome(params, stranger)).to.equal(usd(100));
    await markets.connect(stranger).claimIncome(params, stranger, stranger);
    await markets.connect(borrower).claimIncome(params, borrower, borrower);
    expect(await markets.claimableIncome(params, borrower)).to.equal(0n);
  });

  it("stays with the borrower whose collateral is seized; the seized shares earn for their new owner", async () => {
    const world = await networkHelpers.loadFixture(deployIndebted);
    const { markets, params, borrower, liquidator, seams } = world;
    await pay(world, SUPPLY / 10n);
    await seams.setPrice((PAR * 60n) / 100n);
    await markets.connect(liquidator).liquidate(params, borrower, usd(400), 0, "0x");
    await pay(world, SUPPLY / 10n);
    expect(await markets.claimableIncome(params, borrower)).to.equal(usd(160));
    expect((await markets.incomeBook(params.collateralToken)).postedShares).to.equal(usd(600));
  });

  it("M03: many holders of odd amounts take no more than was paid, and lose less than one unit each", async () => {
    const world = await networkHelpers.loadFixture(deployWorld);
    const { markets, params, lender, borrower, liquidator, stranger, loan } = world;
    const posted = [1n, 7n, 333_333n, 1_000_003n];
    const accounts = [lender, borrower, liquidator, stranger];
    for (const [i, account] of accounts.entries()) {
      await markets.connect(account).supplyCollateral(params, posted[i]!, account, "0x");
    }
    let taken = 0n;
    for (let round = 1n; round <= 5n; round++) {
      await pay(world, 1_000_003n * round);
      for (const account of accounts) {
        const had = await loan.balanceOf(account);
        await markets.connect(account).claimIncome(params, account, account);
        taken += (await loan.balanceOf(account)) - had;
      }
    }
    const total = posted.reduce((sum, shares) => sum + shares);
    const most = (15n * 1_000_003n * total) / SUPPLY;
    expect(taken).to.be.within(most - 4n * 5n, most);
    expect(await loan.balanceOf(markets)).to.equal((await markets.incomeBook(params.collateralToken)).cashAssets);
  });

  it("an indebted owner takes it out while healthy, and only then", async () => {
    const world = await networkHelpers.loadFixture(deployIndebted);
    const { markets, params, borrower, seams } = world;
    await pay(world, SUPPLY / 10n);
    await seams.setPrice((PAR * 60n) / 100n);
    await expect(markets.connect(borrower).claimIncome(params, borrower, borrower)).to.be.revertedWithCustomError(
      markets,
      "Market_Unhealthy",
    );
    await seams.setPrice((PAR * 70n) / 100n);
    await markets.connect(borrower).claimIncome(params, borrower, borrower);
  });

  it("is paid to nobody but the owner and whom the owner authorized", async () => {
    const world = await networkHelpers.loadFixture(deployIndebted);
    const { markets, params, borrower, stranger, loan } = world;
    await pay(world, SUPPLY / 10n);
    const claim = () => markets.connect(stranger).claimIncome(params, borrower, stranger);
    await expect(claim())
      .to.be.revertedWithCustomError(markets, "Market_NotAuthorized")
      .withArgs(borrower.address, stranger.address);
    await markets.connect(borrower).setAuthorization(stranger, true);
    await expect(claim()).to.changeTokenBalance(ethers, loan, stranger, usd(100));
  });

  describe("repayFromIncome", () => {
    it("turns income into repaid debt, and leaves the rest of either", async () => {
      const world = await networkHelpers.loadFixture(deployIndebted);
      const { markets, params, id, borrower, loan } = world;
      await pay(world, SUPPLY / 10n);
      const before = await markets.market(id);
      const held = await loan.balanceOf(markets);
      await markets.connect(borrower).repayFromIncome(params, borrower);
      const [interest] = await markets.queryFilter(markets.filters.AccrueInterest(), "latest");
      const after = await markets.market(id);
      expect(before.totalBorrowAssets + interest!.args.interestAssets - after.totalBorrowAssets).to.equal(usd(100));
      expect((await loan.balanceOf(markets)) - held).to.equal(usd(450) - usd(350));
      expect(await markets.claimableIncome(params, borrower)).to.equal(0n);

      await pay(world, SUPPLY);
      await markets.connect(borrower).repayFromIncome(params, borrower);
      expect((await markets.position(id, borrower)).borrowShares).to.equal(0n);
      expect(await markets.claimableIncome(params, borrower)).to.be.within(usd(599), usd(600));
      await markets.connect(borrower).claimIncome(params, borrower, borrower);
    });

    it("is open to anyone once the position is unhealthy, and to nobody else before", async () => {
      const world = await networkHelpers.loadFixture(deployIndebted);
      const { markets, params, id, borrower, keeper, seams } = world;
      await pay(world, SUPPLY / 10n);
      const before = (await markets.position(id, borrower)).borrowShares;
      await expect(markets.connect(keeper).repayFromIncome(params, borrower)).to.be.revertedWithCustomError(
        markets,
        "Market_Healthy",
      );
      await seams.setPrice((PAR * 60n) / 100n);
      await markets.connect(keeper).repayFromIncome(params, borrower);
      expect((await markets.position(id, borrower)).borrowShares).to.be.below(before);
    });

    it("refuses income in another token than the loan", async () => {
      const { markets, params, borrower, share } = await networkHelpers.loadFixture(deployIndebted);
      const other = await ethers.deployContract("MockToken", [18]);
      const mixed = { ...params, loanToken: await other.getAddress() };
      await markets.createMarket(mixed);
      await markets.connect(borrower).supplyCollateral(mixed, usd(1), borrower, "0x");
      await expect(markets.connect(borrower).repayFromIncome(mixed, borrower)).to.be.revertedWithCustomError(
        markets,
        "Market_IncomeNotLoanToken",
      );
      expect(await share.balanceOf(markets)).to.equal(usd(1001));
    });
  });

  it("M07: is posted for oneself, or for who may receive the shares now; for nobody else", async () => {
    const { markets, params, id, share, borrower, stranger } = await networkHelpers.loadFixture(deployIndebted);
    const post = (from: typeof borrower, onBehalf: typeof borrower) =>
      markets.connect(from).supplyCollateral(params, 1, onBehalf, "0x");
    await post(borrower, stranger);
    await share.setBarred(stranger, true);
    await expect(post(borrower, stranger))
      .to.be.revertedWithCustomError(markets, "Market_MayNotHold")
      .withArgs(id, stranger.address);
    await post(stranger, stranger);
    expect((await markets.position(id, stranger)).collateralShares).to.equal(2n);
  });

  it("M07: collateral that pays no income is posted for anyone", async () => {
    const { markets, params, borrower, stranger } = await networkHelpers.loadFixture(deployIndebted);
    const plain = await ethers.deployContract("TestStable");
    const market = { ...params, collateralToken: await plain.getAddress() };
    await markets.createMarket(market);
    await plain.mint(borrower, 1);
    await plain.connect(borrower).approve(markets, 1);
    await markets.connect(borrower).supplyCollateral(market, 1, stranger, "0x");
  });

  it("a collateral token that pays no income works, and says so", async () => {
    const { markets, params, lender, borrower } = await networkHelpers.loadFixture(deployIndebted);
    const plain = await ethers.deployContract("TestStable");
    const market = { ...params, collateralToken: await plain.getAddress() };
    await markets.createMarket(market);
    await plain.mint(borrower, usd(1000));
    await plain.connect(borrower).approve(markets, usd(1000));
    await markets.connect(lender).supply(market, usd(100), 0, lender, "0x");
    await markets.connect(borrower).supplyCollateral(market, usd(1000), borrower, "0x");
    await markets.connect(borrower).borrow(market, usd(100), 0, borrower, borrower);
    await markets.connect(borrower).withdrawCollateral(market, usd(500), borrower, borrower);
    for (const verb of [
      () => markets.connect(borrower).claimIncome(market, borrower, borrower),
      () => markets.connect(borrower).repayFromIncome(market, borrower),
    ]) {
      await expect(verb()).to.be.revertedWithCustomError(markets, "Market_NoIncome");
    }
    expect(await markets.claimableIncome(market, borrower)).to.equal(0n);
  });

  it("M06: a payer that cannot pay blocks no deposit, exit or liquidation, and the claim stays", async () => {
    const world = await networkHelpers.loadFixture(deployIndebted);
    const { markets, params, borrower, stranger, liquidator, loan, share, seams } = world;
    await pay(world, SUPPLY / 10n);
    await loan.setBlacklisted(share, true);
    await expect(markets.connect(borrower).claimIncome(params, borrower, borrower)).to.be.revertedWithCustomError(
      loan,
      "MockToken_Blacklisted",
    );
    await markets.connect(stranger).supplyCollateral(params, usd(10), stranger, "0x");
    await markets.connect(stranger).withdrawCollateral(params, usd(10), stranger, stranger);
    await seams.setPrice((PAR * 60n) / 100n);
    await markets.connect(liquidator).liquidate(params, borrower, usd(100), 0, "0x");
    await loan.setBlacklisted(share, false);
    await seams.setPrice(PAR);
    await expect(markets.connect(borrower).claimIncome(params, borrower, borrower)).to.changeTokenBalance(
      ethers,
      loan,
      borrower,
      usd(100),
    );
  });

  it("a token that pays less than it says is paid out as far as it paid, never from lenders' money", async () => {
    const world = await networkHelpers.loadFixture(twoMarkets);
    const { markets, params, second, borrower, stranger, loan, share } = world;
    await share.setPaid(5000);
    await pay(world, SUPPLY / 10n);
    const lent = await loan.balanceOf(markets);
    const claim = async (market: typeof params, account: typeof borrower) => {
      const had = await loan.balanceOf(account);
      await markets.connect(account).claimIncome(market, account, account);
      return (await loan.balanceOf(account)) - had;
    };
    expect(await claim(params, stranger)).to.equal(usd(225));
    expect(await loan.balanceOf(markets)).to.equal(lent);
    await expect(claim(params, borrower)).to.be.revertedWithCustomError(share, "MockShare_NothingToClaim");
    expect(await markets.claimableIncome(second, borrower)).to.equal(usd(50));
  });
});
