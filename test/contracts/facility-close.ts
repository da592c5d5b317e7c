import { expect } from "chai";
import { CLOSED, createWorld, LOT, PERFORMING, RESIDUAL_CLASS, SENIOR_CLASS, type World } from "./facility-world.ts";

describe("Facility: collecting and winding up", () => {
  let w: World;
  const pay = async (rentAssets: bigint) => {
    await w.toDate(Number(await w.facility.paymentCount()));
    if (rentAssets !== 0n) await w.payRent(rentAssets);
    await w.facility.distribute();
  };
  beforeEach(async () => {
    w = await createWorld({ termMonthCount: 2 });
    await w.perform();
  });

  describe("collect", () => {
    it("books exactly what the leases paid; anyone may call", async () => {
      await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), w.target, 123n);
      expect(await w.facility.receivableAssets()).to.equal(123);
      await expect(w.facility.connect(w.mallory).collect()).to.emit(w.facility, "Collected").withArgs(123, 123, 123);
      expect(await w.facility.collectionsAssets()).to.equal(123);
      expect(await w.facility.periodRentAssets()).to.equal(123);
      expect(await w.facility.receivableAssets()).to.equal(0);
    });

    it("books the price of a lot as collections and not as rent", async () => {
      await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), w.target, 20n);
      await w.rent.connect(w.mallory).payPrice(await w.asset.getAddress(), w.target, 100n);
      await expect(w.facility.collect()).to.emit(w.facility, "Collected").withArgs(120, 20, 120);
      expect(await w.facility.periodRentAssets()).to.equal(20);
    });

    it("M05: refuses a report of more than came", async () => {
      await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), w.target, 123n);
      await w.rent.overstate(1);
      const library = await w.ethers.getContractAt("Payments", w.target);
      await expect(w.facility.collect())
        .to.be.revertedWithCustomError(library, "Settlement_WrongAmount")
        .withArgs(await w.asset.getAddress(), 124, 123);
    });

    it("counts rent that is invoiced as receivable", async () => {
      await w.rent.setReceivable(w.target, 77);
      await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), w.target, 1n);
      expect(await w.facility.receivableAssets()).to.equal(78);
    });
  });

  describe("sync", () => {
    it("M02: a donation changes nothing until it is booked, in its own event, as collections", async () => {
      const before = [await w.facility.cashAssets(), await w.facility.owedAssets(SENIOR_CLASS)];
      await w.asset.connect(w.mallory).transfer(w.target, 55n);
      expect([await w.facility.cashAssets(), await w.facility.owedAssets(SENIOR_CLASS)]).to.deep.equal(before);
      expect(await w.senior.claimableAssets(w.alice.address)).to.equal(0);
      await expect(w.facility.connect(w.mallory).sync()).to.emit(w.facility, "SurplusBooked").withArgs(55, 55);
      expect(await w.facility.periodRentAssets()).to.equal(0);
      const balance = await w.asset.balanceOf(w.target);
      await expect(w.facility.sync())
        .to.be.revertedWithCustomError(w.facility, "Facility_NoSurplus")
        .withArgs(balance, balance);
    });

    it("M02: counts claims and class income as booked", async () => {
      await pay(500_000n * w.unit);
      const balance = await w.asset.balanceOf(w.target);
      expect(await w.facility.ledgerAssets()).to.equal(balance);
      await expect(w.facility.sync()).to.be.revertedWithCustomError(w.facility, "Facility_NoSurplus");
    });
  });

  describe("payClaim", () => {
    it("refuses everyone but a class with unclaimed income, also for nothing", async () => {
      for (const assets of [0n, 1n]) {
        await expect(w.facility.connect(w.mallory).payClaim(w.mallory.address, assets))
          .to.be.revertedWithCustomError(w.facility, "Facility_ClaimNotBacked")
          .withArgs(w.mallory.address, assets, 0);
      }
    });

    it("pays a class's holders out of that class's income only", async () => {
      await pay(500_000n * w.unit);
      const senior = await w.facility.unclaimedAssets(await w.senior.getAddress());
      const residual = await w.facility.unclaimedAssets(await w.residual.getAddress());
      await w.senior.connect(w.alice).claim(w.alice.address);
      expect(await w.facility.unclaimedAssets(await w.senior.getAddress())).to.equal(1); // rounded down
      expect(await w.facility.unclaimedAssets(await w.residual.getAddress())).to.equal(residual);
      await w.residual.claimFor(w.bob.address);
      expect(senior).to.be.greaterThan(0);
      expect(await w.asset.balanceOf(w.target)).to.equal(await w.facility.ledgerAssets());
    });
  });

  describe("release", () => {
    it("refuses while a senior class is owed, then while a lease is live, then releases once", async () => {
      await expect(w.facility.release(LOT)).to.be.revertedWithCustomError(w.facility, "Facility_SeniorsOwed");
      await pay(500_000n * w.unit);
      await pay(500_000n * w.unit);
      await w.rent.setLease(LOT, 9, w.target);
      await expect(w.facility.release(LOT))
        .to.be.revertedWithCustomError(w.facility, "Facility_LotLeased")
        .withArgs(LOT, 9);
      await w.rent.setLease(LOT, 0, w.target);
      await expect(w.facility.connect(w.mallory).release(LOT)).to.emit(w.facility, "Released").withArgs(LOT);
      expect(await w.pledges.lienHolder(LOT)).to.equal(w.ethers.ZeroAddress);
      expect(await w.facility.lotCount()).to.equal(0);
      await expect(w.facility.release(LOT))
        .to.be.revertedWithCustomError(w.facility, "Facility_NotPledged")
        .withArgs(LOT);
    });
  });

  describe("after the seniors are whole", () => {
    beforeEach(async () => {
      await pay(500_000n * w.unit);
      await pay(500_000n * w.unit);
    });

    it("the residual gets all but the fees, the reserve with it; principal first, then income", async () => {
      expect(await w.facility.owedAssets(SENIOR_CLASS)).to.equal(0);
      expect(await w.facility.poolFactorWad(SENIOR_CLASS)).to.equal(0);
      expect(await w.facility.reserveAssets()).to.equal(0);
      // The last date made the seniors whole before the residual's step: that payment was its principal.
      const repaid = 300_000n * w.unit - (await w.facility.outstandingAssets(RESIDUAL_CLASS));
      expect(repaid).to.be.greaterThan(0);
      await pay(300_500n * w.unit);
      expect(await w.facility.outstandingAssets(RESIDUAL_CLASS)).to.equal(0);
      expect(await w.residual.principalPerShareRay()).to.equal(10n ** 27n);
      const interest = await w.residual.interestPerShareRay();
      await pay(500n * w.unit + 300_000n);
      expect((await w.residual.interestPerShareRay()) - interest).to.equal(10n ** 21n);
      expect(await w.senior.claimableAssets(w.alice.address)).to.be.greaterThan(700_000n * w.unit);
    });

    it("M10: a fee that went unpaid is paid by the next rent before the residual", async () => {
      await pay(0n);
      await pay(600n * w.unit);
      expect(await w.facility.claimableAssets(w.servicer.address)).to.equal(1_600n * w.unit);
      expect((await w.facility.fees())[0]?.dueAssets).to.equal(400n * w.unit);
    });
  });

  describe("close", () => {
    it("refuses while seniors are owed, lots are pledged or rent is outstanding", async () => {
      await expect(w.facility.close()).to.be.revertedWithCustomError(w.facility, "Facility_SeniorsOwed");
      await pay(500_000n * w.unit);
      await pay(500_000n * w.unit);
      await expect(w.facility.close()).to.be.revertedWithCustomError(w.facility, "Facility_LotsPledged").withArgs(1);
      await w.facility.release(LOT);
      await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), w.target, 5n);
      await expect(w.facility.close())
        .to.be.revertedWithCustomError(w.facility, "Facility_RentOutstanding")
        .withArgs(5);
      expect(await w.facility.state()).to.equal(PERFORMING);
    });

    it("pays what is left, unpaid fees first, and leaves claims open", async () => {
      await pay(500_000n * w.unit);
      await pay(500_000n * w.unit);
      await pay(0n); // leaves a fee of 500 unpaid
      await w.payRent(700n * w.unit);
      await w.facility.release(LOT);
      const residual = await w.residual.getAddress();
      const before = await w.facility.unclaimedAssets(residual);
      await expect(w.facility.connect(w.mallory).close()).to.emit(w.facility, "FacilityClosed");
      expect(await w.facility.state()).to.equal(CLOSED);
      expect((await w.facility.unclaimedAssets(residual)) - before).to.equal(200n * w.unit);
      expect(await w.facility.cashAssets()).to.equal(0);

      await w.senior.claimFor(w.alice.address);
      await w.residual.claimFor(w.bob.address);
      await w.facility.connect(w.servicer).withdraw(w.servicer.address);
      await w.facility.connect(w.sponsor).withdraw(w.sponsor.address);
      expect(await w.asset.balanceOf(w.target)).to.be.at.most(2); // less than a unit for each holder
      for (const call of [() => w.facility.collect(), () => w.facility.sync(), () => w.facility.distribute()]) {
        await expect(call()).to.be.revertedWithCustomError(w.facility, "Facility_WrongState").withArgs(CLOSED);
      }
    });

    it("conserves: rent in = fees + claims, once all is closed", async () => {
      const rents = [500_000n, 500_000n, 1_234n].map((rent) => rent * w.unit);
      for (const rent of rents) await pay(rent);
      await w.facility.release(LOT);
      await w.facility.close();
      const fees = await w.facility.feesPaidAssets();
      let classes = 0n;
      for (const token of [w.senior, w.residual]) classes += await w.facility.unclaimedAssets(await token.getAddress());
      expect(fees + classes).to.equal(rents.reduce((sum, rent) => sum + rent));
    });
  });
});
