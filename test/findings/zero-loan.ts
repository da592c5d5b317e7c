import { expect } from "chai";
import { deployWorld, networkHelpers, usd } from "../contracts/marketsWorld.ts";

// Shares of debt that cost nothing doubled with each loan of them, until no loan of assets fitted into its bits.

describe("Findings: a loan of nothing", () => {
  it("M29: shares of debt that are worth no unit are not lent", async () => {
    const { markets, params, lender, borrower } = await networkHelpers.loadFixture(deployWorld);
    await markets.connect(lender).supply(params, usd(10_000), 0, lender, "0x");
    await markets.connect(borrower).supplyCollateral(params, usd(1), borrower, "0x");
    await expect(
      markets.connect(borrower).borrow(params, 0, 999_999n, borrower, borrower),
    ).to.be.revertedWithCustomError(markets, "Market_ZeroAmount");
    await markets.connect(borrower).borrow(params, 0, 1_000_000n, borrower, borrower);
  });
});
