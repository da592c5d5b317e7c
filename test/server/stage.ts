import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Wallet, type Block, type JsonRpcProvider } from "ethers";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { closeEpoch, type ClosedEpoch, type EpochOptions } from "../../server/jobs/epoch.ts";
import { startOracle, type Oracle } from "../../server/jobs/oracle.ts";
import { startTransmitter, type Transmitter } from "../../server/jobs/transmit.ts";
import { signReading } from "../../server/nodekey.ts";
import { connectChain, telemetryHead, type TelemetryHead } from "../../server/plugins/chain.ts";
import { readDirectory, type Directory } from "../../server/plugins/directory.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, type Contracts } from "../../server/protocol/contracts.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import type { SiteFactors } from "../../server/protocol/lot.ts";
import {
  readingDomain,
  readingHash,
  readingJson,
  type DeviceHour,
  type Reading,
  type SignedReadingJson,
} from "../../server/protocol/reading.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { gpuModel } from "../../scripts/catalogue.ts";
import { startChain, type LocalChain } from "../../scripts/chain.ts";
import { generateHost } from "../../scripts/exporter.ts";
import type { FleetLot } from "../../scripts/fleet.ts";
import { buildWorld, type World } from "../../scripts/world.ts";

// A small world on a chain and a store of its own: two lots, three nodes of one board each, four oracles. Tests drive the
// clock; `reset` brings chain and store back to where they were.

const SEED = "stage";
export const START_AT = Date.UTC(2026, 0, 1) / 1000;
export const FIRST_EPOCH = BigInt(START_AT / 3600);
const GENESIS_AT = START_AT - 2 * 86_400;
export const FIRST_PAYMENT_AT = Date.UTC(2026, 1, 3) / 1000;
export const FACTORS: SiteFactors = {
  ...{ overheadE4: 12_300n, pueE4: 12_500n, cfeBps: 4_092n, gCO2ePerKWh: 369n, waterMlPerKWh: 1_800n },
};
const METHODOLOGY: Hex = `0x${"77".repeat(32)}`;

export interface Stage {
  readonly folder: string;
  readonly chain: LocalChain;
  readonly provider: JsonRpcProvider;
  readonly world: World;
  readonly fleet: FleetLot[];
  readonly store: Store;
  readonly files: Files;
  readonly contracts: Contracts;
  readonly directory: Directory;
  readonly domain: Hex;
  /** Four oracles on the store, as a program that starts makes them. */
  startOracles(): Oracle[];
  startTransmitter(): Transmitter;
  epochOptions(oracles: readonly Oracle[], transmitter?: Transmitter): EpochOptions;
  /** Moves the chain's clock to the end of the head's next epoch, and closes it. */
  close(oracles: readonly Oracle[], head?: TelemetryHead): Promise<ClosedEpoch>;
  head(): Promise<TelemetryHead>;
  advanceTo(at: number | bigint): Promise<void>;
  /** All that the store holds, as text: equal before and after says that nothing changed. */
  storeText(): Promise<string>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const TABLES = ["readings", "equivocations", "reports", "signatures", "high_water", "outbox", "outbox_versions", "kv"];

/** `startEpoch`: the first hour that is reported, where it is not the leases' first. */
export async function startStage(startEpoch?: bigint): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-stage-"));
  const model = gpuModel("H100");
  const host = (hostIndex: number) =>
    generateHost({ seed: SEED, hostIndex, gpuCount: 1, modelName: model.name, tdpW: model.tdpW, startAt: START_AT });
  const fleet: FleetLot[] = [
    { model, hosts: [host(0), host(1)], gpuCount: 2 },
    { model, hosts: [host(2)], gpuCount: 1 },
  ];
  const [chain, store, files] = await Promise.all([
    startChain({ genesisAt: GENESIS_AT, port: 0, folder, isKept: false }),
    openStore({ dataDir: join(folder, "store") }),
    openFiles(join(folder, "files")),
  ]);
  const provider = await connectChain(chain.url, chain.chainId);
  await provider.send("anvil_setBlockTimestampInterval", [1]);
  const world = await buildWorld({
    ...{ seed: SEED, provider, fleet, folder },
    ...{ genesisAt: GENESIS_AT, startAt: START_AT, firstPaymentAt: FIRST_PAYMENT_AT, startEpoch },
  });
  const { deployment, cast } = world;
  const { addresses } = deployment;
  const contracts = contractsAt(addresses, cast.keeper.connect(provider));
  const directory = await readDirectory(contracts, deployment.identities, FACTORS);
  const domain = readingDomain(BigInt(chain.chainId), addresses.telemetry);
  const signing = {
    reportDomain: domainOf(await contracts.telemetry.eip712Domain()),
    reportStruct: structOf(Telemetry__factory.abi, "submit", "report"),
  };
  let snapshot = (await provider.send("evm_snapshot", [])) as string;

  const stage: Stage = {
    ...{ folder, chain, provider, world, fleet, store, files, contracts, directory, domain },
    startOracles: () =>
      cast.oracles.map((signer, oracleId) =>
        startOracle({
          ...signing,
          ...{ oracleId, signer, store, files, directory, readingDomain: domain, methodologyHash: METHODOLOGY },
        }),
      ),
    startTransmitter: () => startTransmitter(store, cast.transmitter.connect(provider), provider),
    epochOptions: (oracles, transmitter = stage.startTransmitter()) => ({
      ...signing,
      ...{ oracles, store, transmitter, telemetry: addresses.telemetry },
    }),
    async close(oracles, head) {
      const from = head ?? (await stage.head());
      await stage.advanceTo((from.lastEpoch + 2n) * 3600n);
      return await closeEpoch(stage.epochOptions(oracles), from);
    },
    head: () => telemetryHead(contracts.telemetry),
    async advanceTo(at) {
      const { timestamp } = (await provider.getBlock("latest")) as Block;
      if (Number(at) <= timestamp) return;
      await provider.send("evm_setNextBlockTimestamp", [Number(at)]);
      await provider.send("evm_mine", []);
    },
    async storeText() {
      const tables = [];
      for (const table of TABLES) {
        const { rows } = await store.db.query<{ text: string }>(
          `select coalesce(string_agg(t::text, E'\\n' order by t::text), '') as text from ${table} t`,
        );
        tables.push(`${table}\n${rows[0]?.text ?? ""}`);
      }
      return tables.join("\n");
    },
    async reset() {
      await provider.send("evm_revert", [snapshot]);
      snapshot = (await provider.send("evm_snapshot", [])) as string;
      await store.db.query(`truncate ${TABLES.join(", ")} restart identity`);
    },
    async stop() {
      provider.destroy();
      await store.close();
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return stage;
}

/** What a test says of a node's hour; the rest is an idle board that was up and allocated all hour. */
export interface HourOptions {
  readonly before?: SignedReading | undefined;
  readonly energyMJ?: bigint;
  readonly reading?: Partial<Reading>;
  readonly device?: Partial<DeviceHour>;
  readonly domain?: Hex;
  /** The host whose key signs, in place of the node's own. */
  readonly signedBy?: number;
}

export type SignedReading = SignedReadingJson & { readonly value: Reading; readonly hash: Hex };

/** The signed reading of the n-th host's node (its id is n + 1) for an epoch. */
export function readingOf(stage: Stage, hostIndex: number, epoch: bigint, options: HourOptions = {}): SignedReading {
  const hosts = stage.fleet.flatMap((lot, index) => lot.hosts.map((host) => ({ host, lotId: BigInt(index + 1) })));
  const { host, lotId } = hosts[hostIndex]!;
  const { before, energyMJ = 700_000_000n } = options;
  const startMJ = before?.value.devices[0]?.energyEndMJ ?? 0n;
  const value: Reading = {
    nodeId: BigInt(hostIndex + 1),
    lotId,
    epoch,
    sequenceIndex: before === undefined ? 0n : before.value.sequenceIndex + 1n,
    prevReadingHash: before?.hash ?? `0x${"0".repeat(64)}`,
    periodStartAt: epoch * 3600n,
    periodEndAt: (epoch + 1n) * 3600n,
    itEnergy: null,
    drops: noDrops(),
    devices: [
      {
        deviceIndex: lotId === 1n ? hostIndex : 0,
        deviceId: identityAnchor(host.gpus[0]!.uuid),
        ...{ energyStartMJ: startMJ, energyEndMJ: startMJ + energyMJ },
        ...{ availableSec: 3600n, allocatedSec: 3600n, smActiveMilliSec: 0n, curtailedSec: 0n, workUnits: 0n },
        ...{ flagsBitmap: 0, droppedCount: 0 },
        ...options.device,
      },
    ],
    ...options.reading,
  };
  const hash = readingHash(options.domain ?? stage.domain, value);
  const signer = hosts[options.signedBy ?? hostIndex]!.host.hostname;
  return { reading: readingJson(value), signature: signReading(nodeKeyOf(SEED, signer).key, hash), value, hash };
}

/** What goes over the wire of it. */
export function wire({ reading, signature }: SignedReading): SignedReadingJson {
  return { reading, signature };
}

/** A key that holds coins. */
export async function payer(stage: Stage, name: string): Promise<Wallet> {
  const wallet = new Wallet(`0x${Buffer.from(name.padEnd(32, "-")).toString("hex")}`, stage.provider);
  await stage.provider.send("anvil_setBalance", [wallet.address, "0xde0b6b3a7640000"]);
  return wallet;
}
