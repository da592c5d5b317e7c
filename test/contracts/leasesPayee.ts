import { expect } from "chai";
import type { Signer } from "ethers";
import { BASE, ENDS, ethers, LOT_ID, networkHelpers, settled } from "./leasesStage.ts";
import type { World } from "./leasesStage.ts";

const { time } = networkHelpers;

/** Two periods settled for the payee and unpaid; the lot's lien is the stranger's now. */
async function passedStage() {
  const world = await settled(2);
  await world.lots.connect(world.stranger).takeLien(LOT_ID);
  return world;
}

const revenueOf = async ({ leases, coin }: World, payee: Signer) => [...(await leases.revenueAssets(payee, coin))];

describe("Leases: payees", () => {
  describe("assign", () => {
    it("hands the invoices to come on; what was invoiced before stays the payee's", async () => {
      const world = await passedStage();
      const { leases, coin, lessee, payee, stranger } = world;
      await expect(leases.connect(payee).assign(1, stranger)).to.emit(leases, "Assigned").withArgs(1, payee, stranger);
      expect(await leases.payeeOf(1)).to.equal(stranger);
      await time.increaseTo(ENDS[3]);
      await expect(leases.settle(1, 2)).to.emit(leases, "Invoiced");
      await leases.connect(lessee).pay(1, 0, BASE);
      await leases.connect(lessee).pay(1, 2, 7n);
      expect(await leases.receivableAssets(payee, coin)).to.equal(BASE);
      expect(await leases.receivableAssets(stranger, coin)).to.equal(BASE - 7n);
      expect(await leases.collectableAssets(payee, coin)).to.equal(BASE);
      expect(await leases.collectableAssets(stranger, coin)).to.equal(7n);
    });

    it("may be done again: each payee keeps its own invoices", async () => {
      const world = await settled(1);
      const { leases, coin, lots, operator, payee, stranger } = world;
      await lots.connect(stranger).takeLien(LOT_ID);
      await leases.connect(payee).assign(1, stranger);
      await time.increaseTo(ENDS[2]);
      await leases.settle(1, 1);
      await lots.releaseLien(LOT_ID);
      await leases.connect(stranger).assign(1, operator);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      for (const account of [payee, stranger, operator]) {
        expect(await leases.receivableAssets(account, coin)).to.equal(BASE);
      }
    });

    it("is the payee's alone, and only to the lot's lien holder, or its operator where there is no lien", async () => {
      const { leases, lots, operator, lessee, payee, stranger } = await passedStage();
      await expect(leases.connect(stranger).assign(1, stranger))
        .to.be.revertedWithCustomError(leases, "Lease_NotPayee")
        .withArgs(1, stranger);
      await expect(leases.connect(payee).assign(1, lessee))
        .to.be.revertedWithCustomError(leases, "Lease_WrongPayee")
        .withArgs(lessee, stranger);
      await lots.releaseLien(LOT_ID);
      await expect(leases.connect(payee).assign(1, stranger))
        .to.be.revertedWithCustomError(leases, "Lease_WrongPayee")
        .withArgs(stranger, operator);
      await expect(leases.connect(payee).assign(2, operator))
        .to.be.revertedWithCustomError(leases, "Lease_Unknown")
        .withArgs(2);
    });
  });

  describe("revenueAssets", () => {
    it("is all that was ever paid for a payee, collected or not, and stays when it is collected", async () => {
      const world = await passedStage();
      const { leases, coin, lessee, payee } = world;
      await leases.connect(lessee).pay(1, 0, BASE + 5n);
      expect(await revenueOf(world, payee)).to.deep.equal([BASE, 0n]);
      await leases.connect(payee).collect(coin);
      await leases.payFromEscrow(1, 1);
      expect(await revenueOf(world, payee)).to.deep.equal([BASE + 5n, 0n]);
    });

    it("is a related party's from the first payment where the terms say so, for a new payee too", async () => {
      const world = await passedStage();
      const { leases, lots, payee, stranger, lessee, record, addLot, open } = world;
      await addLot(8n);
      await lots.connect(payee).takeLien(8n);
      await open({ lotId: 8n, relatedParty: true, startAt: ENDS[2], sla: [] });
      await record(ENDS[2], {}, 8n);
      await record(ENDS[3], {}, 8n);
      await lots.connect(stranger).takeLien(8n);
      await leases.connect(payee).assign(2, stranger);
      await time.increaseTo(ENDS[3]);
      await leases.settle(2, 0);
      await leases.connect(lessee).pay(2, 0, 9n);
      expect(await revenueOf(world, stranger)).to.deep.equal([9n, 9n]);
    });
  });

  describe("markRelated", () => {
    it("counts what the lease paid the caller and will pay it, once, and nobody else's", async () => {
      const world = await passedStage();
      const { leases, lessee, payee, stranger } = world;
      await leases.connect(lessee).pay(1, 0, 11n);
      await leases.connect(payee).assign(1, stranger);
      // A payee that was marks its own part still.
      await expect(leases.connect(payee).markRelated(1)).to.emit(leases, "MarkedRelated").withArgs(1, payee);
      await expect(leases.connect(payee).markRelated(1)).to.not.emit(leases, "MarkedRelated");
      await leases.connect(lessee).pay(1, 1, 13n);
      expect(await revenueOf(world, payee)).to.deep.equal([24n, 24n]);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      await leases.connect(lessee).pay(1, 2, 17n);
      expect(await revenueOf(world, stranger)).to.deep.equal([17n, 0n]);
    });

    it("is for the lease's payees alone", async () => {
      const { leases, lessee } = await passedStage();
      await expect(leases.connect(lessee).markRelated(1))
        .to.be.revertedWithCustomError(leases, "Lease_NotPayee")
        .withArgs(1, lessee);
      await expect(leases.markRelated(9)).to.be.revertedWithCustomError(leases, "Lease_Unknown").withArgs(9);
    });
  });

  describe("what a facility asks", () => {
    it("lot and lessee of a lease, zero for an unknown one", async () => {
      const { leases, lessee } = await passedStage();
      expect(await leases.lotOf(1)).to.equal(LOT_ID);
      expect(await leases.lesseeOf(1)).to.equal(lessee);
      expect(await leases.lotOf(2)).to.equal(0);
      expect(await leases.lesseeOf(2)).to.equal(ethers.ZeroAddress);
    });
  });
});
