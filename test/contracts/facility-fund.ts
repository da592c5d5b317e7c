import { expect } from "chai";
import {
  at,
  createWorld,
  FIRST_PAYMENT_AT,
  LOT,
  PERFORMING,
  REFUNDING,
  RESIDUAL_CLASS,
  SENIOR_CLASS,
  type World,
} from "./facility-world.ts";

describe("Facility: funding", () => {
  let w: World;
  beforeEach(async () => {
    w = await createWorld();
    await w.fund();
    await w.offerLot();
  });
  const draw = (assets: bigint, lotId = LOT) => w.facility.connect(w.sponsor).draw(lotId, assets);

  describe("draw", () => {
    it("takes the lien and records the money as the sponsor's claim", async () => {
      const drawn = draw(400_000n * w.unit);
      await expect(drawn)
        .to.emit(w.facility, "Pledged")
        .withArgs(LOT, 1_250_000n * w.unit, 3);
      await expect(drawn)
        .to.emit(w.facility, "Drawn")
        .withArgs(LOT, 400_000n * w.unit, 400_000n * w.unit, 600_000n * w.unit);
      expect(await w.pledges.lienHolder(LOT)).to.equal(w.target);
      expect(await w.facility.isPledged(LOT)).to.equal(true);
      expect(await w.facility.lotCount()).to.equal(1);
      expect(await w.facility.escrowAssets()).to.equal(600_000n * w.unit);
      const withdrawn = w.facility.connect(w.sponsor).withdraw(w.carol.address);
      await expect(withdrawn).to.changeTokenBalances(w.ethers, w.asset, [w.carol], [400_000n * w.unit]);
      await expect(w.facility.connect(w.sponsor).withdraw(w.carol.address))
        .to.be.revertedWithCustomError(w.facility, "Facility_NothingToWithdraw")
        .withArgs(w.sponsor.address);
    });

    it("E07: gives nothing, not even more of what is pledged, on a frozen lot, however little evidence it asks for", async () => {
      await draw(1n);
      await w.pledges.setFrozen(LOT, true);
      await expect(draw(1n)).to.be.revertedWithCustomError(w.facility, "Facility_LotFrozen").withArgs(LOT);
      await w.pledges.setFrozen(LOT, false);
      await draw(1n);
    });

    it("allows more on a pledged lot up to the advance rate, to the unit", async () => {
      await w.offerLot(LOT, 1000n, 3); // 80 % is 800
      await draw(799n);
      await expect(draw(2n)).to.be.revertedWithCustomError(w.facility, "Facility_OverAdvance").withArgs(LOT, 801, 800);
      await draw(1n);
      expect(await w.facility.drawnAssets(LOT)).to.equal(800);
      expect(await w.facility.lotCount()).to.equal(1);
      await w.offerLot(LOT, 900n, 3); // worth less now
      await expect(draw(1n)).to.be.revertedWithCustomError(w.facility, "Facility_OverAdvance").withArgs(LOT, 801, 720);
    });

    it("refuses more than escrow, nothing, and everyone but the sponsor", async () => {
      await w.offerLot(LOT, 10_000_000n * w.unit, 3);
      await expect(draw(1_000_000n * w.unit + 1n))
        .to.be.revertedWithCustomError(w.facility, "Facility_OverEscrow")
        .withArgs(1_000_000n * w.unit + 1n, 1_000_000n * w.unit);
      await expect(draw(0n)).to.be.revertedWithCustomError(w.facility, "Facility_NoAmount");
      await expect(w.facility.connect(w.mallory).draw(LOT, 1))
        .to.be.revertedWithCustomError(w.facility, "Facility_NotSponsor")
        .withArgs(w.mallory.address);
    });

    it("refuses a lot with weaker evidence, at each draw", async () => {
      await draw(1n);
      await w.offerLot(LOT, 1_250_000n * w.unit, 1);
      await expect(draw(1n)).to.be.revertedWithCustomError(w.facility, "Facility_WeakEvidence").withArgs(LOT, 1, 2);
      await w.offerLot(LOT, 1_250_000n * w.unit, 2);
      await draw(1n);
    });

    it("refuses a lot whose lien was not offered; the state is unchanged", async () => {
      await w.pledges.setLot(LOT, 1_250_000n * w.unit, 3, w.mallory.address);
      await expect(draw(1n)).to.be.revertedWithCustomError(w.pledges, "MockPledges_LienNotOffered");
      expect(await w.facility.escrowAssets()).to.equal(1_000_000n * w.unit);
      expect(await w.facility.lotCount()).to.equal(0);
    });

    it("refuses a lot whose live lease pays another, and takes one whose lease pays the facility", async () => {
      await w.rent.setLease(LOT, 9, w.mallory.address);
      await expect(draw(1n))
        .to.be.revertedWithCustomError(w.facility, "Facility_LeasePaysOther")
        .withArgs(LOT, 9, w.mallory.address);
      await w.rent.setLease(LOT, 9, w.target);
      await draw(1n);
    });
  });

  describe("startPerforming", () => {
    it("is open to anyone once all is drawn; nothing goes back", async () => {
      await draw(1_000_000n * w.unit);
      await expect(w.facility.connect(w.mallory).startPerforming())
        .to.emit(w.facility, "ClassScheduled")
        .withArgs(SENIOR_CLASS, 0, 62_194_152_075n, 0);
      expect(await w.facility.state()).to.equal(PERFORMING);
    });

    it("is the sponsor's while escrow is left, from the first payment date anyone's", async () => {
      await draw(1n);
      await expect(w.facility.connect(w.mallory).startPerforming())
        .to.be.revertedWithCustomError(w.facility, "Facility_CannotPerform")
        .withArgs(1, 1_000_000n * w.unit - 1n, FIRST_PAYMENT_AT);
      await w.networkHelpers.time.increaseTo(FIRST_PAYMENT_AT);
      await w.facility.connect(w.mallory).startPerforming();
    });

    it("refuses while nothing was drawn: the sponsor cannot strand the money", async () => {
      await expect(w.facility.connect(w.sponsor).startPerforming()).to.be.revertedWithCustomError(
        w.facility,
        "Facility_CannotPerform",
      );
      await expect(w.facility.declareFailed()).to.be.revertedWithCustomError(w.facility, "Facility_RaiseNotFailed");
      await w.networkHelpers.time.increaseTo(FIRST_PAYMENT_AT);
      await w.facility.connect(w.mallory).declareFailed();
      expect(await w.facility.state()).to.equal(REFUNDING);
      await w.facility.connect(w.alice).refund(w.alice.address);
      await w.facility.connect(w.bob).refund(w.bob.address);
      expect(await w.asset.balanceOf(w.target)).to.equal(0);
    });

    it("returns undrawn escrow as principal, in proportion, with the interest it earned", async () => {
      await draw(600_001n * w.unit);
      await w.networkHelpers.time.setNextBlockTimestamp(at("2027-01-15"));
      // 15 days of 30/360 on what goes back: 279,999.30 × 12 % × 15 / 360.
      const returned = 279_999_300_000n;
      const performing = w.facility.connect(w.sponsor).startPerforming();
      await expect(performing)
        .to.emit(w.facility, "ClassScheduled")
        .withArgs(SENIOR_CLASS, returned, 37_316_553_440n, (returned * 12n * 15n) / 36_000n);
      expect(await w.senior.principalPerShareRay()).to.equal((returned * 10n ** 27n) / (700_000n * w.unit));
      expect(await w.senior.claimableAssets(w.alice.address)).to.equal(returned);
      expect(await w.residual.claimableAssets(w.bob.address)).to.equal(399_999n * w.unit - returned);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(700_000n * w.unit - returned);
      expect(await w.facility.outstandingAssets(RESIDUAL_CLASS)).to.equal(180_000_300_000n);
      expect(await w.facility.poolFactorWad(SENIOR_CLASS)).to.equal(600_001n * 10n ** 12n);
      expect(await w.facility.escrowAssets()).to.equal(0);

      // The rest accrues for the whole period, to the first date.
      await w.toDate(0);
      const rest = ((700_000n * w.unit - returned) * 12n) / 1200n;
      expect(await w.facility.accruedAssets(SENIOR_CLASS)).to.equal((returned * 180n) / 36_000n + rest);
    });

    it("draws no more", async () => {
      await draw(1n);
      await w.facility.connect(w.sponsor).startPerforming();
      await expect(draw(1n)).to.be.revertedWithCustomError(w.facility, "Facility_WrongState").withArgs(PERFORMING);
    });
  });

  describe("interest while funding", () => {
    it("accrues from the start of funding, by 30/360", async () => {
      await w.networkHelpers.time.increaseTo(at("2027-01-15"));
      expect(await w.facility.accruedAssets(SENIOR_CLASS)).to.equal(3_500n * w.unit);
      expect(await w.facility.owedAssets(SENIOR_CLASS)).to.equal(703_500n * w.unit);
      expect(await w.facility.owedAssets(RESIDUAL_CLASS)).to.equal(0);
    });
  });
});
