import { expect } from "chai";
import {
  at,
  BASE,
  ENDS,
  ethers,
  FULL_CLAUSES,
  GPU_COUNT,
  leasedStage,
  LINKED_CLAUSES,
  networkHelpers,
  stage,
} from "./leasesStage.ts";

const { time } = networkHelpers;
const DAY_SEC = 86_400;
const MODEL_ID = ethers.ZeroHash; // of the stage's lots
const CENT = 10n ** 16n;
const HOURS = 100n;
const [REVERTS, BURNS, SHORT, LONG] = [1, 2, 3, 4];

/** An index-linked lease, 100 GPU-hours used in its first month. */
async function linkedStage() {
  const world = await stage();
  const index = await ethers.deployContract("MockIndex");
  await world.open({
    ...LINKED_CLAUSES,
    index: {
      ...{ source: await index.getAddress(), participationBps: 9000n },
      ...{ floorAssets: 1_500_000n, capAssets: 2_500_000n },
    },
    sla: [],
  });
  await world.record(ENDS[0], {});
  await world.record(ENDS[1], { available: 3600 * Number(HOURS), allocated: 3600 * Number(HOURS) });
  return { ...world, index };
}

const rentOf = async ({ leases }: Awaited<ReturnType<typeof stage>>) => (await leases.receivable(1, 0)).assets;

describe("Leases: index and efficiency", () => {
  describe("settle, index-linked", () => {
    it("takes its part of the index that was fixed for the day the period starts on", async () => {
      const world = await linkedStage();
      await world.index.setRate(MODEL_ID, ENDS[0], 212n * CENT);
      await world.index.setRate(MODEL_ID, ENDS[0] + DAY_SEC, 999n * CENT);
      await world.index.setRate(ethers.id("another model"), ENDS[0], 999n * CENT);
      await time.increaseTo(ENDS[1]);
      await world.leases.settle(1, 0);
      expect(await rentOf(world)).to.equal(HOURS * 1_908_000n);
      const [event] = await world.leases.queryFilter(world.leases.filters.Invoiced());
      expect([event!.args.statement.indexWad, event!.args.statement.rateAssets]).to.deep.equal([
        212n * CENT,
        1_908_000n,
      ]);
    });

    for (const [rate, what, assets] of [
      [100n, "floor", 1_500_000n],
      [300n, "cap", 2_500_000n],
    ] as const) {
      it(`stops at the ${what}`, async () => {
        const world = await linkedStage();
        await world.index.setRate(MODEL_ID, ENDS[0], rate * CENT);
        await time.increaseTo(ENDS[1]);
        await world.leases.settle(1, 0);
        expect(await rentOf(world)).to.equal(HOURS * assets);
      });
    }

    it("waits ten days for an index that is not fixed, to the second, and then takes the floor", async () => {
      const world = await linkedStage();
      const floorFromAt = ENDS[1] + 10 * DAY_SEC;
      for (const at of [ENDS[1], floorFromAt - 1]) {
        await time.setNextBlockTimestamp(at);
        await expect(world.leases.settle(1, 0))
          .to.be.revertedWithCustomError(world.leases, "Lease_IndexNotFixed")
          .withArgs(1, 0, floorFromAt);
      }
      await time.setNextBlockTimestamp(floorFromAt);
      await world.leases.settle(1, 0);
      expect(await rentOf(world)).to.equal(HOURS * 1_500_000n);
    });

    it("takes an index that was fixed late, while nobody settled", async () => {
      const world = await linkedStage();
      await time.increaseTo(at("2030-06-01"));
      await world.index.setRate(MODEL_ID, ENDS[0], 200n * CENT);
      await world.leases.settle(1, 0);
      expect(await rentOf(world)).to.equal(HOURS * 1_800_000n);
    });

    for (const [what, habit] of [
      ["reverts", REVERTS],
      ["burns its gas", BURNS],
      ["answers less than a word", SHORT],
      ["answers far more than a word", LONG],
    ] as const) {
      it(`is not held up for ever by an index that ${what}`, async () => {
        const world = await linkedStage();
        await world.index.setRate(MODEL_ID, ENDS[0], 200n * CENT);
        await world.index.setHabit(habit);
        await time.increaseTo(ENDS[1]);
        await expect(world.leases.settle(1, 0)).to.be.revertedWithCustomError(world.leases, "Lease_IndexNotFixed");
        await time.increaseTo(ENDS[1] + 10 * DAY_SEC);
        await world.leases.settle(1, 0);
        expect(await rentOf(world)).to.equal(HOURS * 1_500_000n);
      });
    }

    it("nor by a source that is no contract", async () => {
      const world = await stage();
      await world.open({ ...LINKED_CLAUSES, sla: [] });
      await world.record(ENDS[0], {});
      await world.record(ENDS[1], { available: 3600, allocated: 3600 });
      await time.increaseTo(ENDS[1] + 10 * DAY_SEC);
      await world.leases.settle(1, 0);
      expect(await rentOf(world)).to.equal(5n);
    });

    it("cannot be brought to the floor by giving the call too little gas", async () => {
      const world = await linkedStage();
      await world.index.setRate(MODEL_ID, ENDS[0], 200n * CENT);
      await time.increaseTo(ENDS[1] + 10 * DAY_SEC);
      const needed = await world.leases.settle.estimateGas(1, 0);
      const snapshot = await networkHelpers.takeSnapshot();
      for (let gasLimit = 40_000n; gasLimit <= needed; gasLimit += 4_000n) {
        const tx = await world.leases.settle(1, 0, { gasLimit }).catch(() => undefined);
        const receipt = await tx?.wait().catch(() => null);
        if (receipt?.status === 1) expect(await rentOf(world), String(gasLimit)).to.equal(HOURS * 1_800_000n);
        await snapshot.restore();
      }
    });
  });

  describe("settle, with an efficiency clause", () => {
    // PUE of 1.3, half of the energy beside it at 0.08 a kWh, up to a tenth of the rent.
    const { efficiency } = FULL_CLAUSES;
    const whole = { available: GPU_COUNT * (ENDS[1] - ENDS[0]), allocated: 0 };

    for (const [what, facilityEnergyWh, assets] of [
      ["adds half of what was saved", 12_000_000, BASE + 40_000_000n],
      ["takes off half of what was used too much", 14_000_000, BASE - 40_000_000n],
      ["changes nothing at the target", 13_000_000, BASE],
    ] as const) {
      it(what, async () => {
        const world = await leasedStage({ efficiency });
        await world.record(ENDS[0], { itEnergyWh: 5, facilityEnergyWh: 7 });
        await world.record(ENDS[1], { ...whole, itEnergyWh: 10_000_005, facilityEnergyWh: facilityEnergyWh + 7 });
        await time.increaseTo(ENDS[1]);
        await world.leases.settle(1, 0);
        expect(await rentOf(world)).to.equal(assets);
      });
    }
  });
});
