import { newestEpochOf, readingsAfter, type PackedRow } from "../plugins/queries.ts";
import type { Store } from "../plugins/store.ts";
import { bytesOf, hexOf } from "../protocol/bytes.ts";
import { isPlainNext, packedBody, packedHead, readingOfBody } from "../protocol/packed.ts";
import { checkFollows, checkGrowth } from "../protocol/rules.ts";

/** The newest reading of each node that was taken: the next one must continue it. */
export interface Chains {
  /** Reads what an earlier run took; nothing is checked before. */
  warmUp(nodeIds: BigInt64Array): Promise<void>;
  /** Begins a batch, whose readings also follow each other. */
  begin(): { check(row: PackedRow): void };
  /** Counts a reading as taken. */
  follow(row: PackedRow): void;
}

/** Beyond it a node's chain is known from the decided sets only. */
const MAX_EPOCHS = 96n;
const PAGE_COUNT = 2_000;

type Link = Pick<PackedRow, "body" | "readingHash" | "epoch">;

export function openChains(store: Store, oracleId: number): Chains {
  const newest = new Map<bigint, Link>();
  let warming: Promise<void> | undefined;

  const read = async (nodeIds: BigInt64Array) => {
    const newestEpoch = await newestEpochOf(store.db, oracleId);
    if (newestEpoch === undefined) return;
    const missing = new Set(nodeIds);
    for (let epoch = newestEpoch; epoch > newestEpoch - MAX_EPOCHS && missing.size > 0; epoch--) {
      let after = -1n;
      for (;;) {
        const rows = await readingsAfter(store.db, oracleId, epoch, after, PAGE_COUNT);
        for (const { nodeId, body, readingHash } of rows) {
          if (missing.delete(nodeId))
            newest.set(nodeId, { body: packedBody(body), epoch, readingHash: bytesOf(readingHash) });
        }
        if (rows.length < PAGE_COUNT) break;
        after = rows.at(-1)!.nodeId;
      }
    }
  };

  return {
    async warmUp(nodeIds) {
      warming ??= read(nodeIds);
      try {
        await warming;
      } catch (error) {
        warming = undefined;
        throw error;
      }
    },
    begin() {
      const inBatch = new Map<bigint, Link>();
      return {
        check(row) {
          const before = inBatch.get(row.nodeId) ?? newest.get(row.nodeId);
          requireOrder(row, before);
          if (before === undefined || before.epoch < row.epoch) inBatch.set(row.nodeId, row);
        },
      };
    },
    follow(row) {
      const before = newest.get(row.nodeId);
      if (before === undefined || before.epoch < row.epoch) newest.set(row.nodeId, row);
    },
  };
}

/**
 * A repetition and a second reading of an epoch are told apart when they are stored. After one that this oracle missed the
 * counters alone bind: a lost reading must not shut its node out for ever. So do those of one that comes late.
 */
function requireOrder(row: PackedRow, before: Link | undefined): void {
  if (before === undefined || row.epoch === before.epoch || isPlainNext(row.body, before.body, before.readingHash))
    return;
  const [reading, last] = [readingOfBody(row.body), readingOfBody(before.body)];
  if (row.epoch < before.epoch) checkGrowth(last, reading);
  else if (row.sequence > packedHead(before.body).sequenceIndex + 1n) checkGrowth(reading, last);
  else checkFollows(reading, last, hexOf(before.readingHash));
}
