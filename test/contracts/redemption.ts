import { expect } from "chai";
import { type Signer, id } from "ethers";
import type { Facility } from "../../types/facility/Facility.ts";
import { MODEL, deployRegistry } from "./reports.ts";
import { at } from "./facility-world.ts";
import {
  A,
  AMORTISING,
  B,
  CASH_TRAP,
  CLOSED,
  COST_1,
  COST_2,
  LOT_1,
  LOT_2,
  PERFORMING,
  R,
  RENT,
  enforcementWorld,
  openLease,
  settle,
} from "./enforcement-world.ts";

const CALLABLE_AT = at("2027-02-10");
const MID_PERIOD_AT = at("2027-02-15");
const FRESH_SEC = 86_400 * 60;

/** A facility that paid its first date, and a new one of the same sponsor that raised a million more. */
async function refinancingWorld() {
  const w = await enforcementWorld();
  const { unit, facility, appraisal, dealSettings } = w;
  await w.perform();
  await w.deposit(100_000n * unit);
  await w.distributeAt(0);
  const outstanding = await Promise.all([A, B].map(async (i) => await facility.outstandingAssets(i)));
  const later = { raiseUntilAt: at("2027-02-20"), firstPaymentAt: at("2027-03-31") };
  const raiseNext = async (changed: Partial<typeof dealSettings> = {}) => {
    const next = await w.funded({ ...later, ...changed });
    await next.startFunding();
    return next;
  };
  const setHardware = async (hardwareAssets: bigint, ofFacility: Facility = facility) =>
    appraisal.setValue(ofFacility, {
      ...{ valueAssets: hardwareAssets, hardwareAssets },
      ...{ computedAt: await w.networkHelpers.time.latest(), maxAgeSec: FRESH_SEC },
    });
  await setHardware(0n);
  const next = await raiseNext();
  const nextAt = (timeAt: number | bigint) => w.networkHelpers.time.setNextBlockTimestamp(timeAt);
  /** The call price of each class on 15 February: 15 days of 30/360 interest on what the first date left. */
  const prices = [A, B].map((i) => {
    const principal = outstanding[i]!;
    const { couponBps, callPremiumBps } = dealSettings.classes[i]!.terms;
    const premium = (principal * BigInt(callPremiumBps) + 9_999n) / 10_000n;
    return { principal, income: premium + (principal * BigInt(couponBps) * 15n) / (10_000n * 360n) };
  });
  const claims = prices.reduce((sum, { principal, income }) => sum + principal + income, 0n);
  /** Draws of all of the price on the second lot as far as it goes, the rest on the first. */
  const draws = (total: bigint) => {
    const second = total < 390_000n * unit ? total : 390_000n * unit;
    return [
      { lotId: LOT_2, assets: second },
      { lotId: LOT_1, assets: total - second },
    ];
  };
  const refinance = async (total: bigint, by: Facility = next, sponsor: Signer = w.sponsor) =>
    by.connect(sponsor).refinance(facility, draws(total));
  /** A facility of the same code and sponsor that another factory created. */
  const foreignFacility = async () => {
    const codes = [w.facilities.facilityImplementation(), w.facilities.classTokenImplementation()] as const;
    const factory = await w.ethers.deployContract("Facilities", [w.manager, ...(await Promise.all(codes))]);
    return w.created(later, factory);
  };
  /** A registry that knows lots 1 and 2 as this one does. */
  const otherRegistry = async () => {
    const { registry } = await deployRegistry(w.ethers);
    for (const cost of [COST_1, COST_2]) {
      await registry.connect(w.sponsor).registerLot(1, id(MODEL), 8, cost * unit, 1, id("identity root"));
    }
    for (const lotId of [LOT_1, LOT_2]) await registry.attest(lotId, 3, 2n ** 40n, id("report"));
    return registry;
  };
  return {
    ...w,
    foreignFacility,
    otherRegistry,
    next,
    raiseNext,
    setHardware,
    nextAt,
    prices,
    claims,
    draws,
    refinance,
    outstanding,
  };
}

describe("Facility: redemption by a new facility", () => {
  let w: Awaited<ReturnType<typeof refinancingWorld>>;

  beforeEach(async () => {
    w = await refinancingWorld();
    await w.networkHelpers.time.increaseTo(MID_PERIOD_AT - 3600);
  });

  /** Refused with this error; the old facility stands as it was. */
  async function refused(call: Promise<unknown>, error: string, ...args: unknown[]) {
    await expect(call)
      .to.be.revertedWithCustomError(w.facility, error)
      .withArgs(...args);
    expect(await w.facility.lotCount()).to.equal(2n);
    for (const lotId of [LOT_1, LOT_2])
      expect(await w.registry.lienHolder(lotId)).to.equal(await w.facility.getAddress());
    for (const i of [A, B]) expect(await w.facility.outstandingAssets(i)).to.equal(w.outstanding[i]);
  }

  /** Calls the old facility's `redeem` as if a facility did, with money and approval. */
  async function redeemAs(facility: Facility, lotIds: bigint[], priceAssets: bigint) {
    const address = await facility.getAddress();
    await w.networkHelpers.impersonateAccount(address);
    await w.networkHelpers.setBalance(address, 10n ** 18n);
    const signer = await w.ethers.getSigner(address);
    await w.asset.connect(signer).approve(w.facility, priceAssets);
    return w.facility.connect(signer).redeem(lotIds, priceAssets);
  }

  describe("M15: mid-period", () => {
    it("M15: pays each class outstanding, premium, interest due and accrued to the day, exactly", async () => {
      await w.nextAt(MID_PERIOD_AT);
      const call = w.refinance(w.claims);
      expect(await w.incomes(call)).to.deep.equal([
        ...w.prices.map(({ principal, income }) => [income, principal]),
        [0n, 0n],
      ]);
      await expect(call).to.changeTokenBalances(w.ethers, w.asset, [w.next, w.facility], [-w.claims, w.claims]);
      await expect(call)
        .to.emit(w.next, "Refinanced")
        .withArgs(await w.facility.getAddress(), w.claims, 0n);
      for (const i of [A, B]) expect(await w.facility.owedAssets(i)).to.equal(0n);
      expect(await w.facility.ledgerAssets()).to.equal(await w.asset.balanceOf(w.facility));
      expect(await w.next.ledgerAssets()).to.equal(await w.asset.balanceOf(w.next));
    });

    it("M15: moves liens and leases in the same transaction; rent invoiced before stays the old facility's", async () => {
      const leaseId = await openLease(w, w.lessee, { startAt: at("2027-02-16") });
      const other = await openLease(w, w.lessee, { lotId: LOT_2, startAt: at("2027-02-16"), periodCount: 1 });
      await settle(w, other, 0n);
      const dueAt = await w.facility.nextPaymentAt();
      expect(BigInt(await w.networkHelpers.time.latest())).to.be.above(dueAt);
      await w.facility.distribute();
      await w.refinance(950_000n * w.unit);
      for (const lotId of [LOT_1, LOT_2]) {
        expect(await w.registry.lienHolder(lotId)).to.equal(await w.next.getAddress());
        expect([await w.facility.isPledged(lotId), await w.next.isPledged(lotId)]).to.deep.equal([false, true]);
      }
      expect(await w.leases.payeeOf(leaseId)).to.equal(await w.next.getAddress());
      expect(await w.facility.receivableAssets()).to.equal(RENT);
      await settle(w, leaseId, 0n);
      expect(await w.next.receivableAssets()).to.equal(RENT);
    });

    it("gives the sponsor what it draws beyond the price, and performs on with the lots", async () => {
      await w.nextAt(MID_PERIOD_AT);
      await w.refinance(w.claims + 9n);
      expect(await w.next.claimableAssets(w.sponsor)).to.equal(9n);
      expect(await w.next.totalDrawnAssets()).to.equal(w.claims + 9n);
      expect(await w.next.escrowAssets()).to.equal(1_000_000n * w.unit - w.claims - 9n);
      await w.next.connect(w.sponsor).startPerforming();
      expect(await w.next.state()).to.equal(PERFORMING);
      await expect(w.next.connect(w.sponsor).withdraw(w.sponsor)).to.changeTokenBalance(
        w.ethers,
        w.asset,
        w.sponsor,
        9n,
      );
    });

    it("pays what the hardware is worth beyond the claims; the old facility winds up for its residual class", async () => {
      await w.setHardware(w.claims + 12_345n);
      await w.nextAt(MID_PERIOD_AT);
      await w.refinance(w.claims + 12_345n);
      expect(await w.facility.collectionsAssets()).to.equal(12_345n);
      expect(await w.incomes(w.facility.close())).to.deep.equal([
        [0n, 0n],
        [0n, 0n],
        [0n, 12_345n],
      ]);
      expect(await w.facility.state()).to.equal(CLOSED);
      expect(await w.tokens[R]!.lossPerShareRay()).to.be.above(0n);
    });

    it("works in a cash trap and in early amortisation; interest that was missed is part of the price", async () => {
      const late = await enforcementWorld({ maxLtvBps: 8_000, covenantCureSec: 86_400 });
      const { facility, appraisal, networkHelpers, unit } = late;
      await late.perform();
      await late.distributeAt(0);
      await networkHelpers.time.increaseTo(CALLABLE_AT);
      const computedAt = CALLABLE_AT;
      await appraisal.setValue(facility, { valueAssets: unit, hardwareAssets: unit, computedAt, maxAgeSec: FRESH_SEC });
      await facility.declareLtv();
      expect(await facility.state()).to.equal(CASH_TRAP);
      // 600,000 · 1.01 + 200,000 · 1.025, a month's interest of each and 10 days more.
      expect(await facility.redemptionAssets()).to.equal((606_000n + 205_000n) * unit + (8_500n * unit * 4n) / 3n);
      await networkHelpers.time.increaseTo(MID_PERIOD_AT);
      await facility.declareAmortisation(1, 0);
      expect(await facility.state()).to.equal(AMORTISING);
      expect(await facility.redemptionAssets()).to.equal((606_000n + 205_000n + 12_750n) * unit);
      const next = await late.funded({ raiseUntilAt: at("2027-02-20"), firstPaymentAt: at("2027-03-31") });
      await next.startFunding();
      await next.connect(late.sponsor).refinance(facility, [
        { lotId: LOT_1, assets: 500_000n * unit },
        { lotId: LOT_2, assets: 323_750n * unit },
      ]);
      expect(await next.claimableAssets(late.sponsor)).to.equal(0n);
    });
  });

  describe("M15: what is refused", () => {
    beforeEach(() => w.nextAt(MID_PERIOD_AT));

    it("M15: a price that is a unit short, or a unit over where the new facility calls", async () => {
      await refused(w.refinance(w.claims - 1n), "Facility_WrongPrice", w.claims - 1n, w.claims);
      for (const price of [w.claims - 1n, w.claims + 1n]) {
        await refused(redeemAs(w.next, [LOT_1, LOT_2], price), "Facility_WrongPrice", price, w.claims);
      }
    });

    it("M15: a facility in another token", async () => {
      const asset = await w.ethers.deployContract("MockCoin", [6]);
      for (const account of [w.alice, w.bob, w.carol]) await asset.mint(account, 10n ** 15n);
      const settings = {
        asset: await asset.getAddress(),
        raiseUntilAt: at("2027-02-20"),
        firstPaymentAt: at("2027-03-31"),
      };
      const other = await w.created(settings);
      for (const [i, account] of [w.alice, w.bob, w.carol].entries()) {
        await asset.connect(account).approve(other, 10n ** 15n);
        await other.connect(account).subscribe(i, w.dealSettings.classes[i]!.terms.targetAssets);
      }
      await other.startFunding();
      await w.nextAt(MID_PERIOD_AT + 86_000);
      await refused(
        w.refinance(w.claims, other),
        "Facility_OtherAsset",
        await other.getAddress(),
        await asset.getAddress(),
      );
    });

    it("M15: a facility of another sponsor", async () => {
      const other = await w.raiseNext({ sponsor: w.mallory.address });
      await refused(
        w.refinance(w.claims + w.unit, other, w.mallory),
        "Facility_OtherSponsor",
        await other.getAddress(),
        w.mallory.address,
      );
    });

    it("M15: a facility of another factory, from either side, and a caller that is none", async () => {
      const foreign = await w.foreignFacility();
      await refused(redeemAs(foreign, [LOT_1, LOT_2], w.claims), "Facility_Foreign", await foreign.getAddress());
      await refused(
        w.next.connect(w.sponsor).refinance(foreign, w.draws(w.claims)),
        "Facility_Foreign",
        await foreign.getAddress(),
      );
      await refused(
        w.facility.connect(w.sponsor).redeem([LOT_1, LOT_2], w.claims),
        "Facility_Foreign",
        w.sponsor.address,
      );
    });

    it("M15: a lot left out, one twice, and one that is not pledged", async () => {
      await refused(redeemAs(w.next, [LOT_1], w.claims), "Facility_WrongLotCount", 1n, 2n);
      await refused(redeemAs(w.next, [LOT_1, LOT_1], w.claims), "Facility_NotPledged", LOT_1);
      await refused(redeemAs(w.next, [LOT_1, 9n], w.claims), "Facility_NotPledged", 9n);
    });

    it("M15: a new facility on another registry: the lien is missing", async () => {
      const other = await w.otherRegistry();
      const next = await w.raiseNext({ registry: await other.getAddress() });
      await w.nextAt(MID_PERIOD_AT + 43_200);
      await expect(w.refinance(w.claims, next))
        .to.be.revertedWithCustomError(other, "Registry_LienNotOffered")
        .withArgs(LOT_2, await next.getAddress(), "0x0000000000000000000000000000000000000000");
    });

    it("M15: with a payment date due, until it is run", async () => {
      const dueAt = await w.facility.nextPaymentAt();
      await w.nextAt(dueAt);
      await refused(w.refinance(900_000n * w.unit), "Facility_PaymentDue", 1n, dueAt, dueAt);
      await w.facility.distribute();
      await w.refinance(900_000n * w.unit);
    });

    it("before it may be called, and where it never may; at the second it may", async () => {
      const early = await refinancingWorld();
      await early.nextAt(CALLABLE_AT - 1);
      await expect(early.refinance(early.claims))
        .to.be.revertedWithCustomError(early.facility, "Facility_NotCallable")
        .withArgs(CALLABLE_AT, CALLABLE_AT - 1);
      await early.nextAt(CALLABLE_AT);
      await early.refinance(early.claims);
      expect(await early.facility.lotCount()).to.equal(0n);
    });

    it("outside Performing, CashTrap and EarlyAmortisation", async () => {
      await refused(w.next.connect(w.sponsor).refinance(w.next, w.draws(w.unit)), "Facility_WrongState", 1n);
      await w.networkHelpers.time.increaseTo(await w.facility.nextPaymentAt());
      await w.enforceNow();
      await refused(w.refinance(w.claims), "Facility_WrongState", 5n);
    });

    it("M18: on an appraisal that is too old", async () => {
      const computedAt = MID_PERIOD_AT - 101;
      await w.appraisal.setValue(w.facility, { valueAssets: 0n, hardwareAssets: 0n, computedAt, maxAgeSec: 100 });
      await w.nextAt(MID_PERIOD_AT + 5);
      await refused(w.refinance(w.claims), "Facility_StaleValue", computedAt, 100, MID_PERIOD_AT + 5);
    });

    it("draws that the new facility's own rules do not allow: evidence, advance, escrow, who draws", async () => {
      await refused(w.refinance(w.claims, w.next, w.mallory), "Facility_NotSponsor", w.mallory.address);
      await refused(w.refinance(1_000_001n * w.unit), "Facility_OverEscrow", 1_000_001n * w.unit, 1_000_000n * w.unit);
      const second = 400_000n * w.unit + 1n;
      await refused(
        w.next.connect(w.sponsor).refinance(w.facility, [
          { lotId: LOT_2, assets: second },
          { lotId: LOT_1, assets: 500_000n * w.unit },
        ]),
        "Facility_OverAdvance",
        LOT_2,
        second,
        second - 1n,
      );
      await w.registry.revokeAttestation(LOT_1, 1);
      await refused(w.refinance(w.claims + w.unit), "Facility_WeakEvidence", LOT_1, 0n, 2n);
    });
  });
});
