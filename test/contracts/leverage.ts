import { expect } from "chai";
import { Signature } from "ethers";
import { ethers, networkHelpers } from "./exchange-world.ts";
import { USD } from "./facility-world.ts";
import { OWN, stage, STEPS, STEPS_BACK, type Stage } from "./leverage-world.ts";

const NOTHING = [0n, 0n, 0n, 0n, 0n, 0n];
const TRIPLE = 3n * OWN;
const DEBT = 2n * OWN;

describe("Leverage", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  const refused = (call: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(s.leverage, error)
      .withArgs(...args);

  describe("up", () => {
    it("own money buys three times its shares in rounds; the helper holds nothing afterwards", async () => {
      const { leverage, alice, carol, senior, asset, markets } = s;
      const call = await s.up();
      await expect(call).to.emit(leverage, "Leveraged").withArgs(s.id, carol.address, TRIPLE, DEBT, 0n);
      await expect(call).to.changeTokenBalances(ethers, asset, [carol, alice, leverage], [-OWN, TRIPLE, 0n]);
      await expect(call).to.changeTokenBalances(ethers, senior, [alice, markets, leverage], [-TRIPLE, TRIPLE, 0n]);
      const { postedShares, owedAssets } = await s.positionOf();
      expect([postedShares, owedAssets]).to.deep.equal([TRIPLE, DEBT]);
      expect(await s.held()).to.deep.equal(NOTHING);
    });

    it("returns what was posted and borrowed", async () => {
      const fills = await s.fillsOf(s.selling, STEPS);
      const returned = await s.leverage.connect(s.carol).leverage.staticCall(s.build, fills, [], []);
      expect(returned).to.deep.equal([TRIPLE, DEBT]);
    });

    it("own shares are posted first, and carry the first loan", async () => {
      const { carol, alice, senior } = s;
      await senior.connect(alice).transfer(carol.address, OWN);
      await s.up({ own: { ownAssets: 0n, ownShares: OWN }, steps: [790n * USD, 600n * USD] });
      expect(await s.positionOf()).to.deep.include({ postedShares: 2390n * USD, owedAssets: 1390n * USD });
      expect(await senior.balanceOf(carol)).to.equal(0n);
    });

    it("what is left over goes back to the account, to the unit", async () => {
      const { carol, asset } = s;
      const call = await s.up({ own: { ownAssets: OWN + 1n }, steps: [OWN] });
      await expect(call).to.emit(s.leverage, "Leveraged").withArgs(s.id, carol.address, OWN, 0n, 1n);
      await expect(call).to.changeTokenBalances(ethers, asset, [carol, s.leverage], [-OWN, 0n]);
    });

    it("accrued interest is paid beside the price, out of the loan", async () => {
      await s.accrue(10n * USD); // a hundredth
      await s.up({ steps: [500n * USD, 500n * USD] });
      expect(await s.positionOf()).to.deep.include({ postedShares: OWN, owedAssets: 10n * USD });
      expect(await s.held()).to.deep.equal(NOTHING);
    });

    it("adds to a position that is there", async () => {
      await s.up();
      await s.up({ steps: STEPS });
      const { postedShares } = await s.positionOf();
      expect(postedShares).to.equal(2n * TRIPLE);
    });

    it("the bounds hold exactly, and refuse one unit beyond", async () => {
      const bounds = (minPostedShares: bigint, maxBorrowedAssets: bigint) =>
        s.up({ own: { minPostedShares, maxBorrowedAssets } });
      await refused(bounds(TRIPLE + 1n, DEBT), "Leverage_PostedTooFew", TRIPLE, TRIPLE + 1n);
      await refused(bounds(TRIPLE, DEBT - 1n), "Leverage_BorrowedTooMuch", DEBT, DEBT - 1n);
      await bounds(TRIPLE, DEBT);
    });

    it("accrued interest that rose in between meets the bound on what is borrowed", async () => {
      const steps = [800n * USD, 500n * USD];
      const asked = { steps, own: { maxBorrowedAssets: 300n * USD } };
      await s.up(asked);
      await s.accrue(10n * USD);
      await refused(s.up(asked), "Leverage_BorrowedTooMuch", 313n * USD, 300n * USD);
    });

    it("each loan must be within the LLTV on what is posted by then", async () => {
      const { markets } = s;
      await expect(s.up({ steps: [1000n * USD, 801n * USD] })).to.be.revertedWithCustomError(
        markets,
        "Market_Unhealthy",
      );
      await expect(s.up({ steps: [1001n * USD] })).to.be.revertedWithCustomError(markets, "Market_Unhealthy");
    });
  });

  describe("down", () => {
    beforeEach(() => s.up());

    it("to no debt at all, interest included; what is left goes to the account", async () => {
      const { carol, alice, markets, senior, asset, leverage } = s;
      await networkHelpers.time.increase(30 * 86_400);
      const soldShares = STEPS_BACK.reduce((sum, shares) => sum + shares, 30n * USD);
      const fills = [...(await s.fillsOf(s.buying, STEPS_BACK)), ...(await s.fillsOf(s.buying, [30n * USD]))];
      const [sold, repaid, left] = await leverage.connect(carol).deleverage.staticCall(s.unwind, fills, []);
      expect([sold, repaid + left]).to.deep.equal([soldShares, soldShares]);
      expect(repaid).to.be.above(DEBT);

      const before = await asset.balanceOf(carol);
      const call = await leverage.connect(carol).deleverage(s.unwind, fills, []);
      await expect(call).to.emit(leverage, "Deleveraged");
      await expect(call).to.changeTokenBalances(ethers, senior, [alice, leverage], [soldShares, 0n]);
      const { borrowShares, postedShares } = await s.positionOf();
      expect([borrowShares, postedShares]).to.deep.equal([0n, TRIPLE - soldShares]);
      const leftAssets = (await asset.balanceOf(carol)) - before;
      expect(Number(leftAssets)).to.be.closeTo(Number(left), 10); // a second's interest
      expect(await s.held()).to.deep.equal(NOTHING);
      await markets.connect(carol).withdrawCollateral(s.params, postedShares, carol, carol);
    });

    it("and in part: the rest stays owed and posted", async () => {
      const call = await s.down({ steps: [490n * USD] });
      await expect(call)
        .to.emit(s.leverage, "Deleveraged")
        .withArgs(s.id, s.carol.address, 490n * USD, 490n * USD, 0n);
      const { postedShares, owedAssets } = await s.positionOf();
      expect(postedShares).to.equal(2510n * USD);
      expect(Number(owedAssets)).to.be.closeTo(1_510_000_000, 1000);
    });

    it("the exchange's fee comes off what the sale brings", async () => {
      await s.exchange.setFee(100);
      const call = await s.down({ steps: [400n * USD] });
      await expect(call)
        .to.emit(s.leverage, "Deleveraged")
        .withArgs(s.id, s.carol.address, 400n * USD, 396n * USD, 0n);
    });

    it("the bounds hold exactly, and refuse one unit beyond", async () => {
      await s.exchange.setFee(100);
      const [soldShares, proceeds] = [400n * USD, 396n * USD];
      const bounds = (maxSoldShares: bigint, minProceedsAssets: bigint) =>
        s.down({ steps: [soldShares], bounds: { maxSoldShares, minProceedsAssets } });
      await refused(bounds(soldShares - 1n, proceeds), "Leverage_SoldTooMany", soldShares, soldShares - 1n);
      await refused(bounds(soldShares, proceeds + 1n), "Leverage_ProceedsTooSmall", proceeds, proceeds + 1n);
      await bounds(soldShares, proceeds);
    });

    it("nothing is taken out beyond the LLTV", async () => {
      await expect(s.down({ steps: [501n * USD] })).to.be.revertedWithCustomError(s.markets, "Market_Unhealthy");
    });

    it("the account with no debt sells for money", async () => {
      const { carol, markets, asset } = s;
      await asset.connect(carol).approve(markets, ethers.MaxUint256);
      const { borrowShares } = await s.positionOf();
      await markets.connect(carol).repay(s.params, 0, borrowShares, carol, "0x");
      const call = await s.down({ steps: [TRIPLE] });
      await expect(call).to.changeTokenBalances(ethers, asset, [carol, s.leverage], [TRIPLE, 0n]);
      expect((await s.positionOf()).postedShares).to.equal(0n);
    });

    it("M19: a stranger that repays some of the debt first leaves more over, and stops nothing", async () => {
      const { markets, bob, carol } = s;
      await markets.connect(bob).repay(s.params, 1900n * USD, 0, carol, "0x");
      await s.down({ steps: [490n * USD] });
      const { borrowShares } = await s.positionOf();
      expect(borrowShares).to.equal(0n);
    });
  });

  describe("by signature", () => {
    const withConsents = async (consents: Awaited<ReturnType<Stage["consent"]>>[]) =>
      s.leverage.connect(s.carol).leverage(s.build, await s.fillsOf(s.selling, STEPS), consents, []);
    const stands = () => s.markets.isAuthorized(s.carol, s.leverage);
    beforeEach(() => s.markets.connect(s.carol).setAuthorization(s.leverage, false));

    it("without the account's authorization nothing is borrowed or taken out", async () => {
      const error = [s.markets, "Market_NotAuthorized"] as const;
      await expect(s.up()).to.be.revertedWithCustomError(...error);
      await expect(s.down()).to.be.revertedWithCustomError(...error);
    });

    it("the authorization comes with the call, and is taken back after it if that is signed too", async () => {
      await withConsents([await s.consent()]);
      expect(await stands()).to.equal(true);
      const back = await s.consent({ nonce: 1n, isAuthorized: false });
      await s.markets.setAuthorizationWithSig(back.authorization, back.signature);
      expect(await stands()).to.equal(false);
      const again = await s.consent({ nonce: 2n });
      await s.leverage.connect(s.carol).deleverage(s.unwind, await s.fillsOf(s.buying, STEPS_BACK), [again]);
    });

    it("M22: an authorization that somebody brought first stands, and the call completes", async () => {
      const consent = await s.consent();
      await s.markets.connect(s.mallory).setAuthorizationWithSig(consent.authorization, consent.signature);
      await withConsents([consent]);
    });

    it("one that is wrong, expired or for somebody else is passed over: what stands decides", async () => {
      const { markets, dave } = s;
      for (const consent of [
        await s.consent({ nonce: 7n }),
        await s.consent({ deadline: 1n }),
        { ...(await s.consent()), signature: (await s.consent({ deadline: 9n ** 12n })).signature },
      ])
        await expect(withConsents([consent])).to.be.revertedWithCustomError(markets, "Market_NotAuthorized");
      // Another's authorization moves only the caller's own position.
      const fills = await s.fillsOf(s.selling, STEPS);
      await s.leverage.connect(dave).leverage({ ...s.build, ownAssets: 0n }, [], [await s.consent()], []);
      expect(await stands()).to.equal(true);
      await s.leverage.connect(dave).leverage(s.build, fills, [], []);
      expect(await s.positionOf()).to.deep.equal({ postedShares: 0n, borrowShares: 0n, owedAssets: 0n });
    });

    it("M22: own shares by a permit in the call; one that somebody brought first changes nothing", async () => {
      const { carol, alice, senior, leverage, markets } = s;
      await markets.connect(carol).setAuthorization(leverage, true);
      await senior.connect(alice).transfer(carol.address, OWN);
      await senior.connect(carol).approve(leverage, 0);
      const post = async (isFirst: boolean) => {
        const { name, version, chainId, verifyingContract } = await senior.eip712Domain();
        const uint = (field: string) => ({ name: field, type: "uint256" });
        const account = (field: string) => ({ name: field, type: "address" });
        const Permit = [account("owner"), account("spender"), uint("value"), uint("nonce"), uint("deadline")];
        const spender = await leverage.getAddress();
        const message = { owner: carol.address, spender, value: OWN / 2n, nonce: await senior.nonces(carol) };
        const deadline = 10n ** 12n;
        const domain = { name, version, chainId, verifyingContract };
        const {
          v,
          r,
          s: sigS,
          yParityAndS,
        } = Signature.from(await carol.signTypedData(domain, { Permit }, { ...message, deadline }));
        if (isFirst) await senior.connect(s.mallory).permit(carol, spender, OWN / 2n, deadline, v, r, sigS);
        const permit = { token: senior, valueUnits: OWN / 2n, deadline, r, vs: yParityAndS };
        const build = { ...s.build, ownAssets: 0n, ownShares: OWN / 2n };
        await leverage.connect(carol).leverage(build, [], [], [permit]);
      };
      await post(false);
      await post(true);
      expect((await s.positionOf()).postedShares).to.equal(OWN);
    });
  });
});
