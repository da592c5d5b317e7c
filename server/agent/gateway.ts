import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { messageOf } from "../failure.ts";
import { takeLock } from "../lock.ts";
import type { Hex } from "../protocol/bytes.ts";
import { MILLI, epochEndAt, epochStartAt } from "../protocol/units.ts";
import { startAgentHost, type HostedNode } from "./host.ts";
import { epochUntil } from "./hours.ts";
import { startReceiver, type Receiver } from "./receiver.ts";
import type { WriteLabels } from "./remoteWrite.ts";
import { startSender, type OracleStatus } from "./sender.ts";

export interface GatewaySettings {
  /** The hosts it speaks for: what Prometheus says of others is not kept. */
  readonly nodes: readonly HostedNode[];
  readonly domain: Hex;
  readonly listen: { readonly host: string; readonly port: number };
  readonly token: string | undefined;
  readonly labels: WriteLabels;
  readonly oracles: readonly string[];
  readonly isPrivateAllowed: boolean;
  readonly folder: string;
  readonly maxJournalBytes: number;
  /** An epoch is closed 25 s after every host was seen after its end, or this long after its end. */
  readonly closeDelaySec: number;
  readonly timeoutMs: number;
  readonly backoffMs: readonly [number, number];
  readonly log: (line: string) => void;
}

export interface RunningGateway {
  readonly url: string;
  readonly receiver: Pick<Receiver, "counts" | "newest">;
  oracles(): Promise<OracleStatus[]>;
  /** Ends after what it is doing; everything is on the disk then. */
  stop(): Promise<void>;
}

export interface GatewayClock {
  nowMs(): number;
  readonly tickMs: number;
}

const SYSTEM_CLOCK: GatewayClock = { nowMs: () => Date.now(), tickMs: 500 };
const BATCH_COUNT = 500;
// Several Prometheus servers may write of one host, and one of them may be behind.
const SETTLE_MS = 25_000;

/** Takes what a Prometheus server writes and signs, for several hosts, a reading for each hour. */
export async function runGateway(settings: GatewaySettings, clock = SYSTEM_CLOCK): Promise<RunningGateway> {
  const { folder, log, nodes, domain, maxJournalBytes } = settings;
  const closing: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const remedy = "stop it, or choose another folder with --data";
    closing.push(
      takeLock(join(folder, "agent.lock"), { code: "Agent_InUse", what: `the gateway's folder ${folder}`, remedy }),
    );
    const agent = startAgentHost({ folder, nodes, domain, maxJournalBytes });
    closing.push(() => agent.close());
    const { oracles, isPrivateAllowed, timeoutMs, backoffMs } = settings;
    const sender = startSender({
      ...{ spool: agent.spool, folder: join(folder, "sent"), oracles, isPrivateAllowed, timeoutMs, backoffMs },
      ...{ batchCount: BATCH_COUNT, nowMs: () => clock.nowMs() },
      onEvent: (event) => {
        if (event.kind === "failed") log(`${event.oracle}: ${event.reason}; again in ${event.waitMs} ms`);
        if (event.kind === "rejected") log(`${event.oracle} refused a reading for good, it is kept: ${event.code}`);
      },
    });
    closing.push(() => sender.stop());
    // An hour is closed for all hosts at once.
    let closedEpoch = nodes.map(({ nodeId }) => agent.spool.stateOf(nodeId).epoch).reduce(larger, -1n);
    let seen: { readonly epoch: bigint; readonly sinceMs: number } | undefined;
    const receiver = await startReceiver({
      ...settings.listen,
      ...{ agent, hostnames: nodes.map(({ hostname }) => hostname), labels: settings.labels, token: settings.token },
      ...{ nowMs: () => clock.nowMs(), log },
      oldestMilliSec: () => (closedEpoch < 0n ? 0n : epochStartAt(closedEpoch) * MILLI),
    });
    closing.push(() => receiver.close());

    const closeDue = async () => {
      const nowMs = clock.nowMs();
      const over = epochUntil(BigInt(Math.floor(nowMs))) - 1n;
      if (over <= closedEpoch) return;
      const endMs = epochEndAt(over) * MILLI;
      const newest = receiver.newest();
      const isSeen = nodes.every(({ hostname }) => (newest.get(hostname) ?? 0n) > endMs);
      if (isSeen && seen?.epoch !== over) seen = { epoch: over, sinceMs: nowMs };
      const isSettled = seen?.epoch === over && nowMs >= seen.sinceMs + SETTLE_MS;
      if (!isSettled && nowMs < Number(endMs) + 1000 * settings.closeDelaySec) return;
      const readings = await agent.closeEpoch(over);
      closedEpoch = over;
      if (readings.length > 0) sender.wake();
    };
    const stopping = new AbortController();
    const running = (async () => {
      while (!stopping.signal.aborted) {
        await closeDue().catch((error: unknown) => log(`an epoch cannot be closed: ${messageOf(error)}`));
        await sleep(clock.tickMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    })();
    closing.push(async () => {
      stopping.abort();
      await running;
    });
    return { url: receiver.url, receiver, oracles: () => sender.status(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
