import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";

import type { JsonRpcProvider, Wallet } from "ethers";

import { parseDeployment, type Deployment } from "../server/protocol/deployment.ts";
import { castOf, type Cast } from "./cast.ts";
import { deploy } from "./deploy.ts";
import type { FleetLot } from "./fleet.ts";
import { handOver, type Seats } from "./handover.ts";
import { seed } from "./seed.ts";

/** A system on a chain, with everybody in it. */
export interface World {
  deployment: Deployment;
  cast: Cast;
  /** Of all lots, and the senior class's principal: what the deal was scaled to. */
  costAssets: bigint;
  seniorAssets: bigint;
}

export interface WorldOptions {
  seed: string;
  provider: JsonRpcProvider;
  fleet: FleetLot[];
  genesisAt: number;
  startAt: number;
  firstPaymentAt: number;
  /** The first hour that is reported, in unix hours: the leases' first where it is not given. */
  startEpoch?: bigint;
  /** Whether every role goes to its office, with its delay, once the world is seeded. */
  isHandedOver?: boolean;
  /** Where the deployment is written down; one that is there already is used. */
  folder: string;
}

const COINS = 10n ** 24n;

/** The deployment of a folder, made on the first run: contracts, facility, lots, leases and a market. */
export async function buildWorld(options: WorldOptions): Promise<World> {
  const { provider, fleet, folder } = options;
  const cast = castOf(options.seed, fleet.length);
  const file = join(folder, "world.json");
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, "utf8")) as { deployment: unknown; cost: string; senior: string };
    return {
      deployment: parseDeployment(kept.deployment),
      cast,
      costAssets: BigInt(kept.cost),
      seniorAssets: BigInt(kept.senior),
    };
  }
  await giveCoins(provider, cast);
  const startBlock = await provider.getBlockNumber();
  const addresses = await deploy({
    admin: cast.admin.connect(provider),
    auditor: cast.auditor.address,
    oracles: cast.oracles.map((oracle) => oracle.address),
    startEpoch: options.startEpoch ?? BigInt(options.startAt / 3600),
  });
  const seeded = await seed({ ...options, addresses, cast });
  const { chainId } = await provider.getNetwork();
  const deployment: Deployment = {
    ...{ id: randomUUID(), chainId: Number(chainId), startBlock, addresses },
    ...{ facilities: seeded.facilities, indexFeeds: seeded.indexFeeds, identities: seeded.identities },
  };
  if (options.isHandedOver === true) {
    const seats = Object.entries(cast.offices).map(([office, { address }]) => [office, address]);
    await handOver(deployment, cast.admin.connect(provider), Object.fromEntries(seats) as Seats);
  }
  const { costAssets, seniorAssets } = seeded;
  mkdirSync(folder, { recursive: true });
  const kept = { deployment, cost: String(costAssets), senior: String(seniorAssets) };
  writeFileSync(`${file}.new`, `${JSON.stringify(kept, null, 2)}\n`);
  renameSync(`${file}.new`, file);
  return { deployment, cast, costAssets, seniorAssets };
}

/** Gas money for everybody who sends transactions; oracles' report keys and publishers get none. */
async function giveCoins(provider: JsonRpcProvider, cast: Cast): Promise<void> {
  const payers: Wallet[] = Object.values({ ...cast, ...cast.offices, offices: [], oracles: [], publishers: [] }).flat();
  for (const wallet of payers) {
    await provider.send("hardhat_setBalance", [wallet.address, `0x${COINS.toString(16)}`]);
  }
}
