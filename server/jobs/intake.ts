import { Busy } from "../busy.ts";
import { messageOf } from "../failure.ts";
import type { Directory, Registry } from "../plugins/directory.ts";
import { headBlock } from "../plugins/events.ts";
import { rosterOf } from "../plugins/roster.ts";
import type { Store } from "../plugins/store.ts";
import type { Hex } from "../protocol/bytes.ts";
import { Refusal } from "../protocol/refusal.ts";
import { epochEndAt, epochOf, epochStartAt } from "../protocol/units.ts";
import type { ReadingSink, Taken } from "../sources.ts";
import { BUDGET_LIMITS } from "./budget.ts";
import { QUEUE_LIMITS, startIngest, type Ingest } from "./ingest.ts";
import type { Window } from "./judge.ts";
import { openJudges } from "./judges.ts";

export interface IntakeOptions {
  readonly store: Store;
  readonly registry: Registry;
  /** The oracles of this process that are to have every reading: one, or all where they are all here. */
  readonly oracleIds: readonly number[];
  readonly domain: Hex;
  readonly window: Window;
  /** The clock, unix seconds; asked once a batch. */
  readonly now: () => bigint | Promise<bigint>;
  readonly threadCount: number;
  readonly readingsPerMinute: number;
  readonly waitingBytes: number;
  readonly log: (line: string) => void;
}

export interface Intake extends ReadingSink {
  stop(): Promise<void>;
}

/** The way in for batches of readings: judged by the registry as it stood at the end of the hour that is over. */
export function openIntake(options: IntakeOptions): Intake {
  const { store, registry, domain, window, log, waitingBytes } = options;
  const now = () => nowAt;
  const judges = openJudges(options.threadCount);
  let nowAt = 0n;
  let known: Directory | undefined;
  let ingests: readonly Ingest[] = [];

  const refresh = async (): Promise<void> => {
    nowAt = await options.now();
    const directory = await registry.at(epochStartAt(epochOf(nowAt + window.skewSec)));
    if (directory === known) return;
    const roster = rosterOf(directory);
    if (known !== undefined) for (const ingest of ingests) ingest.useRoster(roster);
    else {
      const budget = { ...BUDGET_LIMITS, readingsPerMinute: options.readingsPerMinute };
      const queue = { ...QUEUE_LIMITS, waitingBytes };
      ingests = options.oracleIds.map((oracleId) =>
        startIngest({ oracleId, store, roster, domain, judges, window, now, budget, queue, log }),
      );
    }
    known = directory;
  };

  /** What this oracle may not have learned yet is no reason to refuse a reading for good: it is to come again. */
  const soften = async (all: Taken[]): Promise<Taken[]> => {
    if (!all.some(isOfRegistry)) return all;
    const followedAt = (await headBlock(store.db))?.time ?? 0n;
    const isLacking = [...(known?.lots.values() ?? [])].some(
      ({ attestedAt, devices }) => attestedAt !== undefined && devices.length === 0,
    );
    return all.map((taken) => {
      if (!isOfRegistry(taken)) return taken;
      const { nodeId, epoch } = taken.refusal.facts as { nodeId: bigint; epoch: bigint };
      const endAt = epochEndAt(epoch);
      const isOpen = nowAt <= endAt + window.maxDelaySec + window.skewSec;
      if (!isOpen || (followedAt >= endAt && !isLacking)) return taken;
      const facts = { nodeId, epoch, followedAt, refusedAs: taken.refusal.code };
      return { outcome: "refused", refusal: new Refusal("Ingest_Behind", facts) };
    });
  };

  return {
    admit(from, byteCount) {
      for (const ingest of ingests) ingest.admit(from, byteCount);
    },
    async take(bytes, form, from) {
      try {
        await refresh();
      } catch (error) {
        log(`the registry cannot be read: ${messageOf(error)}`);
        throw new Busy("Ingest_NoDatabase", "the database does not answer; try again later", false, 1000);
      }
      const [first = [], ...others] = await Promise.all(ingests.map((ingest) => ingest.take(bytes, form, from)));
      return await soften(
        first.map((taken, place) => others.reduce((worst, other) => heavier(worst, other[place]), taken)),
      );
    },
    stop: () => judges.stop(),
  };
}

/** Refusals by what the registry and the published identities say. */
const OF_REGISTRY = new Set(["Reading_UnknownNode", "Reading_WrongLot", "Reading_WrongDevice"]);

function isOfRegistry(taken: Taken): taken is Taken & { outcome: "refused" } {
  return taken.outcome === "refused" && OF_REGISTRY.has(taken.refusal.code);
}

const WEIGHT = { duplicate: 0, inserted: 1, equivocation: 2, refused: 3 } as const;

/** What is said where oracles differ: a refusal before an equivocation, what is new before what is known. */
function heavier(one: Taken, other: Taken | undefined): Taken {
  return other !== undefined && WEIGHT[other.outcome] > WEIGHT[one.outcome] ? other : one;
}
