import { expect } from "chai";
import {
  at,
  BALLOON,
  createWorld,
  FEE,
  FEE_EXCESS,
  INTEREST,
  LEVEL_PAY,
  PRINCIPAL,
  RESERVE,
  RESIDUAL,
  SCHEDULED,
  SENIOR_CLASS,
  SEQUENTIAL,
  type Settings,
  type World,
} from "./facility-world.ts";

type Terms = Settings["classes"][number]["terms"];
const WAD = 10n ** 18n;

/// A facility whose senior class has other terms.
const withTerms = (terms: Partial<Terms>, rest: (settings: Settings) => Partial<Settings> = () => ({})) =>
  createWorld({
    change: (settings) => {
      const [senior, residual] = settings.classes;
      if (!senior || !residual) throw new Error("a world has two classes");
      const classes = [{ ...senior, terms: { ...senior.terms, ...terms } }, residual];
      return { ...settings, classes, ...rest({ ...settings, classes }) };
    },
  });

describe("Facility: schedules", () => {
  let w: World;
  const B = 700_000_000_000n;
  const outstanding = () => w.facility.outstandingAssets(SENIOR_CLASS);
  const cover = async (paymentIndex: number) => {
    const { netAssets, serviceAssets } = await w.facility.coverAt(paymentIndex);
    return [netAssets, serviceAssets];
  };

  describe("Scheduled", () => {
    const parts = [WAD - 1n, 600_000_000_000_000_003n, 600_000_000_000_000_003n, 1n, 0n];
    beforeEach(async () => {
      w = await withTerms({ principalKind: SCHEDULED, termMonthCount: 5, scheduledWad: parts });
      await w.perform();
    });

    it("leaves each part of the principal, rounded down, and nothing after the last", async () => {
      for (const part of parts) {
        await w.pay(600_000n * w.unit);
        expect(await outstanding()).to.equal((B * part) / WAD);
      }
    });

    it("M10: makes a shortfall due again on the next date, with interest on what is outstanding", async () => {
      await w.pay(0n);
      expect(await outstanding()).to.equal(B);
      const second = await w.pay(600_000n * w.unit);
      expect(second.get(`${PRINCIPAL}.0`)?.due).to.equal(B - (B * 6n) / 10n);
      expect(second.get(`${INTEREST}.0`)?.due).to.equal(14_000n * w.unit); // the first date's was missed whole
    });

    it("counts what the schedule falls by as debt service, less what was repaid before", async () => {
      await w.pay(600_000n * w.unit);
      expect(await cover(0)).to.deep.equal([599_500n * w.unit, 7_000n * w.unit + 1n]);
      await w.pay(600_000n * w.unit);
      const left = (B * 6n) / 10n;
      expect((await cover(1))[1]).to.equal((B - 1n) / 100n + B - 1n - left);
      await w.pay(600_000n * w.unit);
      expect((await cover(2))[1]).to.equal(left / 100n);
    });
  });

  describe("Balloon", () => {
    it("is due with the last payment, and is no debt service", async () => {
      w = await withTerms({ principalKind: BALLOON, termMonthCount: 3 });
      await w.perform();
      for (const dueAssets of [0n, 0n, B]) {
        expect((await w.pay(200_000n * w.unit)).get(`${PRINCIPAL}.0`)?.due).to.equal(dueAssets);
        const index = (await w.facility.paymentCount()) - 1n;
        expect(await cover(Number(index))).to.deep.equal([199_500n * w.unit, 7_000n * w.unit]);
      }
      expect(await outstanding()).to.be.greaterThan(0);
    });
  });

  describe("Sequential", () => {
    it("takes all the cash that the steps above leave, and is no debt service", async () => {
      w = await withTerms({ principalKind: SEQUENTIAL, termMonthCount: 60 });
      await w.perform();
      const first = await w.pay(300_000n * w.unit);
      expect(first.get(`${PRINCIPAL}.0`)).to.deep.equal({ due: B, paid: 282_500n * w.unit });
      expect(first.get(`${RESIDUAL}.1`)?.paid).to.equal(0);
      expect((await cover(0))[1]).to.equal(7_000n * w.unit);
      expect(await outstanding()).to.equal(417_500n * w.unit);
    });
  });

  describe("LevelPay with a balloon", () => {
    beforeEach(async () => {
      w = await withTerms({ principalKind: LEVEL_PAY, termMonthCount: 3, balloonAssets: 140_000_000_000n });
      await w.perform();
    });

    it("leaves the balloon out of the debt service of the last date, not out of what is due", async () => {
      for (let n = 0; n < 2; n++) await w.pay(300_000n * w.unit);
      const before = await outstanding();
      const last = await w.pay(100_000n * w.unit);
      expect(last.get(`${PRINCIPAL}.0`)?.due).to.equal(before);
      expect((await cover(2))[1]).to.equal(before / 100n + before - 140_000_000_000n);
    });

    it("has only interest as debt service after its last date; principal stays due", async () => {
      for (let n = 0; n < 3; n++) await w.pay(0n);
      const after = await w.pay(10_000n * w.unit);
      expect((await cover(3))[1]).to.equal(7_000n * w.unit);
      expect(after.get(`${PRINCIPAL}.0`)?.due).to.equal(B);
    });

    it("scales the balloon to what was drawn", async () => {
      w = await withTerms({ termMonthCount: 2, balloonAssets: 140_000_000_001n });
      await w.perform(500_000n * w.unit); // half of it goes back
      expect((await w.facility.classAt(SENIOR_CLASS)).balloonAssets).to.equal(70_000_000_000n);
    });
  });

  describe("interest", () => {
    it("counts 30 days from date to date, and on a late date the month and the days since", async () => {
      w = await createWorld();
      await w.perform();
      await w.pay(600_000n * w.unit);
      const principal = await outstanding();
      const accrued = async (iso: string) => {
        await w.networkHelpers.time.increaseTo(at(iso));
        return w.facility.accruedAssets(SENIOR_CLASS);
      };
      // From 31 January: 14 days to 14 February, 30 to 28 February though it has 28, then on by the bond basis.
      expect(await accrued("2027-02-14")).to.equal((principal * 12n * 14n) / 36_000n);
      expect(await accrued("2027-02-28")).to.equal(principal / 100n);
      expect(await accrued("2027-03-05")).to.equal((principal * 12n * 37n) / 36_000n);
    });
  });

  describe("two senior classes", () => {
    it("are paid in order of seniority, each by its own schedule", async () => {
      w = await createWorld({
        change: (settings) => {
          const [senior, residual] = settings.classes;
          const [step] = settings.performingSteps;
          if (!senior || !residual || !step) throw new Error("a world has two classes");
          const half = { targetAssets: 350_000n * 10n ** 6n, minimumAssets: 350_000n * 10n ** 6n };
          const b = { ...half, principalKind: SCHEDULED, termMonthCount: 2, scheduledWad: [WAD / 2n, 0n] };
          const lines: [number, number][] = [
            [FEE, 0],
            [INTEREST, 0],
            [INTEREST, 1],
            [PRINCIPAL, 0],
            [PRINCIPAL, 1],
            [RESIDUAL, 2],
          ];
          const steps = lines.map(([kind, subjectIndex]) => ({ kind, subjectIndex }));
          const strict = [0, 1, 3, 2, 4, 5].map((place) => steps[place] ?? step);
          return {
            ...settings,
            classes: [
              { ...senior, terms: { ...senior.terms, ...half, principalKind: SEQUENTIAL } },
              { ...senior, terms: { ...senior.terms, ...b, couponBps: 2400 } },
              residual,
            ],
            reserveTargetAssets: 0n,
            performingSteps: steps,
            amortisationSteps: steps,
            enforcementSteps: strict,
          };
        },
      });
      for (const [index, holder] of [w.alice, w.bob, w.carol].entries())
        await w.facility.connect(holder).subscribe(index, (index === 2 ? 300_000n : 350_000n) * w.unit);
      await w.networkHelpers.time.setNextBlockTimestamp(at("2026-12-31"));
      await w.facility.startFunding();
      await w.offerLot();
      await w.facility.connect(w.sponsor).draw(7n, 1_000_000n * w.unit);
      await w.facility.startPerforming();
      const first = await w.pay(400_000n * w.unit);
      const unit = w.unit;
      expect([...first.values()].map(({ paid }) => paid / unit)).to.deep.equal([
        500n,
        3_500n,
        7_000n,
        350_000n,
        39_000n,
        0n,
      ]);
      expect(first.get(`${PRINCIPAL}.1`)?.due).to.equal(175_000n * w.unit);
    });
  });

  describe("fees above their cap", () => {
    beforeEach(async () => {
      w = await withTerms({}, ({ performingSteps, fees }) => ({
        fees: fees.map((fee) => ({ ...fee, collectionsBps: 100, capAssets: 600n * 10n ** 6n })),
        performingSteps: [
          ...performingSteps.slice(0, -1),
          { kind: FEE_EXCESS, subjectIndex: 0 },
          ...performingSteps.slice(-1),
        ],
      }));
      await w.perform();
    });

    it("are paid at the excess step, below principal; the cover counts the capped part", async () => {
      const paid = await w.pay(100_000n * w.unit); // due: 500 + 1 % of 100,000
      expect(paid.get(`${FEE}.0`)).to.deep.equal({ due: 600n * w.unit, paid: 600n * w.unit });
      expect(paid.get(`${FEE_EXCESS}.0`)).to.deep.equal({ due: 900n * w.unit, paid: 900n * w.unit });
      expect((await cover(0))[0]).to.equal(99_400n * w.unit);
      expect(await w.facility.feesPaidAssets()).to.equal(1_500n * w.unit);
    });

    it("M10: stay due when cash ends above them, capped again on the next date", async () => {
      const first = await w.pay(60_000n * w.unit); // due: 500 + 600
      expect(first.get(`${FEE_EXCESS}.0`)).to.deep.equal({ due: 500n * w.unit, paid: 0n });
      const second = await w.pay(0n); // due: 500 + 500 carried
      expect(second.get(`${FEE}.0`)).to.deep.equal({ due: 600n * w.unit, paid: 600n * w.unit });
      expect(second.get(`${FEE_EXCESS}.0`)?.due).to.equal(400n * w.unit);
      expect((await w.facility.fees())[0]?.dueAssets).to.equal(400n * w.unit);
    });

    it("leave no net rent when they are more than the rent", async () => {
      await w.pay(0n);
      expect((await cover(0))[0]).to.equal(0);
    });
  });

  describe("the reserve", () => {
    const TARGET = 10_000_000_000n;
    const startWith = async (escrowAssets: bigint, initialReserveAssets = TARGET) => {
      w = await withTerms({}, () => ({ initialReserveAssets }));
      await w.perform(1_000_000n * w.unit - escrowAssets);
    };

    it("M11: starts with escrow that was not drawn; the rest goes back in proportion", async () => {
      await startWith(100_000n * 10n ** 6n);
      expect(await w.facility.reserveAssets()).to.equal(TARGET);
      expect(await outstanding()).to.equal(700_000n * w.unit - 63_000n * w.unit);
      const [started] = await w.facility.queryFilter(w.facility.filters.PerformingStarted());
      expect([started?.args.returnedAssets, started?.args.reserveAssets]).to.deep.equal([90_000n * w.unit, TARGET]);
      expect(await w.facility.ledgerAssets()).to.equal(await w.asset.balanceOf(w.target));
    });

    it("M11: starts with less where there is less, and nothing goes back", async () => {
      await startWith(TARGET - 1n);
      expect(await w.facility.reserveAssets()).to.equal(TARGET - 1n);
      expect(await outstanding()).to.equal(B);
    });

    it("M11: is never filled above what the seniors have outstanding", async () => {
      w = await withTerms({ principalKind: SCHEDULED, termMonthCount: 3, scheduledWad: [WAD / 100n, 1n, 0n] });
      await w.perform();
      expect((await w.pay(800_000n * w.unit)).get(`${RESERVE}.0`)?.due).to.equal(TARGET);
      expect((await w.pay(800_000n * w.unit)).get(`${RESERVE}.0`)?.due).to.equal(7_000n * w.unit);
      expect(await w.facility.reserveAssets()).to.equal(7_000n * w.unit);
      expect((await w.pay(0n)).get(`${RESERVE}.0`)?.due).to.equal(0); // the last date
    });
  });
});
