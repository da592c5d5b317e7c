import { expect } from "chai";
import { network } from "hardhat";
import { addMonths, days30360, periodDays30360, periodInterestAssets } from "../../server/protocol/calendar.ts";

const DAY = 86_400n;
const iso = (seconds: bigint) => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);
const at = (text: string) => BigInt(Date.parse(`${text}T00:00:00Z`) / 1000);
const midnight = (year: number, month: number, day: number) => BigInt(Date.UTC(year, month - 1, day) / 1000);
const lastDay = (year: number, month: number) => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** Every month from 2000 to 2101, and those around the centuries: 2100 has no leap day, 2400 has one. */
const MONTHS: [number, number][] = [
  ...Array.from({ length: 102 }, (_, i) => 2000 + i),
  ...[1970, 1999, 2199, 2200, 2300, 2399, 2400, 2401, 3000],
].flatMap((year) => Array.from({ length: 12 }, (_, i): [number, number] => [year, i + 1]));

/** The `count`-th monthly date of an anchor by JavaScript's Date alone. */
function oracleDate(anchor: { year: number; month: number; day: number }, count: number): bigint {
  const first = new Date(Date.UTC(anchor.year, anchor.month - 1 + count, 1));
  const [year, month] = [first.getUTCFullYear(), first.getUTCMonth() + 1];
  return midnight(year, month, Math.min(anchor.day, lastDay(year, month)));
}

/** The bond basis counted day by day, from the text of the dates: no formula shared with what is tested. */
function oracleDays(fromAt: bigint, toAt: bigint): number {
  const [y1, m1, d1] = iso(fromAt).split("-").map(Number) as [number, number, number];
  const [y2, m2, d2] = iso(toAt).split("-").map(Number) as [number, number, number];
  const first = d1 === 31 ? 30 : d1;
  const last = d2 === 31 && first === 30 ? 30 : d2;
  return (y2 * 12 + m2 - (y1 * 12 + m1)) * 30 + (last - first);
}

describe("calendar of the periods", () => {
  async function deploy() {
    const { ethers } = await network.create();
    return ethers.deployContract("MockMath");
  }
  let math: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    math = await deploy();
  });

  describe("dates", () => {
    it("M09: both sides of every month's end are JavaScript's, 2000 to 2101 and around the centuries", async () => {
      for (const [year, month] of MONTHS) {
        const last = lastDay(year, month);
        expect(await math.monthDays(year, month), `${year}-${month}`).to.equal(last);
        const lastAt = midnight(year, month, last);
        const expected = [year, month, last].map(BigInt);
        expect(await math.date(lastAt + DAY - 1n)).to.deep.equal(expected);
        expect(await math.time({ year, month, day: last })).to.equal(lastAt);
        const next = new Date(Number(lastAt + DAY) * 1000);
        expect(await math.date(lastAt + DAY)).to.deep.equal(
          [next.getUTCFullYear(), next.getUTCMonth() + 1, 1].map(BigInt),
        );
      }
    });

    it("M09: a century of dates on each anchor from the 28th to the 31st, leap days too, in both languages", async () => {
      const anchors = [28, 29, 30, 31].map((day) => ({ year: 2000, month: 1, day }));
      anchors.push(
        { year: 2000, month: 2, day: 29 },
        { year: 2096, month: 2, day: 29 },
        { year: 2399, month: 12, day: 31 },
      );
      for (const anchor of anchors) {
        const anchorAt = midnight(anchor.year, anchor.month, anchor.day);
        const expected = Array.from({ length: 1212 }, (_, n) => oracleDate(anchor, n));
        expect(await math.plusMonthsList(anchorAt, 1212)).to.deep.equal(expected);
        expect(expected.map((_, n) => addMonths(anchorAt, n))).to.deep.equal(expected);
      }
    });
  });

  describe("days of a period, 30/360", () => {
    const cases: [string, string, string, string, number][] = [
      ["January of the 31st to a February of 28", "2026-01-31", "2026-02-28", "2026-02-28", 30],
      ["that February to March", "2026-02-28", "2026-03-31", "2026-03-31", 30],
      ["that February to the 30th of March: 32 by the bond basis", "2026-02-28", "2026-03-31", "2026-03-30", 30],
      ["a leap February", "2028-02-29", "2028-03-31", "2028-03-31", 30],
      ["a day before February's end", "2026-01-31", "2026-02-28", "2026-02-27", 27],
      ["the 31st in the middle of a period", "2026-01-15", "2026-02-15", "2026-01-31", 16],
      ["the day after it", "2026-01-15", "2026-02-15", "2026-02-01", 16],
      ["the start", "2026-01-15", "2026-02-15", "2026-01-15", 0],
      ["a day past the end, the date run late", "2026-01-15", "2026-02-15", "2026-02-16", 31],
    ];
    for (const [name, from, next, to, days] of cases) {
      it(`M09: ${name}: ${days}`, async () => {
        expect(await math.periodThirty360(at(from), at(next), at(to))).to.equal(days);
        expect(periodDays30360(at(from), at(next), at(to))).to.equal(BigInt(days));
      });
    }

    it("M09: the second before the next date has at most 30 days, the date itself 30", async () => {
      const [from, next] = [at("2026-02-28"), at("2026-03-28")];
      expect(await math.periodThirty360(from, next, next - 1n)).to.equal(29);
      expect(await math.periodThirty360(from, next, next)).to.equal(30);
    });

    it("M09: any day of any period of a century: the bond basis, at most 30; in both languages", async () => {
      for (const day of [1, 15, 29, 30, 31]) {
        const dates = Array.from({ length: 1213 }, (_, n) => oracleDate({ year: 2000, month: 1, day }, n));
        for (const [n, fromAt] of dates.slice(0, -1).entries()) {
          const nextAt = dates[n + 1]!;
          let before = 0;
          for (let toAt = fromAt; toAt < nextAt; toAt += DAY) {
            const expected = Math.min(30, oracleDays(fromAt, toAt));
            expect(periodDays30360(fromAt, nextAt, toAt), `${iso(fromAt)} to ${iso(toAt)}`).to.equal(BigInt(expected));
            expect(expected).to.be.at.least(before);
            before = expected;
          }
          expect(periodDays30360(fromAt, nextAt, nextAt), iso(fromAt)).to.equal(30n);
          // The contract, on one day of each period: another one every month, the last one included.
          const toAt = fromAt + ((BigInt(n) * 7n) % ((nextAt - fromAt) / DAY + 1n)) * DAY;
          expect(await math.periodThirty360(fromAt, nextAt, toAt)).to.equal(periodDays30360(fromAt, nextAt, toAt));
        }
      }
    });

    it("M09: the stub from the start of funding is the bond basis, from each month's end and each leap day", async () => {
      for (const [year, month] of MONTHS) {
        const fromAt = midnight(year, month, lastDay(year, month));
        for (const later of [0n, 1n, 28n, 29n, 30n, 31n, 59n, 61n, 365n, 366n]) {
          const toAt = fromAt + later * DAY;
          expect(days30360(fromAt, toAt), `${iso(fromAt)} to ${iso(toAt)}`).to.equal(BigInt(oracleDays(fromAt, toAt)));
        }
        const toAt = fromAt + BigInt((year * month) % 120) * DAY;
        expect(await math.thirty360(fromAt, toAt), `${iso(fromAt)} to ${iso(toAt)}`).to.equal(oracleDays(fromAt, toAt));
      }
    });
  });

  describe("interest of the periods", () => {
    const PRINCIPAL = 360_000_000n * 1_000_000n;
    const COUPON = 875n; // bps

    async function both(dayCount: 0 | 1, fromAt: bigint, nextAt: bigint, toAt: bigint): Promise<bigint> {
      const kind = dayCount === 0 ? ("Thirty360" as const) : ("Actual360" as const);
      const assets = await math.periodInterest(PRINCIPAL, COUPON, dayCount, fromAt, nextAt, toAt);
      expect(assets).to.equal(periodInterestAssets(PRINCIPAL, COUPON, kind, fromAt, nextAt, toAt));
      return assets;
    }

    it("M09: twelve periods are a year of coupon by 30/360, and the year's days by actual/360", async () => {
      for (const year of [2023, 2024, 2027, 2028, 2099, 2100, 2399, 2400]) {
        for (const day of [1, 15, 28, 29, 30, 31]) {
          const dates = Array.from({ length: 13 }, (_, n) => oracleDate({ year, month: 1, day }, n));
          let [thirty, actual] = [0n, 0n];
          for (const [n, fromAt] of dates.slice(0, -1).entries()) {
            thirty += await both(0, fromAt, dates[n + 1]!, dates[n + 1]!);
            actual += await both(1, fromAt, dates[n + 1]!, dates[n + 1]!);
          }
          expect(thirty, `${year}, day ${day}`).to.equal((PRINCIPAL * COUPON) / 10_000n);
          const dayCount = (dates[12]! - dates[0]!) / DAY;
          expect(actual, `${year}, day ${day}`).to.equal((PRINCIPAL * COUPON * dayCount) / (10_000n * 360n));
        }
      }
    });

    it("M09: never falls from one second to a later one, across the date", async () => {
      const [fromAt, nextAt] = [at("2027-02-28"), at("2027-03-31")];
      for (const dayCount of [0, 1] as const) {
        let before = 0n;
        for (let toAt = fromAt; toAt < nextAt + 40n * DAY; toAt += DAY / 3n) {
          const assets = await both(dayCount, fromAt, nextAt, toAt);
          expect(assets >= before, `${dayCount} at ${toAt}`).to.equal(true);
          before = assets;
        }
      }
    });
  });

  describe("tabledAssets", () => {
    it("M03: a table's part of a principal, rounded down", async () => {
      expect(await math.tabled(1_000_001n, 5n * 10n ** 17n)).to.equal(500_000n);
      expect(await math.tabled(3n, 333_333_333_333_333_333n)).to.equal(0n);
      expect(await math.tabled(2n ** 127n, 10n ** 18n)).to.equal(2n ** 127n);
    });
  });
});
