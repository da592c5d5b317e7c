import { join } from "node:path";

import { Command } from "commander";

import { buildApp, listen } from "../app.ts";
import { startBar } from "../bar.ts";
import { loadConfig, type Config } from "../config.ts";
import { openFollowed, type Followed } from "../jobs/station.ts";
import { openCapital } from "../plugins/capital.ts";
import { contractsAfter } from "../plugins/chainAt.ts";
import { openProofs } from "../plugins/proofs.ts";
import { readModel } from "../plugins/readmodel.ts";
import { rebuild } from "../plugins/rebuild.ts";
import { readingDomain } from "../protocol/reading.ts";
import { Refusal } from "../protocol/refusal.ts";
import { deploymentOf, required, running, type Closing } from "./service.ts";

const FOLLOW_EVERY_MS = 1_000;

/** `rackbond api`: the API and the portal alone; it follows the chain and takes no readings. */
export function apiCommand(): Command {
  const command = new Command("api")
    .description("serve the API and the portal from the chain's events, without an oracle")
    .action(() => running("api", startServing));
  command
    .command("rebuild")
    .description(
      "read all events from the chain again, compare them with those that were kept, and put them in their place",
    )
    .option("--dry-run", "compare; change nothing")
    .option("--json", "the result as one line of JSON")
    .action(rebuildCommand);
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
  const capital = openCapital({
    ...{ store, provider, deployment, files, follower },
    takesSignature: (...asked) => sources.takesSignature(...asked),
  });
  const app = await buildApp({ config, sources: { ...sources, capital } });
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

interface RebuildFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

async function rebuildCommand({ dryRun = false, json = false }: RebuildFlags): Promise<void> {
  const config = loadConfig(process.env);
  const followed = await openWith(config);
  const bar = startBar();
  try {
    const { store, provider } = followed;
    const total = await provider.getBlockNumber();
    const onProgress = (block: bigint) => bar.show(Number(block), total, "blocks");
    const deployment = deploymentOf(config);
    const done = await rebuild({ store, provider, deployment, isDry: dryRun, onProgress });
    bar.end();
    const { headBlock, eventCount, missingCount, strayCount, isReplaced } = done;
    const isSame = missingCount + strayCount === 0;
    const text = [
      `the chain to block ${headBlock}: ${eventCount} events`,
      isSame ? "the same events as were kept" : `${missingCount} of them were not kept; ${strayCount} others were`,
      isReplaced ? "they are what is kept now" : "nothing was changed",
    ].join("\n");
    const result = { ...done, headBlock: String(headBlock), isSame };
    process.stdout.write(`${json ? JSON.stringify(result) : text}\n`);
    if (!isSame) process.exitCode = 1;
  } finally {
    bar.end();
    await followed.close();
  }
}
