import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import { ZERO_BYTES32, bytesOf, type Hex } from "../../server/protocol/bytes.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import {
  MAX_DEVICES,
  READING_TYPE,
  parseReading,
  readingDomain,
  readingHash,
  readingJson,
  type ReadingJson,
} from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { checkFollows, checkReading } from "../../server/protocol/rules.ts";
import { P256_ORDER, lowerS, parseNodeSignature, signedBytes } from "../../server/protocol/signature.ts";

type Vectors = {
  domain: { chainId: string; verifyingContract: string };
  separator: Hex;
  typeString: string;
  nodeKey: { x: Hex; y: Hex };
  readings: { name: string; reading: ReadingJson; hash: Hex; signature: Hex }[];
};
const vectors = JSON.parse(readFileSync(new URL("../vectors/reading.json", import.meta.url), "utf8")) as Vectors;

const EPOCH = 490_000n;
const lot = {
  lotId: 3n,
  gpuCount: 8n,
  tdpW: 700n,
  site: { overheadE4: 12_000n, pueE4: 12_000n, cfeBps: 5_000n, gCO2ePerKWh: 300n, waterMlPerKWh: 1_000n },
};
const BOUND_MJ = 4_032_000_000n; // 1.6 × 700 W × 3600 s
const first = (): ReadingJson => structuredClone(vectors.readings[0]!.reading);
const base64url = (hex: Hex): string => Buffer.from(bytesOf(hex)).toString("base64url");

describe("protocol reading", () => {
  describe("given the shared vectors", () => {
    const { domain, separator, typeString, nodeKey, readings } = vectors;
    it("has that domain and type", () => {
      expect(readingDomain(BigInt(domain.chainId), domain.verifyingContract)).to.equal(separator);
      expect(READING_TYPE).to.equal(typeString);
    });
    for (const { name, reading, hash, signature } of readings) {
      it(`${name}: has that hash, and the node's key signed it`, () => {
        expect(readingHash(separator, parseReading(reading))).to.equal(hash);
        parseNodeSignature(signature);
        const jwk = { kty: "EC", crv: "P-256", x: base64url(nodeKey.x), y: base64url(nodeKey.y) };
        const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" as const };
        expect(verify("sha256", signedBytes(hash), key, bytesOf(signature))).to.equal(true);
      });
      it(`${name}: goes to JSON and back`, () => {
        expect(readingJson(parseReading(reading))).to.deep.equal(reading);
      });
    }
    it("another chain or contract gives another hash", () => {
      const reading = parseReading(first());
      const hashes = [
        readingHash(separator, reading),
        readingHash(readingDomain(1n, domain.verifyingContract), reading),
        readingHash(readingDomain(BigInt(domain.chainId), `0x${"11".repeat(20)}`), reading),
      ];
      expect(new Set(hashes).size).to.equal(3);
    });
    it("every field is in the hash", () => {
      const before = readingHash(separator, parseReading(readings[1]!.reading));
      const changed = (change: (json: ReadingJson) => void): Hex => {
        const json = structuredClone(readings[1]!.reading);
        change(json);
        return readingHash(separator, parseReading(json));
      };
      const plusOne = (text: string | null) => String(BigInt(text ?? "0") + 1n);
      const hashes = [before];
      for (const name of ["nodeId", "lotId", "epoch", "sequenceIndex", "periodStartAt", "periodEndAt"] as const) {
        hashes.push(changed((json) => (json[name] = plusOne(json[name]))));
      }
      for (const name of ["itEnergyStartMJ", "itEnergyEndMJ"] as const) {
        hashes.push(changed((json) => (json[name] = plusOne(json[name]))));
      }
      hashes.push(changed((json) => (json.prevReadingHash = ZERO_BYTES32)));
      for (const name of Object.keys(readings[1]!.reading.drops) as (keyof ReadingJson["drops"])[]) {
        hashes.push(changed((json) => json.drops[name]++));
      }
      hashes.push(changed((json) => json.devices.pop()));
      hashes.push(changed((json) => json.devices.reverse()));
      for (const [name, value] of Object.entries(readings[1]!.reading.devices[0]!)) {
        const next = typeof value === "number" ? value + 1 : name === "deviceId" ? ZERO_BYTES32 : plusOne(value);
        hashes.push(changed((json) => Object.assign(json.devices[0]!, { [name]: next })));
      }
      expect(hashes.length).to.equal(33);
      expect(new Set(hashes).size).to.equal(hashes.length);
    });
  });

  describe("S21: shapes that are refused", () => {
    const shapes: Record<string, (json: Record<string, unknown>) => unknown> = {
      "no object": () => [],
      null: () => null,
      "an unknown field": (json) => ({ ...json, extra: 1 }),
      "another version": (json) => ({ ...json, version: 2 }),
      "a number for a counter": (json) => ({ ...json, epoch: 490000 }),
      "a counter with a sign": (json) => ({ ...json, epoch: "+490000" }),
      "a counter with a leading zero": (json) => ({ ...json, nodeId: "042" }),
      "a decimal counter": (json) => ({ ...json, nodeId: "1.5" }),
      "a counter in exponent form": (json) => ({ ...json, nodeId: "1e3" }),
      "no devices": (json) => ({ ...json, devices: [] }),
      "too many devices": (json) => ({ ...json, devices: Array(MAX_DEVICES + 1).fill(first().devices[0]) }),
      "a missing field": ({ drops: _, ...json }) => json,
      "an unknown reason": (json) => ({ ...json, drops: { ...first().drops, otherCount: 1 } }),
      "E13: a device id in upper case": (json) => {
        const [device] = first().devices;
        return { ...json, devices: [{ ...device, deviceId: device!.deviceId.toUpperCase().replace("0X", "0x") }] };
      },
      "a string for a count": (json) => ({ ...json, devices: [{ ...first().devices[0], deviceIndex: "0" }] }),
      "a fractional count": (json) => ({ ...json, devices: [{ ...first().devices[0], deviceIndex: 0.5 }] }),
      "a count of 2^32": (json) => ({ ...json, devices: [{ ...first().devices[0], droppedCount: 2 ** 32 }] }),
      "an infinite count": (json) => ({ ...json, devices: [{ ...first().devices[0], droppedCount: Infinity }] }),
      "an unknown flag": (json) => ({ ...json, devices: [{ ...first().devices[0], flagsBitmap: 16 }] }),
    };
    for (const [name, shape] of Object.entries(shapes)) {
      it(name, () => expect(() => parseReading(shape(first()))).to.throw(Refusal, "Reading_Malformed"));
    }
    it("a counter beyond 64 bits", () => {
      expect(() => parseReading({ ...first(), nodeId: "18446744073709551616" })).to.throw(Refusal, "Number_NotU64");
    });
    it("half an IT energy", () => {
      expect(() => parseReading({ ...first(), itEnergyStartMJ: "1" })).to.throw(Refusal, "Reading_HalfItEnergy");
    });
  });

  describe("checkReading", () => {
    const check = (change: (json: ReadingJson) => void, epoch = EPOCH, of = lot) => {
      const json = first();
      change(json);
      return () => checkReading(parseReading(json), epoch, of);
    };
    const device = (change: Partial<ReadingJson["devices"][0]>) => (json: ReadingJson) =>
      void Object.assign(json.devices[0]!, change);
    const it_ = (startMJ: string, endMJ: string) => (json: ReadingJson) =>
      void Object.assign(json, { itEnergyStartMJ: startMJ, itEnergyEndMJ: endMJ });
    const second = (change: Partial<ReadingJson["devices"][0]>) => (json: ReadingJson) =>
      void json.devices.push({ ...first().devices[0]!, deviceIndex: 1, deviceId: keccakText("b"), ...change });

    it("accepts a reading within every bound", () => {
      expect(check(() => undefined)).not.to.throw();
      expect(check(second({}))).not.to.throw();
    });
    it("E02: refuses another epoch, and a period that is not the epoch", () => {
      expect(check(() => undefined, EPOCH + 1n)).to.throw(Refusal, /Reading_WrongEpoch: .*expectedEpoch 490001/);
      expect(check((json) => (json.periodStartAt = "1764000001"))).to.throw(Refusal, "Reading_WrongPeriod");
      expect(check((json) => (json.periodEndAt = "1764003599"))).to.throw(Refusal, "Reading_WrongPeriod");
    });
    it("refuses another lot", () => {
      expect(check(() => undefined, EPOCH, { ...lot, lotId: 4n })).to.throw(Refusal, "Reading_WrongLot");
    });
    it("E05: refuses a device or an index twice, and indices out of order or beyond the lot", () => {
      expect(check(second({ deviceId: first().devices[0]!.deviceId }))).to.throw(Refusal, "Reading_DuplicateDevice");
      expect(check(second({ deviceIndex: 0 }))).to.throw(Refusal, "Reading_DuplicateIndex");
      expect(
        check((json) => {
          second({})(json);
          json.devices.reverse();
        }),
      ).to.throw(Refusal, "Reading_IndexOutOfOrder");
      expect(check(device({ deviceIndex: 7 }))).not.to.throw();
      expect(check(device({ deviceIndex: 8 }))).to.throw(Refusal, "Reading_IndexBeyondLot");
    });
    it("E03: refuses a counter that falls within the reading", () => {
      expect(check(device({ energyStartMJ: "2", energyEndMJ: "2" }))).not.to.throw();
      expect(check(device({ energyStartMJ: "2", energyEndMJ: "1" }))).to.throw(Refusal, "Reading_CounterFell");
      expect(check(it_("5", "4"))).to.throw(Refusal, "Reading_ItCounterFell");
    });
    it("E03: refuses times beyond the period, to the second", () => {
      expect(check(device({ availableSec: "3600", curtailedSec: "1" }))).to.throw(Refusal, "Reading_TimeBeyondPeriod");
      const most = { availableSec: "3599", curtailedSec: "1", allocatedSec: "3599", smActiveMilliSec: "3599000" };
      expect(check(device(most))).not.to.throw();
      expect(check(device({ ...most, allocatedSec: "3600" }))).to.throw(Refusal, "Reading_AllocatedBeyondAvailable");
      expect(check(device({ ...most, smActiveMilliSec: "3599001" }))).to.throw(
        Refusal,
        "Reading_ActiveBeyondAvailable",
      );
    });
    it("E03: refuses more energy than 1.6 × design power, to the millijoule", () => {
      const metered = (endMJ: bigint) => (json: ReadingJson) => {
        device({ energyEndMJ: String(endMJ) })(json);
        it_("0", String(endMJ))(json);
      };
      expect(check(metered(BOUND_MJ))).not.to.throw();
      expect(check(metered(BOUND_MJ + 1n))).to.throw(Refusal, "Reading_EnergyImplausible");
      expect(check(it_("0", String(BOUND_MJ)))).not.to.throw();
      expect(check(it_("0", String(BOUND_MJ + 1n)))).to.throw(Refusal, "Reading_ItEnergyImplausible");
    });
    it("E03: holds the estimated IT energy of an unmetered node to the same bound", () => {
      const most = (BOUND_MJ * 10_000n) / 12_000n;
      expect(check(device({ energyEndMJ: String(most) }))).not.to.throw();
      expect(check(device({ energyEndMJ: String(most + 1n) }))).to.throw(Refusal, "Reading_ItEnergyImplausible");
    });
    it("E03: refuses a power meter that shows less than the boards", () => {
      expect(check(it_("0", "2520000000"))).not.to.throw();
      expect(check(it_("0", "2519999999"))).to.throw(Refusal, "Reading_ItBelowGpu");
    });
  });

  describe("checkFollows", () => {
    const before = parseReading({ ...first(), itEnergyStartMJ: "0", itEnergyEndMJ: "2520000000" });
    const beforeHash = readingHash(vectors.separator, before);
    const next = {
      ...before,
      epoch: before.epoch + 1n,
      sequenceIndex: before.sequenceIndex + 1n,
      prevReadingHash: beforeHash,
      itEnergy: { startMJ: 2_520_000_000n, endMJ: 2_520_000_000n },
      devices: before.devices.map((each) => ({ ...each, energyStartMJ: each.energyEndMJ })),
    };
    const follow = (change: Partial<typeof next>) => () => checkFollows({ ...next, ...change }, before, beforeHash);
    it("accepts the next reading, also after hours that were missed", () => {
      expect(follow({})).not.to.throw();
      expect(follow({ epoch: before.epoch + 5n })).not.to.throw();
    });
    it("S06: refuses a replay, a gap in the sequence, another chain of hashes, another node, an older epoch", () => {
      expect(follow({ sequenceIndex: before.sequenceIndex })).to.throw(Refusal, "Reading_WrongSequence");
      expect(follow({ sequenceIndex: before.sequenceIndex + 2n })).to.throw(Refusal, "Reading_WrongSequence");
      expect(follow({ prevReadingHash: ZERO_BYTES32 })).to.throw(Refusal, "Reading_WrongPrevHash");
      expect(follow({ nodeId: 1n })).to.throw(Refusal, "Reading_OtherNode");
      expect(follow({ epoch: before.epoch })).to.throw(Refusal, "Reading_NotLater");
    });
    it("E03: refuses counters that start below where they ended", () => {
      const devices = next.devices.map((each) => ({ ...each, energyStartMJ: each.energyStartMJ - 1n }));
      expect(follow({ devices })).to.throw(Refusal, "Reading_CounterFell");
      expect(follow({ itEnergy: { startMJ: 2_519_999_999n, endMJ: 2_519_999_999n } })).to.throw(
        Refusal,
        "Reading_ItCounterFell",
      );
    });
  });

  describe("E01: node signatures", () => {
    const { signature } = vectors.readings[0]!;
    const of = (r: bigint, s: bigint): Hex =>
      `0x${r.toString(16).padStart(64, "0")}${s.toString(16).padStart(64, "0")}`;
    it("with s in the upper half are refused, and can be lowered by their signer", () => {
      const { r, s } = parseNodeSignature(signature);
      const high = of(r, P256_ORDER - s);
      expect(() => parseNodeSignature(high)).to.throw(Refusal, "Signature_HighS");
      expect(lowerS(high)).to.equal(signature);
      expect(lowerS(signature)).to.equal(signature);
    });
    it("are accepted at exactly half the order and refused one above", () => {
      const half = P256_ORDER >> 1n;
      expect(parseNodeSignature(of(1n, half)).s).to.equal(half);
      expect(() => parseNodeSignature(of(1n, half + 1n))).to.throw(Refusal, "Signature_HighS");
    });
    it("out of range or of another form are refused", () => {
      for (const [r, s] of [
        [0n, 1n],
        [1n, 0n],
        [P256_ORDER, 1n],
        [1n, P256_ORDER],
      ] as const) {
        expect(() => parseNodeSignature(of(r, s))).to.throw(Refusal, "Signature_OutOfRange");
      }
      for (const text of ["0x", signature.slice(0, -2), `${signature}00`, signature.toUpperCase()]) {
        expect(() => parseNodeSignature(text)).to.throw(Refusal, "Signature_Malformed");
        expect(() => lowerS(text as Hex)).to.throw(Refusal, "Signature_Malformed");
      }
    });
    it("lowering never leaves the upper half", () => {
      fc.assert(
        fc.property(fc.bigInt(1n, P256_ORDER - 1n), (s) => {
          expect(parseNodeSignature(lowerS(of(1n, s))).s <= P256_ORDER >> 1n).to.equal(true);
        }),
      );
    });
  });
});
