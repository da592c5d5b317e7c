import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import compress from "@fastify/compress";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import sensible from "@fastify/sensible";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import underPressure from "@fastify/under-pressure";
import Fastify from "fastify";
import type { Config } from "./config.ts";
import { SETTINGS } from "./settings.ts";
import { Failure, codeOf } from "./failure.ts";
import { readSecret } from "./keys/secrets.ts";
import { answering } from "./plugins/answering.ts";
import type { Api } from "./plugins/http.ts";
import { metrics } from "./plugins/metrics.ts";
import { openapi } from "./plugins/openapi.ts";
import { portal } from "./plugins/portal.ts";
import { HttpProblem, onClientError, problems, sendProblem } from "./plugins/problems.ts";
import { openStreams } from "./plugins/stream.ts";
import { sessions } from "./plugins/session.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { capitalRoutes } from "./routes/capital.ts";
import { facilityRoutes } from "./routes/facilities.ts";
import { historyRoutes } from "./routes/history.ts";
import { identityRoutes } from "./routes/identities.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { lotRoutes } from "./routes/lots.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { peerRoutes, type PeerSources } from "./routes/peers.ts";
import { proofRoutes } from "./routes/proofs.ts";
import { readingRoutes } from "./routes/readings.ts";
import { reportRoutes } from "./routes/reports.ts";
import { serviceRoutes } from "./routes/service.ts";
import { sessionRoutes } from "./routes/session.ts";
import { streamRoutes } from "./routes/stream.ts";
import { telemetryRoutes } from "./routes/telemetry.ts";
import type { Sources } from "./sources.ts";

const PORTAL = fileURLToPath(new URL("../web/dist", import.meta.url));

/** What the portal's pages may do: nothing that is from elsewhere. Styles of elements are the one thing inline. */
const POLICY = {
  defaultSrc: ["'self'"],
  baseUri: ["'self'"],
  connectSrc: ["'self'"],
  fontSrc: ["'self'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
  imgSrc: ["'self'", "data:"],
  objectSrc: ["'none'"],
  // The hash function of the trees is WebAssembly, which a policy counts as a script that is made.
  scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
  scriptSrcAttr: ["'none'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  workerSrc: ["'self'", "blob:"],
};
/** When to come back to a server that is busy. */
const RETRY_SEC = 5;
const HTTPS_ONLY = { upgradeInsecureRequests: [] };

export interface AppOptions {
  readonly config: Config;
  readonly sources: Sources;
  /** Where the program is one oracle among others: what they ask of it. */
  readonly peers?: PeerSources;
  /** Where log lines go; standard error by default, since standard output carries results. */
  readonly logTo?: { write(line: string): void };
}

/** The API, ready to listen or to be injected into. */
export async function buildApp(options: AppOptions): Promise<Api> {
  const { config, sources } = options;
  const app = Fastify({
    // Nothing is coerced, dropped or filled in beyond the defaults a schema names; what does not fit is refused.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    bodyLimit: config.bodyLimitBytes,
    requestTimeout: config.requestTimeoutMs,
    connectionTimeout: config.requestTimeoutMs * 2,
    trustProxy: (_address, hop) => hop < config.proxyCount,
    routerOptions: { maxParamLength: 128 },
    genReqId: ({ headers }) => requestIdOf(headers["x-request-id"]),
    clientErrorHandler: (error, socket) => onClientError(error, socket),
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    logger: {
      level: config.logLevel,
      stream: options.logTo ?? process.stderr,
      redact: ["*.password", "*.authorization", "*.cookie", "*.privateKey", "*.databaseUrl"],
      serializers: { err: shownError },
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = config.maxConnections;
  app.removeContentTypeParser("text/plain");

  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity")
      throw new HttpProblem(415, "Request_UnsupportedType", "the body must be application/json, not encoded");
  });
  const isSecure = config.publicUrl?.startsWith("https:") === true;
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { ...POLICY, ...(isSecure && HTTPS_ONLY) } },
    hsts: isSecure,
  });
  await app.register(cors, {
    origin: config.corsOrigins === "*" ? "*" : (config.corsOrigins?.split(",") ?? false),
    methods: ["GET", "HEAD"], // what is private, and what changes something, is this site's own
    exposedHeaders: ["etag", "link", "x-block-number", "x-request-id", "retry-after"],
    maxAge: 600,
  });
  await app.register(compress, { threshold: 1_400, encodings: ["gzip"], globalDecompression: false });
  await app.register(sensible);
  await app.register(underPressure, {
    maxEventLoopDelay: config.maxEventLoopDelayMs,
    pressureHandler(_request, reply, _type, value) {
      if (value === Infinity) return; // no sample was taken: that says nothing of the delay
      void reply.header("retry-after", String(RETRY_SEC));
      throw new HttpProblem(503, "Server_Busy", "the server has more to do than it can; try again later");
    },
  });
  await app.register(rateLimit, {
    max: config.requestsPerMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_request, { max, ttl }) => {
      const seconds = Math.ceil(ttl / 1000);
      const detail = `more than ${max} requests in a minute; try again in ${seconds} s`;
      return new HttpProblem(429, "Request_TooMany", detail, { maxCount: max, retrySec: seconds });
    },
  });
  const pages = await portal(app, config.portalDir ?? PORTAL);
  problems(app, pages);
  const version = versionOfPackage();
  await openapi(app, version);
  const kept = answering(app, sources, config);
  const streams = openStreams(app, {
    ...{ sources, maxCount: config.maxStreams, maxPerClient: Math.ceil(config.maxStreams / 10) },
  });
  metricsRoutes(app, metrics(app, { sources, answers: kept, streams, version }));
  streamRoutes(app, streams);
  sessionRoutes(app, await sessions(app, { config, sources, secret: sessionSecret(config) }));
  serviceRoutes(app, sources);
  facilityRoutes(app, sources);
  historyRoutes(app, sources);
  lotRoutes(app, sources);
  if (sources.capital !== undefined) capitalRoutes(app, sources.capital);
  leaseRoutes(app, sources);
  accountRoutes(app, sources);
  reportRoutes(app, sources);
  telemetryRoutes(app, sources);
  if (options.peers !== undefined) peerRoutes(app, options.peers);
  proofRoutes(app, sources);
  await identityRoutes(app, sources);
  await readingRoutes(app, sources, config);
  await app.ready();
  return app;
}

/** Begins to serve; the address it serves at. */
export async function listen(app: Api, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    const remedy = "stop the program that has it, or choose another with --port, or 0 for any";
    throw new Failure("Api_PortTaken", `port ${port} of ${host} is taken: ${remedy}`, { cause: error });
  }
}

/** What sessions are sealed with: out of its file, so that they outlive the program, or new. */
function sessionSecret({ sessionKeyFile }: Config): Buffer {
  if (sessionKeyFile === undefined) return randomBytes(32);
  const secret = readSecret(sessionKeyFile, SETTINGS.sessionKeyFile.env);
  if (secret.length < 32)
    throw new Failure(
      "Session_ShortKey",
      `${sessionKeyFile} has fewer than 32 characters; openssl rand -hex 32 gives 64`,
    );
  return Buffer.from(secret);
}

/** A client's own request id when it is harmless, or a new one. */
function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === "string" && /^[0-9A-Za-z_-]{1,64}$/.test(given) ? given : randomUUID();
}

/** What the log says of an error: no parameters of queries, no passwords in addresses. */
function shownError(error: Error) {
  const hide = (text: string | undefined) => (text ?? "").replace(/(:\/\/[^\s:/@]*):[^\s@]*@/g, "$1:***@");
  return { type: error.name, code: codeOf(error), message: hide(error.message), stack: hide(error.stack) };
}

function versionOfPackage(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}
