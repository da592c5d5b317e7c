import { expect } from "chai";
import { readFileSync } from "node:fs";
import { accruedInterest, periodInterest } from "../../server/model/dates.ts";
import { levelPayment, scheduleOf } from "../../server/model/schedule.ts";
import {
  accrue,
  accrueLoss,
  claim,
  claimableAssets,
  writtenOffAssets,
  mint,
  openShares,
  repaidAssets,
  transfer,
} from "../../server/model/shares.ts";
import { allocate } from "../../server/model/waterfall.ts";
import { at, SENIOR } from "./model-stage.ts";

const read = (name: string): unknown => JSON.parse(readFileSync(`test/vectors/${name}.json`, "utf8"));

describe("model of a deal: parts", () => {
  describe("interest", () => {
    const first = { fromAt: at("2026-12-15"), untilAt: at("2027-01-31"), isFirst: true };
    const second = { fromAt: at("2027-01-31"), untilAt: at("2027-02-28"), isFirst: false };

    it("M09: of a stub goes by the bond basis, of a month by 30 days, by actual/360 by the second", () => {
      expect(periodInterest(360_000n, 1_000n, "Thirty360", first)).to.equal(4_600n);
      expect(periodInterest(360_000n, 1_000n, "Actual360", first)).to.equal(4_700n);
      expect(periodInterest(360_000n, 1_000n, "Thirty360", second)).to.equal(3_000n);
      expect(periodInterest(360_000n, 1_000n, "Actual360", second)).to.equal(2_800n);
    });

    it("M09: accrues by the bond basis to at most a month, and on from a date that is late", () => {
      const accrued = (iso: string) => accruedInterest(360_000n, 1_000n, "Thirty360", second, at(iso));
      expect(accrued("2027-02-15")).to.equal(1_500n);
      expect(accrued("2027-02-27")).to.equal(2_700n);
      expect(accrued("2027-02-28")).to.equal(3_000n);
      expect(accrued("2027-03-02")).to.equal(3_400n);
      const long = { fromAt: at("2027-02-28"), untilAt: at("2027-03-31"), isFirst: false };
      expect(accruedInterest(360_000n, 1_000n, "Thirty360", long, at("2027-03-30"))).to.equal(3_000n);
    });
  });

  describe("schedule", () => {
    const { levelPayments } = read("levelpay") as {
      levelPayments: Record<"name" | "principal" | "balloon" | "payment" | "toTheCent", string>[] &
        { couponBps: number; periods: number; decimals: number }[];
    };

    it("gives the level payments of the deal sheet, to the unit and to the cent", () => {
      const cents: string[] = [];
      for (const vector of levelPayments) {
        const { name, principal, couponBps, periods, balloon, decimals, payment, toTheCent } = vector;
        const level = levelPayment(BigInt(principal), BigInt(couponBps), periods, BigInt(balloon));
        expect(level, name).to.equal(BigInt(payment));
        const cent = 10n ** BigInt(decimals - 2);
        const text = ((level + cent / 2n) / cent).toString().padStart(3, "0");
        expect(`${text.slice(0, -2)}.${text.slice(-2)}`, name).to.equal(toTheCent);
        cents.push(toTheCent);
      }
      expect(cents).to.include.members(["71406328.45", "57536022.13", "6642861.96"]);
    });

    it("of every kind leaves nothing after its last date", () => {
      const left = (principalKind: typeof SENIOR.principalKind, changes: Partial<typeof SENIOR> = {}) =>
        scheduleOf({ ...SENIOR, principalKind, ...changes }, 900_000n).leftAssets;
      expect(left("Scheduled")).to.deep.equal([675_000n, 450_000n, 225_000n, 0n]);
      expect(left("Balloon")).to.deep.equal([900_000n, 900_000n, 900_000n, 0n]);
      expect(left("Sequential")).to.deep.equal([0n, 0n, 0n, 0n]);
      // 1 % a month: the level payment is 230,653; 900,000 + 9,000 − 230,653 = 678,347; …
      expect(left("LevelPay")).to.deep.equal([678_347n, 454_477n, 228_368n, 0n]);
      // Half of what was wanted is drawn: half of the balloon; the last date takes it all the same.
      const half = scheduleOf({ ...SENIOR, principalKind: "LevelPay", balloonAssets: 400_000n }, 500_000n);
      expect(half.balloonAssets).to.equal(200_000n);
      expect(half.leftAssets[3]).to.equal(0n);
      expect(half.leftAssets[2]! > 200_000n).to.equal(true);
    });
  });

  it("M10: cash goes down the list as the vectors of the waterfall say", () => {
    const { allocations } = read("waterfall") as {
      allocations: { name: string; dues: string[]; cash: string; payments: string[] }[];
    };
    for (const { name, dues, cash, payments } of allocations)
      expect(allocate(dues.map(BigInt), BigInt(cash)), name).to.deep.equal(payments.map(BigInt));
  });

  describe("shares", () => {
    it("M03: carry what does not divide, and never pay out more than came in", () => {
      const book = openShares();
      mint(book, "alice", 1n);
      mint(book, "bob", 2n);
      accrue(book, 1n, 0n);
      expect(claimableAssets(book, "alice")).to.equal(0n);
      accrue(book, 1n, 0n);
      accrue(book, 1n, 1n);
      // 3 of interest and 1 of principal over 3 shares: Alice 1 and a third, Bob 2 and two thirds.
      expect(claim(book, "alice")).to.equal(1n);
      expect(claim(book, "bob")).to.equal(2n);
      transfer(book, "bob", "alice", 2n);
      accrue(book, 0n, 2n);
      // A third and 2 more, less what rounds away: not quite 2.34.
      expect(claim(book, "alice")).to.equal(2n);
      expect(claim(book, "bob")).to.equal(0n);
    });

    it("tell each holder what its shares lost and were repaid, whoever held them then", () => {
      const book = openShares();
      mint(book, "alice", 600n);
      mint(book, "bob", 400n);
      accrue(book, 0n, 300n);
      accrueLoss(book, 700n);
      transfer(book, "alice", "bob", 500n);
      expect(["alice", "bob"].map((holder) => writtenOffAssets(book, holder))).to.deep.equal([70n, 630n]);
      expect(["alice", "bob"].map((holder) => repaidAssets(book, holder))).to.deep.equal([30n, 270n]);
      expect(["alice", "bob"].map((holder) => claim(book, holder))).to.deep.equal([180n, 120n]);
    });
  });
});
