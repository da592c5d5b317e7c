import type { JsonRpcProvider } from "ethers";

import { Failure } from "../failure.ts";
import { connectChain } from "../plugins/chain.ts";
import { openRegistry, type Registry } from "../plugins/directory.ts";
import { openFiles, type Files } from "../plugins/files.ts";
import { startFollower, type Follower } from "../plugins/follow.ts";
import { telemetryHead, type TelemetryHead } from "../plugins/head.ts";
import type { Peer } from "../plugins/peers.ts";
import { markOf, setMark } from "../plugins/queries.ts";
import { openStore, type Store, type StoreOptions } from "../plugins/store.ts";
import type { Hex } from "../protocol/bytes.ts";
import { contractsAt, type Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { keccakText } from "../protocol/keccak.ts";
import { methodologyText, type Methodology } from "../protocol/methodology.ts";
import { Refusal } from "../protocol/refusal.ts";
import { domainOf } from "../protocol/typed.ts";
import { startOracle, type Oracle, type OracleOptions } from "./oracle.ts";
import type { Transmitter } from "./transmit.ts";

export interface FollowedOptions {
  readonly deployment: Deployment;
  readonly rpcUrl: string;
  readonly store: StoreOptions;
  /** Holds the published files. */
  readonly filesFolder: string;
}

/** A chain, the store that its events are followed into, and the published files: what whoever serves them needs. */
export interface Followed {
  readonly store: Store;
  readonly provider: JsonRpcProvider;
  readonly contracts: Contracts;
  readonly files: Files;
  readonly follower: Follower;
  close(): Promise<void>;
}

export interface StationOptions extends FollowedOptions {
  readonly methodology: Methodology;
  /** Every oracle, this process's among them, in the order of the signers. */
  readonly peers: () => readonly Peer[];
}

/** What the oracles of one process share: the store, the chain as it is followed, the published files. */
export interface Station extends Followed {
  readonly registry: Registry;
  /** How long after its hour a reading is taken, and a report. */
  readonly maxDelaySec: bigint;
  /** Where the telemetry stands, as far as it was followed. */
  head(): Promise<TelemetryHead>;
  /** The time of the newest block that the head was read at; 0 before. */
  followedAt(): bigint;
  /** Starts an oracle here; what brings its decisions on-chain follows the chain at once. */
  startOracle(own: StationOracle): Oracle;
}

type Shared = "store" | "files" | "registry" | "head" | "peers" | "chainId" | "telemetry" | "reportDomain";
export type StationOracle = Omit<OracleOptions, Shared | "methodologyHash" | "maxDelaySec">;

/** Opens chain, store and files; refuses a store that belongs to another deployment. */
export async function openFollowed(options: FollowedOptions): Promise<Followed> {
  const { deployment } = options;
  const closing: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const provider = await connectChain(options.rpcUrl, deployment.chainId);
    closing.push(() => provider.destroy());
    const store = await openStore(options.store);
    closing.push(() => store.close());
    await claimStore(store, deployment);
    const files = await openFiles(options.filesFolder);
    const follower = startFollower({ store, provider, deployment });
    closing.push(() => follower.stop());
    return { store, provider, files, follower, contracts: contractsAt(deployment.addresses, provider), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function openStation(options: StationOptions): Promise<Station> {
  const { deployment, methodology } = options;
  const { addresses, chainId } = deployment;
  const followed = await openFollowed(options);
  const { store, files, contracts, follower } = followed;
  try {
    const text = methodologyText(methodology);
    const methodologyHash = keccakText(text);
    if (!(await files.has("methodologies", methodologyHash))) await files.put("methodologies", methodologyHash, [text]);
    const [domain, maxDelaySec] = await Promise.all([
      contracts.telemetry.eip712Domain(),
      contracts.telemetry.maxDelaySec(),
    ]);
    const registry = openRegistry({
      ...{ db: store.db, files, methodology, identities: deployment.identities, version: () => follower.version() },
      fetchIdentities: (root) => firstFile(options.peers(), root),
    });

    let kept: { version: number; head: TelemetryHead } | undefined;
    const head = async (): Promise<TelemetryHead> => {
      const version = follower.version();
      if (kept?.version !== version) kept = { version, head: await telemetryHead(store.db) };
      return kept.head;
    };
    const following = (transmitter: Transmitter): Transmitter => ({
      ...transmitter,
      async transmit(outgoing) {
        const receipt = await transmitter.transmit(outgoing);
        await follower.catchUp();
        return receipt;
      },
    });
    return {
      ...followed,
      ...{ registry, maxDelaySec, head },
      followedAt: () => kept?.head.block.time ?? 0n,
      startOracle: (own) =>
        startOracle({
          ...own,
          ...{ store, files, registry, head, methodologyHash, maxDelaySec },
          peers: options.peers,
          transmitter: following(own.transmitter),
          ...{ chainId: BigInt(chainId), telemetry: addresses.telemetry, reportDomain: domainOf(domain) },
        }),
    };
  } catch (error) {
    await followed.close();
    throw error;
  }
}

async function firstFile(peers: readonly Peer[], root: Hex): Promise<AsyncIterable<string> | undefined> {
  for (const peer of peers) {
    try {
      const lines = await peer.file("identities", root);
      if (lines !== undefined) return lines;
    } catch (error) {
      if (!(error instanceof Failure || error instanceof Refusal)) throw error;
    }
  }
  return undefined;
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
