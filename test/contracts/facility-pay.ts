import { expect } from "chai";
import { at, createWorld, FIRST_PAYMENT_AT, SENIOR_CLASS, type World } from "./facility-world.ts";

const iso = (seconds: bigint) => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);

/// due and paid of each step of the newest payment
async function stepsOf(w: World) {
  const events = await w.facility.queryFilter(w.facility.filters.StepPaid(), "latest");
  return events.map(({ args }) => [args.dueAssets, args.paidAssets]);
}

describe("Facility: paying", () => {
  let w: World;
  /// Runs the next payment date on the rent given; returns due and paid of fee, interest, reserve, principal, residual.
  const pay = async (rentAssets: bigint) => {
    await w.toDate(Number(await w.facility.paymentCount()));
    if (rentAssets !== 0n) await w.payRent(rentAssets);
    await w.facility.distribute();
    return stepsOf(w);
  };
  const LEVEL = 62_194_152_075n; // 700,000 at 12 % over 12 months
  const INTEREST_1 = 7_000_000_000n;
  const FEE = 500_000_000n;
  const TARGET = 10_000_000_000n;

  describe("distribute", () => {
    beforeEach(async () => {
      w = await createWorld();
      await w.perform();
    });

    it("pays the steps in order and says each, with totals", async () => {
      await w.toDate(0);
      await w.payRent(100_000n * w.unit);
      const principal = LEVEL - INTEREST_1;
      const left = 100_000_000_000n - FEE - INTEREST_1 - TARGET - principal;
      await expect(w.facility.connect(w.mallory).distribute())
        .to.emit(w.facility, "PaymentMade")
        .withArgs(0, FIRST_PAYMENT_AT, 100_000n * w.unit, TARGET, 0);
      expect(await stepsOf(w)).to.deep.equal([
        [FEE, FEE],
        [INTEREST_1, INTEREST_1],
        [TARGET, TARGET],
        [principal, principal],
        [left, left],
      ]);
      expect(await w.facility.unclaimedAssets(await w.senior.getAddress())).to.equal(LEVEL);
      expect(await w.facility.unclaimedAssets(await w.residual.getAddress())).to.equal(left);
      // The only holder's claim is rounded down; what is missing waits in the class for the next accrual.
      expect(await w.senior.claimableAssets(w.alice.address)).to.equal(LEVEL - 1n);
      expect(await w.facility.claimableAssets(w.servicer.address)).to.equal(FEE);
      expect(await w.facility.feesPaidAssets()).to.equal(FEE);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(700_000n * w.unit - principal);
      expect(await w.facility.collectionsAssets()).to.equal(0);
      expect(await w.facility.reserveAssets()).to.equal(TARGET);
      expect(await w.facility.cashAssets()).to.equal(TARGET);
    });

    it("shows interest and principal apart in the class", async () => {
      await pay(100_000n * w.unit);
      const RAY = 10n ** 27n;
      expect(await w.senior.interestPerShareRay()).to.equal((INTEREST_1 * RAY) / (700_000n * w.unit));
      expect(await w.senior.principalPerShareRay()).to.equal(((LEVEL - INTEREST_1) * RAY) / (700_000n * w.unit));
      expect(await w.residual.principalPerShareRay()).to.equal(0);
    });

    it("refuses before the date, to the second, and a second time on it", async () => {
      await w.networkHelpers.time.setNextBlockTimestamp(FIRST_PAYMENT_AT - 1);
      await expect(w.facility.distribute())
        .to.be.revertedWithCustomError(w.facility, "Facility_PaymentNotDue")
        .withArgs(0, FIRST_PAYMENT_AT, FIRST_PAYMENT_AT - 1);
      await w.networkHelpers.time.setNextBlockTimestamp(FIRST_PAYMENT_AT);
      await w.facility.distribute();
      await expect(w.facility.distribute())
        .to.be.revertedWithCustomError(w.facility, "Facility_PaymentNotDue")
        .withArgs(1, at("2027-02-28"), FIRST_PAYMENT_AT + 1);
    });

    it("M09: runs on the last day of short months and the anchor day of long ones", async () => {
      const dates = [];
      for (let n = 0; n < 14; n++) dates.push(iso(await w.facility.paymentAt(n)));
      expect(dates.slice(0, 4)).to.deep.equal(["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]);
      expect(dates[13]).to.equal("2028-02-29");
    });

    it("M09: two missed dates then run one by one pay what they would have paid on their days", async () => {
      await pay(100_000n * w.unit);
      await w.networkHelpers.time.increaseTo(at("2027-04-15"));
      await w.payRent(200_000n * w.unit);
      const outstanding = await w.facility.outstandingAssets(SENIOR_CLASS);
      const second = await pay(0n);
      // From one payment date to the next are 30 days, whatever their days.
      expect(second[1]?.[0]).to.equal(outstanding / 100n);
      expect(await w.facility.periodStartAt()).to.equal(at("2027-02-28"));
      // The second date's interest counts from the first's principal, though both run on one day.
      const rest = await w.facility.outstandingAssets(SENIOR_CLASS);
      expect(rest).to.equal(outstanding + outstanding / 100n - LEVEL);
      const third = await pay(0n);
      expect(third[1]?.[0]).to.equal(rest / 100n);
      await expect(w.facility.distribute()).to.be.revertedWithCustomError(w.facility, "Facility_PaymentNotDue");
    });

    it("M10: one unit short at each step: strict order, and the next date makes it up", async () => {
      const snapshot = await w.networkHelpers.takeSnapshot();
      const principal = LEVEL - INTEREST_1;
      const dues = [FEE, INTEREST_1, TARGET, principal];
      let sum = 0n;
      for (const [short, due] of dues.entries()) {
        sum += due;
        const first = await pay(sum - 1n);
        for (const [i, step] of first.entries()) {
          const whole = i === 4 ? 0n : (dues[i] ?? 0n);
          expect(step[0], `step ${i} due`).to.equal(whole);
          expect(step[1], `step ${i} paid`).to.equal(i < short ? whole : i === short ? whole - 1n : 0n);
        }
        const second = await pay(500_000n * w.unit);
        expect(second[0]?.[0]).to.equal(short === 0 ? FEE + 1n : FEE);
        // Interest on what is outstanding; the missed interest itself bears none.
        const unpaid = short <= 2 ? principal : 1n;
        const outstanding = 700_000n * w.unit - principal + unpaid;
        const carried = short === 0 ? INTEREST_1 : short === 1 ? 1n : 0n;
        const coupon = outstanding / 100n;
        expect(second[1]?.[0]).to.equal(carried + coupon);
        expect(second[2]?.[0]).to.equal(TARGET);
        const scheduled = LEVEL - (700_000n * w.unit - principal) / 100n;
        expect(second[3]?.[0]).to.equal(unpaid + scheduled);
        for (const [due, paid] of second) expect(paid).to.equal(due);
        await snapshot.restore();
      }
    });

    it("M11: the reserve pays fees and interest by itself, and fills again before principal", async () => {
      await pay(100_000n * w.unit);
      const drawn = await pay(0n);
      const [[fee], [interest], reserve, principal, residual] = drawn as [
        bigint[],
        bigint[],
        bigint[],
        bigint[],
        bigint[],
      ];
      const left = TARGET - (fee ?? 0n) - (interest ?? 0n);
      expect(drawn[0]?.[1]).to.equal(fee);
      expect(drawn[1]?.[1]).to.equal(interest);
      expect(reserve).to.deep.equal([TARGET, left]);
      expect([principal[1], residual[1]]).to.deep.equal([0n, 0n]);
      expect(await w.facility.reserveAssets()).to.equal(left);

      const refilled = await pay(20_000n * w.unit);
      expect(refilled[2]).to.deep.equal([TARGET, TARGET]);
      expect(refilled[4]).to.deep.equal([0n, 0n]);
      expect((await pay(200_000n * w.unit))[2]).to.deep.equal([TARGET, TARGET]);
      expect(await w.facility.reserveAssets()).to.equal(TARGET);
    });

    it("M06: fee payees pull; one that is frozen delays nobody", async () => {
      await w.asset.setBlacklisted(w.servicer.address, true);
      await pay(100_000n * w.unit);
      await expect(w.facility.connect(w.servicer).withdraw(w.servicer.address)).to.be.revertedWithCustomError(
        w.asset,
        "Coin_Blacklisted",
      );
      await w.senior.claimFor(w.alice.address);
      await w.facility.connect(w.servicer).withdraw(w.carol.address);
      expect(await w.facility.totalClaimableAssets()).to.equal(1_000_000n * w.unit); // the sponsor's
    });
  });

  describe("other terms", () => {
    it("actual/360 changes the interest and not the schedule", async () => {
      w = await createWorld({ dayCount: 1 });
      await w.perform();
      const first = await pay(200_000n * w.unit);
      expect(first[1]?.[0]).to.equal((700_000n * w.unit * 12n * 31n) / 36_000n);
      expect(first[3]?.[0]).to.equal(LEVEL - INTEREST_1);
      const outstanding = await w.facility.outstandingAssets(SENIOR_CLASS);
      expect((await pay(200_000n * w.unit))[1]?.[0]).to.equal((outstanding * 12n * 28n) / 36_000n);
    });

    it("a first period of 45 days accrues 45 days and repays a month's principal", async () => {
      w = await createWorld({ firstPaymentAt: at("2027-02-15") });
      await w.perform();
      expect((await pay(200_000n * w.unit)).slice(1, 4).map(([due]) => due)).to.deep.equal([
        (INTEREST_1 * 45n) / 30n,
        TARGET,
        LEVEL - INTEREST_1,
      ]);
    });

    it("a balloon is due with the last payment, and the reserve is released to pay it", async () => {
      w = await createWorld({ balloonAssets: 140_000_000_000n, termMonthCount: 3, firstPaymentAt: at("2027-01-30") });
      await w.perform();
      await pay(300_000n * w.unit);
      await pay(300_000n * w.unit);
      const outstanding = await w.facility.outstandingAssets(SENIOR_CLASS);
      const cash = 330_000n * w.unit + TARGET;
      const [fee, interest, reserve, principal, residual] = await pay(330_000n * w.unit);
      expect(reserve).to.deep.equal([0n, 0n]);
      expect(principal).to.deep.equal([outstanding, outstanding]);
      const left = cash - outstanding - FEE - (interest?.[0] ?? 0n);
      expect([fee, residual]).to.deep.equal([
        [FEE, FEE],
        [left, left],
      ]);
      expect(await w.facility.reserveAssets()).to.equal(0);
    });

    it("a fee in proportion counts the rent of its period, once", async () => {
      w = await createWorld({ collectionsBps: 100 });
      await w.perform();
      expect((await pay(100_000n * w.unit))[0]?.[0]).to.equal(FEE + 1_000n * w.unit);
      expect((await pay(0n))[0]?.[0]).to.equal(FEE);
    });

    it("runs without a reserve", async () => {
      w = await createWorld({ reserveTargetAssets: 0n });
      await w.perform();
      const steps = await pay(100_000n * w.unit);
      expect(steps.length).to.equal(4);
      expect(await w.facility.reserveAssets()).to.equal(0);
    });

    it("a class without coupon is repaid in equal parts", async () => {
      w = await createWorld({ couponBps: 0, termMonthCount: 7 });
      await w.perform();
      for (let n = 0; n < 7; n++) await pay(150_000n * w.unit);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(0);
      expect(await w.senior.claimableAssets(w.alice.address)).to.equal(700_000n * w.unit);
    });
  });
});
