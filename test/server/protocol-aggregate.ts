import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  aggregate,
  initialState,
  parseState,
  stateJson,
  stateLine,
  type AggregateState,
  type Aggregation,
  type VerifiedReading,
} from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { deviceLeafHash, leafHex, readingLeafHash, stateLeafHash } from "../../server/protocol/leaf.ts";
import type { Lot, SiteFactors } from "../../server/protocol/lot.ts";
import { unpackMeter } from "../../server/protocol/meter.ts";
import { parseReading, type DeviceHour, type ReadingJson } from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { checkReading } from "../../server/protocol/rules.ts";
import { proofOf, verifyProof } from "../../server/protocol/tree.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";

type Texts = Record<string, string>;
type Vectors = {
  firstEpoch: string;
  lots: { lotId: string; gpuCount: string; tdpW: string; site: Record<keyof SiteFactors, string> }[];
  steps: {
    epoch: string;
    verified: { reading: ReadingJson; readingHash: Hex; signature: Hex }[];
    meters: { lotId: string; tdpW: string; meter: Texts; words: Record<string, Hex> }[];
    readingsRoot: Hex;
    stateLine: string;
    dataHash: Hex;
    devicesRegisteredCount: string;
    devicesReportingCount: string;
  }[];
};
const vectors = JSON.parse(readFileSync(new URL("../vectors/aggregate.json", import.meta.url), "utf8")) as Vectors;

const numbers = <K extends string>(texts: Record<K, string>) =>
  Object.fromEntries(Object.entries<string>(texts).map(([name, text]) => [name, BigInt(text)])) as Record<K, bigint>;
const lots: Lot[] = vectors.lots.map(({ lotId, gpuCount, tdpW, site }) => ({
  ...numbers({ lotId, gpuCount, tdpW }),
  site: numbers(site),
}));
const verifiedOf = (step: Vectors["steps"][0]): VerifiedReading[] =>
  step.verified.map(({ reading, readingHash, signature }) => ({
    reading: parseReading(reading),
    readingHash,
    signature,
  }));
const start = initialState(BigInt(vectors.firstEpoch));

// A lot with one node of one device, for the properties.
const hour = (epoch: bigint, device: Partial<DeviceHour>, itMJ: bigint | null = null): VerifiedReading => ({
  reading: {
    nodeId: 1n,
    lotId: 1n,
    epoch,
    sequenceIndex: epoch,
    prevReadingHash: ZERO_BYTES32,
    periodStartAt: epochStartAt(epoch),
    periodEndAt: epochEndAt(epoch),
    itEnergy: itMJ === null ? null : { startMJ: 0n, endMJ: itMJ },
    drops: noDrops(),
    devices: [
      {
        deviceIndex: 0,
        deviceId: keccakText("device"),
        energyStartMJ: 0n,
        energyEndMJ: 0n,
        availableSec: 3600n,
        allocatedSec: 0n,
        smActiveMilliSec: 0n,
        curtailedSec: 0n,
        workUnits: 0n,
        flagsBitmap: 0,
        droppedCount: 0,
        ...device,
      },
    ],
  },
  readingHash: keccakText("reading"),
  signature: `0x${"11".repeat(64)}`,
});
const site: SiteFactors = {
  overheadE4: 12_345n,
  pueE4: 10_901n,
  cfeBps: 3_333n,
  gCO2ePerKWh: 41n,
  waterMlPerKWh: 333n,
};
const one: Lot = { lotId: 1n, gpuCount: 1n, tdpW: 700n, site };

describe("protocol aggregate", () => {
  describe("given the shared vectors", () => {
    let state = start;
    for (const step of vectors.steps) {
      const before = state;
      const verified = verifiedOf(step);
      const result = aggregate(BigInt(step.epoch), before, lots, verified);
      state = result.state;
      it(`epoch ${step.epoch}: the meters are the floors of the exact totals`, () => {
        expect(result.meters).to.deep.equal(
          step.meters.map(({ lotId, tdpW, words }) => ({ lotId: BigInt(lotId), tdpW: BigInt(tdpW), ...words })),
        );
        expect(result.meters.map(unpackMeter)).to.deep.equal(step.meters.map(({ meter }) => numbers(meter)));
      });
      it(`epoch ${step.epoch}: the roots and counts are those`, () => {
        expect(result.readingsRoot).to.equal(step.readingsRoot);
        expect(stateLine(result.state)).to.equal(step.stateLine);
        expect(result.dataHash).to.equal(step.dataHash);
        expect(result.devicesRegisteredCount).to.equal(BigInt(step.devicesRegisteredCount));
        expect(result.devicesReportingCount).to.equal(BigInt(step.devicesReportingCount));
      });
      it(`epoch ${step.epoch}: every reading keeps the rules, every leaf is provable`, () => {
        for (const { reading } of verified) {
          checkReading(
            reading,
            result.epoch,
            lots.find(({ lotId }) => lotId === reading.lotId)!,
          );
        }
        const { leaves, readingLeaves, tree, dataTree } = result;
        for (const leaf of leaves) {
          const proof = proofOf(tree, leaf.leafIndex);
          expect(verifyProof(result.readingsRoot, leaves.length, leaf.leafIndex, deviceLeafHash(leaf), proof)).to.equal(
            true,
          );
        }
        for (const leaf of readingLeaves) {
          const proof = proofOf(dataTree, leaf.leafIndex);
          const hash = readingLeafHash(leaf);
          expect(verifyProof(result.dataHash, dataTree.count, leaf.leafIndex, hash, proof)).to.equal(true);
        }
        expect(dataTree.count).to.equal(readingLeaves.length + 1);
      });
      it(`epoch ${step.epoch}: the order of readings and lots changes nothing`, () => {
        expect(aggregate(result.epoch, before, lots.toReversed(), verified.toReversed())).to.deep.equal(result);
      });
      it(`epoch ${step.epoch}: a restart from the saved state changes nothing`, () => {
        const saved = parseState(JSON.parse(JSON.stringify(stateJson(before))) as ReturnType<typeof stateJson>);
        expect(saved).to.deep.equal(before);
        expect(aggregate(result.epoch, saved, lots, verified)).to.deep.equal(result);
      });
    }
  });

  describe("conservation", () => {
    const run = (energies: bigint[], lot: Lot, metered: boolean): Aggregation => {
      let state: AggregateState = initialState(1n);
      let result: Aggregation | undefined;
      energies.forEach((energyEndMJ, i) => {
        const smActiveMilliSec = energyEndMJ % 3_600_001n;
        const reading = hour(BigInt(i + 1), { energyEndMJ, smActiveMilliSec }, metered ? energyEndMJ * 2n : null);
        result = aggregate(BigInt(i + 1), state, [lot], [reading]);
        state = result.state;
      });
      return result!;
    };
    const factors = fc.record({
      overheadE4: fc.bigInt(10_000n, 30_000n),
      pueE4: fc.bigInt(10_000n, 30_000n),
      cfeBps: fc.bigInt(0n, 10_000n),
      gCO2ePerKWh: fc.bigInt(0n, 2_000n),
      waterMlPerKWh: fc.bigInt(0n, 10_000n),
    });
    const energies = fc.array(fc.bigInt(0n, 4_032_000_000n), { minLength: 1, maxLength: 12 });

    it("every millijoule is in a Wh or in the remainder, however it is split into epochs", () => {
      fc.assert(
        fc.property(energies, factors, fc.boolean(), (parts, siteFactors, metered) => {
          const { meter, carry } = run(parts, { ...one, site: siteFactors }, metered).state.lots[0]!;
          const total = parts.reduce((sum, part) => sum + part, 0n);
          const { overheadE4, pueE4, cfeBps, gCO2ePerKWh, waterMlPerKWh } = siteFactors;
          const itMJ = metered ? 2n * total : (total * overheadE4) / 10_000n;
          const facilityMJ = (itMJ * pueE4) / 10_000n;
          const cfeMJ = (facilityMJ * cfeBps) / 10_000n;
          expect(meter.gpuEnergyWh * 3_600_000n + carry.gpuMJ).to.equal(total);
          expect(meter.itEnergyWh * 3_600_000n + carry.itMJ).to.equal(itMJ);
          expect(meter.facilityEnergyWh * 3_600_000n + carry.facilityMJ).to.equal(facilityMJ);
          expect(meter.cfeMatchedWh * 3_600_000n + carry.cfeMJ).to.equal(cfeMJ);
          expect(meter.emissionsGCO2e * 3_600_000_000n + carry.emissions).to.equal(facilityMJ * gCO2ePerKWh);
          expect(meter.waterMl * 3_600_000_000n + carry.water).to.equal(facilityMJ * waterMlPerKWh);
          const activeMilliSec = parts.reduce((sum, part) => sum + (part % 3_600_001n), 0n);
          expect(meter.smActiveGpuSec * 1000n + carry.smActiveMilliSec).to.equal(activeMilliSec);
        }),
      );
    });
    it("E03: GPU ≤ IT ≤ facility, matched ≤ facility, active ≤ available after every epoch, factors changing", () => {
      const epochs = fc.array(fc.tuple(fc.bigInt(0n, 4_032_000_000n), factors, fc.boolean()), {
        minLength: 1,
        maxLength: 12,
      });
      fc.assert(
        fc.property(epochs, (parts) => {
          let state: AggregateState = initialState(1n);
          parts.forEach(([energyEndMJ, siteFactors, metered], i) => {
            const epoch = BigInt(i + 1);
            const reading = hour(epoch, { energyEndMJ, smActiveMilliSec: 3_600_000n }, metered ? energyEndMJ : null);
            state = aggregate(epoch, state, [{ ...one, site: siteFactors }], [reading]).state;
            const { meter } = state.lots[0]!;
            expect(meter.gpuEnergyWh <= meter.itEnergyWh).to.equal(true);
            expect(meter.itEnergyWh <= meter.facilityEnergyWh).to.equal(true);
            expect(meter.cfeMatchedWh <= meter.facilityEnergyWh).to.equal(true);
            expect(meter.smActiveGpuSec <= meter.availableGpuSec).to.equal(true);
          });
        }),
      );
    });
  });

  describe("E10: an epoch without readings", () => {
    it("carries nothing forward: counters stand, nobody reports, the state alone is published", () => {
      const first = aggregate(1n, initialState(1n), [one], [hour(1n, { energyEndMJ: 3_600_000_000n })]);
      const second = aggregate(3n, first.state, [one], []);
      expect(unpackMeter(second.meters[0]!)).to.deep.equal({ ...unpackMeter(first.meters[0]!), reportingCount: 0n });
      const lineHash = keccakText(stateLine(second.state));
      const alone = leafHex({ leafIndex: 0, epoch: 3n, lineHash }, stateLeafHash);
      expect([second.readingsRoot, second.dataHash]).to.deep.equal([ZERO_BYTES32, alone]);
      expect(second.devicesReportingCount).to.equal(0n);
      expect(second.state.lots[0]!.carry).to.deep.equal(first.state.lots[0]!.carry);
    });
  });

  describe("refusals", () => {
    const state = aggregate(1n, initialState(1n), [one], []).state;
    const run =
      (epoch: bigint, of: Lot[], readings: VerifiedReading[], from = state) =>
      () =>
        aggregate(epoch, from, of, readings);
    const other = (nodeId: bigint, device: Partial<DeviceHour>): VerifiedReading => {
      const verified = hour(2n, device);
      return { ...verified, reading: { ...verified.reading, nodeId } };
    };
    it("an epoch that was already summed up", () => {
      expect(run(1n, [one], [])).to.throw(Refusal, "Aggregate_NotLater");
      expect(run(0n, [one], [])).to.throw(Refusal, "Aggregate_NotLater");
    });
    it("a reading of another epoch, of a lot nobody registered, a node twice", () => {
      expect(run(2n, [one], [hour(3n, {})])).to.throw(Refusal, "Aggregate_WrongEpoch");
      expect(run(2n, [{ ...one, lotId: 2n }], [hour(2n, {})], initialState(1n))).to.throw(
        Refusal,
        "Aggregate_UnknownLot",
      );
      expect(run(2n, [one], [hour(2n, {}), hour(2n, { deviceIndex: 0 })])).to.throw(Refusal, "Aggregate_DeviceTwice");
      expect(
        run(
          2n,
          [{ ...one, gpuCount: 2n }],
          [hour(2n, {}), hour(2n, { deviceIndex: 1, deviceId: keccakText("other") })],
          initialState(1n),
        ),
      ).to.throw(Refusal, "Aggregate_NodeTwice");
    });
    it("E05: a device by two nodes, or beyond the lot", () => {
      expect(run(2n, [one], [other(1n, {}), other(2n, {})])).to.throw(Refusal, "Aggregate_DeviceTwice");
      expect(run(2n, [one], [other(1n, { deviceIndex: 1 })])).to.throw(Refusal, "Aggregate_IndexBeyondLot");
    });
    it("a lot that vanished, changed or stands twice", () => {
      expect(run(2n, [], [])).to.throw(Refusal, "Aggregate_LotMissing");
      expect(run(2n, [{ ...one, gpuCount: 2n }], [])).to.throw(Refusal, "Aggregate_LotChanged");
      expect(run(2n, [one, one], [])).to.throw(Refusal, "Aggregate_LotTwice");
    });
    it("factors that make energy vanish", () => {
      const bad = (change: Partial<SiteFactors>) => run(2n, [{ ...one, site: { ...site, ...change } }], []);
      expect(bad({ overheadE4: 9_999n })).to.throw(Refusal, "Lot_OverheadBelowOne");
      expect(bad({ pueE4: 9_999n })).to.throw(Refusal, "Lot_PueBelowOne");
      expect(bad({ cfeBps: 10_001n })).to.throw(Refusal, "Lot_CfeOutOfRange");
      expect(bad({ gCO2ePerKWh: -1n })).to.throw(Refusal, "Number_NotU32");
      expect(run(2n, [{ ...one, gpuCount: 0n }], [], initialState(1n))).to.throw(Refusal, "Lot_Empty");
    });
    it("a saved state that is broken", () => {
      const json = stateJson(state);
      expect(() => parseState({ ...json, epoch: "1.5" })).to.throw(Refusal, "Number_NotDecimal");
      const carry = { ...json.lots[0]!.carry, gpuMJ: undefined as unknown as string };
      expect(() => parseState({ ...json, lots: [{ ...json.lots[0]!, carry }] })).to.throw(Refusal, "name gpuMJ");
    });
  });
});
