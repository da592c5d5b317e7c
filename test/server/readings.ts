import { expect } from "chai";
import { keccak256 } from "ethers";
import type { LotMeter } from "../../server/protocol/meter.ts";
import { meterWordsOf } from "../../server/protocol/report.ts";
import type { Program } from "../../server/main.ts";
import type * as api from "../../server/protocol/api.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { deviceLeafHash } from "../../server/protocol/leaf.ts";
import { parseReading, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { verifyProof } from "../../server/protocol/tree.ts";
import {
  getJson,
  outsideReading,
  postReading,
  runHour,
  startRunning,
  startWorld,
  statusOf,
  type Page,
  type RunningWorld,
} from "./running.ts";

/** A report as the API shows it, as the contract takes it. */
function callOf({ meters, ...rest }: NonNullable<api.EpochDetail["report"]>) {
  const words = meters.map((meter) => ({ ...meter, lotId: BigInt(meter.lotId), tdpW: BigInt(meter.tdpW) }) as LotMeter);
  return { ...rest, meterWords: meterWordsOf(words) };
}

describe("readings and proofs of a running program", () => {
  let world: RunningWorld;
  let program: Program;
  let lateEpoch: bigint;
  const epochs: bigint[] = [];

  const get = <T>(path: string): Promise<T> => getJson(program, path);
  const status = (path: string) => statusOf(program, path);
  const outside = (epoch: bigint, change: Partial<SignedReadingJson["reading"]> = {}) =>
    outsideReading(world, epoch, change);
  const submitted = async (epoch: bigint) => {
    const { telemetry } = program.contracts;
    return (await telemetry.queryFilter(telemetry.filters.Submitted(epoch)))[0]!;
  };

  before(async () => {
    world = await startWorld();
    program = await startRunning(world, world.folder);
    for (let n = 0; n < 3; n++) epochs.push(await runHour(world, program));
    await program.follow();
  });

  after(async () => {
    await program.stop();
    await world.stop();
  });

  describe("POST /v1/readings", () => {
    it("takes a new one, knows it again, and refuses what is false, by node", async () => {
      const epoch = program.nextEpoch();
      lateEpoch = epochs[1]!;
      const late = outside(lateEpoch);
      expect((await postReading(program, late)).status, "late").to.equal(202);
      const lateHash = (await postReading(program, late)).body["readingHash"] as Hex;
      const end = "72000000";
      const devices = outside(epoch).reading.devices.map((device) => ({
        ...{ ...device, energyStartMJ: device.energyEndMJ },
        energyEndMJ: end,
      }));
      const next = { sequenceIndex: "1", prevReadingHash: lateHash, devices };
      const signed = outside(epoch, next);
      expect(
        await postReading(program, signed).then(({ status: code, body }) => [code, body["outcome"]]),
      ).to.deep.equal([202, "inserted"]);
      expect(
        await postReading(program, signed).then(({ status: code, body }) => [code, body["outcome"]]),
      ).to.deep.equal([200, "duplicate"]);
      const other = devices.map((device) => ({ ...device, workUnits: "1" }));
      const answers: [string, SignedReadingJson, number, string][] = [
        ["another of the epoch", outside(epoch, { ...next, devices: other }), 409, "Reading_Equivocation"],
        ["an hour to come", outside(epoch + 1n, { ...next, sequenceIndex: "2" }), 422, "Reading_Future"],
        ["a node that is none", outside(epoch, { nodeId: "77" }), 403, "Reading_UnknownNode"],
        ["another's lot", outside(epoch, { lotId: "1" }), 422, "Reading_WrongLot"],
        ["a signature of another", { ...signed, signature: outside(epoch).signature }, 401, "Reading_BadSignature"],
      ];
      for (const [what, reading, code, problem] of answers) {
        const answer = await postReading(program, reading);
        expect([answer.status, answer.body["code"]], what).to.deep.equal([code, problem]);
      }
      epochs.push(await runHour(world, program));
      await program.follow();
      const detail = await get<api.EpochDetail>(`/v1/epochs/${epoch}`);
      expect(detail.devicesReportingCount).to.equal("4");
    });
  });

  describe("epochs", () => {
    it("are listed newest first, in pages, as their events are", async () => {
      const first = await get<Page<api.Epoch>>("/v1/epochs?limit=3");
      const second = await get<Page<api.Epoch>>(`/v1/epochs?limit=3&before=${first.next}`);
      const all = [...first.items, ...second.items];
      expect(all.map(({ epoch }) => BigInt(epoch))).to.deep.equal(epochs.toReversed());
      expect(second.next).to.equal(null);
      for (const { epoch, reportHash, transactionHash, submittedAt } of all) {
        const event = await submitted(BigInt(epoch));
        const { args } = event;
        expect([reportHash, transactionHash, submittedAt]).to.deep.equal([
          args.reportHash,
          event.transactionHash,
          String(args.submittedAt),
        ]);
      }
    });

    it("have the report, four signatures and the hash of the readings, late ones not among them", async () => {
      for (const epoch of epochs) {
        const detail = await get<api.EpochDetail>(`/v1/epochs/${epoch}`);
        const signers = detail.signatures.map(({ signer }) => signer).sort();
        expect(signers).to.deep.equal(world.cast.oracles.map(({ address }) => address).sort());
        const report = detail.report!;
        expect(await program.contracts.telemetry.reportDigest(callOf(report))).to.match(/^0x/);
        expect(detail.readings).to.include({ readingsRoot: report.readingsRoot, dataHash: report.dataHash });

        const file = Buffer.from(await (await fetch(`${program.apiUrl}/v1/epochs/${epoch}/readings`)).arrayBuffer());
        expect(keccak256(file)).to.equal(detail.readings!.fileHash);
        const set = JSON.parse(file.toString()) as { readings: SignedReadingJson[] };
        const nodes = set.readings.map(({ reading }) => reading.nodeId);
        expect(nodes).to.deep.equal(epoch === epochs[3] ? ["1", "2"] : ["1"]);
      }
      expect(await status("/v1/epochs/1")).to.equal(404);
    });
  });

  describe("a device's proof", () => {
    it("verifies against the root in the on-chain event, and fails when anything in it is changed", async () => {
      for (const epoch of [lateEpoch, epochs[3]!]) {
        const event = await submitted(epoch);
        const root = event.args.report.readingsRoot as Hex;
        const uuid = world.fleet[0]!.hosts[0]!.gpus[1]!.uuid;
        const proof = await get<api.DeviceProof>(`/v1/epochs/${epoch}/devices/${identityAnchor(uuid)}/proof`);
        expect([proof.root, proof.transactionHash]).to.deep.equal([root, event.transactionHash]);
        const holds = (change: Partial<api.DeviceProof["leaf"]["device"]>, path = proof.proof) => {
          const { device, ...place } = proof.leaf;
          const reading = parseReading({ ...outside(epoch).reading, devices: [{ ...device, ...change }] });
          const leaf = {
            leafIndex: place.leafIndex,
            epoch: BigInt(place.epoch),
            lotId: BigInt(place.lotId),
            nodeId: BigInt(place.nodeId),
            sequenceIndex: BigInt(place.sequenceIndex),
            device: reading.devices[0]!,
          };
          return verifyProof(root, proof.leafCount, leaf.leafIndex, deviceLeafHash(leaf), path as Hex[]);
        };
        expect(holds({})).to.equal(true);
        expect(holds({ energyEndMJ: String(BigInt(proof.leaf.device.energyEndMJ) + 1n) })).to.equal(false);
        expect(holds({ allocatedSec: "1" })).to.equal(false);
        expect(
          holds(
            {},
            proof.proof.map(() => ZERO_BYTES32),
          ),
        ).to.equal(false);
      }
      expect(await status(`/v1/epochs/${epochs[0]}/devices/${ZERO_BYTES32}/proof`)).to.equal(404);
    });
  });
});
