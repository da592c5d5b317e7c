import { Readable } from "node:stream";
import { expect } from "chai";
import { filingAt } from "../../server/plugins/chain.ts";
import { meterWordsOf } from "../../server/protocol/report.ts";
import type { Program } from "../../server/main.ts";
import type * as api from "../../server/protocol/api.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import { namedIdentityRoot, parseIdentities } from "../../server/protocol/identityTree.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import type { LotMeter } from "../../server/protocol/meter.ts";
import { parseMethodology } from "../../server/protocol/methodology.ts";
import { verifyAbsence, verifyDeviceProof, type AbsenceProof, type DeviceProof } from "../../server/protocol/proof.ts";
import { checkLotSum, readLotProof, verifyLot } from "../../server/protocol/proofLot.ts";
import { checkReadingSet } from "../../server/protocol/publication.ts";
import { readingDomain, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { isSignedByPoint } from "../../server/protocol/signature.ts";
import {
  HOUR_SEC,
  advanceTo,
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

  const linesAt = async (path: string) => (await (await fetch(program.apiUrl + path)).text()).trimEnd().split("\n");
  const factsOf = (report: Awaited<ReturnType<typeof submitted>>["args"]["report"]) => ({
    ...{ epoch: report.epoch, devicesReportingCount: report.devicesReportingCount },
    ...{ readingsRoot: report.readingsRoot as Hex, dataHash: report.dataHash as Hex },
  });
  const pointOf = async (nodeId: bigint) => {
    const { registry } = program.contracts;
    const [registered] = await registry.queryFilter(registry.filters.NodeRegistered(nodeId));
    return { x: registered!.args.publicX as Hex, y: registered!.args.publicY as Hex };
  };
  let domain: Hex;

  before(async () => {
    world = await startWorld();
    domain = readingDomain(BigInt(world.deployment.chainId), world.deployment.addresses.telemetry);
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
      // A reading is taken once its hour is over.
      await advanceTo(world.provider, Number(epoch + 1n) * HOUR_SEC);
      await program.follow();
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
        ["another's lot", outside(epoch, { lotId: "1" }), 422, "Reading_WrongDevice"],
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

    it("have the report, four signatures and the published readings, late ones not among them", async () => {
      for (const epoch of epochs) {
        const detail = await get<api.EpochDetail>(`/v1/epochs/${epoch}`);
        const signers = detail.signatures.map(({ signer }) => signer).sort();
        expect(signers).to.deep.equal(world.cast.oracles.map(({ address }) => address).sort());
        const report = detail.report!;
        expect(await program.contracts.telemetry.reportDigest(callOf(report))).to.match(/^0x/);
        expect(detail.readings?.path).to.equal(`/v1/files/readings/${report.dataHash}`);

        const set = await checkReadingSet(domain, report.dataHash as Hex, await linesAt(detail.readings!.path));
        const nodes = set.readings.map(({ reading }) => reading.nodeId);
        expect(nodes).to.deep.equal(epoch === epochs[3] ? [1n, 2n] : [1n]);
      }
      expect(await status("/v1/epochs/1")).to.equal(404);
    });
  });

  it("publishes identities and methodology under what the chain holds", async () => {
    const { registry } = program.contracts;
    for (const { lotId } of world.deployment.identities) {
      const { identityRoot } = await registry.lot(lotId);
      const devices = await parseIdentities(await linesAt(`/v1/files/identities/${identityRoot}`));
      const { x, y } = await pointOf(devices[0]!.nodeId);
      expect(namedIdentityRoot(devices, () => nodeKeyHash(x, y))).to.equal(identityRoot);
    }
    const { methodologyHash } = (await submitted(epochs[0]!)).args.report;
    const [text] = await linesAt(`/v1/files/methodologies/${methodologyHash}`);
    expect(keccakText(text!)).to.equal(methodologyHash);
    expect(parseMethodology(text!).exceptions.size).to.equal(0);
  });

  describe("proofs", () => {
    it("of a device's hour verify against the event, the registry's key and nothing else", async () => {
      for (const epoch of [lateEpoch, epochs[3]!]) {
        const event = await submitted(epoch);
        const uuid = world.fleet[0]!.hosts[0]!.gpus[1]!.uuid;
        const proof = await get<DeviceProof>(`/v1/epochs/${epoch}/devices/${identityAnchor(uuid)}/proof`);
        expect(proof.transactionHash).to.equal(event.transactionHash);
        const shown = verifyDeviceProof(factsOf(event.args.report), domain, proof);
        expect(shown.leaf.device.deviceId).to.equal(identityAnchor(uuid));
        const point = await pointOf(shown.leaf.nodeId);
        expect(await isSignedByPoint(point, shown.readingHash, shown.signature)).to.equal(true);
        expect(await isSignedByPoint(point, ZERO_BYTES32, shown.signature)).to.equal(false);
      }
      expect(await status(`/v1/epochs/${epochs[0]}/devices/${ZERO_BYTES32}/proof`)).to.equal(404);
    });

    it("of absence hold for the lot that was silent, and are not given where a device reported", async () => {
      const report = factsOf((await submitted(epochs[0]!)).args.report);
      const path = (lotId: number, index: number) => `/v1/epochs/${epochs[0]}/lots/${lotId}/devices/${index}/absence`;
      verifyAbsence(report, await get<AbsenceProof>(path(2, 0)));
      expect(await status(path(1, 0))).to.equal(404);
    });

    it("of a lot's hour add up to what its meter grew by, epoch by epoch", async () => {
      let before = new Map<bigint, LotMeter>();
      for (const epoch of [...epochs].sort((a, b) => (a < b ? -1 : 1))) {
        const { report } = (await submitted(epoch)).args;
        const { meters } = await filingAt(program.contracts.telemetry, epoch);
        for (const meter of meters) {
          const lines = await linesAt(`/v1/epochs/${epoch}/lots/${meter.lotId}/proof`);
          const { proof, leaves } = await readLotProof(Readable.from(lines));
          const sum = await verifyLot(factsOf(report), proof, leaves);
          checkLotSum(sum, meter, before.get(meter.lotId));
        }
        before = new Map(meters.map((meter) => [meter.lotId, meter]));
      }
    });
  });
});
