import { expect } from "chai";
import { deployIndebted, ethers, idOf, networkHelpers, PAR, usd, WAD } from "./marketsWorld.ts";

type World = Awaited<ReturnType<typeof deployPair>>;

/** The borrower healthy; the stranger under water on the same price; the admin healthy with a flag; income for all. */
async function deployPair() {
  const world = await deployIndebted();
  const { markets, params, stranger, seams, loan, share, lender, admin } = world;
  await share.mint(admin, usd(1000));
  await share.connect(admin).approve(markets, usd(1000));
  await markets.connect(admin).supplyCollateral(params, usd(1000), admin, "0x");
  await markets.connect(admin).borrow(params, usd(700), 0, admin, admin);
  await seams.setPrice(PAR / 2n);
  await markets.flag(params, admin);
  await seams.setPrice(PAR);
  await markets.connect(stranger).supplyCollateral(params, usd(1000), stranger, "0x");
  await markets.connect(stranger).borrow(params, usd(800), 0, stranger, stranger);
  await loan.connect(lender).approve(share, usd(1000));
  await share.connect(lender).pay(usd(1000));
  await seams.setPrice((PAR * 95n) / 100n);
  return world;
}

interface Verb {
  call: (world: World) => Promise<unknown>;
  needsPrice?: true;
  isDebt?: true;
}

const VERBS: Record<string, Verb> = {
  supply: { call: ({ markets, params, lender }) => markets.connect(lender).supply(params, 1, 0, lender, "0x") },
  withdraw: { call: ({ markets, params, lender }) => markets.connect(lender).withdraw(params, 1, 0, lender, lender) },
  borrow: {
    call: ({ markets, params, borrower }) => markets.connect(borrower).borrow(params, 1, 0, borrower, borrower),
    needsPrice: true,
    isDebt: true,
  },
  repay: { call: ({ markets, params, borrower }) => markets.connect(borrower).repay(params, 1, 0, borrower, "0x") },
  "repay of the unhealthy": {
    call: ({ markets, params, stranger }) => markets.connect(stranger).repay(params, usd(800), 0, stranger, "0x"),
  },
  supplyCollateral: {
    call: ({ markets, params, stranger }) => markets.connect(stranger).supplyCollateral(params, 1, stranger, "0x"),
  },
  "withdrawCollateral with debt": {
    call: ({ markets, params, borrower }) =>
      markets.connect(borrower).withdrawCollateral(params, 1, borrower, borrower),
    needsPrice: true,
  },
  "withdrawCollateral after the debt": {
    call: async ({ markets, params, borrower, id }) => {
      const { borrowShares } = await markets.position(id, borrower);
      await markets.connect(borrower).repay(params, 0, borrowShares, borrower, "0x");
      await markets.connect(borrower).withdrawCollateral(params, usd(1000), borrower, borrower);
    },
  },
  "claimIncome with debt": {
    call: ({ markets, params, borrower }) => markets.connect(borrower).claimIncome(params, borrower, borrower),
    needsPrice: true,
  },
  "repayFromIncome of one's own": {
    call: ({ markets, params, stranger }) => markets.connect(stranger).repayFromIncome(params, stranger),
  },
  "repayFromIncome of the unhealthy": {
    call: ({ markets, params, keeper, stranger }) => markets.connect(keeper).repayFromIncome(params, stranger),
    needsPrice: true,
  },
  liquidate: {
    call: ({ markets, params, liquidator, stranger }) =>
      markets.connect(liquidator).liquidate(params, stranger, usd(10), 0, "0x"),
    needsPrice: true,
  },
  flag: {
    call: ({ markets, params, keeper, stranger }) => markets.connect(keeper).flag(params, stranger),
    needsPrice: true,
  },
  unflag: {
    call: ({ markets, params, keeper, admin }) => markets.connect(keeper).unflag(params, admin),
    needsPrice: true,
  },
  accrueInterest: { call: ({ markets, params }) => markets.accrueInterest(params) },
  setAuthorization: {
    call: ({ markets, borrower, keeper }) => markets.connect(borrower).setAuthorization(keeper, true),
  },
};

const STATES = {
  sound: { isPaused: false, isStale: false },
  paused: { isPaused: true, isStale: false },
  "without a price that may be acted on": { isPaused: false, isStale: true },
  "paused, and without a price": { isPaused: true, isStale: true },
};

describe("Markets: what works when", () => {
  for (const [state, { isPaused, isStale }] of Object.entries(STATES)) {
    describe(`while the market is ${state}`, () => {
      for (const [title, { call, needsPrice = false, isDebt = false }] of Object.entries(VERBS)) {
        const isRefused = (isPaused && isDebt) || (isStale && needsPrice);
        it(`M18, M25: ${title} ${isRefused ? "is refused" : "works"}`, async () => {
          const world = await networkHelpers.loadFixture(deployPair);
          const { markets, params, id, seams } = world;
          if (isPaused) await markets.pauseBorrowing(params);
          if (isStale) await seams.setStale(true);
          if (isPaused && isDebt)
            await expect(call(world)).to.be.revertedWithCustomError(markets, "Market_BorrowingPaused").withArgs(id);
          else if (isRefused) await expect(call(world)).to.be.revertedWithCustomError(seams, "MockSeams_Stale");
          else await call(world);
        });
      }
    });
  }

  it("a pause is of one market, told in an event, and ends when it is resumed", async () => {
    const { markets, params, id, borrower } = await networkHelpers.loadFixture(deployPair);
    await markets.enableLltv(WAD / 2n);
    const other = { ...params, lltv: WAD / 2n };
    await markets.createMarket(other);
    await expect(markets.pauseBorrowing(params)).to.emit(markets, "PauseBorrowing").withArgs(id);
    expect(await markets.isBorrowingPaused(id)).to.equal(true);
    expect(await markets.isBorrowingPaused(idOf(other))).to.equal(false);
    await expect(markets.pauseBorrowing(params)).to.be.revertedWithCustomError(markets, "Market_AlreadySet");
    const before = await markets.market(id);
    await expect(markets.resumeBorrowing(params)).to.emit(markets, "ResumeBorrowing").withArgs(id);
    expect(await markets.market(id)).to.deep.equal(before);
    await expect(markets.resumeBorrowing(params)).to.be.revertedWithCustomError(markets, "Market_AlreadySet");
    await markets.connect(borrower).borrow(params, 1, 0, borrower, borrower);
  });

  it("M24: pausing and resuming are their roles' alone, on a market that is there", async () => {
    const { markets, params, stranger } = await networkHelpers.loadFixture(deployPair);
    for (const verb of ["pauseBorrowing", "resumeBorrowing"] as const) {
      await expect(markets.connect(stranger)[verb](params)).to.be.revertedWithCustomError(
        markets,
        "AccessManagedUnauthorized",
      );
      await expect(markets[verb]({ ...params, lltv: 1n })).to.be.revertedWithCustomError(markets, "Market_Unknown");
    }
  });

  it("a paused market keeps its income's book: collateral that pays income still does", async () => {
    const { markets, params, borrower } = await networkHelpers.loadFixture(deployPair);
    await markets.pauseBorrowing(params);
    const owed = await markets.claimableIncome(params, borrower);
    expect(owed).to.be.above(0n);
    await expect(markets.connect(borrower).supplyCollateral(params, usd(1), borrower, "0x")).to.changeTokenBalance(
      ethers,
      await ethers.getContractAt("MockShare", params.collateralToken),
      borrower,
      -usd(1),
    );
    expect(await markets.claimableIncome(params, borrower)).to.equal(owed);
  });
});
