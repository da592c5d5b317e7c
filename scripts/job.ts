import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Block, JsonRpcProvider } from "ethers";

import { connectChain, startProgram, type ClosedEpoch, type Program } from "../server/main.ts";
import { actorsOf, type Actors } from "./actors.ts";
import { nodeKeyOf } from "./cast.ts";
import { SITE_FACTORS } from "./catalogue.ts";
import { startChain } from "./chain.ts";
import { fleetOf, type FleetLot } from "./fleet.ts";
import { takeFolder } from "./folder.ts";
import type { RunOptions } from "./options.ts";
import { paymentReport } from "./statement.ts";
import { buildWorld, type World } from "./world.ts";

// The running system of the main job: a local chain, one facility scaled from a real deal, GPU telemetry hour by hour,
// and each month the rent from the lessee's account to the investor's. Whoever holds it drives its clock.

const HOUR_SEC = 3600;
const DAY_SEC = 24 * HOUR_SEC;
/** The leases begin here; the deployment and the raise take the days before. */
const START_AT = Date.UTC(2026, 0, 1) / 1000;
const GENESIS_AT = START_AT - 2 * DAY_SEC;
/** A payment date is two days after the month it pays for: the last hour's report has to be final. */
const FIRST_PAYMENT_AT = Date.UTC(2026, 1, 3) / 1000;
const SCRAPES_PER_HOUR = 2;

/** An hour that went by. */
export interface Hour {
  readonly endAt: number;
  readonly epoch: bigint;
  readonly closed: ClosedEpoch;
}

export interface Job {
  readonly world: World;
  readonly fleet: readonly FleetLot[];
  readonly folder: string;
  readonly chainUrl: string;
  readonly chainId: number;
  readonly provider: JsonRpcProvider;
  readonly program: Program;
  /** How many payment dates runs with this folder have reported. */
  paymentCount(): number;
  /**
   * Goes through the next hour: scrapes, readings, the report; at a day's end also what is due and who pays. Hosts that
   * are not of this fleet hand their readings in when it is over and not reported yet.
   */
  passHour(handIn?: (epoch: bigint) => Promise<void>): Promise<Hour>;
  /** From now on holders leave their claims, loans and trades after a payment date to whoever has their keys. */
  stopHolders(): void;
  stop(): Promise<void>;
}

/** Starts everything, or goes on where the folder's last run ended. `say` is told what people want to read. */
export async function startJob(options: RunOptions, say: (text: string) => void): Promise<Job> {
  const folder = takeFolder(options.data);
  const closing: (() => Promise<void> | void)[] = [() => folder.release()];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const chain = await startChain({
      ...{ genesisAt: GENESIS_AT, port: options.rpcPort, engine: options.chain },
      ...{ folder: folder.path, isKept: options.data !== undefined },
    });
    closing.push(() => chain.stop());
    const provider = await connectChain(chain.url, chain.chainId);
    closing.push(() => provider.destroy());
    await advanceTo(provider, GENESIS_AT);
    // A chain that is started again begins its clock anew: calls would see a time before its newest block.
    const { timestamp } = (await provider.getBlock("latest")) as Block;
    await advanceTo(provider, timestamp + 1);
    say(`chain ${chain.chainId} at ${chain.url}`);

    const fleet = fleetOf({ ...options, startAt: START_AT });
    const world = await buildWorld({
      ...{ seed: options.seed, provider, fleet, folder: folder.path },
      ...{ genesisAt: GENESIS_AT, startAt: START_AT, firstPaymentAt: FIRST_PAYMENT_AT },
      isHandedOver: true,
    });
    const program = await startProgram(programOptions(world, fleet, folder.path, chain.url, options));
    closing.push(() => program.stop());
    const run: Run = {
      world,
      fleet,
      folder: folder.path,
      program,
      provider,
      actors: actorsOf(world, fleet, provider),
      doHoldersAct: true,
      say,
    };
    await observeFleet(run, Number(program.nextEpoch()) * HOUR_SEC);
    let payments = reportedIn(folder.path);
    return {
      ...{ world, fleet, folder: folder.path, chainUrl: chain.url, chainId: chain.chainId, provider, program, stop },
      paymentCount: () => payments,
      stopHolders: () => {
        run.doHoldersAct = false;
      },
      async passHour(handIn) {
        const epoch = program.nextEpoch();
        const endAt = (Number(epoch) + 1) * HOUR_SEC;
        for (let part = 1; part <= SCRAPES_PER_HOUR; part++) {
          await observeFleet(run, endAt - HOUR_SEC + (part * HOUR_SEC) / SCRAPES_PER_HOUR);
        }
        await advanceTo(provider, endAt);
        if (handIn !== undefined) {
          await program.follow();
          await handIn(epoch);
        }
        const closed = await program.closeEpoch(BigInt(endAt));
        for (const refusal of closed.refusals) say(`epoch ${epoch}: ${refusal.message}`);
        if (endAt % DAY_SEC === 0) payments = await closeDay(run, endAt + HOUR_SEC / 2, payments);
        return { endAt, epoch, closed };
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Run {
  world: World;
  fleet: FleetLot[];
  folder: string;
  program: Program;
  provider: JsonRpcProvider;
  actors: Actors;
  doHoldersAct: boolean;
  say: (text: string) => void;
}

function programOptions(world: World, fleet: FleetLot[], folder: string, rpcUrl: string, options: RunOptions) {
  const { cast, deployment } = world;
  let nodeId = 0n;
  const agents = fleet.flatMap((lot) =>
    lot.hosts.map((host) => ({
      hostname: host.hostname,
      nodeId: ++nodeId,
      key: nodeKeyOf(options.seed, host.hostname).key,
      // A recording of a bare host names no pod: it is one lessee's as a whole.
      allocation: options.scrapeFiles.length > 0 ? ("dedicated" as const) : ("pod" as const),
      maxGapSec: (2 * HOUR_SEC) / SCRAPES_PER_HOUR,
    })),
  );
  const { itPerGpuEnergyE4: overheadE4, ...factors } = SITE_FACTORS;
  return {
    ...{ deployment, rpcUrl, agents, factors: { overheadE4, ...factors } },
    store: { dataDir: folder },
    oracleKeys: cast.oracles.map((wallet) => wallet.privateKey),
    transmitterKey: cast.transmitter.privateKey,
    keeperKey: cast.keeper.privateKey,
    api: { port: options.port },
  };
}

async function observeFleet({ fleet, program }: Run, at: number): Promise<void> {
  const hosts = fleet.flatMap((lot) => lot.hosts);
  await Promise.all(
    hosts.map(async (host) => {
      const text = host.scrape(at);
      if (text !== undefined) await program.observe(host.hostname, text, at, host.wallEnergyMJ?.(at));
    }),
  );
}

/** Once a day: the keeper does what is due, lessees pay, and after a payment date the holders act. */
async function closeDay(run: Run, at: number, reported: number): Promise<number> {
  const { program, world, say, provider, actors } = run;
  const [place] = world.deployment.facilities;
  if (place === undefined) throw new Error("the deployment has no facility");
  await advanceTo(provider, at);
  await actors.endDay(at);
  const actions = await program.keep(BigInt(at));
  const isPaid = await actors.payRent();
  if (isPaid || actions.length > 0) await program.keep(BigInt(at));

  // By what the chain has paid and this folder has reported: a run that was killed in between makes up for it.
  const paid = Number(await program.contracts.facility(place.address).paymentCount());
  for (let index = reported; index < paid; index++) {
    const story = run.doHoldersAct ? await actors.afterPayment(index) : [];
    const lines = await paymentReport(program.contracts, world.deployment, place, BigInt(index), monthOf(index));
    say([...lines, ...story.map((line) => `  ${line}`)].join("\n"));
    writeFileSync(reportedFile(run.folder), String(index + 1));
  }
  await program.follow();
  return paid;
}

function reportedFile(folder: string): string {
  return join(folder, "payments.reported");
}

/** How many payment dates runs with this folder have reported. */
function reportedIn(folder: string): number {
  return existsSync(reportedFile(folder)) ? Number(readFileSync(reportedFile(folder), "utf8")) : 0;
}

/** The last epoch before, and of, the month that a payment date pays for. */
function monthOf(paymentIndex: number): { fromEpoch: bigint; toEpoch: bigint } {
  const startOf = (month: number) => BigInt(Date.UTC(2026, month, 1) / 1000 / HOUR_SEC);
  return { fromEpoch: startOf(paymentIndex) - 1n, toEpoch: startOf(paymentIndex + 1) - 1n };
}

/** Moves the chain's clock: the next block is mined at a time, unless it is later already. */
async function advanceTo(provider: JsonRpcProvider, at: number): Promise<void> {
  const { timestamp } = (await provider.getBlock("latest")) as Block;
  if (at <= timestamp) return;
  await provider.send("evm_setNextBlockTimestamp", [at]);
  await provider.send("evm_mine", []);
}
