import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { Failure, messageOf } from "../failure.ts";
import { outboundUrl } from "../outbound.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";
import { post, skewNow, type Verdict } from "./delivery.ts";
import { replaceFileSync } from "./disk.ts";
import type { Spool } from "./spool.ts";

export interface SenderOptions {
  readonly spool: Spool;
  /** Keeps how far each oracle is, and what an oracle will never take. */
  readonly folder: string;
  /** The oracles' addresses. */
  readonly oracles: readonly string[];
  readonly isPrivateAllowed: boolean;
  /** Readings in one message. */
  readonly batchCount: number;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  /** The waits after failures: from the first, doubled up to the second. */
  readonly backoffMs: readonly [number, number];
  /** Hears of every message and of every reading that is set aside. */
  readonly onEvent?: (event: SenderEvent) => void;
}

export type SenderEvent =
  | { readonly kind: "delivered"; readonly oracle: string; readonly count: number }
  | { readonly kind: "failed"; readonly oracle: string; readonly reason: string; readonly waitMs: number }
  | { readonly kind: "rejected"; readonly oracle: string; readonly code: string; readonly reading: SignedReadingJson };

/** How far one oracle is. */
export interface OracleStatus {
  readonly oracle: string;
  readonly unsentCount: number;
  /** Whether the last message was answered; undefined before the first. */
  readonly isUp: boolean | undefined;
  /** Its clock minus ours at the last answer; to a second, as a Date header is. */
  readonly skewSec: number | undefined;
}

/** Brings the readings of a spool to every oracle: oldest first, at least once, each oracle at its own pace. */
export interface Sender {
  /** Resolves once every oracle was asked for the time, or does not answer. */
  readonly ready: Promise<void>;
  /** Says that there may be new readings. */
  wake(): void;
  status(): Promise<OracleStatus[]>;
  /** Readings that an oracle refused for good; each is a file. */
  rejectedCount(): number;
  stop(): Promise<void>;
}

/** The first reading that an oracle has not answered for. */
interface Cursor {
  readonly closeIndex: number;
  readonly lineIndex: number;
}

interface Placed extends Cursor {
  readonly signed: SignedReadingJson;
}

export function startSender(options: SenderOptions): Sender {
  const { spool, folder } = options;
  const rejectedFolder = join(folder, "rejected");
  for (const place of [folder, rejectedFolder]) mkdirSync(place, { recursive: true, mode: 0o700 });
  const lanes = options.oracles.map((text) => startLane(text, options, rejectedFolder, () => sweep()));

  /** What every oracle has is let go. */
  function sweep(): void {
    if (lanes.length === 0) return;
    const done = Math.min(...lanes.map((lane) => lane.cursor().closeIndex));
    for (const closeIndex of spool.closes()) if (closeIndex < done) spool.remove(closeIndex);
  }

  return {
    ready: Promise.all(lanes.map((lane) => lane.ready)).then(() => undefined),
    wake: () => lanes.forEach((lane) => lane.wake()),
    status: () => Promise.all(lanes.map((lane) => lane.status())),
    rejectedCount: () => readdirSync(rejectedFolder).filter((name) => name.endsWith(".json")).length,
    async stop() {
      await Promise.all(lanes.map((lane) => lane.stop()));
    },
  };
}

function startLane(text: string, options: SenderOptions, rejectedFolder: string, onMoved: () => void) {
  const { spool, backoffMs, onEvent } = options;
  const url = outboundUrl(text.endsWith("/") ? text : `${text}/`, "an oracle's address");
  const oracle = `${url.origin}${url.pathname.replace(/\/$/, "")}`;
  const id = createHash("sha256").update(oracle).digest("hex").slice(0, 16);
  const cursorFile = join(options.folder, `cursor-${id}.json`);
  let cursor = readCursor(cursorFile);
  if (cursor.closeIndex > spool.closeIndex + 1) {
    const message = `${cursorFile} is ahead of the spool: it belongs to another, or the spool was lost`;
    throw new Failure("Spool_Damaged", message);
  }
  let isStopping = false;
  let isUp: boolean | undefined;
  let skewSec: number | undefined;
  let failureCount = 0;
  let batchCount = options.batchCount;
  let isBatchServed = true;
  let ring: () => void = () => undefined;
  let isRung = true;

  const pause = async (ms: number) => {
    if (isStopping || (isRung && ms === Infinity)) return;
    await new Promise<void>((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, ms);
      ring = () => {
        if (ms !== Infinity && !isStopping) return; // a new reading does not shorten the wait after a failure
        clearTimeout(timer);
        resolve();
      };
    });
    ring = () => undefined;
  };

  const moveTo = (next: Cursor) => {
    replaceFileSync(cursorFile, `${JSON.stringify({ oracle, ...next })}\n`);
    cursor = next;
  };

  const setAside = ({ closeIndex, lineIndex, signed }: Placed, { code, detail }: Verdict & { kind: "rejected" }) => {
    const file = join(rejectedFolder, `${closeIndex}-${lineIndex}-${id}.json`);
    replaceFileSync(file, `${JSON.stringify({ oracle, code, detail, ...signed })}\n`);
    onEvent?.({ kind: "rejected", oracle, code, reading: signed });
  };

  const fail = async (reason: string, retryAfterMs: number | undefined) => {
    isUp = false;
    const longest = Math.min(backoffMs[1], backoffMs[0] * 2 ** Math.min(failureCount++, 20));
    // Jitter, so that a thousand agents do not come back as one; what the oracle asks for is the least.
    const waitMs = Math.round(Math.max(retryAfterMs ?? 0, longest * (0.5 + Math.random() / 2)));
    onEvent?.({ kind: "failed", oracle, reason, waitMs });
    await pause(waitMs);
  };

  const sendBatch = async (batch: readonly Placed[]) => {
    const readings = batch.map(({ signed }) => signed);
    const { timeoutMs, isPrivateAllowed } = options;
    const answer = await post(url, isBatchServed ? readings : readings.slice(0, 1), {
      ...{ timeoutMs, isPrivateAllowed, isBatch: isBatchServed, nowMs: options.nowMs() },
    });
    if (answer.skewSec !== undefined) skewSec = answer.skewSec;
    if (answer.kind === "noBatch") isBatchServed = false;
    else if (answer.kind === "tooLarge") batchCount = Math.max(1, Math.floor(readings.length / 2));
    else if (answer.kind === "failed") await fail(answer.reason, answer.retryAfterMs);
    else await settle(batch, answer.verdicts);
  };

  const settle = async (batch: readonly Placed[], verdicts: readonly Verdict[]) => {
    let next: Cursor = cursor;
    let deliveredCount = 0;
    let later: (Verdict & { kind: "later" }) | undefined;
    for (const [i, verdict] of verdicts.entries()) {
      const placed = batch[i]!;
      if (verdict.kind === "later") {
        later = verdict;
        break; // oldest first: what comes behind it is sent again with it, and known by then
      }
      if (verdict.kind === "rejected") setAside(placed, verdict);
      else deliveredCount++;
      next = { closeIndex: placed.closeIndex, lineIndex: placed.lineIndex + 1 };
    }
    if (next !== cursor) moveTo(next);
    if (deliveredCount > 0) onEvent?.({ kind: "delivered", oracle, count: deliveredCount });
    if (later !== undefined) {
      await fail(later.reason, later.retryAfterMs);
      return;
    }
    isUp = true;
    failureCount = 0;
  };

  const ready = skewNow(url, options).then((asked) => (skewSec ??= asked));

  const run = async () => {
    while (!isStopping) {
      isRung = false;
      try {
        const { batch, lastClose } = await nextBatch(spool, cursor, isBatchServed ? batchCount : 1);
        if (batch.length > 0) await sendBatch(batch);
        else {
          if (lastClose >= cursor.closeIndex) moveTo({ closeIndex: lastClose + 1, lineIndex: 0 });
          onMoved();
          await pause(Infinity);
        }
      } catch (error) {
        await fail(messageOf(error), undefined);
      }
    }
  };
  const running = run();

  return {
    ready,
    cursor: () => cursor,
    wake() {
      isRung = true;
      ring();
    },
    async status(): Promise<OracleStatus> {
      return { oracle, unsentCount: await countFrom(spool, cursor), isUp, skewSec };
    },
    async stop() {
      isStopping = true;
      ring();
      await running;
    },
  };
}

/** The readings from a place on, at most so many; and the last close that was looked into, for one that has no more. */
async function nextBatch(spool: Spool, from: Cursor, count: number): Promise<{ batch: Placed[]; lastClose: number }> {
  const batch: Placed[] = [];
  const closes = spool.closes();
  for (const closeIndex of closes) {
    if (closeIndex < from.closeIndex) continue;
    let lineIndex = 0;
    for await (const signed of spool.read(closeIndex)) {
      const isBefore = closeIndex === from.closeIndex && lineIndex < from.lineIndex;
      if (!isBefore) batch.push({ closeIndex, lineIndex, signed });
      if (batch.length === count) return { batch, lastClose: closeIndex };
      lineIndex++;
    }
  }
  return { batch, lastClose: closes.at(-1) ?? -1 };
}

async function countFrom(spool: Spool, from: Cursor): Promise<number> {
  let count = 0;
  for (const closeIndex of spool.closes()) {
    if (closeIndex < from.closeIndex) continue;
    const past = closeIndex === from.closeIndex ? from.lineIndex : 0;
    count += Math.max(0, (await spool.count(closeIndex)) - past);
  }
  return count;
}

function readCursor(file: string): Cursor {
  if (!existsSync(file)) return { closeIndex: 0, lineIndex: 0 };
  try {
    const { closeIndex, lineIndex } = JSON.parse(readFileSync(file, "utf8")) as Cursor;
    if (![closeIndex, lineIndex].every((one) => Number.isSafeInteger(one) && one >= 0)) throw new Error("no place");
    return { closeIndex, lineIndex };
  } catch (error) {
    throw new Failure("Spool_Damaged", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
