import { expect } from "chai";
import { DAY_SEC, deployFacility, LIMITS, MODEL, networkHelpers, pledge, usd } from "./valuation-world.ts";

const { time } = networkHelpers;

describe("Valuation: held values", () => {
  describe("a jump of the lots' value per cost", () => {
    async function jumping() {
      const world = await networkHelpers.loadFixture(deployFacility);
      const { valuation, seams, startAt } = world;
      await pledge(world, 1, 4);
      let asOfAt = startAt;
      /** Appraises at a flat curve of so many parts of cost. */
      const appraise = async (residualBps: number, lotIds = [1]) => {
        await valuation.setCurve(MODEL, ++asOfAt, 90n * DAY_SEC, 0, [residualBps]);
        await seams.setReportedUntil(await time.latest());
        await valuation.appraise(seams, lotIds);
        const { heldUntilAt } = await valuation.appraisal(seams);
        return { heldUntilAt, nowAt: BigInt(await time.latest()) };
      };
      return { ...world, appraise };
    }

    it("M18: by exactly the limit is none; by more it holds the value, up or down", async () => {
      for (const [from, to] of [
        [5000, 5500],
        [5000, 4500],
      ] as const) {
        const { appraise, valuation, seams } = await jumping();
        await appraise(from);
        expect((await appraise(to)).heldUntilAt).to.equal(0n);
        await valuation.classPriceWad(seams, 0);
      }
      for (const [from, to] of [
        [5000, 5501],
        [5000, 4499],
      ] as const) {
        const { appraise, valuation, seams } = await jumping();
        await appraise(from);
        const { heldUntilAt, nowAt } = await appraise(to);
        expect(heldUntilAt).to.equal(nowAt + LIMITS.holdSec);
        expect((await valuation.queryFilter(valuation.filters.Held()))[0]!.args.slice(1)).to.deep.equal([
          BigInt(from) * 10n ** 14n,
          BigInt(to) * 10n ** 14n,
          heldUntilAt,
        ]);
        await time.increaseTo(heldUntilAt - 1n);
        await expect(valuation.classPriceWad(seams, 0))
          .to.be.revertedWithCustomError(valuation, "Valuation_Held")
          .withArgs(await seams.getAddress(), heldUntilAt, heldUntilAt - 1n);
        expect((await valuation.getFunction("valueOf")(seams))[2]).to.equal(0n);
        await time.increaseTo(heldUntilAt);
        await valuation.classPriceWad(seams, 0);
        expect((await valuation.getFunction("valueOf")(seams))[2]).not.to.equal(0n);
      }
    });

    it("is held for no shorter by a later appraisal, and for longer by another jump", async () => {
      const { appraise } = await jumping();
      await appraise(5000);
      const first = await appraise(3000);
      await time.increase(3600n);
      expect((await appraise(3000)).heldUntilAt).to.equal(first.heldUntilAt);
      const second = await appraise(5000);
      expect(second.heldUntilAt).to.equal(second.nowAt + LIMITS.holdSec);
    });

    it("is not asked of the first appraisal, nor against one that is older than its max age", async () => {
      const { appraise } = await jumping();
      expect((await appraise(5000)).heldUntilAt).to.equal(0n);
      await time.increase(DAY_SEC + 100n);
      expect((await appraise(500)).heldUntilAt).to.equal(0n);
    });

    it("is asked of a void one too: per cost, so that another lot is no jump of itself", async () => {
      const world = await jumping();
      await world.appraise(5000);
      await pledge(world, 2, 4, 0n, usd(3_000_000));
      expect((await world.appraise(5200, [1, 2])).heldUntilAt).to.equal(0n);
      await pledge(world, 3, 4, 0n, usd(1));
      expect((await world.appraise(6000, [1, 2, 3])).heldUntilAt).not.to.equal(0n);
    });

    it("from nothing is a jump", async () => {
      const { appraise } = await jumping();
      await appraise(0);
      expect((await appraise(1)).heldUntilAt).not.to.equal(0n);
    });
  });
});
