import { expect } from "chai";
import type { BaseContract } from "ethers";
import fc from "fast-check";
import { ethers, networkHelpers, STATUS } from "./exchange-world.ts";
import { DAY, USD } from "./facility-world.ts";
import { OWN, stage, STEPS, STEPS_BACK, type Stage } from "./leverage-world.ts";

const NOTHING = [0n, 0n, 0n, 0n, 0n, 0n];

describe("Leverage among the hostile", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  /** The call reverts with another contract's error, and neither money nor position of the account has changed. */
  async function refused(call: () => Promise<unknown>, by: BaseContract, error: string, ...args: unknown[]) {
    const state = async () => [await s.asset.balanceOf(s.carol), await s.senior.balanceOf(s.carol), await s.held()];
    const position = async () => {
      const { postedShares, borrowShares } = await s.positionOf();
      return [postedShares, borrowShares];
    };
    const before = [await state(), await position()];
    const assertion = expect(call()).to.be.revertedWithCustomError(by, error);
    await (args.length === 0 ? assertion : assertion.withArgs(...args));
    expect([await state(), await position()]).to.deep.equal(before);
  }

  describe("who may hold", () => {
    it("M07: an account that may not hold the class has none posted for it", async () => {
      const { markets, mallory } = s;
      await refused(() => s.up({ by: mallory }), markets, "Market_MayNotHold", s.id, mallory.address);
    });

    it("M07: the helper itself has to be a listed holder", async () => {
      await s.gate.listHolder(s.leverage, false);
      await refused(() => s.up(), s.senior, "ERC7943CannotReceive", await s.leverage.getAddress());
    });

    it("M06: a frozen account builds nothing up, and takes nothing out by way of the helper", async () => {
      await s.up();
      await s.gate.freeze(s.carol, true);
      await refused(() => s.up(), s.markets, "Market_MayNotHold", s.id, s.carol.address);
      await refused(() => s.down(), s.markets, "Market_MayNotSend", s.id, s.carol.address);
    });

    it("M08: with an expired credential the account can take its position down, and not add to it", async () => {
      await s.up();
      await s.gate.connect(s.provider).revoke(s.carol);
      await refused(() => s.up(), s.markets, "Market_MayNotHold", s.id, s.carol.address);
      await s.down();
    });
  });

  describe("refused in the middle: nothing has happened", () => {
    it("M18: without a price no loan is taken; a purchase by own money alone goes on", async () => {
      await s.oracle.setStale(true);
      await refused(() => s.up(), s.oracle, "MockSeams_Stale");
      await s.up({ steps: STEPS.slice(0, 1) });
    });

    it("M18: without a price nothing is taken out of an indebted position", async () => {
      await s.up();
      await s.oracle.setStale(true);
      await refused(() => s.down(), s.oracle, "MockSeams_Stale");
    });

    it("M25: while borrowing is paused nothing is built up on credit, and the way back is open", async () => {
      await s.up();
      await s.markets.pauseBorrowing(s.params);
      await refused(() => s.up(), s.markets, "Market_BorrowingPaused", s.id);
      await s.down();
    });

    it("M21: an order that another filled in part, all, or that was cancelled meanwhile", async () => {
      const { exchange, selling, dave, alice } = s;
      const hash = s.hash(selling);
      const taken = async (shares: bigint) => {
        await s.asset.mint(dave, shares);
        await s.asset.connect(dave).approve(exchange, shares);
        await s.fill(selling, { by: dave, shares });
      };
      await taken(7001n * USD);
      await refused(() => s.up(), exchange, "ShareExchange_WrongShares", hash, 80n * USD, 79n * USD);
      await taken(2999n * USD);
      await refused(() => s.up(), exchange, "ShareExchange_NotFillable", hash, STATUS.Filled);
      const other = { ...selling, salt: ethers.id("other") };
      await exchange.connect(alice).cancel(other);
      await refused(
        () => s.up({ order: other }),
        exchange,
        "ShareExchange_NotFillable",
        s.hash(other),
        STATUS.Cancelled,
      );
    });

    it("M21: an order for somebody else, expired, or that its maker did not sign", async () => {
      const { exchange, selling, dave } = s;
      for (const [change, status] of [
        [{ taker: dave.address }, STATUS.OtherTaker],
        [{ expiresAt: 1n }, STATUS.Expired],
      ] as const) {
        const order = { ...selling, ...change };
        await refused(() => s.up({ order }), exchange, "ShareExchange_NotFillable", s.hash(order), status);
      }
      const order = { ...selling, maker: s.bob.address };
      const fills = [{ order, signature: await s.sign(selling), fillShares: OWN }];
      const call = () => s.leverage.connect(s.carol).leverage(s.build, fills, [], []);
      await refused(call, exchange, "ShareExchange_NotFillable", s.hash(order), STATUS.BadSignature);
    });

    it("an order of the other side, for other shares or other money", async () => {
      const { leverage, selling, buying } = s;
      const { asset, shareToken } = selling;
      for (const [order, isUp] of [
        [buying, true],
        [{ ...selling, shareToken: asset }, true],
        [{ ...selling, asset: shareToken }, true],
        [selling, false],
        [{ ...buying, shareToken: asset }, false],
        [{ ...buying, asset: shareToken }, false],
      ] as const) {
        const call = () => (isUp ? s.up({ order }) : s.down({ order }));
        const given = [order.shareToken, order.asset, order.isSell];
        await refused(call, leverage, "Leverage_WrongOrder", 0n, ...given);
      }
    });

    it("M20: a market without the money to lend", async () => {
      await s.markets.connect(s.bob).withdraw(s.params, 98_001n * USD, 0, s.bob, s.bob);
      await refused(() => s.up(), s.markets, "Market_NotEnoughLiquidity");
    });
  });

  describe("money that is not the caller's", () => {
    it("M02: what somebody sent to the helper stays there, up and down, and pays for nobody", async () => {
      const { alice, asset, senior, leverage } = s;
      await asset.connect(alice).transfer(leverage, 5000n * USD);
      await senior.connect(alice).transfer(leverage, 5000n * USD);
      const donated = [5000n * USD, 5000n * USD, 0n, 0n, 0n, 0n];
      await s.up();
      expect(await s.held()).to.deep.equal(donated);
      await s.down();
      expect(await s.held()).to.deep.equal(donated);
      const bounds = { ownAssets: 0n };
      await refused(() => s.up({ own: bounds, steps: [OWN] }), s.markets, "Market_Unhealthy");
    });

    it("M28: of many round trips the account has no more than before, and the helper nothing", async () => {
      const wealth = async () => {
        const { postedShares, owedAssets } = await s.positionOf();
        return (await s.asset.balanceOf(s.carol)) + (await s.senior.balanceOf(s.carol)) + postedShares - owedAssets;
      };
      // Prices that divide badly; what is bought costs at least what it fetches.
      const selling = { ...s.selling, shares: 9_999_999_967n, assets: 9_999_999_967n };
      const buying = { ...selling, isSell: false };
      let doneCount = 0;
      const steps = fc.array(fc.bigInt(1n, 400n * USD + 7n), { minLength: 1, maxLength: 3 });
      const trips = fc.sample(fc.tuple(steps, steps, fc.bigInt(0n, OWN)), { numRuns: 12, seed: 5 });
      for (const [up, down, ownAssets] of trips) {
        const before = await wealth();
        for (const go of [
          () => s.up({ order: selling, steps: up, own: { ownAssets } }),
          () => s.down({ order: buying, steps: down }),
        ]) {
          try {
            await go();
            doneCount += 1;
          } catch (error) {
            expect(String(error)).to.match(/Market_(Unhealthy|NotEnoughShares)/);
          }
        }
        expect((await wealth()) <= before).to.equal(true);
        expect(await s.held()).to.deep.equal(NOTHING);
      }
      expect(doneCount).to.be.above(12);
    });
  });

  describe("tokens and wallets", () => {
    it("M04: a token that calls back in the middle cannot enter", async () => {
      const { leverage, asset, carol } = s;
      const none = { ...s.build, ownAssets: 0n };
      for (const data of [
        leverage.interface.encodeFunctionData("leverage", [none, [], [], []]),
        leverage.interface.encodeFunctionData("deleverage", [s.unwind, [], []]),
      ]) {
        await asset.setHook(leverage, data);
        await s.up({ steps: STEPS.slice(0, 2) });
        expect(await asset.hookSucceeded()).to.equal(false);
        expect(await asset.hookResult()).to.equal(ethers.id("ReentrancyGuardReentrantCall()").slice(0, 10));
        await asset.connect(carol).transfer(carol, 1n); // outside of a call the same call goes through
        expect(await asset.hookSucceeded()).to.equal(true);
      }
    });

    it("M21: a maker that is a contract: taken while it stands by its order, refused once it does not", async () => {
      const { senior, alice, exchange } = s;
      const wallet = await ethers.deployContract("MockWallet");
      await s.gate.listHolder(wallet, true);
      await senior.connect(alice).transfer(wallet, 3000n * USD);
      await networkHelpers.impersonateAccount(await wallet.getAddress());
      await networkHelpers.setBalance(await wallet.getAddress(), 10n ** 18n);
      await senior.connect(await ethers.getSigner(await wallet.getAddress())).approve(exchange, 3000n * USD);
      const order = { ...s.selling, maker: await wallet.getAddress() };
      await wallet.accept(s.hash(order));
      await s.up({ order });
      await wallet.accept(ethers.ZeroHash);
      await refused(() => s.up({ order }), exchange, "ShareExchange_NotFillable", s.hash(order), STATUS.BadSignature);
    });

    it("M05: a token that takes a fee is refused at each place where it comes in", async () => {
      const { asset, senior, alice, carol } = s;
      await senior.connect(alice).transfer(carol.address, OWN);
      await asset.setFee(100);
      const token = await asset.getAddress();
      const error = "Settlement_WrongAmount";
      await refused(() => s.up(), s.leverage, error, token, OWN, (OWN * 99n) / 100n);
      const own = { ownAssets: 0n, ownShares: OWN };
      const steps = [100n * USD];
      await refused(() => s.up({ own, steps }), s.leverage, error, token, 100n * USD, 99n * USD);
      await asset.setFee(0);
      await s.up({ own, steps });
      await asset.setFee(100);
      await refused(() => s.down({ steps }), s.leverage, error, token, 100n * USD, 99n * USD);
    });

    it("M05: a token without return values works; one that is paused or returns false changes nothing", async () => {
      const { asset } = s;
      await asset.setReturns(true, false);
      await s.up();
      await s.down({ steps: STEPS_BACK.slice(0, 1) });
      await asset.setReturns(false, true);
      await refused(() => s.up(), s.leverage, "SafeERC20FailedOperation", await asset.getAddress());
      await asset.setReturns(false, false);
      await asset.setPaused(true);
      await refused(() => s.up(), asset, "Coin_Paused");
    });

    it("M06: an account that the stablecoin blocks takes its debt down all the same", async () => {
      await s.up();
      await s.asset.setBlacklisted(s.carol, true);
      await s.down({ steps: STEPS_BACK.slice(0, 2) });
      await refused(() => s.down({ steps: [700n * USD, 700n * USD] }), s.asset, "Coin_Blacklisted", s.carol.address);
    });
  });

  it("M26, M24: there is nothing to own, set or initialise; only two verbs change anything", async () => {
    const verbs = s.leverage.interface.fragments.filter(
      (fragment) => ethers.FunctionFragment.isFragment(fragment) && !fragment.constant,
    );
    expect(verbs.map((fragment) => (fragment as { name?: string }).name)).to.deep.equal(["deleverage", "leverage"]);
    await networkHelpers.time.increase(DAY);
    await s.up();
    await s.down();
  });
});
