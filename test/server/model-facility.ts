import { expect } from "chai";
import { auctionPrice, buyLot, close, redeem, redemptionPrice, startAuction } from "../../server/model/enforcement.ts";
import {
  cloneFacility,
  collect,
  draw,
  openFacility,
  startFunding,
  startPerforming,
  subscribe,
  type Facility,
} from "../../server/model/facility.ts";
import { distribute } from "../../server/model/payment.ts";
import * as triggers from "../../server/model/triggers.ts";
import type { FacilityTerms } from "../../server/model/types.ts";
import { at, dealTerms, SENIOR } from "./model-stage.ts";

const DRAWN_AT = at("2027-01-10");

/** 1,000,000 and 400,000 of senior money, 500,000 of the residual; all but the first reserve is drawn. */
function performing(changes: Partial<FacilityTerms> = {}, leftAssets = 40_000n): Facility {
  const facility = openFacility(dealTerms(changes));
  [1_000_000n, 400_000n, 500_000n].forEach((assets, index) => subscribe(facility, index, "holder", assets));
  startFunding(facility, at("2026-12-31"));
  draw(facility, "7", 2_000_000n, 1_900_000n - leftAssets);
  startPerforming(facility, DRAWN_AT);
  return facility;
}

const paidBy = (facility: Facility, rent: bigint) => {
  collect(facility, rent);
  const { steps, paidAssets } = distribute(facility);
  return Object.fromEntries(
    steps.map(({ kind, subjectIndex }, index) => [`${kind}${subjectIndex}`, paidAssets[index]]),
  );
};

describe("model of a deal: facility", () => {
  it("gives back what was not drawn, with interest to seniors, and schedules the rest", () => {
    const facility = performing({}, 230_000n);
    // 190,000 beyond the reserve: 100,000, 40,000 and 50,000; interest of ten days at 12 % and 24 %.
    expect(facility.reserveAssets).to.equal(40_000n);
    expect(facility.classes.map((book) => book.outstandingAssets)).to.deep.equal([900_000n, 360_000n, 450_000n]);
    expect(facility.classes.map((book) => book.interestDueAssets)).to.deep.equal([333n, 266n, 0n]);
    expect(facility.classes[0]!.schedule.leftAssets).to.deep.equal([675_000n, 450_000n, 225_000n, 0n]);
  });

  describe("payment date", () => {
    it("M10: pays every step in order", () => {
      const facility = performing();
      expect(paidBy(facility, 400_000n)).to.deep.equal({
        ...{ Fee0: 2_000n, Interest0: 10_000n, Interest1: 8_000n, Reserve0: 50_000n },
        ...{ Principal0: 250_000n, Principal1: 0n, Trap0: 0n, Turbo0: 0n, FeeExcess0: 3_000n, Residual2: 117_000n },
      });
      expect(facility.classes[0]!.outstandingAssets).to.equal(750_000n);
      expect(facility.reserveAssets).to.equal(50_000n);
      expect(facility.collectionsAssets).to.equal(0n);
    });

    // Service of the first date: 10,000 + 8,000 + 250,000; fees take 2,000 of what counts.
    for (const [rent, state] of [
      [363_800n, "Performing"],
      [363_799n, "CashTrap"],
      [337_000n, "CashTrap"],
      [336_999n, "EarlyAmortisation"],
    ] as const) {
      it(`M12: of ${rent} rent ends in ${state}`, () => {
        const facility = performing();
        collect(facility, rent);
        distribute(facility);
        expect(facility.state).to.equal(state);
      });
    }

    it("M11 M12: traps all excess, and lets it go once cured", () => {
      const facility = performing();
      expect(paidBy(facility, 363_799n)).to.include({ Trap0: 83_799n, FeeExcess0: 0n, Residual2: 0n });
      expect(facility.trappedAssets).to.equal(83_799n);
      expect(paidBy(facility, 400_000n)).to.include({ Trap0: 0n, FeeExcess0: 5_637n, Residual2: 210_662n });
      expect(facility.state).to.equal("Performing");
    });

    it("pays all principal in early amortisation, with the reserve", () => {
      const facility = performing();
      expect(paidBy(facility, 300_000n)).to.include({ Principal0: 320_000n, Principal1: 0n, Residual2: 0n });
      expect(facility.state).to.equal("EarlyAmortisation");
      expect(facility.reserveAssets).to.equal(0n);
    });

    it("M10: marks the first date that interest was missed at, until it is made up", () => {
      const facility = performing({ initialReserveAssets: 0n }, 0n);
      paidBy(facility, 12_000n);
      const [a, b] = facility.classes as [Facility["classes"][0], Facility["classes"][0]];
      expect([a.missedAt, b.missedAt, b.interestDueAssets]).to.deep.equal([0n, at("2027-01-31"), 7_120n]);
      paidBy(facility, 0n);
      expect([a.missedAt, b.missedAt]).to.deep.equal([at("2027-02-28"), at("2027-01-31")]);
      paidBy(facility, 100_000n);
      expect([a.missedAt, b.missedAt]).to.deep.equal([0n, 0n]);
    });

    it("sweeps to the turbo from the anticipated repayment date on", () => {
      const facility = performing({ anticipatedRepaymentAt: at("2027-01-31") });
      expect(paidBy(facility, 400_000n)).to.include({ Principal0: 250_000n, Turbo0: 120_000n, Residual2: 0n });
    });

    it("charges the margin that was shown, else the table's last", () => {
      const ratchet = [
        { maxPueE4: 12_000n, marginBps: 0n },
        { maxPueE4: 15_000n, marginBps: 120n },
      ];
      const facility = performing({ ratchet });
      expect(triggers.showPue(facility, DRAWN_AT, 12_000n)).to.equal(false);
      paidBy(facility, 400_000n);
      const shown = cloneFacility(facility);
      expect(triggers.showPue(shown, at("2027-02-28"), 12_000n)).to.equal(false);
      expect(triggers.showPue(shown, at("2027-02-27"), 12_000n)).to.equal(true);
      expect(triggers.showPue(shown, at("2027-02-27"), 12_000n)).to.equal(false);
      expect(paidBy(shown, 400_000n)).to.include({ Interest0: 7_500n });
      expect(paidBy(facility, 400_000n)).to.include({ Interest0: 8_250n });
    });
  });

  describe("triggers", () => {
    it("M13: a covenant's breach traps, cures, and amortises when it stays open", () => {
      const facility = performing();
      // 1,400,000 and ten days' interest of 3,333 and 2,666 against 80 %.
      expect(triggers.declareLtv(facility, DRAWN_AT, 1_757_499n)).to.equal(false);
      expect(triggers.declareLtv(facility, DRAWN_AT, 1_757_498n)).to.equal(true);
      expect(facility.state).to.equal("CashTrap");
      expect(triggers.cureLtv(facility, DRAWN_AT, 1_757_498n)).to.equal(false);
      expect(triggers.declareCoverage(facility, DRAWN_AT, "7", DRAWN_AT - 15n * 86_400n, 8_999n)).to.equal(false);
      expect(triggers.declareCoverage(facility, DRAWN_AT, "7", DRAWN_AT - 14n * 86_400n, 8_999n)).to.equal(true);
      expect(triggers.cureCoverage(facility, "7", DRAWN_AT - 14n * 86_400n, 9_000n)).to.equal(false);
      expect(triggers.cureLtv(facility, DRAWN_AT, 1_757_499n)).to.equal(true);
      expect(facility.state).to.equal("CashTrap");
      expect(triggers.declareAmortisation(facility, DRAWN_AT + 99n, "Coverage", "7")).to.equal(false);
      expect(triggers.declareAmortisation(facility, DRAWN_AT + 100n, "Coverage", "7")).to.equal(true);
      expect(facility.state).to.equal("EarlyAmortisation");
    });

    it("M13: interest missed too long by the most senior class is a default", () => {
      const facility = performing({ initialReserveAssets: 0n }, 0n);
      paidBy(facility, 0n);
      const lateAt = at("2027-01-31") + 101n;
      expect(triggers.declareInterestDefault(facility, lateAt, 1)).to.equal(false);
      expect(triggers.declareInterestDefault(facility, lateAt - 1n, 0)).to.equal(false);
      expect(triggers.declareInterestDefault(facility, lateAt, 0)).to.equal(true);
      expect(facility.state).to.equal("Enforcement");
    });

    it("M13: so is principal after the term", () => {
      const classes = dealTerms().classes.map((terms) => ({ ...terms, termMonthCount: 1, scheduledWad: [0n] }));
      const facility = performing({ classes });
      paidBy(facility, 400_000n);
      expect(triggers.declareMaturityDefault(facility, at("2027-01-31") + 100n, 0)).to.equal(false);
      expect(triggers.declareMaturityDefault(facility, at("2027-01-31") + 101n, 0)).to.equal(true);
    });
  });

  describe("end", () => {
    it("M14: a lot's price falls to its floor, and starts there again", () => {
      const facility = performing();
      facility.state = "Enforcement";
      expect(startAuction(facility, DRAWN_AT, "7")).to.equal(true);
      const prices = [0n, 1n, 500n, 1_000n, 2_000n].map((sec) => auctionPrice(facility, DRAWN_AT + sec, "7"));
      expect(prices).to.deep.equal([1_800_000n, 1_799_100n, 1_350_000n, 900_000n, 900_000n]);
      expect(startAuction(facility, DRAWN_AT + 999n, "7")).to.equal(false);
      expect(startAuction(facility, DRAWN_AT + 1_000n, "7")).to.equal(true);
      expect(buyLot(facility, DRAWN_AT + 1_500n, "7")).to.equal(675_000n);
      expect(facility.collectionsAssets).to.equal(675_000n);
      // A is paid 715,000 − 1,000… of fee and interest to the day; the rest, and all of B, is lost.
      expect(close(facility, at("2027-01-30"), 0n, 1n)).to.equal(false);
      expect(close(facility, at("2027-01-30"), 0n, 0n)).to.equal(true);
      expect(facility.classes.map((book) => book.lossAssets)).to.deep.equal([295_000n, 400_000n, 500_000n]);
    });

    it("M15: a redemption pays the premium, interest due and accrued, and leaves the rest", () => {
      const facility = performing();
      paidBy(facility, 400_000n);
      const nowAt = at("2027-02-15");
      // A 750,000 + 1 % + 3,750; B 400,000 + 1 % + 4,000.
      expect(redemptionPrice(facility, nowAt, 0n)).to.equal(1_169_250n);
      expect(redemptionPrice(facility, nowAt, 1_200_000n)).to.equal(1_200_000n);
      redeem(facility, nowAt, 1_200_000n);
      expect(facility.classes.map((book) => book.outstandingAssets)).to.deep.equal([0n, 0n, 500_000n]);
      expect(facility.collectionsAssets).to.equal(30_750n);
      expect(paidBy(facility, 0n)).to.include({ Reserve0: 0n, Residual2: 30_750n + 50_000n - 1_000n });
      expect(facility.classes[2]!.outstandingAssets).to.equal(420_250n);
    });
  });

  it("has no principal in service but what a schedule asks, and not the balloon", () => {
    const level = { ...SENIOR, principalKind: "LevelPay" as const, balloonAssets: 400_000n, termMonthCount: 2 };
    const facility = performing({ classes: [level, ...dealTerms().classes.slice(1)] });
    // Two level payments of 308,509… take 1,000,000 to 400,000: 298,508 first.
    const [first, second] = [0, 1].map(() => {
      collect(facility, 900_000n);
      return distribute(facility);
    });
    expect(first!.serviceAssets).to.equal(10_000n + 8_000n + 298_508n);
    expect(second!.serviceAssets).to.equal(7_014n + 8_000n + 301_492n);
    expect(facility.classes[0]!.outstandingAssets).to.equal(0n);
  });
});
