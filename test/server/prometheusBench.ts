import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { RawSeries } from "./prometheusSum.ts";

// A stock Prometheus server, and exporters that serve recorded texts to it: as they are, and with the traps of real ones.

const RECORDINGS = new URL("../../../shared/data/dcgm/", import.meta.url);
const BINARY = ["/usr/bin/prometheus", "/usr/local/bin/prometheus"].find((file) => existsSync(file)) ?? "prometheus";

/** Why this machine cannot run these tests; undefined when it can. */
export function missing(): string | undefined {
  if (spawnSync(BINARY, ["--version"]).status !== 0) return "prometheus is not installed";
  if (!existsSync(RECORDINGS)) return "the recordings of ../shared/data/dcgm are not here";
  return undefined;
}

export interface Target {
  readonly name: string;
  readonly hostname: string;
  /** The boards' UUIDs, in order. */
  readonly uuids: readonly string[];
  /** What the nth scrape answers; undefined where the exporter fails. */
  text(n: number): string | undefined;
}

/** A recording, unchanged: the same numbers at every scrape. */
export function unchanged(file: string): Target {
  const text = recording(file);
  return { name: file, ...namesIn(text), text: () => text };
}

const RISE_MJ = 2_000_000n; // at each scrape: a second of 2 kW

/**
 * A recording of one board under another name, with what real exporters do to it: the energy counter rises, is blank once
 * (a sentinel), ends in `_total`; activity is NaN, utilisation all ones; one scrape fails.
 */
export function moving(file: string): Target {
  const text = renamed(recording(file), "moving");
  const { uuids, hostname } = namesIn(text);
  return {
    ...{ name: "moving", hostname, uuids },
    text(n) {
      if (n === 6) return undefined;
      const energy = n === 3 ? "9223372036854775794" : String(5_000_000_000n + BigInt(n) * RISE_MJ);
      return withValues(text, {
        ENERGY: energy,
        GPU_UTIL: "4294967295",
        GR_ENGINE: n === 4 ? "NaN" : "0.5",
      }).replaceAll("TOTAL_ENERGY_CONSUMPTION", "TOTAL_ENERGY_CONSUMPTION_total");
    },
  };
}

/** Another: the driver is loaded anew, so the counter begins again; and rows of two MIG instances repeat the board's. */
export function restarting(file: string): Target {
  const text = renamed(recording(file), "restarting");
  const { uuids, hostname } = namesIn(text);
  return {
    ...{ name: "restarting", hostname, uuids },
    text(n) {
      const count = n < 5 ? 9_000_000_000n + BigInt(n) * RISE_MJ : 700_000n + BigInt(n - 5) * RISE_MJ;
      const own = withValues(text, { ENERGY: String(count) });
      const slices = ["7", "8"].flatMap((slice) =>
        own
          .split("\n")
          .filter((line) => /^DCGM_FI_(DEV_TOTAL_ENERGY|DEV_POWER|PROF_GR)/.test(line))
          .map((line) => line.replace("{", `{GPU_I_PROFILE="1g.10gb",GPU_I_ID="${slice}",`)),
      );
      return [own.trimEnd(), ...slices, ""].join("\n");
    },
  };
}

function recording(file: string): string {
  return readFileSync(new URL(`${file}.prom`, RECORDINGS), "utf8");
}

function namesIn(text: string): { hostname: string; uuids: string[] } {
  const found = (label: string) => [
    ...new Set([...text.matchAll(new RegExp(`${label}="([^"]+)"`, "g"))].map((m) => m[1]!)),
  ];
  return { hostname: found("Hostname")[0]!, uuids: found("UUID") };
}

function renamed(text: string, name: string): string {
  const digit = name.length % 10;
  return text
    .replaceAll(/Hostname="[^"]+"/g, `Hostname="${name}"`)
    .replaceAll(/UUID="GPU-(.{8})/g, `UUID="GPU-${String(digit).repeat(8)}`);
}

function withValues(text: string, values: Record<string, string>): string {
  return text.replaceAll(/^(DCGM_FI_[A-Z_]+)(\{.*\}) \S+$/gm, (line, name: string, labels: string) => {
    const found = Object.entries(values).find(([part]) => name.includes(part));
    return found === undefined ? line : `${name}${labels} ${found[1]}`;
  });
}

export interface Exporters {
  readonly port: number;
  /** How often each target was scraped. */
  counts(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Serves the targets, each at a path of its own. */
export async function startExporters(targets: readonly Target[]): Promise<Exporters> {
  const counts = new Map(targets.map(({ name }) => [name, 0]));
  const server = createServer((request, response) => {
    const target = targets.find(({ name }) => request.url === `/${name}`);
    const n = counts.get(target?.name ?? "") ?? 0;
    counts.set(target?.name ?? "", n + 1);
    const text = target?.text(n);
    response.writeHead(text === undefined ? 500 : 200, { "content-type": "text/plain; version=0.0.4" }).end(text ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    counts: () => counts,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export interface Prometheus {
  /** Every sample it kept of the last minutes. */
  samples(): Promise<RawSeries[]>;
  stop(): Promise<void>;
}

/** Starts Prometheus with one job a target, writing to a gateway. */
export async function startPrometheus(
  folder: string,
  targets: readonly Target[],
  exporterPort: number,
  gateway: { readonly url: string; readonly token: string },
): Promise<Prometheus> {
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, gateway.token, { mode: 0o600 });
  const jobs = targets.map(
    ({ name }) =>
      `  - {job_name: "${name}", metrics_path: "/${name}", static_configs: [{targets: ["127.0.0.1:${exporterPort}"]}]}`,
  );
  const config = [
    "global: {scrape_interval: 1s, scrape_timeout: 1s}",
    "remote_write:",
    `  - url: "${gateway.url}/api/v1/write"`,
    `    authorization: {credentials_file: "${tokenFile}"}`,
    "    queue_config: {batch_send_deadline: 500ms, min_backoff: 50ms, max_backoff: 500ms}",
    "scrape_configs:",
    ...jobs,
    "",
  ];
  writeFileSync(join(folder, "prometheus.yml"), config.join("\n"));
  const port = await freePort();
  const child: ChildProcess = spawn(
    BINARY,
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr!.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const exit = once(child, "exit");
  const stop = async () => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await exit;
  };
  const base = `http://127.0.0.1:${port}`;
  for (let turn = 0; ; turn++) {
    const isUp = await fetch(`${base}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) break;
    if (turn === 200 || child.exitCode !== null) {
      await stop();
      throw new Error(`Prometheus did not start: ${log.slice(-2000)}`);
    }
    await sleep(50);
  }
  return {
    stop,
    async samples() {
      const query = encodeURIComponent('{__name__=~"DCGM.*"}[10m]');
      const answer = await fetch(`${base}/api/v1/query?query=${query}`);
      const { data } = (await answer.json()) as { data: { result: RawSeries[] } };
      return data.result;
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}
