import { setTimeout as sleep } from "node:timers/promises";

import type { Made, Post } from "./readings.ts";
import type { Pace } from "./pace.ts";

/** Brings readings to the oracles as agents do: again and again, until each is acknowledged or refused. */
export interface Feeder {
  /** Adds to what is to be sent. */
  give(posts: readonly Post[]): void;
  /** Posts that no oracle has answered for good. */
  openCount(): number;
  /** How often each answer was given. */
  answers(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

interface Waiting extends Post {
  notBeforeMs: number;
}

const LANES = 6;
const AGAIN_MS = 400;
const PATIENCE_MS = 3_000;
/** Not a word about the reading: the oracle has no time, no database, or another time. */
const NOT_NOW = new Set([408, 425, 429]);
const TOO_EARLY = /Future|Early|NotOver/;

/** Starts sending; `urls` are the oracles', in their order. */
export function startFeeder(urls: readonly string[], pace: Pace): Feeder {
  const lanes = urls.map((): Waiting[] => []);
  const answers = new Map<string, number>();
  let inFlight = 0;
  let isStopped = false;

  const take = (lane: Waiting[]): Waiting | undefined => {
    const nowMs = Date.now();
    const at = lane.findIndex(({ dueAt, notBeforeMs }) => dueAt <= pace.nowAt() && notBeforeMs <= nowMs);
    return at === -1 ? undefined : lane.splice(at, 1)[0];
  };
  const run = async (oracle: number): Promise<void> => {
    const lane = lanes[oracle]!;
    while (!isStopped) {
      const post = take(lane);
      if (post === undefined) {
        await sleep(20);
        continue;
      }
      inFlight += 1;
      const answer = await submit(urls[oracle]!, post.made);
      inFlight -= 1;
      const isEarly = post.made.habit === "early" && post.dueAt < Number(post.made.reading.periodEndAt);
      if (answer === "durable") {
        if (!post.made.ackedAt.has(oracle)) post.made.ackedAt.set(oracle, pace.nowAt());
      } else if (answer === "again" || (TOO_EARLY.test(answer) && !isEarly)) {
        lane.push({ ...post, notBeforeMs: Date.now() + AGAIN_MS });
      }
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  const running = urls.flatMap((_, oracle) => Array.from({ length: LANES }, () => run(oracle)));
  return {
    give(posts) {
      for (const post of posts) lanes[post.oracle]!.push({ ...post, notBeforeMs: 0 });
    },
    openCount: () => inFlight + lanes.reduce((sum, lane) => sum + lane.length, 0),
    answers: () => answers,
    async stop() {
      isStopped = true;
      await Promise.all(running);
    },
  };
}

/** What an oracle says of a reading: durable, again, or the code of its refusal. */
async function submit(url: string, { json }: Made): Promise<string> {
  try {
    const response = await fetch(`${url}/v1/readings`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(json),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await response.text();
    if (response.ok) return "durable";
    if (response.status >= 500 || NOT_NOW.has(response.status)) return "again";
    const { code } = JSON.parse(text) as { code?: string };
    return code ?? String(response.status);
  } catch {
    return "again";
  }
}
