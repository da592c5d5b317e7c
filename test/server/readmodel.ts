import { expect } from "chai";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { keccak256 } from "ethers";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { fund } from "../../scripts/seed.ts";
import type { Program } from "../../server/main.ts";
import { signReading } from "../../server/nodekey.ts";
import type * as api from "../../server/protocol/api.ts";
import { bytesOf, ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send, type Contracts } from "../../server/protocol/contracts.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { deviceLeafHash } from "../../server/protocol/leaf.ts";
import { parseReading, readingDomain, readingHash, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { verifyProof } from "../../server/protocol/tree.ts";
import {
  FIRST_PAYMENT_AT,
  HOUR_SEC,
  SEED,
  advanceTo,
  runHour,
  startRunning,
  startWorld,
  type RunningWorld,
} from "./running.ts";

type Page<T> = { items: T[]; next: string | null };

const total = (values: (string | bigint)[]) => values.reduce<bigint>((sum, value) => sum + BigInt(value), 0n);

describe("read model", () => {
  let world: RunningWorld;
  let program: Program;
  let contracts: Contracts;
  let facility: string;
  let lateEpoch: bigint;
  const epochs: bigint[] = [];

  const get = async <T>(path: string, from: Program = program): Promise<T> => {
    const answer = await fetch(from.apiUrl + path);
    expect(answer.status, path).to.equal(200);
    return (await answer.json()) as T;
  };
  const status = async (path: string) => (await fetch(program.apiUrl + path)).status;
  const post = async (signed: unknown) => {
    const answer = await fetch(`${program.apiUrl}/v1/readings`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(signed),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  const dataDir = (name: string) => {
    const path = join(world.folder, name);
    mkdirSync(path);
    return path;
  };

  /** A reading of the second host, signed by its node. */
  const outside = (epoch: bigint, change: Partial<SignedReadingJson["reading"]> = {}): SignedReadingJson => {
    const { hostname, gpus } = world.fleet[1]!.hosts[0]!;
    const reading = {
      ...{ version: 1 as const, nodeId: "2", lotId: "2", epoch: String(epoch), sequenceIndex: "0" },
      ...{ prevReadingHash: ZERO_BYTES32, drops: noDrops(), itEnergyStartMJ: null, itEnergyEndMJ: null },
      periodStartAt: String(epoch * 3600n),
      periodEndAt: String((epoch + 1n) * 3600n),
      devices: gpus.map((gpu, deviceIndex) => ({
        ...{ deviceIndex, deviceId: identityAnchor(gpu.uuid), energyStartMJ: "0", energyEndMJ: "36000000" },
        ...{ availableSec: "3600", allocatedSec: "1800", smActiveMilliSec: "900000", curtailedSec: "0" },
        ...{ workUnits: "0", flagsBitmap: 0, droppedCount: 0 },
      })),
      ...change,
    };
    const { chainId, addresses } = world.deployment;
    const hash = readingHash(readingDomain(BigInt(chainId), addresses.telemetry), parseReading(reading));
    return { reading, signature: signReading(nodeKeyOf(SEED, hostname).key, hash) };
  };

  before(async () => {
    world = await startWorld();
    facility = world.deployment.facilities[0]!.address;
    program = await startRunning(world, dataDir("first"));
    contracts = program.contracts;
    for (let n = 0; n < 3; n++) epochs.push(await runHour(world, program));
    await program.follow();
  });

  after(async () => {
    await program?.stop();
    await world?.stop();
  });

  describe("POST /v1/readings", () => {
    it("takes a new one, knows it again, and refuses what is false, by node", async () => {
      const epoch = program.nextEpoch();
      lateEpoch = epochs[1]!;
      const late = outside(lateEpoch);
      expect((await post(late)).status, "late").to.equal(202);
      const lateHash = (await post(late)).body["readingHash"] as Hex;
      const end = "72000000";
      const devices = outside(epoch).reading.devices.map((device) => ({
        ...{ ...device, energyStartMJ: device.energyEndMJ },
        energyEndMJ: end,
      }));
      const next = { sequenceIndex: "1", prevReadingHash: lateHash, devices };
      const signed = outside(epoch, next);
      expect(await post(signed).then(({ status: code, body }) => [code, body["outcome"]])).to.deep.equal([
        202,
        "inserted",
      ]);
      expect(await post(signed).then(({ status: code, body }) => [code, body["outcome"]])).to.deep.equal([
        200,
        "duplicate",
      ]);
      const other = devices.map((device) => ({ ...device, workUnits: "1" }));
      const answers: [string, SignedReadingJson, number, string][] = [
        ["another of the epoch", outside(epoch, { ...next, devices: other }), 409, "Reading_Equivocation"],
        ["a counter that fell", outside(epoch + 1n, { ...next, sequenceIndex: "2" }), 422, "Reading_WrongPrevHash"],
        ["a node that is none", outside(epoch, { nodeId: "77" }), 403, "Reading_UnknownNode"],
        ["another's lot", outside(epoch, { lotId: "1" }), 422, "Reading_WrongLot"],
        ["a signature of another", { ...signed, signature: outside(epoch).signature }, 401, "Reading_BadSignature"],
      ];
      for (const [what, reading, code, problem] of answers) {
        const answer = await post(reading);
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
        const [event] = await contracts.telemetry.queryFilter(contracts.telemetry.filters.Submitted(BigInt(epoch)));
        const { args } = event!;
        expect([reportHash, transactionHash, submittedAt]).to.deep.equal([
          args.reportHash,
          event!.transactionHash,
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
        expect(await contracts.telemetry.reportDigest({ ...report, meters: report.meters })).to.match(/^0x/);
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
        const [event] = await contracts.telemetry.queryFilter(contracts.telemetry.filters.Submitted(epoch));
        const root = event!.args.report.readingsRoot as Hex;
        const uuid = world.fleet[0]!.hosts[0]!.gpus[1]!.uuid;
        const proof = await get<api.DeviceProof>(`/v1/epochs/${epoch}/devices/${identityAnchor(uuid)}/proof`);
        expect([proof.root, proof.transactionHash]).to.deep.equal([root, event!.transactionHash]);
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
        expect(bytesOf(proof.leafHash as Hex)).to.have.length(32);
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

  describe("lots", () => {
    it("are as the registry has them", async () => {
      const { items } = await get<Page<api.LotDetail>>("/v1/lots");
      expect(items).to.have.length(2);
      for (const lot of items) {
        const entry = await contracts.registry.lot(BigInt(lot.lotId));
        expect(lot).to.include({
          siteId: String(entry.siteId),
          operator: entry.operator,
          modelId: entry.modelId,
          gpuCount: Number(entry.gpuCount),
          tdpW: Number(entry.tdpW),
          costAssets: String(entry.costAssets),
          identityRoot: entry.identityRoot,
          evidenceClass: Number(await contracts.registry.evidenceClass(BigInt(lot.lotId))),
          lienHolder: await contracts.registry.lienHolder(BigInt(lot.lotId)),
          leaseId: String(await contracts.leases.leaseOf(BigInt(lot.lotId))),
          country: "US",
          modelName: world.fleet[0]!.model.name,
        });
        expect(await get(`/v1/lots/${lot.lotId}`)).to.deep.equal(lot);
      }
    });

    it("have a meter for every epoch: the report's counters, with what the epoch added as ratios", async () => {
      const [from, to] = [epochs[0]!, epochs[3]!];
      for (const lotId of [1n, 2n]) {
        const path = `/v1/lots/${lotId}/meters?limit=3&to=${to}`;
        const first = await get<Page<api.LotMeterRecord>>(`${path}&from=${from}`);
        const rest = await get<Page<api.LotMeterRecord>>(`${path}&from=${first.next}`);
        const records = [...first.items, ...rest.items];
        expect(records.map(({ epoch }) => BigInt(epoch))).to.deep.equal(epochs);
        const last = records.at(-1)!;
        const growthSec = BigInt(last.meter.availableGpuSec) - BigInt(records.at(-2)!.meter.availableGpuSec);
        expect(growthSec).to.equal(7200n);
        expect(last.meter.reportingCount).to.equal(2);
        if (lotId === 2n) {
          expect(last.ratios).to.include({ allocationBps: 5_000, smActiveBps: 2_500, coverageBps: 10_000 });
          expect(records[2]!.meter).to.include({ availableGpuSec: "0", reportingCount: 0, gpuCount: 2 });
        }
      }
    });
  });

  describe("facility", () => {
    const check = async () => {
      await program.follow();
      const shown = await get<api.Facility>(`/v1/facilities/${facility}`);
      const live = contracts.facility(facility);
      expect(shown).to.include({
        state: ["Raising", "Funding", "Performing"][Number(await live.state())],
        collectionsAssets: String(await live.collectionsAssets()),
        reserveAssets: String(await live.reserveAssets()),
        feesPaidAssets: String(await live.feesPaidAssets()),
        paymentCount: Number(await live.paymentCount()),
        nextPaymentAt: String(await live.nextPaymentAt()),
      });
      expect(shown.lotIds).to.deep.equal(["1", "2"]);
      for (const { classIndex, token, ...books } of shown.classes) {
        expect(books).to.include({
          symbol: await contracts.classToken(token).symbol(),
          totalShares: String(await contracts.classToken(token).totalSupply()),
          outstandingAssets: String(await live.outstandingAssets(classIndex)),
          owedAssets: String(await live.owedAssets(classIndex)),
          claimableAssets: String(await live.unclaimedAssets(token)),
        });
      }
      return shown;
    };

    it("is as its contract says, before a payment date and after one, and cash sums up", async () => {
      const before = await check();
      expect(before.paymentCount).to.equal(0);
      expect(BigInt(before.classes[0]!.owedAssets) > BigInt(before.classes[0]!.outstandingAssets)).to.equal(true);

      const given = BigInt(before.classes[0]!.outstandingAssets) / 50n;
      const { provider, cast, deployment } = world;
      await fund({ provider, addresses: deployment.addresses }, cast.keeper, facility, given);
      const { TestStable__factory } = await import("../../types/factories/mocks/TestStable__factory.ts");
      await send(
        TestStable__factory.connect(deployment.addresses.asset, cast.keeper.connect(provider)).transfer(
          facility,
          given,
        ),
      );
      await send(contracts.facility(facility).sync());
      await check();
      expect((await get<api.Summary>("/v1/summary")).cash).to.include({
        received: String(given),
        collections: String(given),
      });

      await advanceTo(provider, FIRST_PAYMENT_AT + HOUR_SEC);
      await send(contracts.facility(facility).distribute());
      await check();
      const [investor] = cast.investors;
      const token = contractsAt(deployment.addresses, investor!.connect(provider)).classToken(before.classes[0]!.token);
      await send(token.claim(investor!.address));
      const after = await check();
      expect(after.paymentCount).to.equal(1);
      expect(BigInt(after.classes[0]!.claimedAssets) > 0n).to.equal(true);

      const { items } = await get<Page<api.Payment>>(`/v1/facilities/${facility}/payments`);
      expect(items).to.have.length(1);
      expect(items[0]!.collectionsAssets).to.equal(String(given));
      expect(items[0]!.steps.map(({ kind }) => kind)).to.deep.equal([
        "Fee",
        "Fee",
        "Interest",
        "Reserve",
        "Principal",
        "Residual",
      ]);
      expect(total(items[0]!.steps.map(({ paidAssets }) => paidAssets))).to.equal(given);

      const { cash, ...summary } = await get<api.Summary>("/v1/summary");
      const { received, ...parts } = cash;
      expect(total(Object.values(parts))).to.equal(BigInt(received));
      expect([received, parts.fees, parts.reserve]).to.deep.equal([
        String(given),
        after.feesPaidAssets,
        after.reserveAssets,
      ]);
      const head = (await provider.getBlock("latest"))!;
      expect(summary).to.deep.equal({
        ...{ months: 1, chainId: "31337", gpuCount: "4", asset: deployment.addresses.asset, assetDecimalCount: 6 },
        blockCount: String(head.number + 1),
        chainTimeAt: String(head.timestamp),
        lastEpoch: String(epochs[3]),
        finalEpoch: null,
      });
      expect(await get<api.Ready>("/ready")).to.include({ status: "ready", lastEpoch: String(epochs[3]) });
    });

    it("is unknown by another address", async () => {
      const stranger = world.cast.keeper.address;
      expect(await status(`/v1/facilities/${stranger}`)).to.equal(404);
      expect(await status(`/v1/facilities/${stranger}/payments`)).to.equal(404);
    });
  });

  describe("leases", () => {
    it("are as the contract has them", async () => {
      await program.follow();
      const { items } = await get<Page<api.Lease>>("/v1/leases");
      expect(items.map(({ pricing }) => pricing)).to.deep.equal(["TakeOrPay", "Metered"]);
      for (const shown of items) {
        const { terms, settledCount, prepaidAssets, owedAssets } = await contracts.leases.lease(BigInt(shown.leaseId));
        expect(shown).to.include({
          ...{ lotId: String(terms.lotId), lessee: terms.lessee, payee: facility, documentHash: terms.documentHash },
          ...{
            settledCount: Number(settledCount),
            prepaidAssets: String(prepaidAssets),
            owedAssets: String(owedAssets),
          },
          baseRentAssets: String(terms.baseRentAssets),
          gpuHourRateAssets: String(terms.gpuHourRateAssets),
        });
        expect(shown.sla).to.have.length(terms.sla.length);
      }
    });
  });

  describe("a deleted database", () => {
    it("S16: is rebuilt from the chain alone, and answers the same", async () => {
      const paths = [
        ...["/v1/summary", "/v1/facilities", `/v1/facilities/${facility}/payments`, "/v1/lots", "/v1/leases"],
        ...["/v1/epochs", `/v1/lots/1/meters?from=${epochs[0]}&to=${epochs[3]}`],
      ];
      const live = await Promise.all(paths.map((path) => get(path)));
      const again = await startRunning(world, dataDir("second"));
      try {
        for (const [index, path] of paths.entries()) expect(await get(path, again), path).to.deep.equal(live[index]);
        const detail = await get<api.EpochDetail>(`/v1/epochs/${epochs[3]}`, again);
        expect([detail.report, detail.readings]).to.deep.equal([
          (await get<api.EpochDetail>(`/v1/epochs/${epochs[3]}`)).report,
          null,
        ]);
      } finally {
        await again.stop();
      }
    });
  });

  describe("a port that is taken", () => {
    it("is named, with what to do", async () => {
      const port = Number(new URL(program.apiUrl).port);
      const refused = await startRunning(world, dataDir("third"), port).catch((error: Error) => error);
      expect(refused).to.be.an("error").and.have.property("code", "Api_PortTaken");
      expect((refused as Error).message)
        .to.include(`port ${port}`)
        .and.include("--port");
    });
  });
});
