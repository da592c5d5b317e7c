import { expect } from "chai";
import { WAD } from "./marketsWorld.ts";
import {
  DAY_SEC,
  deployAppraised,
  deployFacility,
  deployValuation,
  ethers,
  EVIDENCE,
  LIMITS,
  MODEL,
  networkHelpers,
  pledge,
  RECEIVABLES,
  usd,
  YEAR_SEC,
} from "./valuation-world.ts";

describe("Valuation", () => {
  describe("appraise", () => {
    it("takes cost down the model's curve, linear within a year, flat after the last point", async () => {
      const world = await networkHelpers.loadFixture(deployValuation);
      const { seams, valuation, startAt } = world;
      const ages: [bigint, bigint][] = [
        [0n, usd(1_000_000)],
        [YEAR_SEC / 2n, usd(800_000)],
        [YEAR_SEC, usd(600_000)],
        [YEAR_SEC + YEAR_SEC / 4n, usd(550_000)],
        [5n * YEAR_SEC, usd(100_000)],
        [20n * YEAR_SEC, usd(100_000)],
      ];
      for (const [i, [age, worth]] of ages.entries()) {
        const { seams: facility, valuation: own } = i === 0 ? world : await deployValuation();
        const now = BigInt(await networkHelpers.time.latest());
        await pledge({ ...world, seams: facility, startAt: now + 10n }, 1, 4, age);
        await networkHelpers.time.setNextBlockTimestamp(now + 10n);
        await own.appraise(facility, [1]);
        expect((await own.appraisal(facility)).hardwareAssets, String(age)).to.equal(worth);
      }
      expect(await seams.lotCount()).to.equal(1n);
      expect((await valuation.curve(MODEL)).asOfAt).to.equal(startAt);
    });

    it("rounds a partly passed year down", async () => {
      const world = await networkHelpers.loadFixture(deployValuation);
      const { seams, valuation, startAt } = world;
      await pledge(world, 1, 4);
      await networkHelpers.time.setNextBlockTimestamp(startAt + 1000n);
      await valuation.appraise(seams, [1]);
      // 1,000,000 − 400,000 · 1000 s ÷ 1 year = 999,987.31608…
      expect((await valuation.appraisal(seams)).hardwareAssets).to.equal(999_987_316_083n);
    });

    it("rounds what is left of the cost down, to 18 places", async () => {
      const world = await networkHelpers.loadFixture(deployValuation);
      const { seams, valuation, startAt } = world;
      await pledge(world, 1, 4, 0n, 10n ** 30n);
      await networkHelpers.time.setNextBlockTimestamp(startAt + 1000n);
      await valuation.appraise(seams, [1]);
      const left = WAD - ((4000n * WAD * 1000n) / (YEAR_SEC * 10_000n) + 1n);
      expect((await valuation.appraisal(seams)).hardwareAssets).to.equal(left * 10n ** 12n);
    });

    it("takes the haircut of the evidence class in force", async () => {
      for (const [evidence, worth] of [
        [0, 0n],
        [1, usd(500_000)],
        [2, usd(750_000)],
        [3, usd(900_000)],
        [4, usd(1_000_000)],
      ] as const) {
        const world = await deployValuation();
        const later = world.startAt + 100n;
        await pledge({ ...world, startAt: later }, 1, evidence);
        await networkHelpers.time.setNextBlockTimestamp(later);
        await world.valuation.appraise(world.seams, [1]);
        expect((await world.valuation.appraisal(world.seams)).hardwareAssets, String(evidence)).to.equal(worth);
      }
    });

    it("is open to anyone who brings every pledged lot once, in ascending order", async () => {
      const world = await networkHelpers.loadFixture(deployValuation);
      const { seams, valuation, stranger } = world;
      for (const lotId of [3, 5, 9]) await pledge(world, lotId, 4);
      const own = valuation.connect(stranger);
      const facility = await seams.getAddress();
      await expect(own.appraise(seams, [3, 5]))
        .to.be.revertedWithCustomError(valuation, "Valuation_WrongLotCount")
        .withArgs(facility, 2n, 3n);
      await expect(own.appraise(seams, [3, 5, 5]))
        .to.be.revertedWithCustomError(valuation, "Valuation_LotsUnsorted")
        .withArgs(facility, 5n);
      await expect(own.appraise(seams, [5, 3, 9])).to.be.revertedWithCustomError(valuation, "Valuation_LotsUnsorted");
      await expect(own.appraise(seams, [3, 5, 10]))
        .to.be.revertedWithCustomError(valuation, "Valuation_NotPledged")
        .withArgs(facility, 10n);
      await own.appraise(seams, [3, 5, 9]);
      const [event] = await valuation.queryFilter(valuation.filters.Appraised());
      expect(event!.args.appraisal).to.deep.equal(await valuation.appraisal(seams));
    });

    it("refuses a lot whose model has no curve", async () => {
      const world = await networkHelpers.loadFixture(deployValuation);
      const { seams, letting, index, authority, admin } = world;
      const seat = [authority, seams, seams, letting, index, LIMITS] as const;
      const bare = await ethers.deployContract("Valuation", [...seat], admin);
      await pledge(world, 1, 4);
      await expect(bare.appraise(seams, [1]))
        .to.be.revertedWithCustomError(bare, "Valuation_NoCurve")
        .withArgs(MODEL);
    });
  });

  describe("age", () => {
    it("is that of the oldest input: block, telemetry, or a curve less what it may be older", async () => {
      const world = await networkHelpers.loadFixture(deployValuation);
      const { seams, valuation, startAt } = world;
      await pledge(world, 1, 4);
      const appraiseAt = async (timeAt: bigint) => {
        await networkHelpers.time.setNextBlockTimestamp(timeAt);
        await valuation.appraise(seams, [1]);
        return (await valuation.appraisal(seams)).computedAt;
      };
      const dayOne = startAt + DAY_SEC;
      expect(await appraiseAt(dayOne), "telemetry").to.equal(startAt);
      await seams.setReportedUntil(dayOne + 2n * DAY_SEC);
      expect(await appraiseAt(dayOne + DAY_SEC), "block").to.equal(dayOne + DAY_SEC);
      await seams.setReportedUntil(startAt + 200n * DAY_SEC);
      expect(await appraiseAt(startAt + 89n * DAY_SEC), "block").to.equal(startAt + 89n * DAY_SEC);
      // The curve ends after 90 days, and so does every value made with it.
      expect(await appraiseAt(startAt + 89n * DAY_SEC + 3600n), "curve").to.equal(startAt + 89n * DAY_SEC);
    });

    it("E10, M18: a class has a price until the last second of its age and none after", async () => {
      const { seams, valuation } = await networkHelpers.loadFixture(deployAppraised);
      const { computedAt } = await valuation.appraisal(seams);
      await networkHelpers.time.increaseTo(computedAt + DAY_SEC);
      expect(await valuation.classPriceWad(seams, 0)).to.be.above(0n);
      await networkHelpers.time.increaseTo(computedAt + DAY_SEC + 1n);
      await expect(valuation.classPriceWad(seams, 0))
        .to.be.revertedWithCustomError(valuation, "Valuation_Stale")
        .withArgs(await seams.getAddress(), computedAt, DAY_SEC, computedAt + DAY_SEC + 1n);
      expect((await valuation.facilityValue(seams)).computedAt).to.equal(computedAt);
    });

    it("is none before an appraisal, after a lot came or went, an input changed, a payment or a default", async () => {
      const world = await networkHelpers.loadFixture(deployFacility);
      const { seams, letting, valuation, startAt } = world;
      const stale = () =>
        expect(valuation.classPriceWad(seams, 0)).to.be.revertedWithCustomError(valuation, "Valuation_Stale");
      await stale();
      await valuation.appraise(seams, []);
      await valuation.classPriceWad(seams, 0);
      await pledge(world, 1, 4);
      await stale();
      await valuation.appraise(seams, [1]);
      await valuation.classPriceWad(seams, 0);
      await valuation.setCurve(MODEL, startAt + 1n, 90n * DAY_SEC, 0, [5000]);
      await stale();
      await valuation.appraise(seams, [1]);
      await valuation.setHaircuts(EVIDENCE, RECEIVABLES);
      await stale();
      await valuation.appraise(seams, [1]);
      await seams.setPaymentCount(1);
      await stale();
      await valuation.appraise(seams, [1]);
      await letting.setDefaultCount(1);
      await stale();
      expect((await valuation.facilityValue(seams)).computedAt).to.equal(0n);
    });
  });

  describe("classes", () => {
    it("get what strict seniority leaves them, live", async () => {
      const { seams, valuation } = await networkHelpers.loadFixture(deployAppraised);
      const values = async () =>
        Promise.all([0, 1, 2].map(async (i) => (await valuation.classValue(seams, i)).exitAssets));
      expect(await values()).to.deep.equal([usd(500), 0n, 0n]);
      await seams.setLedger(usd(606), 0);
      expect(await values()).to.deep.equal([usd(606), 0n, 0n]);
      await seams.setLedger(usd(607), 0);
      expect(await values()).to.deep.equal([usd(606), usd(1), 0n]);
      await seams.setLedger(usd(810), 0);
      expect(await values()).to.deep.equal([usd(606), usd(203), usd(1)]);
      await seams.setLedger(0, 0);
      expect(await values()).to.deep.equal([0n, 0n, 0n]);
    });

    it("are priced per whole share, rounded down", async () => {
      const { seams, valuation } = await networkHelpers.loadFixture(deployAppraised);
      await seams.setLedger(usd(10_000), 0);
      expect(await valuation.classPriceWad(seams, 0)).to.equal((usd(606) * WAD) / usd(600));
      expect(await valuation.classPriceWad(seams, 1)).to.equal((usd(203) * WAD) / usd(200));
      expect(await valuation.classPriceWad(seams, 2)).to.equal((usd(9191) * WAD) / usd(100));
      await seams.setLedger(1, 0);
      expect(await valuation.classPriceWad(seams, 0)).to.equal(WAD / usd(600));
    });

    it("refuses an unknown class", async () => {
      const { seams, valuation } = await networkHelpers.loadFixture(deployAppraised);
      await expect(valuation.classValue(seams, 3))
        .to.be.revertedWithCustomError(valuation, "Valuation_UnknownClass")
        .withArgs(await seams.getAddress(), 3n, 3n);
    });

    it("M29: have no price when it is zero, beyond 2^96, or carried by less than one whole share", async () => {
      const { seams, valuation, loan, admin } = await networkHelpers.loadFixture(deployAppraised);
      const bad = (index: number) =>
        expect(valuation.classPriceWad(seams, index)).to.be.revertedWithCustomError(valuation, "Valuation_BadPrice");
      await bad(1);
      await seams.setLedger(2n ** 128n, 0);
      await bad(2);
      const dust = await ethers.deployContract("MockShare", [loan, 6]);
      await dust.mint(admin, usd(1) - 1n);
      await seams.addClass(dust, 0);
      await expect(valuation.classPriceWad(seams, 3))
        .to.be.revertedWithCustomError(valuation, "Valuation_TooFewShares")
        .withArgs(await seams.getAddress(), 3n, usd(1) - 1n);
      await dust.mint(admin, 1);
      const most = ((2n ** 96n - 1n) * usd(1)) / WAD;
      await seams.setLedger(usd(809) + most, 0);
      await valuation.classPriceWad(seams, 3);
      await seams.setLedger(usd(809) + most + 1n, 0);
      await bad(3);
    });
  });
});
