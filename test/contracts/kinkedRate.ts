import { expect } from "chai";
import { deployMarkets, ethers, networkHelpers, WAD, YEAR_SEC } from "./marketsWorld.ts";

describe("KinkedRate", () => {
  it("is two straight lines through base, kink and maximum", async () => {
    const { irm } = await networkHelpers.loadFixture(deployMarkets);
    const zero = ethers.ZeroAddress;
    const rateAt = async (borrowed: bigint, supplied = 10_000n) =>
      irm.borrowRate(
        { loanToken: zero, collateralToken: zero, oracle: zero, irm: zero, lltv: 0 },
        {
          totalSupplyAssets: supplied,
          totalSupplyShares: 0,
          totalBorrowAssets: borrowed,
          totalBorrowShares: 0,
          lastUpdateAt: 0,
          feeWad: 0,
        },
      );
    const [kink, most] = [WAD / 25n / YEAR_SEC, WAD / YEAR_SEC];
    expect(await rateAt(0n)).to.equal(0n);
    expect(await rateAt(0n, 0n)).to.equal(0n);
    expect(await rateAt(4500n)).to.equal(kink / 2n);
    expect(await rateAt(9000n)).to.equal(kink);
    expect(await rateAt(9500n)).to.equal(kink + (most - kink) / 2n);
    expect(await rateAt(10_000n)).to.equal(most);
    expect(await rateAt(10_001n)).to.equal(most);
  });

  it("refuses a falling curve, a kink at an end, and more than 10,000 % a year", async () => {
    const { irm } = await networkHelpers.loadFixture(deployMarkets);
    const bad = [
      [2n, 1n, 3n, WAD / 2n],
      [1n, 3n, 2n, WAD / 2n],
      [1n, 2n, 3n, 0n],
      [1n, 2n, 3n, WAD],
      [1n, 2n, 101n * WAD, WAD / 2n],
    ] as const;
    for (const [base, kink, most, at] of bad) {
      await expect(ethers.deployContract("KinkedRate", [base, kink, most, at])).to.be.revertedWithCustomError(
        irm,
        "KinkedRate_BadCurve",
      );
    }
  });
});
