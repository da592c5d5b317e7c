import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { encodeBytes32String, id, keccak256, toUtf8Bytes, Wallet } from "ethers";
import pg from "pg";

import { connectChain } from "../../server/main.ts";
import { startPostgres } from "../../server/plugins/postgres.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { identityRootOf } from "../../server/protocol/identityTree.ts";
import type { SiteFactors } from "../../server/protocol/lot.ts";
import { methodologyText } from "../../server/protocol/methodology.ts";
import { castOf } from "../cast.ts";
import { SITE_FACTORS } from "../catalogue.ts";
import { askChain } from "./pace.ts";
import { startChain, type LocalChain } from "../chain.ts";
import { deploy } from "../deploy.ts";
import type { SimLot } from "./fleet.ts";

/** What the oracles stand on: a chain with the contracts and the registered fleet, and a database for each of them. */
export interface Ground {
  readonly folder: string;
  readonly chain: LocalChain;
  readonly deployment: Deployment;
  readonly deploymentFile: string;
  readonly startEpoch: bigint;
  /** In the order of the signers. */
  readonly reportKeys: readonly Wallet[];
  readonly gasKeys: readonly Wallet[];
  readonly postgres: PostgresSeat;
  close(): Promise<void>;
}

/** The server that holds the databases; each oracle comes in through a port of its own. */
export interface PostgresSeat {
  readonly port: number;
  urlOf(oracle: number, port: number): string;
  /** Makes an oracle's database new and empty. */
  renew(oracle: number): Promise<void>;
  /** Runs one statement in an oracle's database, past every wire. */
  run(oracle: number, text: string): Promise<readonly Record<string, unknown>[]>;
}

const { itPerGpuEnergyE4: overheadE4, ...OTHER_FACTORS } = SITE_FACTORS;
/** Of every site in the run. */
export const CHAOS_FACTORS: SiteFactors = { overheadE4, ...OTHER_FACTORS };
const ORACLES = 4;
const START_AT = Date.UTC(2026, 0, 1) / 1000;
const DAY_SEC = 86_400;
const COINS = 10n ** 24n;
/** Four pools of a dozen, twice over: after a kill the old connections linger. */
const CONNECTIONS = 120;
const EVIDENCE_CLASS = 2;
const MODEL = "NVIDIA H100 80GB HBM3";

export async function layGround(folder: string, seed: string, fleet: readonly SimLot[]): Promise<Ground> {
  mkdirSync(folder, { recursive: true });
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const startEpoch = BigInt(START_AT / 3600);
    const genesisAt = START_AT - DAY_SEC;
    const chain = await startChain({ genesisAt, port: 0, folder, isKept: false, engine: "anvil" });
    closing.push(() => chain.stop());
    const wallets = (name: string) =>
      Array.from(
        { length: ORACLES },
        (_, index) => new Wallet(keccak256(toUtf8Bytes(`chaos/${seed}/${name}${index}`))),
      );
    const reportKeys = wallets("report").sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
    const gasKeys = wallets("gas");
    const [deployment, postgres] = await Promise.all([
      build(chain, seed, fleet, { reportKeys, gasKeys, startEpoch, genesisAt }),
      seatPostgres(join(folder, "postgres"), closing),
    ]);
    const deploymentFile = join(folder, "deployment.json");
    writeFileSync(deploymentFile, `${JSON.stringify(deployment, null, 2)}\n`);
    const methodology = methodologyText({ factors: CHAOS_FACTORS, exceptions: new Map() });
    writeFileSync(join(folder, "methodology.json"), methodology);
    await askChain(chain.url, "evm_setNextBlockTimestamp", [START_AT]);
    await askChain(chain.url, "evm_mine", []);
    return { folder, chain, deployment, deploymentFile, startEpoch, reportKeys, gasKeys, postgres, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Keys {
  reportKeys: readonly Wallet[];
  gasKeys: readonly Wallet[];
  startEpoch: bigint;
  genesisAt: number;
}

/** The contracts by the real deploy script, and the fleet registered and attested. */
async function build(chain: LocalChain, seed: string, fleet: readonly SimLot[], keys: Keys): Promise<Deployment> {
  const provider = await connectChain(chain.url, chain.chainId);
  try {
    const cast = castOf(seed, 0);
    for (const { address } of [cast.admin, cast.auditor, cast.operator, ...keys.gasKeys]) {
      await askChain(chain.url, "hardhat_setBalance", [address, `0x${COINS.toString(16)}`]);
    }
    const admin = cast.admin.connect(provider);
    const addresses = await deploy({
      ...{ admin, auditor: cast.auditor.address, startEpoch: keys.startEpoch },
      oracles: keys.reportKeys.map(({ address }) => address),
    });
    const as = (wallet: Wallet) => contractsAt(addresses, wallet.connect(provider)).registry;
    const operator = as(cast.operator);
    await send(as(cast.admin).addModel(MODEL, fleet[0]!.tdpW));
    await send(operator.registerSite("0x5553", encodeBytes32String("US-ERCOT")));
    const identities: Deployment["identities"] = [];
    for (const { lotId, nodes } of fleet) {
      await send(
        operator.registerNodes(
          1,
          nodes.map(({ x, y }) => ({ x, y })),
        ),
      );
      const devices = nodes.flatMap(({ nodeId, x, y, boards }) =>
        boards.map(({ name, deviceId }) => ({ name, nodeId, anchor: deviceId, nodeKeyHash: nodeKeyHash(x, y) })),
      );
      const root = identityRootOf(devices);
      const commissionedAt = keys.genesisAt - DAY_SEC;
      await send(operator.registerLot(1, id(MODEL), devices.length, 10n ** 12n, commissionedAt, root));
      await send(as(cast.auditor).attest(lotId, EVIDENCE_CLASS, keys.genesisAt + 365 * DAY_SEC, id("inventory")));
      identities.push({
        lotId: String(lotId),
        devices: devices.map(({ name, nodeId }) => ({ name, nodeId: String(nodeId) })),
      });
    }
    return {
      id: uuidOf(seed),
      chainId: chain.chainId,
      startBlock: 0,
      addresses,
      facilities: [],
      indexFeeds: [],
      identities,
    };
  } finally {
    provider.destroy();
  }
}

function uuidOf(seed: string): string {
  const hex = keccak256(toUtf8Bytes(`chaos/${seed}`)).slice(2);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

async function seatPostgres(dataDir: string, closing: (() => Promise<void>)[]): Promise<PostgresSeat> {
  const server = await startPostgres({ dataDir, connectionCount: CONNECTIONS });
  closing.push(() => server.stop());
  const { host, port, user, password } = server;
  const ask = async (database: string, text: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new pg.Client({ host, port, user, password, database });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const seat: PostgresSeat = {
    port,
    urlOf: (oracle, through) => `postgres://${user}:${password}@127.0.0.1:${through}/oracle${oracle}`,
    async renew(oracle) {
      await ask("postgres", `drop database if exists oracle${oracle} with (force)`);
      await ask("postgres", `create database oracle${oracle}`);
    },
    run: (oracle, text) => ask(`oracle${oracle}`, text),
  };
  for (let oracle = 0; oracle < ORACLES; oracle++) await seat.renew(oracle);
  return seat;
}
