import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { Refusal } from "../../server/protocol/refusal.ts";
import {
  epochEndAt,
  epochOf,
  epochStartAt,
  floorCarry,
  floorWh,
  formatAssets,
  parseAssets,
  parseScaled,
  parseU64,
  u32,
  u64,
} from "../../server/protocol/units.ts";

type Remainder = Record<"energyMJ" | "carriedMJ" | "energyWh" | "leftMJ", string>;
const remainders = JSON.parse(
  readFileSync(new URL("../vectors/remainder.json", import.meta.url), "utf8"),
) as Remainder[];

describe("protocol units", () => {
  describe("epochs", () => {
    it("start and end on the UTC hour, both sides of it", () => {
      expect(epochOf(0n)).to.equal(0n);
      expect(epochOf(3599n)).to.equal(0n);
      expect(epochOf(3600n)).to.equal(1n);
      expect([epochStartAt(490_000n), epochEndAt(490_000n)]).to.deep.equal([1_764_000_000n, 1_764_003_600n]);
    });
    it("refuse a time before 1970", () => {
      expect(() => epochOf(-1n)).to.throw(Refusal, "Time_BeforeEpochZero: timeAt -1");
    });
  });

  describe("S21: numbers from text", () => {
    for (const text of ["", " 1", "1 ", "+1", "-0", "-1", "01", "1.0", "1e3", "0x1", "NaN", "Infinity", "1_0", "１"]) {
      it(`refuse ${JSON.stringify(text)} as a 64-bit integer`, () => {
        expect(() => parseU64(text, "x")).to.throw(Refusal, "Number_NotDecimal");
      });
    }
    it("take the largest 64-bit integer and refuse the next", () => {
      expect(parseU64("18446744073709551615", "x")).to.equal(2n ** 64n - 1n);
      expect(() => parseU64("18446744073709551616", "x")).to.throw(Refusal, "Number_NotU64");
    });
    it("refuse what does not fit its lane", () => {
      expect(u32(2n ** 32n - 1n, "x")).to.equal(2n ** 32n - 1n);
      expect(() => u32(2n ** 32n, "x")).to.throw(Refusal, "Number_NotU32: name x, value 4294967296");
      expect(() => u32(-1n, "x")).to.throw(Refusal, "Number_NotU32");
      expect(() => u64(-1n, "x")).to.throw(Refusal, "Number_NotU64");
    });
  });

  describe("assets", () => {
    it("read and print the same", () => {
      fc.assert(
        fc.property(fc.bigInt(0n, 10n ** 40n), fc.integer({ min: 0, max: 18 }), (assets, decimals) => {
          expect(parseAssets(formatAssets(assets, decimals), decimals)).to.equal(assets);
        }),
      );
    });
    it("keep a token's decimals", () => {
      expect(parseAssets("1.5", 6)).to.equal(1_500_000n);
      expect(parseAssets("0.000001", 6)).to.equal(1n);
      expect(formatAssets(1_500_000n, 6)).to.equal("1.5");
      expect(formatAssets(1n, 6)).to.equal("0.000001");
      expect(formatAssets(7n, 0)).to.equal("7");
    });
    it("refuse more decimals than the token has", () => {
      expect(() => parseAssets("0.0000001", 6)).to.throw(Refusal, "Assets_TooFine");
      expect(() => parseAssets("1.0", 0)).to.throw(Refusal, "Assets_TooFine");
    });
    for (const text of ["", ".", ".5", "1.", "-1", "+1", "1e6", "NaN", "Infinity", "01", "1,5", " 1", "1.5\n"]) {
      it(`refuse ${JSON.stringify(text)}`, () => {
        expect(() => parseAssets(text, 6)).to.throw(Refusal, "Assets_NotDecimal");
      });
    }
    it("refuse to print a negative", () => {
      expect(() => formatAssets(-1n, 6)).to.throw(Refusal, "Number_Negative");
    });
  });

  describe("scaled decimals", () => {
    it("are exact where a float is not", () => {
      expect(parseScaled("9007199254740993", 0)).to.equal(9007199254740993n);
      expect(parseScaled("0.1234567", 6)).to.equal(123456n);
      expect(parseScaled("1.5e-3", 6)).to.equal(1500n);
      expect(parseScaled("-2.5E1", 1)).to.equal(-250n);
    });
    it("are null for what is no finite decimal", () => {
      for (const text of ["", ".", "NaN", "+Inf", "1e", "1e9999", "0x1", "1".repeat(41)]) {
        expect(parseScaled(text, 3), text).to.equal(null);
      }
    });
  });

  describe("energy remainders", () => {
    it("give the shared vectors", () => {
      for (const { energyMJ, carriedMJ, energyWh, leftMJ } of remainders) {
        const floored = floorWh(BigInt(energyMJ), BigInt(carriedMJ));
        expect(floored).to.deep.equal({ quotient: BigInt(energyWh), remainder: BigInt(leftMJ) });
      }
    });
    it("lose no millijoule, however the energy is split", () => {
      fc.assert(
        fc.property(fc.array(fc.bigInt(0n, 10n ** 13n)), (parts) => {
          let carried = 0n;
          let wh = 0n;
          for (const part of parts) {
            const floored = floorWh(part, carried);
            carried = floored.remainder;
            wh += floored.quotient;
          }
          const total = parts.reduce((sum, part) => sum + part, 0n);
          expect(wh * 3_600_000n + carried).to.equal(total);
          expect(carried < 3_600_000n).to.equal(true);
        }),
      );
    });
    it("refuse negative amounts", () => {
      expect(() => floorCarry(-1n, 0n, 10n)).to.throw(Refusal, "Number_Negative");
      expect(() => floorCarry(0n, -1n, 10n)).to.throw(Refusal, "Number_Negative");
    });
  });
});
