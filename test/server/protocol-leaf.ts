import { readFileSync } from "node:fs";
import { expect } from "chai";
import { id, keccak256 } from "ethers";
import type { Hex } from "../../server/protocol/bytes.ts";
import { bytesOf, hexOf } from "../../server/protocol/bytes.ts";
import { canonicalDeviceName, identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import {
  deviceLeafHash,
  identityLeafHash,
  leafHex,
  readingLeafHash,
  stateLeafHash,
} from "../../server/protocol/leaf.ts";
import type { DeviceHour } from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

type Place = Record<"epoch" | "lotId" | "nodeId", string> & { leafIndex: number; hash: Hex };
type Vectors = {
  devices: (Place & { name: string; sequenceIndex: string; device: Record<keyof DeviceHour, string | number> })[];
  identities: { leafIndex: number; anchor: Hex; nodeKeyHash: Hex; hash: Hex }[];
  readings: (Place & { readingHash: Hex; signature: Hex })[];
  states: { leafIndex: number; epoch: string; lineHash: Hex; hash: Hex }[];
};
const vectors = JSON.parse(readFileSync(new URL("../vectors/leaf.json", import.meta.url), "utf8")) as Vectors;

const place = ({ leafIndex, epoch, lotId, nodeId }: Place) => ({
  leafIndex,
  epoch: BigInt(epoch),
  lotId: BigInt(lotId),
  nodeId: BigInt(nodeId),
});

describe("protocol leaf", () => {
  describe("E12: leaves of the shared vectors, double-hashed and typed", () => {
    for (const vector of vectors.devices) {
      it(`of a device's hour: ${vector.name}`, () => {
        const { device } = vector;
        const hour: DeviceHour = {
          deviceIndex: Number(device.deviceIndex),
          deviceId: device.deviceId as Hex,
          energyStartMJ: BigInt(device.energyStartMJ),
          energyEndMJ: BigInt(device.energyEndMJ),
          availableSec: BigInt(device.availableSec),
          allocatedSec: BigInt(device.allocatedSec),
          smActiveMilliSec: BigInt(device.smActiveMilliSec),
          curtailedSec: BigInt(device.curtailedSec),
          workUnits: BigInt(device.workUnits),
          flagsBitmap: Number(device.flagsBitmap),
          droppedCount: Number(device.droppedCount),
        };
        const leaf = { ...place(vector), sequenceIndex: BigInt(vector.sequenceIndex), device: hour };
        expect(leafHex(leaf, deviceLeafHash)).to.equal(vector.hash);
      });
    }
    it("of registered devices", () => {
      for (const { leafIndex, anchor, nodeKeyHash: key, hash } of vectors.identities) {
        expect(leafHex({ index: leafIndex, anchor, nodeKeyHash: key }, identityLeafHash)).to.equal(hash);
      }
    });
    it("of published readings", () => {
      for (const vector of vectors.readings) {
        const { readingHash, signature } = vector;
        expect(leafHex({ ...place(vector), readingHash, signature }, readingLeafHash)).to.equal(vector.hash);
      }
    });
    it("of a state", () => {
      for (const { leafIndex, epoch, lineHash, hash } of vectors.states) {
        expect(leafHex({ leafIndex, epoch: BigInt(epoch), lineHash }, stateLeafHash)).to.equal(hash);
      }
    });
  });
});

describe("protocol identity", () => {
  describe("E13: one anchor for one board", () => {
    const uuid = "GPU-C4529C8D-69C4-B61D-E0BC-7B2460096005";
    for (const text of [
      "GPU-c4529c8d-69c4-b61d-e0bc-7b2460096005",
      "  gpu-C4529C8D-69C4-B61D-E0BC-7B2460096005\n",
      "c4529c8d69c4b61de0bc7b2460096005",
      "c4529c8d-69c4-b61d-e0bc-7b2460096005",
      "ＧＰＵ-c4529c8d-69c4-b61d-e0bc-7b2460096005",
    ]) {
      it(`whichever way it is written: ${JSON.stringify(text)}`, () => {
        expect(canonicalDeviceName(text)).to.equal(uuid);
        expect(identityAnchor(text)).to.equal(id(uuid));
      });
    }
    it("keeps a serial, in upper case", () => {
      expect(canonicalDeviceName(" 1654422006434 ")).to.equal("1654422006434");
      expect(canonicalDeviceName("pn7h0-a.b_c1")).to.equal("PN7H0-A.B_C1");
    });
    for (const text of [
      "GРU-c4529c8d-69c4-b61d-e0bc-7b2460096005", // Cyrillic Р
      "1654422006434\u200b",
      "16544 22006434",
      "1654422006434#1",
      "1654422006434-",
      "MIG-c4529c8d-69c4-b61d-e0bc-7b2460096005",
      "",
      "12345",
      "1".repeat(129),
    ]) {
      it(`refuses ${JSON.stringify(text.slice(0, 50))}`, () => {
        expect(() => identityAnchor(text)).to.throw(Refusal, "Device_BadName");
      });
    }
  });

  describe("a node's key", () => {
    it("is hashed as x ‖ y", () => {
      const [x, y]: Hex[] = [`0x${"11".repeat(32)}`, `0x${"22".repeat(32)}`];
      expect(nodeKeyHash(x!, y!)).to.equal(keccak256(`0x${"11".repeat(32)}${"22".repeat(32)}`));
    });
    it("is refused when a coordinate is short", () => {
      expect(() => nodeKeyHash("0x11", `0x${"22".repeat(32)}`)).to.throw(Refusal, "NodeKey_BadCoordinate");
    });
  });
});

describe("protocol bytes", () => {
  it("go to hexadecimal and back", () => {
    expect(hexOf(bytesOf("0x00ff10"))).to.equal("0x00ff10");
  });
  it("E13: refuse other spellings of the same bytes", () => {
    for (const text of ["0xFF", "ff", "0xf", "0x0g", " 0xff"]) {
      expect(() => bytesOf(text), text).to.throw(Refusal, "Hex_NotCanonical");
    }
  });
});
