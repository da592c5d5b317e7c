import { expect } from "chai";
import { facilityOf, hardwareAt, type LeaseFacts, type LotFacts, worthOf } from "./valuation-model.ts";
import {
  BASE_RATE,
  CURVE,
  DAY_SEC,
  deployFacility,
  EVIDENCE,
  leaseOf,
  type LeaseChanges,
  networkHelpers,
  NO_AGES,
  pledge,
  RECEIVABLES,
  SPREADS,
  LIMITS,
  usd,
  type ValuationWorld,
  YEAR_SEC,
} from "./valuation-world.ts";

const RATED_SEC = 400n * DAY_SEC;

describe("Valuation: let lots", () => {
  let world: ValuationWorld;
  let nowAt: bigint;

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployFacility);
    await pledge(world, 1, 3, YEAR_SEC / 2n);
    nowAt = world.startAt + 1000n;
  });

  const rate = (lesseeBucket = 0, asOfAt = world.startAt) =>
    world.valuation.rate(world.lessee, { asOfAt, maxAgeSec: RATED_SEC, lesseeBucket });

  const let_ = async (changes: LeaseChanges = {}) => {
    const { terms, status } = await leaseOf(world, changes);
    await world.letting.setLease(1, terms, status);
    return { terms, status };
  };

  /** Appraises at the test's time; what the lots are worth. */
  const appraise = async (lotIds = [1]) => {
    await networkHelpers.time.setNextBlockTimestamp(nowAt);
    await world.valuation.appraise(world.seams, lotIds);
    return world.valuation.appraisal(world.seams);
  };

  /** The same facts, for the model. */
  const factsOf = (kind: LeaseFacts["kind"], changes: Partial<LeaseFacts> = {}): LotFacts => ({
    costAssets: usd(1_000_000),
    commissionedAt: world.startAt - YEAR_SEC / 2n,
    residualBps: CURVE,
    haircutBps: BigInt(EVIDENCE[3]),
    lease: {
      kind,
      startAt: world.startAt - (world.startAt % DAY_SEC),
      termCount: 36,
      endCount: 36,
      settledCount: 0,
      minPeriodCount: 36,
      endAt: 0n,
      rentAssets: usd(30_000),
      renewalBps: 0n,
      feeAssets: 0n,
      priceAssets: 0n,
      yearBps: BigInt(BASE_RATE + SPREADS[kind === "counted" ? 0 : 7]),
      owedAssets: 0n,
      ...changes,
    },
  });

  const expectWorth = async (facts: LotFacts) => {
    const expected = worthOf(facts, nowAt, LIMITS.maxAgeSec);
    const { exitAssets, entryAssets, hardwareAssets, contractedAssets } = await appraise();
    expect({ exitAssets, entryAssets, hardwareAssets, contractedAssets }).to.deep.equal(expected);
    return expected;
  };

  describe("of a rated lessee", () => {
    it("are worth the rent, and the hardware when the lease ends, both discounted; haircut on the hardware alone", async () => {
      await rate();
      await let_({ baseRentAssets: usd(19_500) });
      const facts = factsOf("counted", { rentAssets: usd(19_500) });
      const { exitAssets, entryAssets, contractedAssets } = await expectWorth(facts);
      const annuity = (19_500 * (1 - (1 + 0.05 / 12) ** -36)) / (0.05 / 12);
      expect(Math.abs(Number(contractedAssets) / 1e6 - annuity)).to.be.below(0.0001);
      const atEnd = hardwareAt(facts, facts.lease!.startAt + 1096n * DAY_SEC);
      const left = Number(atEnd) / 1e6 / (1 + 0.05 / 12) ** 36;
      expect(Math.abs(Number(exitAssets) / 1e6 - annuity - left * 0.9)).to.be.below(0.001);
      expect(Math.abs(Number(entryAssets) / 1e6 - annuity - left)).to.be.below(0.001);
    });

    it("are discounted at the worse of two buckets, the lease's at most the worst", async () => {
      for (const [rated, agreed, bucket] of [
        [2, 1, 2],
        [1, 4, 4],
        [0, 200, 7],
        [7, 0, 7],
      ] as const) {
        await rate(rated);
        await let_({ lesseeBucket: agreed });
        await expectWorth(factsOf("counted", { yearBps: BigInt(BASE_RATE + SPREADS[bucket]) }));
        nowAt += 100n;
      }
    });

    it("count the rent to the first possible end, then the termination fee where it is less", async () => {
      await rate();
      for (const [minPeriodCount, fee] of [
        [12, 0],
        [12, 10_000],
        [12, 30_000],
        [12, 50_000],
        [0, 10_000],
        [40, 0],
      ] as const) {
        await let_({ exit: { minPeriodCount: BigInt(minPeriodCount), terminationFeeAssets: usd(fee) } });
        await expectWorth(factsOf("counted", { minPeriodCount, feeAssets: usd(fee) }));
        nowAt += 100n;
      }
    });

    it("M33: count to an end that was set, its last month in part", async () => {
      await rate();
      const { terms } = await let_();
      const endAt = terms.startAt + 100n * DAY_SEC + 3600n;
      await let_({ exit: { minPeriodCount: 1n }, status: { endAt, endCount: 4 } });
      const { contractedAssets } = await expectWorth(factsOf("counted", { minPeriodCount: 1, endAt, endCount: 4 }));
      expect(contractedAssets).to.be.below(usd(100_000));
    });

    it("count renewed months at their own rent, and none that is invoiced", async () => {
      await rate();
      await let_({
        exit: { renewalPeriodCount: 12n, renewalRentBps: 7500n, minPeriodCount: 48n },
        status: { periodCount: 48, endCount: 48, settledCount: 20 },
      });
      await expectWorth(factsOf("counted", { endCount: 48, minPeriodCount: 48, renewalBps: 7500n, settledCount: 20 }));
    });

    it("are worth no more than a purchase option leaves, at its earliest or at the end", async () => {
      await rate();
      for (const [minPeriodCount, price, settledCount] of [
        [36, 50_000, 0], // at the end only: less than the hardware then
        [12, 100_000, 0], // cheap, early
        [12, 900_000, 0], // dear, early
        [0, 200_000, 0], // now
        [12, 200_000, 20], // since long
      ] as const) {
        await let_({
          exit: {
            minPeriodCount: BigInt(minPeriodCount),
            purchaseAssets: usd(price),
            terminationFeeAssets: usd(30_000),
          },
          status: { settledCount },
        });
        await expectWorth(
          factsOf("counted", { minPeriodCount, settledCount, feeAssets: usd(30_000), priceAssets: usd(price) }),
        );
        nowAt += 100n;
      }
    });

    it("may be worth less than without a lease, where the rent is low, on exit; never on entry", async () => {
      await rate();
      await let_({ baseRentAssets: usd(1000) });
      const low = factsOf("counted", { rentAssets: usd(1000) });
      const { exitAssets, entryAssets, hardwareAssets } = await expectWorth(low);
      const accrued = entryAssets - hardwareAt(low, nowAt); // of two days at most
      expect(exitAssets).to.be.below(hardwareAssets);
      expect(Number(accrued)).to.be.within(1, Number(usd(100)));
    });

    it("a lease whose time is over and that has months to invoice: the hardware of today", async () => {
      await rate();
      const startAt = world.startAt - (world.startAt % DAY_SEC) - 4n * YEAR_SEC;
      await let_({ startAt, status: { settledCount: 35 } });
      await expectWorth(factsOf("counted", { startAt, settledCount: 35 }));
    });
  });

  describe("of a lessee whose rent does not count", () => {
    const cases: [string, LeaseChanges, (() => Promise<unknown>)?][] = [
      ["unrated", {}],
      ["related by its terms", { relatedParty: true }, () => rate()],
      ["shown to be related", {}, async () => (await rate(), world.letting.setRelated(1, true))],
      ["whose rating expired", {}, () => rate(0, world.startAt - RATED_SEC)],
      [
        "whose rating was taken away",
        {},
        () => world.valuation.rate(world.lessee, { asOfAt: world.startAt, maxAgeSec: 0, lesseeBucket: 0 }),
      ],
    ];
    for (const [who, changes, before] of cases) {
      it(`${who}: a high rent adds nothing, a low one takes away`, async () => {
        await before?.();
        await let_({ ...changes, baseRentAssets: usd(100_000) });
        const high = await expectWorth(factsOf("uncounted", { rentAssets: usd(100_000) }));
        expect(high.exitAssets).to.equal(high.hardwareAssets);
        nowAt += 100n;
        await let_({ ...changes, baseRentAssets: usd(5000) });
        const low = await expectWorth(factsOf("uncounted", { rentAssets: usd(5000) }));
        expect(low.exitAssets).to.be.below(low.hardwareAssets);
        expect(low.contractedAssets).to.equal(0n);
      });
    }

    it("counts on the last second of a rating and not on the next", async () => {
      await rate(0, nowAt - RATED_SEC);
      await let_();
      await expectWorth(factsOf("counted"));
      nowAt += 1n;
      await expectWorth(factsOf("uncounted"));
    });
  });

  describe("under other leases", () => {
    it("metered or in default: the hardware; metered with an option, no more than its price", async () => {
      await let_({ pricing: 1, baseRentAssets: 0n, gpuHourRateAssets: usd(2) });
      await expectWorth(factsOf("metered", { hourAssets: 8n * usd(2) }));
      nowAt += 100n;
      await let_({ pricing: 2, baseRentAssets: 0n, exit: { purchaseAssets: usd(100_000) } });
      const { exitAssets } = await expectWorth(factsOf("metered", { priceAssets: usd(100_000), hourAssets: 0n }));
      expect(exitAssets).to.equal(usd(90_000));
      nowAt += 100n;
      await let_({ status: { isInDefault: true } });
      await expectWorth(factsOf("default"));
    });

    it("of another payee or token: nothing on exit", async () => {
      await rate();
      const other: [LeaseChanges, string][] = [
        [{ status: { payee: world.stranger.address } }, "payee"],
        [{ asset: world.stranger.address }, "asset"],
      ];
      for (const [changes, what] of other) {
        await let_(changes);
        expect((await expectWorth(factsOf("foreign"))).exitAssets, what).to.equal(0n);
        nowAt += 100n;
      }
    });

    it("M31: that its lessee bought: nothing, from the second it was bought", async () => {
      await let_();
      await appraise();
      await world.valuation.classPriceWad(world.seams, 0);
      await world.letting.setMoney(usd(700_000), 0, usd(700_000), NO_AGES);
      await expect(world.valuation.classPriceWad(world.seams, 0)).to.be.revertedWithCustomError(
        world.valuation,
        "Valuation_Stale",
      );
      await let_({ status: { purchaser: world.lessee.address, endCount: 1, endAt: nowAt } });
      nowAt += 100n;
      await expectWorth(factsOf("bought"));
      expect((await world.valuation.facilityValue(world.seams)).exitAssets).to.equal(usd(500) + usd(700_000));
    });
  });

  describe("money between appraisals", () => {
    const ages = (...assets: number[]) => assets.map(usd) as unknown as typeof NO_AGES;
    const expectValue = async (collectable: bigint, agesAssets: typeof NO_AGES, invoiced: bigint, owed: bigint) => {
      const expected = facilityOf({
        cashAssets: usd(500),
        collectableAssets: collectable,
        agesAssets,
        ageHaircutsBps: RECEIVABLES.map(BigInt),
        lots: [worthOf(factsOf("counted"), nowAt, LIMITS.maxAgeSec)],
        owedAssets: owed,
        invoicedAssets: invoiced,
      });
      const { exitAssets, entryAssets } = await world.valuation.facilityValue(world.seams);
      expect({ exitAssets, entryAssets }).to.deep.equal(expected);
      return exitAssets;
    };

    it("counts unpaid rent by age, up to what counted lessees owed", async () => {
      await rate();
      await let_({ status: { owedAssets: usd(100) } });
      const set = (values: typeof NO_AGES) => world.letting.setMoney(usd(7), 0, 0, values);
      await set(ages(60, 50, 40, 30, 20));
      await appraise();
      // 54 + 37.5 + 20 + 6 + 0 = 117.5, of which 100.
      await expectValue(usd(7), ages(60, 50, 40, 30, 20), 0n, usd(100));
      // What was unpaid ages, and counts for less: 40 · ½ + 160 · 0.
      await set(ages(0, 0, 40, 0, 160));
      await expectValue(usd(7), ages(0, 0, 40, 0, 160), 0n, usd(100));
      expect((await world.valuation.facilityValue(world.seams)).exitAssets).to.equal(
        usd(500 + 7 + 20) + (await world.valuation.appraisal(world.seams)).exitAssets,
      );
    });

    it("counts nothing that a lessee whose rent does not count owes", async () => {
      await let_({ status: { owedAssets: usd(1000) } });
      await world.letting.setMoney(0, 0, 0, ages(1000, 0, 0, 0, 0));
      const { exitAssets } = await appraise();
      expect((await world.valuation.facilityValue(world.seams)).exitAssets).to.equal(usd(500) + exitAssets);
    });

    it("M31: a rent that comes in raises no exit value before the next appraisal, invoiced or paid", async () => {
      await rate();
      await let_();
      await appraise();
      const before = await expectValue(0n, NO_AGES, 0n, 0n);
      await world.letting.setMoney(usd(30_000), usd(30_000), 0, NO_AGES);
      expect(await expectValue(usd(30_000), NO_AGES, usd(30_000), 0n)).to.equal(before);
      await world.letting.setMoney(0, 0, 0, ages(30_000, 0, 0, 0, 0));
      // Invoiced and unpaid: less the haircut on what is not due yet.
      expect(await expectValue(0n, ages(30_000, 0, 0, 0, 0), usd(30_000), 0n)).to.equal(before - usd(3000));
    });

    it("takes no more off than the contracted rent in the value", async () => {
      await rate();
      await let_({ periodCount: 2 });
      const { contractedAssets, exitAssets } = await appraise();
      await world.letting.setMoney(usd(90_000), usd(90_000), 0, NO_AGES);
      const value = await world.valuation.facilityValue(world.seams);
      expect(value.exitAssets).to.equal(usd(500) + usd(90_000) + exitAssets - contractedAssets);
    });
  });

  describe("age and jumps with a rating", () => {
    it("a value is no older than a rating it was made with allows, to the second", async () => {
      await rate(0, nowAt - RATED_SEC + 100n);
      await let_();
      const { computedAt } = await appraise();
      expect(computedAt).to.equal(nowAt + 100n - DAY_SEC);
      await networkHelpers.time.increaseTo(nowAt + 100n);
      await world.valuation.classPriceWad(world.seams, 0);
      await networkHelpers.time.increaseTo(nowAt + 101n);
      await expect(world.valuation.classPriceWad(world.seams, 0)).to.be.revertedWithCustomError(
        world.valuation,
        "Valuation_Stale",
      );
    });

    it("M18: a rating that turns a value voids it, and holds the next one", async () => {
      await let_({ baseRentAssets: usd(40_000) });
      await appraise();
      await rate();
      nowAt += 100n;
      const { heldUntilAt } = await appraise();
      expect(heldUntilAt).to.equal(nowAt + 6n * 3600n);
      const [value, hardware, computedAt] = await world.valuation.getFunction("valueOf")(world.seams);
      expect([value > hardware, computedAt]).to.deep.equal([true, 0n]);
    });
  });
});
