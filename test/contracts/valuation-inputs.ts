import { expect } from "chai";
import {
  CURVE,
  DAY_SEC,
  deployFacility,
  deployValuation,
  ethers,
  EVIDENCE,
  LIMITS,
  MODEL,
  networkHelpers,
  pledge,
  RECEIVABLES,
  SPREADS,
  usd,
  type Haircuts,
  type Spreads,
} from "./valuation-world.ts";

const { time } = networkHelpers;

// The table of inputs in docs/capital.md: each row at its edge, and one beyond.
describe("Valuation: inputs", () => {
  describe("limits", () => {
    it("refuses to be deployed without an age, a move or a hold", async () => {
      const { authority, seams, letting, index, valuation } = await networkHelpers.loadFixture(deployValuation);
      for (const name of ["maxAgeSec", "maxMoveBps", "holdSec"] as const) {
        const limits = { ...LIMITS, [name]: 0n };
        await expect(ethers.deployContract("Valuation", [authority, seams, seams, letting, index, limits]))
          .to.be.revertedWithCustomError(valuation, "Valuation_BadLimits")
          .withArgs(limits.maxAgeSec, limits.maxMoveBps, limits.holdSec);
      }
    });

    it("starts at its worst: every haircut whole, every rate the highest", async () => {
      const { authority, seams, letting, index } = await networkHelpers.loadFixture(deployValuation);
      const own = await ethers.deployContract("Valuation", [authority, seams, seams, letting, index, LIMITS]);
      for (let i = 0; i < 5; ++i) {
        expect(await own.evidenceHaircutBps(i)).to.equal(10_000n);
        expect(await own.receivablesHaircutBps(i)).to.equal(10_000n);
      }
      for (let i = 0; i < 8; ++i) expect(await own.spreadBps(i)).to.equal(5000n);
      expect([await own.baseRateBps(), await own.inputCount()]).to.deep.equal([5000n, 0n]);
    });
  });

  describe("M24", () => {
    it("refuses a stranger", async () => {
      const { valuation, stranger, startAt } = await networkHelpers.loadFixture(deployValuation);
      const own = valuation.connect(stranger);
      for (const call of [
        () => own.setCurve(MODEL, startAt, 90n * DAY_SEC, 0, CURVE),
        () => own.setHaircuts(EVIDENCE, RECEIVABLES),
        () => own.setDiscount(0, SPREADS),
        () => own.rate(stranger, { asOfAt: 0, maxAgeSec: 0, lesseeBucket: 0 }),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(valuation, "AccessManagedUnauthorized");
      }
    });
  });

  describe("a curve", () => {
    const many = (count: number) => Array<number>(count).fill(5000);

    it("takes 1 to 32 points, never rising, at most 100 %, of today or before, that live as long as a value", async () => {
      const { valuation, startAt } = await networkHelpers.loadFixture(deployValuation);
      const now = startAt + 1000n;
      for (const [asOfAt, maxAge, points] of [
        [startAt, 90n * DAY_SEC, [10_000]],
        [startAt, 90n * DAY_SEC, many(32)],
        [startAt, DAY_SEC, [10_000, 10_000, 0]],
        [now, DAY_SEC, [0]],
      ] as const) {
        if (asOfAt === now) await time.setNextBlockTimestamp(now);
        await valuation.setCurve(MODEL, asOfAt, maxAge, 0, [...points]);
        const set = await valuation.curve(MODEL);
        expect(set).to.deep.equal([asOfAt, maxAge, 0n, points.map(BigInt)]);
        const [event] = await valuation.queryFilter(valuation.filters.CurveSet(), "latest");
        expect(event!.args.slice(1)).to.deep.equal([set, await valuation.inputCount()]);
      }
    });

    it("refuses one beyond each", async () => {
      const { valuation, startAt } = await networkHelpers.loadFixture(deployValuation);
      const bad: [bigint, readonly number[]][] = [
        [startAt, []],
        [startAt, many(33)],
        [startAt, [10_001]],
        [startAt, [5000, 5001]],
        [startAt - 1n, CURVE],
        [startAt + 1001n, CURVE],
      ];
      for (const [i, [asOfAt, points]] of bad.entries()) {
        if (i === bad.length - 1) await time.setNextBlockTimestamp(startAt + 1000n);
        await expect(valuation.setCurve(MODEL, asOfAt, 90n * DAY_SEC, 0, [...points]))
          .to.be.revertedWithCustomError(valuation, "Valuation_BadCurve")
          .withArgs(MODEL, asOfAt, points.length);
      }
      await expect(valuation.setCurve(MODEL, startAt, DAY_SEC - 1n, 0, CURVE))
        .to.be.revertedWithCustomError(valuation, "Valuation_ShortLived")
        .withArgs(MODEL, DAY_SEC - 1n, DAY_SEC);
    });

    it("takes the index's rate on a fixed day for its reference, and refuses a day without one", async () => {
      const { valuation, index, startAt } = await networkHelpers.loadFixture(deployValuation);
      const dayAt = startAt - (startAt % DAY_SEC) - DAY_SEC;
      await expect(valuation.setCurve(MODEL, startAt, 90n * DAY_SEC, dayAt, CURVE))
        .to.be.revertedWithCustomError(valuation, "Valuation_NoReference")
        .withArgs(MODEL, dayAt);
      await index.setRate(MODEL, dayAt, 123n);
      await valuation.setCurve(MODEL, startAt, 90n * DAY_SEC, dayAt, CURVE);
      expect((await valuation.curve(MODEL)).referenceWad).to.equal(123n);
    });
  });

  describe("haircuts", () => {
    const good: [Haircuts, Haircuts][] = [
      [
        [10_000, 10_000, 10_000, 10_000, 10_000],
        [10_000, 10_000, 10_000, 10_000, 10_000],
      ],
      [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 10_000],
      ],
    ];
    const bad: [Haircuts, Haircuts][] = [
      [[10_001, 0, 0, 0, 0], RECEIVABLES],
      [[0, 0, 0, 0, 1], RECEIVABLES],
      [EVIDENCE, [0, 0, 0, 0, 9_999]],
      [EVIDENCE, [0, 0, 0, 0, 10_001]],
      [EVIDENCE, [0, 0, 0, 10_001, 10_000]],
      [EVIDENCE, [1, 0, 0, 0, 10_000]],
    ];

    it("take 0 to 100 %, never rising with evidence, never falling with age, the oldest whole", async () => {
      const { valuation } = await networkHelpers.loadFixture(deployValuation);
      for (const [evidence, receivables] of good) {
        await valuation.setHaircuts(evidence, receivables);
        expect(await valuation.evidenceHaircutBps(4)).to.equal(evidence[4]);
        expect(await valuation.receivablesHaircutBps(0)).to.equal(receivables[0]);
      }
    });

    it("refuse one beyond", async () => {
      const { valuation } = await networkHelpers.loadFixture(deployValuation);
      for (const [evidence, receivables] of bad) {
        await expect(valuation.setHaircuts(evidence, receivables)).to.be.revertedWithCustomError(
          valuation,
          "Valuation_BadHaircut",
        );
      }
    });
  });

  describe("rates", () => {
    it("take 0 to 50 % a year, never less for a worse lessee", async () => {
      const { valuation } = await networkHelpers.loadFixture(deployValuation);
      await valuation.setDiscount(5000, [0, 0, 0, 0, 0, 0, 0, 5000]);
      await valuation.setDiscount(0, [5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000]);
      expect([await valuation.baseRateBps(), await valuation.spreadBps(0)]).to.deep.equal([0n, 5000n]);
    });

    it("refuse one beyond", async () => {
      const { valuation } = await networkHelpers.loadFixture(deployValuation);
      const worse = SPREADS.with(3, SPREADS[4] + 1) as Spreads;
      for (const [base, spreads, rateBps] of [
        [5001, SPREADS, 5001],
        [0, SPREADS.with(7, 5001) as Spreads, 5001],
        [0, worse, SPREADS[4] + 1],
      ] as const) {
        await expect(valuation.setDiscount(base, spreads))
          .to.be.revertedWithCustomError(valuation, "Valuation_BadRate")
          .withArgs(rateBps);
      }
    });
  });

  describe("a rating", () => {
    it("takes bucket 0 to 7, of today or before, for at most 400 days", async () => {
      const { valuation, lessee, startAt } = await networkHelpers.loadFixture(deployValuation);
      const rating = { asOfAt: startAt, maxAgeSec: 400n * DAY_SEC, lesseeBucket: 7n };
      await expect(valuation.rate(lessee, rating))
        .to.emit(valuation, "Rated")
        .withArgs(lessee.address, Object.values(rating), 4n);
      expect(await valuation.ratingOf(lessee)).to.deep.equal(Object.values(rating));
    });

    it("refuses one beyond, and one older than the last", async () => {
      const { valuation, lessee, startAt } = await networkHelpers.loadFixture(deployValuation);
      const good = { asOfAt: startAt, maxAgeSec: 400n * DAY_SEC, lesseeBucket: 7n };
      await valuation.rate(lessee, good);
      for (const changed of [
        { lesseeBucket: 8n },
        { asOfAt: startAt + 10_000n },
        { asOfAt: startAt - 1n },
        { maxAgeSec: 400n * DAY_SEC + 1n },
      ]) {
        const rating = { ...good, ...changed };
        await expect(valuation.rate(lessee, rating))
          .to.be.revertedWithCustomError(valuation, "Valuation_BadRating")
          .withArgs(lessee.address, rating.lesseeBucket, rating.asOfAt, rating.maxAgeSec);
      }
    });
  });

  describe("the index", () => {
    /** A new lot at cost under a curve that goes with the index; the reference is 3. */
    async function indexed() {
      const world = await networkHelpers.loadFixture(deployFacility);
      const { valuation, index, seams, startAt } = world;
      const dayAt = startAt - (startAt % DAY_SEC) - DAY_SEC;
      await index.setRate(MODEL, dayAt, 3n * 10n ** 18n);
      await valuation.setCurve(MODEL, startAt, 90n * DAY_SEC, dayAt, [5000]);
      await pledge(world, 1, 4);
      const appraise = async (rateWad: bigint, day = dayAt + DAY_SEC) => {
        await index.setRate(MODEL, day, rateWad);
        await valuation.appraise(seams, [1]);
        return valuation.appraisal(seams);
      };
      return { ...world, dayAt, appraise };
    }
    const [LEAST, MOST] = [3n * 10n ** 17n, 6n * 10n ** 18n];

    it("scales a curve by 0.1 to 2, at most to cost", async () => {
      const { appraise } = await indexed();
      expect((await appraise(LEAST)).hardwareAssets).to.equal(usd(50_000));
      expect((await appraise(4n * 10n ** 18n)).hardwareAssets).to.equal(666_666_666_666n);
      expect((await appraise(MOST)).hardwareAssets).to.equal(usd(1_000_000));
    });

    it("M18: beyond, there is no appraisal, and the last one ages out", async () => {
      const { appraise, valuation, seams } = await indexed();
      const { computedAt } = await appraise(MOST);
      for (const rateWad of [LEAST - 1n, MOST + 1n]) {
        await expect(appraise(rateWad))
          .to.be.revertedWithCustomError(valuation, "Valuation_IndexOutOfRange")
          .withArgs(MODEL, rateWad, 3n * 10n ** 18n);
      }
      expect((await valuation.appraisal(seams)).computedAt).to.equal(computedAt);
      await time.increaseTo(computedAt + DAY_SEC + 1n);
      await expect(valuation.classPriceWad(seams, 0)).to.be.revertedWithCustomError(valuation, "Valuation_Stale");
    });

    it("M18: ages a value by its newest day, which counts for five days after it ended", async () => {
      const { appraise, seams, startAt, dayAt } = await indexed();
      await seams.setReportedUntil(startAt + 30n * DAY_SEC);
      const endAt = dayAt + DAY_SEC;
      await time.setNextBlockTimestamp(endAt + 4n * DAY_SEC);
      await seams.setReportedUntil(startAt + 30n * DAY_SEC);
      expect((await appraise(3n * 10n ** 18n, dayAt)).computedAt).to.be.closeTo(endAt + 4n * DAY_SEC, 10n);
      await time.increaseTo(endAt + 5n * DAY_SEC);
      const { computedAt } = await appraise(3n * 10n ** 18n, dayAt);
      expect(computedAt).to.equal(endAt + 4n * DAY_SEC); // usable until the five days are over
    });

    it("is no input of a curve without a reference: it may be missing", async () => {
      const { valuation, index, seams, startAt, appraise } = await indexed();
      await appraise(MOST);
      await valuation.setCurve(MODEL, startAt, 90n * DAY_SEC, 0, [5000]);
      await index.setHabit(1);
      await valuation.appraise(seams, [1]);
      expect((await valuation.appraisal(seams)).hardwareAssets).to.equal(usd(500_000));
    });
  });

  describe("telemetry", () => {
    it("E10, M18: makes a value stale once its newest report is older than the value may be", async () => {
      const world = await networkHelpers.loadFixture(deployFacility);
      const { valuation, seams, startAt } = world;
      await time.increaseTo(startAt + DAY_SEC - 1000n);
      await valuation.appraise(seams, []);
      expect((await valuation.appraisal(seams)).computedAt, "no lots").to.be.at.least(startAt + DAY_SEC - 1000n);
      await pledge(world, 1, 4);
      await valuation.appraise(seams, [1]);
      expect((await valuation.appraisal(seams)).computedAt).to.equal(startAt);
      await time.increaseTo(startAt + DAY_SEC);
      await valuation.classPriceWad(seams, 0);
      await time.increaseTo(startAt + DAY_SEC + 1n);
      await expect(valuation.classPriceWad(seams, 0)).to.be.revertedWithCustomError(valuation, "Valuation_Stale");
    });
  });
});
