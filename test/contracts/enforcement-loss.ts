import { expect } from "chai";
import {
  A,
  AUCTION,
  B,
  CLOSED,
  COST_1,
  LOT_1,
  LOT_2,
  R,
  RENT,
  enforcementWorld,
  openLease,
  settle,
  type EnforcementWorld,
} from "./enforcement-world.ts";

const YEAR_SEC = 365n * 86_400n;

describe("Facility: who is paid in enforcement, and what is lost", () => {
  let w: EnforcementWorld;

  beforeEach(async () => {
    w = await enforcementWorld();
  });

  /** Sells lots to Alice at whatever they cost now. */
  const sell = async (...lotIds: bigint[]) => {
    for (const lotId of lotIds) {
      await w.facility.startAuction(lotId);
      await w.facility.connect(w.alice).buy(lotId, 2n ** 128n);
    }
  };
  const close = () => w.facility.close();
  const untilNextDate = async () => w.networkHelpers.time.increaseTo((await w.facility.nextPaymentAt()) - 100n);
  /** Fee, and interest and principal of each senior class, as due on the second date: nothing was paid on the first. */
  const dues = () => {
    const usd = (assets: bigint) => assets * w.unit;
    return { fee: usd(1_000n), senior: [usd(12_000n), usd(600_000n), usd(5_000n), usd(200_000n)] as const };
  };

  describe("strict seniority", () => {
    it("pays fee, then all of A, then all of B, then the residual, at each boundary to the unit", async () => {
      const { fee, senior } = dues();
      await w.enforce();
      await untilNextDate();
      const snapshot = await w.networkHelpers.takeSnapshot();
      let above = fee;
      for (const [i, due] of senior.entries()) {
        for (const cash of [above, above + 1n, above + due - 1n, above + due]) {
          await w.deposit(cash);
          const paid = (await w.incomes(w.distributeAt(1))).flat();
          const expected = senior.map((step, j) => (j < i ? step : j > i ? 0n : cash - above));
          expect(paid, `${cash}`).to.deep.equal([...expected, 0n, 0n]);
          await snapshot.restore();
        }
        above += due;
      }
    });

    it("M14: gives a surplus to the residual class: its principal first, then income", async () => {
      const { fee, senior } = dues();
      const owed = senior.reduce((sum, due) => sum + due, fee);
      await w.enforce();
      await untilNextDate();
      await w.deposit(owed + 200_000n * w.unit + 7n);
      expect((await w.incomes(w.distributeAt(1)))[R]).to.deep.equal([7n, 200_000n * w.unit]);
      await w.facility.release(LOT_1);
      await w.facility.release(LOT_2);
      await close();
      for (const token of w.tokens) expect(await token.lossPerShareRay()).to.equal(0n);
    });
  });

  describe("E08: the liens in enforcement", () => {
    it("E08: are not released while a senior class is owed a unit, and not by anybody else at all", async () => {
      await w.enforce();
      const { fee, senior } = dues();
      await untilNextDate();
      await w.deposit(senior.reduce((sum, due) => sum + due, fee) - 1n);
      await w.distributeAt(1);
      await expect(w.facility.release(LOT_1))
        .to.be.revertedWithCustomError(w.facility, "Facility_SeniorsOwed")
        .withArgs(1n);
      for (const account of [w.sponsor, w.admin, w.mallory]) {
        for (const verb of ["passLien", "passLot"] as const) {
          await expect(w.registry.connect(account)[verb](LOT_1, account)).to.be.revertedWithCustomError(
            w.registry,
            "Registry_NotLienHolder",
          );
        }
        await expect(w.registry.connect(account).releaseLien(LOT_1)).to.be.revertedWithCustomError(
          w.registry,
          "Registry_NotLienHolder",
        );
      }
      await expect(w.registry.connect(w.sponsor).offerLien(LOT_1, w.sponsor)).to.be.revertedWithCustomError(
        w.registry,
        "Registry_LienHeld",
      );
      await w.deposit(501n * w.unit);
      await w.distributeAt(2);
      await w.facility.release(LOT_1);
      expect((await w.registry.lot(LOT_1)).operator).to.equal(w.sponsor.address);
    });

    it("E08: a lot that was sold is not released, and one that is let not before its lease is over", async () => {
      await w.perform();
      const leaseId = await openLease(w, w.lessee, { lotId: LOT_2 });
      await w.enforceNow();
      await sell(LOT_1);
      const { fee, senior } = dues();
      await untilNextDate();
      await w.deposit(senior.reduce((sum, due) => sum + due, fee));
      await w.distributeAt(1);
      await expect(w.facility.release(LOT_1))
        .to.be.revertedWithCustomError(w.facility, "Facility_NotPledged")
        .withArgs(LOT_1);
      await expect(w.facility.release(LOT_2))
        .to.be.revertedWithCustomError(w.facility, "Facility_LotLeased")
        .withArgs(LOT_2, leaseId);
    });
  });

  describe("close with loss", () => {
    it("adds interest to the second, pays once more by the list, and writes off what is left of each class", async () => {
      await w.enforce();
      const start = (COST_1 * w.unit * BigInt(AUCTION.startBps)) / 10_000n;
      await sell(LOT_1);
      // The second lot goes for its floor, 200,000: 800,000 less than the 808,500 and more that the seniors are owed.
      await w.facility.startAuction(LOT_2);
      await w.networkHelpers.time.increase(AUCTION.durationSec);
      await w.facility.connect(w.bob).buy(LOT_2, 200_000n * w.unit);
      // The surplus of a second over the start is the auction's fall; both sales are all the cash there is.
      const cash = await w.facility.collectionsAssets();
      expect(cash).to.be.within(start + 200_000n * w.unit - 1_000_000n, start + 200_000n * w.unit);
      const [owedA, owedB] = [await w.facility.accruedAssets(A), await w.facility.accruedAssets(B)];
      // 6,000 missed and 12 days (1 to 12 February, 30/360) of 200 a day.
      expect(owedA).to.equal(8_400n * w.unit);
      expect(owedB).to.equal(3_500n * w.unit);

      const fee = 500n * w.unit;
      const left = cash - fee - owedA - 600_000n * w.unit - owedB;
      const closing = close();
      expect(await w.incomes(closing)).to.deep.equal([
        [owedA, 600_000n * w.unit],
        [owedB, left],
        [0n, 0n],
      ]);
      const lostB = 200_000n * w.unit - left;
      await expect(closing).to.emit(w.facility, "ClassWrittenOff").withArgs(B, lostB);
      await expect(closing)
        .to.emit(w.facility, "ClassWrittenOff")
        .withArgs(R, 200_000n * w.unit);
      expect(await w.facility.state()).to.equal(CLOSED);
      expect(await w.tokens[A]!.writtenOffAssets(w.alice)).to.equal(0n);
      expect(await w.tokens[B]!.writtenOffAssets(w.bob)).to.be.within(lostB - 1n, lostB);
      expect(await w.tokens[R]!.writtenOffAssets(w.carol)).to.equal(200_000n * w.unit);
      for (const i of [A, B, R]) expect(await w.facility.outstandingAssets(i)).to.equal(0n);
    });

    it("leaves claims open, and no unit in the ledger beside them", async () => {
      await w.enforce();
      await sell(LOT_1, LOT_2);
      await close();
      await w.facility.connect(w.lessee).withdraw(w.lessee);
      await w.facility.connect(w.sponsor).withdraw(w.sponsor);
      await w.tokens[A]!.claimFor(w.alice);
      await w.tokens[B]!.claimFor(w.bob);
      await w.tokens[R]!.claimFor(w.carol);
      expect(await w.facility.ledgerAssets()).to.equal(await w.asset.balanceOf(w.facility));
      expect(await w.facility.ledgerAssets()).to.be.at.most(3n);
    });

    it("refuses while a lot is pledged, and a senior class is owed anything outside enforcement", async () => {
      await w.perform();
      await expect(close())
        .to.be.revertedWithCustomError(w.facility, "Facility_SeniorsOwed")
        .withArgs(800_000n * w.unit);
      await w.enforceNow();
      await sell(LOT_1);
      await expect(close()).to.be.revertedWithCustomError(w.facility, "Facility_LotsPledged").withArgs(1n);
    });

    it("refuses while a payment date waits: its interest is not that of another day", async () => {
      await w.enforce();
      await sell(LOT_1, LOT_2);
      const dueAt = await w.facility.nextPaymentAt();
      await w.networkHelpers.time.setNextBlockTimestamp(dueAt);
      await expect(close()).to.be.revertedWithCustomError(w.facility, "Facility_PaymentDue").withArgs(1n, dueAt, dueAt);
      await w.facility.distribute();
      await close();
    });

    it("waits for rent that is owed, a year after the last lot left and no longer; never for what can be collected", async () => {
      await w.perform();
      const leaseId = await openLease(w, w.lessee);
      await settle(w, leaseId, 0n);
      await w.enforceNow();
      await sell(LOT_1, LOT_2);
      const soldAt = BigInt(await w.networkHelpers.time.latest());
      const waits = (assets: bigint) =>
        expect(close()).to.be.revertedWithCustomError(w.facility, "Facility_RentOutstanding").withArgs(assets);
      await waits(RENT);
      await w.leases.connect(w.mallory).pay(leaseId, 0, 1n);
      await waits(RENT);
      await w.facility.collect();
      for (let timeAt = soldAt; timeAt + 31n * 86_400n < soldAt + YEAR_SEC;) {
        timeAt = await w.facility.nextPaymentAt();
        if (timeAt < soldAt + YEAR_SEC) await w.distributeAt(Number(await w.facility.paymentCount()));
      }
      await w.networkHelpers.time.setNextBlockTimestamp(soldAt + YEAR_SEC - 1n);
      await waits(RENT - 1n);
      const snapshot = await w.networkHelpers.takeSnapshot();
      await w.networkHelpers.time.setNextBlockTimestamp(soldAt + YEAR_SEC);
      await close();
      await snapshot.restore();
      await w.networkHelpers.time.setNextBlockTimestamp(soldAt + YEAR_SEC);
      await w.leases.connect(w.mallory).pay(leaseId, 0, 1n);
      await waits(RENT - 1n);
      await w.facility.collect();
      await close();
      expect(await w.facility.state()).to.equal(CLOSED);
    });
  });
});
