import { expect } from "chai";
import {
  LOT_1,
  LOT_2,
  R,
  RENT,
  enforcementWorld,
  openLease,
  settle,
  type EnforcementWorld,
} from "./enforcement-world.ts";

describe("Facility: related parties", () => {
  let w: EnforcementWorld;
  let own: bigint;
  let other: bigint;

  beforeEach(async () => {
    w = await enforcementWorld();
    await w.perform();
    // Carol subscribed to the residual class and leases the first lot; a stranger leases the second.
    own = await openLease(w, w.carol, { lotId: LOT_1 });
    other = await openLease(w, w.lessee, { lotId: LOT_2, baseRentAssets: 3n * RENT });
  });

  const payPeriod = async (leaseId: bigint, periodIndex: bigint, assets: bigint) => {
    await settle(w, leaseId, periodIndex);
    await w.leases.connect(w.mallory).pay(leaseId, periodIndex, assets);
  };

  it("M27: a lessee that holds residual shares is disclosed by anyone, its rent past and future", async () => {
    expect(await w.facility.relatedPartyBps()).to.equal(0n);
    await payPeriod(own, 0n, RENT);
    await payPeriod(other, 0n, 3n * RENT);
    expect(await w.facility.relatedPartyBps(), "nobody has shown it").to.equal(0n);
    await expect(w.facility.connect(w.mallory).declareRelated(own))
      .to.emit(w.facility, "RelatedDeclared")
      .withArgs(own, w.carol.address, 200_000n * w.unit);
    expect(await w.facility.relatedPartyBps(), "past").to.equal(2_500n);
    await payPeriod(own, 1n, RENT);
    expect(await w.facility.relatedPartyBps(), "future").to.equal(4_000n);
    await w.facility.collect();
    await w.facility.declareRelated(own);
    expect(await w.facility.relatedPartyBps(), "collected, and shown twice").to.equal(4_000n);
  });

  it("M27: stays disclosed when the shares are gone", async () => {
    await payPeriod(own, 0n, RENT);
    await w.facility.declareRelated(own);
    await w.tokens[R]!.connect(w.carol).transfer(w.bob, 200_000n * w.unit);
    expect(await w.facility.relatedPartyBps()).to.equal(10_000n);
    await expect(w.facility.declareRelated(own)).to.be.revertedWithCustomError(w.facility, "Facility_NotRelated");
  });

  it("M27: refuses a lessee without residual shares, whatever its other addresses hold: the stated limit", async () => {
    await expect(w.facility.declareRelated(other))
      .to.be.revertedWithCustomError(w.facility, "Facility_NotRelated")
      .withArgs(other, w.lessee.address);
    await expect(w.facility.declareRelated(99n)).to.be.revertedWithCustomError(w.facility, "Facility_NotRelated");
    // One share is enough.
    await w.admit(w.lessee.address);
    await w.tokens[R]!.connect(w.carol).transfer(w.lessee, 1n);
    await w.facility.declareRelated(other);
  });

  it("M27: a lease of another payee is not this facility's to disclose", async () => {
    await w.enforceNow();
    await w.facility.startAuction(LOT_1);
    await w.facility.connect(w.alice).buy(LOT_1, 2n ** 128n);
    await expect(w.facility.declareRelated(own)).to.be.revertedWithCustomError(w.leases, "Lease_NotPayee");
  });

  it("a lease whose terms say so counts from its first payment, rounded up", async () => {
    const flagged = await enforcementWorld();
    await flagged.perform();
    const leaseId = await openLease(flagged, flagged.lessee, { relatedParty: true });
    const plain = await openLease(flagged, flagged.lessee, { lotId: LOT_2, baseRentAssets: 2n * RENT });
    for (const [id, assets] of [
      [leaseId, RENT],
      [plain, 2n * RENT],
    ] as const) {
      await settle(flagged, id, 0n);
      await flagged.leases.connect(flagged.mallory).pay(id, 0n, assets);
    }
    expect(await flagged.facility.relatedPartyBps()).to.equal(3_334n);
  });
});
