import type { Payment } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { STEP_KINDS } from "../protocol/deal.ts";
import type { PageBefore } from "../pages.ts";
import type { View } from "./events.ts";
import type { StepArgs } from "./readmodelBooks.ts";
import { createdAt } from "./readmodelDeals.ts";

// Payment dates that were run, out of events.

/** Payment dates, the newest first; undefined for an address that is no facility. */
export async function paymentsBefore(
  view: View,
  address: string,
  { limit, before }: PageBefore<bigint>,
): Promise<Payment[] | undefined> {
  if ((await createdAt(view, address)) === undefined) return undefined;
  const { rows } = await view.db.query<{
    args: Record<string, string>;
    cover: Record<string, string> | null;
    transactionHash: Hex;
    steps: StepArgs[];
  }>(
    `select p.args, p.tx_hash "transactionHash",
       (select c.args from events c where c.address = p.address and c.name = 'CoverTested'
          and c.args ->> 'paymentIndex' = p.args ->> 'paymentIndex') cover,
       (select json_agg(s.args order by s.log_index) from events s where s.address = p.address
          and s.name = 'StepPaid' and s.args ->> 'paymentIndex' = p.args ->> 'paymentIndex') steps
     from events p where p.address = $1 and p.name = 'PaymentMade'
       and ($2::int8 is null or (p.args ->> 'paymentIndex')::int8 < $2) and p.block <= $4
     order by (p.args ->> 'paymentIndex')::int8 desc limit $3`,
    [address, before ?? null, limit, view.head.number],
  );
  return rows.map(({ args, cover, transactionHash, steps }) => ({
    paymentIndex: args["paymentIndex"] ?? "",
    dueAt: args["dueAt"] ?? "",
    steps: steps.map(({ step, stepIndex, dueAssets, paidAssets }) => ({
      ...{ stepIndex: Number(stepIndex), dueAssets, paidAssets, subjectIndex: Number(step.subjectIndex) },
      kind: STEP_KINDS[Number(step.kind)] ?? "Fee",
    })),
    collectionsAssets: args["collectionsAssets"] ?? "",
    reserveAssets: args["reserveAssets"] ?? "",
    trappedAssets: args["trappedAssets"] ?? "",
    // The last payment, when a facility closes, is no date and covers no debt service.
    netAssets: cover?.["netAssets"] ?? "0",
    serviceAssets: cover?.["serviceAssets"] ?? "0",
    transactionHash,
  }));
}
