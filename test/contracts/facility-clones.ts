import { expect } from "chai";
import {
  BALLOON,
  SCHEDULED,
  at,
  createWorld,
  FIRST_PAYMENT_AT,
  LOT,
  PERFORMING_LIST,
  RAISE_UNTIL_AT,
  SENIOR_CLASS,
  type World,
} from "./facility-world.ts";

describe("Facilities", () => {
  let w: World;
  beforeEach(async () => {
    w = await createWorld();
  });

  describe("create", () => {
    it("makes a facility and its tokens, bound to each other, and says all settings", async () => {
      const [created] = await w.facilities.queryFilter(w.facilities.filters.FacilityCreated());
      expect(created?.args.facility).to.equal(w.target);
      expect(created?.args.classTokens).to.deep.equal([await w.senior.getAddress(), await w.residual.getAddress()]);
      const said = created?.args.settings;
      expect(said?.classes.map(({ name }) => name)).to.deep.equal(["Test Facility A", "Test Facility Residual"]);
      expect(said?.performingSteps.length).to.equal(5);
      expect(await w.facilities.isFacility(w.target)).to.equal(true);
      for (const token of [w.senior, w.residual]) {
        expect(await token.facility()).to.equal(w.target);
        expect(await token.gate()).to.equal(await w.gate.getAddress());
        expect(await token.authority()).to.equal(await w.manager.getAddress());
      }
      expect(await w.facility.authority()).to.equal(await w.manager.getAddress());
      expect(await w.senior.symbol()).to.equal("TFA");
      expect(await w.facility.classCount()).to.equal(2);
      expect((await w.facility.steps(PERFORMING_LIST)).length).to.equal(5);
      expect((await w.facility.classAt(SENIOR_CLASS)).terms.couponBps).to.equal(1200);
    });

    it("M26: refuses a second initialisation, of the clone and of the implementation", async () => {
      const implementation = await w.ethers.getContractAt("Facility", await w.facilities.facilityImplementation());
      for (const target of [w.facility, implementation]) {
        await expect(
          target.connect(w.mallory).initialize(w.settings, [], w.mallory.address),
        ).to.be.revertedWithCustomError(w.facility, "InvalidInitialization");
      }
    });

    it("M24: refuses a stranger", async () => {
      await expect(w.facilities.connect(w.mallory).create(w.settings))
        .to.be.revertedWithCustomError(w.facilities, "AccessManagedUnauthorized")
        .withArgs(w.mallory.address);
    });

    it("refuses dates out of order", async () => {
      const now = await w.networkHelpers.time.latest();
      await expect(w.create({ raiseUntilAt: now - 1 })).to.be.revertedWithCustomError(
        w.facilities,
        "Facilities_BadDates",
      );
      await expect(w.create({ raiseUntilAt: FIRST_PAYMENT_AT })).to.be.revertedWithCustomError(
        w.facilities,
        "Facilities_BadDates",
      );
    });

    it("refuses an advance above the cost, an asset of 5 or 19 decimals, and a fee to nobody", async () => {
      await expect(w.create({ advanceBps: 10_001 }))
        .to.be.revertedWithCustomError(w.facilities, "Facilities_BadAdvance")
        .withArgs(10_001);
      for (const decimals of [5, 19]) {
        const asset = await (await w.ethers.deployContract("MockCoin", [decimals])).getAddress();
        await expect(w.create({ asset }))
          .to.be.revertedWithCustomError(w.facilities, "Facilities_BadAsset")
          .withArgs(asset, decimals);
      }
      const none = w.ethers.ZeroAddress;
      await expect(w.create({ fees: [{ payee: none, collectionsBps: 0, fixedAssets: 1n, capAssets: 1n }] }))
        .to.be.revertedWithCustomError(w.facilities, "Facilities_BadFee")
        .withArgs(0, none, 0);
      await expect(
        w.create({ fees: [{ payee: w.bob.address, collectionsBps: 10_001, fixedAssets: 1n, capAssets: 1n }] }),
      )
        .to.be.revertedWithCustomError(w.facilities, "Facilities_BadFee")
        .withArgs(0, w.bob.address, 10_001);
    });

    it("refuses one class, nine classes and nine fees", async () => {
      const [senior, residual] = w.settings.classes;
      const [fee] = w.settings.fees;
      if (!senior || !residual || !fee) throw new Error("a world has two classes and a fee");
      for (const changed of [
        { classes: [residual] },
        { classes: [...Array.from({ length: 8 }, () => senior), residual] },
        { fees: Array(9).fill(fee) },
      ]) {
        await expect(w.create(changed)).to.be.revertedWithCustomError(w.facilities, "Facilities_BadCounts");
      }
    });

    it("refuses class terms that cannot stand, naming the class", async () => {
      const [senior, residual] = w.settings.classes;
      if (!senior || !residual) throw new Error("a world has two classes");
      const asSenior = (terms: object) => [{ ...senior, terms: { ...senior.terms, ...terms } }, residual];
      const asResidual = (terms: object) => [senior, { ...residual, terms: { ...residual.terms, ...terms } }];
      const bad = [
        [0, asSenior({ kind: 1 })],
        [0, asSenior({ couponBps: 10_001 })],
        [0, asSenior({ termMonthCount: 601 })],
        [0, asSenior({ callPremiumBps: 10_001 })],
        [0, asSenior({ principalKind: BALLOON, balloonAssets: 1n })],
        [0, asSenior({ scheduledWad: [0n] })],
        [0, asSenior({ principalKind: SCHEDULED, termMonthCount: 2, scheduledWad: [0n] })],
        [0, asSenior({ principalKind: SCHEDULED, termMonthCount: 2, scheduledWad: [1n, 1n] })],
        [0, asSenior({ principalKind: SCHEDULED, termMonthCount: 3, scheduledWad: [1n, 2n, 0n] })],
        [0, asSenior({ principalKind: SCHEDULED, termMonthCount: 2, scheduledWad: [10n ** 18n + 1n, 0n] })],
        [1, asResidual({ callPremiumBps: 1 })],
        [1, asResidual({ scheduledWad: [0n] })],
        [0, asSenior({ termMonthCount: 0 })],
        [0, asSenior({ balloonAssets: 700_000n * w.unit + 1n })],
        [0, asSenior({ minimumAssets: w.unit - 1n })],
        [0, asSenior({ minimumAssets: 700_000n * w.unit + 1n })],
        [0, asSenior({ targetAssets: 2n ** 96n })],
        [1, asResidual({ kind: 0 })],
        [1, asResidual({ couponBps: 1 })],
        [1, asResidual({ termMonthCount: 1 })],
        [1, asResidual({ balloonAssets: 1 })],
        [1, asResidual({ minimumAssets: 0 })],
      ] as const;
      for (const [classIndex, classes] of bad) {
        await expect(w.create({ classes: [...classes] }))
          .to.be.revertedWithCustomError(w.facilities, "Facilities_BadClass")
          .withArgs(classIndex);
      }
    });

    it("M20: takes a coupon of 100 % over fifty years on the largest class, and can schedule it", async () => {
      const [senior, residual] = w.settings.classes;
      if (!senior || !residual) throw new Error("a world has two classes");
      const most = { targetAssets: 2n ** 96n - 1n, minimumAssets: w.unit, couponBps: 10_000, termMonthCount: 600 };
      const facility = await w.create({ classes: [{ ...senior, terms: { ...senior.terms, ...most } }, residual] });
      const target = await facility.getAddress();
      await w.asset.mint(w.alice.address, 2n ** 96n);
      for (const [index, holder] of [w.alice, w.bob].entries()) {
        await w.asset.connect(holder).approve(target, w.ethers.MaxUint256);
        await facility.connect(holder).subscribe(index, index === 0 ? most.targetAssets : 300_000n * w.unit);
      }
      await facility.startFunding();
      await w.pledges.setLot(LOT, 2n ** 100n, 3, target);
      await facility.connect(w.sponsor).draw(LOT, await facility.escrowAssets());
      await facility.startPerforming();
      await w.networkHelpers.time.increaseTo(FIRST_PAYMENT_AT);
      await facility.distribute();
      expect((await facility.classAt(SENIOR_CLASS)).levelPaymentAssets).to.be.greaterThan(most.targetAssets / 12n);
    });

    it("refuses a first reserve above its target", async () => {
      const initialReserveAssets = w.settings.reserveTargetAssets + 1n;
      await expect(w.create({ initialReserveAssets }))
        .to.be.revertedWithCustomError(w.facilities, "Facilities_BadReserve")
        .withArgs(initialReserveAssets, w.settings.reserveTargetAssets);
    });

    it("refuses covenants out of order, too many, or with nothing to read", async () => {
      const { covenants } = w.settings;
      const none = w.ethers.ZeroAddress;
      const bad = [
        { covenants: { ...covenants, trapDscrBps: 1, amortiseDscrBps: 2, dscrPeriodCount: 1 } },
        { covenants: { ...covenants, trapDscrBps: 1, dscrPeriodCount: 0 } },
        { covenants: { ...covenants, dscrPeriodCount: 1 } },
        { covenants: { ...covenants, trapDscrBps: 1, dscrPeriodCount: 13 } },
        { covenants: { ...covenants, minCoverageBps: 10_001 } },
        { covenants: { ...covenants, countries: Array<string>(33).fill("0x5553") } },
        { covenants: { ...covenants, maxLtvBps: 1 }, appraisal: none },
        { covenants: { ...covenants, minCoverageBps: 1 }, appraisal: none },
        { ratchet: [{ maxPueE4: 1, marginBps: 1 }], appraisal: none },
        { callableAt: 1, appraisal: none },
      ];
      for (const changed of bad)
        await expect(w.create(changed)).to.be.revertedWithCustomError(w.facilities, "Facilities_BadCovenants");
      await w.create({ appraisal: none });
    });

    it("refuses a ratchet whose PUE does not rise, whose margin falls, or that is too long", async () => {
      const row = { maxPueE4: 12_000, marginBps: 50 };
      const bad = [
        [1, [row, row]],
        [1, [row, { maxPueE4: 13_000, marginBps: 49 }]],
        [33, Array.from({ length: 33 }, (_, place) => ({ maxPueE4: place, marginBps: 0 }))],
      ] as const;
      for (const [rowIndex, ratchet] of bad)
        await expect(w.create({ ratchet: [...ratchet] }))
          .to.be.revertedWithCustomError(w.facilities, "Facilities_BadRatchet")
          .withArgs(rowIndex);
    });

    it("refuses an auction from nothing, to above its start, or in no time", async () => {
      for (const changed of [{ startBps: 0 }, { floorBps: 10_001 }, { durationSec: 0 }])
        await expect(w.create({ auction: { ...w.settings.auction, ...changed } })).to.be.revertedWithCustomError(
          w.facilities,
          "Facilities_BadAuction",
        );
    });

    it("checks each list by its own rules", async () => {
      const { performingSteps } = w.settings;
      for (const list of ["amortisationSteps", "enforcementSteps"] as const)
        await expect(w.create({ [list]: performingSteps })).to.be.revertedWithCustomError(
          w.facilities,
          "Waterfall_BadStep",
        );
    });

    it("refuses steps that leave the seniors behind or the reserve out", async () => {
      await expect(w.create({ performingSteps: w.settings.performingSteps.slice(1) })).to.be.revertedWithCustomError(
        w.facilities,
        "Waterfall_Incomplete",
      );
      await expect(
        w.create({ performingSteps: [...w.settings.performingSteps].reverse() }),
      ).to.be.revertedWithCustomError(w.facilities, "Waterfall_BadStep");
      await expect(w.create({ reserveTargetAssets: 0n })).to.be.revertedWithCustomError(
        w.facilities,
        "Waterfall_Incomplete",
      );
    });
  });

  describe("eight classes", () => {
    it("M23: raise, fund and pay in strict order", async () => {
      const [senior, residual] = w.settings.classes;
      if (!senior || !residual) throw new Error("a world has two classes");
      const tiny = { targetAssets: 10n * w.unit, minimumAssets: w.unit };
      const seniors = Array.from({ length: 7 }, () => ({ ...senior, terms: { ...senior.terms, ...tiny } }));
      const indices = seniors.map((_, subjectIndex) => subjectIndex);
      const steps = [
        ...indices.map((subjectIndex) => ({ kind: 1, subjectIndex })),
        ...indices.map((subjectIndex) => ({ kind: 3, subjectIndex })),
        { kind: 7, subjectIndex: 7 },
      ];
      const facility = await w.create({
        classes: [...seniors, { ...residual, terms: { ...residual.terms, ...tiny } }],
        fees: [],
        reserveTargetAssets: 0n,
        performingSteps: steps,
        amortisationSteps: steps,
        enforcementSteps: [
          ...indices.flatMap((subjectIndex) => [
            { kind: 1, subjectIndex },
            { kind: 3, subjectIndex },
          ]),
          { kind: 7, subjectIndex: 7 },
        ],
      });
      const target = await facility.getAddress();
      await w.asset.connect(w.alice).approve(target, w.ethers.MaxUint256);
      for (let i = 0; i < 8; i++) await facility.connect(w.alice).subscribe(i, 10n * w.unit);
      await w.networkHelpers.time.setNextBlockTimestamp(at("2026-12-19"));
      expect(RAISE_UNTIL_AT).to.be.greaterThan(at("2026-12-19"));
      await facility.startFunding();
      await w.pledges.setLot(LOT, 100n * w.unit, 3, target);
      await facility.connect(w.sponsor).draw(LOT, 80n * w.unit);
      await facility.startPerforming();
      await w.networkHelpers.time.increaseTo(FIRST_PAYMENT_AT);
      await w.asset.connect(w.alice).transfer(target, 2_000_000n);
      await facility.sync();
      await facility.distribute();
      // 42 days of 12 % on 10 are 0.14 a class; seven times 0.14 is 0.98, the rest is A's principal.
      expect(await facility.outstandingAssets(0)).to.be.lessThan(10n * w.unit);
      for (let i = 0; i < 7; i++) expect((await facility.classAt(i)).interestDueAssets).to.equal(0);
      expect(await facility.outstandingAssets(6)).to.equal(10n * w.unit);
    });
  });
});
