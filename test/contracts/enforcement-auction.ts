import { expect } from "chai";
import { ZeroAddress } from "ethers";
import {
  A,
  AUCTION,
  B,
  COST_1,
  COST_2,
  ENFORCING,
  LOT_1,
  LOT_2,
  RENT,
  enforcementWorld,
  openLease,
  settle,
  type EnforcementWorld,
} from "./enforcement-world.ts";

describe("Facility: the sale of lots in enforcement", () => {
  let w: EnforcementWorld;
  let start: bigint;
  let floor: bigint;

  beforeEach(async () => {
    w = await enforcementWorld();
    start = (COST_1 * w.unit * BigInt(AUCTION.startBps)) / 10_000n;
    floor = (start * BigInt(AUCTION.floorBps)) / 10_000n;
  });

  const duration = BigInt(AUCTION.durationSec);
  const now = async () => BigInt(await w.networkHelpers.time.latest());
  const nextAt = (timeAt: bigint) => w.networkHelpers.time.setNextBlockTimestamp(timeAt);
  const up = async (lotId: bigint = LOT_1) => {
    await w.facility.startAuction(lotId);
    return now();
  };

  describe("startAuction", () => {
    it("M14: is open to anyone, in enforcement only, for a lot that is pledged", async () => {
      await w.perform();
      await expect(w.facility.startAuction(LOT_1))
        .to.be.revertedWithCustomError(w.facility, "Facility_WrongState")
        .withArgs(2n);
      await expect(w.facility.connect(w.alice).buy(LOT_1, start)).to.be.revertedWithCustomError(
        w.facility,
        "Facility_WrongState",
      );
      const e = await enforcementWorld();
      await e.enforce();
      expect(await e.facility.state()).to.equal(ENFORCING);
      await expect(e.facility.startAuction(9n))
        .to.be.revertedWithCustomError(e.facility, "Facility_NotPledged")
        .withArgs(9n);
      await expect(e.facility.connect(e.mallory).startAuction(LOT_1))
        .to.emit(e.facility, "AuctionStarted")
        .withArgs(LOT_1, start, floor);
    });

    it("M14: with no bid the lot is put up again from the last floor, not a second before the duration is over", async () => {
      await w.enforce();
      const startedAt = await up();
      await nextAt(startedAt + duration - 1n);
      await expect(w.facility.startAuction(LOT_1))
        .to.be.revertedWithCustomError(w.facility, "Facility_AuctionRunning")
        .withArgs(LOT_1, startedAt + duration);
      await nextAt(startedAt + duration);
      await expect(w.facility.startAuction(LOT_1))
        .to.emit(w.facility, "AuctionStarted")
        .withArgs(LOT_1, floor, floor / 2n);
    });

    it("M14: never falls below one unit, however often nobody bids, and is sold for it in the end", async () => {
      await w.enforce();
      for (let startedAt = await up(), times = 0; times < 42; times++) {
        await w.networkHelpers.time.increaseTo(startedAt + duration);
        startedAt = await up();
      }
      expect(await w.facility.auctionPriceAssets(LOT_1)).to.equal(1n);
      await w.networkHelpers.time.increase(duration * 100n);
      expect(await w.facility.auctionPriceAssets(LOT_1)).to.equal(1n);
      await w.facility.connect(w.alice).buy(LOT_1, 1n);
      expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);
    });

    it("sells nothing while the cash covers what the seniors are owed, to the unit", async () => {
      await w.enforce();
      const startedAt = await up();
      await nextAt(startedAt + 10n);
      await w.networkHelpers.mine();
      const owed = (await w.facility.owedAssets(A)) + (await w.facility.owedAssets(B));
      await w.deposit(owed - 1n);
      expect(
        (await w.facility.owedAssets(A)) + (await w.facility.owedAssets(B)),
        "30/360: no interest a second",
      ).to.equal(owed);
      await w.facility.startAuction(LOT_2);
      await w.deposit(1n);
      for (const call of [
        () => w.facility.connect(w.alice).buy(LOT_1, start),
        () => w.facility.connect(w.alice).buy(LOT_2, start),
        () => w.facility.startAuction(LOT_1),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(w.facility, "Facility_SeniorsCovered").withArgs(owed, owed);
      }
    });
  });

  describe("the price", () => {
    it("M14: falls in a straight line from start to floor, rounded up, and stays there", async () => {
      await w.enforce();
      const startedAt = await up();
      expect(await w.facility.auctionPriceAssets(LOT_1)).to.equal(start);
      for (const elapsed of [1n, 77n, duration / 2n, duration - 1n, duration, duration + 1n, 10n * duration]) {
        await w.networkHelpers.time.increaseTo(startedAt + elapsed);
        const fallen = ((start - floor) * (elapsed < duration ? elapsed : duration)) / duration;
        expect(await w.facility.auctionPriceAssets(LOT_1), String(elapsed)).to.equal(start - fallen);
      }
    });

    it("is none for a lot that was never put up, and for one that is sold", async () => {
      await w.enforce();
      for (const call of [
        () => w.facility.auctionPriceAssets(LOT_1),
        () => w.facility.connect(w.alice).buy(LOT_1, start),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(w.facility, "Facility_NoAuction").withArgs(LOT_1);
      }
      await up();
      await w.facility.connect(w.alice).buy(LOT_1, start);
      await expect(w.facility.auctionPriceAssets(LOT_1)).to.be.revertedWithCustomError(
        w.facility,
        "Facility_NoAuction",
      );
      await expect(w.facility.connect(w.alice).buy(LOT_1, start))
        .to.be.revertedWithCustomError(w.facility, "Facility_NotPledged")
        .withArgs(LOT_1);
      await expect(w.facility.startAuction(LOT_1)).to.be.revertedWithCustomError(w.facility, "Facility_NotPledged");
    });
  });

  describe("buy", () => {
    it("M14: one bid gets the lot, free of the lien, for the price of its second; the proceeds are no rent", async () => {
      await w.enforce();
      const startedAt = await up();
      await nextAt(startedAt + duration / 4n);
      const price = start - (start - floor) / 4n;
      const buy = w.facility.connect(w.alice).buy(LOT_1, start);
      await expect(buy).to.emit(w.facility, "LotSold").withArgs(LOT_1, w.alice.address, price, price);
      await expect(buy).to.changeTokenBalances(w.ethers, w.asset, [w.alice, w.facility], [-price, price]);
      expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);
      expect(await w.registry.lienHolder(LOT_1)).to.equal(ZeroAddress);
      expect(await w.facility.isPledged(LOT_1)).to.equal(false);
      expect(await w.facility.lotCount()).to.equal(1n);
      expect(await w.facility.collectionsAssets()).to.equal(price);
      // A servicer on a share of the rent would get none of it: the next date's fee is the fixed part alone.
      await w.distributeAt(1);
      expect(await w.facility.feesPaidAssets()).to.equal(1000n * w.unit);
    });

    it("M14: refuses a bid below the price, be it by one unit or dust; at the price it stands", async () => {
      await w.enforce();
      const startedAt = await up();
      const priceAt = (elapsed: bigint) => start - ((start - floor) * elapsed) / duration;
      for (const [elapsed, maxAssets] of [
        [100n, 0n],
        [101n, 1n],
        [102n, priceAt(102n) - 1n],
      ] as const) {
        await nextAt(startedAt + elapsed);
        await expect(w.facility.connect(w.alice).buy(LOT_1, maxAssets))
          .to.be.revertedWithCustomError(w.facility, "Facility_PriceAbove")
          .withArgs(LOT_1, priceAt(elapsed), maxAssets);
      }
      await nextAt(startedAt + 103n);
      await w.facility.connect(w.alice).buy(LOT_1, priceAt(103n));
      expect(await w.facility.collectionsAssets()).to.equal(priceAt(103n));
    });

    it("M14: refuses a bidder without a credential or with an expired one; the next bidder is not held up", async () => {
      await w.enforce();
      await up();
      await expect(w.facility.connect(w.mallory).buy(LOT_1, start))
        .to.be.revertedWithCustomError(w.facility, "Facility_NotVerified")
        .withArgs(w.mallory.address);
      await w.admit(w.mallory.address, Number(await now()) + 50);
      await w.networkHelpers.time.increase(60);
      await expect(w.facility.connect(w.mallory).buy(LOT_1, start)).to.be.revertedWithCustomError(
        w.facility,
        "Facility_NotVerified",
      );
      await w.admit(w.mallory.address);
      await w.facility.connect(w.mallory).buy(LOT_1, start);
      expect((await w.registry.lot(LOT_1)).operator).to.equal(w.mallory.address);
    });

    it("M14: a bidder who cannot pay gets nothing", async () => {
      await w.enforce();
      await up();
      await w.asset.connect(w.alice).approve(w.facility, 0n);
      await expect(w.facility.connect(w.alice).buy(LOT_1, start)).to.be.revertedWithCustomError(
        w.asset,
        "ERC20InsufficientAllowance",
      );
      expect(await w.registry.lienHolder(LOT_1)).to.equal(await w.facility.getAddress());
      expect(await w.facility.auctionPriceAssets(LOT_1)).to.be.above(0n);
    });

    it("sells each lot by itself: the other's auction goes on", async () => {
      await w.enforce();
      await up(LOT_1);
      const startedAt = await up(LOT_2);
      await w.facility.connect(w.alice).buy(LOT_1, start);
      const second = (COST_2 * w.unit * BigInt(AUCTION.startBps)) / 10_000n;
      await w.networkHelpers.time.increaseTo(startedAt + duration);
      expect(await w.facility.auctionPriceAssets(LOT_2)).to.equal(second / 2n);
      await w.facility.connect(w.bob).buy(LOT_2, second / 2n);
      expect(await w.facility.lotCount()).to.equal(0n);
    });

    it("gives the buyer the rent of the lot's lease from the next invoice on, not of the invoices before", async () => {
      await w.perform();
      const leaseId = await openLease(w, w.lessee);
      await settle(w, leaseId, 0n);
      await w.enforceNow();
      await up();
      await w.facility.connect(w.alice).buy(LOT_1, start);
      expect(await w.leases.payeeOf(leaseId)).to.equal(w.alice.address);
      await settle(w, leaseId, 1n);
      expect(await w.leases.receivableAssets(w.facility, w.asset)).to.equal(RENT);
      expect(await w.leases.receivableAssets(w.alice, w.asset)).to.equal(RENT);
      await w.leases.connect(w.mallory).pay(leaseId, 0, RENT);
      await expect(w.facility.collect()).to.changeTokenBalances(w.ethers, w.asset, [w.facility], [RENT]);
      expect(await w.leases.collectableAssets(w.alice, w.asset)).to.equal(0n);
    });
  });
});
