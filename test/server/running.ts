import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Block, JsonRpcProvider } from "ethers";
import { gpuModel, SITE_FACTORS } from "../../scripts/catalogue.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { startChain } from "../../scripts/chain.ts";
import { generateHost } from "../../scripts/exporter.ts";
import type { FleetLot } from "../../scripts/fleet.ts";
import { buildWorld, type World } from "../../scripts/world.ts";
import { ZERO_BYTES32 } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { parseReading, readingDomain, readingHash, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { signReading } from "../../server/nodekey.ts";
import { connectChain, startProgram, type Program } from "../../server/main.ts";

// A small world on a local chain: two lots of one host with two GPUs each, a facility, leases, a market.

export const SEED = "running";
export const HOUR_SEC = 3600;
export const START_AT = Date.UTC(2026, 0, 1) / 1000;
/** The first payment date comes before any rent is due: what is distributed then is a surplus. */
export const FIRST_PAYMENT_AT = START_AT + 10 * HOUR_SEC;
const GENESIS_AT = START_AT - 48 * HOUR_SEC;

export interface RunningWorld extends World {
  folder: string;
  rpcUrl: string;
  provider: JsonRpcProvider;
  fleet: FleetLot[];
  stop(): Promise<void>;
}

/** `given`: other hosts, and the first hour that is reported, where it is not the leases' first. */
export async function startWorld(given: { fleet?: FleetLot[]; startEpoch?: bigint } = {}): Promise<RunningWorld> {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-world-"));
  const chain = await startChain({ genesisAt: GENESIS_AT, port: 0, folder, isKept: false });
  const provider = await connectChain(chain.url, chain.chainId);
  await provider.send("anvil_setBlockTimestampInterval", [1]);
  const model = gpuModel("H100");
  const generated = () =>
    [0, 1].map((hostIndex) => {
      const host = generateHost({
        ...{ seed: SEED, startAt: START_AT, hostIndex, gpuCount: 2 },
        ...{ modelName: model.name, tdpW: model.tdpW, quantiles: undefined },
      });
      return { model, hosts: [host], gpuCount: 2 };
    });
  const fleet = given.fleet ?? generated();
  const world = await buildWorld({
    ...{ seed: SEED, provider, fleet, folder },
    ...{ genesisAt: GENESIS_AT, startAt: START_AT, firstPaymentAt: FIRST_PAYMENT_AT },
    ...(given.startEpoch === undefined ? {} : { startEpoch: given.startEpoch }),
  });
  return {
    ...world,
    ...{ folder, rpcUrl: chain.url, provider, fleet },
    async stop() {
      provider.destroy();
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The program on that world; the second host has no agent: its readings come from outside. */
export async function startRunning(world: RunningWorld, dataDir: string, port = 0): Promise<Program> {
  const { itPerGpuEnergyE4: overheadE4, ...factors } = SITE_FACTORS;
  const { hostname } = world.fleet[0]!.hosts[0]!;
  return await startProgram({
    ...{ deployment: world.deployment, rpcUrl: world.rpcUrl, factors: { overheadE4, ...factors } },
    store: { dataDir },
    oracleKeys: world.cast.oracles.map((wallet) => wallet.privateKey),
    transmitterKey: world.cast.transmitter.privateKey,
    keeperKey: world.cast.keeper.privateKey,
    agents: [
      {
        ...{ hostname, nodeId: 1n, key: nodeKeyOf(SEED, hostname).key, allocation: "pod" as const },
        ...{ maxGapSec: 2 * HOUR_SEC },
      },
    ],
    api: { host: "127.0.0.1", port },
  });
}

/** Moves the chain's clock to a time and mines a block there, unless it is later already. */
export async function advanceTo(provider: JsonRpcProvider, at: number): Promise<void> {
  const { timestamp } = (await provider.getBlock("latest")) as Block;
  if (at <= timestamp) return;
  await provider.send("evm_setNextBlockTimestamp", [at]);
  await provider.send("evm_mine", []);
}

/** Runs one hour: two scrapes, and the epoch closed at its end. */
export async function runHour(world: RunningWorld, program: Program): Promise<bigint> {
  const epoch = program.nextEpoch();
  const endAt = (Number(epoch) + 1) * HOUR_SEC;
  const host = world.fleet[0]!.hosts[0]!;
  for (const at of [endAt - HOUR_SEC, endAt - HOUR_SEC / 2, endAt]) {
    const text = host.scrape(at);
    if (text !== undefined) await program.observe(host.hostname, text, at, host.wallEnergyMJ?.(at));
  }
  await advanceTo(world.provider, endAt);
  await program.closeEpoch(BigInt(endAt));
  return epoch;
}

/** A reading of the second host, signed by its node. */
export function outsideReading(
  world: RunningWorld,
  epoch: bigint,
  change: Partial<SignedReadingJson["reading"]> = {},
): SignedReadingJson {
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
}

/** What a path of the program's API answers. */
export async function getJson<T>(program: Program, path: string): Promise<T> {
  const answer = await fetch(program.apiUrl + path);
  if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** The status that a path of the program's API answers with. */
export async function statusOf(program: Program, path: string): Promise<number> {
  return (await fetch(program.apiUrl + path)).status;
}

/** A page as the API gives it. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** Hands a reading to the program's API. */
export async function postReading(program: Program, signed: SignedReadingJson) {
  const answer = await fetch(`${program.apiUrl}/v1/readings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(signed),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}
