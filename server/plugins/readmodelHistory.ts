import type { HistoryEvent } from "../protocol/apiHistory.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Json } from "../protocol/eventJson.ts";
import type { PageAfter } from "../pages.ts";
import type { View } from "./events.ts";

/** More events than a block can have, for an id out of the block and the place in it. */
const BLOCK_SPAN = 1_000_000n;

/** What moves no money of the facility's: shares between holders, and what they allow each other. */
const LEFT_OUT = ["Transfer", "Approval"];

/** The events of a facility and its classes, the oldest first, its creation before all; undefined for another address. */
export async function historyAfter(
  { db }: View,
  address: string,
  { limit, after = -1n }: PageAfter<bigint>,
): Promise<HistoryEvent[] | undefined> {
  const { rows: created } = await db.query<{ block: bigint; logIndex: number; tokens: string[] }>(
    `select block, log_index "logIndex", args -> 'classTokens' tokens from events
     where contract = 'facilities' and name = 'FacilityCreated' and args ->> 'facility' = $1`,
    [address],
  );
  const [creation] = created;
  if (creation === undefined) return undefined;
  const { rows } = await db.query<
    Omit<HistoryEvent, "eventId" | "block" | "blockAt"> & { block: bigint; blockAt: bigint; args: Record<string, Json> }
  >(
    `select e.block, e.log_index "logIndex", b.time "blockAt", e.tx_hash "transactionHash", e.contract, e.address, e.name,
       e.args
     from events e join blocks b on b.number = e.block
     where (e.address = any($1) and e.name <> all($2) and (e.block, e.log_index) > ($3, $4)
         or (e.block, e.log_index) = ($3, $4))
       and (e.block, e.log_index) > ($5, $6)
     order by e.block, e.log_index limit $7`,
    [
      [address, ...creation.tokens],
      LEFT_OUT,
      creation.block,
      creation.logIndex,
      after < 0n ? -1n : after / BLOCK_SPAN,
      after < 0n ? -1 : Number(after % BLOCK_SPAN),
      limit,
    ],
  );
  return rows.map(({ block, logIndex, blockAt, ...rest }) => ({
    ...{ ...rest, logIndex, block: String(block), blockAt: String(blockAt) },
    eventId: String(block * BLOCK_SPAN + BigInt(logIndex)),
    transactionHash: rest.transactionHash as Hex,
  }));
}
