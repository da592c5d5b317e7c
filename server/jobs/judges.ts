import { Worker } from "node:worker_threads";

import { Failure, messageOf } from "../failure.ts";
import type { Roster } from "../plugins/roster.ts";
import type { Hex } from "../protocol/bytes.ts";
import { Refusal, type RefusalFacts } from "../protocol/refusal.ts";
import type { BatchForm } from "../sources.ts";
import { textsOf } from "./batch.ts";
import { Judge, type Passed, type Window } from "./judge.ts";

/** A batch to be judged. */
export interface BatchJob {
  readonly jobId: number;
  readonly rosterId: number;
  readonly bytes: Uint8Array;
  readonly form: BatchForm;
  readonly domain: Hex;
  readonly window: Window;
  readonly nowAt: bigint;
  readonly failureCount: number;
  readonly trustedNodes: Int32Array;
}

/** A roster that threads are to know. */
export interface RosterMessage {
  readonly rosterId: number;
  readonly roster: Roster;
  readonly keptCount: number;
}

/** What became of a batch, in columns that travel as a few pieces; or the refusal of the whole. */
export interface BatchAnswer {
  readonly jobId: number;
  readonly whole: RefusedText | null;
  /** By place: the node's place in the roster, or −1 for a reading that was refused. */
  readonly nodes: Int32Array;
  /** Of those that passed: their packed readings one after the other, where each ends, their hashes and signatures. */
  readonly bodies: Uint8Array;
  readonly bodyEnds: Uint32Array;
  readonly hashes: Uint8Array;
  readonly signatures: Uint8Array;
  readonly refused: ReadonlyMap<number, RefusedText>;
  /** Signatures that were verified in vain. */
  readonly failedCount: number;
  /** The nodes in whose names they were. */
  readonly falseNodes: ReadonlySet<number>;
}

/** A refusal as it travels between threads. */
export interface RefusedText {
  readonly code: string;
  readonly facts: RefusalFacts;
}

function attempt<T>(work: () => T): T | RefusedText {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: error.code, facts: error.facts };
  }
}

/** Judges a batch, all of it. */
export function judgeBatch(judge: Judge, roster: Roster, job: BatchJob): BatchAnswer {
  const { jobId, domain, window, nowAt, failureCount, bytes } = job;
  const court = { roster, domain, window, nowAt };
  const failed = { count: 0 };
  const falseNodes = new Set<number>();
  const allowance = { failureCount, failed, falseNodes, trustedNodes: new Set(job.trustedNodes) };
  const texts = attempt(() => textsOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), job.form));
  if (!Array.isArray(texts)) return { ...answerOf(0, [], new Map()), jobId, whole: texts, failedCount: 0, falseNodes };
  const passed: (Passed & { readonly place: number })[] = [];
  const refused = new Map<number, RefusedText>();
  texts.forEach((text, place) => {
    const verdict = attempt(() => {
      if (text instanceof Refusal) throw text;
      return judge.judge(text, court, allowance);
    });
    if ("code" in verdict) refused.set(place, verdict);
    else passed.push({ ...verdict, place });
  });
  return { ...answerOf(texts.length, passed, refused), jobId, whole: null, failedCount: failed.count, falseNodes };
}

function answerOf(
  count: number,
  passed: readonly (Passed & { readonly place: number })[],
  refused: ReadonlyMap<number, RefusedText>,
): Pick<BatchAnswer, "nodes" | "bodies" | "bodyEnds" | "hashes" | "signatures" | "refused"> {
  const nodes = new Int32Array(count).fill(-1);
  const bodies = new Uint8Array(passed.reduce((sum, { body }) => sum + body.length, 0));
  const bodyEnds = new Uint32Array(passed.length);
  const hashes = new Uint8Array(32 * passed.length);
  const signatures = new Uint8Array(64 * passed.length);
  let end = 0;
  passed.forEach((one, i) => {
    nodes[one.place] = one.node;
    bodies.set(one.body, end);
    end += one.body.length;
    bodyEnds[i] = end;
    hashes.set(one.readingHash, 32 * i);
    signatures.set(one.signature, 64 * i);
  });
  return { nodes, bodies, bodyEnds, hashes, signatures, refused };
}

/** The pieces of an answer that change hands in place of being copied. */
export function transferOf({ nodes, bodies, bodyEnds, hashes, signatures }: BatchAnswer): ArrayBuffer[] {
  return [nodes, bodies, bodyEnds, hashes, signatures].map(({ buffer }) => buffer as ArrayBuffer);
}

/** Threads that judge readings, shared by all oracles of a program. */
export interface Judges {
  /** Makes a roster known to every thread; the ones before it are forgotten after a while. */
  use(roster: Roster): number;
  judge(job: Omit<BatchJob, "jobId">): Promise<BatchAnswer>;
  stop(): Promise<void>;
}

const KEPT_ROSTERS = 8;
/** A thread that needs more than this was given something that it should not have taken. */
const THREAD_HEAP_MB = 512;

interface Thread {
  worker: Worker;
  readonly jobs: Map<number, { resolve: (answer: BatchAnswer) => void; reject: (error: Error) => void }>;
}

/** Starts judges: so many threads, or none, which judges on the caller's. */
export function openJudges(threadCount: number): Judges {
  const rosters = new Map<number, Roster>();
  const own = new Map<number, Judge>();
  let lastId = 0;
  let isStopping = false;
  const threads: Thread[] = Array.from({ length: threadCount }, () => startThread());

  function startThread(): Thread {
    const thread: Thread = { worker: newWorker(), jobs: new Map() };
    watch(thread);
    return thread;
  }

  function newWorker(): Worker {
    const worker = new Worker(new URL("judgeThread.ts", import.meta.url), {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
    });
    worker.unref();
    for (const [rosterId, roster] of rosters) worker.postMessage({ rosterId, roster, keptCount: KEPT_ROSTERS });
    return worker;
  }

  function watch(thread: Thread): void {
    let reason: Error | undefined;
    thread.worker.on("message", (answer: BatchAnswer) => {
      thread.jobs.get(answer.jobId)?.resolve(answer);
      thread.jobs.delete(answer.jobId);
    });
    thread.worker.on("error", (error) => (reason = error instanceof Error ? error : new Error(String(error))));
    thread.worker.on("exit", () => {
      const failure = new Failure("Ingest_ThreadLost", `a judging thread ended: ${messageOf(reason ?? "unasked")}`);
      for (const { reject } of thread.jobs.values()) reject(failure);
      thread.jobs.clear();
      if (isStopping) return;
      thread.worker = newWorker();
      watch(thread);
    });
  }

  return {
    use(roster) {
      const rosterId = ++lastId;
      rosters.set(rosterId, roster);
      for (const past of [...rosters.keys()].slice(0, -KEPT_ROSTERS)) {
        rosters.delete(past);
        own.delete(past);
      }
      for (const { worker } of threads) worker.postMessage({ rosterId, roster, keptCount: KEPT_ROSTERS });
      return rosterId;
    },
    judge(job) {
      const jobId = ++lastId;
      const [thread] = threads.toSorted((a, b) => a.jobs.size - b.jobs.size);
      if (thread === undefined) {
        const roster = rosters.get(job.rosterId)!;
        const judge = own.get(job.rosterId) ?? new Judge(roster);
        own.set(job.rosterId, judge);
        return Promise.resolve(judgeBatch(judge, roster, { ...job, jobId }));
      }
      return new Promise((resolve, reject) => {
        thread.jobs.set(jobId, { resolve, reject });
        const bytes = Uint8Array.from(job.bytes); // a view would take along all that it is a view of
        thread.worker.postMessage({ ...job, bytes, jobId }, [bytes.buffer]);
      });
    },
    async stop() {
      isStopping = true;
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}
