import { expect } from "chai";
import {
  at,
  BASE,
  DUE_SEC,
  EMPTY,
  ENDS,
  ethers,
  GPU_COUNT,
  LOT_ID,
  leasedStage,
  ledger,
  networkHelpers,
  settled,
  stage,
} from "./leasesStage.ts";

const { time } = networkHelpers;
const DAY_SEC = 86_400;

describe("Leases: settlement", () => {
  describe("settle", () => {
    it("refuses a second before the period's end and settles at it", async () => {
      const { leases } = await leasedStage();
      await time.setNextBlockTimestamp(ENDS[1] - 1);
      await expect(leases.settle(1, 0)).to.be.revertedWithCustomError(leases, "Lease_NotDue").withArgs(1, ENDS[1]);
      await time.setNextBlockTimestamp(ENDS[1]);
      await expect(leases.settle(1, 0)).to.emit(leases, "Invoiced");
    });

    it("refuses any but the next period, a settled lease and an unknown one", async () => {
      const { leases } = await settled(1);
      for (const periodIndex of [0, 2, 3]) {
        await expect(leases.settle(1, periodIndex))
          .to.be.revertedWithCustomError(leases, "Lease_WrongPeriod")
          .withArgs(1, periodIndex, 1);
      }
      await expect(leases.settle(9, 0)).to.be.revertedWithCustomError(leases, "Lease_Unknown").withArgs(9);
      const ended = await settled(3);
      await expect(ended.leases.settle(1, 3)).to.be.revertedWithCustomError(leases, "Lease_Ended").withArgs(1);
    });

    it("emits every input and output; what the escrow does not hold is a receivable with a due date", async () => {
      const world = await leasedStage();
      const { leases, lessee, payee } = world;
      await leases.connect(lessee).prepay(1, BASE - 1n);
      const length = BigInt(ENDS[1] - ENDS[0]);
      const gpuSec = BigInt(GPU_COUNT) * length;
      await time.setNextBlockTimestamp(ENDS[1] + 5);
      const dueAt = ENDS[1] + 5 + DUE_SEC;
      await expect(leases.settle(1, 0))
        .to.emit(leases, "Invoiced")
        .withArgs(
          1,
          0,
          payee,
          ENDS[0],
          ENDS[1],
          [8n, length, length, gpuSec, gpuSec, 0n, 0n, 0n, 0n, 10_000n, 0n, BASE, 0n, 0n, 0n, 0n, BASE],
          [BASE - 1n, 1n, BigInt(dueAt), 0n],
        );
      expect(await leases.receivable(1, 0)).to.deep.equal([1n, dueAt, 0n]);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        owed: 1n,
        receivable: 1n,
        collectable: BASE - 1n,
        held: BASE - 1n,
      });
    });

    it("leaves in the escrow what the invoice does not take, and owes nothing", async () => {
      const world = await leasedStage();
      await world.leases.connect(world.lessee).prepay(1, BASE + 1n);
      await time.increaseTo(ENDS[1]);
      await world.leases.settle(1, 0);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        prepaid: 1n,
        collectable: BASE,
        held: BASE + 1n,
      });
    });

    it("credits downtime with no claim: from the meters alone", async () => {
      const world = await leasedStage();
      const { leases, record } = world;
      await record(ENDS[1], { available: (GPU_COUNT * (ENDS[1] - ENDS[0]) * 97) / 100 });
      await time.increaseTo(ENDS[1]);
      await leases.settle(1, 0);
      expect((await ledger(world)).owed).to.equal((BASE * 9n) / 10n);
    });

    it("meters: per GPU-hour allocated, none of it a base rent", async () => {
      const world = await stage();
      await world.open({ pricing: 1, baseRentAssets: 0n, gpuHourRateAssets: 2_350_000n });
      await world.record(ENDS[0], { available: 100, allocated: 100 });
      const gpuSec = GPU_COUNT * (ENDS[1] - ENDS[0]);
      await world.record(ENDS[1], { available: 100 + gpuSec, allocated: 100 + 3600 * 11 });
      await time.increaseTo(ENDS[1]);
      await world.leases.settle(1, 0);
      expect((await ledger(world)).owed).to.equal(11n * 2_350_000n);
    });

    it("E10: waits for the meters at both ends, then settles late on the cumulative counters, exactly", async () => {
      const world = await stage();
      const { leases, meters, record, open } = world;
      await open();
      await time.increaseTo(ENDS[3] + 40 * DAY_SEC);
      const epochs = ENDS.map((end) => end / 3600 - 1);
      const refused = async (periodIndex: number, epoch: number) => {
        await expect(leases.settle(1, periodIndex))
          .to.be.revertedWithCustomError(meters, "Telemetry_NotRecorded")
          .withArgs(LOT_ID, epoch);
      };
      await refused(0, epochs[0]!);
      await record(ENDS[0], { available: 1000 });
      await refused(0, epochs[1]!);
      const whole = (end: number) => 1000 + GPU_COUNT * (end - ENDS[0]);
      await record(ENDS[3], { available: whole(ENDS[3]) });
      await refused(0, epochs[1]!);
      // Just under 99 % in February, whole again in March and April.
      const lost = Math.floor((GPU_COUNT * (ENDS[1] - ENDS[0])) / 100) + 1;
      await record(ENDS[1], { available: whole(ENDS[1]) - lost });
      await leases.settle(1, 0);
      expect((await leases.receivable(1, 0)).assets).to.equal((BASE * 9n) / 10n);
      await refused(1, epochs[2]!);
      await record(ENDS[2], { available: whole(ENDS[2]) });
      await leases.settle(1, 1);
      await leases.settle(1, 2);
      expect((await leases.receivable(1, 1)).assets).to.equal(BASE);
      expect(await leases.leaseOf(LOT_ID)).to.equal(0);
    });

    it("frees the lot with the last period, for a lease that starts where this one ended", async () => {
      const { leases, open } = await settled(2);
      expect(await leases.leaseOf(LOT_ID)).to.equal(1);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      expect(await leases.leaseOf(LOT_ID)).to.equal(0);
      await open({ startAt: ENDS[3] });
      expect(await leases.leaseOf(LOT_ID)).to.equal(2);
      expect(await leases.payeeOf(1)).to.not.equal(ethers.ZeroAddress);
    });
  });

  describe("periodAt", () => {
    /** Whole months from the anchor, by the platform's own calendar: day 0 of a month is the last of the one before. */
    const monthsAfter = (start: string, months: number): number => {
      const date = new Date(`${start}T00:00:00Z`);
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + months];
      const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
      return Date.UTC(year, month, Math.min(date.getUTCDate(), lastDay)) / 1000;
    };

    for (const start of [
      "2030-01-29",
      "2030-01-30",
      "2030-01-31",
      "2031-12-31",
      "2032-01-30",
      "2032-02-29",
      "2099-12-31",
    ]) {
      it(`M09: periods from ${start} are whole months, without gap or overlap`, async () => {
        const { leases, open } = await stage();
        const days = 30 * 86_400; // accepted a month ahead
        if (at(start) - days > (await time.latest())) {
          await time.increaseTo(at(start) - days);
        }
        await open({ startAt: at(start), periodCount: 26 });
        for (let periodIndex = 0; periodIndex < 26; periodIndex++) {
          expect(await leases.periodAt(1, periodIndex)).to.deep.equal([
            monthsAfter(start, periodIndex),
            monthsAfter(start, periodIndex + 1),
          ]);
        }
        await expect(leases.periodAt(1, 26))
          .to.be.revertedWithCustomError(leases, "Lease_UnknownPeriod")
          .withArgs(1, 26, 26);
      });
    }

    it("M09: three months missed and then run are the three invoices they would have been", async () => {
      const world = await settled(3);
      const events = await world.leases.queryFilter(world.leases.filters.Invoiced());
      expect(events.map(({ args }) => [args.fromAt, args.untilAt, args.statement.dueAssets])).to.deep.equal(
        [0, 1, 2].map((index) => [BigInt(ENDS[index]!), BigInt(ENDS[index + 1]!), BASE]),
      );
      expect(await ledger(world)).to.deep.equal({ ...EMPTY, settledCount: 3, owed: 3n * BASE, receivable: 3n * BASE });
    });
  });
});
