import { readFileSync } from "node:fs";
import { expect } from "chai";
import { network } from "hardhat";

type Vectors = {
  dates: { at: number; year: number; month: number; day: number }[];
  addMonths: { anchorAt: number; datesAt: number[] }[];
  thirty360: { from: string; to: string; days: number }[];
};
const vectors = JSON.parse(readFileSync("test/vectors/calendar.json", "utf8")) as Vectors;
const DAY = 86_400;
const at = (iso: string) => Date.parse(`${iso}T00:00:00Z`) / 1000;
const iso = (seconds: bigint) => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);

describe("calendar", () => {
  async function deploy() {
    const { ethers } = await network.create();
    return ethers.deployContract("MockMath");
  }
  let math: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    math = await deploy();
  });

  describe("dateOf and timeOf", () => {
    it("agree with the vectors, both ways, at the first and the last second of the day", async () => {
      for (const { at, year, month, day } of vectors.dates) {
        for (const second of [at, at + DAY - 1]) {
          expect(await math.date(second)).to.deep.equal([BigInt(year), BigInt(month), BigInt(day)]);
        }
        expect(await math.time({ year, month, day })).to.equal(at);
      }
    });

    it("agree with JavaScript's calendar on both sides of every month's end from 2023 to 2033", async () => {
      for (let n = 0; n < 120; n++) {
        const firstAt = Date.UTC(2023, n, 1) / 1000;
        for (const second of [firstAt - 1, firstAt]) {
          const day = new Date(second * 1000);
          const expected = [day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate()].map(BigInt);
          expect(await math.date(second)).to.deep.equal(expected);
        }
      }
    });
  });

  describe("daysInMonth", () => {
    it("gives February 29 days in leap years only, centuries included", async () => {
      for (const [year, days] of [
        [2023, 28],
        [2024, 29],
        [2100, 28],
        [2000, 29],
        [2400, 29],
      ] as const) {
        expect(await math.monthDays(year, 2)).to.equal(days);
      }
      const common = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
      for (const [i, days] of common.entries()) expect(await math.monthDays(2025, i + 1)).to.equal(days);
    });
  });

  describe("addMonths", () => {
    it("M09: agrees with the vectors on anchors of the 29th, 30th, 31st and a leap day", async () => {
      for (const { anchorAt, datesAt } of vectors.addMonths) {
        expect(await math.plusMonthsList(anchorAt, datesAt.length)).to.deep.equal(datesAt.map(BigInt));
      }
    });

    it("M09: counts from the anchor, so 31 January gives 29 February and then 31 March", async () => {
      const dates = await math.plusMonthsList(at("2024-01-31"), 4);
      expect(dates.map(iso)).to.deep.equal(["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]);
    });

    it("keeps the anchor's time of day", async () => {
      expect(await math.plusMonths(at("2024-01-31") + 3661, 1)).to.equal(at("2024-02-29") + 3661);
    });
  });

  describe("days30360", () => {
    it("agrees with the vectors of the bond basis", async () => {
      for (const { from, to, days } of vectors.thirty360) {
        expect(await math.thirty360(at(from), at(to)), `${from} to ${to}`).to.equal(days);
      }
    });
  });
});
