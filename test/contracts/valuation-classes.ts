import { expect } from "chai";
import { A, B, CURE_SEC, R, enforcementWorld, openLease, settle, type EnforcementWorld } from "./enforcement-world.ts";
import { classesOf } from "./valuation-model.ts";
import { BASE_RATE, EVIDENCE, LIMITS, RECEIVABLES, SPREADS } from "./valuation-world.ts";

const DAY_SEC = 86_400n;
const CLASSES = [A, B, R];

describe("Facility: what enforcement would give the classes", () => {
  let w: EnforcementWorld;

  beforeEach(async () => {
    w = await enforcementWorld();
  });

  const totals = (incomes: [bigint, bigint][]) => incomes.map(([interest, principal]) => interest + principal);
  const nextDate = async () => {
    const dueAt = await w.facility.nextPaymentAt();
    await w.networkHelpers.time.increaseTo(dueAt);
    return dueAt;
  };

  /** Another facility of the same terms, subscribed to in full. */
  const fundedLater = async () => {
    const now = await w.networkHelpers.time.latest();
    return w.funded({ raiseUntilAt: now + 10 * 86_400, firstPaymentAt: now + 40 * 86_400 });
  };

  /** The same from the books, by the model. */
  const expectModel = async (assets: bigint, feesToCome: bigint) => {
    const fees = (await w.facility.fees()).map(({ terms, dueAssets }) => ({
      dueAssets: dueAssets + feesToCome,
      capAssets: terms.capAssets,
    }));
    const seniors = await Promise.all(
      [A, B].map(async (i) => ({
        interestAssets: await w.facility.accruedAssets(i),
        principalAssets: await w.facility.outstandingAssets(i),
      })),
    );
    expect(await w.facility.enforcementAssets(assets), String(assets)).to.deep.equal(classesOf(assets, fees, seniors));
  };

  it("is what a payment date in enforcement really pays, at each boundary and beside it", async () => {
    await w.enforce();
    const dueAt = await w.facility.nextPaymentAt();
    await w.networkHelpers.time.increaseTo(dueAt - 1000n);
    const snapshot = await w.networkHelpers.takeSnapshot();
    const usd = (assets: bigint) => assets * w.unit;
    // 1,000 of fees, then 12,000 and 600,000 of A, 5,000 and 200,000 of B.
    for (const edge of [0n, 1_000n, 13_000n, 613_000n, 618_000n, 818_000n, 900_000n]) {
      for (const cash of edge === 0n ? [1n] : [usd(edge) - 1n, usd(edge), usd(edge) + 1n]) {
        await w.deposit(cash);
        await w.networkHelpers.time.increaseTo(dueAt);
        const shown = await w.facility.enforcementAssets(cash);
        expect(totals(await w.incomes(w.facility.distribute())), `${cash}`).to.deep.equal([...shown]);
        await snapshot.restore();
      }
    }
  });

  it("is what closing pays between two dates, to the second of interest", async () => {
    await w.enforce();
    for (const lotId of w.lotIds) {
      await w.facility.startAuction(lotId);
      await w.facility.connect(w.alice).buy(lotId, 2n ** 128n);
    }
    const closesAt = (await w.facility.nextPaymentAt()) - 1_234_567n;
    await w.networkHelpers.time.setNextBlockTimestamp(closesAt);
    await w.networkHelpers.mine();
    const cash = await w.facility.cashAssets();
    const shown = await w.facility.enforcementAssets(cash);
    const paid = totals(await w.incomes(w.facility.close()));
    // Closing is a block later: interest of 1,200,000 a second ÷ 2,592,000 at most.
    for (const i of CLASSES) expect(paid[i]).to.be.closeTo(shown[i]!, w.unit / 10n);
    expect(paid.reduce((a, b) => a + b)).to.equal(shown.reduce((a, b) => a + b));
    expect(await w.facility.enforcementAssets(cash)).to.deep.equal([0n, 0n, 0n]);
  });

  it("is the enforcement list in every state that pays, with fees that a date which has come will add", async () => {
    await w.perform();
    const states: (() => Promise<unknown>)[] = [
      () => Promise.resolve(),
      nextDate,
      async () => w.facility.distribute(),
      async () => {
        await w.networkHelpers.time.increase(BigInt(CURE_SEC) + 1n);
        await w.facility.declareInterestDefault(A);
      },
      nextDate,
    ];
    for (const [i, step] of states.entries()) {
      await step();
      for (const assets of [0n, 1n, 999n, 613_000n, 700_000n, 1_000_000n, 2_000_000n]) {
        const isDue = i === 1 || i === 4;
        await expectModel(assets * w.unit, isDue ? 500n * w.unit : 0n);
      }
    }
  });

  it("splits a fee at its cap: the rest stands below the classes where the list says so, or waits", async () => {
    await w.perform();
    await w.enforceNow();
    // Each date adds 500 and nothing is paid: above the cap of 5,000 after ten.
    for (let i = 0; i < 11; ++i) {
      await nextDate();
      await w.facility.distribute();
    }
    const [fee] = await w.facility.fees();
    expect(fee!.dueAssets).to.be.above(fee!.terms.capAssets);
    expect((await w.facility.enforcementAssets(fee!.terms.capAssets + 1n))[A]).to.equal(1n);
  });

  it("gives no class less for more, and never more than there is", async () => {
    await w.perform();
    await nextDate();
    let last = [0n, 0n, 0n];
    for (let assets = 0n; assets < 1_100_000n * w.unit; assets += 7_777_777_777n) {
      const classes = [...(await w.facility.enforcementAssets(assets))];
      expect(classes.reduce((a, b) => a + b)).to.be.at.most(assets);
      for (const i of CLASSES) expect(classes[i]).to.be.at.least(last[i]!);
      for (const i of [A, B]) expect(classes[i]).to.be.at.most(await w.facility.owedAssets(i));
      last = classes;
    }
  });

  describe("before a draw", () => {
    const paidIn = () => [600_000n * w.unit, 200_000n * w.unit, 200_000n * w.unit];

    it("M16: is what a refund pays: raising, funding, refunding", async () => {
      const facility = await fundedLater();
      const show = async (assets = 1_000_000n * w.unit) => [...(await facility.enforcementAssets(assets))];
      expect(await show()).to.deep.equal(paidIn());
      expect(await show(2_000_000n * w.unit)).to.deep.equal(paidIn());
      expect(await show(700_000n * w.unit)).to.deep.equal([600_000n * w.unit, 100_000n * w.unit, 0n]);
      await facility.startFunding();
      await w.networkHelpers.time.increase(DAY_SEC);
      expect(await show()).to.deep.equal(paidIn());
      await facility.connect(w.sponsor).cancel();
      expect(await show()).to.deep.equal(paidIn());
      await facility.connect(w.carol).refund(w.carol);
      expect(await show(800_000n * w.unit)).to.deep.equal([...paidIn().slice(0, 2), 0n]);
    });

    it("is the list from the first draw on: interest runs since funding began", async () => {
      await w.registry.connect(w.sponsor).offerLien(1, w.facility);
      await w.facility.connect(w.sponsor).draw(1, w.unit);
      await w.networkHelpers.time.increase(10n * DAY_SEC);
      await expectModel(1_000_000n * w.unit, 0n);
      expect((await w.facility.enforcementAssets(1_000_000n * w.unit))[A]).to.be.above(600_000n * w.unit);
    });
  });

  it("counts each time a lot is pledged or leaves", async () => {
    expect(await w.facility.lotChangeCount()).to.equal(0n);
    await w.enforce();
    expect(await w.facility.lotChangeCount()).to.equal(2n);
    await w.facility.startAuction(1);
    await w.facility.connect(w.alice).buy(1, 2n ** 128n);
    expect(await w.facility.lotChangeCount()).to.equal(3n);
  });

  describe("with a valuation", () => {
    const MODEL_AGE_SEC = 500n * DAY_SEC;

    /** The valuation of the real registry and leases. */
    async function valued() {
      const { ethers, registryAdmin, registry, meters, leases, facility, networkHelpers } = w;
      const index = await ethers.deployContract("MockIndex");
      const seat = [registryAdmin, registry, meters, leases, index, { ...LIMITS, maxAgeSec: 2n * DAY_SEC }] as const;
      const valuation = await ethers.deployContract("Valuation", [...seat]);
      await valuation.setHaircuts(EVIDENCE, RECEIVABLES);
      await valuation.setDiscount(BASE_RATE, SPREADS);
      const { modelId } = await registry.lot(1);
      const now = BigInt(await networkHelpers.time.latest());
      await valuation.setCurve(modelId, now, MODEL_AGE_SEC, 0, [10_000]);
      const appraise = async (lotIds = [1, 2]) => {
        await meters.setReportedUntil(await networkHelpers.time.latest());
        await valuation.appraise(facility, lotIds);
        return valuation.appraisal(facility);
      };
      return { valuation, appraise, now };
    }

    it("gives the classes the facility's value by the list, exit and entry, for the price of a share", async () => {
      await w.perform();
      const { valuation, appraise } = await valued();
      await appraise();
      const value = await valuation.facilityValue(w.facility);
      expect(value.exitAssets).to.equal((1_250_000n * w.unit * 9n) / 10n);
      expect(value.entryAssets).to.equal(1_250_000n * w.unit);
      for (const i of CLASSES) {
        const { exitAssets, entryAssets, computedAt } = await valuation.classValue(w.facility, i);
        expect(exitAssets).to.equal((await w.facility.enforcementAssets(value.exitAssets))[i]);
        expect(entryAssets).to.equal((await w.facility.enforcementAssets(value.entryAssets))[i]);
        expect(computedAt).to.equal(value.computedAt);
        const supply = await w.tokens[i]!.totalSupply();
        expect(await valuation.classPriceWad(w.facility, i)).to.equal((exitAssets * 10n ** 18n) / supply);
      }
    });

    it("M17: a lease as it really goes: contracted rent, an invoice, its payment, an end, each counted once", async () => {
      await w.perform();
      const { valuation, appraise, now } = await valued();
      const lessee = w.lessee;
      await valuation.rate(lessee, { asOfAt: now, maxAgeSec: 400n * DAY_SEC, lesseeBucket: 0 });
      const leaseId = await openLease(w, lessee, { exit: { ...NO_EXIT, minPeriodCount: 12n } });
      const before = await appraise();
      expect(before.contractedAssets).to.be.above(11n * 20_000n * w.unit);
      const exit = async () => (await valuation.facilityValue(w.facility)).exitAssets;
      const value = await exit();
      await settle(w, leaseId, 0n);
      const invoiced = value - (20_000n * w.unit) / 10n;
      expect(await exit(), "invoiced: less the haircut").to.equal(invoiced);
      await w.asset.mint(lessee, 20_000n * w.unit);
      await w.asset.connect(lessee).approve(w.leases, 20_000n * w.unit);
      await w.leases.connect(lessee).pay(leaseId, 0, 20_000n * w.unit);
      expect(await exit(), "paid").to.equal(value);
      await w.facility.collect();
      expect(await exit(), "collected").to.equal(value);
      const after = await appraise();
      expect(after.contractedAssets).to.be.below(before.contractedAssets);
      expect(after.contractedAssets).to.be.above(10n * 20_000n * w.unit);
      expect(after.owedAssets).to.equal(0n);
    });

    it("M27: rent of a lessee that holds residual shares counts no more once that is shown", async () => {
      await w.perform();
      const { valuation, appraise, now } = await valued();
      await valuation.rate(w.carol, { asOfAt: now, maxAgeSec: 400n * DAY_SEC, lesseeBucket: 0 });
      const leaseId = await openLease(w, w.carol, { exit: { ...NO_EXIT, minPeriodCount: 12n } });
      expect((await appraise()).contractedAssets).to.be.above(0n);
      await w.facility.declareRelated(leaseId);
      expect((await appraise()).contractedAssets).to.equal(0n);
    });

    it("is void once a lot is bought by its lessee, whose price is in the cash", async () => {
      await w.perform();
      const { valuation, appraise } = await valued();
      const leaseId = await openLease(w, w.lessee, {
        exit: { ...NO_EXIT, purchaseAssets: 700_000n * w.unit, minPeriodCount: 0n },
      });
      await w.networkHelpers.time.increase(2n * DAY_SEC);
      await appraise();
      await valuation.classPriceWad(w.facility, A);
      await w.asset.mint(w.lessee, 700_000n * w.unit);
      await w.asset.connect(w.lessee).approve(w.leases, 700_000n * w.unit);
      await w.leases.connect(w.lessee).purchase(leaseId);
      await expect(valuation.classPriceWad(w.facility, A)).to.be.revertedWithCustomError(valuation, "Valuation_Stale");
      await appraise();
      const value = await valuation.facilityValue(w.facility);
      expect(value.exitAssets).to.equal(700_000n * w.unit + (500_000n * w.unit * 9n) / 10n);
      expect(value.computedAt).not.to.equal(0n);
    });

    it("M30: has no price in the middle of a verb", async () => {
      await w.perform();
      const { valuation, appraise } = await valued();
      await w.deposit(50_000n * w.unit);
      await w.networkHelpers.time.increaseTo(await w.facility.nextPaymentAt());
      await w.facility.distribute();
      await appraise();
      const asked = valuation.interface.encodeFunctionData("classPriceWad", [await w.facility.getAddress(), A]);
      await w.asset.setHook(valuation, asked);
      await w.tokens[A]!.connect(w.alice).claim(w.alice);
      expect(await w.asset.hookSucceeded()).to.equal(false);
      await w.asset.setHook(w.ethers.ZeroAddress, "0x");
      await valuation.classPriceWad(w.facility, A);
    });

    it("tells accrued interest of a share between two dates, and none where a class trades flat", async () => {
      const { valuation } = await valued();
      const thousand = 1_000n * w.unit;
      const accrued = (i: number, shares = thousand) => valuation.accruedAssets(w.tokens[i]!, shares);
      await w.perform();
      await w.networkHelpers.time.increaseTo((await w.facility.nextPaymentAt()) - DAY_SEC);
      for (const i of [A, B]) {
        const supply = await w.tokens[i]!.totalSupply();
        expect(await accrued(i)).to.equal(((await w.facility.accruedAssets(i)) * thousand) / supply);
        expect(await accrued(i)).to.be.above(0n);
        expect(await accrued(i, 1n)).to.equal(0n);
      }
      expect(await accrued(R)).to.equal(0n);
      await nextDate();
      await w.facility.distribute(); // nothing to pay with: missed
      await w.networkHelpers.time.increase(DAY_SEC);
      for (const i of [A, B]) expect(await accrued(i)).to.equal(0n);
      await expect(valuation.accruedAssets(await w.ethers.deployContract("MockShare", [w.asset, 6]), 1)).to.revert(
        w.ethers,
      );
    });

    it("tells none while raising, in early amortisation and in enforcement, and refuses a stranger's token", async () => {
      const { valuation } = await valued();
      const raising = await fundedLater();
      expect(await valuation.accruedAssets(await raising.classToken(A), w.unit)).to.equal(0n);
      await w.perform();
      await w.deposit(100_000n * w.unit);
      await nextDate();
      await w.facility.distribute();
      await w.enforceNow();
      await w.networkHelpers.time.increase(DAY_SEC);
      expect(await w.facility.accruedAssets(A)).to.be.above(0n);
      expect(await valuation.accruedAssets(w.tokens[A]!, w.unit)).to.equal(0n);
      const issuer = await w.ethers.deployContract("MockSeams", [w.asset]);
      const fake = await w.ethers.deployContract("MockClaimant", [issuer]);
      await expect(valuation.accruedAssets(fake, 1))
        .to.be.revertedWithCustomError(valuation, "Valuation_NoClass")
        .withArgs(await fake.getAddress(), await issuer.getAddress());
    });
  });
});

const NO_EXIT = {
  ...{ minPeriodCount: 0n, noticeSec: 0n, renewalPeriodCount: 0n, renewalRentBps: 0n },
  ...{ terminationFeeAssets: 0n, purchaseAssets: 0n },
};
