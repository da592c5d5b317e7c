import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Counter, Gauge, Registry } from "prom-client";

import { Failure, codeOf } from "../failure.ts";
import { DROP_REASONS, type Drops } from "../protocol/drops.ts";
import type { SenderEvent } from "./sender.ts";

/** Why a scrape was not taken; `taken` where it was. */
export type ScrapeResult = "taken" | "failed" | "malformed" | "clock" | "refused";

/** What the agent says of itself. */
export interface AgentMetrics {
  /** All of it, in the Prometheus text format. */
  readonly text: () => Promise<string>;
  scraped(result: ScrapeResult, atMs: number): void;
  dropped(drops: Drops): void;
  closed(epoch: bigint, readingCount: number): void;
  sent(event: SenderEvent): void;
}

/** What is measured when it is asked for. */
export interface Measured {
  readonly journalBytes: number;
  readonly cutBytes: number;
  readonly orphanRecords: number;
  readonly rejectedReadings: number;
  readonly oracles: readonly {
    readonly oracle: string;
    readonly unsentCount: number;
    readonly isUp: boolean | undefined;
    readonly skewSec: number | undefined;
  }[];
}

export function startMetrics(measure: () => Promise<Measured>): AgentMetrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Counter({ name: `rackbond_agent_${name}`, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Gauge({ name: `rackbond_agent_${name}`, help, labelNames, registers });

  const scrapes = counter("scrapes_total", "scrapes, by what became of them", "result");
  for (const result of ["taken", "failed", "malformed", "clock", "refused"]) scrapes.inc({ result }, 0);
  const samples = counter("dropped_samples_total", "samples that scrapes said and that do not count", "reason");
  for (const reason of DROP_REASONS) samples.inc({ reason }, 0);
  const lastScrape = gauge("last_scrape_timestamp_seconds", "when the newest scrape was taken");
  const lastEpoch = gauge("last_closed_epoch", "the newest epoch with a signed reading");
  const readings = counter("readings_total", "readings signed");
  const delivered = counter("delivered_readings_total", "readings that an oracle has", "oracle");
  const failures = counter("delivery_failures_total", "messages that an oracle did not answer or put off", "oracle");
  const rejections = counter("rejections_total", "readings that an oracle refused for good", "oracle", "code");
  const journalBytes = gauge("journal_bytes", "scrapes on the disk that are in no reading yet");
  const cutBytes = gauge("journal_cut_bytes", "half-written bytes that the start cut off");
  const orphans = gauge("orphan_records", "records dropped because their host is no longer this agent's");
  const rejectedFiles = gauge("rejected_readings", "readings kept in the folder of the rejected");
  const unsent = gauge("unsent_readings", "readings that an oracle has not answered for", "oracle");
  const up = gauge("oracle_up", "whether the oracle answered the last message", "oracle");
  const skew = gauge("oracle_clock_skew_seconds", "the oracle's clock minus this host's", "oracle");

  const text = async () => {
    const measured = await measure();
    journalBytes.set(measured.journalBytes);
    cutBytes.set(measured.cutBytes);
    orphans.set(measured.orphanRecords);
    rejectedFiles.set(measured.rejectedReadings);
    for (const { oracle, unsentCount, isUp, skewSec } of measured.oracles) {
      unsent.set({ oracle }, unsentCount);
      up.set({ oracle }, isUp === true ? 1 : 0);
      if (skewSec !== undefined) skew.set({ oracle }, skewSec);
    }
    return await registry.metrics();
  };

  return {
    text,
    scraped(result, atMs) {
      scrapes.inc({ result });
      if (result === "taken") lastScrape.set(atMs / 1000);
    },
    dropped(drops) {
      for (const reason of DROP_REASONS) if (drops[reason] > 0) samples.inc({ reason }, drops[reason]);
    },
    closed(epoch, readingCount) {
      readings.inc(readingCount);
      if (readingCount > 0) lastEpoch.set(Number(epoch));
    },
    sent(event) {
      const { oracle } = event;
      if (event.kind === "delivered") delivered.inc({ oracle }, event.count);
      else if (event.kind === "failed") failures.inc({ oracle });
      else rejections.inc({ oracle, code: event.code });
    },
  };
}

/** Whether the agent does its work, and why not. */
export interface Health {
  readonly isWell: boolean;
  readonly why: string;
}

export interface StatusServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves GET /metrics and GET /healthz, and nothing else. */
export async function serveStatus(
  place: { readonly host: string; readonly port: number },
  text: () => Promise<string>,
  health: () => Health,
): Promise<StatusServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET") response.writeHead(405, { allow: "GET" }).end();
    else if (path === "/metrics") {
      const body = await text();
      response.writeHead(200, { "content-type": Registry.PROMETHEUS_CONTENT_TYPE }).end(body);
    } else if (path === "/healthz") {
      const { isWell, why } = health();
      const body = JSON.stringify({ status: isWell ? "ok" : "unwell", why });
      response.writeHead(isWell ? 200 : 503, { "content-type": "application/json" }).end(body);
    } else response.writeHead(404).end();
  };
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const taken = codeOf(error) === "EADDRINUSE";
      const why = taken ? `port ${place.port} of ${place.host} is taken` : error.message;
      reject(new Failure("Config_MetricsPort", `the metrics cannot be served: ${why}`, { cause: error }));
    });
    server.listen(place.port, place.host, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
