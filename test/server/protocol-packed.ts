import { expect } from "chai";
import fc from "fast-check";

import { DROP_REASONS, type Drops } from "../../server/protocol/drops.ts";
import { packReading, packedIdAt, readingOfBody, unpackReading } from "../../server/protocol/packed.ts";
import { readingJson, type Reading } from "../../server/protocol/reading.ts";
import { hexOf } from "../../server/protocol/bytes.ts";
import { refusalOf } from "./agentBench.ts";

const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const u63 = fc.bigInt(0n, 2n ** 50n);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const wide = u32.map(BigInt);
const word = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(hexOf);
const dropsOf = (counts: number[]): Drops =>
  Object.fromEntries(DROP_REASONS.map((reason, place) => [reason, counts[place]])) as Drops;
const readings: fc.Arbitrary<Reading> = fc
  .record({
    nodeId: u63,
    lotId: u63,
    epoch: u63,
    sequenceIndex: u63,
    prevReadingHash: word,
    itEnergy: fc.option(fc.record({ startMJ: u64, endMJ: u64 })),
    drops: fc.array(u32, { minLength: 10, maxLength: 10 }).map(dropsOf),
    devices: fc.array(
      fc.record({
        ...{ deviceIndex: u32, deviceId: word, energyStartMJ: u64, energyEndMJ: u64, availableSec: wide },
        ...{ allocatedSec: wide, smActiveMilliSec: wide, curtailedSec: wide, workUnits: wide },
        ...{ flagsBitmap: fc.integer({ min: 0, max: 15 }), droppedCount: u32 },
      }),
      { minLength: 1, maxLength: 20 },
    ),
  })
  .map((reading) => ({
    ...reading,
    periodStartAt: reading.epoch * 3600n,
    periodEndAt: (reading.epoch + 1n) * 3600n,
  }));

const sample = (): Reading => fc.sample(readings, { numRuns: 1, seed: 5 })[0]!;

describe("packed readings", () => {
  it("S21: come back as they were, to the last digit", () => {
    fc.assert(
      fc.property(readings, (reading) => {
        const bytes = packReading(reading);
        expect(readingJson(unpackReading(bytes))).to.deep.equal(readingJson(reading));
        reading.devices.forEach(({ deviceId }, place) => {
          const at = packedIdAt(place);
          expect(hexOf(bytes.subarray(at, at + 32))).to.equal(deviceId);
        });
      }),
    );
  });

  it("S17: are read beside the JSON text of an earlier program", () => {
    const reading = sample();
    const text = Buffer.from(JSON.stringify(readingJson(reading)));
    expect(readingOfBody(text)).to.deep.equal(reading);
    expect(readingJson(readingOfBody(packReading(reading)))).to.deep.equal(readingJson(reading));
  });

  it("refuse what would not come back, and bytes that are none", async () => {
    const reading = sample();
    const [device] = reading.devices;
    const faulty: [string, () => unknown][] = [
      ["Packed_OtherPeriod", () => packReading({ ...reading, periodEndAt: reading.periodEndAt + 1n })],
      ["Packed_TooWide", () => packReading({ ...reading, devices: [{ ...device!, workUnits: 1n << 32n }] })],
      ["Packed_Malformed", () => unpackReading(packReading(reading).subarray(1))],
      ["Packed_Malformed", () => unpackReading(packReading(reading).slice(0, -1))],
      ["Packed_Malformed", () => unpackReading(new Uint8Array())],
    ];
    for (const [code, work] of faulty) expect((await refusalOf(work)).code).to.equal(code);
  });
});
