import { expect } from "chai";
import { readFileSync } from "node:fs";
import { addMonths, days30360, interestAssets } from "../../server/protocol/calendar.ts";

const vectors = JSON.parse(readFileSync("test/vectors/calendar.json", "utf8")) as {
  addMonths: { anchorAt: number; datesAt: number[] }[];
  thirty360: { from: string; to: string; days: number }[];
};
const at = (iso: string) => BigInt(Date.parse(`${iso}T00:00:00Z`) / 1000);

describe("calendar of the protocol", () => {
  it("M09: adds months as the vectors do, at the anchor's time of day", () => {
    for (const { anchorAt, datesAt } of vectors.addMonths) {
      datesAt.forEach((dateAt, index) => {
        expect(addMonths(BigInt(anchorAt), index), `${anchorAt} + ${index}`).to.equal(BigInt(dateAt));
      });
    }
  });

  it("M09: counts days by 30/360 as the vectors do", () => {
    for (const { from, to, days } of vectors.thirty360) {
      expect(days30360(at(from), at(to)), `${from} to ${to}`).to.equal(BigInt(days));
    }
  });

  it("accrues simple interest, rounded down", () => {
    const [from, to] = [at("2026-01-31"), at("2026-03-01")];
    expect(interestAssets(36_000_001n, 1_000n, "Thirty360", from, to)).to.equal(310_000n);
    expect(interestAssets(36_000_001n, 1_000n, "Actual360", from, to)).to.equal(290_000n);
    expect(interestAssets(36_000_000n, 1_000n, "Actual360", from, from + 3600n)).to.equal(416n);
  });
});
