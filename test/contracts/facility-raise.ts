import { expect } from "chai";
import {
  createWorld,
  FIRST_PAYMENT_AT,
  FUNDING,
  LOT,
  RAISE_UNTIL_AT,
  RAISING,
  REFUNDING,
  RESIDUAL_CLASS,
  SENIOR_CLASS,
  type World,
} from "./facility-world.ts";

describe("Facility: raising", () => {
  let w: World;
  beforeEach(async () => {
    w = await createWorld();
  });

  describe("subscribe", () => {
    it("issues a share for each unit and books the money as escrow", async () => {
      const subscribed = w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 5n * w.unit);
      await expect(subscribed)
        .to.emit(w.facility, "Subscribed")
        .withArgs(w.alice.address, SENIOR_CLASS, 5n * w.unit, 5n * w.unit);
      await expect(subscribed).to.changeTokenBalances(
        w.ethers,
        w.asset,
        [w.alice, w.facility],
        [-5n * w.unit, 5n * w.unit],
      );
      expect(await w.senior.balanceOf(w.alice.address)).to.equal(5n * w.unit);
      expect(await w.facility.escrowAssets()).to.equal(5n * w.unit);
      expect(await w.facility.cashAssets()).to.equal(5n * w.unit);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(5n * w.unit);
      expect(await w.facility.owedAssets(SENIOR_CLASS)).to.equal(5n * w.unit);
    });

    it("M16: refuses what is over the target, with the room that is left", async () => {
      await w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 699_999n * w.unit);
      await expect(w.facility.connect(w.bob).subscribe(SENIOR_CLASS, w.unit + 1n))
        .to.be.revertedWithCustomError(w.facility, "Facility_OverTarget")
        .withArgs(SENIOR_CLASS, w.unit + 1n, w.unit);
      await w.facility.connect(w.bob).subscribe(SENIOR_CLASS, w.unit);
    });

    it("refuses a buyer without a credential, nothing, and an unknown class", async () => {
      await expect(w.facility.connect(w.mallory).subscribe(SENIOR_CLASS, 1))
        .to.be.revertedWithCustomError(w.senior, "ERC7943CannotReceive")
        .withArgs(w.mallory.address);
      await expect(w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 0)).to.be.revertedWithCustomError(
        w.facility,
        "Facility_NoAmount",
      );
      await expect(w.facility.connect(w.alice).subscribe(2, 1))
        .to.be.revertedWithCustomError(w.facility, "Facility_UnknownClass")
        .withArgs(2, 2);
    });

    it("takes money in the last second and not after", async () => {
      await w.networkHelpers.time.setNextBlockTimestamp(RAISE_UNTIL_AT);
      await w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 1);
      await w.networkHelpers.time.setNextBlockTimestamp(RAISE_UNTIL_AT + 1);
      await expect(w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 1))
        .to.be.revertedWithCustomError(w.facility, "Facility_RaiseOver")
        .withArgs(RAISE_UNTIL_AT, RAISE_UNTIL_AT + 1);
    });

    it("refuses after the raise", async () => {
      await w.fund(RAISE_UNTIL_AT - 1);
      await expect(w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 1))
        .to.be.revertedWithCustomError(w.facility, "Facility_WrongState")
        .withArgs(FUNDING);
    });
  });

  describe("startFunding", () => {
    it("starts at once when every target is met; anyone may call", async () => {
      await w.raise();
      await expect(w.facility.connect(w.mallory).startFunding()).to.emit(w.facility, "FundingStarted");
      expect(await w.facility.state()).to.equal(FUNDING);
    });

    it("before the deadline refuses a class one unit under its target", async () => {
      await w.raise(700_000n * w.unit, 300_000n * w.unit - 1n);
      await expect(w.facility.startFunding())
        .to.be.revertedWithCustomError(w.facility, "Facility_ClassShort")
        .withArgs(RESIDUAL_CLASS, 300_000n * w.unit - 1n, 300_000n * w.unit);
    });

    it("after the deadline takes every minimum, to the unit", async () => {
      await w.raise(500_000n * w.unit - 1n, 200_000n * w.unit);
      const last = w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 1);
      await last;
      await expect(w.facility.startFunding()).to.be.revertedWithCustomError(w.facility, "Facility_ClassShort");
      await w.networkHelpers.time.increaseTo(RAISE_UNTIL_AT + 1);
      await w.facility.startFunding();
      expect(await w.facility.escrowAssets()).to.equal(700_000n * w.unit);
    });

    it("M16: after the deadline refuses a minimum short by a unit", async () => {
      await w.raise(500_000n * w.unit - 1n, 200_000n * w.unit);
      await w.networkHelpers.time.increaseTo(RAISE_UNTIL_AT + 1);
      await expect(w.facility.startFunding())
        .to.be.revertedWithCustomError(w.facility, "Facility_ClassShort")
        .withArgs(SENIOR_CLASS, 500_000n * w.unit - 1n, 500_000n * w.unit);
    });

    it("refuses from the first payment date on: the raise has failed then", async () => {
      await w.raise();
      await w.networkHelpers.time.setNextBlockTimestamp(FIRST_PAYMENT_AT);
      await expect(w.facility.startFunding())
        .to.be.revertedWithCustomError(w.facility, "Facility_FundingTooLate")
        .withArgs(FIRST_PAYMENT_AT, FIRST_PAYMENT_AT);
      await w.facility.declareFailed();
      expect(await w.facility.state()).to.equal(REFUNDING);
    });
  });

  describe("a failed raise", () => {
    const failed = async () => {
      await w.raise(100n * w.unit, 300_000n * w.unit);
      await w.facility.connect(w.carol).subscribe(SENIOR_CLASS, 50n * w.unit);
      await w.networkHelpers.time.increaseTo(RAISE_UNTIL_AT + 1);
      await w.facility.connect(w.mallory).declareFailed();
    };

    it("M16: is declared by anyone once a minimum is unmet after the deadline, not before", async () => {
      const tooEarly = w.facility.connect(w.mallory).declareFailed();
      await expect(tooEarly).to.be.revertedWithCustomError(w.facility, "Facility_RaiseNotFailed");
      await failed();
      expect(await w.facility.state()).to.equal(REFUNDING);
    });

    it("is not declared when every minimum is met", async () => {
      await w.raise();
      await w.networkHelpers.time.increaseTo(RAISE_UNTIL_AT + 1);
      await expect(w.facility.declareFailed()).to.be.revertedWithCustomError(w.facility, "Facility_RaiseNotFailed");
    });

    it("M16: gives each holder exactly what it paid, to the last unit", async () => {
      await failed();
      for (const [account, assets] of [
        [w.alice, 100n],
        [w.bob, 300_000n],
        [w.carol, 50n],
      ] as const) {
        await expect(w.facility.connect(account).refund(account.address)).to.changeTokenBalances(
          w.ethers,
          w.asset,
          [account],
          [assets * w.unit],
        );
      }
      expect(await w.asset.balanceOf(w.target)).to.equal(0);
      expect(await w.facility.ledgerAssets()).to.equal(0);
      expect(await w.senior.totalSupply()).to.equal(0);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(0);
    });

    it("refunds once, and not a stranger", async () => {
      await failed();
      await w.facility.connect(w.alice).refund(w.alice.address);
      for (const account of [w.alice, w.mallory]) {
        await expect(w.facility.connect(account).refund(account.address))
          .to.be.revertedWithCustomError(w.facility, "Facility_NothingToRefund")
          .withArgs(account.address);
      }
    });

    it("M16: a frozen subscriber's refund waits; the others do not", async () => {
      await failed();
      await w.gate.freeze(w.alice.address, true);
      await expect(w.facility.connect(w.alice).refund(w.alice.address))
        .to.be.revertedWithCustomError(w.senior, "ERC7943CannotSend")
        .withArgs(w.alice.address);
      await w.asset.setBlacklisted(w.carol.address, true);
      await expect(w.facility.connect(w.carol).refund(w.carol.address)).to.be.revertedWithCustomError(
        w.asset,
        "Coin_Blacklisted",
      );
      await w.facility.connect(w.bob).refund(w.bob.address);
      await w.gate.freeze(w.alice.address, false);
      await w.facility.connect(w.alice).refund(w.alice.address);
      await w.facility.connect(w.carol).refund(w.bob.address);
      expect(await w.asset.balanceOf(w.target)).to.equal(0);
    });

    it("follows the shares: who bought them gets the refund", async () => {
      await failed();
      await w.senior.connect(w.alice).transfer(w.bob.address, 100n * w.unit);
      const refund = w.facility.connect(w.bob).refund(w.bob.address);
      await expect(refund).to.changeTokenBalances(w.ethers, w.asset, [w.bob], [300_100n * w.unit]);
    });

    it("refunds in no other state", async () => {
      await w.raise();
      await expect(w.facility.connect(w.alice).refund(w.alice.address))
        .to.be.revertedWithCustomError(w.facility, "Facility_WrongState")
        .withArgs(RAISING);
    });
  });

  describe("cancel", () => {
    it("M16: by the sponsor or the access manager, and the money goes back", async () => {
      await w.raise();
      await w.facility.connect(w.sponsor).cancel();
      await w.facility.connect(w.alice).refund(w.alice.address);

      const other = await createWorld();
      await other.facility.connect(other.admin).cancel();
      expect(await other.facility.state()).to.equal(REFUNDING);
    });

    it("M24: refuses a stranger", async () => {
      await expect(w.facility.connect(w.mallory).cancel())
        .to.be.revertedWithCustomError(w.facility, "AccessManagedUnauthorized")
        .withArgs(w.mallory.address);
    });

    it("in funding, works while nothing was drawn, and not after", async () => {
      await w.fund();
      await w.asset.connect(w.mallory).transfer(w.target, 77n);
      await w.facility.sync();
      await w.offerLot();
      const snapshot = await w.networkHelpers.takeSnapshot();
      await w.facility.connect(w.sponsor).cancel();
      expect(await w.facility.claimableAssets(w.sponsor.address)).to.equal(77);
      await w.facility.connect(w.alice).refund(w.alice.address);
      await w.facility.connect(w.bob).refund(w.bob.address);
      expect(await w.asset.balanceOf(w.target)).to.equal(77);

      await snapshot.restore();
      await w.facility.connect(w.sponsor).draw(LOT, 1);
      await expect(w.facility.connect(w.sponsor).cancel())
        .to.be.revertedWithCustomError(w.facility, "Facility_WrongState")
        .withArgs(FUNDING);
    });
  });
});
