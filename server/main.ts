import type { KeyObject } from "node:crypto";
import { join } from "node:path";

import { Wallet, type JsonRpcProvider } from "ethers";

import { Telemetry__factory } from "../types/factories/telemetry/Telemetry__factory.ts";
import { buildApp } from "./app.ts";
import { startAgentHost, type AgentHost } from "./agent/host.ts";
import type { Allocation } from "./agent/node.ts";
import { loadConfig } from "./config.ts";
import { Failure, codeOf } from "./failure.ts";
import { signReading } from "./nodekey.ts";
import { closeEpoch, type ClosedEpoch, type EpochOptions } from "./jobs/epoch.ts";
import { startKeeper, type KeeperAction } from "./jobs/keeper.ts";
import { startOracle, type Oracle } from "./jobs/oracle.ts";
import { startTransmitter } from "./jobs/transmit.ts";
import { connectChain, decimalCountOf, telemetryHead, type TelemetryHead } from "./plugins/chain.ts";
import { readDirectory } from "./plugins/directory.ts";
import { startFollower } from "./plugins/follow.ts";
import type { Api } from "./plugins/http.ts";
import { readModel } from "./plugins/readmodel.ts";
import { markOf, setMark } from "./plugins/queries.ts";
import { openStore, type Store, type StoreOptions } from "./plugins/store.ts";
import type { Hex } from "./protocol/bytes.ts";
import { contractsAt, type Contracts } from "./protocol/contracts.ts";
import type { Deployment } from "./protocol/deployment.ts";
import { keccakText } from "./protocol/keccak.ts";
import type { SiteFactors } from "./protocol/lot.ts";
import { methodologyText } from "./protocol/methodology.ts";
import { parseReading, readingDomain, readingHash, type SignedReadingJson } from "./protocol/reading.ts";
import { Refusal } from "./protocol/refusal.ts";
import { domainOf, structOf } from "./protocol/typed.ts";
import { MILLI } from "./protocol/units.ts";
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

/** The roles agent, oracle (four of them), keeper and API in one process; whoever holds it drives the clock. */
export interface Program {
  readonly apiUrl: string;
  readonly provider: JsonRpcProvider;
  readonly contracts: Contracts;
  /** Hands a scrape, and the wall meter where there is one, to a host's agent; a host without one is none of ours. */
  observe(hostname: string, text: string, atSec: number, wallEnergyMJ?: bigint): Promise<void>;
  /** Closes the epoch after the newest on-chain: agents sign, every oracle takes the readings, 2f+1 sign the report. */
  closeEpoch(receivedAt: bigint): Promise<ClosedEpoch & { readings: number }>;
  /** Does what is due at a chain time. */
  keep(nowAt: bigint): Promise<KeeperAction[]>;
  /** The epoch to be closed next. */
  nextEpoch(): bigint;
  /** Brings what the API serves up to the chain's head; it follows by itself too, a little later. */
  follow(): Promise<void>;
  stop(): Promise<void>;
}

const FOLLOW_EVERY_MS = 1_000;

export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { deployment } = options;
  const { addresses } = deployment;
  const { host, port } = options.api;
  const config = loadConfig(process.env, {
    dataDir: options.store.dataDir,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: String(port) }),
  });
  const { databaseUrl, statementTimeoutMs } = config;
  const provider = await connectChain(options.rpcUrl, deployment.chainId);
  const closing: (() => Promise<void> | void)[] = [() => provider.destroy()];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const store = await openStore({ databaseUrl, statementTimeoutMs, ...options.store });
    closing.push(() => store.close());
    await claimStore(store, deployment);
    const contracts = contractsAt(addresses, new Wallet(options.keeperKey, provider));
    const directory = await readDirectory(contracts, deployment.identities, options.factors);
    const domain = readingDomain(BigInt(deployment.chainId), addresses.telemetry);
    const signing = {
      reportDomain: domainOf(await contracts.telemetry.eip712Domain()),
      reportStruct: structOf(Telemetry__factory.abi, "submit", "report"),
    };
    const methodologyHash = keccakText(methodologyText({ factors: options.factors, exceptions: new Map() }));
    const oracles: Oracle[] = options.oracleKeys.map((key, oracleId) =>
      startOracle({
        ...signing,
        ...{ oracleId, signer: new Wallet(key), store, directory, readingDomain: domain, methodologyHash },
      }),
    );
    const transmitter = startTransmitter(store, new Wallet(options.transmitterKey, provider), provider);
    await transmitter.resume();
    const epochOptions: EpochOptions = { ...signing, oracles, store, transmitter, telemetry: addresses.telemetry };
    const keeper = startKeeper(contracts, deployment);
    const localHosts = new Set(options.agents.map(({ hostname }) => hostname));
    const agents = startAgentHost({
      folder: join(config.dataDir, "agents"),
      domain,
      nodes: options.agents.map(({ key, ...host }) => {
        const lotId = directory.nodes.get(host.nodeId)?.lotId ?? 0n;
        const devices = directory.lots.get(lotId)?.devices ?? [];
        const deviceIndex = new Map(
          devices.flatMap(({ name, nodeId }, index) => (nodeId === host.nodeId ? [[name, index] as const] : [])),
        );
        return { ...host, lotId, deviceIndex, sign: (hash: Hex) => Promise.resolve(signReading(key, hash)) };
      }),
    });
    closing.push(() => agents.close());
    let head: TelemetryHead = await telemetryHead(contracts.telemetry);
    const inTurn = takingTurns();

    const follower = startFollower({ store, provider, deployment });
    closing.push(() => follower.stop());
    await follower.catchUp();
    const sources = readModel({
      ...{ store, follower, deployment },
      assetDecimalCount: await decimalCountOf(provider, addresses.asset),
      submit: (signed, receivedAt) =>
        inTurn(async () => {
          requireOpen(signed, head.lastEpoch + 1n);
          return await submitReading(oracles, domain, signed, receivedAt);
        }),
    });
    const app = await buildApp({ config, sources });
    closing.push(() => app.close());
    const apiUrl = await listen(app, config.host, config.port);
    follower.start(FOLLOW_EVERY_MS, (error) => app.log.warn({ err: error }, "the chain cannot be followed"));

    return {
      apiUrl,
      provider,
      contracts,
      async observe(hostname, text, atSec, wallEnergyMJ) {
        if (localHosts.has(hostname)) await agents.take(hostname, BigInt(atSec) * MILLI, text, wallEnergyMJ);
      },
      closeEpoch: (receivedAt) =>
        inTurn(async () => {
          const epoch = head.lastEpoch + 1n;
          await agents.closeEpoch(epoch);
          const batch = await readingsOf(agents, epoch);
          const refused = await ingestEverywhere(oracles, batch, receivedAt);
          const closed = await closeEpoch(epochOptions, head);
          head = closed.head;
          for (const closeIndex of agents.spool.closes()) agents.spool.remove(closeIndex);
          return { ...closed, refusals: [...refused, ...closed.refusals], readings: batch.length };
        }),
      keep: (nowAt) => keeper.run(nowAt),
      nextEpoch: () => head.lastEpoch + 1n,
      follow: () => follower.catchUp(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
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

/** A database holds the rows of one deployment: those of another would be taken for this one's. */
async function claimStore({ db }: Store, { id }: Deployment): Promise<void> {
  const owner = await markOf(db, "deployment");
  if (owner === undefined) await setMark(db, "deployment", id);
  else if (owner !== id) {
    const remedy = "use another database or another data folder";
    throw new Failure("Store_OtherDeployment", `the database belongs to deployment ${owner}, this is ${id}; ${remedy}`);
  }
}

/** Begins to serve; the address it serves at. */
async function listen(app: Api, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    const remedy = "stop the program that has it, or choose another with --port, or 0 for any";
    throw new Failure("Api_PortTaken", `port ${port} of ${host} is taken: ${remedy}`, { cause: error });
  }
}

/** Older readings change no report any more, and would only fill the store. */
const LATEST_EPOCHS = 72n;

/** Refuses a reading of an hour that is not over, or long past. */
function requireOpen(signed: SignedReadingJson, nextEpoch: bigint): void {
  const { nodeId, epoch } = parseReading(signed.reading);
  if (epoch > nextEpoch) throw new Refusal("Reading_Future", { nodeId, epoch, nextEpoch });
  if (epoch + LATEST_EPOCHS < nextEpoch) throw new Refusal("Reading_TooOld", { nodeId, epoch, nextEpoch });
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
