import { expect } from "chai";
import { fillOf, type Order } from "../../server/protocol/fill.ts";
import { USD } from "./facility-world.ts";
import { ethers, networkHelpers, PRICE, SHARES, stage, STATUS, type Stage } from "./exchange-world.ts";

describe("ShareExchange", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  const refused = async (call: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(s.exchange, error)
      .withArgs(...args);

  describe("fill of a sell order", () => {
    it("shares go to the receiver, price and accrued interest to the maker, the fee out of the price", async () => {
      const { exchange, selling, carol, bob, alice, treasury, senior, asset } = s;
      await exchange.setFee(25);
      await s.accrue(5n * USD);
      const fee = (PRICE * 25n) / 10_000n;
      expect(await exchange.quote(selling, SHARES)).to.deep.equal([PRICE, 5n * USD, fee]);
      const call = await s.fill(selling, { to: bob.address, limit: PRICE + 5n * USD });
      await expect(call).to.changeTokenBalances(ethers, senior, [alice, carol, bob], [-SHARES, 0n, SHARES]);
      await expect(call).to.changeTokenBalances(
        ethers,
        asset,
        [alice, carol, bob, treasury, exchange],
        [PRICE + 5n * USD - fee, -PRICE - 5n * USD, 0n, fee, 0n],
      );
      await expect(call)
        .to.emit(exchange, "Filled")
        .withArgs(s.hash(selling), alice.address, carol.address, SHARES, SHARES);
      await expect(call)
        .to.emit(exchange, "Traded")
        .withArgs(senior.target, alice.address, carol.address, asset.target, SHARES, PRICE, 5n * USD, fee);
      expect(await exchange.filledShares(s.hash(selling))).to.equal(SHARES);
    });

    it("returns what the taker paid, and refuses a unit above its limit", async () => {
      const { exchange, selling, carol } = s;
      await s.accrue(USD);
      const paid = PRICE + USD;
      await refused(s.fill(selling, { limit: paid - 1n }), "ShareExchange_OverLimit", paid, paid - 1n);
      const own = exchange.connect(carol);
      expect(await own.fill.staticCall(selling, await s.sign(selling), SHARES, paid, carol)).to.equal(paid);
    });
  });

  describe("fill of a buy order", () => {
    it("shares go to the maker, price and accrued interest less the fee to the receiver", async () => {
      const { exchange, buying, carol, bob, alice, treasury, senior, asset } = s;
      await exchange.setFee(100);
      await s.accrue(5n * USD);
      const fee = PRICE / 100n;
      const call = await s.fill(buying, { to: bob.address, limit: PRICE + 5n * USD - fee });
      await expect(call).to.changeTokenBalances(ethers, senior, [alice, carol, bob], [-SHARES, SHARES, 0n]);
      await expect(call).to.changeTokenBalances(
        ethers,
        asset,
        [alice, carol, bob, treasury, exchange],
        [0n, -PRICE - 5n * USD, PRICE + 5n * USD - fee, fee, 0n],
      );
      await expect(call)
        .to.emit(exchange, "Traded")
        .withArgs(senior.target, alice.address, carol.address, asset.target, SHARES, PRICE, 5n * USD, fee);
    });

    it("returns what the receiver got, and refuses a unit under the taker's limit", async () => {
      const { exchange, buying, alice } = s;
      await exchange.setFee(100);
      const got = PRICE - PRICE / 100n;
      await refused(s.fill(buying, { limit: got + 1n }), "ShareExchange_UnderLimit", got, got + 1n);
      const own = exchange.connect(alice);
      expect(await own.fill.staticCall(buying, await s.sign(buying), SHARES, got, alice)).to.equal(got);
    });
  });

  describe("in parts", () => {
    it("M03: each part is rounded in favour of the maker", async () => {
      const { exchange } = s;
      const odd = { shares: 1000n, assets: 997n, maxAccruedAssets: 7n };
      await s.accrue(SHARES); // a unit for each unit of shares: the cap is what counts
      await exchange.setFee(99);
      for (const order of [
        { ...s.selling, ...odd },
        { ...s.buying, ...odd },
      ]) {
        for (const shares of [1n, 500n, 999n, 1000n]) {
          const quoted = await exchange.quote(order, shares);
          const { priceAssets, accruedAssets, feeAssets } = fillOf(order, shares, 1000n, 99n);
          expect(quoted).to.deep.equal([priceAssets, accruedAssets, feeAssets]);
          const up = order.isSell ? 999n : 0n;
          expect(quoted[0]).to.equal((997n * shares + up) / 1000n);
          expect(quoted[1]).to.equal((7n * shares + up) / 1000n);
          expect(quoted[2]).to.equal((quoted[0] * 99n) / 10_000n);
        }
      }
    });

    it("goes on to the last share and not beyond", async () => {
      const { exchange, selling } = s;
      const hash = s.hash(selling);
      await s.fill(selling, { shares: SHARES - 3n });
      await refused(s.fill(selling, { shares: 4n }), "ShareExchange_WrongShares", hash, 4n, 3n);
      await refused(s.fill(selling, { shares: 0n }), "ShareExchange_WrongShares", hash, 0n, 3n);
      await s.fill(selling, { shares: 2n });
      expect(await exchange.filledShares(hash)).to.equal(SHARES - 1n);
      await s.fill(selling, { shares: 1n });
      await refused(s.fill(selling, { shares: 1n }), "ShareExchange_NotFillable", hash, STATUS.Filled);
    });
  });

  describe("an order is not filled", () => {
    const cases: [string, bigint, (s: Stage) => Order | Promise<Order>][] = [
      ["a second after it expires", STATUS.Expired, async ({ selling }) => ({ ...selling, expiresAt: await soon() })],
      ["by another than its taker", STATUS.OtherTaker, ({ selling, bob }) => ({ ...selling, taker: bob.address })],
      [
        "at a fee above its limit",
        STATUS.FeeAboveLimit,
        async ({ selling, exchange }) => {
          await exchange.setFee(51);
          return { ...selling, maxFeeBps: 50n };
        },
      ],
      [
        "when its maker voided the nonces up to its own",
        STATUS.NonceVoid,
        async ({ selling, exchange, alice }) => {
          await exchange.connect(alice).cancelBelow(8);
          return { ...selling, nonce: 7n };
        },
      ],
      [
        "when its maker cancelled it",
        STATUS.Cancelled,
        async ({ selling, exchange, alice }) => {
          await exchange.connect(alice).cancel(selling);
          return selling;
        },
      ],
    ];
    for (const [when, status, prepare] of cases) {
      it(`M21: ${when}`, async () => {
        const order = await prepare(s);
        await networkHelpers.time.increase(100);
        await refused(s.fill(order), "ShareExchange_NotFillable", s.hash(order), status);
        expect(await s.exchange.statusOf(order, await s.sign(order), s.carol)).to.deep.equal([status, 0n]);
      });
    }

    it("M21: in its last second it is filled, by its taker, at the fee of its limit, with the least nonce", async () => {
      const { exchange, carol, alice } = s;
      await exchange.setFee(50);
      await exchange.connect(alice).cancelBelow(7);
      const expiresAt = await soon();
      const order = { ...s.selling, expiresAt, taker: carol.address, maxFeeBps: 50n, nonce: 7n };
      const signature = await s.sign(order);
      await networkHelpers.time.setNextBlockTimestamp(expiresAt);
      await s.fill(order, {}, signature);
    });
  });

  describe("cancel", () => {
    it("is the maker's alone, ends what is left of an order, and of no other", async () => {
      const { exchange, selling, alice, carol } = s;
      const other = { ...selling, salt: ethers.id("other") };
      await s.fill(selling, { shares: 1n });
      await refused(exchange.connect(carol).cancel(selling), "ShareExchange_NotMaker", carol.address, alice.address);
      await expect(exchange.connect(alice).cancel(selling))
        .to.emit(exchange, "Cancelled")
        .withArgs(s.hash(selling), alice.address);
      expect(await exchange.isCancelled(s.hash(selling))).to.equal(true);
      expect(await exchange.filledShares(s.hash(selling))).to.equal(1n);
      await refused(s.fill(selling, { shares: 1n }), "ShareExchange_NotFillable", s.hash(selling), STATUS.Cancelled);
      await s.fill(other);
    });

    it("below a nonce: only forward, only the caller's own", async () => {
      const { exchange, selling, alice, carol } = s;
      await exchange.connect(carol).cancelBelow(5);
      await s.fill(selling, { shares: 1n });
      await expect(exchange.connect(alice).cancelBelow(5))
        .to.emit(exchange, "CancelledBelow")
        .withArgs(alice.address, 5);
      for (const nonce of [4, 5]) {
        await refused(
          exchange.connect(alice).cancelBelow(nonce),
          "ShareExchange_NonceNotAbove",
          alice.address,
          nonce,
          5,
        );
      }
      await s.fill({ ...selling, nonce: 5n });
    });
  });

  const soon = async () => BigInt(await networkHelpers.time.latest()) + 50n;
});
