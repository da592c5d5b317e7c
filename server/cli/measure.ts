import { execFile } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, readSync, closeSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { deserialize } from "node:v8";
import { Worker } from "node:worker_threads";

import { Command, InvalidArgumentError } from "commander";
import { SigningKey } from "ethers";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { Failure } from "../failure.ts";
import { BUDGET_LIMITS } from "../jobs/budget.ts";
import { startIngest } from "../jobs/ingest.ts";
import { openJudges } from "../jobs/judges.ts";
import { openFiles } from "../plugins/files.ts";
import { readingsOf } from "../plugins/queries.ts";
import { lotAt, type Roster } from "../plugins/roster.ts";
import { openStore, type Store } from "../plugins/store.ts";
import { aggregate, initialState } from "../protocol/aggregate.ts";
import { ZERO_BYTES32 } from "../protocol/bytes.ts";
import { readingOfBody } from "../protocol/packed.ts";
import { readingSetLines } from "../protocol/publication.ts";
import { readingDomain } from "../protocol/reading.ts";
import { buildReport, reportDigestOf } from "../protocol/report.ts";
import { structOf } from "../protocol/typed.ts";
import { epochEndAt } from "../protocol/units.ts";
import { cpuMicroSec, watchMemory, type MemoryWatch } from "./measureMemory.ts";

// What this machine can do as an oracle, on a fleet that never existed: the code is the oracle's, the readings come from
// files as they would come in from agents.

const EPOCH = 490_000n;
const TELEMETRY = `0x${"11".repeat(20)}`;
const CHAIN_ID = 31_337n;
const DOMAIN = readingDomain(CHAIN_ID, TELEMETRY);
const ORACLE_ID = 0;
/** Batches on their way at once. */
const AT_ONCE = 6;
const BARE_MS = 2_000;
// One gateway brings them all: no budget but that of false signatures is in its way.
const BUDGET = { ...BUDGET_LIMITS, readingsPerMinute: 1e9 };

export interface MeasureOptions {
  readonly nodes: number;
  readonly boards: number;
  readonly lots: number;
  readonly threads: number;
}

type Print = (row: Record<string, unknown>) => void;

interface Fleet {
  readonly roster: Roster;
  readonly batches: () => Generator<Buffer>;
}

/** `rackbond measure`: how fast this machine takes readings, and how long an epoch takes. */
export function measureCommand(): Command {
  const print: Print = (row) => process.stdout.write(`${JSON.stringify(row)}\n`);
  const sized = (name: string, what: string, nodes: number) =>
    new Command(name)
      .description(what)
      .option("--nodes <n>", "nodes of the fleet", count, nodes)
      .option("--boards <n>", "boards of a node", count, 8)
      .option("--lots <n>", "lots they are in", count, 100)
      .option("--threads <n>", "threads that verify", count, 2);
  return new Command("measure")
    .description("measure this machine as an oracle; one JSON object a line")
    .addCommand(
      sized("ingest", "readings a second, verified and durable, beside bare signatures", 20_000).action(
        (options: MeasureOptions) => measureIngest(options, print),
      ),
    )
    .addCommand(
      sized("epoch", "one epoch: verify, store, aggregate, publish, sign", 125_000).action((options: MeasureOptions) =>
        measureEpoch(options, print),
      ),
    );
}

function count(text: string): number {
  const value = Number(text);
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new InvalidArgumentError("a whole number from 1 to 9999999");
  return value;
}

/** Readings a second through the oracle's ingest into the database, beside bare verifications on the same threads. */
export async function measureIngest(options: MeasureOptions, print: Print, bareMs = BARE_MS): Promise<void> {
  await withFleet(options, print, async ({ fleet, store, memory }) => {
    const before = await bareRate(options.threads, bareMs);
    const cpuOf = () => cpuMicroSec(store.embedded?.pid());
    const fromCpu = cpuOf();
    const taken = await takeAll(options, fleet, store);
    const cpuMicroSecPerReading = Math.round((cpuOf() - fromCpu) / taken.count);
    const after = await bareRate(options.threads, bareMs);
    const barePerSec = (before.perSec + after.perSec) / 2;
    const bareCpuMicroSec = Math.round((before.cpuMicroSec + after.cpuMicroSec) / 2);
    print({
      ...{ measure: "ingest", nodes: options.nodes, boards: options.boards, threads: options.threads },
      ...{ readings: taken.count, seconds: taken.seconds, readingsPerSec: Math.round(taken.count / taken.seconds) },
      ...{ bareVerificationsPerSec: Math.round(barePerSec) },
      shareOfBare: Number((taken.count / taken.seconds / barePerSec).toFixed(3)),
      // Of processor time, the database's included: what other work on the machine does not change as much.
      ...{ cpuMicroSecPerReading, bareCpuMicroSec },
      shareOfBareCpu: Number((bareCpuMicroSec / cpuMicroSecPerReading).toFixed(3)),
      ...memory.phase(),
    });
  });
}

/** One epoch of a fleet, from signed readings to a signed report; a row for each phase. */
export async function measureEpoch(options: MeasureOptions, print: Print): Promise<void> {
  await withFleet(options, print, async ({ fleet, store, memory, folder }) => {
    const startMs = performance.now();
    let [processMiB, databaseMiB, allCpuSeconds] = [0, 0, 0];
    const phase = async <T>(name: string, work: () => Promise<T> | T): Promise<T> => {
      const fromMs = performance.now();
      const fromCpu = cpuMicroSec(store.embedded?.pid());
      const result = await work();
      const cpuSeconds = Number(((cpuMicroSec(store.embedded?.pid()) - fromCpu) / 1e6).toFixed(2));
      allCpuSeconds += cpuSeconds;
      const peak = memory.phase();
      processMiB = Math.max(processMiB, peak.processMiB);
      databaseMiB = Math.max(databaseMiB, peak.databaseMiB);
      print({ measure: "epoch", phase: name, seconds: secondsSince(fromMs), cpuSeconds, ...peak });
      return result;
    };
    memory.phase();
    const { count: takenCount } = await phase("verify and store", () => takeAll(options, fleet, store));
    const verified = await phase("load", async () =>
      (await readingsOf(store.db, ORACLE_ID, EPOCH)).map(({ body, readingHash, signature }) => ({
        ...{ reading: readingOfBody(body), readingHash, signature },
      })),
    );
    const lots = Array.from(fleet.roster.lotIds, (_, place) => lotAt(fleet.roster, place));
    const aggregation = await phase("aggregate and trees", () => aggregate(EPOCH, initialState(EPOCH), lots, verified));
    await phase("publish", async () => {
      const files = await openFiles(join(folder, "files"));
      await files.put("readings", aggregation.dataHash, readingSetLines(EPOCH, aggregation.state, verified));
    });
    const signature = await phase("sign", () => signReport(aggregation));
    const seconds = secondsSince(startMs);
    print({
      ...{ measure: "epoch", phase: "all", nodes: options.nodes, boards: Number(aggregation.devicesReportingCount) },
      ...{
        lots: lots.length,
        readings: takenCount,
        seconds,
        cpuSeconds: Number(allCpuSeconds.toFixed(2)),
        processMiB,
        databaseMiB,
      },
      ...{ dataHash: aggregation.dataHash, signature },
    });
  });
}

function signReport(aggregation: Parameters<typeof buildReport>[0]): string {
  const report = buildReport(aggregation, ZERO_BYTES32, ZERO_BYTES32, ZERO_BYTES32);
  const struct = structOf(Telemetry__factory.abi, "submit", "report");
  const domain = { name: "Rackbond Telemetry", version: "1", chainId: CHAIN_ID, verifyingContract: TELEMETRY };
  return new SigningKey(`0x${"42".repeat(32)}`).sign(reportDigestOf(struct, domain, report)).compactSerialized;
}

function secondsSince(fromMs: number): number {
  return Number(((performance.now() - fromMs) / 1000).toFixed(2));
}

interface Bench {
  readonly fleet: Fleet;
  readonly store: Store;
  readonly memory: MemoryWatch;
  readonly folder: string;
}

/** Makes the fleet and its readings, opens a fresh store, and removes it all afterwards. */
async function withFleet(options: MeasureOptions, print: Print, work: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-measure-"));
  const closing: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const fromMs = performance.now();
    const { nodes, boards, lots } = options;
    const args = [folder, nodes, boards, lots, EPOCH, DOMAIN].map(String);
    const maker = new URL("measureMake.ts", import.meta.url).pathname;
    await promisify(execFile)(process.execPath, [maker, ...args]);
    print({ measure: "input", nodes, seconds: secondsSince(fromMs), note: "made beforehand, not counted" });
    const fleet = readFleet(folder);
    const store = await openStore({ dataDir: join(folder, "store") });
    closing.push(() => store.close());
    const memory = watchMemory(() => store.embedded?.pid());
    closing.push(() => memory.stop());
    await work({ fleet, store, memory, folder });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function readFleet(folder: string): Fleet {
  const plain = deserialize(readFileSync(join(folder, "roster"))) as Roster;
  const roster: Roster = { ...plain };
  for (const [name, values] of Object.entries(plain) as [string, Roster[keyof Roster]][]) {
    const buffer = new SharedArrayBuffer(values.byteLength);
    new Uint8Array(buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const Values = values.constructor as new (from: SharedArrayBuffer) => typeof values;
    Object.assign(roster, { [name]: new Values(buffer) });
  }
  const ends = JSON.parse(readFileSync(join(folder, "ends.json"), "utf8")) as number[];
  return {
    roster,
    *batches() {
      const file = openSync(join(folder, "readings.ndjson"), "r");
      try {
        let from = 0;
        for (const end of ends) {
          const bytes = Buffer.allocUnsafeSlow(end - from);
          readSync(file, bytes, 0, bytes.length, from);
          from = end;
          yield bytes;
        }
      } finally {
        closeSync(file);
      }
    },
  };
}

/** Hands all readings to an oracle's ingest, a few batches at a time, as a gateway does. */
async function takeAll(
  { nodes, threads }: MeasureOptions,
  { roster, batches }: Fleet,
  store: Store,
): Promise<{ count: number; seconds: number }> {
  const judges = openJudges(threads);
  const window = { maxDelaySec: 259_200n, skewSec: 120n };
  const now = () => epochEndAt(EPOCH) + 60n;
  const ingest = startIngest({
    ...{ oracleId: ORACLE_ID, store, roster, domain: DOMAIN, judges, window, now, budget: BUDGET },
  });
  const fromMs = performance.now();
  let takenCount = 0;
  const source = batches();
  const lane = async () => {
    for (const bytes of source) {
      const taken = await ingest.take(bytes, "lines", "gateway");
      takenCount += taken.filter(({ outcome }) => outcome === "inserted").length;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const seconds = secondsSince(fromMs);
  await judges.stop();
  if (takenCount !== nodes) throw new Failure("Measure_NotTaken", `${takenCount} of ${nodes} readings were taken`);
  return { count: takenCount, seconds };
}

/** Signatures a second that all threads together verify and do nothing else, and the processor time of one. */
async function bareRate(threads: number, durationMs: number): Promise<{ perSec: number; cpuMicroSec: number }> {
  const fromCpu = cpuMicroSec(undefined);
  const counts = await Promise.all(
    Array.from({ length: threads }, () => {
      const worker = new Worker(new URL("measureBare.ts", import.meta.url), { workerData: { durationMs } });
      return new Promise<{ done: number; tookMs: number }>((resolve, reject) => {
        worker.once("error", reject);
        worker.once("message", resolve);
      });
    }),
  );
  const done = counts.reduce((sum, one) => sum + one.done, 0);
  const perSec = counts.reduce((sum, one) => sum + (1000 * one.done) / one.tookMs, 0);
  return { perSec, cpuMicroSec: (cpuMicroSec(undefined) - fromCpu) / done };
}
