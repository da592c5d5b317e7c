import { readFileSync } from "node:fs";
import { expect } from "chai";
import { Wallet, type Log } from "ethers";
import { network } from "hardhat";
import { aggregate, initialState, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { ratiosOf, unpackMeter, type LotMeter } from "../../server/protocol/meter.ts";
import { packSignatures } from "../../server/protocol/quorum.ts";
import type { DeviceHourJson, ReadingJson } from "../../server/protocol/reading.ts";
import {
  buildReport,
  commitmentOf,
  configDigestOf,
  reportDigestOf,
  reportHashOf,
  type Filing,
} from "../../server/protocol/report.ts";
import { epochEndAt, epochOf, epochStartAt } from "../../server/protocol/units.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
type Place = { leafIndex: number; epoch: string; lotId: string; nodeId: string; hash: Hex };
const leaves = load("leaf") as {
  devices: (Place & { name: string; sequenceIndex: string; device: DeviceHourJson })[];
  identities: { leafIndex: number; anchor: Hex; nodeKeyHash: Hex; hash: Hex }[];
  readings: (Place & { readingHash: Hex; signature: Hex })[];
};
const roots = load("root") as { leaves: Hex[]; root: Hex; proofs: Hex[][] }[];
const readings = load("reading") as {
  separator: Hex;
  nodeKey: { x: Hex; y: Hex };
  readings: { name: string; reading: ReadingJson; hash: Hex; signature: Hex }[];
};
const words = load("meterwords") as { name: string; meter: Record<string, string>; words: LotMeter }[];
const remainders = load("remainder") as Record<"energyMJ" | "carriedMJ" | "energyWh" | "leftMJ", string>[];
const digests = load("digest") as {
  domain: { name: string; version: string; chainId: string; verifyingContract: string };
  deployerIndex: number;
  config: { signers: string[]; faultyCount: number; digest: Hex };
  reports: { report: { meters: LotMeter[] }; digest: Hex }[];
};

const { ethers, networkHelpers } = await network.create();
const struct = structOf(Telemetry__factory.abi, "submit", "report");
const halves = (signature: Hex) => [signature.slice(0, 66), `0x${signature.slice(66)}`] as const;
const plain = (result: { toObject: () => Record<string, bigint> }): Record<string, string> =>
  Object.fromEntries(Object.entries(result.toObject()).map(([name, value]) => [name, String(value)]));

describe("Protocol", () => {
  const deployed = ethers.deployContract("MockProtocol");

  describe("E12: leaves", () => {
    for (const { name, leafIndex, epoch, lotId, nodeId, sequenceIndex, device, hash } of leaves.devices) {
      it(`of a device's hour: ${name}`, async () => {
        const mock = await deployed;
        expect(await mock.deviceLeaf(leafIndex, epoch, lotId, nodeId, sequenceIndex, device)).to.equal(hash);
      });
    }
    it("of registered devices and published readings", async () => {
      const mock = await deployed;
      for (const { leafIndex, anchor, nodeKeyHash, hash } of leaves.identities) {
        expect(await mock.identityLeaf(leafIndex, anchor, nodeKeyHash)).to.equal(hash);
      }
      for (const { leafIndex, epoch, lotId, nodeId, readingHash, signature, hash } of leaves.readings) {
        const [r, s] = halves(signature);
        expect(await mock.readingLeaf(leafIndex, epoch, lotId, nodeId, readingHash, r, s)).to.equal(hash);
      }
    });
  });

  describe("E12: trees", () => {
    for (const { leaves: hashes, root, proofs } of roots) {
      it(`of ${hashes.length} leaves: OpenZeppelin's MerkleProof takes each proof for its own leaf only`, async () => {
        const mock = await deployed;
        for (const [i, proof] of proofs.entries()) {
          const other = hashes[(i + 1) % hashes.length]!;
          expect(await mock.isIncluded(proof, root, hashes[i]!)).to.equal(true);
          expect(await mock.isIncluded(proof, root, other)).to.equal(hashes.length === 1);
        }
      });
    }
  });

  describe("readings", () => {
    for (const { name, reading, hash, signature } of readings.readings) {
      it(`${name}: has that hash, and P256 takes the node's signature`, async () => {
        const mock = await deployed;
        const { x, y } = readings.nodeKey;
        const { itEnergyStartMJ, itEnergyEndMJ, ...rest } = reading;
        const value = {
          ...rest,
          isItMetered: itEnergyStartMJ !== null,
          itEnergyStartMJ: itEnergyStartMJ ?? 0,
          itEnergyEndMJ: itEnergyEndMJ ?? 0,
        };
        expect(await mock.readingHash(readings.separator, value)).to.equal(hash);
        const [r, s] = halves(signature);
        expect(await mock.isSigned(hash, r, s, x, y)).to.equal(true);
        expect(await mock.isSigned(keccakText("other"), r, s, x, y)).to.equal(false);
      });
    }
  });

  describe("meters and remainders", () => {
    for (const { name, meter, words: packed } of words) {
      it(`${name}: has those words`, async () => {
        const mock = await deployed;
        const { timeWord, energyWord, resourceWord } = packed;
        expect(plain(await mock.unpack(timeWord, energyWord, resourceWord))).to.deep.equal(meter);
      });
    }
    it("energy is floored to Wh with the remainder carried", async () => {
      const mock = await deployed;
      for (const { energyMJ, carriedMJ, energyWh, leftMJ } of remainders) {
        expect(await mock.floorWh(energyMJ, carriedMJ)).to.deep.equal([BigInt(energyWh), BigInt(leftMJ)]);
      }
    });
  });

  describe("beside Telemetry", () => {
    const world = async () => {
      const { domain, deployerIndex } = digests;
      const deployer = (await ethers.getSigners())[deployerIndex]!;
      expect(ethers.getCreateAddress({ from: deployer.address, nonce: 0 })).to.equal(domain.verifyingContract);
      const lots = await ethers.deployContract("MockLots");
      const manager = await ethers.deployContract("$AccessManager").catch(() => null);
      return { deployer, lots, manager };
    };
    void world;
    void [Wallet, aggregate, initialState, noDrops, ratiosOf, unpackMeter, packSignatures, buildReport, commitmentOf];
    void [configDigestOf, reportDigestOf, reportHashOf, epochEndAt, epochOf, epochStartAt, domainOf, struct];
    void [ZERO_BYTES32, networkHelpers, {} as VerifiedReading, {} as Filing, {} as Log];
  });
});
