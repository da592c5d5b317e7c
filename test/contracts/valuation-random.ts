import { expect } from "chai";
import fc from "fast-check";
import { classesOf, facilityOf, type LeaseFacts, type LotFacts, monthsAfter, worthOf } from "./valuation-model.ts";
import type { NO_AGES } from "./valuation-world.ts";
import {
  DAY_SEC,
  deployFacility,
  ethers,
  leaseOf,
  LIMITS,
  networkHelpers,
  usd,
  type Haircuts,
} from "./valuation-world.ts";

// Random deals: what the contracts say of lots, facility and classes is what docs/capital.md gives, to the unit.

const DEALS = 40;
const SEED = 20_261_122;
const KINDS = ["counted", "counted", "counted", "uncounted", "metered", "foreign", "default", "bought"] as const;

const falling = (most: number, length: { minLength: number; maxLength: number }) =>
  fc.array(fc.integer({ min: 0, max: most }), length).map((values) => values.sort((a, b) => b - a));
const rising = (most: number, count: number) =>
  falling(most, { minLength: count, maxLength: count }).map((values) => values.reverse());
const assets = (most: bigint) => fc.bigInt({ min: 0n, max: most });

const leaseArbitrary = fc.record({
  kind: fc.constantFrom(...KINDS),
  monthsAgo: fc.integer({ min: 0, max: 48 }),
  dayOffset: fc.integer({ min: 0, max: 30 }),
  termCount: fc.integer({ min: 1, max: 60 }),
  renewedCount: fc.constantFrom(0, 0, 12, 36),
  settledPart: fc.double({ min: 0, max: 0.99, noNaN: true }),
  minPeriodCount: fc.integer({ min: 0, max: 70 }),
  endsEarly: fc.constantFrom(false, false, true),
  rentAssets: assets(usd(80_000)),
  renewalBps: fc.bigInt({ min: 1n, max: 12_000n }),
  feeAssets: fc.oneof(fc.constant(0n), assets(usd(80_000))),
  priceAssets: fc.oneof(fc.constant(0n), assets(usd(1_500_000))),
  agreedBucket: fc.integer({ min: 0, max: 9 }),
  owedAssets: assets(usd(50_000)),
});

const lotArbitrary = fc.record({
  costAssets: assets(usd(3_000_000)),
  ageDays: fc.integer({ min: 0, max: 3000 }),
  residualBps: falling(10_000, { minLength: 1, maxLength: 12 }),
  factor: fc.option(fc.integer({ min: 100, max: 2000 })),
  evidence: fc.integer({ min: 0, max: 4 }),
  lease: fc.option(leaseArbitrary),
});

const dealArbitrary = fc.record({
  lots: fc.array(lotArbitrary, { minLength: 1, maxLength: 9 }),
  evidenceBps: falling(10_000, { minLength: 5, maxLength: 5 }),
  receivablesBps: rising(10_000, 4).map((values) => [...values, 10_000]),
  baseRateBps: fc.integer({ min: 0, max: 5000 }),
  spreadBps: rising(5000, 8),
  lesseeBucket: fc.integer({ min: 0, max: 7 }),
  cashAssets: assets(usd(2_000_000)),
  collectableAssets: assets(usd(100_000)),
  agesAssets: fc.array(assets(usd(60_000)), { minLength: 5, maxLength: 5 }),
  laterAgesAssets: fc.array(assets(usd(60_000)), { minLength: 5, maxLength: 5 }),
  paidLaterAssets: assets(usd(200_000)),
});
type Deal = typeof dealArbitrary extends fc.Arbitrary<infer T> ? T : never;

const sum = (values: readonly bigint[]) => values.reduce((a, b) => a + b, 0n);

async function play(deal: Deal) {
  const world = await networkHelpers.loadFixture(deployFacility);
  const { valuation, seams, letting, index, lessee, stranger, startAt } = world;
  await valuation.setHaircuts(deal.evidenceBps as Haircuts, deal.receivablesBps as Haircuts);
  await valuation.setDiscount(deal.baseRateBps, deal.spreadBps);
  await valuation.rate(lessee, { asOfAt: startAt, maxAgeSec: 100n * DAY_SEC, lesseeBucket: deal.lesseeBucket });
  const today = startAt - (startAt % DAY_SEC);
  const reference = 3n * 10n ** 18n + 7n;
  const facts: LotFacts[] = [];
  for (const [i, lot] of deal.lots.entries()) {
    const lotId = i + 1;
    const modelId = ethers.id(`model ${lotId}`);
    const referenceDayAt = today - 2n * DAY_SEC;
    let indexed: LotFacts["index"];
    if (lot.factor !== null) {
      indexed = [(reference * BigInt(lot.factor) + 999n) / 1000n, reference];
      await index.setRate(modelId, referenceDayAt, reference);
      await index.setRate(modelId, today - DAY_SEC, indexed[0]);
    }
    await valuation.setCurve(
      modelId,
      startAt,
      90n * DAY_SEC,
      indexed === undefined ? 0n : referenceDayAt,
      lot.residualBps,
    );
    const costAssets = lot.costAssets + 1n;
    const commissionedAt = startAt - BigInt(lot.ageDays) * DAY_SEC - 1234n;
    const kit = { siteId: 1, operator: stranger, gpuCount: 8, tdpW: 700, identityRoot: ethers.ZeroHash };
    await seams.pledge(lotId, { ...kit, modelId, costAssets, commissionedAt }, lot.evidence);
    const fact: LotFacts = {
      ...{ costAssets, commissionedAt, residualBps: lot.residualBps },
      haircutBps: BigInt(deal.evidenceBps[lot.evidence]!),
      ...(indexed === undefined ? {} : { index: indexed }),
    };
    if (lot.lease !== null) {
      const { kind, monthsAgo, dayOffset, termCount, renewedCount, settledPart, agreedBucket, ...terms } = lot.lease;
      const leaseStartAt = today - BigInt(monthsAgo * 30 + dayOffset) * DAY_SEC;
      const periodCount = termCount + renewedCount;
      const endCount = terms.endsEarly ? Math.max(1, Math.ceil(periodCount / 2)) : periodCount;
      const settledCount = Math.floor(endCount * settledPart);
      const endAt = terms.endsEarly ? monthsAfter(leaseStartAt, endCount) - 36_000n : 0n;
      const bucket = kind === "counted" ? Math.min(7, Math.max(agreedBucket, deal.lesseeBucket)) : 7;
      const lease: LeaseFacts = {
        ...{ kind, startAt: leaseStartAt, termCount, endCount, settledCount, endAt },
        ...{ minPeriodCount: terms.minPeriodCount, rentAssets: terms.rentAssets, renewalBps: terms.renewalBps },
        ...{ feeAssets: terms.feeAssets, priceAssets: terms.priceAssets, owedAssets: terms.owedAssets },
        yearBps: BigInt(deal.baseRateBps + deal.spreadBps[bucket]!),
      };
      fact.lease = lease;
      const told = await leaseOf(world, {
        ...{ lotId, startAt: leaseStartAt, periodCount: termCount, baseRentAssets: terms.rentAssets },
        ...(kind === "metered" ? { pricing: 1 } : {}),
        ...(kind === "uncounted" ? { relatedParty: true } : {}),
        ...(kind === "foreign" ? { asset: stranger.address } : {}),
        lesseeBucket: agreedBucket,
        exit: {
          ...{ minPeriodCount: BigInt(terms.minPeriodCount), renewalRentBps: terms.renewalBps },
          ...{ terminationFeeAssets: terms.feeAssets, purchaseAssets: terms.priceAssets },
        },
        status: {
          ...{ periodCount, endCount, settledCount, endAt, owedAssets: terms.owedAssets },
          ...(kind === "default" ? { isInDefault: true } : {}),
          ...(kind === "bought" ? { purchaser: lessee.address } : {}),
        },
      });
      await letting.setLease(lotId, told.terms, told.status);
    }
    facts.push(fact);
  }
  await seams.setLedger(deal.cashAssets, 0);
  await letting.setMoney(deal.collectableAssets, 5n, 0, deal.agesAssets as unknown as typeof NO_AGES);
  const nowAt = BigInt(await networkHelpers.time.latest()) + 5n;
  await networkHelpers.time.setNextBlockTimestamp(nowAt);
  await valuation.appraise(
    seams,
    deal.lots.map((_, i) => i + 1),
  );
  return { world, facts, nowAt };
}

describe("Valuation: random deals", () => {
  const deals = fc.sample(dealArbitrary, { seed: SEED, numRuns: DEALS });
  const seen = new Map<string, number>();

  for (const [number, deal] of deals.entries()) {
    it(`deal ${number}: ${deal.lots.length} lots`, async () => {
      const { world, facts, nowAt } = await play(deal);
      const { valuation, seams, letting } = world;
      const lots = facts.map((fact) => worthOf(fact, nowAt, LIMITS.maxAgeSec));
      for (const { lease } of facts) seen.set(lease?.kind ?? "none", (seen.get(lease?.kind ?? "none") ?? 0) + 1);
      const made = await valuation.appraisal(seams);
      for (const figure of ["exitAssets", "entryAssets", "hardwareAssets", "contractedAssets"] as const) {
        expect(made[figure], figure).to.equal(sum(lots.map((lot) => lot[figure])));
      }
      const counted = facts.flatMap(({ lease }) => (lease?.kind === "counted" ? [lease.owedAssets] : []));
      expect(made.owedAssets).to.equal(sum(counted));
      const check = async (agesAssets: readonly bigint[], invoicedAssets: bigint) => {
        const expected = facilityOf({
          ...{ cashAssets: deal.cashAssets, collectableAssets: deal.collectableAssets, agesAssets, lots },
          ageHaircutsBps: deal.receivablesBps.map(BigInt),
          ...{ owedAssets: sum(counted), invoicedAssets },
        });
        const { exitAssets, entryAssets } = await valuation.facilityValue(seams);
        expect({ exitAssets, entryAssets }).to.deep.equal(expected);
        expect(exitAssets).to.be.at.most(entryAssets);
        const seniors = [usd(606), usd(203)].map((principalAssets) => ({ interestAssets: 0n, principalAssets }));
        for (const [classIndex, worth] of classesOf(exitAssets, [], seniors).entries()) {
          const value = await valuation.classValue(seams, classIndex);
          expect(value.exitAssets).to.equal(worth);
          expect(value.entryAssets).to.equal(classesOf(entryAssets, [], seniors)[classIndex]);
        }
      };
      await check(deal.agesAssets, 0n);
      const later = deal.laterAgesAssets as unknown as typeof NO_AGES;
      const before = sum(deal.agesAssets);
      const paid = before > sum(later) ? before - sum(later) + deal.paidLaterAssets : deal.paidLaterAssets;
      await letting.setMoney(deal.collectableAssets, 5n + paid, 0, later);
      await check(later, paid + sum(later) - before);
    });
  }

  it("met every kind of lease", () =>
    expect([...seen.keys()].sort()).to.deep.equal([...new Set(KINDS), "none"].sort()));
});
