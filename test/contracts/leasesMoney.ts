import { expect } from "chai";
import { BASE, EMPTY, ENDS, ethers, ledger, leasedStage, networkHelpers, settled } from "./leasesStage.ts";

const { time } = networkHelpers;
const DAY_SEC = 86_400;
const OTHER_LOT_ID = 8n;

// The arguments of the leases' events that this file adds up; each event has some of them.
interface Args {
  readonly assets: bigint;
  readonly paidAssets: bigint;
  readonly leftAssets: bigint;
  readonly prepaidAssets: bigint;
  readonly periodIndex: bigint;
  readonly payment: Args;
  readonly reduction?: Args;
}

describe("Leases: money", () => {
  describe("prepay", () => {
    it("adds to the lease's escrow, whoever pays", async () => {
      const world = await leasedStage();
      const { leases, coin, lessee, stranger } = world;
      await leases.connect(lessee).prepay(1, 5n);
      const tx = leases.connect(stranger).prepay(1, 7n);
      await expect(tx).to.emit(leases, "Prepaid").withArgs(1, stranger, 7n, 12n);
      expect(await ledger(world)).to.deep.equal({ ...EMPTY, prepaid: 12n, held: 12n });
      expect(await coin.balanceOf(stranger)).to.equal(100n * BASE - 7n);
    });

    it("refuses nothing, an unknown lease and an ended one", async () => {
      const { leases } = await settled(3);
      await expect(leases.prepay(2, 1n)).to.be.revertedWithCustomError(leases, "Lease_Unknown").withArgs(2);
      await expect(leases.prepay(1, 1n)).to.be.revertedWithCustomError(leases, "Lease_Ended").withArgs(1);
      const fresh = await leasedStage();
      await expect(fresh.leases.prepay(1, 0n)).to.be.revertedWithCustomError(leases, "Lease_ZeroAssets").withArgs(1);
    });
  });

  describe("pay", () => {
    it("M17: early is prepaid, and pays the invoice when it comes", async () => {
      const world = await leasedStage();
      const { leases, lessee } = world;
      await expect(leases.connect(lessee).pay(1, 0, BASE))
        .to.emit(leases, "Paid")
        .withArgs(1, 0, lessee, BASE, [ethers.ZeroAddress, 0n, 0n, 0n, 0n, BASE]);
      await time.increaseTo(ENDS[1]);
      await leases.settle(1, 0);
      expect(await ledger(world)).to.deep.equal({ ...EMPTY, settledCount: 1, collectable: BASE, held: BASE });
    });

    it("M17: late, in part and by another reduces that period's receivable alone", async () => {
      const world = await settled(2);
      const { leases, payee, stranger } = world;
      await time.increase(400 * DAY_SEC);
      await expect(leases.connect(stranger).pay(1, 0, 4n))
        .to.emit(leases, "Paid")
        .withArgs(1, 0, stranger, 4n, [payee.address, 0n, 4n, 0n, BASE - 4n, 0n]);
      expect((await leases.receivable(1, 0)).assets).to.equal(BASE - 4n);
      expect((await leases.receivable(1, 1)).assets).to.equal(BASE);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 2,
        owed: 2n * BASE - 4n,
        receivable: 2n * BASE - 4n,
        collectable: 4n,
        held: 4n,
      });
    });

    it("M17: too much and twice is credit for the periods to come", async () => {
      const world = await settled(1);
      const { leases, lessee, payee } = world;
      await expect(leases.connect(lessee).pay(1, 0, BASE + 3n))
        .to.emit(leases, "Paid")
        .withArgs(1, 0, lessee, BASE + 3n, [payee.address, 0n, BASE, 0n, 0n, 3n]);
      await expect(leases.connect(lessee).pay(1, 0, BASE))
        .to.emit(leases, "Paid")
        .withArgs(1, 0, lessee, BASE, [ethers.ZeroAddress, 0n, 0n, 0n, 0n, BASE + 3n]);
      await time.increaseTo(ENDS[2]);
      await leases.settle(1, 1);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 2,
        prepaid: 3n,
        collectable: 2n * BASE,
        held: 2n * BASE + 3n,
      });
    });

    it("M17: a lessee that stops paying keeps owing every period, and the payee what was paid", async () => {
      const world = await leasedStage();
      const { leases, lessee } = world;
      await leases.connect(lessee).prepay(1, BASE + 1n);
      await time.increaseTo(ENDS[3]);
      for (const periodIndex of [0, 1, 2]) await leases.settle(1, periodIndex);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 3,
        owed: 2n * BASE - 1n,
        receivable: 2n * BASE - 1n,
        collectable: BASE + 1n,
        held: BASE + 1n,
      });
    });

    it("refuses nothing, a period the lease does not have and an unknown lease", async () => {
      const { leases } = await settled(1);
      await expect(leases.pay(1, 0, 0n))
        .to.be.revertedWithCustomError(leases, "Lease_ZeroAssets")
        .withArgs(1);
      await expect(leases.pay(1, 3, 1n))
        .to.be.revertedWithCustomError(leases, "Lease_UnknownPeriod")
        .withArgs(1, 3, 3);
      await expect(leases.pay(2, 0, 1n))
        .to.be.revertedWithCustomError(leases, "Lease_Unknown")
        .withArgs(2);
    });
  });

  describe("payFromEscrow", () => {
    it("pays an older receivable from what came into the escrow later", async () => {
      const world = await settled(1);
      const { leases, lessee, payee } = world;
      await leases.connect(lessee).prepay(1, BASE - 1n);
      await expect(leases.payFromEscrow(1, 0))
        .to.emit(leases, "PaidFromEscrow")
        .withArgs(1, 0, [payee.address, 0n, BASE - 1n, 0n, 1n, 0n]);
      await leases.connect(lessee).prepay(1, 5n);
      await expect(leases.payFromEscrow(1, 0))
        .to.emit(leases, "PaidFromEscrow")
        .withArgs(1, 0, [payee.address, 0n, 1n, 0n, 0n, 4n]);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 1,
        prepaid: 4n,
        collectable: BASE,
        held: BASE + 4n,
      });
    });

    it("refuses when nothing is owed, nothing is prepaid, or the period is not the lease's", async () => {
      const { leases, lessee } = await settled(1);
      await expect(leases.payFromEscrow(1, 0)).to.be.revertedWithCustomError(leases, "Lease_ZeroAssets").withArgs(1);
      await leases.connect(lessee).prepay(1, 1n);
      await expect(leases.payFromEscrow(1, 1)).to.be.revertedWithCustomError(leases, "Lease_ZeroAssets").withArgs(1);
      await expect(leases.payFromEscrow(1, 3)).to.be.revertedWithCustomError(leases, "Lease_UnknownPeriod");
    });
  });

  describe("refund", () => {
    it("makes what is left after the last period collectable by the lessee, once", async () => {
      const world = await leasedStage();
      const { leases, coin, lessee, stranger } = world;
      await leases.connect(stranger).prepay(1, 3n * BASE + 9n);
      await time.increaseTo(ENDS[3]);
      for (const periodIndex of [0, 1]) await leases.settle(1, periodIndex);
      await expect(leases.refund(1)).to.be.revertedWithCustomError(leases, "Lease_NotEnded").withArgs(1, 2, 3);
      await leases.settle(1, 2);
      await expect(leases.connect(stranger).refund(1)).to.emit(leases, "Refunded").withArgs(1, lessee, 9n);
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 3,
        collectable: 3n * BASE,
        refundable: 9n,
        held: 3n * BASE + 9n,
      });
      await expect(leases.refund(1)).to.be.revertedWithCustomError(leases, "Lease_ZeroAssets").withArgs(1);
      await leases.connect(lessee).collect(coin);
      expect(await coin.balanceOf(lessee)).to.equal(100n * BASE + 9n);
    });

    it("waits until the lease owes nothing; what is paid too much after the end is refunded too", async () => {
      const { leases, lessee } = await settled(3);
      await leases.connect(lessee).pay(1, 0, 2n * BASE);
      await expect(leases.refund(1))
        .to.be.revertedWithCustomError(leases, "Lease_Owing")
        .withArgs(1, 2n * BASE);
      await leases.payFromEscrow(1, 2);
      await leases.connect(lessee).pay(1, 1, BASE + 2n);
      await expect(leases.refund(1)).to.emit(leases, "Refunded").withArgs(1, lessee, 2n);
    });
  });

  describe("collect", () => {
    it("pays the caller all of its own, returns how much, and then nothing", async () => {
      const world = await leasedStage();
      const { leases, coin, lessee, payee, stranger } = world;
      await leases.connect(lessee).prepay(1, BASE + 5n);
      await time.increaseTo(ENDS[1]);
      await leases.settle(1, 0);
      expect(await leases.connect(payee).collect.staticCall(coin)).to.equal(BASE);
      expect(await leases.connect(stranger).collect.staticCall(coin)).to.equal(0);
      await expect(leases.connect(stranger).collect(coin)).to.not.emit(leases, "Collected");
      await expect(leases.connect(payee).collect(coin)).to.emit(leases, "Collected").withArgs(payee, coin, BASE);
      expect(await coin.balanceOf(payee)).to.equal(BASE);
      expect(await ledger(world)).to.deep.equal({ ...EMPTY, settledCount: 1, prepaid: 5n, held: 5n });
      expect(await leases.connect(payee).collect.staticCall(coin)).to.equal(0);
    });
  });

  describe("events", () => {
    it("rebuild the ledger with no call", async () => {
      const world = await leasedStage();
      const { leases, coin, lessee, payee } = world;
      await leases.connect(lessee).prepay(1, BASE + 7n);
      await time.increaseTo(ENDS[3]);
      for (const periodIndex of [0, 1, 2]) await leases.settle(1, periodIndex);
      await leases.connect(payee).collect(coin);
      await leases.connect(lessee).pay(1, 2, BASE + 90n);
      await leases.payFromEscrow(1, 1);
      await leases.connect(lessee).pay(1, 1, BASE);
      await leases.refund(1);

      const left = new Map<bigint, bigint>();
      const rebuilt = { ...EMPTY };
      for (const log of await ethers.provider.getLogs({ address: leases, fromBlock: 0 })) {
        const event = leases.interface.parseLog(log);
        const args = (event?.args.toObject(true) ?? {}) as Args;
        const result = event?.name === "Invoiced" ? args.payment : (args.reduction ?? args);
        if (event?.name === "Invoiced") rebuilt.settledCount++;
        if ("prepaidAssets" in result) rebuilt.prepaid = result.prepaidAssets;
        if ("leftAssets" in result) left.set(args.periodIndex, result.leftAssets);
        if ("paidAssets" in result) rebuilt.collectable += result.paidAssets;
        if (event?.name === "Prepaid" || event?.name === "Paid") rebuilt.held += args.assets;
        if (event?.name === "Refunded") [rebuilt.prepaid, rebuilt.refundable] = [0n, rebuilt.refundable + args.assets];
        if (event?.name === "Collected") {
          rebuilt.collectable -= args.assets;
          rebuilt.held -= args.assets;
        }
      }
      rebuilt.owed = rebuilt.receivable = [...left.values()].reduce((sum, assets) => sum + assets, 0n);
      expect(rebuilt).to.deep.equal(await ledger(world));
      expect(rebuilt.refundable).to.equal(97n);
    });
  });

  describe("views of an unknown lease or period", () => {
    it("refuse, but for payeeOf and leaseOf, which are zero", async () => {
      const { leases } = await leasedStage();
      for (const call of [leases.lease(0), leases.periodAt(0, 0), leases.receivable(0, 0)]) {
        await expect(call).to.be.revertedWithCustomError(leases, "Lease_Unknown").withArgs(0);
      }
      await expect(leases.receivable(1, 3)).to.be.revertedWithCustomError(leases, "Lease_UnknownPeriod");
      expect(await leases.receivable(1, 2)).to.deep.equal([0n, 0n, 0n]);
      expect(await leases.payeeOf(0)).to.equal(ethers.ZeroAddress);
      expect(await leases.leaseOf(OTHER_LOT_ID)).to.equal(0);
    });
  });
});
