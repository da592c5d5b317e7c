import { expect } from "chai";
import { capitalFixture } from "../contracts/capital-fixture.ts";
import { A, R, UNIT } from "../contracts/capital-stage.ts";

// The allocator sold to its accomplice at exit less the discount and bought back at entry, again and again: each trade
// within its bounds, all of them together the vault's money.

describe("Findings: the allocator trades with itself", () => {
  for (const [what, classIndex] of [
    ["a senior class, whose exit is its entry", A],
    ["the residual class", R],
  ] as const) {
    it(`M24: forty round trips of ${what} within a minute cost the vault at most 2 % of what it has`, async () => {
      const { vault, allocator, order, dave, deal1, valuation, buy, bob } = await capitalFixture();
      const token = deal1.tokens[classIndex]!;
      const shares = 50_000n * UNIT;
      await vault.connect(bob).deposit(50_000n * UNIT, bob);
      const supply = await token.totalSupply();
      const costs = async () => {
        const { exitAssets, entryAssets } = await valuation.classValue(deal1.facility, classIndex);
        return [((shares * exitAssets) / supply) * 99n, ((shares * entryAssets) / supply) * 100n].map((x) => x / 100n);
      };
      const before = await vault.entryAssets();
      if (classIndex === R) await buy(dave, token, shares, (await costs())[1]! - UNIT);
      for (let i = 0; i < 40; ++i) {
        const [low, high] = await costs();
        const bid = await order(dave, token, { shares, assets: low! + 100n * UNIT, isSell: false });
        const sold = await vault
          .connect(allocator)
          .sell(bid.order, bid.signature, shares, 0)
          .catch(() => undefined);
        if (sold === undefined) break;
        const bought = await buy(dave, token, shares, high! - 10n * UNIT).catch(() => undefined);
        if (bought === undefined) break;
      }
      expect(await vault.entryAssets()).to.be.at.least((before * 98n) / 100n);
    });
  }
});
