import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { PlatformSources } from "../sourcesPlatform.ts";
import type { AnswerCounts } from "./answering.ts";
import type { Api } from "./http.ts";
import type { Streams } from "./stream.ts";

// What Prometheus is told (docs/grafana.json shows it). Routes are named by their pattern, never by what was asked for, so
// that nobody can make series by asking.

const BUCKETS_SEC = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export interface MetricsOptions {
  readonly sources: Pick<PlatformSources, "standing">;
  readonly answers: () => AnswerCounts;
  readonly streams: Pick<Streams, "count" | "toldCount">;
  readonly version: string;
}

let ofProcess: Registry | undefined;

/** Memory, processor time, event loop and garbage of this process, measured once for all its applications. */
function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

/** Measures an application from here on; gives the text that Prometheus reads. */
export function metrics(app: Api, options: MetricsOptions): () => Promise<{ type: string; text: string }> {
  const { sources, answers, streams } = options;
  const own = new Registry();
  const registers = [own];
  const gauge = (name: string, help: string, collect: () => number) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(collect());
      },
    });
  const total = (name: string, help: string, collect: () => number) =>
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset();
        this.inc(collect());
      },
    });

  new Gauge({ name: "rackbond_info", help: "the program's version", labelNames: ["version"], registers }).set(
    { version: options.version },
    1,
  );
  const duration = new Histogram({
    name: "rackbond_http_request_duration_seconds",
    help: "time from a request's arrival to its answer's end, by route",
    labelNames: ["method", "route", "status"],
    buckets: BUCKETS_SEC,
    registers,
  });
  const sent = new Counter({
    ...{ name: "rackbond_http_response_bytes_total", help: "bytes of bodies sent, as announced", registers },
    labelNames: ["route"],
  });
  const refused = new Counter({
    ...{ name: "rackbond_http_refusals_total", help: "answers of 400 and above", registers },
    labelNames: ["route", "status"],
  });
  let openCount = 0;
  gauge("rackbond_http_requests_open", "requests that are being answered", () => openCount);

  app.addHook("onRequest", (_request, _reply, done) => {
    openCount += 1;
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    openCount -= 1;
    const route = request.routeOptions.url ?? "none";
    const status = String(reply.statusCode);
    duration.observe({ method: request.method, route, status }, reply.elapsedTime / 1000);
    const length = Number(reply.getHeader("content-length") ?? 0);
    if (length > 0) sent.inc({ route }, length);
    if (reply.statusCode >= 400) refused.inc({ route, status });
    done();
  });

  total("rackbond_answers_kept_hits_total", "public answers given again within their block", () => answers().hits);
  total("rackbond_answers_made_total", "public answers that had to be made", () => answers().misses);
  gauge("rackbond_answers_kept_bytes", "what the kept answers take", () => answers().bytes);
  gauge("rackbond_answers_kept", "answers that are kept", () => answers().entries);
  gauge("rackbond_streams_open", "clients that listen to /v1/stream", () => streams.count());
  total("rackbond_streams_told_total", "times that all of them were told something", () => streams.toldCount());

  const standing = {
    up: new Gauge({
      name: "rackbond_ready",
      help: "1: database and chain answer, and the head was reached",
      registers,
    }),
    block: new Gauge({ name: "rackbond_head_block", help: "the block that the read model stands at", registers }),
    time: new Gauge({ name: "rackbond_head_time_seconds", help: "that block's time, unix seconds", registers }),
    last: new Gauge({ name: "rackbond_epoch_last", help: "the newest epoch on-chain, unix hours", registers }),
    final: new Gauge({ name: "rackbond_epoch_final", help: "the newest epoch that is final, unix hours", registers }),
    events: new Gauge({ name: "rackbond_events", help: "events that were followed", registers }),
    rollbacks: new Gauge({ name: "rackbond_epoch_rollbacks", help: "halted epochs that were taken back", registers }),
  };
  const stand = async () => {
    try {
      const now = await sources.standing();
      standing.up.set(now.isCurrent ? 1 : 0);
      standing.block.set(Number(now.headBlock));
      standing.time.set(Number(now.headAt));
      if (now.lastEpoch !== null) standing.last.set(Number(now.lastEpoch));
      if (now.finalEpoch !== null) standing.final.set(Number(now.finalEpoch));
      standing.events.set(Number(now.eventCount));
      standing.rollbacks.set(now.rollbackCount);
    } catch {
      standing.up.set(0); // the rest keeps what it was
    }
  };

  return async () => {
    await stand();
    return { type: own.contentType, text: `${await own.metrics()}${await processRegistry().metrics()}` };
  };
}
