import { setTimeout as sleep } from "node:timers/promises";

import type { FleetLot } from "./fleet.ts";
import { startJob, type Job } from "./job.ts";
import { readOptions, type RunOptions } from "./options.ts";
import { startProgress, type Progress } from "./progress.ts";
import { averageGas, cashOf, dateText, dollars } from "./statement.ts";
import type { World } from "./world.ts";

// The main job, `npm start`: the running system, its clock driven as fast as was asked for.

const HOUR_SEC = 3600;
const PLAIN_LINE_HOURS = 120;

async function main(options: RunOptions): Promise<void> {
  let isStopping = false;
  const onSignal = () => (isStopping = true);
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);

  const progress = startProgress(PLAIN_LINE_HOURS);
  const job = await startJob(options, (text) => progress.say(text));
  try {
    describe(job.world, job.fleet, progress);
    progress.say(`portal ${job.program.apiUrl} · explorer ${job.program.apiUrl}/docs`);
    const startedMs = Date.now();
    const months = await runMonths(job, options, progress, () => isStopping);
    const summary = await summaryOf(job, options, months, (Date.now() - startedMs) / 1000);
    if (options.once) console.log(JSON.stringify(summary));
    else progress.say(JSON.stringify(summary));
  } finally {
    await job.stop();
  }
}

function describe(world: World, fleet: readonly FleetLot[], progress: Progress): void {
  const lots = fleet.map(({ gpuCount, model, hosts }) => `${gpuCount}× ${model.name} on ${hosts.length} hosts`);
  progress.say(
    `facility ${world.deployment.facilities[0]?.address}: ${dollars(world.costAssets)} of GPUs, ` +
      `${dollars(world.seniorAssets)} senior · lots: ${lots.join("; ")}`,
  );
}

/** Goes through the hours until enough payment dates are run; gives how many were. */
async function runMonths(
  job: Job,
  options: RunOptions,
  progress: Progress,
  isStopping: () => boolean,
): Promise<number> {
  const firstPayment = job.paymentCount();
  let reports = 0;
  let readings = 0;
  let lastStepMs = Date.now();
  while (!isStopping() && !(options.once && job.paymentCount() >= options.months)) {
    const { endAt, epoch, closed } = await job.passHour();
    reports += 1;
    readings += closed.readings;
    const { devicesReportingCount, devicesRegisteredCount } = closed.report;
    const factor = HOUR_SEC / Math.max(0.001, (Date.now() - lastStepMs) / 1000);
    progress.show(`${dateText(endAt)} · time ×${Math.round(factor).toLocaleString("en")}`, [
      ["epoch", `${epoch}`],
      ["GPUs reporting", `${devicesReportingCount} of ${devicesRegisteredCount}`],
      ["reports", `${reports}`],
      ["readings", `${readings}`],
      ["report gas", `${closed.receipt.gasUsed}`],
      ["payments", `${job.paymentCount()}`],
    ]);
    if (options.factor > 0) await sleep(Math.max(0, (HOUR_SEC * 1000) / options.factor - (Date.now() - lastStepMs)));
    lastStepMs = Date.now();
  }
  return options.once ? job.paymentCount() : job.paymentCount() - firstPayment;
}

async function summaryOf({ world, program, fleet }: Job, options: RunOptions, months: number, seconds: number) {
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
