import { expect } from "chai";
import {
  amountShort,
  amountText,
  bpsOfWad,
  countText,
  epochText,
  percentText,
  priceText,
  shortHex,
  spanText,
  timeText,
  timesText,
} from "../../web/format.ts";

describe("what the portal shows", () => {
  describe("of an amount", () => {
    it("is exact, grouped and cut, never rounded up", () => {
      expect(amountText("1787040000000", 6, "en")).to.equal("1,787,040.00");
      expect(amountText("1999999", 6, "en")).to.equal("1.99");
      expect(amountText("999", 6, "en")).to.equal("0.00");
      expect(amountText(2n ** 200n, 18, "en", 18)).to.equal(
        "1,606,938,044,258,990,275,541,962,092,341,162,602,522,202.993782792835301376",
      );
    });

    it("keeps a minus, has no point without decimals, and no more places than the token", () => {
      expect(amountText("-1500000", 6, "en")).to.equal("−1.50");
      expect(amountText("42", 0, "en")).to.equal("42");
      expect(amountText("1234", 3, "en", 6)).to.equal("1.234");
    });

    it("is short in its language when it is large", () => {
      expect(amountShort("2859264000000", 6, "en")).to.equal("2.86M");
      expect(amountShort("2859264000000", 6, "ja")).to.equal("285.93万");
      expect(amountShort("-2859264000000", 6, "en")).to.equal("−2.86M");
      expect(amountShort("9999990000", 6, "en")).to.equal("9,999");
      expect(amountShort("99990000", 6, "en")).to.equal("99.99");
    });
  });

  it("of a ratio is a percentage or a multiple", () => {
    expect(percentText(950, "en")).to.equal("9.50%");
    expect(percentText(-25, "en")).to.equal("−0.25%");
    expect(timesText(13_500, "en")).to.equal("1.35×");
    expect(bpsOfWad("999999999999999999")).to.equal(9999);
    expect(priceText("1034567890000000000", "en")).to.equal("1.0345");
  });

  it("of a count has groups, also beyond what a float holds", () => {
    expect(countText("18446744073709551615", "en")).to.equal("18,446,744,073,709,551,615");
  });

  describe("of a time", () => {
    it("is in UTC and says so", () => {
      expect(timeText("1770076800", "en")).to.equal("Feb 3, 2026, 00:00 UTC");
      expect(timeText("1770076800", "en", true)).to.equal("Feb 3, 2026");
      expect(timeText("1770076800", "ja", true)).to.equal("2026年2月3日");
      expect(epochText("491688", "en")).to.equal("Feb 3, 2026, 00:00 UTC");
    });

    it("is a span in its two largest units", () => {
      expect(spanText(90_061, "en")).to.equal("1 day 1 hr");
      expect(spanText(2_592_000, "en")).to.equal("30 days");
      expect(spanText(0, "en")).to.equal("0 sec");
      expect(spanText(3665, "ja")).to.equal("1 時間 1 分");
    });
  });

  it("of an address is its beginning and end", () => {
    expect(shortHex("0x688421E20d51A09806Fe276405F465fE47dA5093")).to.equal("0x6884…5093");
    expect(shortHex("0x1234")).to.equal("0x1234");
  });
});
