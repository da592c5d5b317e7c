import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { at } from "./facility-world.ts";
import { LOT_1, LOT_2, RENT, enforcementWorld, openLease, settle, type EnforcementWorld } from "./enforcement-world.ts";

const CALLABLE_AT = at("2027-02-10");
const PRICE = 400_000_000_000n;

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

  it("is the lessee's once it is paid for, free of the lien; anyone may complete it", async () => {
    await purchase();
    expect(await w.registry.lienHolder(LOT_1)).to.equal(await w.facility.getAddress());
    await expect(w.facility.connect(w.mallory).completePurchase(LOT_1))
      .to.emit(w.facility, "LotPurchased")
      .withArgs(LOT_1, w.alice.address, w.leaseId);
    expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);
    expect(await w.registry.lienHolder(LOT_1)).to.equal(ZeroAddress);
    expect([await w.facility.isPledged(LOT_1), await w.facility.lotCount()]).to.deep.equal([false, 1n]);
  });

  it("brings the price in as collections that are no rent, and the last month's rent when it is invoiced", async () => {
    await purchase();
    await w.facility.completePurchase(LOT_1);
    await expect(w.facility.collect())
      .to.emit(w.facility, "Collected")
      .withArgs(PRICE + RENT, RENT, PRICE + RENT);
    await w.networkHelpers.time.increase(3600);
    await settle(w, w.leaseId, 1n);
    expect(await w.facility.receivableAssets()).to.be.within(1n, RENT);
  });

  it("is refused before it is paid for, a second time, and for a lot that is not let", async () => {
    await expect(w.facility.completePurchase(LOT_1))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotBought")
      .withArgs(LOT_1, w.leaseId);
    await expect(w.facility.completePurchase(LOT_2))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotBought")
      .withArgs(LOT_2, 0n);
    await purchase();
    await w.facility.completePurchase(LOT_1);
    await expect(w.facility.completePurchase(LOT_1))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotPledged")
      .withArgs(LOT_1);
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
    await facility.completePurchase(LOT_1);
    // The other lot alone carries no draw of the price: the money for the sold one repays the seniors first.
    await expect(refinance(draw(LOT_2, 400_000n))).to.be.revertedWithCustomError(facility, "Facility_WrongPrice");
    expect(await facility.lotCount()).to.equal(1n);
  });
});
