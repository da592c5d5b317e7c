import { expect } from "chai";
import { createToken, US, USD } from "./facility-world.ts";

// A market in between: Alice, who borrows on shares of a real class; Bob, who lends; Carol, who liquidates.

const WAD = 10n ** 18n;
const LLTV = (WAD * 8n) / 10n;
const PAR = 10n ** 36n;
const DAY = 86_400;

async function createMarket() {
  const w = await createToken();
  const { ethers, alice, bob, carol, asset, gate, token, issuer } = w;
  const markets = await ethers.deployContract("Markets", [await w.manager.getAddress()]);
  const irm = await ethers.deployContract("KinkedRate", [0n, 10n ** 16n, 10n ** 17n, 9n * 10n ** 17n]);
  const oracle = await ethers.deployContract("MockSeams", [asset]);
  await oracle.setPrice(PAR);
  await markets.enableIrm(irm);
  await markets.enableLltv(LLTV);
  await gate.listHolder(markets, true);
  const params = { loanToken: asset, collateralToken: token, oracle, irm, lltv: LLTV };
  await markets.createMarket(params);
  await issuer.mint(alice.address, 1000n * USD);
  for (const account of [alice, bob, carol, w.mallory]) {
    await asset.connect(account).approve(markets, ethers.MaxUint256);
    await token.connect(account).approve(markets, ethers.MaxUint256);
  }
  await markets.connect(bob).supply(params, 10_000n * USD, 0, bob, "0x");
  await markets.connect(alice).supplyCollateral(params, 1000n * USD, alice, "0x");
  await markets.connect(alice).borrow(params, 700n * USD, 0, alice, alice);
  const fall = () => oracle.setPrice((PAR * 8n) / 10n);
  const liquidate = () => markets.connect(carol).liquidate(params, alice, 100n * USD, 0, "0x");
  const [created] = await markets.queryFilter(markets.filters.CreateMarket());
  return { ...w, markets, params, id: created!.args.id, fall, liquidate };
}

describe("ClassToken: a market in between", () => {
  let w: Awaited<ReturnType<typeof createMarket>>;
  beforeEach(async () => {
    w = await createMarket();
  });

  it("M06: the borrower is frozen: it is liquidated, takes nothing out, and its income waits", async () => {
    const { markets, params, alice, gate, token } = w;
    await w.issuer.accrue(50n * USD, 0);
    await gate.freeze(alice.address, true);
    await w.fall();
    await w.liquidate();
    expect(await token.balanceOf(w.carol.address)).to.equal(100n * USD);
    await markets.connect(alice).repay(params, 600n * USD, 0, alice, "0x");
    await expect(markets.connect(alice).withdrawCollateral(params, 1, alice, alice))
      .to.be.revertedWithCustomError(token, "ERC7943CannotReceive")
      .withArgs(alice.address);
    await gate.freeze(alice.address, false);
    await markets.connect(alice).withdrawCollateral(params, 1, alice, alice);
    await markets.connect(alice).claimIncome(params, alice, alice);
  });

  it("M06: shares are frozen in the wallet: those that are posted are liquidated all the same", async () => {
    const { token, alice } = w;
    await token.setFrozenTokens(alice.address, w.ethers.MaxUint256);
    await w.fall();
    await w.liquidate();
    await expect(w.markets.connect(alice).supplyCollateral(w.params, 1, alice, "0x")).to.be.revertedWithCustomError(
      token,
      "ERC7943InsufficientUnfrozenBalance",
    );
  });

  it("M08: the borrower's credential expires: it repays, takes its income, leaves to a holder, is liquidated", async () => {
    const { markets, params, alice, token } = w;
    const expiresAt = (await w.networkHelpers.time.latest()) + DAY;
    await w.admit(alice.address, expiresAt);
    await w.networkHelpers.time.increaseTo(expiresAt);
    await w.issuer.accrue(50n * USD, 0);
    const own = markets.connect(alice);
    await own.repay(params, USD, 0, alice, "0x");
    await own.claimIncome(params, alice, alice);
    await expect(own.withdrawCollateral(params, 1, alice, alice))
      .to.be.revertedWithCustomError(token, "ERC7943CannotReceive")
      .withArgs(alice.address);
    await own.withdrawCollateral(params, 10n * USD, alice, w.bob);
    await w.fall();
    await w.liquidate();
  });

  it("M07: who may not hold takes no shares out, by a position of its own or by a liquidation", async () => {
    const { markets, params, alice, mallory, token } = w;
    await markets.connect(alice).repay(params, 500n * USD, 0, alice, "0x");
    await w.issuer.mint(alice.address, 10n * USD);
    await expect(markets.connect(alice).supplyCollateral(params, 10n * USD, mallory, "0x"))
      .to.be.revertedWithCustomError(markets, "Market_MayNotHold")
      .withArgs(w.id, mallory.address);
    await markets.connect(alice).supplyCollateral(params, 10n * USD, w.bob, "0x");
    await expect(markets.connect(alice).withdrawCollateral(params, 1, alice, mallory))
      .to.be.revertedWithCustomError(token, "ERC7943CannotReceive")
      .withArgs(mallory.address);
    await markets.connect(alice).borrow(params, 500n * USD, 0, alice, alice);
    await w.fall();
    await expect(markets.connect(mallory).liquidate(params, alice, 1, 0, "0x"))
      .to.be.revertedWithCustomError(token, "ERC7943CannotReceive")
      .withArgs(mallory.address);
    await w.liquidate();
  });

  it("M07: nobody comes above the limit of holders through a market, which counts as one", async () => {
    const { markets, params, alice, bob, carol, token } = w;
    const rules = { homeCountry: US, homeLockUpSec: 0, abroadLockUpSec: 0, freeCategory: 0 };
    expect(await token.holderCount()).to.equal(3); // Alice, Bob, the market
    await w.gate.ruleClass(token, { ...rules, maxHolderCount: 3 });
    await w.fall();
    await expect(w.liquidate())
      .to.be.revertedWithCustomError(token, "ClassToken_TooManyHolders")
      .withArgs(carol.address, 3);
    await markets.connect(bob).liquidate(params, alice, 100n * USD, 0, "0x");
    await token.connect(alice).transfer(bob.address, 600n);
    await w.liquidate();
  });

  it("M07: who is locked up posts nothing; a liquidation and a withdrawal go on", async () => {
    const { markets, params, alice, token } = w;
    const rules = { homeCountry: US, homeLockUpSec: 365 * DAY, abroadLockUpSec: 40 * DAY, freeCategory: 0 };
    await w.gate.ruleClass(token, { ...rules, maxHolderCount: 0 });
    await expect(markets.connect(alice).supplyCollateral(params, 1, alice, "0x")).to.be.revertedWithCustomError(
      token,
      "ClassToken_LockedUp",
    );
    await markets.connect(alice).withdrawCollateral(params, 1, alice, alice);
    await w.fall();
    await w.liquidate();
  });

  it("M02, M03: what the market books is what the class owes it, through losses and a holder's recovery", async () => {
    const { markets, params, alice, bob, token, issuer } = w;
    await issuer.accrue(50n * USD, 20n * USD);
    await issuer.accrueLoss(100n * USD);
    await token.recover(bob.address, w.carol.address);
    const claimable = await token.claimableAssets(markets);
    expect(claimable).to.be.greaterThan(69n * USD);
    await expect(markets.connect(alice).claimIncome(params, alice, alice)).to.changeTokenBalance(
      w.ethers,
      w.asset,
      alice,
      claimable,
    );
  });
});
