import { Worker } from "node:worker_threads";

import { hexlify } from "ethers";

import type { Hex } from "../../server/protocol/bytes.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { quorumCount } from "../../server/protocol/quorum.ts";
import { filingCall } from "../../server/protocol/report.ts";
import { domainOf, domainSeparator, structOf } from "../../server/protocol/typed.ts";
import { Authority__factory } from "../../types/factories/governance/Authority__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { reportedLots, stretchesOf } from "./meters.ts";
import { oracleKeys } from "./parties.ts";
import { metersBefore, packed, selectorOf, type ReportBatch, type ReportPlan } from "./reports.ts";
import type { Scenario } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { calendarOf, later } from "./terms.ts";

const HOUR_SEC = 3600;
const DAY_SEC = 24 * HOUR_SEC;
/** A report is refused after three days: so many hours go into one transaction at most. */
const BATCH_SEC = 3 * DAY_SEC;
/** How many batches are signed ahead of the chain. */
const AHEAD = 4;

/** The oracles: every hour's report, signed by three of four, up to 72 in one transaction. */
export interface Reporter {
  /** When each batch is sent. */
  batchesAt: readonly number[];
  /** Sends what is to be sent by then. */
  reportUntil(timeAt: number): Promise<void>;
  /** Puts the lots' meters at a time (the start of an hour), once Final, where contracts read them. */
  record(timeAt: number): Promise<void>;
  reportCount(): number;
  stop(): Promise<void>;
}

export async function startReporter(stage: Stage, scenario: Scenario, monthCount: number): Promise<Reporter> {
  const { deal, chain, parties, addresses, as } = stage;
  const plan = await planOf(stage, scenario, monthCount);
  const worker = new Worker(new URL("reportThread.ts", import.meta.url), { workerData: plan });
  const batches = arrivals(worker);
  const [lots, stretches] = [plan.lots, plan.stretches];
  const sent: ReportBatch[] = [];
  const recorded = new Set<number>();
  let next = 0;
  return {
    batchesAt: plan.batchesAt,
    async reportUntil(timeAt) {
      for (; next < plan.batchesAt.length && plan.batchesAt[next]! <= timeAt; next++) {
        const batch = await batches();
        chain.moveTo(batch.at);
        await chain.sendRaw(parties.admin.address, addresses.authority, batch.calldata);
        sent.push({ ...batch, calldata: new Uint8Array(0) });
      }
    },
    async record(timeAt) {
      const epoch = timeAt / HOUR_SEC - 1;
      if (recorded.has(epoch)) return;
      recorded.add(epoch);
      const batch = sent.findLast(({ firstEpoch }) => firstEpoch <= epoch);
      if (batch === undefined) return; // before the first report every counter is known to be zero
      const place = 32 * (epoch - batch.firstEpoch);
      const filing = {
        reportHash: hexlify(batch.hashes.subarray(place, place + 32)) as Hex,
        submittedAt: BigInt(batch.at),
        meters: packed(lots, metersBefore(lots, stretches, epoch + 1)),
      };
      const { telemetry } = as(parties.keeper);
      await chain.send(() =>
        telemetry.record(
          epoch,
          filingCall(filing),
          deal.lots.map((_, index) => index),
        ),
      );
    },
    reportCount: () => sent.reduce((sum, { hashes }) => sum + hashes.length / 32, 0),
    stop: async () => {
      await worker.terminate();
    },
  };
}

async function planOf({ deal, as, parties, addresses }: Stage, scenario: Scenario, monthCount: number) {
  const { telemetry } = as(parties.admin);
  const report = structOf(Telemetry__factory.abi, "submit", "report");
  const authority = Authority__factory.createInterface();
  const keys = oracleKeys().map(({ key }) => key);
  const stretches = stretchesOf(deal, scenario, monthCount);
  const plan: ReportPlan = {
    telemetry: addresses.telemetry as Hex,
    configDigest: (await telemetry.configDigest()) as Hex,
    domainSeparator: domainSeparator(domainOf(await telemetry.eip712Domain())),
    reportTypeHash: report.typeHash,
    submitSelector: selectorOf(INTERFACES.telemetry, "submit"),
    executeSelector: selectorOf(authority, "execute"),
    multicallSelector: selectorOf(authority, "multicall"),
    keys: keys.slice(0, quorumCount((keys.length - 1) / 3)),
    lots: reportedLots(deal),
    stretches,
    batchesAt: gridOf(calendarOf(deal).startAt, monthCount),
  };
  return plan;
}

/** The end of each month, a day after it (what is Final is settled then), and every three days between. */
function gridOf(startAt: number, monthCount: number): number[] {
  return Array.from({ length: monthCount }, (_, month) => {
    const [fromAt, untilAt] = [later(startAt, month), later(startAt, month + 1)];
    const times = [];
    for (let at = fromAt + DAY_SEC; at < untilAt; at += BATCH_SEC) times.push(at);
    return [...times, untilAt];
  }).flat();
}

/** The thread's batches in order; it is asked for a few more than were taken. */
function arrivals(worker: Worker): () => Promise<ReportBatch> {
  const arrived: ReportBatch[] = [];
  let waiting: { take: (batch: ReportBatch) => void; fail: (error: Error) => void } | undefined;
  let failure: Error | undefined;
  worker.on("message", (batch: ReportBatch | undefined) => {
    if (batch === undefined) return;
    if (waiting === undefined) arrived.push(batch);
    else waiting.take(batch);
    waiting = undefined;
  });
  worker.on("error", (error: Error) => {
    failure = error;
    waiting?.fail(error);
  });
  for (let asked = 0; asked < AHEAD; asked++) worker.postMessage("next");
  return async () => {
    worker.postMessage("next");
    const batch = arrived.shift();
    if (batch !== undefined) return batch;
    if (failure !== undefined) throw failure;
    return await new Promise<ReportBatch>((take, fail) => (waiting = { take, fail }));
  };
}
