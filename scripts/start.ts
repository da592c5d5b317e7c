import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Block, JsonRpcProvider } from "ethers";

import { connectChain, startProgram, type Program } from "../server/main.ts";
import { actorsOf, type Actors } from "./actors.ts";
import { nodeKeyOf } from "./cast.ts";
import { SITE_FACTORS } from "./catalogue.ts";
import { startChain } from "./chain.ts";
import { fleetOf, type FleetLot } from "./fleet.ts";
import { takeFolder } from "./folder.ts";
import { readOptions, type RunOptions } from "./options.ts";
import { startProgress, type Progress } from "./progress.ts";
import { averageGas, cashOf, dateText, dollars, paymentReport } from "./statement.ts";
import { buildWorld, type World } from "./world.ts";

// The main job: a local chain, one facility scaled from a real deal, GPU telemetry hour by hour, and each month the rent
// from the lessee's account to the investor's.

const HOUR_SEC = 3600;
const DAY_SEC = 24 * HOUR_SEC;
/** The leases begin here; the deployment and the raise take the days before. */
const START_AT = Date.UTC(2026, 0, 1) / 1000;
const GENESIS_AT = START_AT - 2 * DAY_SEC;
/** A payment date is two days after the month it pays for: the last hour's report has to be final. */
const FIRST_PAYMENT_AT = Date.UTC(2026, 1, 3) / 1000;
const SCRAPES_PER_HOUR = 2;
const PLAIN_LINE_HOURS = 120;

async function main(options: RunOptions): Promise<void> {
  const folder = takeFolder(options.data);
  const closing: (() => Promise<void> | void)[] = [() => folder.release()];
  const stop = async () => {
    for (const close of closing.reverse()) await close();
    closing.length = 0;
  };
  let isStopping = false;
  const onSignal = () => (isStopping = true);
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);

  try {
    const progress = startProgress(PLAIN_LINE_HOURS);
    const chain = await startChain({
      ...{ genesisAt: GENESIS_AT, port: options.rpcPort, engine: options.chain },
      ...{ folder: folder.path, isKept: options.data !== undefined },
    });
    closing.push(() => chain.stop());
    const provider = await connectChain(chain.url, chain.chainId);
    closing.push(() => provider.destroy());
    await advanceTo(provider, GENESIS_AT);
    progress.say(`chain ${chain.chainId} at ${chain.url}`);

    const fleet = fleetOf({ ...options, startAt: START_AT });
    const world = await buildWorld({
      ...{ seed: options.seed, provider, fleet, folder: folder.path },
      ...{ genesisAt: GENESIS_AT, startAt: START_AT, firstPaymentAt: FIRST_PAYMENT_AT },
      isHandedOver: true,
    });
    describe(world, fleet, progress);
    const program = await startProgram(programOptions(world, fleet, folder.path, chain.url, options));
    closing.push(() => program.stop());
    progress.say(`API ${program.apiUrl} · explorer ${program.apiUrl}/docs`);

    const run = {
      options,
      world,
      fleet,
      folder: folder.path,
      program,
      provider,
      progress,
      actors: actorsOf(world, fleet, provider),
    };
    const startedMs = Date.now();
    const months = await runMonths(run, () => isStopping);
    const summary = await summaryOf(run, months, (Date.now() - startedMs) / 1000);
    if (options.once) console.log(JSON.stringify(summary));
    else progress.say(JSON.stringify(summary));
  } finally {
    await stop();
  }
}

interface Run {
  options: RunOptions;
  world: World;
  fleet: FleetLot[];
  folder: string;
  program: Program;
  provider: JsonRpcProvider;
  progress: Progress;
  actors: Actors;
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

function describe(world: World, fleet: FleetLot[], progress: Progress): void {
  const lots = fleet.map(({ gpuCount, model, hosts }) => `${gpuCount}× ${model.name} on ${hosts.length} hosts`);
  progress.say(
    `facility ${world.deployment.facilities[0]?.address}: ${dollars(world.costAssets)} of GPUs, ` +
      `${dollars(world.seniorAssets)} senior · lots: ${lots.join("; ")}`,
  );
}

/** Goes through the hours until enough payment dates are run; gives how many were. */
async function runMonths(run: Run, isStopping: () => boolean): Promise<number> {
  const { options, program, progress } = run;
  let payments = reportedIn(run.folder);
  const firstPayment = payments;
  let reports = 0;
  let readings = 0;
  let lastStepMs = Date.now();
  await observeFleet(run, Number(program.nextEpoch()) * HOUR_SEC);

  while (!isStopping() && !(options.once && payments >= options.months)) {
    const epoch = program.nextEpoch();
    const endAt = (Number(epoch) + 1) * HOUR_SEC;
    for (let part = 1; part <= SCRAPES_PER_HOUR; part++) {
      await observeFleet(run, endAt - HOUR_SEC + (part * HOUR_SEC) / SCRAPES_PER_HOUR);
    }
    await advanceTo(run.provider, endAt);
    const closed = await program.closeEpoch(BigInt(endAt));
    reports += 1;
    readings += closed.readings;
    for (const refusal of closed.refusals) progress.say(`epoch ${epoch}: ${refusal.message}`);
    if (endAt % DAY_SEC === 0) {
      payments = await closeDay(run, endAt + HOUR_SEC / 2, payments);
    }

    const { devicesReportingCount, devicesRegisteredCount } = closed.report;
    const factor = HOUR_SEC / Math.max(0.001, (Date.now() - lastStepMs) / 1000);
    progress.show(`${dateText(endAt)} · time ×${Math.round(factor).toLocaleString("en")}`, [
      ["epoch", `${epoch}`],
      ["GPUs reporting", `${devicesReportingCount} of ${devicesRegisteredCount}`],
      ["reports", `${reports}`],
      ["readings", `${readings}`],
      ["report gas", `${closed.receipt.gasUsed}`],
      ["payments", `${payments}`],
    ]);
    if (options.factor > 0) await sleep(Math.max(0, (HOUR_SEC * 1000) / options.factor - (Date.now() - lastStepMs)));
    lastStepMs = Date.now();
  }
  return options.once ? payments : payments - firstPayment;
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
  const { program, world, progress, provider, actors } = run;
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
    const story = await actors.afterPayment(index);
    const lines = await paymentReport(program.contracts, world.deployment, place, BigInt(index), monthOf(index));
    progress.say([...lines, ...story.map((line) => `  ${line}`)].join("\n"));
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

async function summaryOf({ options, world, program, fleet }: Run, months: number, seconds: number) {
  const place = world.deployment.facilities[0];
  if (place === undefined) throw new Error("the deployment has no facility");
  const { contracts } = program;
  await program.follow();
  const cash = await cashOf(contracts, place);
  const facility = contracts.facility(place.address);
  const [market] = place.markets;
  const totals = market === undefined ? undefined : await contracts.markets.market(market.id);
  const lastEpoch = program.nextEpoch() - 1n;
  return {
    months,
    cash: Object.fromEntries(Object.entries(cash).map(([name, assets]) => [name, String(assets)])),
    seed: options.seed,
    gpus: fleet.reduce((sum, lot) => sum + lot.gpuCount, 0),
    facility: place.address,
    outstanding: String(await facility.outstandingAssets(0)),
    market: { supplied: String(totals?.totalSupplyAssets ?? 0n), borrowed: String(totals?.totalBorrowAssets ?? 0n) },
    lastEpoch: String(lastEpoch),
    reportGas: String(await averageGas(contracts, 100)),
    rpc: options.once ? undefined : program.provider._getConnection().url,
    seconds: Math.round(seconds * 10) / 10,
  };
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`rackbond: ${error instanceof Error ? error.message : String(error)}`);
  if (process.env.RACKBOND_LOG === "debug") console.error(error);
  process.exitCode = 1;
}
