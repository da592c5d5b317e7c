import { createHash } from "node:crypto";
import { join } from "node:path";

import { Command } from "commander";

import { buildApp, listen } from "../app.ts";
import { startBar } from "../bar.ts";
import { loadConfig, type Config } from "../config.ts";
import { openFollowed, type Followed } from "../jobs/station.ts";
import { contractsAfter } from "../plugins/chainAt.ts";
import { forgetAbove, headBlock, lockBlocks } from "../plugins/events.ts";
import { openProofs } from "../plugins/proofs.ts";
import { readModel } from "../plugins/readmodel.ts";
import { readingDomain } from "../protocol/reading.ts";
import { Refusal } from "../protocol/refusal.ts";
import { deploymentOf, required, running, type Closing } from "./service.ts";

const FOLLOW_EVERY_MS = 1_000;
const TELL_EVERY_MS = 250;

/** `rackbond api`: the API and the portal alone; it follows the chain and takes no readings. */
export function apiCommand(): Command {
  const command = new Command("api")
    .description("serve the API and the portal from the chain's events, without an oracle")
    .action(() => running("api", startServing));
  command
    .command("rebuild")
    .description("forget all events that were followed, and read them from the chain again")
    .option("--dry-run", "say what would be forgotten; forget nothing")
    .option("--json", "the result as one line of JSON")
    .action(rebuild);
  return command;
}

async function startServing(config: Config, closing: Closing): Promise<string> {
  const deployment = deploymentOf(config);
  const followed = await openWith(config);
  closing.push(() => followed.close());
  const { store, provider, follower, files } = followed;
  const domain = readingDomain(BigInt(deployment.chainId), deployment.addresses.telemetry);
  const sources = readModel({
    ...{ store, follower, deployment, files, provider },
    proofs: openProofs({ files, domain }),
    contractsAfter: (block) => contractsAfter(provider, deployment.addresses, block),
    submit: () => Promise.reject(new Refusal("Reading_NotTakenHere", {})),
  });
  const app = await buildApp({ config, sources });
  closing.push(() => app.close());
  const warn = (error: unknown) => app.log.warn({ err: error }, "the chain cannot be followed");
  await follower.catchUp().catch(warn);
  const url = await listen(app, config.host, config.port);
  follower.start(FOLLOW_EVERY_MS, warn);
  return url;
}

function openWith(config: Config): Promise<Followed> {
  const { databaseUrl, statementTimeoutMs, dataDir } = config;
  return openFollowed({
    deployment: deploymentOf(config),
    rpcUrl: required(config, "rpcUrls"),
    store: { dataDir, ...(databaseUrl === undefined ? {} : { databaseUrl }), statementTimeoutMs },
    filesFolder: join(dataDir, "files"),
  });
}

interface RebuildOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const PAGE_COUNT = 5_000;

/** What was followed up to a block, in one figure: equal for equal blocks and events. */
async function followedUpTo({ store }: Followed, number: bigint) {
  const hash = createHash("sha256");
  let eventCount = 0;
  for (let last = [-1n, -1n]; ;) {
    const { rows } = await store.db.query<{ block: bigint; index: bigint; line: string }>(
      `select block, log_index::int8 "index",
         concat_ws(' ', block, log_index, encode(tx_hash, 'hex'), address, contract, name, args) line
       from events where (block, log_index) > ($1, $2) and block <= $3 order by block, log_index limit ${PAGE_COUNT}`,
      [...last, number],
    );
    for (const { line } of rows) hash.update(`${line}\n`);
    eventCount += rows.length;
    const end = rows.at(-1);
    if (end === undefined) return { eventCount, headBlock: String(number), eventsHash: `0x${hash.digest("hex")}` };
    last = [end.block, end.index];
  }
}

async function rebuild(options: RebuildOptions): Promise<void> {
  const followed = await openWith(loadConfig(process.env));
  try {
    const number = (await headBlock(followed.store.db))?.number ?? 0n;
    const before = await followedUpTo(followed, number);
    if (options.dryRun !== true) await readAgain(followed);
    const after = await followedUpTo(followed, number);
    const isSame = after.eventsHash === before.eventsHash;
    const text = [
      `before: ${before.eventCount} events to block ${number}, ${before.eventsHash}`,
      options.dryRun === true
        ? "nothing was forgotten"
        : `after:  ${after.eventCount} events to block ${number}, ${after.eventsHash}`,
      isSame ? "the same events" : "other events: what was followed before is not what the chain has",
    ].join("\n");
    const result = { dryRun: options.dryRun === true, before, after, isSame };
    process.stdout.write(`${options.json === true ? JSON.stringify(result) : text}\n`);
    if (!isSame) process.exitCode = 1;
  } finally {
    await followed.close();
  }
}

async function readAgain({ store, provider, follower }: Followed): Promise<void> {
  const bar = startBar();
  await store.transaction(async (tx) => {
    await lockBlocks(tx);
    await forgetAbove(tx, -1n);
  });
  const total = await provider.getBlockNumber();
  const tell = async () => bar.show(Number((await headBlock(store.db))?.number ?? 0n), total, "blocks");
  const timer = setInterval(() => void tell().catch(() => undefined), TELL_EVERY_MS); // the end says what went wrong
  try {
    await follower.catchUp();
    await tell();
  } finally {
    clearInterval(timer);
    bar.end();
  }
}
