import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { Command } from "commander";

import { buildApp, listen } from "../app.ts";
import { chainClock, systemClock } from "../clock.ts";
import type { Config } from "../config.ts";
import { SETTINGS } from "../settings.ts";
import { Failure } from "../failure.ts";
import { openIntake } from "../jobs/intake.ts";
import { openStation } from "../jobs/station.ts";
import { epochOfCall } from "../jobs/filing.ts";
import { startTransmitter } from "../jobs/transmit.ts";
import { GasSigner } from "../keys/gasSigner.ts";
import { markedSigner } from "../keys/marks.ts";
import { openSigner } from "../keys/signer.ts";
import { openIdentityIntake } from "../plugins/identityIntake.ts";
import { peerClient } from "../plugins/peerClient.ts";
import { contractsAfter } from "../plugins/chainAt.ts";
import { openProofs } from "../plugins/proofs.ts";
import { readModel } from "../plugins/readmodel.ts";
import { parseMethodology, type Methodology } from "../protocol/methodology.ts";
import { readingDomain, readingHash, parseReading } from "../protocol/reading.ts";
import { domainOf, domainSeparator } from "../protocol/typed.ts";
import type { ReadingReceipt } from "../sources.ts";
import { deploymentOf, readText, required, running, type Closing } from "./service.ts";

const FOLLOW_EVERY_MS = 1_000;
const STEP_EVERY_MS = 500;
const OUTBOX_EVERY_MS = 1_000;
/** One oracle has one database: its rows are the first role's. */
const ORACLE_ID = 0;

/** `rackbond oracle`: one of the n oracles, until it is told to end. */
export function oracleCommand(): Command {
  return new Command("oracle")
    .description("run one oracle: it takes readings, decides reports with its peers and brings them on-chain")
    .action(run);
}

async function run(): Promise<void> {
  await running("oracle", startServing);
}

async function startServing(config: Config, closing: Closing): Promise<string> {
  const deployment = deploymentOf(config);
  const rules = { isProduction: config.mode === "production", passwordFile: config.passwordFile };
  const report = await openSigner(required(config, "reportKey"), rules, SETTINGS.reportKey.env);
  closing.push(() => report.close());
  const gas = await openSigner(required(config, "gasKey"), rules, SETTINGS.gasKey.env);
  closing.push(() => gas.close());
  if (gas.address === report.address)
    throw new Failure("Config_SameKey", `the report key and the gas key are both ${gas.address}; use two keys`);
  const peers = required(config, "peerUrls")
    .split(",")
    .map((url) => peerClient({ url, timeoutMs: config.roundMs }));
  const { databaseUrl, statementTimeoutMs, dataDir } = config;
  const station = await openStation({
    deployment,
    rpcUrl: required(config, "rpcUrls"),
    store: { dataDir, databaseUrl, statementTimeoutMs },
    filesFolder: join(dataDir, "files"),
    methodology: readMethodology(config),
    peers: () => peers,
  });
  closing.push(() => station.close());
  const { store, provider, contracts, follower, files } = station;

  const separator = domainSeparator(domainOf(await contracts.telemetry.eip712Domain()));
  const marked = markedSigner(report, join(dataDir, "report.mark"), separator);
  closing.push(() => marked.close());
  const offsetSec = Number(config.clockOffsetSec);
  const clock = config.clock === "chain" ? chainClock(() => station.followedAt(), offsetSec) : systemClock(offsetSec);
  const transmitter = startTransmitter(store, new GasSigner(gas, provider), provider, {
    confirmationCount: config.confirmationCount,
    isEffective: async ({ key }, blockTag) => (await contracts.telemetry.lastEpoch({ blockTag })) >= epochOfCall(key),
    log: (line) => app.log.warn(line),
  });
  const warn = (what: string) => (error: unknown) => app.log.warn({ err: error }, what);
  const oracle = station.startOracle({
    ...{ oracleId: ORACLE_ID, signer: marked, clock },
    transmitter,
    ...{ graceSec: BigInt(config.graceSec), skewSec: BigInt(config.skewSec) },
    ...{ roundMs: config.roundMs, turnSec: config.turnSec },
    onRefusal: (refusal) => app.log.warn({ code: refusal.code, facts: shown(refusal.facts) }, refusal.message),
    onError: (error) => warn("the oracle could not go on; it tries again")(error),
  });
  const domain = readingDomain(BigInt(deployment.chainId), deployment.addresses.telemetry);
  const sources = readModel({
    ...{ store, follower, deployment, files, provider },
    proofs: openProofs({ files, domain }),
    contractsAfter: (block) => contractsAfter(provider, deployment.addresses, block),
    async submit(signed): Promise<ReadingReceipt> {
      const [ingested] = await oracle.ingest([signed], clock.now());
      if (ingested?.outcome === "refused") throw ingested.refusal;
      const outcome = ingested?.outcome ?? "duplicate";
      const reading = parseReading(signed.reading);
      return { outcome, epoch: reading.epoch, nodeId: reading.nodeId, readingHash: readingHash(domain, reading) };
    },
  });
  const identities = openIdentityIntake({ db: store.db, files });
  const intake = openIntake({
    ...{ store, registry: station.registry, oracleIds: [ORACLE_ID], domain, now: () => clock.now() },
    window: { maxDelaySec: station.maxDelaySec, skewSec: BigInt(config.skewSec) },
    ...{ threadCount: config.ingestThreads, readingsPerMinute: config.readingsPerMinute },
    ...{ waitingBytes: config.ingestBytes, log: (line) => app.log.warn(line) },
  });
  closing.push(() => intake.stop());
  const app = await buildApp({
    config,
    sources: { ...sources, readings: intake, identities },
    peers: { peer: oracle.peer, files },
  });
  closing.push(() => app.close());
  closing.push(() => transmitter.stop());
  closing.push(() => oracle.stop());
  const url = await listen(app, config.host, config.port);
  const follow = () => follower.catchUp().catch(warn("the chain cannot be followed"));
  await follow();
  follower.start(FOLLOW_EVERY_MS, warn("the chain cannot be followed"));
  transmitter.start(OUTBOX_EVERY_MS);
  oracle.start(STEP_EVERY_MS);
  return url;
}

function readMethodology(config: Config): Methodology {
  const file = config.methodologyFile ?? join(dirname(required(config, "deploymentFile")), "methodology.json");
  if (!existsSync(file))
    throw new Failure("Config_Missing", `${SETTINGS.methodologyFile.env} is not given, and ${file} is not there`);
  return parseMethodology(readText(file, SETTINGS.methodologyFile.env).trim());
}

function shown(facts: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]));
}
