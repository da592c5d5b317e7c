import { expect } from "chai";
import { signOrder, type Order } from "../../server/protocol/order.ts";
import { domainOf } from "../../server/protocol/typed.ts";
import { DAY, ENFORCEMENT, SENIOR_CLASS, USD } from "./facility-world.ts";
import { ethers, networkHelpers, PRICE, SHARES, stage, STATUS } from "./exchange-world.ts";

const SUPPLY = 700_000n * USD;
const [MONTH, WHOLE_INTEREST] = [30n, 7_000n * USD]; // 12 % a year of 700,000, by 30/360

/// The exchange of the stage over the real valuation, which for accrued interest asks the facility alone.
async function valued() {
  const s = await networkHelpers.loadFixture(stage);
  const { alice, bob, carol, manager, senior, asset, treasury } = s;
  const limits = { maxAgeSec: DAY, maxMoveBps: 2000, holdSec: DAY };
  const nobody = Array.from({ length: 4 }, () => ethers.ZeroAddress);
  const valuation = await ethers.deployContract("Valuation", [manager, ...nobody, limits] as never);
  const exchange = await ethers.deployContract("ShareExchange", [manager, valuation, treasury]);
  for (const account of [alice, bob, carol]) {
    await asset.connect(account).approve(exchange, ethers.MaxUint256);
    await senior.connect(account).approve(exchange, ethers.MaxUint256);
    await s.residual.connect(account).approve(exchange, ethers.MaxUint256);
  }
  const domain = domainOf(await exchange.eip712Domain());
  const signers = new Map([alice, bob, carol].map((account) => [account.address, account]));
  const sign = (order: Order) => signOrder(signers.get(order.maker)!, domain, order);
  /// Carol buys from a sell order at a time, whatever it costs.
  const buy = async (order: Order, shares = order.shares, atTime?: number) => {
    const signature = await sign(order);
    if (atTime !== undefined) await networkHelpers.time.setNextBlockTimestamp(atTime);
    return exchange.connect(carol).fill(order, signature, shares, ethers.MaxUint256, carol);
  };
  const accruedOf = async (order: Order, shares = order.shares) => (await exchange.quote(order, shares))[1];
  return { ...s, valuation, exchange, sign, buy, accruedOf };
}

describe("ShareExchange: income and accrued interest", () => {
  let s: Awaited<ReturnType<typeof valued>>;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(valued);
  });

  /// The first payment date pays its interest in full, or misses a unit of it.
  const firstDate = (missing = 0n) => s.pay(500n * USD + WHOLE_INTEREST - missing);

  describe("income that was paid to the class", () => {
    it("before a fill is the seller's, after it the buyer's: to the unit", async () => {
      const { senior, alice, carol, selling } = s;
      await s.pay(100_000n * USD);
      const paid = await senior.claimableAssets(alice);
      const order = { ...selling, shares: await senior.balanceOf(alice), maxAccruedAssets: 0n };
      await s.buy(order);
      expect(await senior.claimableAssets(alice)).to.equal(paid);
      expect(await senior.claimableAssets(carol)).to.equal(0n);
      await s.pay(100_000n * USD);
      const next = await senior.claimableAssets(carol);
      expect(next).to.be.greaterThan(60_000n * USD);
      expect(await senior.claimableAssets(alice)).to.equal(paid);
      await expect(senior.connect(alice).claim(alice)).to.changeTokenBalance(ethers, s.asset, alice, paid);
      await expect(senior.connect(carol).claim(carol)).to.changeTokenBalance(ethers, s.asset, carol, next);
    });

    it("on a payment date with a part sold: each has the part of its shares", async () => {
      const { senior, alice, carol, mallory, selling } = s;
      const half = (await senior.balanceOf(alice)) / 2n;
      await s.buy({ ...selling, shares: half, maxAccruedAssets: 0n });
      await s.pay(100_000n * USD);
      const [sold, kept, other] = await Promise.all(
        [carol, alice, mallory].map((account) => senior.claimableAssets(account)),
      );
      expect(sold).to.equal(kept);
      const total = await s.facility.unclaimedAssets(senior);
      expect(sold! + kept! + other!).to.be.within(total - 3n, total);
    });
  });

  describe("interest that accrued since the last payment date", () => {
    it("is the facility's own figure, of the whole class to the unit", async () => {
      const { facility, exchange, selling } = s;
      await firstDate();
      for (const days of [1, 9, 17]) {
        await networkHelpers.time.increase(days * DAY);
        const accrued = await facility.accruedAssets(SENIOR_CLASS);
        expect(await s.accruedOf({ ...selling, shares: SUPPLY })).to.equal(accrued);
        expect(await s.accruedOf(selling)).to.equal((accrued * SHARES) / SUPPLY);
        expect(await exchange.quote(selling, 1n)).to.deep.equal([1n, accrued === 0n ? 0n : 1n, 0n]);
        expect(await s.accruedOf({ ...s.buying }, 1n)).to.equal(0n);
      }
    });

    it("is paid beside the price: a month less a day of it on the last day, none on the date itself", async () => {
      const { facility, selling, alice, carol } = s;
      await firstDate();
      const paidAt = await networkHelpers.time.latest();
      await expect(s.buy(selling, SHARES / 2n, paidAt + 1)).to.changeTokenBalances(
        ethers,
        s.asset,
        [alice, carol],
        [PRICE / 2n, -PRICE / 2n],
      );
      // From 31 January to 27 February: 27 of 30 days, on a principal that is a month's smaller.
      const outstanding = await facility.outstandingAssets(SENIOR_CLASS);
      const whole = (outstanding * 1200n * 27n) / (12n * 10_000n * MONTH);
      const due = (((whole * SHARES) / SUPPLY) * (SHARES / 2n)) / SHARES;
      const [hadAlice, hadCarol] = [await s.asset.balanceOf(alice), await s.asset.balanceOf(carol)];
      await s.buy(selling, SHARES / 2n, paidAt + 27 * DAY);
      const got = (await s.asset.balanceOf(alice)) - hadAlice;
      expect(hadCarol - (await s.asset.balanceOf(carol))).to.equal(got);
      expect(got - PRICE / 2n).to.be.within(due - 1n, due + 1n);
    });

    it("not by a flat order, nor by the residual class, which is owed none", async () => {
      const { selling, residual, bob } = s;
      await firstDate();
      await networkHelpers.time.increase(20 * DAY);
      expect(await s.accruedOf(selling)).to.be.greaterThan(6n * USD);
      expect(await s.accruedOf({ ...selling, maxAccruedAssets: 0n })).to.equal(0n);
      expect(await s.accruedOf({ ...selling, maxAccruedAssets: 5n })).to.equal(5n);
      const other = { ...selling, maker: bob.address, shareToken: await residual.getAddress() };
      expect(await s.accruedOf(other)).to.equal(0n);
      await s.buy(other);
    });

    it("none once interest is missed, until it is made good", async () => {
      const { selling } = s;
      await firstDate(1n);
      await networkHelpers.time.increase(10 * DAY);
      expect(await s.facility.accruedAssets(SENIOR_CLASS)).to.be.greaterThan(2_000n * USD);
      expect(await s.accruedOf(selling)).to.equal(0n);
      await expect(s.buy(selling)).to.changeTokenBalance(ethers, s.asset, s.alice, PRICE);
      await s.pay(300_000n * USD);
      await networkHelpers.time.increase(10 * DAY);
      expect(await s.accruedOf(selling)).to.be.greaterThan(0n);
    });

    it("none in enforcement: it trades flat, and goes on", async () => {
      const { facility, selling, alice, carol } = s;
      await firstDate(1n);
      await networkHelpers.time.increase(6 * DAY);
      await facility.declareInterestDefault(SENIOR_CLASS);
      expect(await facility.state()).to.equal(ENFORCEMENT);
      expect(await s.accruedOf(selling)).to.equal(0n);
      await expect(s.buy(selling)).to.changeTokenBalances(ethers, s.asset, [alice, carol], [PRICE, -PRICE]);
    });
  });

  it("a token that is no class has no interest to pay: only a flat order for it is filled", async () => {
    const { exchange, valuation, selling, carol } = s;
    const liar = await ethers.deployContract("MockShare", [s.asset, 6]);
    await liar.mint(s.alice, SHARES);
    await liar.connect(s.alice).approve(exchange, SHARES);
    const order = { ...selling, shareToken: await liar.getAddress() };
    await expect(s.buy(order)).to.be.revert(ethers);
    expect(await exchange.statusOf(order, await s.sign(order), carol)).to.deep.equal([STATUS.NoClass, 0n]);
    await s.buy({ ...order, maxAccruedAssets: 0n });
    expect(await liar.balanceOf(carol)).to.equal(SHARES);
    expect(await exchange.valuation()).to.equal(valuation.target);
  });
});
