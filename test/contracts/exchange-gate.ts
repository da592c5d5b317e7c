import { expect } from "chai";
import { DAY, US, USD } from "./facility-world.ts";
import { ethers, networkHelpers, PRICE, SHARES, stage, STATUS, type Stage } from "./exchange-world.ts";

describe("ShareExchange: who may hold and send", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  const barred = async (call: Promise<unknown>, error: string, account: string) =>
    expect(call).to.be.revertedWithCustomError(s.senior, error).withArgs(account);
  const status = async (order: Stage["selling"], taker: string) =>
    s.exchange.statusOf(order, await s.sign(order), taker);

  describe("M07: shares go to nobody whom the gate does not let receive", () => {
    it("as taker, as receiver of another's fill, as maker, by a match", async () => {
      const { selling, buying, mallory, carol } = s;
      const bid = { ...buying, maker: mallory.address };
      const cannot = "ERC7943CannotReceive";
      await barred(s.fill(selling, { by: mallory }), cannot, mallory.address);
      await barred(s.fill(selling, { by: carol, to: mallory.address }), cannot, mallory.address);
      await barred(s.fill(bid), cannot, mallory.address);
      await barred(s.settle(selling, bid), cannot, mallory.address);
      expect(await s.asset.balanceOf(s.alice)).to.be.lessThan(1_000_000_000n * USD);
      expect(await status(selling, mallory.address)).to.deep.equal([STATUS.MayNotTransfer, 0n]);
      expect(await status(bid, s.alice.address)).to.deep.equal([STATUS.MayNotTransfer, 0n]);
      // Who has no credential pays for one who has.
      await s.fill(selling, { by: mallory, to: carol.address });
    });

    it("nor to the exchange, to nobody or by way of it", async () => {
      const { exchange, selling, buying } = s;
      for (const order of [selling, buying]) {
        for (const to of [ethers.ZeroAddress, await exchange.getAddress()]) {
          await expect(s.fill(order, { to }))
            .to.be.revertedWithCustomError(exchange, "ShareExchange_BadReceiver")
            .withArgs(to);
        }
      }
    });

    it("nor above the limit of holders", async () => {
      const rules = { homeCountry: US, homeLockUpSec: 0, abroadLockUpSec: 0, freeCategory: 0 };
      await s.gate.ruleClass(s.senior, { ...rules, maxHolderCount: await s.senior.holderCount() });
      await expect(s.fill(s.selling))
        .to.be.revertedWithCustomError(s.senior, "ClassToken_TooManyHolders")
        .withArgs(s.carol.address, 2);
      expect(await status(s.selling, s.carol.address)).to.deep.equal([STATUS.MayNotTransfer, 0n]);
    });

    it("nor from one who is locked up, whatever it signed", async () => {
      const rules = { homeCountry: US, homeLockUpSec: 400 * DAY, abroadLockUpSec: 0, freeCategory: 0 };
      await s.gate.ruleClass(s.senior, { ...rules, maxHolderCount: 0 });
      const unlockAt = await s.senior.unlockAt(s.alice);
      for (const call of [() => s.fill(s.selling), () => s.fill(s.buying), () => s.settle(s.selling, s.buying)]) {
        await expect(call())
          .to.be.revertedWithCustomError(s.senior, "ClassToken_LockedUp")
          .withArgs(s.alice.address, unlockAt);
      }
      await networkHelpers.time.increaseTo(unlockAt);
      await s.fill(s.selling);
    });
  });

  describe("M06: an account that is frozen", () => {
    it("neither sells nor buys; others' orders go on; its own is good again after", async () => {
      const { gate, selling, alice, bob, mallory, carol } = s;
      await gate.freeze(alice.address, true);
      await barred(s.fill(selling), "ERC7943CannotSend", alice.address);
      expect(await status(selling, carol.address)).to.deep.equal([STATUS.MayNotTransfer, 0n]);
      const other = { ...selling, maker: mallory.address };
      await s.fill(other, { shares: USD });
      await gate.freeze(bob.address, true);
      await barred(s.fill(other, { shares: 1n, to: bob.address }), "ERC7943CannotReceive", bob.address);
      await gate.freeze(alice.address, false);
      await s.fill(selling);
    });

    it("in a batch is skipped; the rest are settled", async () => {
      const { exchange, gate, selling, buying, alice, mallory, carol } = s;
      await gate.freeze(alice.address, true);
      const matches = await Promise.all(
        [selling, { ...selling, maker: mallory.address }].map(async (sell, index) => {
          const buy = { ...buying, salt: ethers.toBeHex(index, 32) };
          const [sellSignature, buySignature] = [await s.sign(sell), await s.sign(buy)];
          return { sell, sellSignature, buy, buySignature, fillShares: SHARES };
        }),
      );
      const call = await exchange.settleMany(matches, 1);
      await expect(call).to.changeTokenBalances(ethers, s.senior, [alice, mallory, carol], [0n, -SHARES, SHARES]);
      const reason = s.senior.interface.encodeErrorResult("ERC7943CannotSend", [alice.address]);
      await expect(call)
        .to.emit(exchange, "MatchSkipped")
        .withArgs(0n, s.hash(selling), s.hash(matches[0]!.buy), reason);
    });

    it("with part of its shares frozen sells the rest", async () => {
      const { senior, selling, alice } = s;
      await senior.setFrozenTokens(alice, (await senior.balanceOf(alice)) - SHARES / 2n);
      await expect(s.fill(selling)).to.be.revertedWithCustomError(senior, "ERC7943InsufficientUnfrozenBalance");
      await s.fill(selling, { shares: SHARES / 2n });
    });
  });

  describe("M08: an account whose credential expired", () => {
    it("sells, by its order or to another's, and buys no more", async () => {
      const { selling, buying, alice, carol, mallory } = s; // Mallory's was revoked while it had shares
      const exit = { ...selling, maker: mallory.address };
      await s.fill(exit, { shares: SHARES / 2n });
      await s.fill(buying, { by: mallory, shares: SHARES / 2n });
      expect(await s.senior.balanceOf(mallory)).to.equal(0n);
      const expiresAt = (await networkHelpers.time.latest()) + DAY;
      await s.admit(carol.address, expiresAt);
      await networkHelpers.time.increaseTo(expiresAt);
      await barred(s.fill(selling), "ERC7943CannotReceive", carol.address);
      await barred(s.fill(buying, { shares: 1n }), "ERC7943CannotReceive", carol.address);
      await s.fill({ ...selling, maker: carol.address }, { by: alice, shares: SHARES / 2n });
    });
  });

  describe("M25: the gate and the facility as they may", () => {
    it("no fee, no recipient and no role stops a fill that its maker allows, nor any cancellation", async () => {
      const { exchange, selling, alice, mallory, manager } = s;
      const stranger = exchange.connect(mallory);
      for (const call of [() => stranger.setFee(1), () => stranger.setFeeRecipient(mallory)]) {
        await expect(call())
          .to.be.revertedWithCustomError(exchange, "AccessManagedUnauthorized")
          .withArgs(mallory.address);
      }
      await expect(exchange.setFee(101))
        .to.be.revertedWithCustomError(exchange, "ShareExchange_FeeTooHigh")
        .withArgs(101, 100);
      for (const account of [ethers.ZeroAddress, await exchange.getAddress()]) {
        await expect(exchange.setFeeRecipient(account)).to.be.revertedWithCustomError(
          exchange,
          "ShareExchange_BadReceiver",
        );
      }
      await expect(exchange.setFee(100)).to.emit(exchange, "FeeSet").withArgs(100);
      await expect(exchange.setFeeRecipient(alice)).to.emit(exchange, "FeeRecipientSet").withArgs(alice.address);
      await s.fill(selling, { shares: USD });
      // The whole authority closes the exchange's restricted functions: the rest goes on.
      await (
        manager.connect(s.admin) as unknown as { setTargetClosed(target: object, isClosed: boolean): Promise<unknown> }
      ).setTargetClosed(exchange, true);
      await expect(exchange.setFee(1)).to.be.revertedWithCustomError(exchange, "AccessManagedUnauthorized");
      await s.fill(selling, { shares: USD });
      await exchange.connect(alice).cancel(selling);
      await exchange.connect(alice).cancelBelow(1);
    });

    it("the recipient of fees buys and sells like others, the fee stays with it", async () => {
      const { exchange, selling, carol } = s;
      await exchange.setFee(100);
      await exchange.setFeeRecipient(carol);
      await expect(s.fill(selling)).to.changeTokenBalances(
        ethers,
        s.asset,
        [s.alice, carol],
        [PRICE - PRICE / 100n, -PRICE + PRICE / 100n],
      );
      await expect(s.fill({ ...selling, maker: carol.address }, { by: s.alice })).to.changeTokenBalance(
        ethers,
        s.asset,
        carol,
        PRICE,
      );
    });
  });

  describe("statusOf", () => {
    it("says how many shares can be filled: open, had, approved, paid for", async () => {
      const { exchange, asset, senior, selling, buying, alice, carol } = s;
      const { Open, MakerShort, OtherTaker } = STATUS;
      const nobody = ethers.ZeroAddress;
      await s.fill(selling, { shares: USD });
      expect(await status(selling, nobody)).to.deep.equal([Open, SHARES - USD]);
      await senior.connect(alice).approve(exchange, 5n);
      expect(await status(selling, carol.address)).to.deep.equal([Open, 5n]);
      await senior.connect(alice).approve(exchange, 0n);
      expect(await status(selling, carol.address)).to.deep.equal([MakerShort, 0n]);
      await senior.connect(alice).approve(exchange, ethers.MaxUint256);

      expect(await status(buying, alice.address)).to.deep.equal([Open, SHARES]);
      await s.accrue(10n * USD); // 1,000 in all: one for each share
      for (const [allowance, shares] of [
        [1000n * USD, SHARES],
        [1000n * USD - 1n, SHARES - 1n],
        [7n, 7n],
      ] as const) {
        await asset.connect(carol).approve(exchange, allowance);
        expect(await status(buying, alice.address)).to.deep.equal([Open, shares]);
      }
      await asset.connect(carol).approve(exchange, 0n);
      expect(await status(buying, alice.address)).to.deep.equal([MakerShort, 0n]);
      const { mallory } = s; // who has SHARES, and approved more
      const rest = { ...selling, maker: mallory.address, shares: 3n * SHARES };
      expect(await status(rest, carol.address)).to.deep.equal([Open, SHARES]);
      const held = { ...selling, taker: carol.address };
      expect(await status(held, nobody)).to.deep.equal([Open, SHARES]);
      expect(await status(held, s.bob.address)).to.deep.equal([OtherTaker, 0n]);
    });
  });
});
