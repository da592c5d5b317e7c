import { expect } from "chai";
import {
  deployIndebted,
  deployWorld,
  ethers,
  FLAG_SEC,
  idOf,
  networkHelpers,
  PAR,
  pass,
  RISE_SEC,
  usd,
  WAD,
} from "./marketsWorld.ts";

const FULL_BONUS = (WAD * WAD) / (WAD - (3n * WAD) / 50n) - WAD;
const bonusAfter = (sec: bigint): bigint =>
  (FULL_BONUS * (RISE_SEC + 4n * (sec < RISE_SEC ? sec : RISE_SEC))) / (5n * RISE_SEC);

type World = Awaited<ReturnType<typeof deployFallen>>;

/** 800 borrowed on 1,000 shares at 95 % of par: unhealthy, and nobody has said so. */
async function deployFallen() {
  const world = await deployIndebted();
  const { markets, params, id, borrower, liquidator, seams, share } = world;
  await markets.connect(borrower).borrow(params, usd(300), 0, borrower, borrower);
  await seams.setPrice((PAR * 95n) / 100n);
  const flaggedAt = () => markets.flaggedAt(id, borrower);
  const liquidate = (shares: bigint) => markets.connect(liquidator).liquidate(params, borrower, shares, 0, "0x");
  /** What the next liquidation pays for shares worth 95, `sec` after the flag at `at`. */
  const paidFor95 = async (at: bigint, sec: bigint) => {
    await networkHelpers.time.setNextBlockTimestamp(at + sec);
    const tx = await liquidate(usd(100));
    const [event] = await markets.queryFilter(markets.filters.Liquidate(), tx.blockNumber!);
    expect(event!.args.seizedCollateralShares).to.equal(usd(100));
    return event!.args.repaidAssets;
  };
  return { ...world, share, flaggedAt, liquidate, paidFor95 };
}

async function deployFlagged() {
  const world = await deployFallen();
  await world.markets.flag(world.params, world.borrower);
  return { ...world, at: await world.flaggedAt() };
}

/** Collateral worth `assets` less the bonus, rounded up twice: the price, and the assets. */
const within95 = (bonus: bigint): [bigint, bigint] => {
  const exact = (usd(95) * WAD) / (WAD + bonus);
  return [exact, exact + 2n];
};

describe("Markets: the flag, and the bonus that rises from it", () => {
  for (const [title, sec] of Object.entries({
    "a second after the flag": 1n,
    "after an hour": 3600n,
    "after three hours: three fifths": RISE_SEC / 2n,
    "a second before six hours": RISE_SEC - 1n,
    "after six hours: all of it": RISE_SEC,
    "after twelve hours: no more": 2n * RISE_SEC,
    "a second before the flag is void": FLAG_SEC - 1n,
  })) {
    it(`is what the page says ${title}`, async () => {
      const { at, paidFor95 } = await networkHelpers.loadFixture(deployFlagged);
      expect(await paidFor95(at, sec)).to.be.within(...within95(bonusAfter(sec)));
    });
  }

  it("is a fifth in the second of the flag, by the view and by a liquidation that flags", async () => {
    const { markets, params, borrower, flaggedAt, liquidate } = await networkHelpers.loadFixture(deployFallen);
    expect(await markets.liquidationBonusWad(params, borrower)).to.equal(FULL_BONUS / 5n);
    const tx = await liquidate(usd(100));
    const [event] = await markets.queryFilter(markets.filters.Liquidate(), tx.blockNumber!);
    expect(event!.args.repaidAssets).to.be.within(...within95(FULL_BONUS / 5n));
    expect(await flaggedAt()).to.equal(await networkHelpers.time.latest());
  });

  it("the view follows it to the full bonus", async () => {
    const { markets, params, borrower, at } = await networkHelpers.loadFixture(deployFlagged);
    for (const sec of [RISE_SEC / 4n, RISE_SEC, FLAG_SEC - 60n]) {
      await networkHelpers.time.increaseTo(at + sec);
      const block = (await ethers.provider.getBlock("latest"))!;
      const bonus = await markets.liquidationBonusWad(params, borrower, { blockTag: block.number });
      expect(bonus).to.be.within(bonusAfter(sec), bonusAfter(sec + 60n));
    }
    await networkHelpers.time.increaseTo(at + FLAG_SEC);
    expect(await markets.liquidationBonusWad(params, borrower)).to.equal(FULL_BONUS / 5n);
  });

  it("anyone flags what is unhealthy: once, and nothing else", async () => {
    const { markets, params, id, keeper, borrower, stranger, seams } = await networkHelpers.loadFixture(deployFallen);
    const flag = (account: { address: string }) => markets.connect(keeper).flag(params, account.address);
    await expect(flag(stranger)).to.be.revertedWithCustomError(markets, "Market_Healthy");
    await seams.setPrice(PAR);
    await expect(flag(borrower)).to.be.revertedWithCustomError(markets, "Market_Healthy");
    await seams.setPrice((PAR * 99n) / 100n);
    const tx = await flag(borrower);
    const flaggedAt = await markets.flaggedAt(id, borrower);
    await expect(tx).to.emit(markets, "Flag").withArgs(id, keeper.address, borrower.address, flaggedAt);
    expect(flaggedAt).to.equal(await networkHelpers.time.latest());
    await expect(flag(borrower))
      .to.be.revertedWithCustomError(markets, "Market_AlreadyFlagged")
      .withArgs(id, borrower.address, flaggedAt);
    await expect(markets.flag({ ...params, lltv: 1n }, borrower)).to.be.revertedWithCustomError(
      markets,
      "Market_Unknown",
    );
  });

  it("a day after it was set a flag is void: the position is flagged anew, from a fifth", async () => {
    const { markets, params, id, admin, borrower, at, paidFor95, flaggedAt } =
      await networkHelpers.loadFixture(deployFlagged);
    const taken = await networkHelpers.takeSnapshot();
    expect(await paidFor95(at, FLAG_SEC)).to.be.within(...within95(bonusAfter(0n)));
    expect(await flaggedAt()).to.equal(at + FLAG_SEC);
    await taken.restore();
    await networkHelpers.time.setNextBlockTimestamp(at + FLAG_SEC - 1n);
    await expect(markets.flag(params, borrower)).to.be.revertedWithCustomError(markets, "Market_AlreadyFlagged");
    await networkHelpers.time.setNextBlockTimestamp(at + FLAG_SEC);
    await expect(markets.flag(params, borrower))
      .to.emit(markets, "Flag")
      .withArgs(id, admin.address, borrower.address, at + FLAG_SEC);
  });

  describe("is taken off", () => {
    const ways: Record<string, (world: World) => Promise<unknown>> = {
      "by a repayment in full": async ({ markets, params, id, borrower }) => {
        const { borrowShares } = await markets.position(id, borrower);
        return markets.connect(borrower).repay(params, 0, borrowShares, borrower, "0x");
      },
      "by income that repays in full": async ({ markets, params, borrower, loan, share, lender }) => {
        await loan.connect(lender).approve(share, ethers.MaxUint256);
        for (let i = 0; i < 4; i++) {
          await loan.mint(lender, usd(1_000_000));
          await share.connect(lender).pay(usd(1_000_000));
        }
        return markets.connect(borrower).repayFromIncome(params, borrower);
      },
      "by a liquidation that leaves it healthy": ({ liquidate }) => liquidate(usd(600)),
      "by a liquidation of all the debt": ({ liquidate }) => liquidate(usd(1000)),
      "by a liquidation that leaves bad debt": async ({ seams, liquidate }) => {
        await seams.setPrice(PAR / 2n);
        return liquidate(usd(1000));
      },
      "by anyone once it is healthy": async ({ markets, params, keeper, borrower, seams }) => {
        await seams.setPrice(PAR * 2n);
        return markets.connect(keeper).unflag(params, borrower);
      },
    };
    for (const [title, way] of Object.entries(ways)) {
      it(`M19: ${title}`, async () => {
        const world = await networkHelpers.loadFixture(deployFlagged);
        const { markets, id, borrower, flaggedAt } = world;
        await expect(way(world)).to.emit(markets, "Unflag");
        const [event] = await markets.queryFilter(markets.filters.Unflag(), "latest");
        expect([event!.args.id, event!.args.borrower]).to.deep.equal([id, borrower.address]);
        expect(await flaggedAt()).to.equal(0n);
      });
    }

    it("not while it is unhealthy, has none, or the price is stale", async () => {
      const { markets, params, id, borrower, stranger, seams } = await networkHelpers.loadFixture(deployFlagged);
      await expect(markets.unflag(params, borrower)).to.be.revertedWithCustomError(markets, "Market_Unhealthy");
      await expect(markets.unflag(params, stranger))
        .to.be.revertedWithCustomError(markets, "Market_NotFlagged")
        .withArgs(id, stranger.address);
      await seams.setStale(true);
      await expect(markets.unflag(params, borrower)).to.be.revertedWithCustomError(seams, "MockSeams_Stale");
    });
  });

  describe("M19: its clock is not started anew by a borrower's dust", () => {
    const dust: Record<string, (world: World) => Promise<unknown>> = {
      "a unit repaid": ({ markets, params, borrower }) => markets.connect(borrower).repay(params, 1, 0, borrower, "0x"),
      "a share of debt repaid": ({ markets, params, borrower }) =>
        markets.connect(borrower).repay(params, 0, 1, borrower, "0x"),
      "a share posted": ({ markets, params, borrower }) =>
        markets.connect(borrower).supplyCollateral(params, 1, borrower, "0x"),
      "income that repays a part": async ({ markets, params, borrower, loan, share, lender }) => {
        await loan.connect(lender).approve(share, usd(4));
        await share.connect(lender).pay(usd(4));
        return markets.connect(borrower).repayFromIncome(params, borrower);
      },
      "a liquidation of one share by the borrower": ({ markets, params, borrower }) =>
        markets.connect(borrower).liquidate(params, borrower, 1, 0, "0x"),
      "a liquidation of one share of debt": ({ markets, params, borrower }) =>
        markets.connect(borrower).liquidate(params, borrower, 0, 1, "0x"),
      "another flag": ({ markets, params, borrower }) =>
        expect(markets.connect(borrower).flag(params, borrower)).to.be.revertedWithCustomError(
          markets,
          "Market_AlreadyFlagged",
        ),
    };
    for (const [title, act] of Object.entries(dust)) {
      it(title, async () => {
        const world = await networkHelpers.loadFixture(deployFlagged);
        const { at, flaggedAt, paidFor95 } = world;
        await pass(RISE_SEC / 2n);
        await act(world);
        expect(await flaggedAt()).to.equal(at);
        expect(await paidFor95(at, RISE_SEC)).to.be.within(...within95(FULL_BONUS));
      });
    }
  });

  it("is of one market: the same account's other position has its own", async () => {
    const { markets, params, id, borrower } = await networkHelpers.loadFixture(deployFlagged);
    await markets.enableLltv(WAD / 2n);
    const other = { ...params, lltv: WAD / 2n };
    await markets.createMarket(other);
    expect(await markets.flaggedAt(id, borrower)).to.be.above(0n);
    expect(await markets.flaggedAt(idOf(other), borrower)).to.equal(0n);
  });

  it("is rebuilt from events alone", async () => {
    const world = await networkHelpers.loadFixture(deployFallen);
    const { markets, params, id, borrower, seams, liquidate } = world;
    const rebuilt = async () => {
      const [set, off] = await Promise.all([
        markets.queryFilter(markets.filters.Flag(id)),
        markets.queryFilter(markets.filters.Unflag(id)),
      ]);
      const steps = [
        ...set.map(({ blockNumber, args }) => ({ blockNumber, flaggedAt: args.flaggedAt })),
        ...off.map(({ blockNumber }) => ({ blockNumber, flaggedAt: 0n })),
      ].sort((a, b) => a.blockNumber - b.blockNumber);
      return steps.at(-1)?.flaggedAt ?? 0n;
    };
    const steps: (() => Promise<unknown>)[] = [
      () => markets.flag(params, borrower),
      () => seams.setPrice(PAR * 2n),
      () => markets.unflag(params, borrower),
      () => seams.setPrice((PAR * 95n) / 100n),
      () => liquidate(1n),
      () => liquidate(usd(600)),
      () => seams.setPrice((PAR * 50n) / 100n),
      () => liquidate(1n),
      () => markets.connect(borrower).repay(params, usd(1), 0, borrower, "0x"),
      () => liquidate(usd(1000)),
    ];
    for (const [i, step] of steps.entries()) {
      await step();
      expect(await rebuilt(), `step ${i}`).to.equal(await markets.flaggedAt(id, borrower));
    }
  });

  it("M20: more collateral than its bits hold is refused, naming how much more would go in", async () => {
    const { markets, params, borrower } = await networkHelpers.loadFixture(deployWorld);
    const plain = await ethers.deployContract("TestStable");
    const market = { ...params, collateralToken: await plain.getAddress() };
    await markets.createMarket(market);
    const most = 2n ** 96n - 1n;
    await plain.mint(borrower, 2n ** 97n);
    await plain.connect(borrower).approve(markets, 2n ** 97n);
    const post = (shares: bigint) => markets.connect(borrower).supplyCollateral(market, shares, borrower, "0x");
    await expect(post(most + 1n))
      .to.be.revertedWithCustomError(markets, "Market_TooMuchCollateral")
      .withArgs(idOf(market), borrower.address, most + 1n, most);
    await post(most - 5n);
    await expect(post(6n))
      .to.be.revertedWithCustomError(markets, "Market_TooMuchCollateral")
      .withArgs(idOf(market), borrower.address, 6n, 5n);
    await post(5n);
    expect((await markets.position(idOf(market), borrower)).collateralShares).to.equal(most);
  });
});
