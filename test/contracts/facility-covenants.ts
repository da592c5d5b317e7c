import { expect } from "chai";
import {
  at,
  CASH_TRAP,
  COUNTRY,
  COVERAGE,
  createWorld,
  DAY,
  DSCR,
  EARLY_AMORTISATION,
  INTEREST_DEFAULT,
  LOT,
  LTV,
  PERFORMING,
  SENIOR_CLASS,
  type Settings,
  type World,
} from "./facility-world.ts";

const US = "0x5553";
const DE = "0x4445";
const DAY_AT = at("2027-01-15");
const LEASE = 9n;

describe("Facility: covenants", () => {
  let w: World;
  const start = async (changed: Partial<Settings["covenants"]> = {}, termMonthCount?: number) => {
    w = await createWorld({
      ...(termMonthCount === undefined ? {} : { termMonthCount }),
      change: (settings) => ({
        ...settings,
        covenants: { ...settings.covenants, maxLtvBps: 7_000, minCoverageBps: 9_000, countries: [US], ...changed },
      }),
    });
    await w.perform();
  };
  const now = () => w.networkHelpers.time.latest();
  const state = () => w.facility.state();
  const breachedAt = (trigger: number, subjectId = 0n) => w.facility.breachedAt(trigger, subjectId);
  const appraise = async (valueAssets: bigint, ageSec = 0, maxAgeSec = 2 * DAY) =>
    w.appraisal.setValue(w.target, {
      valueAssets,
      hardwareAssets: 0n,
      computedAt: (await now()) - ageSec,
      maxAgeSec,
    });
  /// What the senior class is owed at a time that comes.
  const owedAt = async (timeAt: number) => {
    await w.networkHelpers.time.increaseTo(timeAt);
    return w.facility.owedAssets(SENIOR_CLASS);
  };
  const refuses = (call: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(w.facility, error)
      .withArgs(...args);

  beforeEach(() => start());

  describe("LTV", () => {
    // 15 days of interest are owed with the principal: 703,500; at 70 % that takes 1,005,000.
    const NEEDED = 1_005_000_000_000n;

    it("M13: at the maximum exactly holds, with a unit of value less it is breached; anyone shows it", async () => {
      expect(await owedAt(DAY_AT)).to.equal(703_500n * w.unit);
      await appraise(NEEDED);
      await refuses(w.facility.declareLtv(), "Facility_CovenantHolds", LTV, 0);
      await appraise(NEEDED - 1n);
      await expect(w.facility.connect(w.mallory).declareLtv())
        .to.emit(w.facility, "LtvShown")
        .withArgs(703_500n * w.unit, NEEDED - 1n)
        .and.to.emit(w.facility, "BreachOpened")
        .withArgs(LTV, 0, (await now()) + 1);
      expect(await state()).to.equal(CASH_TRAP);
      expect(await breachedAt(LTV)).to.equal(await now());
      expect(await w.facility.breachCount()).to.equal(1);
    });

    it("M13: is cured at the maximum exactly, not a unit below; declared again after", async () => {
      await owedAt(DAY_AT);
      await appraise(NEEDED - 1n);
      await w.facility.declareLtv();
      await refuses(w.facility.cureLtv(), "Facility_CovenantBroken", LTV, 0);
      await appraise(NEEDED);
      await expect(w.facility.connect(w.mallory).cureLtv())
        .to.emit(w.facility, "StateChanged")
        .withArgs(CASH_TRAP, PERFORMING);
      expect(await breachedAt(LTV)).to.equal(0);
      await refuses(w.facility.cureLtv(), "Facility_NoBreach", LTV, 0);
      await appraise(NEEDED - 1n);
      await w.facility.declareLtv();
      expect(await state()).to.equal(CASH_TRAP);
    });

    it("M13: refuses a second time, and an appraisal that is stale by a second, for breach and cure", async () => {
      const valueAt = (await now()) + 100;
      await w.networkHelpers.time.increaseTo(valueAt);
      const stale = { hardwareAssets: 0n, computedAt: valueAt, maxAgeSec: DAY };
      await w.appraisal.setValue(w.target, { ...stale, valueAssets: 1n });
      const snapshot = await w.networkHelpers.takeSnapshot();
      await w.networkHelpers.time.setNextBlockTimestamp(valueAt + DAY + 1);
      await refuses(w.facility.declareLtv(), "Facility_StaleValue", valueAt, DAY, valueAt + DAY + 1);
      await snapshot.restore();
      await w.networkHelpers.time.setNextBlockTimestamp(valueAt + DAY);
      await w.facility.declareLtv();
      await refuses(w.facility.declareLtv(), "Facility_BreachShown", LTV, 0, valueAt + DAY);
      await w.appraisal.setValue(w.target, { ...stale, valueAssets: 10n ** 15n });
      await expect(w.facility.cureLtv()).to.be.revertedWithCustomError(w.facility, "Facility_StaleValue");
    });

    it("refuses where no maximum was agreed", async () => {
      await start({ maxLtvBps: 0 });
      await appraise(1n);
      await refuses(w.facility.declareLtv(), "Facility_NotCovenanted", LTV);
    });
  });

  describe("coverage", () => {
    const show = (coverageBps: number, dayAt = DAY_AT) => w.appraisal.setCoverage(LOT, dayAt, coverageBps);
    beforeEach(() => w.networkHelpers.time.increaseTo(DAY_AT + DAY));

    it("M13: at the minimum exactly holds, a basis point below is breached", async () => {
      await show(9_000);
      await refuses(w.facility.declareCoverage(LOT, DAY_AT), "Facility_CovenantHolds", COVERAGE, LOT);
      await show(8_999);
      await expect(w.facility.connect(w.mallory).declareCoverage(LOT, DAY_AT))
        .to.emit(w.facility, "CoverageShown")
        .withArgs(LOT, DAY_AT, 8_999);
      expect(await state()).to.equal(CASH_TRAP);
    });

    it("M13: refuses twice, the same day after a cure, and a lot that is not pledged", async () => {
      await show(8_999);
      await w.facility.declareCoverage(LOT, DAY_AT);
      const openedAt = await now();
      await refuses(w.facility.declareCoverage(LOT, DAY_AT), "Facility_BreachShown", COVERAGE, LOT, openedAt);
      await show(9_000, DAY_AT + DAY);
      await w.facility.cureCoverage(LOT, DAY_AT + DAY);
      await refuses(w.facility.declareCoverage(LOT, DAY_AT), "Facility_DayShown", LOT, DAY_AT, DAY_AT + DAY);
      await refuses(w.facility.declareCoverage(8n, DAY_AT), "Facility_NotPledged", 8);
    });

    it("M13: is cured by a later day at the minimum exactly; an earlier good one proves nothing", async () => {
      await show(8_999);
      await w.facility.declareCoverage(LOT, DAY_AT);
      await show(10_000, DAY_AT - DAY);
      await refuses(w.facility.cureCoverage(LOT, DAY_AT - DAY), "Facility_DayShown", LOT, DAY_AT - DAY, DAY_AT);
      await refuses(w.facility.cureCoverage(LOT, DAY_AT), "Facility_DayShown", LOT, DAY_AT, DAY_AT);
      await show(8_999, DAY_AT + DAY);
      await refuses(w.facility.cureCoverage(LOT, DAY_AT + DAY), "Facility_CovenantBroken", COVERAGE, LOT);
      await show(9_000, DAY_AT + DAY);
      await w.facility.connect(w.mallory).cureCoverage(LOT, DAY_AT + DAY);
      expect(await state()).to.equal(PERFORMING);
      await refuses(w.facility.cureCoverage(LOT, DAY_AT + 2 * DAY), "Facility_NoBreach", COVERAGE, LOT);
    });

    it("M13: refuses a day more than fourteen days past, by a second", async () => {
      await show(0);
      const lastAt = DAY_AT + 14 * DAY;
      await w.networkHelpers.time.setNextBlockTimestamp(lastAt + 1);
      await refuses(w.facility.declareCoverage(LOT, DAY_AT), "Facility_DayTooOld", LOT, DAY_AT, lastAt + 1);
    });

    it("takes a day exactly fourteen days past", async () => {
      await show(0);
      await w.networkHelpers.time.setNextBlockTimestamp(DAY_AT + 14 * DAY);
      await w.facility.declareCoverage(LOT, DAY_AT);
    });

    it("refuses where no minimum was agreed", async () => {
      await start({ minCoverageBps: 0 });
      await refuses(w.facility.declareCoverage(LOT, DAY_AT), "Facility_NotCovenanted", COVERAGE);
    });
  });

  describe("country", () => {
    it("M13: holds in a country of the facility's, is breached in another; cured once it is back", async () => {
      await refuses(w.facility.declareCountry(LOT), "Facility_CovenantHolds", COUNTRY, LOT);
      await w.pledges.setCountry(LOT, DE);
      await expect(w.facility.connect(w.mallory).declareCountry(LOT))
        .to.emit(w.facility, "CountryShown")
        .withArgs(LOT, DE);
      expect(await state()).to.equal(CASH_TRAP);
      await refuses(w.facility.declareCountry(LOT), "Facility_BreachShown", COUNTRY, LOT, await now());
      await refuses(w.facility.cureCountry(LOT), "Facility_CovenantBroken", COUNTRY, LOT);
      await w.pledges.setCountry(LOT, US);
      await w.facility.connect(w.mallory).cureCountry(LOT);
      expect(await state()).to.equal(PERFORMING);
      await refuses(w.facility.cureCountry(LOT), "Facility_NoBreach", COUNTRY, LOT);
    });

    it("M13: is breached where the live lease does not allow it, also without a list of the facility's", async () => {
      await start({ countries: [] });
      await refuses(w.facility.declareCountry(LOT), "Facility_CovenantHolds", COUNTRY, LOT);
      await w.rent.setLease(LOT, LEASE, w.target);
      await refuses(w.facility.declareCountry(LOT), "Facility_CovenantHolds", COUNTRY, LOT);
      await w.rent.setLocated(LEASE, false);
      await w.facility.declareCountry(LOT);
      await w.rent.setLocated(LEASE, true);
      await w.facility.cureCountry(LOT);
    });

    it("refuses a lot that is not pledged", async () => {
      await refuses(w.facility.declareCountry(8n), "Facility_NotPledged", 8);
    });
  });

  describe("several breaches", () => {
    it("trap until the last one is cured", async () => {
      await w.networkHelpers.time.increaseTo(DAY_AT);
      await appraise(1n);
      await w.facility.declareLtv();
      await w.pledges.setCountry(LOT, DE);
      await w.facility.declareCountry(LOT);
      expect(await w.facility.breachCount()).to.equal(2);
      await appraise(10n ** 15n);
      await w.facility.cureLtv();
      expect(await state()).to.equal(CASH_TRAP);
      await w.pledges.setCountry(LOT, US);
      await w.facility.cureCountry(LOT);
      expect(await state()).to.equal(PERFORMING);
    });

    it("of a lot leave the facility with it", async () => {
      await start({}, 1);
      await w.pay(800_000n * w.unit); // the seniors are whole
      const dayAt = at("2027-01-25");
      await w.appraisal.setCoverage(LOT, dayAt, 0);
      await w.facility.declareCoverage(LOT, dayAt);
      await w.pledges.setCountry(LOT, DE);
      await w.facility.declareCountry(LOT);
      await expect(w.facility.release(LOT))
        .to.emit(w.facility, "BreachCured")
        .withArgs(COVERAGE, LOT)
        .and.to.emit(w.facility, "BreachCured")
        .withArgs(COUNTRY, LOT);
      expect(await w.facility.breachCount()).to.equal(0);
      expect(await state()).to.equal(PERFORMING);
    });

    it("are declared from Performing on, not while funding", async () => {
      w = await createWorld({
        change: (settings) => ({ ...settings, covenants: { ...settings.covenants, maxLtvBps: 1 } }),
      });
      await w.fund();
      await appraise(1n);
      await refuses(w.facility.declareLtv(), "Facility_WrongState", 1);
    });
  });

  describe("declareAmortisation", () => {
    const CURE = 30 * DAY;

    it("M13: refuses a second before the cure time is over, and takes the second at which it is", async () => {
      await w.pledges.setCountry(LOT, DE);
      await w.facility.declareCountry(LOT);
      const untilAt = (await now()) + CURE;
      const declare = () => w.facility.connect(w.mallory).declareAmortisation(COUNTRY, LOT);
      await w.networkHelpers.time.setNextBlockTimestamp(untilAt - 1);
      await refuses(declare(), "Facility_CureRuns", COUNTRY, LOT, untilAt, untilAt - 1);
      await w.networkHelpers.time.setNextBlockTimestamp(untilAt);
      await expect(declare())
        .to.emit(w.facility, "AmortisationDeclared")
        .withArgs(COUNTRY, LOT)
        .and.to.emit(w.facility, "StateChanged")
        .withArgs(CASH_TRAP, EARLY_AMORTISATION);
      await refuses(declare(), "Facility_WrongState", EARLY_AMORTISATION);
    });

    it("M13: counts anew after a cure, and refuses what is not breached", async () => {
      await refuses(w.facility.declareAmortisation(LTV, 0), "Facility_NoBreach", LTV, 0);
      await w.pledges.setCountry(LOT, DE);
      await w.facility.declareCountry(LOT);
      await w.networkHelpers.time.increase(CURE - DAY);
      await w.pledges.setCountry(LOT, US);
      await w.facility.cureCountry(LOT);
      await w.pledges.setCountry(LOT, DE);
      await w.facility.declareCountry(LOT);
      await w.networkHelpers.time.increase(2 * DAY);
      await expect(w.facility.declareAmortisation(COUNTRY, LOT)).to.be.revertedWithCustomError(
        w.facility,
        "Facility_CureRuns",
      );
      await refuses(w.facility.declareAmortisation(COUNTRY, 8), "Facility_NoBreach", COUNTRY, 8);
    });

    it("refuses triggers that have their own way", async () => {
      for (const trigger of [DSCR, INTEREST_DEFAULT, 5])
        await refuses(w.facility.declareAmortisation(trigger, 0), "Facility_NotCovenanted", trigger);
    });

    it("a cure comes too late for the state, and closes the breach all the same", async () => {
      await w.pledges.setCountry(LOT, DE);
      await w.facility.declareCountry(LOT);
      await w.networkHelpers.time.increase(CURE);
      await w.facility.declareAmortisation(COUNTRY, LOT);
      await w.pledges.setCountry(LOT, US);
      await w.facility.cureCountry(LOT);
      expect(await state()).to.equal(EARLY_AMORTISATION);
      expect(await breachedAt(COUNTRY, LOT)).to.equal(0);
    });
  });
});
