import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { at } from "./facility-world.ts";
import {
  LOT_1,
  LOT_2,
  RENT,
  enforcementWorld,
  openLease,
  settle,
  signTerms,
  type EnforcementWorld,
} from "./enforcement-world.ts";

const CALLABLE_AT = at("2027-02-10");
const PRICE = 600_000_000_000n;

/** The first lot is let to Alice, who may buy it from its second month on. */
async function optionWorld() {
  const w = await enforcementWorld();
  await w.perform();
  const exit = { ...NO_CLAUSES.exit, minPeriodCount: 1n, purchaseAssets: PRICE };
  const leaseId = await openLease(w, w.alice, { exit });
  await settle(w, leaseId, 0n);
  await w.leases.connect(w.alice).pay(leaseId, 0n, RENT);
  return { ...w, leaseId };
}

describe("Facility: a lot that its lessee buys", () => {
  let w: EnforcementWorld & { leaseId: bigint };

  beforeEach(async () => {
    w = await optionWorld();
  });

  const purchase = () => w.leases.connect(w.alice).purchase(w.leaseId);
  /** The last month, cut short by the purchase, is invoiced. */
  const settleLast = async () => {
    await w.networkHelpers.time.increase(3600);
    await settle(w, w.leaseId, 1n);
  };

  it("is the lessee's once it is paid for and its last month invoiced, free of the lien; anyone may complete it", async () => {
    await purchase();
    expect(await w.registry.lienHolder(LOT_1)).to.equal(await w.facility.getAddress());
    await settleLast();
    await expect(w.facility.connect(w.mallory).completePurchase(LOT_1))
      .to.emit(w.facility, "LotPurchased")
      .withArgs(LOT_1, w.alice.address, w.leaseId);
    expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);
    expect(await w.registry.lienHolder(LOT_1)).to.equal(ZeroAddress);
    expect([await w.facility.isPledged(LOT_1), await w.facility.lotCount()]).to.deep.equal([false, 1n]);
  });

  it("brings the price in as collections that are no rent, and the last month's rent when it is invoiced", async () => {
    await purchase();
    await expect(w.facility.collect())
      .to.emit(w.facility, "Collected")
      .withArgs(PRICE + RENT, RENT, PRICE + RENT);
    await settleLast();
    await w.facility.completePurchase(LOT_1);
    expect(await w.facility.receivableAssets()).to.be.within(1n, RENT);
  });

  it("M15: is not sold below its part of what the seniors are owed; in no token that is not the facility's", async () => {
    const { facility, leases, networkHelpers } = w;
    const owed = (await facility.owedAssets(0)) + (await facility.owedAssets(1));
    // 600,000 of a million were drawn on the first lot.
    expect(await facility.releaseAssets(LOT_1, w.asset)).to.equal((owed * 6n + 9n) / 10n);
    expect(await facility.releaseAssets(LOT_1, w.alice)).to.equal(2n ** 256n - 1n);
    const buyAt = (await networkHelpers.time.latest()) + 2 * 86_400;
    const snapshot = await networkHelpers.takeSnapshot();
    await networkHelpers.time.increaseTo(buyAt);
    const least = await facility.releaseAssets(LOT_2, w.asset);
    for (const purchaseAssets of [1n, least - 1n, least]) {
      await snapshot.restore();
      const leaseId = await openLease(w, w.alice, { lotId: LOT_2, exit: { ...NO_CLAUSES.exit, purchaseAssets } });
      await networkHelpers.time.increaseTo(buyAt);
      const buy = leases.connect(w.alice).purchase(leaseId);
      if (purchaseAssets === least) await buy;
      else {
        await expect(buy)
          .to.be.revertedWithCustomError(leases, "Lease_PriceTooLow")
          .withArgs(leaseId, purchaseAssets, least);
      }
    }
  });

  it("stands free again once it is handed over: it can be let, pledged and sold like any other", async () => {
    await purchase();
    await settleLast();
    expect(await w.leases.leaseOf(LOT_1)).to.equal(w.leaseId);
    await w.facility.completePurchase(LOT_1);
    expect(await w.leases.leaseOf(LOT_1)).to.equal(0n);
    const now = await w.networkHelpers.time.latest();
    const terms = { sponsor: w.alice.address, raiseUntilAt: now + 100_000, firstPaymentAt: now + 60 * 86_400 };
    const next = await w.funded(terms);
    await next.startFunding();
    await w.registry.connect(w.alice).offerLien(LOT_1, next);
    await next.connect(w.alice).draw(LOT_1, 600_000n * w.unit);
    for (const facility of [next, w.facility]) {
      await expect(facility.completePurchase(LOT_1)).to.be.revertedWithCustomError(facility, "Facility_NotBought");
    }
    expect(await w.registry.lienHolder(LOT_1)).to.equal(await next.getAddress());
  });

  it("carries no further draw once it is bought", async () => {
    const f = await enforcementWorld();
    await f.registry.connect(f.sponsor).offerLien(LOT_1, f.facility);
    await f.facility.connect(f.sponsor).draw(LOT_1, f.unit);
    const exit = { ...NO_CLAUSES.exit, purchaseAssets: 2n * PRICE };
    const leaseId = await openLease(f, f.alice, { exit });
    await f.networkHelpers.time.increase(86_400);
    await f.leases.connect(f.alice).purchase(leaseId);
    await expect(f.facility.connect(f.sponsor).draw(LOT_1, f.unit))
      .to.be.revertedWithCustomError(f.facility, "Facility_LotBought")
      .withArgs(LOT_1, f.alice.address);
  });

  it("is refused before it is paid for, a second time, and for a lot that is not let", async () => {
    await expect(w.facility.completePurchase(LOT_1))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotBought")
      .withArgs(LOT_1, w.leaseId);
    await expect(w.facility.completePurchase(LOT_2))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotBought")
      .withArgs(LOT_2, 0n);
    await purchase();
    await settleLast();
    await w.facility.completePurchase(LOT_1);
    await expect(w.facility.completePurchase(LOT_1))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotBought")
      .withArgs(LOT_1, 0n);
  });

  it("is not sold in enforcement, not even when it was up before: it is completed there too", async () => {
    await w.enforceNow();
    await w.facility.startAuction(LOT_1);
    await purchase();
    for (const call of [() => w.facility.connect(w.bob).buy(LOT_1, 2n ** 128n), () => w.facility.startAuction(LOT_1)]) {
      await expect(call())
        .to.be.revertedWithCustomError(w.facility, "Facility_LotBought")
        .withArgs(LOT_1, w.alice.address);
    }
    await settleLast();
    await w.facility.completePurchase(LOT_1);
    expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);
  });

  it("M15: holds a redemption up until it is completed: the new facility gets no lot that is sold", async () => {
    const { facility, networkHelpers } = w;
    await w.deposit(100_000n * w.unit);
    await facility.distribute();
    await networkHelpers.time.increaseTo(CALLABLE_AT);
    const next = await w.funded({ raiseUntilAt: CALLABLE_AT + 86_400, firstPaymentAt: CALLABLE_AT + 60 * 86_400 });
    await next.startFunding();
    const value = { valueAssets: 0n, hardwareAssets: 0n, computedAt: CALLABLE_AT, maxAgeSec: 86_400 };
    await w.appraisal.setValue(facility, value);
    await purchase();
    const draw = (lotId: bigint, assets: bigint) => ({ lotId, assets: assets * w.unit });
    const refinance = (...draws: ReturnType<typeof draw>[]) => next.connect(w.sponsor).refinance(facility, draws);
    await expect(refinance(draw(LOT_1, 600_000n), draw(LOT_2, 400_000n)))
      .to.be.revertedWithCustomError(facility, "Facility_LotBought")
      .withArgs(LOT_1, w.alice.address);
    await settleLast();
    await facility.completePurchase(LOT_1);
    // The other lot alone carries no draw of the price: the money for the sold one repays the seniors first.
    await expect(refinance(draw(LOT_2, 400_000n))).to.be.revertedWithCustomError(facility, "Facility_WrongPrice");
    expect(await facility.lotCount()).to.equal(1n);
  });
});

describe("Leases: handing over a lot that was bought", () => {
  const buy = async () => {
    const w = await optionWorld();
    await w.leases.connect(w.alice).purchase(w.leaseId);
    return w;
  };

  it("is the payee's to tell, once, of a lot that was bought", async () => {
    const w = await buy();
    for (const other of [w.sponsor, w.alice, w.mallory]) {
      await expect(w.leases.connect(other).handOver(w.leaseId))
        .to.be.revertedWithCustomError(w.leases, "Lease_NotPayee")
        .withArgs(w.leaseId, other.address);
    }
    const address = await w.facility.getAddress();
    await w.networkHelpers.impersonateAccount(address);
    await w.networkHelpers.setBalance(address, 10n ** 18n);
    const payee = w.leases.connect(await w.ethers.getSigner(address));
    const other = await openLease(w, w.lessee, { lotId: LOT_2 });
    await expect(payee.handOver(other)).to.be.revertedWithCustomError(w.leases, "Lease_NotBought").withArgs(other);
    await w.registry.connect(await w.ethers.getSigner(address)).passLot(LOT_1, w.alice);
    await expect(payee.handOver(w.leaseId)).to.emit(w.leases, "HandedOver").withArgs(w.leaseId, w.alice.address);
    expect(await w.leases.purchaserOf(w.leaseId)).to.equal(ZeroAddress);
    await expect(payee.handOver(w.leaseId)).to.be.revertedWithCustomError(w.leases, "Lease_NotBought");
    expect(await w.leases.leaseOf(LOT_1), "its last month is not invoiced").to.equal(w.leaseId);
  });

  it("leaves the lease alone that the buyer opened in between", async () => {
    const w = await buy();
    await w.networkHelpers.time.increase(3600);
    await settle(w, w.leaseId, 1n);
    const address = await w.facility.getAddress();
    await w.networkHelpers.impersonateAccount(address);
    await w.networkHelpers.setBalance(address, 10n ** 18n);
    const holder = await w.ethers.getSigner(address);
    await w.registry.connect(holder).passLot(LOT_1, w.alice);
    const { terms, signature } = await signTerms(w, w.lessee, { payee: w.alice.address });
    await w.leases.connect(w.alice).open(terms, signature);
    const next = await w.leases.leaseOf(LOT_1);
    expect(next).to.equal(w.leaseId + 1n);
    await w.leases.connect(holder).handOver(w.leaseId);
    expect(await w.leases.leaseOf(LOT_1)).to.equal(next);
  });
});
