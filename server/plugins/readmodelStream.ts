import type { Happening, StreamKind } from "../protocol/apiStream.ts";
import type { BlockMark, Happenings } from "../sourcesPlatform.ts";
import type { View } from "./events.ts";
import type { Json } from "../protocol/eventJson.ts";
import { bytes } from "./queries.ts";

// What the stream tells: the followed events of some contracts, each under the kind that a reader knows.

const KINDS: Readonly<Record<string, StreamKind>> = {
  telemetry: "epoch",
  facilities: "facility",
  facility: "facility",
  leases: "lease",
  disputes: "dispute",
  exchange: "order",
};
/** A payment date has many steps; its end is what is told. */
const PAYMENT_NAMES = new Set(["PaymentMade"]);
const QUIET_NAMES = ["StepPaid"];
const ID = /(Id|Hash|Index)$|^(epoch|facility|digest)$/;

interface Row {
  block: bigint;
  blockHash: string;
  logIndex: number;
  address: string;
  contract: string;
  name: string;
  args: Record<string, Json>;
}

/** What happened after a block's log, up to the head. */
export async function happeningsAfter(
  { db, head }: View,
  after: BlockMark,
  logIndex: number,
  limit: number,
): Promise<Happenings> {
  const same = await db.query("select 1 from blocks where number = $1 and hash = $2", [
    after.number,
    bytes(after.hash),
  ]);
  if (same.rows.length === 0) return { head, isContinued: false, items: [] };
  const { rows } = await db.query<Row>(
    `select block, hash "blockHash", log_index "logIndex", address, contract, name, args
     from events join blocks on number = block where (block, log_index) > ($1, $2) and contract = any ($3::text[]) and name <> all ($4::text[])
     order by block, log_index limit $5`,
    [after.number, logIndex, Object.keys(KINDS), QUIET_NAMES, limit],
  );
  return { head, isContinued: true, items: rows.map(happeningOf) };
}

function happeningOf({ block, blockHash, logIndex, address, contract, name, args }: Row): Happening {
  const ids = Object.entries(args).flatMap(([key, value]) =>
    ID.test(key) && typeof value === "string" ? [[key, value] as const] : [],
  );
  const kind = contract === "facility" && PAYMENT_NAMES.has(name) ? "payment" : KINDS[contract]!;
  return { kind, blockNumber: String(block), blockHash, logIndex, name, address, ids: Object.fromEntries(ids) };
}
