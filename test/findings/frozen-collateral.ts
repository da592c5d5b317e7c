import { expect } from "chai";
import { createToken, US, USD } from "../contracts/facility-world.ts";

// Found in review: a frozen account's posted shares, and what they had earned, left through the market to a receiver of
// its choice, because the class saw a transfer from the market. Nor may a lock-up be left that way.

const DAY = 86_400;

async function createPosted() {
  const w = await createToken();
  const { ethers, alice, asset, gate, token, issuer } = w;
  const markets = await ethers.deployContract("Markets", [await w.manager.getAddress()]);
  const irm = await ethers.deployContract("KinkedRate", [0n, 10n ** 16n, 10n ** 17n, 9n * 10n ** 17n]);
  const oracle = await ethers.deployContract("MockSeams", [asset]);
  const lltv = 8n * 10n ** 17n;
  await oracle.setPrice(10n ** 36n);
  await markets.enableIrm(irm);
  await markets.enableLltv(lltv);
  await gate.listHolder(markets, true);
  const params = { loanToken: asset, collateralToken: token, oracle, irm, lltv };
  await markets.createMarket(params);
  await issuer.mint(alice.address, 1000n * USD);
  await token.connect(alice).approve(markets, ethers.MaxUint256);
  await markets.connect(alice).supplyCollateral(params, 1000n * USD, alice, "0x");
  await issuer.accrue(50n * USD, 0);
  return { ...w, markets, params };
}

describe("A market with the collateral of a frozen account", () => {
  it("M07: pays neither shares nor income out to anybody, by whoever acts for it, until it is free", async () => {
    const { markets, params, alice, bob, gate, asset, ethers } = await createPosted();
    await markets.connect(alice).setAuthorization(bob, true);
    await gate.freeze(alice.address, true);
    for (const caller of [alice, bob]) {
      await expect(markets.connect(caller).withdrawCollateral(params, USD, alice, bob))
        .to.be.revertedWithCustomError(markets, "Market_MayNotSend")
        .withArgs((await markets.queryFilter(markets.filters.CreateMarket()))[0]!.args.id, alice.address);
      await expect(markets.connect(caller).claimIncome(params, alice, bob)).to.be.revertedWithCustomError(
        markets,
        "Market_MayNotSend",
      );
    }
    await gate.freeze(alice.address, false);
    const earned = await markets.claimableIncome(params, alice);
    expect(earned).to.be.above(49n * USD);
    await markets.connect(bob).withdrawCollateral(params, USD, alice, bob);
    await expect(markets.connect(alice).claimIncome(params, alice, alice)).to.changeTokenBalance(
      ethers,
      asset,
      alice,
      earned,
    );
  });

  it("M06: goes on repaying its debt from its income", async () => {
    const { markets, params, alice, bob, gate, asset, ethers } = await createPosted();
    await asset.connect(bob).approve(markets, ethers.MaxUint256);
    await markets.connect(bob).supply(params, 1000n * USD, 0, bob, "0x");
    await markets.connect(alice).borrow(params, 500n * USD, 0, alice, alice);
    await gate.freeze(alice.address, true);
    await expect(markets.connect(alice).repayFromIncome(params, alice)).to.emit(markets, "Repay");
  });

  it("M07: an amount that was frozen in the wallet does not leave through the market: it comes back first", async () => {
    const { markets, params, alice, bob, token } = await createPosted();
    await token.setFrozenTokens(alice.address, USD);
    await expect(markets.connect(alice).withdrawCollateral(params, USD, alice, bob)).to.be.revertedWithCustomError(
      markets,
      "Market_MayNotSend",
    );
    await markets.connect(alice).withdrawCollateral(params, 3n * USD, alice, alice);
    await token.connect(alice).transfer(bob, 2n * USD);
  });

  it("M07: while its owner is locked up it comes back to the owner alone, and pays its income", async () => {
    const { markets, params, alice, bob, gate, token } = await createPosted();
    await gate.ruleClass(token, {
      homeCountry: US,
      homeLockUpSec: 365 * DAY,
      abroadLockUpSec: 365 * DAY,
      freeCategory: 0,
      maxHolderCount: 0,
    });
    await expect(markets.connect(alice).withdrawCollateral(params, USD, alice, bob)).to.be.revertedWithCustomError(
      markets,
      "Market_MayNotSend",
    );
    await markets.connect(alice).withdrawCollateral(params, USD, alice, alice);
    await markets.connect(alice).claimIncome(params, alice, alice);
  });
});
