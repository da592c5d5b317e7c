import { Random } from "./random.ts";

/** How often each event happened. */
export type Events = Record<string, number>;

/** A chain of its own, on which one history after another is played. */
export interface Lane {
  play: (random: Random, monthCount: number) => Promise<Events>;
  restart: () => Promise<void>;
}

/** By `npm run differential`; an ordinary run plays the same histories each time. */
const COUNT = Number(process.env["DIFFERENTIAL_HISTORIES"] ?? 100);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);
/** The chain computes beside the model: two lanes keep two cores busy. */
const LANE_COUNT = 2;
/** Fewer histories than this need not show every event. */
const COUNT_OF_ALL = 150;

/** Plays the histories, and prints the seeds and what happened; the events named must be among it. */
export async function runHistories(createLane: () => Promise<Lane>, expected: readonly string[]): Promise<void> {
  const events: Events = {};
  let seed = SEED;
  const runLane = async () => {
    const lane = await createLane();
    while (seed < SEED + COUNT) {
      const mine = seed++;
      const random = new Random(mine);
      try {
        const happened = await lane.play(random, monthCountOf(random));
        for (const [event, count] of Object.entries(happened)) events[event] = (events[event] ?? 0) + count;
      } catch (error) {
        seed = Infinity; // the other lane stops too
        const again = `npm run differential -- --histories 1 --seed ${mine}`;
        throw new Error(`seed ${mine} (${again}): ${(error as Error).message}`, { cause: error });
      }
      await lane.restart();
    }
  };
  await Promise.all(Array.from({ length: LANE_COUNT }, runLane));
  const lines = Object.entries(events).sort(([one], [other]) => (one < other ? -1 : 1));
  process.stdout.write(`seeds ${SEED} to ${SEED + COUNT - 1}\n`);
  for (const [event, count] of lines) process.stdout.write(`${String(count).padStart(8)} ${event}\n`);
  const missing = expected.filter((event) => events[event] === undefined);
  if (COUNT >= COUNT_OF_ALL && missing.length > 0) throw new Error(`never happened: ${missing.join(", ")}`);
}

/** Two to six years, the shorter the more often. */
function monthCountOf(random: Random): number {
  return 24 + Math.floor(48 * random.next() ** 2.5);
}
