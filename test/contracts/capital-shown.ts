import { expect } from "chai";
import { capitalFixture, expectClosed, type CapitalFixture } from "./capital-fixture.ts";
import { A, DAY, HOUR, R, UNIT } from "./capital-stage.ts";
import { LIMITS } from "./capital-values.ts";

// What values do when something happens, and what everything that is built on them does then.

describe("Capital, when values move or fail", () => {
  let w: CapitalFixture;
  let snapshot: Awaited<ReturnType<CapitalFixture["networkHelpers"]["takeSnapshot"]>>;

  before(async () => {
    w = await capitalFixture();
    // Bob's redemption is filled and waits to be taken, whatever comes.
    await w.vault.connect(w.bob).requestRedeem((await w.vault.balanceOf(w.bob)) / 4n, w.bob, w.bob);
    await w.indebt();
    await w.refresh(2);
    await w.vault.fulfil();
    snapshot = await w.networkHelpers.takeSnapshot();
  });
  afterEach(() => snapshot.restore());

  it("M18: a price that moves slowly is followed, and a loan that it leaves short is liquidated", async () => {
    const { markets, residual, dave, erin, valuation, deal1, vault, carol } = w;
    const before = await valuation.classValue(deal1.facility, R);
    await w.reprice(190);
    const after = await valuation.classValue(deal1.facility, R);
    expect(after.exitAssets).to.be.below(before.exitAssets);
    expect(after.heldUntilAt).to.equal(0n);
    await vault.connect(carol).deposit(UNIT, carol);
    await markets.connect(erin).liquidate(residual.params, dave, UNIT, 0, "0x");
    await expect(markets.connect(dave).borrow(residual.params, 1, 0, dave, dave)).to.be.revertedWithCustomError(
      markets,
      "Market_Unhealthy",
    );
  });

  const jumps: Record<string, (world: CapitalFixture) => Promise<unknown>> = {
    "a fall of the index": (world) => world.reprice(175),
    "a rent that lifts a lot": async (world) => {
      await world.rate(world.mallory.address);
      const exit = { minPeriodCount: 12n, noticeSec: 0n, renewalPeriodCount: 0n, renewalRentBps: 0n };
      await world.openLease(1n, world.mallory, {
        ...{ baseRentAssets: 60_000n * UNIT, exit: { ...exit, terminationFeeAssets: 0n, purchaseAssets: 0n } },
      });
      await world.appraise();
    },
  };
  for (const [what, jump] of Object.entries(jumps)) {
    it(`M18: after ${what} beyond the limit the value is held: nobody acts on it, all exits are open`, async () => {
      const { valuation, deal1 } = w;
      await jump(w);
      const { heldUntilAt, computedAt } = await valuation.facilityValue(deal1.facility);
      expect(heldUntilAt - computedAt).to.be.within(BigInt(LIMITS.holdSec), BigInt(LIMITS.holdSec + HOUR));
      await expectClosed(w, "Valuation_Held");
    });
  }

  it("M18: an appraisal within the hold does not shorten it; after it the new value counts", async () => {
    const { valuation, deal1, networkHelpers, markets, residual, dave, erin } = w;
    await w.reprice(175);
    const { heldUntilAt } = await valuation.facilityValue(deal1.facility);
    await w.refresh(3);
    expect((await valuation.facilityValue(deal1.facility)).heldUntilAt).to.equal(heldUntilAt);
    await networkHelpers.time.increaseTo(heldUntilAt - 2n * BigInt(HOUR));
    await w.appraise();
    await networkHelpers.time.setNextBlockTimestamp(heldUntilAt - 1n);
    await expect(markets.connect(erin).liquidate(residual.params, dave, UNIT, 0, "0x")).to.be.revertedWithCustomError(
      valuation,
      "Valuation_Held",
    );
    await networkHelpers.time.setNextBlockTimestamp(heldUntilAt);
    await markets.connect(erin).liquidate(residual.params, dave, UNIT, 0, "0x");
  });

  const stale: Record<string, (world: CapitalFixture) => Promise<unknown>> = {
    "the telemetry stops": ({ networkHelpers }) => networkHelpers.time.increase(LIMITS.maxAgeSec + HOUR),
    "the curve expires": async (world) => {
      await world.networkHelpers.time.increase(400 * DAY);
      await world.fixYesterday(200);
      await world.appraise();
    },
    "the index is not fixed for five days": async (world) => {
      await world.networkHelpers.time.increase(7 * DAY);
      await world.appraise();
    },
    "an input is set": ({ valuation }) => valuation.setDiscount(500, [100, 200, 300, 500, 800, 1_200, 2_000, 4_000]),
    "publishers are further apart than the spread limit": async (world) => {
      for (let day = 0; day < 7; ++day) {
        await world.networkHelpers.time.increase(DAY);
        await expect(world.fixYesterday(150, 200, 250)).to.be.revertedWithCustomError(
          world.index,
          "ComputeIndex_Spread",
        );
        await world.appraise();
      }
    },
    "the rate is further from the last one than the deviation limit": async (world) => {
      for (let day = 0; day < 7; ++day) {
        await world.networkHelpers.time.increase(DAY);
        await expect(world.fixYesterday(160)).to.be.revertedWithCustomError(world.index, "ComputeIndex_Deviation");
        await world.appraise();
      }
    },
  };
  for (const [what, make] of Object.entries(stale)) {
    it(`M18: ${what}: no debt, no liquidation, no deposit, no fill; all exits are open`, async () => {
      await make(w);
      await expectClosed(w, "Valuation_Stale");
    });
  }

  it("M18: a rating that expires takes the value with it; the next appraisal counts the lessee as unrated", async () => {
    const { valuation, networkHelpers, mallory, deal1 } = w;
    await w.rate(mallory.address, 1, 3 * DAY);
    await w.openLease(1n, mallory);
    await w.appraise();
    const { computedAt } = await valuation.facilityValue(deal1.facility);
    await networkHelpers.time.increase(2 * DAY + 20 * HOUR);
    await w.fixYesterday(200);
    await w.appraise();
    const last = await valuation.facilityValue(deal1.facility);
    expect(last.computedAt).to.be.above(computedAt);
    const rating = await valuation.ratingOf(mallory);
    expect(last.computedAt + BigInt(LIMITS.maxAgeSec)).to.equal(rating.asOfAt + rating.maxAgeSec);
    await networkHelpers.time.increaseTo(rating.asOfAt + rating.maxAgeSec + 1n);
    await expectClosed(w, "Valuation_Stale");
    await w.appraise();
    expect((await valuation.facilityValue(deal1.facility)).computedAt).to.be.above(last.computedAt);
  });

  it("M02: money and shares sent to any contract change no value, price or claim", async () => {
    const { asset, mallory, alice, deal1, valuation, vault, exchange, markets, leases, residual, senior } = w;
    const token = deal1.tokens[A]!;
    const figures = async () => ({
      classes: await Promise.all([A, R].map((i) => valuation.classValue(deal1.facility, i))),
      vault: [await vault.totalAssets(), await vault.entryAssets(), await vault.cashAssets()],
      market: await markets.market(senior.id),
      income: await markets.claimableIncome(residual.params, w.dave),
      claim: await token.claimableAssets(alice),
    });
    await w.networkHelpers.time.increase(30 * DAY);
    const { time } = w.networkHelpers;
    const before = await figures();
    for (const place of [deal1.facility, vault, exchange, markets, leases, valuation, token]) {
      await asset.connect(mallory).transfer(place, 1_000n * UNIT);
    }
    for (const place of [vault, markets]) await token.connect(alice).transfer(place, 1_000n * UNIT);
    const passed = BigInt(await time.latest());
    const after = await figures();
    expect(after.vault[2]).to.equal(before.vault[2]);
    expect(after.market).to.deep.equal(before.market);
    expect([after.income, after.claim]).to.deep.equal([before.income, before.claim]);
    // A few seconds of interest of the seniors, at most 12 % a year on all that they have.
    const drift = (1_200_000n * UNIT * 12n * 30n) / (100n * 365n * 86_400n);
    for (const i of [0, 1]) {
      expect(after.classes[i]!.exitAssets - before.classes[i]!.exitAssets).to.be.within(-drift, drift);
      expect(after.vault[i]! - before.vault[i]!).to.be.within(-drift, drift);
    }
    expect(passed).to.be.above(0n);
  });
});
