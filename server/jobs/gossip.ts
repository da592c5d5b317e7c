import type { Peer } from "../plugins/peers.ts";
import type { Bundle } from "../protocol/ballot.ts";

export interface GossipOptions {
  readonly peers: readonly Peer[];
  readonly everyMs: number;
  /** All that a peer may need. */
  readonly bundle: () => Bundle;
  readonly receive: (bundle: Bundle) => Promise<void>;
}

/** Sends what is new at once, and everything again now and then, so that what was lost heals. */
export interface Gossip {
  send(bundle: Bundle): void;
  stop(): void;
}

const MAX_PAUSE_MS = 30_000;

export function startGossip({ peers, everyMs, bundle, receive }: GossipOptions): Gossip {
  let isStopped = false;
  const lines = peers.map((peer) => ({
    peer,
    isBusy: false,
    failureCount: 0,
    pausedUntilMs: 0,
    waiting: [] as Bundle[],
  }));

  const exchange = async (line: (typeof lines)[number], given: Bundle): Promise<void> => {
    line.isBusy = true;
    try {
      const answer = await line.peer.exchange(given);
      line.failureCount = 0;
      if (answer !== undefined && !isStopped) await receive(answer);
    } catch {
      // A peer that is away or talks rubbish is asked less and less often.
      line.failureCount += 1;
      line.pausedUntilMs = Date.now() + Math.min(everyMs * 2 ** line.failureCount, MAX_PAUSE_MS);
    } finally {
      line.isBusy = false;
    }
    const next = line.waiting.splice(0);
    if (next.length > 0 && !isStopped && Date.now() >= line.pausedUntilMs) await exchange(line, joined(next));
  };

  const timer = setInterval(() => {
    for (const line of lines) {
      if (line.isBusy || Date.now() < line.pausedUntilMs) continue;
      void exchange(line, bundle());
    }
  }, everyMs);

  return {
    send(given) {
      for (const line of lines) {
        if (line.isBusy) line.waiting.push(given);
        else if (Date.now() >= line.pausedUntilMs) void exchange(line, given);
      }
    },
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}

function joined(bundles: readonly Bundle[]): Bundle {
  const [first] = bundles as [Bundle, ...Bundle[]];
  return {
    ...first,
    messages: bundles.flatMap(({ messages }) => messages),
    reports: bundles.flatMap(({ reports }) => reports),
    signatures: bundles.flatMap(({ signatures }) => signatures),
  };
}
