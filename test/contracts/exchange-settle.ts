import { expect } from "chai";
import { fillOf } from "../../server/protocol/fill.ts";
import { USD } from "./facility-world.ts";
import { ethers, networkHelpers, PRICE, SHARES, stage, STATUS, type Stage } from "./exchange-world.ts";

const { MaxUint256 } = ethers;

describe("ShareExchange: orders that match", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  const refused = async (call: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(s.exchange, error)
      .withArgs(...args);

  describe("settle", () => {
    it("by a stranger, at the sell order's price and interest: the surplus stays with the buyer", async () => {
      const { exchange, selling, buying, alice, carol, mallory, treasury, senior, asset } = s;
      await exchange.setFee(100);
      await s.accrue(4n * USD);
      const offer = { ...buying, assets: PRICE + 30n * USD };
      const fee = PRICE / 100n;
      const call = await s.settle(selling, offer);
      await expect(call).to.changeTokenBalances(ethers, senior, [alice, carol, mallory], [-SHARES, SHARES, 0n]);
      await expect(call).to.changeTokenBalances(
        ethers,
        asset,
        [alice, carol, mallory, treasury, exchange],
        [PRICE + 4n * USD - fee, -PRICE - 4n * USD, 0n, fee, 0n],
      );
      const filled = (order: typeof selling, taker: string) =>
        expect(call).to.emit(exchange, "Filled").withArgs(s.hash(order), order.maker, taker, SHARES, SHARES);
      await filled(selling, carol.address);
      await filled(offer, alice.address);
      await expect(call)
        .to.emit(exchange, "Traded")
        .withArgs(senior.target, alice.address, carol.address, asset.target, SHARES, PRICE, 4n * USD, fee);
    });

    it("in parts of both, each rounded for its maker, until they no longer cross", async () => {
      const { exchange } = s;
      const sell = { ...s.selling, shares: 1000n, assets: 990n, maxAccruedAssets: 0n };
      const buy = { ...s.buying, shares: 700n, assets: 695n, maxAccruedAssets: 0n };
      expect((await s.settle(sell, buy, 600n)).hash).to.be.a("string");
      expect(await exchange.filledShares(s.hash(sell))).to.equal(600n);
      expect(await exchange.filledShares(s.hash(buy))).to.equal(600n);
      // One share: the seller asks for ⌈0.99⌉, the buyer offers ⌊0.993⌋.
      await refused(s.settle(sell, buy, 1n), "ShareExchange_NotCrossing", 1n, 0n);
      await refused(s.settle(sell, buy, 101n), "ShareExchange_WrongShares", s.hash(buy), 101n, 100n);
    });

    it("what the buyer offers in all, price and interest, bounds what it pays: to the unit", async () => {
      const { selling, buying } = s;
      await s.accrue(10n * USD);
      const asked = PRICE + 10n * USD;
      const crosses: [bigint, bigint][] = [
        [PRICE, 10n * USD],
        [PRICE, MaxUint256],
        [PRICE + 10n * USD, 0n],
        [PRICE + 4n * USD, 6n * USD],
      ];
      for (const [index, [assets, maxAccruedAssets]] of crosses.entries()) {
        const salt = ethers.id(`pair ${index}`);
        const buy = { ...buying, assets, maxAccruedAssets, salt };
        const short = { ...buy, assets: assets - 1n };
        await refused(s.settle({ ...selling, salt }, short), "ShareExchange_NotCrossing", asked, asked - 1n);
        await s.settle({ ...selling, salt }, buy);
      }
      // A flat sell order asks for no interest, whatever the buyer would have paid.
      const flat = { ...selling, maxAccruedAssets: 0n, salt: ethers.id("flat") };
      await expect(s.settle(flat, { ...buying, salt: ethers.id("flat") })).to.changeTokenBalance(
        ethers,
        s.asset,
        s.carol,
        -PRICE,
      );
    });

    it("refuses two of a side, in the wrong order, of another token or money", async () => {
      const { selling, buying, residual, carol } = s;
      const other = await residual.getAddress();
      for (const [sell, buy] of [
        [selling, { ...selling, maker: carol.address }],
        [buying, { ...buying, maker: s.alice.address }],
        [buying, selling],
        [selling, { ...buying, shareToken: other }],
        [selling, { ...buying, asset: other }],
      ] as const) {
        await refused(s.settle(sell, buy), "ShareExchange_NotAPair", sell.maker, buy.maker);
      }
    });

    it("M21: each order's taker is the other's maker, whoever sends it; each must stand", async () => {
      const { exchange, selling, buying, alice, carol, bob, mallory } = s;
      const toMallory = { ...selling, taker: mallory.address };
      const toBob = { ...buying, taker: bob.address };
      const notFillable = "ShareExchange_NotFillable";
      await refused(s.settle(toMallory, buying), notFillable, s.hash(toMallory), STATUS.OtherTaker);
      await refused(s.settle(selling, toBob), notFillable, s.hash(toBob), STATUS.OtherTaker);
      const each = [
        { ...selling, taker: carol.address },
        { ...buying, taker: alice.address },
      ] as const;
      await s.settle(each[0], each[1], 100n);
      await exchange.connect(carol).cancel(each[1]);
      await refused(s.settle(each[0], each[1], 100n), notFillable, s.hash(each[1]), STATUS.Cancelled);
      await exchange.setFee(30);
      const low = { ...buying, maxFeeBps: 29n };
      await refused(s.settle(selling, low), notFillable, s.hash(low), STATUS.FeeAboveLimit);
    });

    it("refuses an account that would trade with itself, here and in a fill", async () => {
      const { selling, buying, alice, carol } = s;
      const same = "ShareExchange_SameAccount";
      const own = { ...buying, maker: alice.address };
      await refused(s.settle(selling, own), same, alice.address);
      await refused(s.fill(selling, { by: alice }), same, alice.address);
      await refused(s.fill(selling, { to: alice.address }), same, alice.address);
      await refused(s.fill(selling, { by: alice, to: carol.address }), same, alice.address);
      await refused(s.fill(buying, { to: carol.address }), same, carol.address);
      await refused(s.fill(own, { by: alice, to: carol.address }), same, alice.address);
    });
  });

  describe("settleMany", () => {
    /// Three matches of equal size; `spoil` changes the order to sell of the one in the middle after it was signed.
    const three = async (spoil: Partial<Stage["selling"]> = {}) =>
      Promise.all(
        [1, 2, 3].map(async (number) => {
          const salt = ethers.id(`match ${number}`);
          const [sell, buy] = [
            { ...s.selling, salt },
            { ...s.buying, salt },
          ];
          const [sellSignature, buySignature] = [await s.sign(sell), await s.sign(buy)];
          return {
            sell: number === 2 ? { ...sell, ...spoil } : sell,
            ...{ sellSignature, buy, buySignature, fillShares: SHARES },
          };
        }),
      );

    it("settles each and tells how many", async () => {
      const matches = await three();
      expect(await s.exchange.settleMany.staticCall(matches, 0)).to.equal(3n);
      await expect(s.exchange.connect(s.mallory).settleMany(matches, 0)).to.changeTokenBalances(
        ethers,
        s.senior,
        [s.alice, s.carol],
        [-3n * SHARES, 3n * SHARES],
      );
      expect(await s.exchange.settleMany.staticCall([], 0)).to.equal(0n);
    });

    it("skips one that is refused, whole, and tells why", async () => {
      const { exchange, alice, carol, senior, asset } = s;
      const matches = await three({ assets: 1n });
      const spoilt = matches[1]!;
      const reason = exchange.interface.encodeErrorResult("ShareExchange_NotFillable", [
        s.hash(spoilt.sell),
        STATUS.BadSignature,
      ]);
      expect(await exchange.settleMany.staticCall(matches, 1)).to.equal(2n);
      const call = await exchange.connect(s.mallory).settleMany(matches, 1);
      await expect(call)
        .to.emit(exchange, "MatchSkipped")
        .withArgs(1n, s.hash(spoilt.sell), s.hash(spoilt.buy), reason);
      await expect(call).to.changeTokenBalances(ethers, senior, [alice, carol], [-2n * SHARES, 2n * SHARES]);
      await expect(call).to.changeTokenBalances(ethers, asset, [alice, carol], [2n * PRICE, -2n * PRICE]);
      expect(await exchange.filledShares(s.hash(spoilt.buy))).to.equal(0n);
    });

    it("one more than may be skipped: nothing is settled, and it says which and why", async () => {
      const { exchange } = s;
      const matches = await three({ expiresAt: 1n });
      const reason = exchange.interface.encodeErrorResult("ShareExchange_NotFillable", [
        s.hash(matches[1]!.sell),
        STATUS.Expired,
      ]);
      await refused(exchange.settleMany(matches, 0), "ShareExchange_MatchRefused", 1n, reason);
      expect(await exchange.filledShares(s.hash(matches[0]!.sell))).to.equal(0n);
    });

    it("the same match twice fills what is left, and then is skipped", async () => {
      const { exchange } = s;
      const [match] = await three();
      const part = { ...match!, fillShares: SHARES / 2n };
      expect(await exchange.settleMany.staticCall([part, part, part], 1)).to.equal(2n);
    });

    it("M04: of a revert of any length, 256 bytes are kept", async () => {
      const { exchange } = s;
      const bomb = await ethers.deployContract("MockBomb");
      const shareToken = await bomb.getAddress();
      const [sell, buy] = [
        { ...s.selling, shareToken, maxAccruedAssets: 0n },
        { ...s.buying, shareToken, maxAccruedAssets: 0n },
      ];
      const match = { sell, sellSignature: await s.sign(sell), buy, buySignature: await s.sign(buy), fillShares: USD };
      const reason = await bomb.reason();
      const call = await exchange.settleMany([match, ...(await three())], 1);
      await expect(call)
        .to.emit(exchange, "MatchSkipped")
        .withArgs(0n, s.hash(sell), s.hash(buy), ethers.dataSlice(reason, 0, 256));
      expect((await call.wait())!.gasUsed).to.be.lessThan(1_500_000n);
    });
  });

  it("what is shown beforehand is what is paid, at any part and any fee", async () => {
    const { exchange, selling } = s;
    await s.accrue(7n * USD);
    for (const [feeBps, shares] of [
      [0n, 1n],
      [1n, 333n],
      [33n, 12_345_678n],
      [100n, SHARES / 7n],
    ] as const) {
      await exchange.setFee(feeBps);
      const { priceAssets, accruedAssets, feeAssets } = fillOf(selling, shares, 7n * USD, feeBps);
      await expect(s.fill(selling, { shares })).to.changeTokenBalances(
        ethers,
        s.asset,
        [s.alice, s.carol, s.treasury],
        [priceAssets + accruedAssets - feeAssets, -priceAssets - accruedAssets, feeAssets],
      );
    }
  });
});
