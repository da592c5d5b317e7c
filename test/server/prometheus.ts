import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { runGateway, type RunningGateway } from "../../server/agent/gateway.ts";
import type { EpochDetail } from "../../server/protocol/api.ts";
import { startProgram, type Program } from "../../server/main.ts";
import { signReading } from "../../server/nodekey.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { unpackMeter } from "../../server/protocol/meter.ts";
import {
  FLAG_COUNTER_RESET,
  FLAG_ENERGY_INTEGRATED,
  readingDomain,
  type ReadingJson,
  type SignedReadingJson,
} from "../../server/protocol/reading.ts";
import { reportFrom } from "../../server/protocol/report.ts";
import { gpuModel, SITE_FACTORS } from "../../scripts/catalogue.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import type { FleetLot } from "../../scripts/fleet.ts";
import {
  missing,
  moving,
  restarting,
  startExporters,
  startPrometheus,
  unchanged,
  type Target,
} from "./prometheusBench.ts";
import { COUNTED, sumBoards, type BoardSum, type RawSeries } from "./prometheusSum.ts";
import { SEED, advanceTo, getJson, startWorld, type RunningWorld } from "./running.ts";

const SCRAPES = 9;
const HOUR_MS = 3_600_000;
const TOKEN = "a-token-of-the-test";

// Prometheus stamps samples with the wall clock, so the epoch is the hour that it is; what follows, the gateway's clock
// and the chain's, then jumps to the hour's end.
describe("a stock Prometheus server", function () {
  this.timeout(120_000);
  const closing: (() => Promise<void> | void)[] = [];
  let world: RunningWorld;
  let program: Program;
  let gateway: RunningGateway;
  let samples: RawSeries[];
  let sums: Map<string, BoardSum>;
  let readings: ReadingJson[];
  let lots: Target[][];
  let epoch: bigint;

  before(async function () {
    const reason = missing();
    if (reason !== undefined) {
      this.test!.parent!.title += ` (skipped: ${reason})`;
      this.skip();
    }
    lots = [
      ["h100x8_vllm_idle_aicr_2026-03-10", "l40s_idle_upcloud", "l4_idle_kops_aws", "t4_under_load_ericsson"].map(
        unchanged,
      ),
      [moving("l40s_idle_upcloud"), restarting("t4_under_load_ericsson")],
    ];
    const leftMs = HOUR_MS - (Date.now() % HOUR_MS);
    if (leftMs < 60_000) await sleep(leftMs); // all samples are to lie in one hour
    epoch = BigInt(Math.floor(Date.now() / HOUR_MS));
    world = await startWorld({ fleet: lots.map(fleetLot), startEpoch: epoch });
    closing.push(() => world.stop());
    const { itPerGpuEnergyE4: overheadE4, ...factors } = SITE_FACTORS;
    program = await startProgram({
      ...{ deployment: world.deployment, rpcUrl: world.rpcUrl, factors: { overheadE4, ...factors } },
      ...{ store: { dataDir: world.folder }, agents: [], api: { host: "127.0.0.1", port: 0 } },
      oracleKeys: world.cast.oracles.map((wallet) => wallet.privateKey),
      transmitterKey: world.cast.transmitter.privateKey,
      keeperKey: world.cast.keeper.privateKey,
    });
    closing.push(() => program.stop());
    await runHours();
  });

  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  function fleetLot(targets: Target[]): FleetLot {
    const model = gpuModel("H100");
    const hosts = targets.map(({ hostname, uuids }) => ({
      hostname,
      gpus: uuids.map((uuid) => ({ uuid, modelName: model.name })),
      scrape: () => undefined,
    }));
    return { model, hosts, gpuCount: targets.reduce((count, { uuids }) => count + uuids.length, 0) };
  }

  async function runHours(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "rackbond-prometheus-"));
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    let jumpMs = 0;
    const { chainId, addresses, identities } = world.deployment;
    const targets = lots.flat();
    gateway = await runGateway(
      {
        nodes: targets.map((target, place) => {
          const lot = identities.find(({ devices }) => devices.some(({ name }) => name === target.uuids[0]))!;
          const { key } = nodeKeyOf(SEED, target.hostname);
          return {
            ...{ hostname: target.hostname, nodeId: BigInt(place + 1), lotId: BigInt(lot.lotId) },
            ...{ allocation: "pod" as const, maxGapSec: 120 },
            deviceIndex: new Map(lot.devices.map(({ name }, index) => [name, index])),
            sign: (hash) => Promise.resolve(signReading(key, hash)),
          };
        }),
        domain: readingDomain(BigInt(chainId), addresses.telemetry),
        ...{ listen: { host: "127.0.0.1", port: 0 }, token: TOKEN, folder: join(folder, "gateway") },
        labels: { host: ["Hostname", "hostname", "instance"], isPodOfExporter: false },
        ...{ oracles: [program.apiUrl], isPrivateAllowed: true, timeoutMs: 10_000, backoffMs: [200, 1000] },
        ...{ maxJournalBytes: 1e8, closeDelaySec: 60, log: () => undefined },
      },
      { nowMs: () => Date.now() + jumpMs, tickMs: 50 },
    );
    closing.push(() => gateway.stop());

    const exporters = await startExporters(targets);
    const prometheus = await startPrometheus(folder, targets, exporters.port, { url: gateway.url, token: TOKEN });
    try {
      await until(() => [...exporters.counts().values()].every((count) => count >= SCRAPES), "every target is scraped");
      await exporters.close();
      await sleep(1500); // the next scrapes fail: every series ends, and says so
      samples = await prometheus.samples();
      const counted = samples.filter(({ metric }) => COUNTED.test(metric["__name__"]!));
      const count = counted.reduce((sum, { values }) => sum + values.length, 0);
      await until(() => gateway.receiver.counts().taken >= count, `${count} samples are written`);
      await until(() => gateway.receiver.counts().stale >= counted.length, "every series has ended");
      expect(gateway.receiver.counts()).to.include({ taken: count, unknownHost: 0, refusedRequests: 0 });
    } finally {
      await prometheus.stop();
    }
    sums = sumBoards(samples);

    const endAt = (Number(epoch) + 1) * 3600;
    await advanceTo(world.provider, endAt);
    await program.follow();
    jumpMs = endAt * 1000 + 61_000 - Date.now();
    await until(async () => {
      const [oracle] = await gateway.oracles();
      return oracle?.isUp === true && oracle.unsentCount === 0;
    }, "the readings are delivered");
    await program.closeEpoch(BigInt(endAt));
    await program.follow();
    const detail = await getJson<EpochDetail>(program, `/v1/epochs/${epoch}`);
    const text = await (await fetch(program.apiUrl + detail.readings!.path)).text();
    const lines = text.trimEnd().split("\n").slice(1);
    readings = lines.map((line) => (JSON.parse(line) as SignedReadingJson).reading);
  }

  async function until(isDone: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let turn = 0; turn < 600; turn++) {
      if (await isDone()) return;
      await sleep(100);
    }
    throw new Error(`waited in vain until ${what}: ${JSON.stringify(gateway.receiver.counts())}`);
  }

  const boardOf = (uuid: string) => {
    const deviceId = identityAnchor(uuid);
    return readings.flatMap(({ devices }) => devices).find((device) => device.deviceId === deviceId)!;
  };

  it("S10: is summed up board by board as its own samples say, traps and all", () => {
    expect(readings).to.have.length(6);
    const all = lots.flat().flatMap(({ uuids }) => uuids);
    expect(sums.size).to.equal(all.length);
    for (const uuid of all) {
      const { energyStartMJ, energyEndMJ, availableSec, allocatedSec, flagsBitmap } = boardOf(uuid);
      const sum = sums.get(uuid)!;
      expect(BigInt(energyEndMJ) - BigInt(energyStartMJ), `${uuid} energy`).to.equal(sum.energyMJ);
      expect([availableSec, allocatedSec], uuid).to.deep.equal([String(sum.availableSec), String(sum.allocatedSec)]);
      expect((flagsBitmap & FLAG_ENERGY_INTEGRATED) !== 0, `${uuid} integrated`).to.equal(sum.isIntegrated);
      expect((flagsBitmap & FLAG_COUNTER_RESET) !== 0, `${uuid} reset`).to.equal(sum.resetCount > 0);
    }
  });

  it("S10: had the traps in it, and says what was dropped", () => {
    const [h100, l40s, , t4] = lots[0]!;
    const [risen, restarted] = lots[1]!;
    const sumOf = (target: Target) => sums.get(target.uuids[0]!)!;
    expect(sumOf(h100!)).to.include({ isIntegrated: true });
    expect(sumOf(h100!).energyMJ > 60_000n * 7n).to.equal(true);
    for (const target of [l40s!, t4!]) expect(sumOf(target)).to.include({ energyMJ: 0n, isIntegrated: false });
    expect(sumOf(risen!).energyMJ >= 2_000_000n * 8n).to.equal(true);
    expect(sumOf(restarted!)).to.include({ resetCount: 1 });
    const dropsOf = (target: Target) =>
      readings.find(({ nodeId }) => nodeId === String(lots.flat().indexOf(target) + 1))!.drops;
    expect(dropsOf(risen!)).to.include({ blankCount: 1, notANumberCount: 1 });
    expect(dropsOf(restarted!)).to.include({ counterResetCount: 1 });
    expect(dropsOf(restarted!).migRepeatCount).to.be.greaterThan(6 * (SCRAPES - 1));
  });

  it("stands in the meters on-chain, to the watt-hour", async () => {
    const { telemetry } = program.contracts;
    const [event] = await telemetry.queryFilter(telemetry.filters.Submitted(epoch));
    const { meters, devicesReportingCount } = reportFrom(event!.args.report);
    expect(devicesReportingCount).to.equal(13n);
    lots.forEach((targets, index) => {
      const own = targets.flatMap(({ uuids }) => uuids.map((uuid) => sums.get(uuid)!));
      const total = (pick: (sum: BoardSum) => bigint) => own.reduce((sum, one) => sum + pick(one), 0n);
      const meter = unpackMeter(meters[index]!);
      expect(meter).to.deep.include({
        reportingCount: BigInt(own.length),
        gpuEnergyWh: total(({ energyMJ }) => energyMJ) / 3_600_000n,
        availableGpuSec: total(({ availableSec }) => availableSec),
        allocatedGpuSec: total(({ allocatedSec }) => allocatedSec),
      });
    });
    expect(unpackMeter(meters[1]!).gpuEnergyWh > 5n).to.equal(true);
  });
});
