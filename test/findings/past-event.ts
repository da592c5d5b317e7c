import { expect } from "chai";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { at } from "../contracts/facility-world.ts";
import { capitalFixture, type CapitalFixture } from "../contracts/capital-fixture.ts";
import { DAY, HOUR, UNIT } from "../contracts/capital-stage.ts";

// A payment date had been run, or a lease's default declared, and the value from before was acted on for two days more:
// rent of a lessee that had broken its lease still counted for the months it will not pay.

describe("Findings: a value from before a payment date or a default", () => {
  async function expectVoid(w: CapitalFixture, act: () => Promise<unknown>) {
    const { valuation, deal1, markets, senior, alice } = w;
    await valuation.classPriceWad(deal1.facility, 0);
    await act();
    expect((await valuation.facilityValue(deal1.facility)).computedAt).to.equal(0n);
    await expect(valuation.classPriceWad(deal1.facility, 0)).to.be.revertedWithCustomError(
      valuation,
      "Valuation_Stale",
    );
    await expect(markets.connect(alice).borrow(senior.params, 1, 0, alice, alice)).to.be.revertedWithCustomError(
      valuation,
      "Valuation_Stale",
    );
    await w.appraise();
    // What fell by more than a tenth is held for a day here.
    await w.refresh(24);
    await valuation.classPriceWad(deal1.facility, 0);
  }

  /** As fresh as can be at a time. */
  const keepAt = async (w: CapitalFixture, time: number) => {
    await w.networkHelpers.time.increaseTo(time);
    await w.fixYesterday(200);
    await w.appraise();
  };

  it("M18, M31: is void from each payment date to the next appraisal, of that facility alone", async () => {
    const w = await capitalFixture();
    const { valuation, deal1, deal2 } = w;
    await keepAt(w, at("2027-01-31") + HOUR);
    await expectVoid(w, async () => {
      await deal1.facility.distribute();
      await valuation.classPriceWad(deal2.facility, 0);
    });
  });

  it("M18, M31: is void once a lease that pays the facility is in default, until the next appraisal", async () => {
    const w = await capitalFixture();
    const { valuation, leases, deal1, deal2, mallory, networkHelpers } = w;
    await w.rate(mallory.address);
    const leaseId = await w.openLease(1n, mallory, {
      ...{ baseRentAssets: 50_000n * UNIT, periodCount: 24 },
      exit: { ...NO_CLAUSES.exit, minPeriodCount: 24n },
    });
    const { untilAt } = await leases.periodAt(leaseId, 0);
    await networkHelpers.time.increaseTo(untilAt);
    await leases.settle(leaseId, 0);
    await networkHelpers.time.increase(16 * DAY);
    await keepAt(w, (await networkHelpers.time.latest()) + HOUR);
    const before = await valuation.facilityValue(deal1.facility);
    await expectVoid(w, async () => {
      await leases.declareDefault(leaseId, 0);
      await valuation.classPriceWad(deal2.facility, 0);
    });
    expect((await valuation.facilityValue(deal1.facility)).exitAssets).to.be.below(before.exitAssets);
  });
});
