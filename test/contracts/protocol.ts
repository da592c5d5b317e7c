import { readFileSync } from "node:fs";
import { expect } from "chai";
import type { Result } from "ethers";
import { network } from "hardhat";
import { aggregate, initialState, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { ratiosOf, subtractMeter, unpackMeter, type LotMeter, type Meter } from "../../server/protocol/meter.ts";
import { packSignatures } from "../../server/protocol/quorum.ts";
import type { DeviceHourJson, ReadingJson } from "../../server/protocol/reading.ts";
import {
  buildReport,
  commitmentOf,
  reportDigestOf,
  reportHashOf,
  type Filing,
  filingCall,
  reportCall,
} from "../../server/protocol/report.ts";
import { checkReading, energyBoundMJ } from "../../server/protocol/rules.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { E4, EPOCH_SEC, epochEndAt, epochStartAt } from "../../server/protocol/units.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import type { IReports, Telemetry } from "../../types/telemetry/Telemetry.ts";
import { NEVER_AT, CHALLENGE_SEC, START_EPOCH, TDP_W, deployTelemetry, registerLots } from "./reports.ts";

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
  reports: { report: IReports.ReportStruct; digest: Hex }[];
};

const { ethers, networkHelpers } = await network.create();
const halves = (signature: Hex) => [signature.slice(0, 66), `0x${signature.slice(66)}`] as const;
const objectOf = (result: unknown) => (result as Result).toObject() as Record<string, bigint>;
const plain = (result: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(objectOf(result)).map(([name, value]) => [name, String(value)]));

// One node with one device of a lot, busy for all but a second of its hour.
const reading = (epoch: bigint, lotId: bigint, energyMJ: bigint, itMJ: bigint | null): VerifiedReading => ({
  reading: {
    nodeId: lotId,
    lotId,
    epoch,
    sequenceIndex: epoch - START_EPOCH,
    prevReadingHash: ZERO_BYTES32,
    periodStartAt: epochStartAt(epoch),
    periodEndAt: epochEndAt(epoch),
    itEnergy: itMJ === null ? null : { startMJ: 0n, endMJ: itMJ },
    drops: noDrops(),
    devices: [0, 1].slice(0, itMJ === null ? 1 : 2).map((deviceIndex) => ({
      deviceIndex,
      deviceId: keccakText(`${lotId}/${deviceIndex}`),
      energyStartMJ: 0n,
      energyEndMJ: energyMJ,
      availableSec: EPOCH_SEC,
      allocatedSec: EPOCH_SEC - 1n,
      smActiveMilliSec: 3_599_999n,
      curtailedSec: 0n,
      workUnits: 1n,
      flagsBitmap: 0,
      droppedCount: 0,
    })),
  },
  readingHash: keccakText(`reading ${lotId} ${epoch}`),
  signature: `0x${"11".repeat(64)}`,
});

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
    const struct = structOf(Telemetry__factory.abi, "submit", "report");
    const domainIn = async (telemetry: Telemetry) => {
      const [fields, name, version, chainId, verifyingContract, salt, extensions] = await telemetry.eip712Domain();
      return domainOf({ fields, name, version, chainId, verifyingContract, salt, extensions });
    };

    it("its type hash, domain, configuration and digests are the core's", async () => {
      const [admin] = await ethers.getSigners();
      const deployer = (await ethers.getSigners())[digests.deployerIndex]!;
      const authority = await ethers.deployContract("Authority", [admin!.address]);
      const lots = await ethers.deployContract("MockLots");
      const telemetry = await new Telemetry__factory(deployer).deploy(authority, lots, 1n, 1n, 1n);
      const { chainId, ...names } = digests.domain;
      expect(await domainIn(telemetry)).to.deep.equal({ ...names, chainId: BigInt(chainId) });
      expect(await telemetry.REPORT_TYPEHASH()).to.equal(struct.typeHash);
      await telemetry.connect(admin).setConfig(digests.config.signers, digests.config.faultyCount, NEVER_AT);
      expect(await telemetry.configDigest()).to.equal(digests.config.digest);
      for (const { report, digest } of digests.reports) {
        expect(await telemetry.reportDigest(report)).to.equal(digest);
      }
    });

    it("E03: takes the reports of readings at their bounds, hour after hour, and gives the same ratios", async () => {
      const { telemetry, registry, operator, oracles } = await deployTelemetry(ethers, 1);
      await registerLots(registry, operator, 2, 2n);
      const site = { overheadE4: 12_345n, pueE4: 10_901n, cfeBps: 10_000n, gCO2ePerKWh: 41n, waterMlPerKWh: 333n };
      const lots = [1n, 2n].map((lotId) => ({ lotId, gpuCount: 2n, tdpW: TDP_W, site }));
      const boundMJ = energyBoundMJ(TDP_W, 1n, EPOCH_SEC);
      const domain = await domainIn(telemetry);
      const configDigest = (await telemetry.configDigest()) as Hex;
      let state = initialState(START_EPOCH);
      let prior: Filing = { reportHash: ZERO_BYTES32, submittedAt: 0n, meters: [] };
      const filings: Filing[] = [];
      const meters: Meter[] = [];

      for (let epoch = START_EPOCH; epoch < START_EPOCH + 4n; epoch++) {
        // The first lot has no power meter and uses all its overhead allows; the second's meters show the bound itself.
        const unmetered = reading(epoch, 1n, (boundMJ * E4) / site.overheadE4, null);
        const verified = [reading(epoch, 2n, boundMJ, 2n * boundMJ), unmetered];
        for (const each of verified) checkReading(each.reading, epoch, lots[Number(each.reading.lotId) - 1]!);
        const summed = aggregate(epoch, state, lots, verified);
        const report = buildReport(summed, configDigest, prior.reportHash, keccakText("method"));
        const digest = reportDigestOf(struct, domain, report);
        const signatures = oracles.slice(1).map((oracle) => oracle.signingKey.sign(digest).serialized);
        const signers = oracles.map(({ address }) => address);
        const packed = packSignatures(digest, signers, 1, signatures.toReversed());
        await networkHelpers.time.increaseTo(epochEndAt(epoch));
        await telemetry.submit(reportCall(report), filingCall(prior), packed.signerBitmap, packed.signatures);
        const submittedAt = BigInt(await networkHelpers.time.latest());
        prior = { reportHash: reportHashOf(struct, report), submittedAt, meters: report.meters };
        expect(await telemetry.commitments(epoch)).to.equal(commitmentOf(prior));
        state = summed.state;
        meters.push(unpackMeter(report.meters[0]!));
        if (epoch === START_EPOCH || epoch === START_EPOCH + 3n) {
          filings.push(prior);
        }
      }

      await networkHelpers.time.increase(CHALLENGE_SEC);
      await telemetry.record(START_EPOCH, filingCall(filings[0]!), [0n]);
      await telemetry.record(START_EPOCH + 3n, filingCall(filings[1]!), [0n]);
      const expected = ratiosOf(subtractMeter(meters[3]!, meters[0]!));
      const given = await telemetry.ratios(1n, START_EPOCH, START_EPOCH + 3n);
      expect(objectOf(given)).to.deep.equal({ ...expected, evidenceClassIndex: 0n });
      expect(expected).to.include({ allocationBps: 9_997n, coverageBps: 5_000n, cfeBps: 10_000n });
    });
  });
});
