import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { makeFleet, readingOfNode, type ChainPlace, type MeasureFleet } from "../../server/cli/measureFleet.ts";
import { startIngest, type Ingest, type IngestOptions } from "../../server/jobs/ingest.ts";
import { openJudges } from "../../server/jobs/judges.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { readingDomain, type ReadingJson, type SignedReadingJson } from "../../server/protocol/reading.ts";
import type { Taken } from "../../server/sources.ts";

export const DOMAIN: Hex = readingDomain(31_337n, `0x${"11".repeat(20)}`);
export const EPOCH = 490_000n;
/** A minute after the epoch. */
export const NOW = (EPOCH + 1n) * 3600n + 60n;
export const HOME = "10.0.0.1";
export const STRANGER = "203.0.113.9";

/** Judges on the test's own thread: one for all tests, since it holds nothing. */
const judges = openJudges(0);

export interface IngestBench {
  readonly store: Store;
  readonly fleet: MeasureFleet;
  /** Which clock the oracle reads. */
  clockAt: bigint;
  /** An oracle's ingest on the store, as a program that starts makes it; each id has its own rows. */
  start(options?: Partial<IngestOptions>): Ingest;
  /** A node's reading (from 0) as a line. */
  line(node: number, epoch?: bigint, place?: ChainPlace, change?: Partial<ReadingJson>): string;
  signed(node: number, epoch?: bigint, place?: ChainPlace, change?: Partial<ReadingJson>): SignedReadingJson;
  hash(node: number, epoch?: bigint, place?: ChainPlace): Hex;
  stop(): Promise<void>;
}

/** A store and a fleet of forty nodes of two boards in two lots. */
export async function startIngestBench(): Promise<IngestBench> {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-ingest-"));
  const store = await openStore({ dataDir: folder });
  const fleet = makeFleet({ nodeCount: 40, boardsPerNode: 2, lotCount: 2 });
  const made = (...args: [number, bigint?, ChainPlace?, Partial<ReadingJson>?]) => {
    const [node, epoch = EPOCH, place, change] = args;
    return readingOfNode(fleet, DOMAIN, node, epoch, place, change);
  };
  const bench: IngestBench = {
    ...{ store, fleet, clockAt: NOW },
    start: (options = {}) =>
      startIngest({
        ...{ oracleId: 0, store, roster: fleet.roster, domain: DOMAIN, judges, now: () => bench.clockAt },
        ...{ window: { maxDelaySec: 259_200n, skewSec: 120n } },
        ...options,
      }),
    line: (...args) => made(...args).line,
    signed: (...args) => JSON.parse(made(...args).line) as SignedReadingJson,
    hash: (...args) => made(...args).hash,
    async stop() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return bench;
}

/** Hands lines to an ingest. */
export function takeLines(ingest: Ingest, lines: readonly string[], from = HOME): Promise<Taken[]> {
  return ingest.take(Buffer.from(lines.join("\n")), "lines", from);
}

/** What became of each: the outcome, or the refusal's code. */
export function outcomesOf(taken: readonly Taken[]): string[] {
  return taken.map((one) => (one.outcome === "refused" ? one.refusal.code : one.outcome));
}

/** A line with a signature by another node than it says. */
export function forged(bench: IngestBench, node: number, epoch = EPOCH, salt = 0): string {
  const { reading } = bench.signed(node, epoch, undefined, {
    drops: { ...bench.signed(node).reading.drops, gapCount: salt },
  });
  return JSON.stringify({ reading, signature: bench.signed((node + 1) % 40, epoch).signature });
}

/** The code of what work fails with. */
export async function codeOfFailure(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(error).to.be.an("error").and.have.property("code");
    return (error as { code: string }).code;
  }
  return "none";
}
