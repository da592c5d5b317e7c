import { Busy } from "../busy.ts";
import { messageOf } from "../failure.ts";
import { insertPacked, type Outcome, type PackedRow } from "../plugins/queries.ts";
import type { Roster } from "../plugins/roster.ts";
import type { Store } from "../plugins/store.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import { packedHead } from "../protocol/packed.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { BatchForm, Taken } from "../sources.ts";
import { BUDGET_LIMITS, Budget, type BudgetLimits } from "./budget.ts";
import { openChains, type Chains } from "./chains.ts";
import type { Window } from "./judge.ts";
import type { BatchAnswer, Judges } from "./judges.ts";

export interface IngestOptions {
  readonly oracleId: number;
  readonly store: Store;
  /** Who may report what, as the registry stands. */
  readonly roster: Roster;
  readonly domain: Hex;
  readonly judges: Judges;
  readonly window: Window;
  /** The oracle's clock, unix seconds. */
  readonly now: () => bigint;
  readonly budget?: BudgetLimits;
  readonly queue?: QueueLimits;
  readonly log?: (line: string) => void;
}

/** How much may wait: what comes beyond it is told to come later, before it is read. */
export interface QueueLimits {
  readonly waitingBytes: number;
  readonly batchesPerAddress: number;
}

/** Takes signed readings in: judged, put into their node's chain, durable. */
export interface Ingest {
  /** Throws `Busy` when a batch of so many bytes of an address would not be taken now: ask before reading it. */
  admit(from: string, byteCount: number): void;
  /** Takes a batch. One reading that is refused refuses no other. Throws `Busy` when none of it may be durable. */
  take(bytes: Uint8Array, form: BatchForm, from: string): Promise<Taken[]>;
  /** The same for readings that are at hand. */
  takeReadings(readings: readonly SignedReadingJson[], from: string): Promise<Taken[]>;
  /** Judges by another state of the registry from now on. */
  useRoster(roster: Roster): void;
  /** Figures for the metrics. */
  figures(): { waitingBytes: number; takenCount: number; refusedCount: number; failedSignatureCount: number };
}

export const QUEUE_LIMITS: QueueLimits = { waitingBytes: 64 * 1024 * 1024, batchesPerAddress: 64 };
/** Rows that become durable with one commit. */
const GROUP_COUNT = 4_000;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;

interface Waiting {
  readonly rows: PackedRow[];
  readonly resolve: (outcomes: Outcome[]) => void;
  readonly reject: (error: Error) => void;
}

export function startIngest(options: IngestOptions): Ingest {
  const { oracleId, store, judges, now, log = () => {} } = options;
  const limits = options.queue ?? QUEUE_LIMITS;
  const budget = new Budget(options.budget ?? BUDGET_LIMITS, performance.now());
  const chains: Chains = openChains(store, oracleId);
  const inFlight = new Map<string, number>();
  const figures = { waitingBytes: 0, takenCount: 0, refusedCount: 0, failedSignatureCount: 0 };
  let rosterId = judges.use(options.roster);
  let { nodeIds } = options.roster;

  // One commit for all that waits. While the database is away nothing is taken, and it is tried again ever more slowly.
  const waiting: Waiting[] = [];
  let isWriting = false;
  let downUntilMs = 0;
  let downCount = 0;

  const write = async (): Promise<void> => {
    if (isWriting) return;
    isWriting = true;
    while (waiting.length > 0) {
      let count = 0;
      const group: Waiting[] = [];
      while (waiting.length > 0 && (count === 0 || count + waiting[0]!.rows.length <= GROUP_COUNT)) {
        const next = waiting.shift()!;
        count += next.rows.length;
        group.push(next);
      }
      try {
        const outcomes = await store.transaction((tx) =>
          insertPacked(
            tx,
            oracleId,
            group.flatMap(({ rows }) => rows),
          ),
        );
        downCount = 0;
        let from = 0;
        for (const { rows, resolve } of group) resolve(outcomes.slice(from, (from += rows.length)));
      } catch (error) {
        log(`readings cannot be stored: ${messageOf(error)}`);
        downCount++;
        const retryMs = Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** Math.min(downCount - 1, 8));
        downUntilMs = performance.now() + retryMs;
        const busy = new Busy("Ingest_NoDatabase", "the database does not answer; try again later", false, retryMs);
        // What waits behind would wait in vain: its sender keeps it.
        for (const { reject } of [...group, ...waiting.splice(0)]) reject(busy);
      }
    }
    isWriting = false;
  };

  const durable = (rows: PackedRow[]): Promise<Outcome[]> =>
    rows.length === 0
      ? Promise.resolve([])
      : new Promise((resolve, reject) => {
          waiting.push({ rows, resolve, reject });
          void write();
        });

  const admit = (from: string, byteCount: number) => {
    const nowMs = performance.now();
    const downMs = downUntilMs - nowMs;
    if (downMs > 0) throw new Busy("Ingest_NoDatabase", "the database does not answer; try again later", false, downMs);
    const waitMs = budget.waitMs(from, nowMs);
    if (waitMs > 0) throw new Busy("Ingest_TooMany", "too many readings, or too many false ones", true, waitMs);
    if ((inFlight.get(from) ?? 0) >= limits.batchesPerAddress)
      throw new Busy("Ingest_TooManyAtOnce", `more than ${limits.batchesPerAddress} batches at once`, true, 1000);
    if (figures.waitingBytes > 0 && figures.waitingBytes + byteCount > limits.waitingBytes)
      throw new Busy("Ingest_Full", "more readings wait than can be held; try again later", false, 1000);
  };

  const take = async (bytes: Uint8Array, form: BatchForm, from: string): Promise<Taken[]> => {
    admit(from, bytes.length);
    figures.waitingBytes += bytes.length;
    inFlight.set(from, (inFlight.get(from) ?? 0) + 1);
    try {
      await chains.warmUp(nodeIds).catch((error: unknown) => {
        throw new Busy("Ingest_NoDatabase", `the database does not answer: ${messageOf(error)}`, false, RETRY_MS);
      });
      const nowAt = now();
      const lease = budget.lease(from, performance.now());
      const { domain, window } = options;
      const answer = await judges
        .judge({ rosterId, bytes, form, domain, window, nowAt, ...lease })
        .catch((error: unknown) => {
          log(messageOf(error));
          throw new Busy("Ingest_ThreadLost", "the batch could not be judged; try again later", false, RETRY_MS);
        });
      const { failedCount, falseNodes } = answer;
      budget.settle(from, { readingCount: answer.nodes.length, failedCount, falseNodes }, performance.now());
      figures.failedSignatureCount += failedCount;
      if (answer.whole !== null) throw new Refusal(answer.whole.code, answer.whole.facts);
      return await keep(answer, nowAt, from);
    } finally {
      figures.waitingBytes -= bytes.length;
      const left = (inFlight.get(from) ?? 1) - 1;
      if (left === 0) inFlight.delete(from);
      else inFlight.set(from, left);
    }
  };

  const keep = async (answer: BatchAnswer, receivedAt: bigint, from: string): Promise<Taken[]> => {
    const results: Taken[] = new Array<Taken>(answer.nodes.length);
    const rows: PackedRow[] = [];
    const places: number[] = [];
    const chain = chains.begin();
    let passed = 0;
    answer.nodes.forEach((node, place) => {
      try {
        const refused = answer.refused.get(place);
        if (refused !== undefined) throw new Refusal(refused.code, refused.facts);
        const row = rowOf(answer, passed++, receivedAt);
        if (!budget.admit(from, node, performance.now()))
          throw new Refusal("Reading_TooOften", { nodeId: row.nodeId, epoch: row.epoch });
        chain.check(row);
        rows.push(row);
        places.push(place);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        results[place] = { outcome: "refused", refusal: error };
        figures.refusedCount++;
      }
    });
    const outcomes = await durable(rows);
    outcomes.forEach((outcome, i) => {
      const { nodeId, epoch, readingHash } = rows[i]!;
      results[places[i]!] = { outcome, nodeId, epoch, readingHash: hexOf(readingHash) };
      if (outcome === "inserted") chains.follow(rows[i]!);
    });
    figures.takenCount += outcomes.length;
    return results;
  };

  return {
    admit,
    take,
    takeReadings: (readings, from) =>
      take(Buffer.from(readings.map((reading) => JSON.stringify(reading)).join("\n")), "lines", from),
    useRoster(roster) {
      nodeIds = roster.nodeIds;
      rosterId = judges.use(roster);
      budget.forgetNodes();
    },
    figures: () => ({ ...figures }),
  };
}

function rowOf(answer: BatchAnswer, passed: number, receivedAt: bigint): PackedRow {
  const { bodies, bodyEnds, hashes, signatures } = answer;
  const body = bodies.subarray(passed === 0 ? 0 : bodyEnds[passed - 1], bodyEnds[passed]);
  const { nodeId, lotId, epoch, sequenceIndex } = packedHead(body);
  const readingHash = hashes.subarray(32 * passed, 32 * passed + 32);
  const signature = signatures.subarray(64 * passed, 64 * passed + 64);
  return { epoch, nodeId, lotId, sequence: sequenceIndex, readingHash, body, signature, receivedAt };
}
