import { expect } from "chai";

import { createWorld, USD } from "../contracts/facility-world.ts";

// Found in review: anyone could push a market's income into it as a plain transfer, where no book saw it, and the
// borrowers whose shares had earned it were left without.

describe("claimFor a contract", () => {
  it("is refused, and the borrower takes what its posted shares earned", async () => {
    const w = await createWorld();
    await w.perform();
    const markets = await w.ethers.deployContract("Markets", [await w.manager.getAddress()]);
    const irm = await w.ethers.deployContract("KinkedRate", [0n, 10n ** 16n, 10n ** 17n, 9n * 10n ** 17n]);
    const lltv = 8n * 10n ** 17n;
    await markets.enableIrm(irm);
    await markets.enableLltv(lltv);
    await w.gate.listHolder(markets, true);
    const params = { loanToken: w.asset, collateralToken: w.senior, oracle: irm, irm, lltv }; // without debt no price is read
    await markets.createMarket(params);
    await w.senior.connect(w.alice).approve(markets, w.ethers.MaxUint256);
    await markets.connect(w.alice).supplyCollateral(params, 700_000n * USD, w.alice, "0x");
    await w.payRent(100_000n * USD);
    await w.toDate(0);
    await w.facility.distribute();

    const earned = await w.senior.claimableAssets(markets);
    expect(earned).to.be.greaterThan(0n);
    await expect(w.senior.connect(w.mallory).claimFor(markets))
      .to.be.revertedWithCustomError(w.senior, "ClassToken_HolderIsContract")
      .withArgs(await markets.getAddress());
    await expect(markets.connect(w.alice).claimIncome(params, w.alice, w.alice)).to.changeTokenBalance(
      w.ethers,
      w.asset,
      w.alice,
      earned - 1n, // the market's book rounds down once more
    );
  });
});
