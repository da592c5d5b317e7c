import { expect } from "chai";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import type { Terms } from "./leasesStage.ts";
import { BASE, DUE_SEC, EMPTY, ENDS, ethers, LOT_ID, ledger, networkHelpers, settled, whole } from "./leasesStage.ts";

const { time } = networkHelpers;
const DAY_SEC = 86_400;
const CURE_SEC = 5 * DAY_SEC;
const DEPOSIT = BASE / 2n;
const FEE = BASE / 4n;
const LATE = 25_000_000n; // five days' late fee on BASE, at 18 %
const clauses = {
  payment: {
    ...NO_CLAUSES.payment,
    ...{ dueSec: BigInt(DUE_SEC), lateFeeBps: 1800n, cureSec: BigInt(CURE_SEC), depositAssets: DEPOSIT },
  },
  exit: { ...NO_CLAUSES.exit, noticeSec: BigInt(3 * DAY_SEC), terminationFeeAssets: FEE },
} satisfies Partial<Terms>;

/** The first of six periods owed; `curedUntilAt` is when anyone may declare the default. */
async function owingStage(changed: Partial<Terms> = {}) {
  const world = await settled(1, { ...clauses, periodCount: 6, ...changed });
  const { dueAt } = await world.leases.receivable(1, 0);
  return { ...world, dueAt: Number(dueAt), curedUntilAt: Number(dueAt) + CURE_SEC };
}

/** The end of the hour that a time is in. */
const hourEnd = (at: number) => (Math.floor(at / 3600) + 1) * 3600;

async function defaulted(changed: Partial<Terms> = {}) {
  const world = await owingStage(changed);
  await time.setNextBlockTimestamp(world.curedUntilAt);
  const tx = await world.leases.connect(world.stranger).declareDefault(1, 0);
  return { ...world, tx, endAt: hourEnd(world.curedUntilAt) };
}

describe("Leases: default", () => {
  describe("declareDefault", () => {
    it("M13: ends the lease with the hour, takes the deposit for what is owed, and invoices the fee", async () => {
      const world = await defaulted();
      const { leases, coin, payee, tx, endAt, curedUntilAt } = world;
      await expect(tx).to.emit(leases, "Defaulted").withArgs(1, 0, endAt, 2, DEPOSIT, DEPOSIT);
      await expect(tx)
        .to.emit(leases, "PaidFromEscrow")
        .withArgs(1, 0, [payee.address, LATE, DEPOSIT - LATE, 0n, BASE - DEPOSIT + LATE, 0n]);
      await expect(tx)
        .to.emit(leases, "FeeInvoiced")
        .withArgs(1, 2, payee, 4n * FEE, [0n, 4n * FEE, BigInt(curedUntilAt + DUE_SEC), 0n]);
      const owed = BASE - DEPOSIT + LATE + 4n * FEE;
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        owed,
        receivable: owed,
        collectable: DEPOSIT,
        held: DEPOSIT,
      });
      expect(await leases.receivable(1, 2)).to.deep.equal([4n * FEE, curedUntilAt + DUE_SEC, 0n]);
      expect(await leases.revenueAssets(payee, coin)).to.deep.equal([DEPOSIT, 0n]);
      const { status } = await leases.lease(1);
      expect([status.isInDefault, status.endAt, status.endCount]).to.deep.equal([true, BigInt(endAt), 2n]);
      expect(await leases.leaseOf(LOT_ID)).to.equal(1);
    });

    it("M33: the last period is the hours up to that end, and frees the lot", async () => {
      const { leases, lessee, endAt, record } = await defaulted();
      await record(endAt, whole(endAt));
      expect(await leases.periodAt(1, 1)).to.deep.equal([ENDS[1], endAt]);
      await time.setNextBlockTimestamp(endAt - 1);
      await expect(leases.settle(1, 1)).to.be.revertedWithCustomError(leases, "Lease_NotDue").withArgs(1, endAt);
      await time.setNextBlockTimestamp(endAt);
      await leases.settle(1, 1);
      const rent = (BASE * BigInt(endAt - ENDS[1])) / BigInt(ENDS[2] - ENDS[1]);
      expect((await leases.receivable(1, 1)).assets).to.equal(rent);
      expect(await leases.leaseOf(LOT_ID)).to.equal(0);
      await expect(leases.settle(1, 2)).to.be.revertedWithCustomError(leases, "Lease_Ended").withArgs(1);
      await expect(leases.connect(lessee).prepay(1, 1n)).to.be.revertedWithCustomError(leases, "Lease_Ended");
      // The fee stands in place of the first period that never began.
      await leases.connect(lessee).pay(1, 2, 4n * FEE);
      expect((await leases.receivable(1, 2)).assets).to.equal(0);
    });

    it("M13: refuses a second before the cure is over, though the rent is late", async () => {
      const { leases, curedUntilAt } = await owingStage();
      await time.setNextBlockTimestamp(curedUntilAt - 1);
      await expect(leases.declareDefault(1, 0))
        .to.be.revertedWithCustomError(leases, "Lease_CureOpen")
        .withArgs(1, 0, curedUntilAt);
    });

    it("M13: refuses false facts: a period that is not invoiced, one the lease does not have, no lease", async () => {
      const { leases, curedUntilAt } = await owingStage();
      await time.increaseTo(curedUntilAt);
      await expect(leases.declareDefault(1, 1)).to.be.revertedWithCustomError(leases, "Lease_NotOwed").withArgs(1, 1);
      await expect(leases.declareDefault(1, 6)).to.be.revertedWithCustomError(leases, "Lease_UnknownPeriod");
      await expect(leases.declareDefault(2, 0)).to.be.revertedWithCustomError(leases, "Lease_Unknown").withArgs(2);
    });

    it("M13: refuses after the cure: paid late, with its late fee", async () => {
      const { leases, lessee, curedUntilAt } = await owingStage();
      await time.setNextBlockTimestamp(curedUntilAt);
      await leases.connect(lessee).pay(1, 0, BASE + LATE);
      await expect(leases.declareDefault(1, 0)).to.be.revertedWithCustomError(leases, "Lease_NotOwed").withArgs(1, 0);
    });

    it("M13: refuses while the escrow holds what it takes, and not a unit less", async () => {
      const { leases, lessee, curedUntilAt } = await owingStage();
      await leases.connect(lessee).prepay(1, BASE + LATE);
      await time.setNextBlockTimestamp(curedUntilAt);
      await expect(leases.declareDefault(1, 0))
        .to.be.revertedWithCustomError(leases, "Lease_EscrowPays")
        .withArgs(1, 0, BASE + LATE);
      await time.setNextBlockTimestamp(curedUntilAt + 1);
      await expect(leases.declareDefault(1, 0)).to.emit(leases, "Defaulted");
    });

    it("M13: refuses a second time, by another period too", async () => {
      const { leases, endAt, record } = await defaulted();
      await record(endAt, whole(endAt));
      await time.increaseTo(endAt);
      await leases.settle(1, 1);
      await time.increaseTo(endAt + DUE_SEC + CURE_SEC);
      for (const periodIndex of [0, 1]) {
        await expect(leases.declareDefault(1, periodIndex))
          .to.be.revertedWithCustomError(leases, "Lease_InDefault")
          .withArgs(1);
      }
    });

    it("M13: takes the deposit of a lease that is over and owes rent, without a fee, and changes no end", async () => {
      const world = await settled(3, clauses);
      const { leases, coin, lessee } = world;
      await time.increaseTo((await leases.receivable(1, 2)).dueAt + BigInt(CURE_SEC));
      await expect(leases.refund(1)).to.be.revertedWithCustomError(leases, "Lease_Owing");
      const tx = leases.declareDefault(1, 2);
      await expect(tx).to.emit(leases, "Defaulted").withArgs(1, 2, 0, 3, DEPOSIT, DEPOSIT);
      await expect(tx).to.not.emit(leases, "FeeInvoiced");
      // Late: refused once all is paid, and the lessee has what was left.
      for (const periodIndex of [0, 1, 2]) await leases.connect(lessee).pay(1, periodIndex, 2n * BASE);
      await leases.refund(1);
      await expect(leases.declareDefault(1, 1)).to.be.revertedWithCustomError(leases, "Lease_InDefault");
      const paid = 100n * BASE - (await coin.balanceOf(lessee)) - (await ledger(world)).refundable;
      expect(paid).to.equal((await ledger(world)).collectable);
    });

    it("M13: late: refuses once the lease is over and paid", async () => {
      const { leases, lessee } = await settled(3, clauses);
      for (const periodIndex of [0, 1, 2]) await leases.connect(lessee).pay(1, periodIndex, 2n * BASE);
      await leases.refund(1);
      await time.increase(400 * DAY_SEC);
      await expect(leases.declareDefault(1, 2)).to.be.revertedWithCustomError(leases, "Lease_NotOwed").withArgs(1, 2);
    });

    it("after a notice: the earlier end counts, and the fee only for periods it cuts off besides", async () => {
      const { leases, lessee, payee, curedUntilAt } = await owingStage({
        exit: { ...clauses.exit, noticeSec: BigInt(40 * DAY_SEC) },
      });
      await leases.connect(lessee).terminate(1);
      const { status } = await leases.lease(1);
      expect(status.endCount).to.equal(3);
      await time.setNextBlockTimestamp(curedUntilAt);
      const tx = leases.declareDefault(1, 0);
      await expect(tx).to.emit(leases, "Defaulted").withArgs(1, 0, hourEnd(curedUntilAt), 2, DEPOSIT, DEPOSIT);
      await expect(tx)
        .to.emit(leases, "FeeInvoiced")
        .withArgs(1, 2, payee, FEE, [0n, FEE, BigInt(curedUntilAt + DUE_SEC), 0n]);
      expect((await leases.receivable(1, 3)).assets).to.equal(3n * FEE);
    });

    it("with a deposit beyond what is owed: the rest pays the fee, then what comes, then goes back", async () => {
      const world = await defaulted({ payment: { ...clauses.payment, depositAssets: 4n * BASE } });
      const { leases, lessee, record, endAt } = world;
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        prepaid: 2n * BASE - LATE,
        collectable: 2n * BASE + LATE,
        held: 4n * BASE,
      });
      await record(endAt, whole(endAt));
      await time.increaseTo(endAt);
      await leases.settle(1, 1);
      const rent = (BASE * BigInt(endAt - ENDS[1])) / BigInt(ENDS[2] - ENDS[1]);
      await expect(leases.refund(1))
        .to.emit(leases, "Refunded")
        .withArgs(1, lessee, 2n * BASE - LATE - rent);
    });

    it("M06: needs neither the lessee nor the payee: both frozen, the token paused", async () => {
      const { leases, coin, lessee, payee, curedUntilAt } = await owingStage();
      await coin.setBlacklisted(lessee, true);
      await coin.setBlacklisted(payee, true);
      await coin.setPaused(true);
      await time.increaseTo(curedUntilAt);
      await expect(leases.declareDefault(1, 0)).to.emit(leases, "Defaulted");
      await coin.setPaused(false);
      await expect(leases.connect(payee).collect(coin)).to.be.revertedWithCustomError(coin, "Coin_Blacklisted");
      await coin.setBlacklisted(payee, false);
      await expect(leases.connect(payee).collect(coin)).to.changeTokenBalance(ethers, coin, payee, DEPOSIT);
    });

    it("M04: cannot be entered from a token's transfer", async () => {
      const { leases, coin, lessee, curedUntilAt } = await owingStage();
      await time.increaseTo(curedUntilAt);
      await coin.setHook(leases, leases.interface.encodeFunctionData("declareDefault", [1, 0]));
      await leases.connect(lessee).prepay(1, 1n);
      expect(await coin.hookResult()).to.equal(ethers.id("ReentrancyGuardReentrantCall()").slice(0, 10));
    });
  });
});
