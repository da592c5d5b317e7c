import { expect } from "chai";
import { at } from "./facility-world.ts";
import { A, B, LOT_1, LOT_2, enforcementWorld } from "./enforcement-world.ts";

describe("Facility: redemption after a missed date", () => {
  it("M13: makes good what was missed: there is no interest default to declare any more", async () => {
    const w = await enforcementWorld();
    const { unit, facility } = w;
    await w.perform();
    await w.distributeAt(0);
    for (const index of [A, B]) expect((await facility.classAt(index)).missedAt).to.be.greaterThan(0);
    const next = await w.funded({ raiseUntilAt: at("2027-02-20"), firstPaymentAt: at("2027-03-31") });
    await next.startFunding();
    await w.networkHelpers.time.increaseTo(at("2027-02-15"));
    const computedAt = await w.networkHelpers.time.latest();
    const none = { valueAssets: 0n, hardwareAssets: 0n };
    await w.appraisal.setValue(facility, { ...none, computedAt, maxAgeSec: 86_400 * 60 });
    const price = await facility.redemptionAssets();
    const draws = [
      { lotId: LOT_2, assets: 390_000n * unit },
      { lotId: LOT_1, assets: price - 390_000n * unit },
    ];
    await next.connect(w.sponsor).refinance(facility, draws);
    for (const index of [A, B])
      await expect(facility.declareInterestDefault(index))
        .to.be.revertedWithCustomError(facility, "Facility_NothingMissed")
        .withArgs(index);
  });
});
