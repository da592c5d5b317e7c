import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { SigningKey, Wallet, type JsonRpcProvider, type TransactionReceipt } from "ethers";

import { buildApp, listen } from "./app.ts";
import { startAgentHost, type AgentHost } from "./agent/host.ts";
import type { Allocation } from "./agent/node.ts";
import { chainClock } from "./clock.ts";
import { loadConfig } from "./config.ts";
import { signReading } from "./nodekey.ts";
import { openIntake } from "./jobs/intake.ts";
import type { KeeperAction } from "./jobs/acting.ts";
import { startKeeper } from "./jobs/keeper.ts";
import type { Oracle } from "./jobs/oracle.ts";
import { openStation, type Station } from "./jobs/station.ts";
import { startTransmitter } from "./jobs/transmit.ts";
import { markedSigner } from "./keys/marks.ts";
import { memorySigner } from "./keys/signer.ts";
import { contractsAfter } from "./plugins/chainAt.ts";
import { headBlock } from "./plugins/events.ts";
import { placeOf } from "./plugins/directory.ts";
import type { FiledReport } from "./plugins/head.ts";
import { openIdentityIntake } from "./plugins/identityIntake.ts";
import type { Peer } from "./plugins/peers.ts";
import { openCapital } from "./plugins/capital.ts";
import { openProofs } from "./plugins/proofs.ts";
import { readModel } from "./plugins/readmodel.ts";
import type { StoreOptions } from "./plugins/store.ts";
import type { Hex } from "./protocol/bytes.ts";
import { contractsAt, type Contracts } from "./protocol/contracts.ts";
import type { Deployment } from "./protocol/deployment.ts";
import type { SiteFactors } from "./protocol/lot.ts";
import { parseReading, readingDomain, readingHash, type SignedReadingJson } from "./protocol/reading.ts";
import { Refusal } from "./protocol/refusal.ts";
import { MILLI, epochEndAt } from "./protocol/units.ts";
import type { ReadingReceipt } from "./sources.ts";

export { connectChain } from "./plugins/chain.ts";

/** A GPU host that this program runs the agent of. */
export interface LocalHost {
  readonly hostname: string;
  readonly nodeId: bigint;
  readonly key: KeyObject;
  readonly allocation: Allocation;
  readonly maxGapSec: number;
}

export interface ProgramOptions {
  readonly deployment: Deployment;
  readonly rpcUrl: string;
  readonly store: StoreOptions;
  /** secp256k1 keys: the report signers, who pay for reports, who pays for settling. */
  readonly oracleKeys: readonly string[];
  readonly transmitterKey: string;
  readonly keeperKey: string;
  readonly factors: SiteFactors;
  readonly agents: readonly LocalHost[];
  /** Where the API listens, in place of what the settings say; port 0 takes any. */
  readonly api: { readonly host?: string; readonly port?: number };
}

/** An epoch that is on-chain, and what the oracles refused on its way there. */
export interface ClosedEpoch extends FiledReport {
  readonly refusals: readonly Refusal[];
  readonly receipt: TransactionReceipt;
  /** Readings of this program's agents. */
  readonly readings: number;
}

/** The roles agent, oracle (four of them), keeper and API in one process; whoever holds it drives the clock. */
export interface Program {
  readonly apiUrl: string;
  readonly provider: JsonRpcProvider;
  readonly contracts: Contracts;
  /** Hands a scrape, and the wall meter where there is one, to a host's agent; a host without one is none of ours. */
  observe(hostname: string, text: string, atSec: number, wallEnergyMJ?: bigint): Promise<void>;
  /** Closes the epoch after the newest on-chain: agents sign, every oracle takes the readings, 2f+1 sign the report. */
  closeEpoch(receivedAt: bigint): Promise<ClosedEpoch>;
  /** Does what is due at a chain time. */
  keep(nowAt: bigint): Promise<KeeperAction[]>;
  /** The epoch to be closed next. */
  nextEpoch(): bigint;
  /** Brings what the API serves up to the chain's head; it follows by itself too, a little later. */
  follow(): Promise<void>;
  stop(): Promise<void>;
}

const FOLLOW_EVERY_MS = 1_000;
const STEP_EVERY_MS = 250;
/** All oracles are in this process: who does not answer in a second will not. */
const ROUND_MS = 1_000;
const TURN_SEC = 2;
const CLOSE_MS = 60_000;

export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { deployment } = options;
  const { addresses } = deployment;
  const { dataDir } = options.store;
  const { host, port } = options.api;
  const config = loadConfig(process.env, {
    dataDir,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: String(port) }),
  });
  const { databaseUrl, statementTimeoutMs } = config;
  const closing: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    let peers: readonly Peer[] = [];
    const station = await openStation({
      ...{ deployment, rpcUrl: options.rpcUrl, filesFolder: join(dataDir, "files") },
      store: { databaseUrl, statementTimeoutMs, ...options.store },
      methodology: { factors: options.factors, exceptions: new Map() },
      peers: () => peers,
    });
    closing.push(() => station.close());
    const { store, provider, follower, files } = station;
    await follower.catchUp();
    const contracts = contractsAt(addresses, new Wallet(options.keeperKey, provider));
    const domain = readingDomain(BigInt(deployment.chainId), addresses.telemetry);
    const transmitter = startTransmitter(store, new Wallet(options.transmitterKey, provider), provider, {
      bumpAfterMs: config.bumpAfterSec * 1_000,
      maxFeePerGasWei: BigInt(config.maxFeeGwei) * 10n ** 9n,
    });
    await transmitter.resume();
    await follower.catchUp();

    let { lastEpoch } = await station.head();
    // An hour opens to the oracles once the agents' readings of it are in, not as soon as its last block is.
    let openUntilAt = epochEndAt(lastEpoch);
    const openedAt = () => (station.followedAt() < openUntilAt ? station.followedAt() : openUntilAt);

    const refusals: Refusal[] = [];
    let failed: unknown;
    const oracles = options.oracleKeys
      .map((key) => memorySigner(new SigningKey(key)))
      .sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1))
      .map((signer, oracleId) => {
        const marked = markedSigner(signer, join(dataDir, `oracle-${oracleId}.mark`));
        closing.push(() => marked.close());
        return station.startOracle({
          ...{ oracleId, signer: marked, transmitter, clock: chainClock(openedAt) },
          ...{ graceSec: 0n, skewSec: 0n, roundMs: ROUND_MS, turnSec: TURN_SEC },
          onRefusal: (refusal) => refusals.push(refusal),
          onError: (error) => (failed = error),
        });
      });
    peers = oracles.map(({ peer }) => peer);
    for (const oracle of oracles) {
      closing.push(() => oracle.stop());
      oracle.start(STEP_EVERY_MS);
    }
    const keeper = startKeeper(contracts, deployment);
    const localHosts = new Set(options.agents.map(({ hostname }) => hostname));
    const agents = await startAgents(options.agents, station, domain, join(dataDir, "agents"));
    closing.push(() => agents.close());
    const inTurn = takingTurns();

    const sources = readModel({
      ...{ store, follower, deployment, files, provider },
      proofs: openProofs({ files, domain }),
      contractsAfter: (block) => contractsAfter(provider, addresses, block),
      submit: (signed, receivedAt) => inTurn(() => submitReading(oracles, domain, signed, receivedAt)),
    });
    const identities = openIdentityIntake({ db: store.db, files });
    const intake = openIntake({
      ...{ store, registry: station.registry, oracleIds: oracles.map(({ oracleId }) => oracleId), domain },
      ...{ window: { maxDelaySec: station.maxDelaySec, skewSec: 0n }, threadCount: 0 },
      ...{ readingsPerMinute: config.readingsPerMinute, waitingBytes: config.ingestBytes },
      now: async () => (await headBlock(store.db))?.time ?? 0n,
      log: (line) => app.log.warn(line),
    });
    closing.push(() => intake.stop());
    const capital = openCapital({
      ...{ store, provider, deployment, files, follower, registry: station.registry },
      takesSignature: (...asked) => sources.takesSignature(...asked),
    });
    const app = await buildApp({ config, sources: { ...sources, readings: intake, identities, capital } });
    closing.push(() => app.close());
    const apiUrl = await listen(app, config.host, config.port);
    follower.start(FOLLOW_EVERY_MS, (error) => app.log.warn({ err: error }, "the chain cannot be followed"));

    /** The report of an epoch, once it is on-chain. */
    const reported = async (epoch: bigint): Promise<FiledReport> => {
      await follower.catchUp();
      const deadlineMs = Date.now() + CLOSE_MS;
      for (;;) {
        const { newest, lastEpoch: last } = await station.head();
        if (newest !== undefined && last >= epoch) return newest;
        if (Date.now() > deadlineMs) {
          if (failed instanceof Error) throw failed;
          throw new Refusal("Epoch_NotReported", { epoch, waitedMs: CLOSE_MS });
        }
        for (const oracle of oracles) oracle.wake();
        await sleep(2);
      }
    };

    return {
      apiUrl,
      provider,
      contracts,
      async observe(hostname, text, atSec, wallEnergyMJ) {
        if (localHosts.has(hostname)) await agents.take(hostname, BigInt(atSec) * MILLI, text, wallEnergyMJ);
      },
      closeEpoch: (receivedAt) =>
        inTurn(async () => {
          const epoch = lastEpoch + 1n;
          failed = undefined;
          await agents.closeEpoch(epoch);
          const batch = await readingsOf(agents, epoch);
          await Promise.all(oracles.map((oracle) => oracle.catchUp()));
          refusals.push(...(await ingestEverywhere(oracles, batch, receivedAt)));
          openUntilAt = epochEndAt(epoch);
          const filed = await reported(epoch);
          lastEpoch = epoch;
          for (const closeIndex of agents.spool.closes()) agents.spool.remove(closeIndex);
          const receipt = await provider.getTransactionReceipt(filed.transactionHash);
          if (receipt === null) throw new Refusal("Epoch_NoReceipt", { epoch, txHash: filed.transactionHash });
          return { ...filed, receipt, refusals: refusals.splice(0), readings: batch.length };
        }),
      keep: (nowAt) => keeper.run(nowAt),
      nextEpoch: () => lastEpoch + 1n,
      follow: () => follower.catchUp(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The agents of this program's hosts, each with the places of its boards. */
async function startAgents(
  hosts: readonly LocalHost[],
  station: Station,
  domain: Hex,
  folder: string,
): Promise<AgentHost> {
  const directory = await station.registry.at((await station.head()).block.time);
  const nodes = hosts.map(({ key, ...host }) => ({
    ...{ ...host, ...placeOf(directory, host.nodeId) },
    sign: (hash: Hex) => Promise.resolve(signReading(key, hash)),
  }));
  return startAgentHost({ folder, domain, nodes });
}

/** The local agents' readings of an epoch that is not reported yet, also those signed before a restart. */
async function readingsOf({ spool }: AgentHost, epoch: bigint): Promise<SignedReadingJson[]> {
  const readings: SignedReadingJson[] = [];
  for (const closeIndex of spool.closes()) {
    for await (const signed of spool.read(closeIndex)) {
      if (BigInt(signed.reading.epoch) === epoch) readings.push(signed);
    }
  }
  return readings;
}

/** Gives one reading to every oracle. What one of them did not have is new; a second reading of an epoch is said so. */
async function submitReading(
  oracles: readonly Oracle[],
  domain: Hex,
  signed: SignedReadingJson,
  receivedAt: bigint,
): Promise<ReadingReceipt> {
  const results = await Promise.all(oracles.map((oracle) => oracle.ingest([signed], receivedAt)));
  const outcomes = results.flat().map((ingested) => {
    if (ingested.outcome === "refused") throw ingested.refusal;
    return ingested.outcome;
  });
  const outcome = (["equivocation", "inserted"] as const).find((one) => outcomes.includes(one)) ?? "duplicate";
  const reading = parseReading(signed.reading);
  return { outcome, epoch: reading.epoch, nodeId: reading.nodeId, readingHash: readingHash(domain, reading) };
}

/**
 * Every oracle verifies and keeps the readings for itself. What the first one refuses is said: somebody with a node's
 * key can make our agent's reading the second of its epoch, and that must not stop the others.
 */
async function ingestEverywhere(
  oracles: readonly Oracle[],
  batch: SignedReadingJson[],
  receivedAt: bigint,
): Promise<Refusal[]> {
  const [results = []] = await Promise.all(oracles.map((oracle) => oracle.ingest(batch, receivedAt)));
  return results.flatMap((ingested, place) => {
    if (ingested.outcome === "refused") return [ingested.refusal];
    if (ingested.outcome !== "equivocation") return [];
    const { nodeId = "", epoch = "" } = batch[place]?.reading ?? {};
    return [new Refusal("Reading_Equivocation", { nodeId, epoch })];
  });
}

/** Runs what it is given one after the other: no reading arrives between an epoch's proposal and its signatures. */
function takingTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}
