import { expect } from "chai";
import { Random } from "../differential/random.ts";
import { deployIndebted, ethers, idOf, networkHelpers, pass, usd, WAD, YEAR_SEC } from "./marketsWorld.ts";

const RAY = 10n ** 27n;
const FINE = 10n ** 60n; // what the exact figures are computed at
const TARGET = (WAD * 9n) / 10n;
const perSecond = (tenthPercentPerYear: bigint): bigint => (tenthPercentPerYear * RAY) / 1000n / YEAR_SEC;
const [START, MIN, MAX] = [perSecond(40n), perSecond(1n), perSecond(2000n)];

/** e^x by its series, to 60 digits. */
function exponential(fine: bigint): bigint {
  let [sum, term] = [FINE, FINE];
  for (let i = 1n; term !== 0n; i++) {
    term = (term * fine) / FINE / i;
    sum += term;
  }
  return sum;
}

const held = (rate: bigint): bigint => (rate < MIN ? MIN : rate > MAX ? MAX : rate);

/** The page's formulas over fractions: what the rate at target becomes, and what the time is charged. */
function expected(start: bigint, borrowed: bigint, supplied: bigint, elapsedSec: bigint) {
  const used = supplied === 0n ? (FINE * 9n) / 10n : (borrowed * FINE) / supplied;
  const off = used - (FINE * 9n) / 10n;
  const error = off > 0n ? off * 10n : (off * 10n) / 9n;
  const half = (25n * error * elapsedSec) / YEAR_SEC;
  const limit = 8n * FINE; // beyond it any rate is at its cap
  const growth = exponential(half > limit ? limit : half < -limit ? -limit : half);
  const middle = held((start * growth) / FINE);
  const end = held((start * growth * growth) / FINE / FINE);
  const mean = (start + 2n * middle + end) / 4n;
  const factor = error > 0n ? FINE + 3n * error : FINE + (3n * error) / 4n;
  return { end, ratePerSecondWad: (mean * factor) / FINE / 10n ** 9n };
}

function expectNear(actual: bigint, exact: bigint, parts: bigint, what: string): void {
  const off = actual > exact ? actual - exact : exact - actual;
  expect(off * parts <= exact + 2n * parts, `${what}: ${actual} beside ${exact}`).to.equal(true);
}

/** The model alone: the first account stands for the markets contract. */
async function deployModel() {
  const [markets, stranger] = await ethers.getSigners();
  const model = await ethers.deployContract("AdaptiveRate", [markets!.address]);
  const zero = ethers.ZeroAddress;
  const params = {
    loanToken: zero,
    collateralToken: zero,
    oracle: zero,
    irm: await model.getAddress(),
    lltv: WAD / 2n,
  };
  let lastUpdateAt = BigInt(await networkHelpers.time.latest());
  const totals = (borrowed: bigint, supplied: bigint) => ({
    totalSupplyAssets: supplied,
    totalSupplyShares: 0n,
    totalBorrowAssets: borrowed,
    totalBorrowShares: 0n,
    lastUpdateAt,
    feeWad: 0n,
  });
  /** An accrual `elapsedSec` after the last one. */
  const accrue = async (borrowed: bigint, supplied: bigint, elapsedSec: bigint) => {
    const start = await model.rateAtTargetPerSecondRay(idOf(params));
    const market = totals(borrowed, supplied);
    await networkHelpers.time.setNextBlockTimestamp(lastUpdateAt + elapsedSec);
    const tx = await model.borrowRate(params, market);
    lastUpdateAt += elapsedSec;
    const [event] = await model.queryFilter(model.filters.MoveRate(), tx.blockNumber!);
    expect(await model.rateAtTargetPerSecondRay(idOf(params))).to.equal(event!.args.rateAtTargetPerSecondRay);
    return {
      start,
      ratePerSecondWad: event!.args.ratePerSecondWad,
      end: event!.args.rateAtTargetPerSecondRay,
    };
  };
  return { model, params, totals, accrue, stranger: stranger! };
}

describe("AdaptiveRate", () => {
  it("its exponential is off by less than 1e-23 of itself, from e^-8 to e^8", async () => {
    const mock = await ethers.deployContract("MockExponential");
    const random = new Random(20_300_110);
    const halfLn2 = 346_573_590_279_972_654n;
    const points = [0n, 1n, -1n, 8n * WAD, -8n * WAD, WAD, -WAD];
    for (let twos = -11n; twos <= 11n; twos++) {
      for (const side of [-1n, 0n, 1n]) points.push((2n * twos + 1n) * halfLn2 + side);
    }
    for (let i = 0; i < 400; i++) {
      const size = 16n * 10n ** random.big(0, 18);
      points.push(((BigInt(random.whole(0, 2 ** 32)) << 40n) * size) / 2n ** 72n - size / 2n);
    }
    const inside = points.filter((point) => point >= -8n * WAD && point <= 8n * WAD);
    expect(inside.length).to.be.above(400);
    const results = await mock.exponentials.staticCall(inside, { gasLimit: 100_000_000n });
    for (const [i, point] of inside.entries()) {
      const exact = exponential((point * FINE) / WAD);
      const off = results[i]! * 10n ** 33n - exact;
      expect((off < 0n ? -off : off) * 10n ** 23n <= exact, String(point)).to.equal(true);
    }
  });

  it("starts at 4 % a year, and its curve goes from a quarter to four times", async () => {
    const { model, params, totals } = await networkHelpers.loadFixture(deployModel);
    const at = (await ethers.provider.getBlock("latest"))!;
    const rate = (borrowed: bigint) =>
      model.borrowRateView(
        params,
        { ...totals(borrowed, 100n), lastUpdateAt: BigInt(at.timestamp) },
        { blockTag: at.number },
      );
    expect(await model.rateAtTargetPerSecondRay(idOf(params))).to.equal(START);
    expect(await rate(90n)).to.equal(START / 10n ** 9n);
    expect(await rate(100n)).to.equal((4n * START) / 10n ** 9n);
    expect(await rate(0n)).to.equal(START / 4n / 10n ** 9n);
    expect(await rate(95n)).to.equal((START * 5n) / 2n / 10n ** 9n);
    expect(await rate(45n)).to.equal((START * 5n) / 8n / 10n ** 9n);
  });

  it("moves as the page says, over any utilization and time", async () => {
    const { accrue } = await networkHelpers.loadFixture(deployModel);
    const random = new Random(5);
    for (let i = 0; i < 120; i++) {
      const supplied = random.amount(1, 30);
      const borrowed = random.part(supplied);
      const elapsed = random.amount(1, random.pick([2, 5, 8]));
      const step = await accrue(borrowed, supplied, elapsed);
      const exact = expected(step.start, borrowed, supplied, elapsed);
      expectNear(step.end, exact.end, 10n ** 13n, `rate at target ${i}`);
      expectNear(step.ratePerSecondWad, exact.ratePerSecondWad, 10n ** 13n, `rate ${i}`);
    }
  });

  it("comes to the same however often it is moved on the way", async () => {
    const { accrue } = await networkHelpers.loadFixture(deployModel);
    const taken = await networkHelpers.takeSnapshot();
    const whole = await accrue(95n, 100n, 96n * 900n);
    await taken.restore();
    const { accrue: again } = await deployModel();
    let [paid, end] = [0n, 0n];
    for (let i = 0; i < 96; i++) {
      const step = await again(95n, 100n, 900n);
      end = step.end;
      paid += step.ratePerSecondWad * 900n;
    }
    expectNear(end, whole.end, 10n ** 14n, "the rate at target");
    const once = whole.ratePerSecondWad * 96n * 900n;
    expect(once).to.be.at.least(paid); // a trapezoid is over its curve
    expectNear(once, paid, 1000n, "what is charged");
  });

  it("M20: is held between 0.1 % and 200 %, over a century and at the largest totals", async () => {
    const { accrue } = await networkHelpers.loadFixture(deployModel);
    const most = 2n ** 128n - 1n;
    expect((await accrue(most, most, 100n * YEAR_SEC)).end).to.equal(MAX);
    const top = await accrue(most, most, 100n * YEAR_SEC);
    expect(top.ratePerSecondWad).to.equal((4n * MAX) / 10n ** 9n);
    expect((await accrue(0n, most, 100n * YEAR_SEC)).end).to.equal(MIN);
    expect((await accrue(0n, 1n, 100n * YEAR_SEC)).ratePerSecondWad).to.equal(MIN / 4n / 10n ** 9n);
    expect((await accrue(1n, 1n, YEAR_SEC)).end).to.equal(MAX);
  });

  it("stands still at the target, and where nothing is supplied", async () => {
    const { accrue } = await networkHelpers.loadFixture(deployModel);
    expect((await accrue(90n, 100n, 50n * YEAR_SEC)).end).to.equal(START);
    expect((await accrue(0n, 0n, 50n * YEAR_SEC)).end).to.equal(START);
    expect((await accrue(TARGET + 1n, WAD, 1n)).end).to.be.at.least(START);
  });

  it("M24: moves for the markets contract alone; anyone may look", async () => {
    const { model, params, totals, accrue, stranger } = await networkHelpers.loadFixture(deployModel);
    await expect(model.connect(stranger).borrowRate(params, totals(1n, 1n)))
      .to.be.revertedWithCustomError(model, "AdaptiveRate_NotMarkets")
      .withArgs(stranger.address);
    await accrue(1n, 1n, 3600n);
    const latest = await ethers.provider.getBlockNumber();
    const now = totals(1n, 1n);
    const seen = await model.connect(stranger).borrowRateView(params, now, { blockTag: latest });
    const end = await model.rateAtTargetPerSecondRay(idOf(params));
    expectNear(seen, (4n * end) / 10n ** 9n, 10n ** 4n, "the rate seen");
    expect(await model.rateAtTargetPerSecondRay(idOf({ ...params, lltv: 1n }))).to.equal(START);
  });

  describe("in a market", () => {
    async function deployAdaptive() {
      const world = await deployIndebted();
      const { markets, params, lender, borrower } = world;
      const model = await ethers.deployContract("AdaptiveRate", [markets]);
      await markets.enableIrm(model);
      const market = { ...params, irm: await model.getAddress() };
      await markets.createMarket(market);
      await markets.connect(lender).supply(market, usd(1000), 0, lender, "0x");
      await markets.connect(borrower).supplyCollateral(market, usd(10_000), borrower, "0x");
      return { ...world, model, market, marketId: idOf(market) };
    }

    it("charges the rate that its view showed, and moves from market to market alone", async () => {
      const { markets, model, market, marketId, borrower } = await networkHelpers.loadFixture(deployAdaptive);
      await markets.connect(borrower).borrow(market, usd(1000), 0, borrower, borrower);
      const taken = await networkHelpers.takeSnapshot();
      await pass(86_400n);
      const block = (await ethers.provider.getBlock("latest"))!;
      const { totalSupplyAssets, totalSupplyShares, totalBorrowAssets, totalBorrowShares, lastUpdateAt, feeWad } =
        await markets.market(marketId);
      const totals = {
        totalSupplyAssets,
        totalSupplyShares,
        totalBorrowAssets,
        totalBorrowShares,
        lastUpdateAt,
        feeWad,
      };
      const shown = await model.borrowRateView(market, totals, {
        blockTag: block.number,
      });
      await taken.restore();
      await networkHelpers.time.setNextBlockTimestamp(block.timestamp);
      const tx = await markets.accrueInterest(market);
      const [event] = await markets.queryFilter(markets.filters.AccrueInterest(), tx.blockNumber!);
      expect(event!.args.ratePerSecondWad).to.equal(shown);
      expect(await model.rateAtTargetPerSecondRay(marketId)).to.be.above(START);
      expect(await model.rateAtTargetPerSecondRay(idOf({ ...market, lltv: 1n }))).to.equal(START);
    });

    it("M20: years at 100 % utilization bring it to 800 % a year and lock nothing", async () => {
      const { markets, model, market, marketId, borrower, lender, loan } =
        await networkHelpers.loadFixture(deployAdaptive);
      await markets.connect(borrower).borrow(market, usd(1000), 0, borrower, borrower);
      for (let year = 0; year < 3; year++) {
        await pass(YEAR_SEC);
        await markets.accrueInterest(market);
      }
      expect(await model.rateAtTargetPerSecondRay(marketId)).to.equal(MAX);
      const { borrowShares } = await markets.position(marketId, borrower);
      await loan.mint(borrower, usd(1_000_000_000));
      await markets.connect(borrower).repay(market, 0, borrowShares, borrower, "0x");
      const { supplyShares } = await markets.position(marketId, lender);
      await markets.connect(lender).withdraw(market, 0, supplyShares, lender, lender);
      expect(await loan.balanceOf(lender)).to.be.above(usd(1_000_000));
    });
  });
});
