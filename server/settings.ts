// Every setting of the program, as a table: loadConfig reads and checks by it, docs/reference/settings.md is made from it.

export type SettingType =
  | { kind: "integer"; min: number; max: number }
  | { kind: "choice"; of: readonly string[] }
  | { kind: "text"; pattern: RegExp; form: string };

export interface Setting {
  env: string;
  description: string;
  type: SettingType;
  /** What holds when nothing is given; undefined when the setting is optional. */
  default: number | string | undefined;
  /** Never printed. */
  secret: boolean;
}

const integer = (min: number, max: number) => ({ kind: "integer" as const, min, max });

export const SETTINGS = {
  host: {
    env: "RACKBOND_HOST",
    description: "address the API listens on",
    type: { kind: "text", pattern: /^[0-9A-Za-z.:-]{1,253}$/, form: "host name or IP address" },
    default: "127.0.0.1",
    secret: false,
  },
  port: {
    env: "RACKBOND_PORT",
    description: "port the API listens on; 0 takes a free one",
    type: integer(0, 65_535),
    default: 3000,
    secret: false,
  },
  dataDir: {
    env: "RACKBOND_DATA",
    description: "folder of the embedded database",
    type: { kind: "text", pattern: /^[^\0]{1,4096}$/, form: "path" },
    default: ".data",
    secret: false,
  },
  mode: {
    env: "RACKBOND_MODE",
    description: "production refuses keys in plain text and key material in the environment (docs/keys.md)",
    type: { kind: "choice", of: ["development", "production"] },
    default: "development",
    secret: false,
  },
  passwordFile: {
    env: "RACKBOND_PASSWORD_FILE",
    description: "file, mode 0600, with the password or PIN of keys whose URI names none",
    type: { kind: "text", pattern: /^[^\0]{1,4096}$/, form: "path" },
    default: undefined,
    secret: false,
  },
  bumpAfterSec: {
    env: "RACKBOND_BUMP_AFTER_SEC",
    description: "a transaction not mined for so long is offered again with fees at least a tenth higher",
    type: integer(1, 86_400),
    default: 60,
    secret: false,
  },
  maxFeeGwei: {
    env: "RACKBOND_MAX_FEE_GWEI",
    description: "the most that is ever offered for a unit of gas, gwei",
    type: integer(1, 1_000_000),
    default: 500,
    secret: false,
  },
  databaseUrl: {
    env: "DATABASE_URL",
    description: "a PostgreSQL to use in the embedded one's stead",
    type: { kind: "text", pattern: /^postgres(ql)?:\/\/\S+$/, form: "postgres://user:password@host:port/database" },
    default: undefined,
    secret: true,
  },
  deploymentFile: {
    env: "RACKBOND_DEPLOYMENT",
    description: "file that says where the contracts are, for an oracle",
    type: { kind: "text", pattern: /^[^\0]{1,4096}$/, form: "path" },
    default: undefined,
    secret: false,
  },
  methodologyFile: {
    env: "RACKBOND_METHODOLOGY",
    description: "file with the site factors; methodology.json beside the deployment where it is not given",
    type: { kind: "text", pattern: /^[^\0]{1,4096}$/, form: "path" },
    default: undefined,
    secret: false,
  },
  rpcUrls: {
    env: "RACKBOND_RPC_URL",
    description: "JSON-RPC of the chain; several in the order in which they are tried, with commas between",
    type: { kind: "text", pattern: /^https?:\/\/[^\s,]+(,https?:\/\/[^\s,]+)*$/, form: "http(s)://host:port[,…]" },
    default: undefined,
    secret: true,
  },
  reportKey: {
    env: "RACKBOND_REPORT_KEY",
    description: "the key that signs reports (docs/keys.md has the forms)",
    type: { kind: "text", pattern: /^[a-z0-9]+:\S+$/, form: "URI of a key" },
    default: undefined,
    secret: true,
  },
  gasKey: {
    env: "RACKBOND_GAS_KEY",
    description: "the key that pays for transactions, another one than the report key",
    type: { kind: "text", pattern: /^[a-z0-9]+:\S+$/, form: "URI of a key" },
    default: undefined,
    secret: true,
  },
  peerUrls: {
    env: "RACKBOND_PEERS",
    description: "every oracle, this one among them, in the order of the signers, with commas between",
    type: { kind: "text", pattern: /^https?:\/\/[^\s,]+(,https?:\/\/[^\s,]+)*$/, form: "http(s)://host:port,…" },
    default: undefined,
    secret: false,
  },
  graceSec: {
    env: "RACKBOND_GRACE_SEC",
    description: "how long after an hour its report is proposed",
    type: integer(0, 86_400),
    default: 120,
    secret: false,
  },
  roundMs: {
    env: "RACKBOND_ROUND_MS",
    description: "how long the first round of a consensus waits for what is missing; later ones wait longer",
    type: integer(50, 600_000),
    default: 5_000,
    secret: false,
  },
  turnSec: {
    env: "RACKBOND_TURN_SEC",
    description: "how long each oracle is given to bring a decision on-chain before the next one does",
    type: integer(0, 3_600),
    default: 60,
    secret: false,
  },
  confirmationCount: {
    env: "RACKBOND_CONFIRMATIONS",
    description: "blocks after which a transaction counts as done",
    type: integer(1, 1_000),
    default: 12,
    secret: false,
  },
  clock: {
    env: "RACKBOND_CLOCK",
    description: "what tells the time: this machine, or the newest block of a local chain",
    type: { kind: "choice", of: ["system", "chain"] },
    default: "system",
    secret: false,
  },
  clockOffsetSec: {
    env: "RACKBOND_CLOCK_OFFSET_SEC",
    description: "seconds by which the clock is put forward, or back below 0; for tests",
    type: { kind: "text", pattern: /^-?[0-9]{1,7}$/, form: "integer from -9999999 to 9999999" },
    default: "0",
    secret: false,
  },
  statementTimeoutMs: {
    env: "RACKBOND_STATEMENT_TIMEOUT_MS",
    description: "longest time one database statement may take",
    type: integer(100, 600_000),
    default: 30_000,
    secret: false,
  },
  logLevel: {
    env: "RACKBOND_LOG",
    description: "least severe log lines that are written",
    type: { kind: "choice", of: ["fatal", "error", "warn", "info", "debug", "silent"] },
    default: "warn",
    secret: false,
  },
  publicUrl: {
    env: "RACKBOND_PUBLIC_URL",
    description: "where browsers find the API; without it, people sign in on this machine's own addresses only",
    type: { kind: "text", pattern: /^https?:\/\/[0-9A-Za-z.:[\]-]{1,253}$/, form: "http(s)://host[:port]" },
    default: undefined,
    secret: false,
  },
  sessionKeyFile: {
    env: "RACKBOND_SESSION_KEY_FILE",
    description: "file, mode 0600, with the secret that sessions are sealed with; without it they end with the program",
    type: { kind: "text", pattern: /^[^\0]{1,4096}$/, form: "path" },
    default: undefined,
    secret: false,
  },
  corsOrigins: {
    env: "RACKBOND_CORS_ORIGINS",
    description: "other sites whose pages may read what is public, with commas between; * for all",
    type: {
      kind: "text",
      pattern: /^(\*|https?:\/\/[^\s,/*]+(,https?:\/\/[^\s,/*]+)*)$/,
      form: "* or http(s)://host[:port],…",
    },
    default: undefined,
    secret: false,
  },
  portalDir: {
    env: "RACKBOND_PORTAL",
    description: "folder of the built portal; web/dist of the program where it is not given",
    type: { kind: "text", pattern: /^[^\0]{1,4096}$/, form: "path" },
    default: undefined,
    secret: false,
  },
  maxStreams: {
    env: "RACKBOND_STREAMS",
    description: "clients that may listen to /v1/stream at once; a tenth of them from one address",
    type: integer(10, 100_000),
    default: 500,
    secret: false,
  },
  cacheBytes: {
    env: "RACKBOND_CACHE_BYTES",
    description: "bytes of public answers that are kept until the next block",
    type: integer(65_536, 4_294_967_296),
    default: 67_108_864,
    secret: false,
  },
  staleMs: {
    env: "RACKBOND_STALE_MS",
    description: "how long the answer of the block before is given on while one client's request makes the new one",
    type: integer(0, 60_000),
    default: 0,
    secret: false,
  },
  bodyLimitBytes: {
    env: "RACKBOND_BODY_LIMIT",
    description: "largest request body, bytes",
    type: integer(1024, 16_777_216),
    default: 262_144,
    secret: false,
  },
  batchLimitBytes: {
    env: "RACKBOND_BATCH_LIMIT",
    description: "largest batch of readings, bytes",
    type: integer(4096, 67_108_864),
    default: 4_194_304,
    secret: false,
  },
  ingestBytes: {
    env: "RACKBOND_INGEST_BYTES",
    description: "bytes of readings that are held at once, on their way in; more are told to come later",
    type: integer(65_536, 4_294_967_296),
    default: 67_108_864,
    secret: false,
  },
  ingestThreads: {
    env: "RACKBOND_INGEST_THREADS",
    description: "threads that verify readings; 0 verifies on the main one",
    type: integer(0, 64),
    default: 2,
    secret: false,
  },
  readingsPerMinute: {
    env: "RACKBOND_READINGS_PER_MINUTE",
    description: "readings that one client address may bring in a minute",
    type: integer(1, 1_000_000_000),
    default: 60_000,
    secret: false,
  },
  skewSec: {
    env: "RACKBOND_SKEW_SEC",
    description: "how far clocks may be apart when a reading's hour is compared with now, seconds",
    type: integer(0, 3_600),
    default: 120,
    secret: false,
  },
  requestTimeoutMs: {
    env: "RACKBOND_REQUEST_TIMEOUT_MS",
    description: "longest time a client may take to send a request",
    type: integer(1000, 600_000),
    default: 15_000,
    secret: false,
  },
  maxConnections: {
    env: "RACKBOND_MAX_CONNECTIONS",
    description: "connections held open at once; more are closed",
    type: integer(1, 100_000),
    default: 2_000,
    secret: false,
  },
  requestsPerMinute: {
    env: "RACKBOND_REQUESTS_PER_MINUTE",
    description: "requests that one client address may make in a minute",
    type: integer(1, 10_000_000),
    default: 1_200,
    secret: false,
  },
  maxEventLoopDelayMs: {
    env: "RACKBOND_MAX_DELAY_MS",
    description: "mean event loop delay above which requests are refused",
    type: integer(10, 60_000),
    default: 3_000,
    secret: false,
  },
  proxyCount: {
    env: "RACKBOND_PROXIES",
    description: "trusted proxies in front of the API; their X-Forwarded-For names the client",
    type: integer(0, 8),
    default: 0,
    secret: false,
  },
} as const satisfies Record<string, Setting>;
