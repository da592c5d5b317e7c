import { expect } from "chai";
import { capitalFixture } from "../contracts/capital-fixture.ts";
import { UNIT } from "../contracts/capital-stage.ts";

// A newly fixed day of the index was on-chain, and the value of the day before could still be borrowed against, entered
// and left at.

describe("Findings: a value from before the newest day of the index", () => {
  it("M18: is void until the lots are appraised again", async () => {
    const w = await capitalFixture();
    const { valuation, deal1, vault, alice } = w;
    await w.appraise();
    await valuation.classPriceWad(deal1.facility, 0);
    await w.networkHelpers.time.increase(86_400);
    await w.fixYesterday(200);
    expect((await valuation.facilityValue(deal1.facility)).computedAt).to.equal(0n);
    await expect(valuation.classPriceWad(deal1.facility, 0)).to.be.revertedWithCustomError(
      valuation,
      "Valuation_Stale",
    );
    await w.appraise();
    await valuation.classPriceWad(deal1.facility, 0);
    expect(await vault.maxDeposit(alice)).to.be.greaterThan(UNIT);
  });
});
