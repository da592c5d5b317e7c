import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { SigningKey, Wallet, type Block, type JsonRpcProvider } from "ethers";

import { chainClock, type Clock } from "../../server/clock.ts";
import type { Oracle, OracleOptions } from "../../server/jobs/oracle.ts";
import { openStation, type Station } from "../../server/jobs/station.ts";
import { startTransmitter, type Transmitter } from "../../server/jobs/transmit.ts";
import { markedSigner } from "../../server/keys/marks.ts";
import { memorySigner } from "../../server/keys/signer.ts";
import { signReading } from "../../server/nodekey.ts";
import { connectChain } from "../../server/plugins/chain.ts";
import type { Directory } from "../../server/plugins/directory.ts";
import type { Files } from "../../server/plugins/files.ts";
import type { FiledReport, TelemetryHead } from "../../server/plugins/head.ts";
import type { Peer } from "../../server/plugins/peers.ts";
import type { Store } from "../../server/plugins/store.ts";
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
import type { Refusal } from "../../server/protocol/refusal.ts";
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
export const GENESIS_AT = START_AT - 2 * 86_400;
export const FIRST_PAYMENT_AT = Date.UTC(2026, 1, 3) / 1000;
export const FACTORS: SiteFactors = {
  ...{ overheadE4: 12_300n, pueE4: 12_500n, cfeBps: 4_092n, gCO2ePerKWh: 369n, waterMlPerKWh: 1_800n },
};
const ROUND_MS = 400;

/** A report that is on-chain, and what the oracles refused on its way there. */
export interface ClosedEpoch extends FiledReport {
  readonly refusals: readonly Refusal[];
}

export type Overrides = Partial<Pick<OracleOptions, "clock" | "roundMs" | "turnSec" | "graceSec" | "skewSec">> & {
  /** What the oracles find at their peers, by the order of the signers. */
  readonly peers?: (peers: readonly Peer[]) => Promise<readonly Peer[]>;
  /** One oracle's own clock. */
  readonly clockOf?: (oracleId: number) => Clock | undefined;
};

export interface Stage {
  readonly folder: string;
  readonly chain: LocalChain;
  readonly provider: JsonRpcProvider;
  readonly world: World;
  readonly fleet: FleetLot[];
  readonly store: Store;
  readonly files: Files;
  readonly contracts: Contracts;
  readonly station: Station;
  readonly domain: Hex;
  /** The registry as it stands at the chain's head. */
  directory(): Promise<Directory>;
  /** Four oracles on the store, by the order of the signers, as a program that starts makes them. */
  startOracles(overrides?: Overrides, transmitter?: Transmitter): Promise<Oracle[]>;
  startTransmitter(): Transmitter;
  /** Where the n-th oracle's mark is kept until the next reset. */
  markFile(oracleId: number): string;
  /** What oracles refused since it was asked last. */
  refusals(): Refusal[];
  /** Moves the chain's clock to the end of the next epoch, and lets the oracles close it. */
  close(oracles: readonly Oracle[]): Promise<ClosedEpoch>;
  /** Lets the oracles go on until something is so. */
  until(oracles: readonly Oracle[], isSo: (head: TelemetryHead) => boolean | Promise<boolean>): Promise<TelemetryHead>;
  head(): Promise<TelemetryHead>;
  advanceTo(at: number | bigint): Promise<void>;
  /** All that the store holds of oracles and their transactions, as text: equal before and after says that nothing changed. */
  storeText(): Promise<string>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const TABLES = [
  ...["readings", "equivocations", "reports", "signatures", "outbox", "outbox_versions", "kv"],
  ...["ballots", "drafts", "decisions", "reported_readings"],
];
const UNTIL_MS = 30_000;

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
  const chain = await startChain({ genesisAt: GENESIS_AT, port: 0, folder, isKept: false });
  const provider = await connectChain(chain.url, chain.chainId);
  await provider.send("anvil_setBlockTimestampInterval", [1]);
  const world = await buildWorld({
    ...{ seed: SEED, provider, fleet, folder },
    ...{ genesisAt: GENESIS_AT, startAt: START_AT, firstPaymentAt: FIRST_PAYMENT_AT, startEpoch },
  });
  const { deployment, cast } = world;
  let peers: readonly Peer[] = [];
  let started: Oracle[] = [];
  let runs = 0;
  const refused: Refusal[] = [];
  const closing: (() => Promise<void>)[] = [];
  const station = await openStation({
    ...{ deployment, rpcUrl: chain.url, store: { dataDir: join(folder, "store") }, filesFolder: join(folder, "files") },
    methodology: { factors: FACTORS, exceptions: new Map() },
    peers: () => peers,
  });
  const { store, files, follower } = station;
  const contracts = contractsAt(deployment.addresses, cast.keeper.connect(provider));
  const domain = readingDomain(BigInt(chain.chainId), deployment.addresses.telemetry);
  let snapshot = (await provider.send("evm_snapshot", [])) as string;

  const stopOracles = async () => {
    for (const oracle of started.splice(0)) await oracle.stop();
    for (const close of closing.splice(0)) await close();
  };

  const stage: Stage = {
    ...{ folder, chain, provider, world, fleet, store, files, contracts, station, domain },
    async directory() {
      return await station.registry.at((await stage.head()).block.time);
    },
    async startOracles(overrides = {}, transmitter = stage.startTransmitter()) {
      await stopOracles();
      await stage.head(); // the clock of the chain is known from here on
      const { peers: reach, clockOf, ...rest } = overrides;
      started = inOrder(cast.oracles).map((wallet, oracleId) => {
        const signer = markedSigner(memorySigner(new SigningKey(wallet.privateKey)), stage.markFile(oracleId));
        closing.push(() => signer.close());
        return station.startOracle({
          ...{ oracleId, signer, transmitter, clock: chainClock(() => station.followedAt()) },
          ...{ graceSec: 0n, skewSec: 0n, roundMs: ROUND_MS, turnSec: 0 },
          ...rest,
          ...(clockOf?.(oracleId) === undefined ? {} : { clock: clockOf(oracleId)! }),
          onRefusal: (refusal) => refused.push(refusal),
          onError: () => undefined,
        });
      });
      const own = started.map(({ peer }) => peer);
      peers = (await reach?.(own)) ?? own;
      for (const oracle of started) oracle.start(50);
      return started;
    },
    startTransmitter: () => startTransmitter(store, cast.transmitter.connect(provider), provider),
    markFile: (oracleId) => join(folder, `mark-${runs}-${oracleId}`),
    refusals: () => refused.splice(0),
    async close(oracles) {
      const { lastEpoch } = await stage.head();
      await stage.advanceTo((lastEpoch + 2n) * 3600n);
      const { newest } = await stage.until(oracles, (head) => head.lastEpoch > lastEpoch);
      return { ...newest!, refusals: stage.refusals() };
    },
    async until(oracles, isSo) {
      const deadlineMs = Date.now() + UNTIL_MS;
      for (;;) {
        const head = await stage.head();
        if (await isSo(head)) return head;
        if (Date.now() > deadlineMs) throw new Error(`nothing came: ${stage.refusals().map(String).join("; ")}`);
        for (const oracle of oracles) oracle.wake();
        await sleep(10);
      }
    },
    async head() {
      await follower.catchUp();
      return await station.head();
    },
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
      await stopOracles();
      refused.splice(0);
      runs += 1; // the marks of the last test are not this one's
      await provider.send("evm_revert", [snapshot]);
      snapshot = (await provider.send("evm_snapshot", [])) as string;
      await store.db.query(`truncate ${TABLES.join(", ")} restart identity`);
    },
    async stop() {
      await stopOracles();
      provider.destroy();
      await station.close();
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return stage;
}

/** Wallets as the contract orders its signers. */
export function inOrder(wallets: readonly { readonly address: string; readonly privateKey: string }[]) {
  return wallets.toSorted((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
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
