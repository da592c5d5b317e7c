import { expect } from "chai";
import { capitalFixture } from "../contracts/capital-fixture.ts";
import { DAY, R, UNIT } from "../contracts/capital-stage.ts";

// A rated lessee signs ten times the rent of the market for a lot of 500,000, and pays nothing. A day after (the hold)
// its accomplice borrows on the residual class what no lot would ever fetch, before the first rent is even due.

describe("Findings: a rent that nobody pays", () => {
  it("M29: a lease lifts a lot's exit value at most to what its hardware cost until rent is paid", async () => {
    const w = await capitalFixture();
    const { valuation, deal1, mallory, networkHelpers } = w;
    await w.rate(mallory.address, 2);
    await w.appraise();
    const before = await valuation.facilityValue(deal1.facility);
    const exit = { minPeriodCount: 36n, noticeSec: 0n, renewalPeriodCount: 0n, renewalRentBps: 0n };
    await w.openLease(2n, mallory, {
      ...{ baseRentAssets: 400_000n * UNIT, periodCount: 36 },
      exit: { ...exit, terminationFeeAssets: 0n, purchaseAssets: 0n },
    });
    await w.appraise();
    await networkHelpers.time.increase(DAY);
    await w.fixYesterday(200);
    await w.appraise();
    const price = await (await w.oracleOf(w.residual)).price(); // usable
    const after = await valuation.facilityValue(deal1.facility);
    const most = await w.mostOf(w.residual, w.dave.address);
    const lifted = after.exitAssets - before.exitAssets;
    const { exitAssets } = await valuation.classValue(deal1.facility, R);
    expect(lifted, `price ${price}, residual ${exitAssets}, Dave may borrow ${most}`).to.be.at.most(500_000n * UNIT);
  });
});
