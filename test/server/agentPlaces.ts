import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { AgentSettings } from "../../server/agent/run.ts";
import { signReading } from "../../server/nodekey.ts";
import { parseReading, readingHash, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { AT, DOMAIN, KEY, NODE, UUIDS } from "./agentBench.ts";

/** A server on loopback, with the place it is at. */
export interface Served {
  url: string;
  close: () => Promise<void>;
}

export async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Served> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Milliwatts of the exporter's boards. */
export const BOARD_MW = [700_000n, 300_000n];

/** What the boards' counters say at a time, in mJ: they began long before. */
export function counterMJ(gpu: number, nowMs: number): bigint {
  return 5_000_000_000n + (BOARD_MW[gpu]! * BigInt(Math.floor(nowMs - AT * 1000))) / 1000n;
}

/** A dcgm-exporter whose counters are true at the time of its clock. */
export function exporterText(nowMs: number): string {
  return UUIDS.map(
    (uuid, gpu) =>
      `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="${gpu}",UUID="${uuid}",pod="train"} ${counterMJ(gpu, nowMs)}\n` +
      `DCGM_FI_PROF_SM_ACTIVE{gpu="${gpu}",UUID="${uuid}",pod="train"} 0.5\n`,
  ).join("");
}

/** What an oracle answers to a message of readings; undefined: it takes them and says nothing. */
export type Answer = { status: number; headers?: Record<string, string>; body?: unknown } | undefined;

export interface FakeOracle extends Served {
  /** Every reading that came, in order, repetitions too. */
  readonly came: SignedReadingJson[];
  /** The readings by epoch; a second, different one of an epoch is a fault. */
  readonly taken: Map<bigint, SignedReadingJson>;
  readonly faults: string[];
  messageCount: number;
}

/** An oracle that keeps what it is given; `before` may answer in its stead, or let it take and then hang up. */
export async function startOracle(
  before: (messageIndex: number, readings: readonly SignedReadingJson[], path: string) => Answer | "take" | "hangUp",
  dateMs: () => number = () => Date.now(),
): Promise<FakeOracle> {
  const came: SignedReadingJson[] = [];
  const taken = new Map<bigint, SignedReadingJson>();
  const faults: string[] = [];
  const take = (signed: SignedReadingJson) => {
    came.push(signed);
    const epoch = BigInt(signed.reading.epoch);
    const known = taken.get(epoch);
    const hashOf = (one: SignedReadingJson) => readingHash(DOMAIN, parseReading(one.reading)) + one.signature;
    if (known !== undefined && hashOf(known) !== hashOf(signed)) faults.push(`two readings of epoch ${epoch}`);
    taken.set(epoch, signed);
    return { status: known === undefined ? 202 : 200, outcome: known === undefined ? "inserted" : "duplicate" };
  };
  const oracle = { came, taken, faults, messageCount: 0 };
  const served = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("date", new Date(dateMs()).toUTCString());
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      const lines = Buffer.concat(chunks).toString("utf8").trim().split("\n");
      const readings = lines.map((line) => JSON.parse(line) as SignedReadingJson);
      const answer = before(oracle.messageCount++, readings, request.url ?? "");
      if (typeof answer === "object") {
        response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
        response.end(JSON.stringify(answer.body ?? {}));
        return;
      }
      const results = readings.map(take);
      if (answer === "hangUp") request.socket.destroy();
      else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ results }));
    });
  });
  return Object.assign(oracle, served);
}

/** The settings of an agent with two boards, without an exporter and oracles. */
export function agentSettings(folder: string): AgentSettings {
  return {
    ...{ folder, hostname: "a", domain: DOMAIN, node: { ...NODE, maxGapSec: 6 * 3600 } },
    sign: (hash) => Promise.resolve(signReading(KEY, hash)),
    ...{ exporters: [], wall: undefined, intervalSec: 60, timeoutMs: 2000, closeDelaySec: 1800 },
    ...{ oracles: [], isPrivateAllowed: true, maxJournalBytes: 1 << 26, backoffMs: [5, 40] },
    metrics: { host: "127.0.0.1", port: 0 },
    log: () => undefined,
  };
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, patienceMs = 15_000): Promise<void> {
  for (const endMs = Date.now() + patienceMs; Date.now() < endMs;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`it did not come: ${what}`);
}

/** Ends a process and waits for it; its exit code. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await once(child, "exit");
  }
  return child.exitCode;
}
