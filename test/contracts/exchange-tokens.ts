import { expect } from "chai";
import type { MockCoin } from "../../types/mocks/MockCoin.ts";
import { signOrder, type Order } from "../../server/protocol/order.ts";
import { USD } from "./facility-world.ts";
import { ethers, networkHelpers, PRICE, SHARES, stage, STATUS, type Stage } from "./exchange-world.ts";

describe("ShareExchange: hostile tokens", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  /// An order like the two of the stage, in another settlement token that both sides have and approved.
  const inToken = async (name: string, args: unknown[] = []) => {
    const token = (await ethers.deployContract(name, args)) as unknown as MockCoin;
    for (const account of [s.alice, s.carol, s.bob]) {
      await token.mint(account.address, 10n * PRICE);
      await token.connect(account).approve(s.exchange, ethers.MaxUint256);
    }
    const asset = await token.getAddress();
    return { token, sell: { ...s.selling, asset }, buy: { ...s.buying, asset } };
  };
  /// Nothing moved, nothing is counted.
  const untouched = async (token: MockCoin, ...orders: Order[]) => {
    for (const order of orders) expect(await s.exchange.filledShares(s.hash(order))).to.equal(0n);
    for (const account of [s.alice, s.carol]) expect(await token.balanceOf(account)).to.equal(10n * PRICE);
    expect(await s.senior.balanceOf(s.carol)).to.equal(0n);
  };

  describe("M05: money", () => {
    it("that returns nothing (USDT) is supported: filled, matched, with a fee", async () => {
      const { token, sell, buy } = await inToken("MockTether");
      await s.exchange.setFee(100);
      await s.fill(sell, { shares: SHARES / 2n });
      await s.settle(sell, buy, SHARES / 2n);
      expect(await token.balanceOf(s.treasury)).to.equal(PRICE / 100n);
      expect(await token.balanceOf(s.alice)).to.equal(11n * PRICE - PRICE / 100n);
      expect(await token.balanceOf(s.carol)).to.equal(9n * PRICE);
    });

    for (const decimals of [8, 18]) {
      it(`of ${decimals} decimals is what was signed, in its own units`, async () => {
        const { token, sell } = await inToken("MockCoin", [decimals]);
        const unit = 10n ** BigInt(decimals);
        await token.mint(s.carol, 1000n * unit);
        const order = { ...sell, assets: 990n * unit + 1n };
        await expect(s.fill(order)).to.changeTokenBalance(ethers, token, s.alice, 990n * unit + 1n);
      });
    }

    it("that takes a fee on the way is refused by either side, and by a match", async () => {
      const { token, sell, buy } = await inToken("MockCoin", [6]);
      await token.setFee(1);
      const short = PRICE - PRICE / 10_000n;
      for (const call of [() => s.fill(sell), () => s.fill(buy), () => s.settle(sell, buy)]) {
        await expect(call())
          .to.be.revertedWithCustomError(s.exchange, "Settlement_WrongAmount")
          .withArgs(token.target, PRICE, short);
      }
      await untouched(token, sell, buy);
    });

    it("whose fee comes off the exchange's own fee alone is refused too", async () => {
      const { token, sell } = await inToken("MockCoin", [6]);
      await s.exchange.setFee(100);
      // From the end of the first transfer on.
      await token.setHook(token, token.interface.encodeFunctionData("setFee", [1]));
      await expect(s.fill(sell)).to.be.revertedWithCustomError(s.exchange, "Settlement_WrongAmount");
      await untouched(token, sell);
    });

    it("that returns false for a revert is refused", async () => {
      const { token, sell, buy } = await inToken("MockCoin", [6]);
      await token.setReturns(false, true);
      for (const order of [sell, buy]) {
        await expect(s.fill(order))
          .to.be.revertedWithCustomError(s.exchange, "SafeERC20FailedOperation")
          .withArgs(token.target);
      }
      await untouched(token, sell, buy);
    });

    it("that is paused or blacklists a side stops that fill, and no other order", async () => {
      const { token, sell, buy } = await inToken("MockCoin", [6]);
      await token.setPaused(true);
      await expect(s.fill(sell)).to.be.revertedWithCustomError(token, "Coin_Paused");
      await token.setPaused(false);
      await token.setBlacklisted(s.alice, true);
      await expect(s.fill(sell)).to.be.revertedWithCustomError(token, "Coin_Blacklisted").withArgs(s.alice.address);
      await expect(s.fill(buy)).to.be.revertedWithCustomError(token, "Coin_Blacklisted").withArgs(s.alice.address);
      await untouched(token, sell, buy);
      await s.fill(s.selling, { shares: USD });
      // To another account of the seller's, who is its own taker, the same order is good.
      await s.fill(buy, { to: s.bob.address });
      expect(await token.balanceOf(s.bob)).to.equal(11n * PRICE);
    });

    it("is not moved where none is due: no fee, no price", async () => {
      const { token, sell } = await inToken("MockCoin", [6]);
      const movesOf = async (call: { wait(): Promise<{ blockNumber: number } | null> }) => {
        const { blockNumber } = (await call.wait())!;
        return (await token.queryFilter(token.filters.Transfer(), blockNumber, blockNumber)).length;
      };
      expect(await movesOf(await s.fill(sell))).to.equal(1);
      expect(await movesOf(await s.fill({ ...sell, assets: 0n }))).to.equal(0);
      await s.exchange.setFee(100);
      expect(await movesOf(await s.fill({ ...sell, salt: ethers.id("fee") }))).to.equal(2);
    });

    it("that is no contract is refused", async () => {
      const sell = { ...s.selling, asset: s.mallory.address };
      await expect(s.fill(sell)).to.be.revert(ethers);
      expect(await s.exchange.filledShares(s.hash(sell))).to.equal(0n);
    });

    it("the treasury that is blacklisted: until it is changed only orders without a fee are filled", async () => {
      const { token, sell } = await inToken("MockCoin", [6]);
      await s.exchange.setFee(10);
      await token.setBlacklisted(s.treasury, true);
      await expect(s.fill(sell)).to.be.revertedWithCustomError(token, "Coin_Blacklisted");
      await s.exchange.setFeeRecipient(s.bob);
      await expect(s.fill(sell)).to.changeTokenBalance(ethers, token, s.bob, PRICE / 1000n);
    });
  });

  describe("M02: a donation", () => {
    it("moves nothing: shares and money in the exchange stay there", async () => {
      const { exchange, asset, carol, selling } = s;
      await asset.connect(carol).transfer(exchange, 5n * USD);
      await s.exchange.setFee(100);
      await expect(s.fill(selling)).to.changeTokenBalances(ethers, asset, [exchange, s.treasury], [0n, PRICE / 100n]);
      expect(await asset.balanceOf(exchange)).to.equal(5n * USD);
    });
  });

  describe("M05: shares", () => {
    const cases: [string, string, (coin: MockCoin) => Promise<unknown>, string][] = [
      ["come short", "MockCoin", (coin) => coin.setFee(100), "Settlement_WrongAmount"],
      ["are told, and do not come", "MockCoin", (coin) => coin.setReturns(false, true), "SafeERC20FailedOperation"],
    ];
    for (const [what, name, spoil, error] of cases) {
      it(`that ${what}: no money moves`, async () => {
        const { token } = await inToken(name, [6]);
        await spoil(token);
        const shareToken = await token.getAddress();
        for (const order of [
          { ...s.selling, shareToken },
          { ...s.buying, shareToken },
        ]) {
          await expect(s.fill(order)).to.be.revertedWithCustomError(s.exchange, error);
        }
        expect(await s.asset.balanceOf(s.carol)).to.equal(1_000_000_000n * USD);
      });
    }
  });

  describe("M04: a token that calls back in the middle of a fill", () => {
    /// The hook's call, and what it came to, in the middle of a fill of `sell`.
    const during = async (call: string, token: MockCoin, order: Order) => {
      await token.setHook(s.exchange, call);
      await s.fill(order, { shares: SHARES / 2n });
      return [await token.hookSucceeded(), await token.hookResult()] as const;
    };
    const guard = () => s.exchange.interface.encodeErrorResult("ReentrancyGuardReentrantCall");

    it("can fill and settle nothing", async () => {
      const { exchange } = s;
      const { token, sell, buy } = await inToken("MockCoin", [6]);
      const { interface: verbs } = exchange;
      const signature = await s.sign(sell);
      const [fill, settle] = [
        verbs.encodeFunctionData("fill", [sell, signature, 1n, ethers.MaxUint256, s.carol.address]),
        verbs.encodeFunctionData("settle", [sell, signature, buy, await s.sign(buy), 1n]),
      ];
      const permit = { valueUnits: 0n, deadline: 0n, r: ethers.ZeroHash, vs: ethers.ZeroHash };
      const permitted = verbs.encodeFunctionData("fillWithPermit", [
        ...[sell, signature, 1n, ethers.MaxUint256, s.carol.address, permit],
      ] as never);
      for (const [index, call] of [fill, settle, permitted].entries()) {
        const order = { ...sell, salt: ethers.id(`order ${index}`) };
        expect(await during(call, token, order)).to.deep.equal([false, guard()]);
      }
      expect(await exchange.filledShares(s.hash(sell))).to.equal(0n);
    });

    it("settles nothing by many matches either: each is skipped", async () => {
      const { exchange } = s;
      const { token, sell, buy } = await inToken("MockCoin", [6]);
      const [sellSignature, buySignature] = [await s.sign(sell), await s.sign(buy)];
      const match = { sell, sellSignature, buy, buySignature, fillShares: 1n };
      const call = exchange.interface.encodeFunctionData("settleMany", [[match], 9n]);
      const order = { ...sell, salt: ethers.id("other") };
      expect(await during(call, token, order)).to.deep.equal([true, ethers.toBeHex(0, 32)]);
      expect(await exchange.filledShares(s.hash(buy))).to.equal(0n);
    });

    it("M30: sees what is being filled as filled", async () => {
      const { exchange } = s;
      const { token, sell } = await inToken("MockCoin", [6]);
      const call = exchange.interface.encodeFunctionData("filledShares", [s.hash(sell)]);
      expect(await during(call, token, sell)).to.deep.equal([true, ethers.toBeHex(SHARES / 2n, 32)]);
      const status = exchange.interface.encodeFunctionData("statusOf", [sell, await s.sign(sell), ethers.ZeroAddress]);
      await token.setHook(exchange, status);
      await s.fill(sell, { shares: SHARES / 2n });
      expect(exchange.interface.decodeFunctionResult("statusOf", await token.hookResult())[0]).to.equal(STATUS.Filled);
    });

    it("cancels nobody's order but its own", async () => {
      const { exchange } = s;
      const { token, sell } = await inToken("MockCoin", [6]);
      const call = exchange.interface.encodeFunctionData("cancel", [sell]);
      const reason = exchange.interface.encodeErrorResult("ShareExchange_NotMaker", [token.target, s.alice.address]);
      expect(await during(call, token, sell)).to.deep.equal([false, reason]);
    });
  });

  describe("accrued interest that is a lie", () => {
    it("costs a buyer no more than it signed, and a taker no more than its limit", async () => {
      const { exchange, valuation, senior, selling, buying } = s;
      await valuation.setAccrued(senior, ethers.MaxUint256 / SHARES);
      const capped = { ...buying, maxAccruedAssets: 3n * USD };
      await expect(s.fill(capped)).to.changeTokenBalance(ethers, s.asset, s.carol, -PRICE - 3n * USD);
      await expect(s.fill(selling, { limit: PRICE + 3n * USD })).to.be.revertedWithCustomError(
        exchange,
        "ShareExchange_OverLimit",
      );
      const other = { ...capped, salt: ethers.id("other") };
      await expect(s.settle(selling, other)).to.be.revertedWithCustomError(exchange, "ShareExchange_NotCrossing");
    });

    it("or a valuation that refuses: flat orders are filled, others are not", async () => {
      const { exchange, selling } = s;
      const deaf = await ethers.deployContract("ShareExchange", [s.manager, await s.senior.getAddress(), s.treasury]);
      await s.senior.connect(s.alice).approve(deaf, ethers.MaxUint256);
      await s.asset.connect(s.carol).approve(deaf, ethers.MaxUint256);
      const domain = { ...s.domain, verifyingContract: await deaf.getAddress() };
      const call = async (order: Order) =>
        deaf.connect(s.carol).fill(order, await signOrder(s.alice, domain, order), SHARES, ethers.MaxUint256, s.carol);
      await expect(call(selling)).to.be.revert(ethers);
      const refused = await deaf.statusOf(selling, await signOrder(s.alice, domain, selling), s.carol);
      expect(refused).to.deep.equal([STATUS.NoClass, 0n]);
      await call({ ...selling, maxAccruedAssets: 0n });
      expect(await exchange.filledShares(s.hash(selling))).to.equal(0n);
    });
  });
});
