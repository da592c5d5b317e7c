import { expect } from "chai";
import {
  CASH_TRAP,
  COVERAGE,
  createWorld,
  DAY,
  EARLY_AMORTISATION,
  ENFORCEMENT,
  LOT,
  PERFORMING,
  RESIDUAL_CLASS,
  SENIOR_CLASS,
  trapping,
  type Settings,
  type World,
} from "../contracts/facility-world.ts";

describe("Finding: cash of a facility that was not where it counted", () => {
  let w: World;
  const start = async (covenants: Partial<Settings["covenants"]> = {}, termMonthCount = 12) => {
    w = await createWorld({
      termMonthCount,
      change: (settings) => ({
        ...settings,
        performingSteps: trapping(settings.performingSteps),
        covenants: { ...settings.covenants, ...covenants },
      }),
    });
    await w.perform();
  };
  const wait = async (assets: bigint) => w.rent.connect(w.mallory).pay(await w.asset.getAddress(), w.target, assets);
  const sell = async (assets: bigint) =>
    w.rent.connect(w.mallory).payPrice(await w.asset.getAddress(), w.target, assets);

  it("M13: whoever ran a payment date before rent was collected could trip early amortisation for good", async () => {
    await start({ trapDscrBps: 13_500, amortiseDscrBps: 12_500, dscrPeriodCount: 1 });
    await w.toDate(0);
    await wait(100_000n * w.unit);
    await w.facility.connect(w.mallory).distribute();
    expect(await w.facility.state()).to.equal(PERFORMING);
    expect(await w.facility.receivableAssets()).to.equal(0);
    await w.toDate(1);
    await w.facility.distribute();
    expect(await w.facility.state()).to.equal(EARLY_AMORTISATION);
  });

  it("M10: the price of a lot that its lessee bought went to the residual class while the seniors were owed", async () => {
    await start();
    await w.toDate(0);
    await wait(100_000n * w.unit);
    await sell(400_000n * w.unit);
    const { outstandingAssets: before, levelPaymentAssets } = await w.facility.classAt(SENIOR_CLASS);
    await w.facility.distribute();
    const { outstandingAssets, scheduledAssets } = await w.facility.classAt(SENIOR_CLASS);
    expect(scheduledAssets).to.equal(before - (levelPaymentAssets - 7_000n * w.unit));
    expect(outstandingAssets).to.equal(scheduledAssets - 400_000n * w.unit);
    // Of the rent: fee, level payment and reserve; the rest is the residual's, and nothing of the price.
    expect(await w.facility.unclaimedAssets(await w.residual.getAddress())).to.equal(
      100_000n * w.unit - 500n * w.unit - 10_000n * w.unit - levelPaymentAssets,
    );
  });

  it("M10: more than the seniors have outstanding is the residual's", async () => {
    await start();
    await w.toDate(0);
    await sell(900_000n * w.unit);
    await w.facility.distribute();
    expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(0);
    expect(await w.facility.outstandingAssets(RESIDUAL_CLASS)).to.be.lessThan(300_000n * w.unit);
  });

  it("M13: missed interest was a default though the cash to pay it was there, to the unit", async () => {
    await start();
    await w.pay(0n);
    const { missedAt, interestDueAssets } = await w.facility.classAt(SENIOR_CLASS);
    expect(interestDueAssets).to.equal(7_000n * w.unit);
    await w.networkHelpers.time.increaseTo(missedAt + BigInt(5 * DAY) + 1n);
    await w.asset.connect(w.mallory).transfer(w.target, 7_000n * w.unit);
    await w.facility.sync();
    const snapshot = await w.networkHelpers.takeSnapshot();
    await wait(500n * w.unit); // the fee stands above
    await expect(w.facility.declareInterestDefault(SENIOR_CLASS))
      .to.be.revertedWithCustomError(w.facility, "Facility_CashCovers")
      .withArgs(7_500n * w.unit, 7_500n * w.unit);
    await snapshot.restore();
    await wait(500n * w.unit - 1n);
    await w.facility.declareInterestDefault(SENIOR_CLASS);
    expect(await w.facility.state()).to.equal(ENFORCEMENT);
  });

  it("says when a class begins to wait for interest, and when no more", async () => {
    await start();
    await w.toDate(0);
    const dueAt = await w.facility.paymentAt(0);
    await expect(w.facility.distribute())
      .to.emit(w.facility, "InterestMissed")
      .withArgs(SENIOR_CLASS, dueAt, 7_000n * w.unit);
    await w.toDate(1);
    await expect(w.facility.distribute()).to.not.emit(w.facility, "InterestMissed");
    await w.toDate(2);
    await wait(100_000n * w.unit);
    await expect(w.facility.distribute()).to.emit(w.facility, "InterestMissed").withArgs(SENIOR_CLASS, 0, 0);
  });

  it("M14: lots went back to the sponsor for nothing while the residual class was not repaid", async () => {
    await start({}, 1);
    await w.pay(800_000n * w.unit);
    const owed = await w.facility.outstandingAssets(RESIDUAL_CLASS);
    await expect(w.facility.release(LOT))
      .to.be.revertedWithCustomError(w.facility, "Facility_ResidualOwed")
      .withArgs(owed);
    await w.rent.setLease(LOT, 9, w.target);
    await expect(w.facility.startAuction(LOT))
      .to.be.revertedWithCustomError(w.facility, "Facility_LotLeased")
      .withArgs(LOT, 9);
    await w.rent.setLease(LOT, 0, w.target);
    await w.facility.connect(w.mallory).startAuction(LOT);
    await w.networkHelpers.time.increase(7 * DAY);
    const before = await w.facility.unclaimedAssets(await w.residual.getAddress());
    await w.facility.connect(w.alice).buy(LOT, 625_000n * w.unit); // the floor: half of the lot's cost
    await w.facility.close();
    const residual = await w.facility.unclaimedAssets(await w.residual.getAddress());
    expect(residual - before).to.equal(625_000n * w.unit);
    expect(await w.residual.lossPerShareRay()).to.equal(0);
  });

  it("M13: an old good week cured a coverage that had been bad ever since", async () => {
    await start({ minCoverageBps: 9_000 });
    const dayAt = (await w.networkHelpers.time.latest()) - ((await w.networkHelpers.time.latest()) % DAY);
    await w.appraisal.setCoverage(LOT, dayAt, 0);
    await w.facility.declareCoverage(LOT, dayAt);
    await w.appraisal.setCoverage(LOT, dayAt + 7 * DAY, 10_000);
    await w.networkHelpers.time.increaseTo(dayAt + 22 * DAY);
    await expect(w.facility.cureCoverage(LOT, dayAt + 7 * DAY)).to.be.revertedWithCustomError(
      w.facility,
      "Facility_DayTooOld",
    );
    expect(await w.facility.breachedAt(COVERAGE, LOT)).to.not.equal(0);
    expect(await w.facility.state()).to.equal(CASH_TRAP);
    await w.appraisal.setCoverage(LOT, dayAt + 10 * DAY, 10_000);
    await w.facility.cureCoverage(LOT, dayAt + 10 * DAY);
    expect(await w.facility.state()).to.equal(PERFORMING);
  });

  it("M13: covenants that trap cash were agreed without a step that does", async () => {
    const world = await createWorld();
    const covenants = { ...world.settings.covenants, countries: ["0x5553"] };
    await expect(world.create({ covenants })).to.be.revertedWithCustomError(world.facilities, "Facilities_NoTrap");
    await world.create({ covenants, performingSteps: trapping(world.settings.performingSteps) });
  });

  it("M13: a coverage breach could be past its cure before a later day can show it cured", async () => {
    const world = await createWorld();
    const performingSteps = trapping(world.settings.performingSteps);
    const settings = (covenantCureSec: number) => ({
      performingSteps,
      covenants: { ...world.settings.covenants, minCoverageBps: 9_000, covenantCureSec },
    });
    await expect(world.create(settings(8 * DAY - 1))).to.be.revertedWithCustomError(
      world.facilities,
      "Facilities_BadCovenants",
    );
    await world.create(settings(8 * DAY));
  });

  it("M23: more lots were pledged than one transaction hands on", async () => {
    const world = await createWorld();
    await world.fund();
    for (let lotId = 1n; lotId <= 101n; ++lotId) {
      await world.offerLot(lotId);
      const drawn = world.facility.connect(world.sponsor).draw(lotId, 1n);
      if (lotId <= 100n) await drawn;
      else await expect(drawn).to.be.revertedWithCustomError(world.facility, "Facility_TooManyLots").withArgs(101);
    }
  });
});
