import { expect } from "chai";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import type { Terms ,
  stage} from "./leasesStage.ts";
import {
  at,
  BASE,
  DUE_SEC,
  EMPTY,
  ENDS,
  ethers,
  LOT_ID,
  leasedStage,
  ledger,
  networkHelpers,
  settled,
  whole,
} from "./leasesStage.ts";

const { time } = networkHelpers;
const DAY_SEC = 86_400;
const FEE = BASE / 4n;
const PRICE = 50n * BASE;
const exit = {
  ...{ minPeriodCount: 1n, noticeSec: BigInt(3 * DAY_SEC), renewalPeriodCount: 2n, renewalRentBps: 9_333n },
  ...{ terminationFeeAssets: FEE, purchaseAssets: PRICE },
};
const clauses = { exit } satisfies Partial<Terms>;
const april = ENDS[3];

/** Sums of the lease's ends: [early end, periods, of them invoiced]. */
const endOf = async ({ leases }: Awaited<ReturnType<typeof stage>>) => {
  const { status } = await leases.lease(1);
  return [Number(status.endAt), Number(status.periodCount), Number(status.endCount)];
};

describe("Leases: early end, purchase, renewal", () => {
  describe("terminate", () => {
    // Notice to the second, and the end of the hour that the end of the notice is in.
    const march = ENDS[1];
    for (const [noticeAt, endAt] of [
      [march + 5 * DAY_SEC, march + 8 * DAY_SEC + 3600],
      [march + 5 * DAY_SEC + 1, march + 8 * DAY_SEC + 3600],
      [march + 5 * DAY_SEC + 3599, march + 8 * DAY_SEC + 3600],
      [march + 5 * DAY_SEC + 3600, march + 8 * DAY_SEC + 7200],
    ] as const) {
      it(`M33: notice at second ${noticeAt % DAY_SEC} of a day ends at hour ${(endAt % DAY_SEC) / 3600}, rent by the hour`, async () => {
        const world = await settled(1, clauses);
        const { leases, lessee, payee, record } = world;
        await time.setNextBlockTimestamp(noticeAt);
        const tx = leases.connect(lessee).terminate(1);
        await expect(tx).to.emit(leases, "Terminated").withArgs(1, endAt, 2);
        await expect(tx)
          .to.emit(leases, "FeeInvoiced")
          .withArgs(1, 2, payee, FEE, [0n, FEE, BigInt(noticeAt + DUE_SEC), 0n]);
        await record(endAt, whole(endAt));
        await time.setNextBlockTimestamp(endAt - 1);
        await expect(leases.settle(1, 1)).to.be.revertedWithCustomError(leases, "Lease_NotDue").withArgs(1, endAt);
        await time.setNextBlockTimestamp(endAt);
        await leases.settle(1, 1);
        const hours = BigInt((endAt - march) / 3600);
        expect((await leases.receivable(1, 1)).assets).to.equal((BASE * hours) / (31n * 24n));
        expect(await leases.leaseOf(LOT_ID)).to.equal(0);
        const owed = BASE + FEE + (BASE * hours) / (31n * 24n);
        expect(await ledger(world)).to.deep.equal({ ...EMPTY, settledCount: 2, owed, receivable: owed });
      });
    }

    it("M33: at the edge of a period: the next one has begun a second later, and costs no fee", async () => {
      const edge = await settled(1, clauses);
      await time.setNextBlockTimestamp(ENDS[2] - 3 * DAY_SEC - 1);
      await edge.leases.connect(edge.lessee).terminate(1);
      expect(await endOf(edge)).to.deep.equal([ENDS[2], 3, 2]);
      const later = await settled(1, clauses);
      await time.setNextBlockTimestamp(ENDS[2] - 3 * DAY_SEC);
      const tx = later.leases.connect(later.lessee).terminate(1);
      await expect(tx).to.not.emit(later.leases, "FeeInvoiced");
      expect(await endOf(later)).to.deep.equal([ENDS[2] + 3600, 3, 3]);
    });

    it("M33: before the start, where the terms allow it: no period, the fee for all, the lot free at once", async () => {
      const world = await leasedStage({ exit: { ...exit, minPeriodCount: 0n, noticeSec: 0n } });
      const { leases, lessee } = world;
      await leases.connect(lessee).prepay(1, FEE);
      await expect(leases.connect(lessee).terminate(1)).to.be.revertedWithCustomError(leases, "Lease_TooEarly");
      await time.setNextBlockTimestamp(ENDS[0] - 1);
      await leases.connect(lessee).terminate(1);
      expect(await endOf(world)).to.deep.equal([ENDS[0], 3, 0]);
      expect(await leases.leaseOf(LOT_ID)).to.equal(0);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        owed: 2n * FEE,
        receivable: 2n * FEE,
        collectable: FEE,
        held: FEE,
      });
      await leases.connect(lessee).pay(1, 0, 2n * FEE + 5n);
      await expect(leases.refund(1)).to.emit(leases, "Refunded").withArgs(1, lessee, 5n);
    });

    it("refuses an end before the least number of periods, and takes it from there", async () => {
      const { leases, lessee } = await leasedStage({ exit: { ...exit, minPeriodCount: 2n } });
      const noticeAt = ENDS[2] - 3 * DAY_SEC - 3601;
      await time.setNextBlockTimestamp(noticeAt);
      await expect(leases.connect(lessee).terminate(1))
        .to.be.revertedWithCustomError(leases, "Lease_TooEarly")
        .withArgs(1, ENDS[2] - 3600, ENDS[2]);
      await time.setNextBlockTimestamp(noticeAt + 1);
      await expect(leases.connect(lessee).terminate(1)).to.emit(leases, "Terminated").withArgs(1, ENDS[2], 2);
    });

    it("refuses all but the lessee, an end that is none, a second notice, a broken lease and an unknown one", async () => {
      const { leases, lessee, operator } = await settled(1, clauses);
      await expect(leases.connect(operator).terminate(1))
        .to.be.revertedWithCustomError(leases, "Lease_NotLessee")
        .withArgs(1, operator);
      await expect(leases.connect(lessee).terminate(2))
        .to.be.revertedWithCustomError(leases, "Lease_Unknown")
        .withArgs(2);
      await leases.connect(lessee).terminate(1);
      await expect(leases.connect(lessee).terminate(1)).to.be.revertedWithCustomError(leases, "Lease_TooLate");
      await time.increaseTo(ENDS[1] + DUE_SEC + 1);
      await leases.declareDefault(1, 0);
      await expect(leases.connect(lessee).terminate(1))
        .to.be.revertedWithCustomError(leases, "Lease_InDefault")
        .withArgs(1);

      const late = await settled(1, clauses);
      await time.setNextBlockTimestamp(april - 3 * DAY_SEC - 1);
      await expect(late.leases.connect(late.lessee).terminate(1))
        .to.be.revertedWithCustomError(leases, "Lease_TooLate")
        .withArgs(1, april, april);
    });
  });

  describe("purchase", () => {
    it("pays the price to the payee, ends the lease with the hour without a fee, and keeps the lot taken", async () => {
      const world = await settled(1, clauses);
      const { leases, lots, coin, lessee, payee, operator, addLot, open, record } = world;
      await leases.connect(lessee).pay(1, 0, BASE);
      const boughtAt = ENDS[1] + 10 * DAY_SEC + 5;
      const endAt = ENDS[1] + 10 * DAY_SEC + 3600;
      await time.setNextBlockTimestamp(boughtAt);
      await expect(leases.connect(lessee).purchase(1))
        .to.emit(leases, "Purchased")
        .withArgs(1, lessee, payee, PRICE, endAt, 2);
      expect(await leases.purchaserOf(1)).to.equal(lessee);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        collectable: BASE + PRICE,
        held: BASE + PRICE,
      });
      expect(await leases.revenueAssets(payee, coin)).to.deep.equal([BASE, 0n]); // a price is no rent
      await record(endAt, whole(endAt));
      await time.increaseTo(endAt);
      await leases.settle(1, 1);
      expect(await leases.leaseOf(LOT_ID)).to.equal(1);
      // Not even its operator can let it, before it is the lessee's.
      await expect(open({ startAt: ENDS[2] })).to.be.revertedWithCustomError(leases, "Lease_LotLeased");
      await addLot(LOT_ID, lessee);
      await lots.releaseLien(LOT_ID);
      await expect(open({ startAt: ENDS[2], payee: lessee.address }))
        .to.be.revertedWithCustomError(leases, "Lease_NotOperator")
        .withArgs(LOT_ID, operator);
      const terms = { ...world.terms, startAt: ENDS[2], payee: lessee.address, lessee: operator.address };
      await leases.connect(lessee).open(terms, await world.sign(terms, operator));
      expect(await leases.leaseOf(LOT_ID)).to.equal(2);
    });

    it("refuses before the least number of periods, while it owes, twice, without an option, to others", async () => {
      const { leases, lessee, stranger } = await settled(1, { exit: { ...exit, minPeriodCount: 2n } });
      await expect(leases.connect(stranger).purchase(1)).to.be.revertedWithCustomError(leases, "Lease_NotLessee");
      await time.setNextBlockTimestamp(ENDS[2] - 1);
      await expect(leases.connect(lessee).purchase(1))
        .to.be.revertedWithCustomError(leases, "Lease_TooEarly")
        .withArgs(1, ENDS[2] - 1, ENDS[2]);
      await time.setNextBlockTimestamp(ENDS[2]);
      await expect(leases.connect(lessee).purchase(1))
        .to.be.revertedWithCustomError(leases, "Lease_Owing")
        .withArgs(1, BASE);
      await leases.connect(lessee).pay(1, 0, BASE);
      await leases.connect(lessee).purchase(1);
      for (const verb of ["purchase", "terminate", "renew"] as const) {
        await expect(leases.connect(lessee)[verb](1))
          .to.be.revertedWithCustomError(leases, "Lease_Bought")
          .withArgs(1, lessee);
      }
      const without = await settled(0, { exit: { ...exit, purchaseAssets: 0n } });
      await expect(without.leases.connect(without.lessee).purchase(1))
        .to.be.revertedWithCustomError(leases, "Lease_NoOption")
        .withArgs(1);
    });

    it("refuses from the lease's end on", async () => {
      const { leases, lessee } = await settled(2, clauses);
      for (const periodIndex of [0, 1]) await leases.connect(lessee).pay(1, periodIndex, BASE);
      await time.setNextBlockTimestamp(april);
      await expect(leases.connect(lessee).purchase(1))
        .to.be.revertedWithCustomError(leases, "Lease_TooLate")
        .withArgs(1, april, april);
    });

    it("M05: refuses a price that does not arrive whole, and sells nothing", async () => {
      const world = await leasedStage({ exit: { ...exit, minPeriodCount: 0n } });
      const { leases, coin, lessee } = world;
      await coin.setFee(100n);
      await time.increaseTo(ENDS[0]);
      await expect(leases.connect(lessee).purchase(1)).to.be.revertedWithCustomError(leases, "Settlement_WrongAmount");
      expect(await leases.purchaserOf(1)).to.equal(ethers.ZeroAddress);
      expect(await ledger(world)).to.deep.equal(EMPTY);
    });
  });

  describe("renew", () => {
    it("adds the periods, at their part of the rent, rounded down", async () => {
      const world = await settled(2, clauses);
      const { leases, lessee, record } = world;
      await expect(leases.connect(lessee).renew(1)).to.emit(leases, "Renewed").withArgs(1, 5);
      expect(await endOf(world)).to.deep.equal([0, 5, 5]);
      expect(await leases.periodAt(1, 4)).to.deep.equal([at("2030-05-31"), at("2030-06-30")]);
      const may = at("2030-05-31");
      await record(may, whole(may));
      await time.increaseTo(may);
      await leases.settle(1, 2);
      expect(await leases.leaseOf(LOT_ID)).to.equal(1);
      await leases.settle(1, 3);
      expect((await leases.receivable(1, 2)).assets).to.equal(BASE);
      expect((await leases.receivable(1, 3)).assets).to.equal((BASE * 9333n) / 10_000n);
    });

    it("refuses a second time, after the end, after a notice, without an option and to others", async () => {
      const { leases, lessee, stranger } = await settled(1, clauses);
      await expect(leases.connect(stranger).renew(1)).to.be.revertedWithCustomError(leases, "Lease_NotLessee");
      await leases.connect(lessee).renew(1);
      await expect(leases.connect(lessee).renew(1)).to.be.revertedWithCustomError(leases, "Lease_NoOption").withArgs(1);

      const noticed = await settled(1, clauses);
      await noticed.leases.connect(noticed.lessee).terminate(1);
      await expect(noticed.leases.connect(noticed.lessee).renew(1)).to.be.revertedWithCustomError(
        leases,
        "Lease_NoOption",
      );

      const without = await settled(1);
      await expect(without.leases.connect(without.lessee).renew(1)).to.be.revertedWithCustomError(
        leases,
        "Lease_NoOption",
      );
      await time.setNextBlockTimestamp(april);
      await expect(without.leases.connect(without.lessee).renew(1))
        .to.be.revertedWithCustomError(leases, "Lease_TooLate")
        .withArgs(1, april, april);
    });
  });

  it("M17: the deposit goes back with the escrow once the lease is over and owes nothing", async () => {
    const payment = { ...NO_CLAUSES.payment, depositAssets: 7n, prepaidMonthCount: 3n };
    const { leases, coin, lessee } = await settled(3, { payment });
    await expect(leases.refund(1)).to.emit(leases, "Refunded").withArgs(1, lessee, 7n);
    await expect(leases.refund(1)).to.be.revertedWithCustomError(leases, "Lease_ZeroAssets").withArgs(1);
    await leases.connect(lessee).collect(coin);
    expect(await coin.balanceOf(lessee)).to.equal(97n * BASE);
  });
});
