import { expect } from "chai";
import { ZeroAddress, id } from "ethers";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { LOT_1, LOT_2, RENT, enforcementWorld, openLease, settle, signTerms } from "../contracts/enforcement-world.ts";
import { at } from "../contracts/facility-world.ts";
import { MODEL } from "../contracts/reports.ts";

// Found in review: a stranger could make any facility the creditor, or the operator, of a lot it never asked for and,
// with a lease and its fees, inflate the facility's receivables; a lot that was let could not be pledged; and a lot that
// nobody had handed over could be told to be.

const LOT_3 = 3n;
const FEE = 1_000_000_000_000n;

/** A performing facility, and a lot of Mallory's that it has nothing to do with. */
async function strangersLot() {
  const w = await enforcementWorld();
  await w.perform();
  const { registry, mallory } = w;
  const own = registry.connect(mallory);
  await own.registerSite("0x5553", id("ERCOT"));
  await own.registerLot(await registry.siteCount(), id(MODEL), 8, w.unit, 1, id("identity root"));
  const exit = { ...NO_CLAUSES.exit, terminationFeeAssets: FEE };
  const let3 = async (payee: string) => {
    const { terms, signature } = await signTerms(w, mallory, { lotId: LOT_3, payee, exit });
    await w.leases.connect(mallory).open(terms, signature);
    return w.leases.leaseOf(LOT_3);
  };
  return { ...w, own, let3, address: await w.facility.getAddress() };
}

describe("A lien nobody asked for", () => {
  it("is only offered: the lease that would inflate the receivables has no such payee", async () => {
    const { own, let3, address, mallory, leases, facility, registry, networkHelpers } = await strangersLot();
    await own.offerLien(LOT_3, mallory);
    await own.takeLien(LOT_3);
    const leaseId = await let3(mallory.address);
    await own.passLien(LOT_3, facility);
    expect(await registry.lienHolder(LOT_3)).to.equal(ZeroAddress);
    expect(await registry.lienOfferedTo(LOT_3)).to.equal(address);
    await expect(leases.connect(mallory).assign(leaseId, facility))
      .to.be.revertedWithCustomError(leases, "Lease_WrongPayee")
      .withArgs(address, mallory.address);
    await networkHelpers.time.increase(86_400);
    await leases.connect(mallory).terminate(leaseId);
    expect(await facility.receivableAssets()).to.equal(0n);
  });

  it("is not come by as the lot's operator either: a facility refuses the rent of a lot it did not take", async () => {
    const { own, let3, mallory, leases, facility } = await strangersLot();
    const leaseId = await let3(mallory.address);
    await own.passLot(LOT_3, facility);
    await expect(leases.connect(mallory).assign(leaseId, facility))
      .to.be.revertedWithCustomError(facility, "Facility_NotPledged")
      .withArgs(LOT_3);
  });
});

describe("A lot that is let when it is pledged", () => {
  const offered = async () => {
    const w = await enforcementWorld();
    await w.registry.connect(w.sponsor).offerLien(LOT_1, w.facility);
    return { ...w, draw: () => w.facility.connect(w.sponsor).draw(LOT_1, 1_000n * w.unit) };
  };

  it("brings the rent from the next invoice on; what was invoiced stays the operator's", async () => {
    const w = await offered();
    const { leases, sponsor, facility, asset } = w;
    const leaseId = await openLease(w, w.alice, { payee: sponsor.address });
    await settle(w, leaseId, 0n);
    await expect(w.draw())
      .to.emit(leases, "Assigned")
      .withArgs(leaseId, sponsor.address, await facility.getAddress());
    expect(await leases.payeeOf(leaseId)).to.equal(await facility.getAddress());
    await settle(w, leaseId, 1n);
    expect(await leases.receivableAssets(sponsor, asset)).to.equal(RENT);
    expect(await leases.receivableAssets(facility, asset)).to.equal(RENT);
  });

  it("is refused while its lease pays another, in another token, or its lessee bought it", async () => {
    const w = await offered();
    const { facility, sponsor, registry, leases, networkHelpers } = w;
    const snapshot = await networkHelpers.takeSnapshot();
    const coin = await w.ethers.deployContract("MockCoin", [6]);
    await openLease(w, w.alice, { payee: sponsor.address, asset: await coin.getAddress() });
    await expect(w.draw())
      .to.be.revertedWithCustomError(facility, "Facility_RentInOther")
      .withArgs(LOT_1, await coin.getAddress());

    await snapshot.restore();
    const exit = { ...NO_CLAUSES.exit, purchaseAssets: 1n };
    const leaseId = await openLease(w, w.alice, { payee: sponsor.address, exit });
    const let1 = await networkHelpers.takeSnapshot();
    await networkHelpers.time.increase(86_400);
    await leases.connect(w.alice).purchase(leaseId);
    await expect(w.draw())
      .to.be.revertedWithCustomError(facility, "Facility_LotBought")
      .withArgs(LOT_1, w.alice.address);

    await let1.restore();
    await registry.connect(sponsor).offerLien(LOT_1, w.bob);
    await registry.connect(w.bob).takeLien(LOT_1);
    await leases.connect(w.bob).takeRent(leaseId);
    await registry.connect(w.bob).passLien(LOT_1, facility);
    await expect(w.draw())
      .to.be.revertedWithCustomError(facility, "Facility_LeasePaysOther")
      .withArgs(LOT_1, leaseId, w.bob.address);
  });

  it("has its rent taken by the lien holder only, from the operator only, and not once it is bought", async () => {
    const w = await enforcementWorld();
    const { leases, registry, sponsor, bob } = w;
    const exit = { ...NO_CLAUSES.exit, purchaseAssets: 1n };
    const leaseId = await openLease(w, w.alice, { payee: sponsor.address, exit });
    for (const account of [sponsor, w.alice, bob]) {
      await expect(leases.connect(account).takeRent(leaseId))
        .to.be.revertedWithCustomError(leases, "Lease_NotLienHolder")
        .withArgs(leaseId, account.address, ZeroAddress);
    }
    await registry.connect(sponsor).offerLien(LOT_1, bob);
    await registry.connect(bob).takeLien(LOT_1);
    const before = await w.networkHelpers.takeSnapshot();
    await leases.connect(bob).takeRent(leaseId);
    await expect(leases.connect(bob).takeRent(leaseId))
      .to.be.revertedWithCustomError(leases, "Lease_WrongPayee")
      .withArgs(bob.address, sponsor.address);
    await before.restore();
    await w.networkHelpers.time.increase(86_400);
    await leases.connect(w.alice).purchase(leaseId);
    await expect(leases.connect(bob).takeRent(leaseId))
      .to.be.revertedWithCustomError(leases, "Lease_Bought")
      .withArgs(leaseId, w.alice.address);
  });
});

describe("A lot that its operator sold to its lessee", () => {
  it("is told to be handed over once it is: the operator of a lot without a lien passes it itself", async () => {
    const w = await enforcementWorld();
    const { leases, registry, sponsor, alice } = w;
    const exit = { ...NO_CLAUSES.exit, purchaseAssets: 1n };
    const leaseId = await openLease(w, alice, { payee: sponsor.address, exit });
    await w.networkHelpers.time.increase(86_400);
    await leases.connect(alice).purchase(leaseId);
    await expect(leases.connect(sponsor).handOver(leaseId))
      .to.be.revertedWithCustomError(leases, "Lease_NotHandedOver")
      .withArgs(leaseId, alice.address, sponsor.address);
    await registry.connect(sponsor).offerLien(LOT_1, w.bob);
    await expect(registry.connect(sponsor).passLot(LOT_1, alice))
      .to.be.revertedWithCustomError(registry, "Registry_LienOffered")
      .withArgs(LOT_1, w.bob.address);
    await registry.connect(sponsor).offerLien(LOT_1, ZeroAddress);
    await registry.connect(sponsor).passLot(LOT_1, alice);
    await expect(leases.connect(sponsor).handOver(leaseId)).to.emit(leases, "HandedOver");
    expect((await registry.lot(LOT_1)).operator).to.equal(alice.address);
  });
});

describe("A redemption for nothing", () => {
  it("draws something, else the new facility could be called off with the liens in its hands", async () => {
    const w = await enforcementWorld();
    const { unit, sponsor, registry, networkHelpers } = w;
    const classes = w.dealSettings.classes.map(({ terms, ...names }) => ({
      ...names,
      terms: terms.kind === 0 ? { ...terms, termMonthCount: 1 } : terms,
    }));
    await networkHelpers.time.increaseTo(at("2027-01-02"));
    const old = await w.funded({ classes, raiseUntilAt: at("2027-01-10"), firstPaymentAt: at("2027-01-31") });
    await old.startFunding();
    await registry.connect(sponsor).offerLien(LOT_1, old);
    await old.connect(sponsor).draw(LOT_1, 10n * unit);
    await old.connect(sponsor).startPerforming();
    await w.asset.mint(old, 10_000n * unit);
    await old.sync();
    await networkHelpers.time.increaseTo(at("2027-01-31"));
    await old.distribute();
    await networkHelpers.time.increaseTo(at("2027-02-10"));
    const value = { valueAssets: 0n, hardwareAssets: 0n, computedAt: at("2027-02-10"), maxAgeSec: 86_400 };
    await w.appraisal.setValue(old, value);
    const next = await w.funded({ raiseUntilAt: at("2027-02-20"), firstPaymentAt: at("2027-03-31") });
    await next.startFunding();
    expect(await old.redemptionAssets()).to.equal(0n);
    const refinance = (assets: bigint) => next.connect(sponsor).refinance(old, [{ lotId: LOT_1, assets }]);
    await expect(refinance(0n)).to.be.revertedWithCustomError(next, "Facility_NoAmount");
    await refinance(1n);
    expect(await registry.lienHolder(LOT_1)).to.equal(await next.getAddress());
    expect([await old.lotCount(), await next.lotCount()]).to.deep.equal([0n, 1n]);
    await expect(next.connect(sponsor).cancel()).to.be.revertedWithCustomError(next, "Facility_WrongState");
    expect(await registry.lienHolder(LOT_2)).to.equal(ZeroAddress);
  });
});
