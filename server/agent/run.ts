import { setTimeout as sleep } from "node:timers/promises";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Failure, messageOf } from "../failure.ts";
import { takeLock } from "../lock.ts";
import { ask, outboundUrl } from "../outbound.ts";
import type { Hex } from "../protocol/bytes.ts";
import { Refusal } from "../protocol/refusal.ts";
import { parseScrape } from "../protocol/scrape.ts";
import { MILLI, epochEndAt } from "../protocol/units.ts";
import { startAgentHost, type AgentHost } from "./host.ts";
import { epochUntil } from "./hours.ts";
import { serveStatus, startMetrics, type AgentMetrics, type Health } from "./metrics.ts";
import type { NodeSettings } from "./node.ts";
import { startSender } from "./sender.ts";
import { readWall, type WallMeter } from "./wall.ts";

export interface AgentSettings {
  readonly node: NodeSettings;
  readonly hostname: string;
  readonly domain: Hex;
  readonly sign: (readingHash: Hex) => Promise<Hex>;
  /** The exporters of this host; all of them together are one scrape. */
  readonly exporters: readonly string[];
  readonly wall: WallMeter | undefined;
  readonly intervalSec: number;
  readonly timeoutMs: number;
  /** An epoch is closed when a scrape after its end is taken, or this long after it. */
  readonly closeDelaySec: number;
  readonly oracles: readonly string[];
  /** Whether oracles may be in a private network. */
  readonly isPrivateAllowed: boolean;
  readonly folder: string;
  readonly maxJournalBytes: number;
  readonly backoffMs: readonly [number, number];
  readonly metrics: { readonly host: string; readonly port: number };
  /** Hears what a person should know. */
  readonly log: (line: string) => void;
}

/** The time, and how often it is looked at. */
export interface AgentClock {
  nowMs(): number;
  readonly tickMs: number;
}

const SYSTEM_CLOCK: AgentClock = { nowMs: () => Date.now(), tickMs: 250 };
const SCRAPE_LIMIT_BYTES = 4_000_000;
const BATCH_COUNT = 64;
// A clock that went back by more than this was wrong before: what it said then does not hold scrapes back.
const LONGEST_STEP_MS = 3_600_000;
// An oracle's Date is whole seconds, and on the way for a while.
const SKEW_SEC = 120;

export interface RunningAgent {
  readonly metricsUrl: string;
  /** Ends after what it is doing; everything is on the disk then. */
  stop(): Promise<void>;
}

/** Runs on a GPU host: scrapes, signs a reading for each epoch, brings it to the oracles. */
export async function runAgent(settings: AgentSettings, clock: AgentClock = SYSTEM_CLOCK): Promise<RunningAgent> {
  const { folder, log } = settings;
  const exporters = settings.exporters.map((url) => outboundUrl(url, "an exporter's address"));
  const closing: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    closing.push(lock(folder));
    const { node, hostname, domain, sign, maxJournalBytes, isPrivateAllowed, timeoutMs, backoffMs } = settings;
    const nodes = [{ ...node, hostname, sign }];
    const host = startAgentHost({ folder, domain, nodes, maxJournalBytes });
    closing.push(() => host.close());
    const { cutByteCount } = host.status();
    if (cutByteCount > 0) log(`the journal ended in a half-written record: ${cutByteCount} bytes are cut off`);

    const metrics = startMetrics(async () => ({
      journalBytes: host.status().byteCount,
      cutBytes: cutByteCount,
      orphanRecords: host.status().orphanCount,
      rejectedReadings: sender.rejectedCount(),
      oracles: await sender.status(),
    }));
    const sender = startSender({
      ...{ spool: host.spool, folder: join(folder, "sent"), oracles: settings.oracles, isPrivateAllowed },
      ...{ batchCount: BATCH_COUNT, timeoutMs, backoffMs, nowMs: () => clock.nowMs() },
      onEvent: (event) => {
        metrics.sent(event);
        if (event.kind === "failed") log(`${event.oracle}: ${event.reason}; again in ${event.waitMs} ms`);
        if (event.kind === "rejected") log(`${event.oracle} refused a reading for good, it is kept: ${event.code}`);
      },
    });
    closing.push(() => sender.stop());

    await sender.ready; // what the oracles' clocks say is known before the first epoch is closed
    const scraper = startScraper(settings, exporters, clock, metrics, host);
    const loop = startLoop({
      ...{ clock, settings, scrape: () => scraper.scrape(), lastTakenMs: () => scraper.lastTakenMs() },
      close: async (epoch) => {
        const skew = (await sender.status()).map(({ skewSec }) => skewSec ?? 0).sort((a, b) => a - b);
        const medianSec = skew[Math.floor(skew.length / 2)] ?? 0;
        if (BigInt(Math.floor(clock.nowMs() / 1000) + medianSec + SKEW_SEC) < epochEndAt(epoch))
          throw new Failure("Agent_ClockAhead", `this host's clock is ${-medianSec} s ahead of the oracles'`);
        const readings = await host.closeEpoch(epoch);
        metrics.closed(epoch, readings.length);
        if (readings.length > 0) sender.wake();
      },
    });
    closing.push(() => loop.stop());
    const health = (): Health => {
      const ageMs = clock.nowMs() - scraper.lastTakenMs();
      const limitMs = 3 * settings.intervalSec * 1000 + timeoutMs;
      if (ageMs > limitMs) return { isWell: false, why: scraper.lastFault() ?? "no scrape was taken yet" };
      const fault = loop.lastFault();
      return fault === undefined ? { isWell: true, why: "" } : { isWell: false, why: fault };
    };
    const status = await serveStatus(settings.metrics, metrics.text, health);
    closing.push(() => status.close());
    return { metricsUrl: status.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function lock(folder: string): () => void {
  const remedy = "stop it, or choose another folder with --data";
  return takeLock(join(folder, "agent.lock"), { code: "Agent_InUse", what: `the agent's folder ${folder}`, remedy });
}

function startScraper(
  { hostname, wall, timeoutMs, log }: AgentSettings,
  exporters: readonly URL[],
  clock: AgentClock,
  metrics: AgentMetrics,
  host: AgentHost,
) {
  let lastTakenMs = 0;
  let newestMs = Number(host.newestOf(hostname));
  let fault: string | undefined;

  const failed = (result: "failed" | "malformed" | "clock" | "refused", why: string) => {
    if (fault !== why) log(why);
    fault = why;
    metrics.scraped(result, 0);
  };

  const fetchText = async (url: URL) => {
    const { status, body } = await ask(url, { timeoutMs, limitBytes: SCRAPE_LIMIT_BYTES, isPrivateAllowed: true });
    if (status !== 200) throw new Failure("Scrape_NoAnswer", `${url.href} answered ${status}`);
    return body.toString("utf8");
  };

  return {
    lastTakenMs: () => lastTakenMs,
    lastFault: () => fault,
    async scrape() {
      const wallEnergy = wall === undefined ? undefined : readWall(wall, timeoutMs);
      const [wallResult, ...results] = await Promise.allSettled([wallEnergy, ...exporters.map(fetchText)]);
      const atMs = clock.nowMs();
      if (wallResult.status === "rejected") log(`the wall meter: ${messageOf(wallResult.reason)}`);
      const broken = results.find((result) => result.status === "rejected");
      if (broken !== undefined) {
        failed("failed", messageOf(broken.reason));
        return;
      }
      if (atMs <= newestMs && newestMs - atMs <= LONGEST_STEP_MS) {
        failed("clock", `the clock went back by ${newestMs - atMs} ms: scrapes wait until it has caught up`);
        return;
      }
      const text = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])).join("\n");
      const wallEnergyMJ = wallResult.status === "fulfilled" ? wallResult.value : undefined;
      try {
        const { drops } = parseScrape(text);
        await host.take(hostname, BigInt(atMs), text, wallEnergyMJ);
        metrics.dropped(drops);
      } catch (error) {
        failed(error instanceof Refusal ? "malformed" : "refused", messageOf(error));
        return;
      }
      [lastTakenMs, newestMs, fault] = [atMs, atMs, undefined];
      metrics.scraped("taken", atMs);
    },
  };
}

interface Loop {
  readonly clock: AgentClock;
  readonly settings: AgentSettings;
  readonly scrape: () => Promise<void>;
  readonly lastTakenMs: () => number;
  readonly close: (epoch: bigint) => Promise<void>;
}

/** Looks at the clock, scrapes on the interval's marks, and closes the epochs that are over. */
function startLoop({ clock, settings, scrape, lastTakenMs, close }: Loop) {
  const { intervalSec, closeDelaySec, log } = settings;
  const intervalMs = intervalSec * 1000;
  const stopping = new AbortController();
  let nextScrapeMs = 0;
  let closedEpoch = -1n;
  let fault: string | undefined;
  let retryMs = 0;

  const closeDue = async (nowMs: number) => {
    const over = epochUntil(BigInt(Math.floor(nowMs))) - 1n;
    if (over <= closedEpoch || nowMs < retryMs) return;
    const endMs = Number(epochEndAt(over) * MILLI);
    if (lastTakenMs() <= endMs && nowMs < endMs + closeDelaySec * 1000) return;
    try {
      await close(over);
      closedEpoch = over;
      fault = undefined;
    } catch (error) {
      if (fault !== messageOf(error)) log(`epoch ${over} cannot be closed: ${messageOf(error)}`);
      fault = messageOf(error);
      retryMs = nowMs + intervalMs;
    }
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      const nowMs = clock.nowMs();
      // A clock that went back moves the next mark with it.
      if (nowMs >= nextScrapeMs || nextScrapeMs - nowMs > intervalMs) {
        nextScrapeMs = (Math.floor(nowMs / intervalMs) + 1) * intervalMs;
        await scrape();
      }
      await closeDue(clock.nowMs());
      await sleep(clock.tickMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    lastFault: () => fault,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
