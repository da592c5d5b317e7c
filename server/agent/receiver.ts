import { createHash, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";

import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";

import { Busy } from "../busy.ts";
import { codeOf, messageOf } from "../failure.ts";
import { MAX_EXPOSITION_CHARS } from "../protocol/exposition.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { AgentHost } from "./host.ts";
import { readWrite, type WriteCounts, type WriteLabels } from "./remoteWrite.ts";
import { uncompress } from "./snappy.ts";

export interface ReceiverOptions {
  readonly host: string;
  readonly port: number;
  readonly agent: Pick<AgentHost, "take">;
  readonly hostnames: readonly string[];
  readonly labels: WriteLabels;
  /** What a sender must show; undefined where a proxy has asked already. */
  readonly token: string | undefined;
  readonly nowMs: () => number;
  /** What is older than the newest hour that was closed counts for nothing; where that hour began, in milliseconds. */
  readonly oldestMilliSec?: () => bigint;
  readonly log: (line: string) => void;
}

/** What has come in so far. */
export interface ReceiverCounts extends WriteCounts {
  requests: number;
  refusedRequests: number;
  refusedScrapes: number;
  busy: number;
}

export interface Receiver {
  readonly url: string;
  counts(): Readonly<ReceiverCounts>;
  /** The newest time that each host was seen at, in milliseconds. */
  newest(): ReadonlyMap<string, bigint>;
  close(): Promise<void>;
}

const MAX_COMPRESSED_BYTES = 4 * 1024 * 1024;
const MAX_PLAIN_BYTES = 16 * 1024 * 1024;
const MAX_AT_ONCE = 16;
const MAX_CONNECTIONS = 256;
const RETRY_SEC = 5;
// A sample from further ahead than clocks are apart is of no time that could be waited for.
const MAX_AHEAD_MS = 600_000;

/** Takes what Prometheus writes, and texts that are pushed. 204 means that all of it that counts is on the disk. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { agent, labels, log, nowMs } = options;
  const hostnames = new Set(options.hostnames);
  const newest = new Map<string, bigint>();
  const oldest = () => {
    const atMilliSec = options.oldestMilliSec?.() ?? 1n;
    return atMilliSec > 0n ? atMilliSec : 1n;
  };
  const counts: ReceiverCounts = {
    ...{ taken: 0, unknownMetric: 0, unknownHost: 0, stale: 0, badTime: 0, unwritable: 0 },
    ...{ requests: 0, refusedRequests: 0, refusedScrapes: 0, busy: 0 },
  };
  let atOnce = 0;

  const app = Fastify({ bodyLimit: MAX_COMPRESSED_BYTES, requestTimeout: 15_000, connectionTimeout: 60_000 });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["application/x-protobuf", "text/plain"], { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
  app.addHook("onRequest", (request, reply, next) => {
    counts.requests++;
    if (!isAllowed(request, options.token)) {
      counts.refusedRequests++;
      void reply.code(401).header("www-authenticate", "Bearer").send("the bearer token is missing or wrong\n");
      return;
    }
    // Prometheus gives up on a 429, unless it is told not to: 503 is what makes every version try again.
    next(atOnce < MAX_AT_ONCE ? undefined : new Busy("Gateway_Busy", "too many messages at once", false, 1000));
  });
  app.setErrorHandler((error, _request, reply) => answerError(error, reply));

  const take = async (hostname: string, atMilliSec: bigint, text: string) => {
    try {
      demand(atMilliSec <= BigInt(nowMs() + MAX_AHEAD_MS), "Gateway_TimeAhead", { hostname, atMilliSec });
      await agent.take(hostname, atMilliSec, text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // No later try would be taken either, and the other hosts of the message are not to wait for it.
      counts.refusedScrapes++;
      log(error.message);
      return error;
    }
    if (atMilliSec > (newest.get(hostname) ?? 0n)) newest.set(hostname, atMilliSec);
    return undefined;
  };

  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    atOnce++;
    try {
      return await work();
    } finally {
      atOnce--;
    }
  };

  app.post("/api/v1/write", (request, reply) =>
    counted(async () => {
      requireType(request, "application/x-protobuf", "snappy");
      const plain = uncompress(request.body as Buffer, MAX_PLAIN_BYTES);
      const written = readWrite(plain, hostnames, labels, oldest());
      await Promise.all(written.scrapes.map(({ hostname, atMilliSec, text }) => take(hostname, atMilliSec, text)));
      for (const [name, count] of Object.entries(written.counts)) counts[name as keyof WriteCounts] += count as number;
      return reply.code(204).send();
    }),
  );

  app.post<{ Params: { hostname: string }; Querystring: { at?: string } }>(
    "/api/v1/exposition/:hostname",
    (request, reply) =>
      counted(async () => {
        requireType(request, "text/plain", undefined);
        const { hostname } = request.params;
        demand(hostnames.has(hostname), "Gateway_UnknownHost", { hostname: hostname.slice(0, 80) });
        const at = request.query.at ?? String(nowMs());
        demand(/^[1-9][0-9]{0,14}$/.test(at), "Gateway_BadTime", { at: at.slice(0, 40) });
        demand(BigInt(at) >= oldest(), "Gateway_TimeBehind", { hostname, at });
        const body = request.body as Buffer;
        demand(body.length <= MAX_EXPOSITION_CHARS, "Exposition_TooLong", { length: body.length });
        const refusal = await take(hostname, BigInt(at), body.toString("utf8"));
        if (refusal !== undefined) throw refusal;
        return reply.code(204).send();
      }),
  );

  function answerError(error: unknown, reply: FastifyReply): void {
    const status = (error as { statusCode?: number }).statusCode;
    const isRefused = error instanceof Refusal || (status !== undefined && status >= 400 && status < 500);
    if (isRefused) {
      counts.refusedRequests++;
      void reply.code(error instanceof Refusal ? 400 : (status ?? 400)).send(`${messageOf(error)}\n`);
      return;
    }
    counts.busy++;
    if (!(error instanceof Busy)) log(`samples cannot be kept: ${codeOf(error) ?? ""} ${messageOf(error)}`);
    void reply.code(503).header("retry-after", String(RETRY_SEC)).send("try again later\n");
  }

  await app.listen({ host: options.host, port: options.port });
  const { address, port } = app.server.address() as AddressInfo;
  return {
    url: `http://${address.includes(":") ? `[${address}]` : address}:${port}`,
    counts: () => ({ ...counts }),
    newest: () => new Map(newest),
    close: () => app.close(),
  };
}

/** Whether a request shows the token; how long that takes says nothing of it. */
function isAllowed({ headers }: FastifyRequest, token: string | undefined): boolean {
  if (token === undefined) return true;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(headers.authorization ?? ""), digest(`Bearer ${token}`));
}

function requireType({ headers }: FastifyRequest, type: string, encoding: string | undefined): void {
  const given = (headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  const isOther = headers["content-encoding"] !== encoding;
  if (given === type && !isOther) return;
  const expected = encoding === undefined ? type : `${type}, ${encoding}`;
  throw new Refusal("Gateway_UnsupportedType", { type: given.slice(0, 80), expected });
}
