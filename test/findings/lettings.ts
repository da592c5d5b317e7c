import { expect } from "chai";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { LOT_1, LOT_2, RENT, enforcementWorld, openLease, settle, signTerms } from "../contracts/enforcement-world.ts";

// Found in review: the sponsor could let a pledged lot on any terms without the lien holder's say, in enforcement to
// burden its buyer, or in a token that the facility never collects; and a facility could close before the last month
// of a lease whose lessee bought the lot was invoiced.

describe("Letting a pledged lot", () => {
  it("is refused in a token that is not the facility's", async () => {
    const w = await enforcementWorld();
    await w.perform();
    const coin = await w.ethers.deployContract("MockCoin", [6]);
    const { terms, signature } = await signTerms(w, w.alice, { asset: await coin.getAddress() });
    await expect(w.leases.connect(w.sponsor).open(terms, signature))
      .to.be.revertedWithCustomError(w.facility, "Facility_RentInOther")
      .withArgs(LOT_1, await coin.getAddress());
    await openLease(w, w.alice);
  });

  it("is refused in enforcement: a buyer gets no lease that was agreed on the day before", async () => {
    const w = await enforcementWorld();
    await w.enforce();
    const { terms, signature } = await signTerms(w, w.alice);
    await expect(w.leases.connect(w.sponsor).open(terms, signature))
      .to.be.revertedWithCustomError(w.facility, "Facility_WrongState")
      .withArgs(5n);
  });

  it("asks nothing of a holder without code, nor of a contract that gives no reason", async () => {
    const w = await enforcementWorld();
    const { registry, sponsor, bob, alice } = w;
    await registry.connect(sponsor).offerLien(LOT_1, bob);
    await registry.connect(bob).takeLien(LOT_1);
    await openLease(w, alice, { payee: bob.address });

    const wallet = await w.ethers.deployContract("MockWallet");
    const address = await wallet.getAddress();
    await w.networkHelpers.impersonateAccount(address);
    await w.networkHelpers.setBalance(address, 10n ** 18n);
    await registry.connect(sponsor).offerLien(LOT_2, wallet);
    await registry.connect(await w.ethers.getSigner(address)).takeLien(LOT_2);
    const leaseId = await openLease(w, alice, { lotId: LOT_2, payee: address });
    expect(await w.leases.payeeOf(leaseId)).to.equal(address);
  });
});

describe("A lot that its lessee bought", () => {
  const bought = async () => {
    const w = await enforcementWorld();
    await w.perform();
    const exit = { ...NO_CLAUSES.exit, minPeriodCount: 1n, purchaseAssets: 1_000_000_000_000n };
    const leaseId = await openLease(w, w.alice, { exit });
    await settle(w, leaseId, 0n);
    await w.leases.connect(w.alice).pay(leaseId, 0n, RENT);
    await w.leases.connect(w.alice).purchase(leaseId);
    return { ...w, leaseId, untilAt: await w.leases.unsettledUntilAt(leaseId) };
  };

  it("stays pledged until the last month is invoiced: the facility does not close over its rent", async () => {
    const w = await bought();
    const { facility, leases, leaseId, untilAt } = w;
    await expect(facility.completePurchase(LOT_1))
      .to.be.revertedWithCustomError(facility, "Facility_LeaseUnsettled")
      .withArgs(LOT_1, leaseId, untilAt);
    await w.networkHelpers.time.increaseTo(untilAt);
    await settle(w, leaseId, 1n);
    expect(await leases.unsettledUntilAt(leaseId)).to.equal(0n);
    await facility.completePurchase(LOT_1);
    expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);

    expect(await facility.receivableAssets()).to.be.greaterThan(1_000_000_000_000n, "the price and the month");
    expect(await leases.receivableAssets(facility, w.asset)).to.be.greaterThan(0n);
  });

  it("is the lessee's a year after the lease's end, whatever became of the meters", async () => {
    const w = await bought();
    await w.networkHelpers.time.increaseTo(w.untilAt + 365n * 86_400n - 2n);
    await expect(w.facility.completePurchase(LOT_1)).to.be.revertedWithCustomError(
      w.facility,
      "Facility_LeaseUnsettled",
    );
    await w.networkHelpers.time.setNextBlockTimestamp(w.untilAt + 365n * 86_400n);
    await w.facility.completePurchase(LOT_1);
    expect((await w.registry.lot(LOT_1)).operator).to.equal(w.alice.address);
  });
});
