import { expect } from "chai";
import {
  createWorld,
  DAY,
  EARLY_AMORTISATION,
  ENFORCEMENT,
  FIRST_PAYMENT_AT,
  INTEREST,
  INTEREST_DEFAULT,
  LOT,
  MATURITY,
  PERFORMING,
  PRINCIPAL,
  SENIOR_CLASS,
  type Settings,
  type World,
} from "./facility-world.ts";

describe("Facility: defaults and margin", () => {
  let w: World;
  const CURE = 5 * DAY;
  const start = async (change?: (settings: Settings) => Settings) => {
    w = await createWorld({ termMonthCount: 2, ...(change === undefined ? {} : { change }) });
    await w.perform();
  };
  const now = () => w.networkHelpers.time.latest();
  const state = () => w.facility.state();
  const refuses = (call: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(call)
      .to.be.revertedWithCustomError(w.facility, error)
      .withArgs(...args);
  const missedAt = async () => (await w.facility.classAt(SENIOR_CLASS)).missedAt;
  const INTEREST_SHORT = 500_000_000n + 7_000_000_000n - 1n; // the fee, and a unit less than the interest

  beforeEach(() => start());

  describe("declareInterestDefault", () => {
    const declare = () => w.facility.connect(w.mallory).declareInterestDefault(SENIOR_CLASS);

    it("M13: refuses to the second that the cure ends at, and takes the next; for good", async () => {
      await w.pay(INTEREST_SHORT);
      expect(await missedAt()).to.equal(FIRST_PAYMENT_AT);
      const untilAt = FIRST_PAYMENT_AT + CURE;
      await w.networkHelpers.time.setNextBlockTimestamp(untilAt);
      await refuses(declare(), "Facility_CureRuns", INTEREST_DEFAULT, SENIOR_CLASS, untilAt, untilAt);
      await w.networkHelpers.time.setNextBlockTimestamp(untilAt + 1);
      await expect(declare())
        .to.emit(w.facility, "DefaultDeclared")
        .withArgs(INTEREST_DEFAULT, SENIOR_CLASS)
        .and.to.emit(w.facility, "StateChanged")
        .withArgs(PERFORMING, ENFORCEMENT);
      await refuses(declare(), "Facility_WrongState", ENFORCEMENT);
      await w.pay(800_000n * w.unit);
      expect(await state()).to.equal(ENFORCEMENT);
      expect(await w.facility.owedAssets(SENIOR_CLASS)).to.equal(0);
    });

    it("M13: refuses where nothing was missed, and after the next date made it good", async () => {
      await w.pay(INTEREST_SHORT + 1n);
      await refuses(declare(), "Facility_NothingMissed", SENIOR_CLASS);
      await start();
      await w.pay(INTEREST_SHORT);
      const second = await w.pay(300_000n * w.unit);
      expect(second.get(`${INTEREST}.0`)?.due).to.equal(7_000n * w.unit + 1n);
      expect(await missedAt()).to.equal(0);
      await w.networkHelpers.time.increase(CURE + 1);
      await refuses(declare(), "Facility_NothingMissed", SENIOR_CLASS);
    });

    it("counts from the first date that missed it", async () => {
      await w.pay(0n);
      await w.pay(0n);
      expect(await missedAt()).to.equal(FIRST_PAYMENT_AT);
      await declare();
    });

    it("counts interest on undrawn escrow as missed too", async () => {
      w = await createWorld();
      await w.perform(600_000n * w.unit);
      await w.pay(0n);
      expect(await missedAt()).to.equal(FIRST_PAYMENT_AT);
    });

    it("refuses the residual, an unknown class, and a state that is over", async () => {
      await refuses(w.facility.declareInterestDefault(1), "Facility_NotSenior", 1);
      await refuses(w.facility.declareInterestDefault(2), "Facility_UnknownClass", 2, 2);
    });
  });

  describe("with two senior classes", () => {
    beforeEach(async () => {
      w = await createWorld({
        change: (settings) => {
          const [senior, residual] = settings.classes;
          if (!senior || !residual) throw new Error("a world has two classes");
          const half = { targetAssets: 350_000n * 10n ** 6n, minimumAssets: 350_000n * 10n ** 6n };
          const class_ = { ...senior, terms: { ...senior.terms, ...half, termMonthCount: 2 } };
          const order = [
            [INTEREST, 0],
            [INTEREST, 1],
            [PRINCIPAL, 0],
            [PRINCIPAL, 1],
          ] as const;
          const listOf = (...places: number[]) => [
            { kind: 0, subjectIndex: 0 },
            ...places.map((place) => ({ kind: order[place]?.[0] ?? 0, subjectIndex: order[place]?.[1] ?? 0 })),
            { kind: 7, subjectIndex: 2 },
          ];
          return {
            ...settings,
            classes: [class_, class_, residual],
            reserveTargetAssets: 0n,
            performingSteps: listOf(0, 1, 2, 3),
            amortisationSteps: listOf(0, 1, 2, 3),
            enforcementSteps: listOf(0, 2, 1, 3),
          };
        },
      });
      for (const [index, holder] of [w.alice, w.bob, w.carol].entries())
        await w.facility.connect(holder).subscribe(index, (index === 2 ? 300_000n : 350_000n) * w.unit);
      await w.facility.startFunding();
      await w.offerLot();
      await w.facility.connect(w.sponsor).draw(LOT, 1_000_000n * w.unit);
      await w.facility.startPerforming();
    });

    it("M13: a junior's missed interest is no default while the senior is owed anything", async () => {
      const interest = await (async () => {
        await w.toDate(0);
        return w.facility.accruedAssets(0);
      })();
      await w.pay(500n * w.unit + interest);
      await w.networkHelpers.time.increase(CURE + 1);
      await refuses(w.facility.declareInterestDefault(1), "Facility_NotMostSenior", 1, 0);
      await refuses(w.facility.declareInterestDefault(0), "Facility_NothingMissed", 0);
    });

    it("M13: it is one once the senior is whole; enforcement pays all of a class before any of the next", async () => {
      await w.pay(0n);
      await w.networkHelpers.time.increase(CURE + 1);
      await w.facility.declareInterestDefault(0);
      const paid = await w.pay(300_000n * w.unit);
      expect(paid.get(`${PRINCIPAL}.0`)?.due).to.equal(350_000n * w.unit);
      expect(paid.get(`${INTEREST}.1`)?.paid).to.equal(0);
      expect([...paid.keys()]).to.deep.equal(["0.0", "1.0", "3.0", "1.1", "3.1", "7.2"]);
    });
  });

  describe("declareMaturityDefault", () => {
    const declare = () => w.facility.connect(w.mallory).declareMaturityDefault(SENIOR_CLASS);

    it("M13: refuses before the last date is run, to the second after it, and once repaid", async () => {
      await w.pay(100_000n * w.unit);
      const lastAt = Number(await w.facility.paymentAt(1));
      const owed = await w.facility.outstandingAssets(SENIOR_CLASS);
      await w.networkHelpers.time.setNextBlockTimestamp(lastAt + CURE + 1);
      await refuses(declare(), "Facility_NotMatured", SENIOR_CLASS, owed, 1, 2);
      await start();
      await w.pay(100_000n * w.unit);
      await w.pay(100_000n * w.unit);
      await w.networkHelpers.time.setNextBlockTimestamp(lastAt + CURE);
      await refuses(declare(), "Facility_CureRuns", MATURITY, SENIOR_CLASS, lastAt + CURE, lastAt + CURE);
      await w.networkHelpers.time.setNextBlockTimestamp(lastAt + CURE + 1);
      await expect(declare()).to.emit(w.facility, "DefaultDeclared").withArgs(MATURITY, SENIOR_CLASS);
      expect(await state()).to.equal(ENFORCEMENT);
    });

    it("M13: refuses a class that was repaid", async () => {
      for (let n = 0; n < 2; n++) await w.pay(800_000n * w.unit);
      await w.networkHelpers.time.increase(CURE + 1);
      await refuses(declare(), "Facility_NotMatured", SENIOR_CLASS, 0, 2, 2);
    });

    it("takes a facility that amortises early", async () => {
      await start((settings) => ({
        ...settings,
        covenants: { ...settings.covenants, trapDscrBps: 1, amortiseDscrBps: 1, dscrPeriodCount: 1 },
      }));
      for (let n = 0; n < 2; n++) await w.pay(0n);
      expect(await state()).to.equal(EARLY_AMORTISATION);
      await w.networkHelpers.time.increase(CURE + 1);
      await declare();
      expect(await state()).to.equal(ENFORCEMENT);
    });
  });

  describe("ratchet", () => {
    const FUNDED_AT = Date.parse("2026-12-31T00:00:00Z") / 1000;
    const show = (lotIds: bigint[] = [LOT]) => w.facility.connect(w.mallory).ratchet(lotIds);
    const interest = async (paymentIndex: number) => {
      await w.toDate(paymentIndex);
      return (await w.pay(0n)).get(`${INTEREST}.0`)?.due;
    };
    beforeEach(() =>
      start((settings) => ({
        ...settings,
        ratchet: [
          { maxPueE4: 12_000, marginBps: 0 },
          { maxPueE4: 13_000, marginBps: 25 },
          { maxPueE4: 14_000, marginBps: 75 },
        ],
      })),
    );

    it("adds nothing in the first period, and the last row's margin while nobody shows the PUE", async () => {
      expect(await w.facility.marginBps(0)).to.equal(0);
      await w.pay(7_500n * w.unit);
      expect(await w.facility.marginBps(1)).to.equal(75);
      expect(await interest(1)).to.equal((700_000n * w.unit * 1275n) / 120_000n);
    });

    it("sets the margin of the first row that the PUE fits, to the unit; above all of them the last", async () => {
      await w.pay(7_500n * w.unit);
      const snapshot = await w.networkHelpers.takeSnapshot();
      for (const [pueE4, marginBps] of [
        [12_000n, 0n],
        [12_001n, 25n],
        [13_000n, 25n],
        [13_001n, 75n],
        [99_000n, 75n],
      ] as const) {
        // From the hour that funding started in to the hour of the first payment date.
        await w.appraisal.setPue(FUNDED_AT, FIRST_PAYMENT_AT, pueE4);
        await expect(show()).to.emit(w.facility, "MarginSet").withArgs(1, pueE4, marginBps);
        expect(await w.facility.marginBps(1)).to.equal(marginBps);
        expect(await interest(1)).to.equal((700_000n * w.unit * (1200n + marginBps)) / 120_000n);
        expect(await w.facility.marginBps(2)).to.equal(75);
        await snapshot.restore();
      }
    });

    it("measures from one payment date to the next afterwards", async () => {
      await w.pay(7_500n * w.unit);
      await w.pay(8_000n * w.unit);
      await w.appraisal.setPue(FIRST_PAYMENT_AT, await w.facility.paymentAt(1), 11_000);
      await expect(show()).to.emit(w.facility, "MarginSet").withArgs(2, 11_000, 0);
    });

    it("refuses twice, too late to the second, and in the first period", async () => {
      await refuses(show(), "Facility_NoMargin", 0, 3);
      await w.pay(7_500n * w.unit);
      await w.appraisal.setPue(FUNDED_AT, FIRST_PAYMENT_AT, 12_000);
      const endAt = Number(await w.facility.paymentAt(1));
      const snapshot = await w.networkHelpers.takeSnapshot();
      await w.networkHelpers.time.setNextBlockTimestamp(endAt);
      await refuses(show(), "Facility_PeriodOver", 1, endAt, endAt);
      await snapshot.restore();
      await w.networkHelpers.time.setNextBlockTimestamp(endAt - 1);
      await show();
      await refuses(show(), "Facility_MarginShown", 1);
    });

    it("refuses without all pledged lots, with one twice, with others, and without meters", async () => {
      await w.pay(7_500n * w.unit);
      await refuses(show([]), "Facility_WrongLotCount", 0, 1);
      await refuses(show([LOT, LOT]), "Facility_WrongLotCount", 2, 1);
      await refuses(show([8n]), "Facility_NotPledged", 8);
      await expect(show()).to.be.revertedWithCustomError(w.appraisal, "MockAppraisal_NoEnergy");
    });

    it("is part of what accrues now", async () => {
      await w.pay(7_500n * w.unit);
      await w.networkHelpers.time.increaseTo(FIRST_PAYMENT_AT + 15 * DAY);
      const day15 = (bps: bigint) => (700_000n * w.unit * bps * 15n) / 3_600_000n;
      expect(await w.facility.accruedAssets(SENIOR_CLASS)).to.equal(day15(1275n));
      await w.appraisal.setPue(FUNDED_AT, FIRST_PAYMENT_AT, 12_000);
      await show();
      expect(await w.facility.accruedAssets(SENIOR_CLASS)).to.equal(day15(1200n));
      expect(await now()).to.be.lessThan(FIRST_PAYMENT_AT + 16 * DAY);
    });
  });
});
