import { expect } from "chai";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { BASE, DUE_SEC, EMPTY, ENDS, ethers, LOT_ID, ledger, networkHelpers, settled } from "./leasesStage.ts";

const { time } = networkHelpers;
const DAY_SEC = 86_400;
const WEEK_SEC = 7 * DAY_SEC;
const DAILY = 5_000_000n; // of BASE, at 18 % of a year of 360 days
const payment = { ...NO_CLAUSES.payment, dueSec: BigInt(DUE_SEC), lateFeeBps: 1800n };

/** One period owed, with a late fee from its due time on. */
async function lateStage() {
  const world = await settled(1, { payment });
  const { dueAt } = await world.leases.receivable(1, 0);
  return { ...world, dueAt: Number(dueAt) };
}

describe("Leases: late rent", () => {
  describe("the late fee", () => {
    it("M17: is nothing up to the due time, and counted by the second after it, rounded down", async () => {
      const { leases, dueAt } = await lateStage();
      for (const [lateSec, feeAssets] of [
        [0, 0n],
        [1, 57n], // 57.87
        [DAY_SEC - 1, DAILY - 58n],
        [DAY_SEC, DAILY],
        [360 * DAY_SEC, (BASE * 18n) / 100n],
      ] as const) {
        await time.increaseTo(dueAt + lateSec);
        expect(await leases.receivable(1, 0)).to.deep.equal([BASE, dueAt, feeAssets]);
      }
    });

    it("M17: is paid before the rent, and the rent before the escrow", async () => {
      const world = await lateStage();
      const { leases, lessee, payee, dueAt } = world;
      await time.setNextBlockTimestamp(dueAt + 2 * DAY_SEC);
      await expect(leases.connect(lessee).pay(1, 0, 2n * DAILY + BASE + 3n))
        .to.emit(leases, "Paid")
        .withArgs(1, 0, lessee, 2n * DAILY + BASE + 3n, [payee.address, 2n * DAILY, BASE, 0n, 0n, 3n]);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        prepaid: 3n,
        collectable: 2n * DAILY + BASE,
        held: 2n * DAILY + BASE + 3n,
      });
    });

    it("M17: what is not paid of it is carried, and bears no fee itself", async () => {
      const { leases, lessee, payee, dueAt } = await lateStage();
      await time.setNextBlockTimestamp(dueAt + 2 * DAY_SEC);
      await expect(leases.connect(lessee).pay(1, 0, DAILY))
        .to.emit(leases, "Paid")
        .withArgs(1, 0, lessee, DAILY, [payee.address, DAILY, 0n, DAILY, BASE, 0n]);
      await time.increaseTo(dueAt + 3 * DAY_SEC);
      expect(await leases.receivable(1, 0)).to.deep.equal([BASE, dueAt, 2n * DAILY]);
    });

    it("M17: is counted on what was left of the rent since the payment before", async () => {
      const { leases, lessee, dueAt } = await lateStage();
      await time.setNextBlockTimestamp(dueAt + DAY_SEC);
      await leases.connect(lessee).pay(1, 0, DAILY + BASE / 2n);
      await time.increaseTo(dueAt + 3 * DAY_SEC);
      expect(await leases.receivable(1, 0)).to.deep.equal([BASE / 2n, dueAt, DAILY]);
    });

    it("M17: a payment before the due time moves the count nowhere", async () => {
      const { leases, lessee, dueAt } = await lateStage();
      await time.setNextBlockTimestamp(dueAt - 5);
      await leases.connect(lessee).pay(1, 0, BASE / 2n);
      await time.increaseTo(dueAt + DAY_SEC);
      expect(await leases.receivable(1, 0)).to.deep.equal([BASE / 2n, dueAt, DAILY / 2n]);
    });

    it("is counted where the escrow pays, too; it is no part of what a lease owes", async () => {
      const { leases, coin, lessee, payee, dueAt } = await lateStage();
      await leases.connect(lessee).prepay(1, DAILY + 7n);
      await time.setNextBlockTimestamp(dueAt + DAY_SEC);
      await expect(leases.payFromEscrow(1, 0))
        .to.emit(leases, "PaidFromEscrow")
        .withArgs(1, 0, [payee.address, DAILY, 7n, 0n, BASE - 7n, 0n]);
      expect((await leases.lease(1)).status.owedAssets).to.equal(BASE - 7n);
      expect(await leases.receivableAssets(payee, coin)).to.equal(BASE - 7n);
      expect(await leases.revenueAssets(payee, coin)).to.deep.equal([DAILY + 7n, 0n]);
    });
  });

  describe("ageing", () => {
    it("is nothing where nothing is owed", async () => {
      const { leases, coin, payee } = await settled(0);
      expect(await leases.ageing(payee, coin)).to.deep.equal([0n, 0n, 0n, 0n, 0n]);
    });

    it("tells what is not due from what is so many weeks old, at every edge", async () => {
      const { leases, coin, payee } = await settled(1);
      const { dueAt } = await leases.receivable(1, 0);
      const weekAt = Number(dueAt) - (Number(dueAt) % WEEK_SEC); // the start of the week it falls due in
      const age = async (at: number) => {
        await time.increaseTo(at);
        return (await leases.ageing(payee, coin)).indexOf(BASE);
      };
      for (const [weekCount, bucket] of [
        [1, 1],
        [5, 2],
        [9, 3],
        [14, 4],
      ] as const) {
        expect(await age(weekAt + weekCount * WEEK_SEC - 1)).to.equal(bucket - 1);
        expect(await age(weekAt + weekCount * WEEK_SEC)).to.equal(bucket);
      }
      expect(await age(weekAt + 300 * WEEK_SEC)).to.equal(4);
    });

    it("sees a due time as far ahead as terms may set it", async () => {
      const { leases, coin, payee } = await settled(1, { payment: { ...payment, dueSec: BigInt(91 * DAY_SEC) } });
      expect(await leases.ageing(payee, coin)).to.deep.equal([BASE, 0n, 0n, 0n, 0n]);
    });

    it("adds up by payee, and forgets what is paid", async () => {
      const { leases, lots, coin, lessee, payee, stranger } = await settled(1);
      await time.increaseTo(ENDS[2]);
      await leases.settle(1, 1);
      await lots.connect(stranger).takeLien(LOT_ID);
      await leases.connect(payee).assign(1, stranger);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      await leases.connect(lessee).pay(1, 0, 4n);
      expect(await leases.ageing(payee, coin)).to.deep.equal([0n, BASE, BASE - 4n, 0n, 0n]);
      expect(await leases.ageing(stranger, coin)).to.deep.equal([BASE, 0n, 0n, 0n, 0n]);
      await leases.connect(lessee).pay(1, 0, BASE);
      expect(await leases.ageing(payee, coin)).to.deep.equal([0n, BASE, 0n, 0n, 0n]);
      expect(await leases.ageing(payee, ethers.ZeroAddress)).to.deep.equal([0n, 0n, 0n, 0n, 0n]);
    });
  });
});
