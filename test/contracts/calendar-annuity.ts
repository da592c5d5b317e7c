import { readFileSync } from "node:fs";
import { expect } from "chai";
import { network } from "hardhat";

type Row = {
  name: string;
  decimals: number;
  principal: string;
  couponBps: number;
  periods: number;
  balloon: string;
  payment: string;
  toTheCent: string;
};
const rows = (JSON.parse(readFileSync("test/vectors/levelpay.json", "utf8")) as { levelPayments: Row[] }).levelPayments;
const RAY = 10n ** 27n;
const monthlyRay = (couponBps: number) => (BigInt(couponBps) * RAY) / 120_000n;
const at = (iso: string) => Date.parse(`${iso}T00:00:00Z`) / 1000;

function cents(assets: bigint, decimals: number): string {
  const rounded = (assets * 100n + 10n ** BigInt(decimals) / 2n) / 10n ** BigInt(decimals);
  return `${rounded / 100n}.${(rounded % 100n).toString().padStart(2, "0")}`;
}

describe("annuity", () => {
  async function deploy() {
    const { ethers } = await network.create();
    return ethers.deployContract("MockMath");
  }
  let math: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    math = await deploy();
  });

  describe("levelPaymentAssets", () => {
    for (const row of rows) {
      it(`gives ${row.toTheCent}: ${row.name}`, async () => {
        const rateRay = monthlyRay(row.couponBps);
        const payment = await math.levelPayment(row.principal, rateRay, row.periods, row.balloon);
        expect(cents(payment, row.decimals)).to.equal(row.toTheCent);
        // 27 decimals of rate: exact to a unit with 6 decimals, to a billionth of a cent with 18.
        if (row.decimals === 6) expect(payment).to.equal(BigInt(row.payment));
        else expect(payment).to.be.closeTo(BigInt(row.payment), 10n ** 7n);
      });
    }

    it("refuses no periods and a balloon above the principal", async () => {
      await expect(math.levelPayment(5, RAY / 100n, 0, 0))
        .to.be.revertedWithCustomError(math, "Annuity_NoPeriods")
        .withArgs(5);
      await expect(math.levelPayment(5, RAY / 100n, 1, 6))
        .to.be.revertedWithCustomError(math, "Annuity_BalloonTooLarge")
        .withArgs(6, 5);
    });
  });

  describe("amortizedAssets", () => {
    it("reaches the balloon, within a unit a period, after the last level payment", async () => {
      for (const row of rows.filter(({ periods }) => periods <= 60)) {
        let scheduled = BigInt(row.principal);
        for (let n = 0; n < row.periods; n++) scheduled = await math.amortized(scheduled, row.couponBps, row.payment);
        const balloon = BigInt(row.balloon);
        expect(scheduled).to.be.at.most(balloon);
        expect(balloon - scheduled).to.be.at.most(BigInt(row.periods) * 4n + (balloon === 0n ? 0n : 4n));
      }
    });
  });

  describe("interestAssets", () => {
    it("30/360: a twelfth of the coupon for each month, whatever its length", async () => {
      for (const [from, to] of [
        ["2024-01-31", "2024-03-31"],
        ["2024-02-15", "2024-04-15"],
      ] as const) {
        expect(await math.interest(1_200_000_000n, 1000, 0, at(from), at(to))).to.equal(20_000_000n);
      }
    });

    it("actual/360: the days that passed, and a part of a day to the second", async () => {
      const from = at("2024-02-01");
      expect(await math.interest(360_000_000n, 1000, 1, from, at("2024-03-01"))).to.equal(2_900_000n);
      expect(await math.interest(360_000_000n, 1000, 1, from, from + 43_200)).to.equal(50_000n);
    });

    it("M03: rounds down", async () => {
      expect(await math.interest(35n, 1000, 0, at("2024-01-01"), at("2025-01-01"))).to.equal(3n);
      expect(await math.interest(39n, 1000, 1, at("2024-01-01"), at("2024-12-26"))).to.equal(3n);
    });
  });
});
