import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";

import { parseScrape } from "../server/protocol/scrape.ts";
import { gpuModel } from "./catalogue.ts";
import { madeUpUuid, type ExportedGpu, type Exporter } from "./exporter.ts";

const ENERGY = /^(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION(?:_total)?)\{([^}]*)\}\s+\S+\s*$/;
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const HOUR_SEC = 3600;

/**
 * Hosts out of recorded dcgm-exporter scrapes, one for each Hostname label. A recording stands still, so its energy
 * counters are moved on with the recorded power; every other line is served as it was recorded. Several recordings of one
 * host take turns, an hour each, and its counters go on from the first one's.
 */
export function replayScrapes(files: string[], startAt: number): Exporter[] {
  const hosts = new Map<string, { recordings: Recording[]; gpus: Map<string, string> }>();
  for (const file of files) {
    const text = readText(file);
    requireScrape(file, text);
    const label = (line: string, name: string) => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1];
    const lines = text.split("\n").filter((line) => label(line, "UUID") !== undefined && !line.startsWith("#"));
    if (lines.length === 0) {
      throw new Error(`${file}: no dcgm-exporter sample with a UUID label; is this Prometheus text?`);
    }
    for (const [hostname, own] of groupBy(lines, (line) => label(line, "Hostname") ?? basename(file))) {
      const host = hosts.get(hostname) ?? { recordings: [], gpus: new Map<string, string>() };
      host.recordings.push(recordingOf(own));
      for (const line of own) host.gpus.set(label(line, "UUID") as string, label(line, "modelName") ?? "unknown");
      hosts.set(hostname, host);
    }
  }
  return [...hosts].map(([hostname, { recordings, gpus }]) => ({
    hostname,
    gpus: [...gpus].map(([uuid, modelName]): ExportedGpu => ({ uuid, modelName })),
    scrape: (at) => scrapeAfter(recordings, at - startAt),
  }));
}

interface Recording {
  lines: string[];
  /** By UUID. */
  energyMJ: Map<string, bigint>;
  powerMW: Map<string, bigint>;
}

/** Refuses at the start, by the file's name, what the agent would refuse hour after hour. */
function requireScrape(file: string, text: string): void {
  try {
    parseScrape(text);
  } catch (error) {
    throw new Error(`${file}: not dcgm-exporter text: ${(error as Error).message}`, { cause: error });
  }
}

function recordingOf(lines: string[]): Recording {
  const recording: Recording = { lines, energyMJ: new Map(), powerMW: new Map() };
  for (const { uuid, energyMJ, powerMilliW } of parseScrape(lines.join("\n")).samples) {
    if (energyMJ !== null) recording.energyMJ.set(uuid, energyMJ);
    if (powerMilliW !== null) recording.powerMW.set(uuid, powerMilliW);
  }
  return recording;
}

/** What the host shows after so many seconds of replay; the end of an hour still shows that hour. */
function scrapeAfter(recordings: Recording[], elapsedSec: number): string {
  const count = recordings.length;
  const hour = Math.max(0, Math.ceil(elapsedSec / HOUR_SEC) - 1);
  const energyMJ = (uuid: string) => {
    const first = recordings.find((recording) => recording.energyMJ.has(uuid))?.energyMJ.get(uuid) ?? 0n;
    const spent = recordings.reduce((sum, { powerMW }, turn) => {
      const hours = Math.floor(hour / count) + (turn < hour % count ? 1 : 0);
      const sec = hours * HOUR_SEC + (turn === hour % count ? elapsedSec - hour * HOUR_SEC : 0);
      return sum + (powerMW.get(uuid) ?? 0n) * BigInt(sec);
    }, 0n);
    return first + spent;
  };
  const shown = recordings[hour % count] as Recording;
  const lines = shown.lines.map((line) => {
    const [, name, labels = ""] = ENERGY.exec(line) ?? [];
    const uuid = uuidOf(labels);
    // A blank stays one.
    return name === undefined || !shown.energyMJ.has(uuid) ? line : `${name}{${labels}} ${energyMJ(uuid)}`;
  });
  return `${lines.join("\n")}\n`;
}

function uuidOf(labels: string): string {
  return /UUID="([^"]*)"/.exec(labels)?.[1] ?? "";
}

/** A wall-power recording: watts held from each sample to the next, pauses over a minute left out; it repeats. */
export interface PowerTrace {
  lengthSec: number;
  energyMJ: bigint;
  /** Cumulative mJ after so many seconds of replay. */
  energyAfterMJ(elapsedSec: number): bigint;
}

const LONGEST_SAMPLE_SEC = 60;
/** No host of eight GPUs draws as much. */
const MAX_HOST_W = 1_000_000;

/** A number, or NaN for an empty cell, which JavaScript takes for 0. */
export function numberOf(cell = ""): number {
  return cell.trim() === "" ? Number.NaN : Number(cell);
}

/** Unix seconds of an ISO 8601 time, UTC where it names no zone. */
function timeOf(text: string): number {
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`) / 1000;
}

/** Reads a CSV (or .csv.gz) with a `watts` column and a `time` (ISO 8601) or `time_ms` column. */
export function readPowerTrace(file: string): PowerTrace {
  const [head = "", ...lines] = readText(file).trim().split(/\r?\n/);
  const columns = head.split(",");
  const wattsAt = columns.indexOf("watts");
  const timeAt = columns.includes("time_ms") ? columns.indexOf("time_ms") : columns.indexOf("time");
  if (wattsAt === -1 || timeAt === -1) {
    throw new Error(`${file}: a power trace needs the columns watts and time or time_ms, got ${head.slice(0, 100)}`);
  }
  const cumulative: { sec: number; mJ: bigint }[] = [{ sec: 0, mJ: 0n }];
  let before: { at: number; mW: number } | undefined;
  lines.forEach((line, index) => {
    const cells = line.split(",");
    const at = columns[timeAt] === "time_ms" ? numberOf(cells[timeAt]) / 1000 : timeOf(cells[timeAt] ?? "");
    const watts = numberOf(cells[wattsAt]);
    if (!Number.isFinite(at) || !(watts >= 0 && watts <= MAX_HOST_W)) {
      throw new Error(`${file}:${index + 2}: not a time and a power: ${line.slice(0, 100)}`);
    }
    const sec = before === undefined ? 0 : at - before.at;
    if (before !== undefined && sec > 0 && sec <= LONGEST_SAMPLE_SEC) {
      const last = cumulative[cumulative.length - 1] as { sec: number; mJ: bigint };
      cumulative.push({ sec: last.sec + sec, mJ: last.mJ + BigInt(Math.round(before.mW * sec)) });
    }
    before = { at, mW: watts * 1000 };
  });
  const end = cumulative[cumulative.length - 1] as { sec: number; mJ: bigint };
  if (end.sec <= 0) throw new Error(`${file}: fewer than two samples within ${LONGEST_SAMPLE_SEC} s of each other`);
  return {
    lengthSec: end.sec,
    energyMJ: end.mJ,
    energyAfterMJ(elapsedSec) {
      const rounds = Math.floor(elapsedSec / end.sec);
      const within = elapsedSec - rounds * end.sec;
      let low = 0;
      let high = cumulative.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((cumulative[middle] as { sec: number }).sec <= within) low = middle;
        else high = middle;
      }
      const a = cumulative[low] as { sec: number; mJ: bigint };
      const b = cumulative[high] as { sec: number; mJ: bigint };
      const part = b.sec === a.sec ? 0 : (within - a.sec) / (b.sec - a.sec);
      return BigInt(rounds) * end.mJ + a.mJ + BigInt(Math.floor(Number(b.mJ - a.mJ) * part));
    },
  };
}

/** Of the wall energy, what the GPU boards take: 1 ÷ 1.30, wall watts per GPU ÷ TDP of 8×B200 (V, MLPerf power logs). */
const GPU_SHARE_E4 = 7_692n;

/** A host of eight GPUs whose wall meter replays a trace; its boards share the metered energy evenly. */
export function replayPower(file: string, startAt: number): Exporter {
  const trace = readPowerTrace(file);
  const model = gpuModel(/[HB][12]00/i.exec(basename(file))?.[0].toUpperCase() ?? "H100");
  const gpus = Array.from({ length: 8 }, (_, index) => ({
    uuid: madeUpUuid(`${basename(file)}/${index}`),
    modelName: model.name,
  }));
  const wallMJ = (at: number) => trace.energyAfterMJ(at - startAt);
  return {
    hostname: basename(file).replace(/\.csv(\.gz)?$/, ""),
    gpus,
    wallEnergyMJ: wallMJ,
    scrape: (at) =>
      gpus
        .map(({ uuid, modelName }, index) => {
          const labels = `gpu="${index}",UUID="${uuid}",modelName="${modelName}",pod="mlperf"`;
          const energyMJ = (wallMJ(at) * GPU_SHARE_E4) / 10_000n / 8n;
          return `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{${labels}} ${energyMJ}\n`;
        })
        .join(""),
  };
}

/** A text file, unpacked when its name ends in .gz, of a size that can be meant. */
export function readText(file: string): string {
  let bytes: Buffer;
  let size: number;
  try {
    ({ size } = statSync(file));
    bytes = size > MAX_FILE_BYTES ? Buffer.alloc(0) : readFileSync(file);
    if (file.endsWith(".gz") && bytes.length > 0) bytes = gunzipSync(bytes, { maxOutputLength: MAX_FILE_BYTES });
  } catch (error) {
    throw new Error(`${file}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (size > MAX_FILE_BYTES) throw new Error(`${file}: ${size} bytes, over ${MAX_FILE_BYTES}`);
  return bytes.toString("utf8");
}

function groupBy<T>(items: T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
