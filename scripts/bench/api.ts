import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execFileSync } from "node:child_process";
import autocannon from "autocannon";

import { SETTINGS } from "../../server/settings.ts";
import { startJob, type Job } from "../job.ts";
import { type Row, rowOf } from "./rows.ts";

// The API of a running system, at a fixed rate over all its public read routes, while blocks come: after each, all answers
// are made anew, and who would wait for one has the block before (RACKBOND_STALE_MS). The clients are in a thread of their
// own, on the same machine.

const REQUESTS_A_SECOND = 500;
const DURATION_SEC = 30;
const CONNECTION_COUNT = 25;
/** As Ethereum's. */
const BLOCK_EVERY_MS = 12_000;
const STALE_MS = "2000";
/** What a world of its own has behind it, where none is given. */
const HOURS = 24;

const ATTEMPTS = 40;

type Say = (line: string) => void;

/** `data`: a folder of `npm start -- --once --months 1 --data FOLDER`; a copy of it is used. */
export async function apiRows(say: Say, data: string | undefined): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-bench-"));
  process.env[SETTINGS.requestsPerMinute.env] = "10000000"; // all of them are one client's
  process.env[SETTINGS.staleMs.env] = STALE_MS;
  let job: Job | undefined;
  try {
    if (data !== undefined) execFileSync("cp", ["--archive", `${data}/.`, folder]);
    job = await startJob(
      {
        ...{ once: true, months: 1, seed: "1", factor: 0, data: folder, port: 0, rpcPort: 0, chain: undefined },
        ...{ scrapeFiles: [], powerFiles: [], quantiles: undefined, rateCents: new Map() },
      },
      () => undefined,
    );
    for (let hour = 0; data === undefined && hour < HOURS; hour++) await job.passHour();
    await job.program.follow();
    return await measured(job, say);
  } finally {
    await job?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured({ program, provider }: Job, say: Say): Promise<Row[]> {
  const paths = await readPaths(program.apiUrl, say);
  say(
    `${paths.length} read routes, ${REQUESTS_A_SECOND} requests a second for ${DURATION_SEC} s, ${cpus().length} cores`,
  );
  const run = (durationSec: number) =>
    autocannon({
      ...{ url: program.apiUrl, connections: CONNECTION_COUNT, overallRate: REQUESTS_A_SECOND, workers: 1 },
      ...{ duration: durationSec, requests: paths.map((path) => ({ path, method: "GET" as const })) },
    });
  await run(2); // nothing is compiled yet
  const timer = setInterval(() => void provider.send("evm_mine", []).catch(() => undefined), BLOCK_EVERY_MS);
  try {
    const { latency, requests, non2xx, errors, timeouts } = await run(DURATION_SEC);
    say(`p50 ${latency.p50} ms, p99 ${latency.p99} ms, p99.9 ${latency.p99_9} ms, most ${latency.max} ms`);
    const refused = { name: "api, requests that were not answered", unit: "requests", target: 0 };
    return [
      rowOf({ name: "api, p99 of the read routes at 500 a second", unit: "ms", value: latency.p99, target: 50 }),
      rowOf({
        ...{ name: "api, requests answered a second", unit: "requests", value: requests.average },
        ...{ target: REQUESTS_A_SECOND * 0.98, isLeast: true },
      }),
      rowOf({ ...refused, value: non2xx + errors + timeouts }),
    ];
  } finally {
    clearInterval(timer);
  }
}

interface Page {
  readonly items: readonly Record<string, unknown>[];
}

/** Every public read route of the description with ids that it answers for; those it does not answer for are said. */
async function readPaths(url: string, say: Say): Promise<string[]> {
  const get = async (path: string): Promise<unknown> => {
    let answer = await fetch(url + path);
    for (let attempt = 0; answer.status === 503 && attempt < ATTEMPTS; attempt++) {
      await sleep(500); // it has only just begun
      answer = await fetch(url + path);
    }
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
    return await answer.json();
  };
  const { paths } = (await get("/openapi.json")) as { paths: Record<string, object> };
  const first = async (path: string, field: string) => String(((await get(path)) as Page).items[0]?.[field]);
  const epoch = await first("/v1/epochs", "epoch");
  const known: Readonly<Record<string, string>> = {
    ...{ epoch, address: await first("/v1/facilities", "address"), lotId: await first("/v1/lots", "lotId") },
    leaseId: await first("/v1/leases", "leaseId"),
  };
  const query: Readonly<Record<string, string>> = {
    "/v1/lots/{lotId}/meters": `?from=${BigInt(epoch) - 24n}&to=${epoch}`,
    "/v1/facilities/{address}/telemetry": `?from=${BigInt(epoch) - 24n}&to=${epoch}`,
  };
  const found: string[] = [];
  for (const [pattern, methods] of Object.entries(paths)) {
    if (!("get" in methods) || !pattern.startsWith("/v1/") || pattern === "/v1/stream") continue;
    const path = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => known[name] ?? "0") + (query[pattern] ?? "");
    const { status } = await fetch(url + path);
    if (status === 200) found.push(path);
    else say(`${path} is left out: it answers ${status}`);
  }
  return found;
}
