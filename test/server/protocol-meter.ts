import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  COUNTERS,
  addMeter,
  emptyMeter,
  packMeter,
  ratiosOf,
  subtractMeter,
  unpackMeter,
  type LotMeter,
  type Meter,
} from "../../server/protocol/meter.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

type Texts = Record<string, string>;
type Vector = { name: string; meter: Texts; words: Omit<LotMeter, "lotId" | "tdpW">; ratios: Texts };
const vectors = JSON.parse(readFileSync(new URL("../vectors/meterwords.json", import.meta.url), "utf8")) as Vector[];

const numbers = (texts: Texts) => Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, BigInt(text)]));
const lane = (bits: bigint) => fc.bigInt(0n, (1n << bits) - 1n);
const anyMeter = fc.record(
  Object.fromEntries([
    ["gpuCount", lane(32n)],
    ["reportingCount", lane(32n)],
    ...COUNTERS.map((counter) => [counter, lane(64n)] as const),
  ]),
) as unknown as fc.Arbitrary<Meter>;

describe("protocol meter", () => {
  describe("given the shared vectors", () => {
    for (const { name, meter, words, ratios } of vectors) {
      it(`${name}: has those words and ratios`, () => {
        const counters = numbers(meter) as unknown as Meter;
        expect(packMeter(7n, 700n, counters)).to.deep.equal({ lotId: 7n, tdpW: 700n, ...words });
        expect(unpackMeter(words)).to.deep.equal(counters);
        expect(ratiosOf(counters)).to.deep.equal(numbers(ratios));
      });
    }
  });

  it("packs and unpacks to the same", () => {
    fc.assert(
      fc.property(anyMeter, (meter) => {
        expect(unpackMeter(packMeter(1n, 1n, meter))).to.deep.equal(meter);
      }),
    );
  });
  it("adds and subtracts to the same, the counts being the later ones", () => {
    const small = anyMeter.map((meter) => {
      const halves = COUNTERS.map((counter) => [counter, meter[counter] >> 1n]);
      return { ...meter, ...(Object.fromEntries(halves) as Partial<Meter>) };
    });
    fc.assert(
      fc.property(small, small, (before, growth) => {
        expect(subtractMeter(addMeter(before, growth), before)).to.deep.equal(growth);
      }),
    );
  });
  it("starts at zero", () => {
    expect(unpackMeter(packMeter(1n, 1n, emptyMeter(8n)))).to.deep.equal(emptyMeter(8n));
    expect(emptyMeter(8n).gpuCount).to.equal(8n);
  });
  it("E03: refuses a counter that fell, each of them", () => {
    for (const counter of COUNTERS) {
      const earlier = { ...emptyMeter(1n), [counter]: 2n };
      const later = { ...emptyMeter(1n), [counter]: 1n };
      expect(() => subtractMeter(later, earlier)).to.throw(
        Refusal,
        `Meter_CounterFell: counter ${counter}, before 2, after 1`,
      );
    }
  });
  it("refuses what does not fit its lane", () => {
    expect(() => packMeter(1n, 1n, { ...emptyMeter(1n), gpuCount: 1n << 32n })).to.throw(Refusal, "Number_NotU32");
    expect(() => packMeter(1n, 1n, { ...emptyMeter(1n), workUnits: 1n << 64n })).to.throw(Refusal, "Number_NotU64");
    expect(() => packMeter(1n << 64n, 1n, emptyMeter(1n))).to.throw(Refusal, "Number_NotU64");
    expect(() => packMeter(1n, 1n << 32n, emptyMeter(1n))).to.throw(Refusal, "Number_NotU32");
    const full = { ...emptyMeter(1n), waterMl: (1n << 64n) - 1n };
    expect(() => addMeter(full, { ...emptyMeter(1n), waterMl: 1n })).to.throw(Refusal, "Number_NotU64: name waterMl");
  });
});
