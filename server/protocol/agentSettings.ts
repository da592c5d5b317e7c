import { demand } from "./refusal.ts";

// What an agent on a GPU host is told, and how it is set up.

/** One setting of the agent: a flag, and the same as an environment variable. */
export interface AgentSetting {
  readonly flag: string;
  readonly what: string;
  readonly env: string;
  readonly default?: string;
}

/** Every setting of `rackbond agent`; docs/agent.md has them as a table. */
export const AGENT_SETTINGS = {
  exporter: {
    flag: "--exporter <urls>",
    what: "addresses of this host's exporters, comma-separated; http only on loopback",
    env: "RACKBOND_AGENT_EXPORTER",
    default: "http://127.0.0.1:9400/metrics",
  },
  intervalSec: {
    flag: "--interval-sec <n>",
    what: "seconds between two scrapes",
    env: "RACKBOND_AGENT_INTERVAL_SEC",
    default: "15",
  },
  timeoutMs: {
    flag: "--timeout-ms <n>",
    what: "longest time for one request",
    env: "RACKBOND_AGENT_TIMEOUT_MS",
    default: "5000",
  },
  nodeId: { flag: "--node-id <id>", what: "this host's node in the registry", env: "RACKBOND_AGENT_NODE_ID" },
  lotId: { flag: "--lot-id <id>", what: "the lot its boards belong to", env: "RACKBOND_AGENT_LOT_ID" },
  devices: {
    flag: "--devices <file>",
    what: "the lot's published identities, one {name, nodeId} a line",
    env: "RACKBOND_AGENT_DEVICES",
  },
  chainId: { flag: "--chain-id <id>", what: "the chain the registry is on", env: "RACKBOND_AGENT_CHAIN_ID" },
  telemetry: {
    flag: "--telemetry <address>",
    what: "the telemetry contract the readings are for",
    env: "RACKBOND_AGENT_TELEMETRY",
  },
  key: {
    flag: "--key <uri>",
    what: "the node key: pem:FILE or pkcs11:…",
    env: "RACKBOND_AGENT_KEY",
  },
  keyPasswordFile: {
    flag: "--key-password-file <file>",
    what: "holds the key's password or PIN",
    env: "RACKBOND_AGENT_KEY_PASSWORD_FILE",
    default: "",
  },
  oracle: {
    flag: "--oracle <urls>",
    what: "addresses of the oracles, comma-separated; every one gets every reading",
    env: "RACKBOND_AGENT_ORACLE",
  },
  allowPrivate: {
    flag: "--allow-private <choice>",
    what: "yes where oracles are in a private network or on this machine",
    env: "RACKBOND_AGENT_ALLOW_PRIVATE",
    default: "no",
  },
  data: {
    flag: "--data <folder>",
    what: "journal, spool and lock; one agent at a time has it",
    env: "RACKBOND_AGENT_DATA",
    default: ".agent",
  },
  journalMiB: {
    flag: "--journal-mib <n>",
    what: "most that the journal takes on the disk",
    env: "RACKBOND_AGENT_JOURNAL_MIB",
    default: "2048",
  },
  allocation: {
    flag: "--allocation <mode>",
    what: "pod: allocated where rows name a workload; dedicated: always",
    env: "RACKBOND_AGENT_ALLOCATION",
    default: "pod",
  },
  maxGapSec: {
    flag: "--max-gap-sec <n>",
    what: "longer without a scrape, and the time between is not available",
    env: "RACKBOND_AGENT_MAX_GAP_SEC",
    default: "120",
  },
  closeDelaySec: {
    flag: "--close-delay-sec <n>",
    what: "longest wait for a scrape after an epoch's end before it is closed",
    env: "RACKBOND_AGENT_CLOSE_DELAY_SEC",
    default: "60",
  },
  wallUrl: {
    flag: "--wall-url <url>",
    what: "an exporter with the host's power meter",
    env: "RACKBOND_AGENT_WALL_URL",
    default: "",
  },
  wallMetric: {
    flag: "--wall-metric <name>",
    what: "its cumulative energy in joules",
    env: "RACKBOND_AGENT_WALL_METRIC",
    default: "",
  },
  wallCommand: {
    flag: "--wall-command <file>",
    what: "a program that prints the host's cumulative energy in joules",
    env: "RACKBOND_AGENT_WALL_COMMAND",
    default: "",
  },
  metricsHost: {
    flag: "--metrics-host <address>",
    what: "where /metrics and /healthz are served",
    env: "RACKBOND_AGENT_METRICS_HOST",
    default: "127.0.0.1",
  },
  metricsPort: {
    flag: "--metrics-port <n>",
    what: "and on which port; 0 takes a free one",
    env: "RACKBOND_AGENT_METRICS_PORT",
    default: "9464",
  },
} as const satisfies Record<string, AgentSetting>;

/** The name of an agent's setting. */
export type AgentSettingName = keyof typeof AGENT_SETTINGS;

const MUST = (Object.keys(AGENT_SETTINGS) as AgentSettingName[]).filter(
  (name) => (AGENT_SETTINGS[name] as AgentSetting).default === undefined,
);
// What systemd takes out of an EnvironmentFile as it stands.
const PLAIN = /^[\w.,:;=?&%@+/~-]*$/;

/**
 * A host's settings as an environment file, in the order of the table: what is said and differs from its default. Refuses
 * what would be read otherwise than it was written, and a setting that must be given and is not.
 */
export function agentEnvironment(given: Partial<Record<AgentSettingName, string>>): string {
  for (const name of MUST)
    demand((given[name] ?? "") !== "", "Agent_SettingMissing", { env: AGENT_SETTINGS[name].env });
  const lines = (Object.keys(AGENT_SETTINGS) as AgentSettingName[]).flatMap((name) => {
    const { env, default: byDefault }: AgentSetting = AGENT_SETTINGS[name];
    const value = given[name];
    if (value === undefined || value === byDefault) return [];
    demand(PLAIN.test(value), "Agent_SettingNotPlain", { env, value: value.slice(0, 80) });
    return [`${env}=${value}`];
  });
  return `${lines.join("\n")}\n`;
}

/** Where a unit has the program, its settings and its data. */
export const AGENT_PLACES = {
  program: "/opt/rackbond",
  environment: "/etc/rackbond/agent.env",
  key: "/etc/rackbond/node.pem",
  devices: "/etc/rackbond/identities.ndjson",
  data: "/var/lib/rackbond-agent",
} as const;

/** The systemd unit of an agent. */
export const AGENT_UNIT = `[Unit]
Description=Rackbond agent
After=network-online.target nvidia-dcgm-exporter.service
Wants=network-online.target

[Service]
User=rackbond
EnvironmentFile=${AGENT_PLACES.environment}
Environment=RACKBOND_AGENT_DATA=${AGENT_PLACES.data}
ExecStart=${AGENT_PLACES.program}/node_modules/.bin/node ${AGENT_PLACES.program}/server/cli/rackbond.ts agent
StateDirectory=rackbond-agent
StateDirectoryMode=0700
Restart=always
RestartSec=5
TimeoutStopSec=30
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
PrivateDevices=true
ProtectKernelTunables=true
ProtectControlGroups=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
MemoryMax=1G

[Install]
WantedBy=multi-user.target
`;
