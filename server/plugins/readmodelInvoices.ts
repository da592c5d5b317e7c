import type { Invoice, Receivable, ReceivableState } from "../protocol/apiLeases.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { PageAfter } from "../pages.ts";
import type { ReceivableFilter } from "../sourcesMoney.ts";
import type { View } from "./events.ts";

// Invoices of leases and what was paid for each, out of events.

interface Settlement {
  paidAssets: string;
  leftAssets: string;
}

interface InvoiceRow {
  leaseId: string;
  periodIndex: number;
  name: "Invoiced" | "FeeInvoiced";
  args: {
    payee: string;
    fromAt?: string;
    untilAt?: string;
    dueAssets?: string;
    statement?: Record<string, string>;
    payment: Settlement & { dueAt: string };
  };
  terms: { lotId: string; lessee: string; asset: string };
  invoicedAt: bigint;
  transactionHash: Hex;
  payments: {
    at: string;
    payer: string | null;
    reduction: Settlement & { lateFeeAssets: string };
    transactionHash: Hex;
  }[];
}

/** Every invoice, with the payments for it, up to a block ($1). */
const INVOICES = `select i.args ->> 'leaseId' "leaseId", (i.args ->> 'periodIndex')::int4 "periodIndex", i.name, i.args,
    o.args -> 'terms' terms, b.time "invoicedAt", i.tx_hash "transactionHash",
    (select coalesce(json_agg(json_build_object('at', c.time::text, 'payer', p.args ->> 'payer',
        'reduction', p.args -> 'reduction', 'transactionHash', '0x' || encode(p.tx_hash, 'hex'))
        order by p.block, p.log_index), '[]')
      from events p join blocks c on c.number = p.block where p.contract = 'leases'
        and p.name in ('Paid', 'PaidFromEscrow') and p.args ->> 'leaseId' = i.args ->> 'leaseId'
        and p.args ->> 'periodIndex' = i.args ->> 'periodIndex' and p.block <= $1) payments
  from events i join blocks b on b.number = i.block
    join events o on o.contract = 'leases' and o.name = 'Opened' and o.args ->> 'leaseId' = i.args ->> 'leaseId'
  where i.contract = 'leases' and i.name in ('Invoiced', 'FeeInvoiced') and i.block <= $1`;

/** Invoices of a lease by period; undefined for an unknown lease. */
export async function invoicesAfter(
  { db, head }: View,
  leaseId: bigint,
  { limit, after }: PageAfter<bigint>,
): Promise<Invoice[] | undefined> {
  const { rowCount } = await db.query(
    `select from events where contract = 'leases' and name = 'Opened' and args ->> 'leaseId' = $1`,
    [String(leaseId)],
  );
  if (rowCount === 0) return undefined;
  const { rows } = await db.query<InvoiceRow>(
    `${INVOICES} and i.args ->> 'leaseId' = $2 and (i.args ->> 'periodIndex')::int8 > $3
     order by (i.args ->> 'periodIndex')::int8 limit $4`,
    [head.number, String(leaseId), after ?? -1n, limit],
  );
  return rows.map(invoiceOf);
}

/** Invoices whose payee is one account and that were made from one time until before another, the oldest first. */
export async function invoicesOf(
  { db, head }: View,
  payee: string,
  { fromAt, untilAt }: { readonly fromAt: bigint; readonly untilAt: bigint },
): Promise<Invoice[]> {
  const { rows } = await db.query<InvoiceRow>(
    `${INVOICES} and i.args ->> 'payee' = $2 and b.time >= $3 and b.time < $4 order by i.block, i.log_index`,
    [head.number, payee, fromAt, untilAt],
  );
  return rows.map(invoiceOf);
}

function invoiceOf(row: InvoiceRow): Invoice {
  const { args } = row;
  const of = (name: string) => args.statement?.[name] ?? "0";
  const fromEscrow = {
    ...{ at: String(row.invoicedAt), payer: null, paidAssets: args.payment.paidAssets, lateFeeAssets: "0" },
    transactionHash: row.transactionHash,
  };
  const receipts = row.payments.map(({ at, payer, reduction, transactionHash }) => ({
    ...{ at, payer, paidAssets: reduction.paidAssets, lateFeeAssets: reduction.lateFeeAssets, transactionHash },
  }));
  return {
    ...{ leaseId: row.leaseId, periodIndex: row.periodIndex, kind: kindOf(row), payee: args.payee },
    ...{ fromAt: args.fromAt ?? null, untilAt: args.untilAt ?? null },
    ...{ invoicedAt: String(row.invoicedAt), dueAt: args.payment.dueAt },
    ...{ gpuCount: Number(of("gpuCount")), periodSec: of("periodSec"), wholeSec: of("wholeSec") },
    ...{ availableGpuSec: of("availableGpuSec"), allocatedGpuSec: of("allocatedGpuSec") },
    ...{ curtailedGpuSec: of("curtailedGpuSec"), itEnergyWh: of("itEnergyWh") },
    ...{ facilityEnergyWh: of("facilityEnergyWh"), indexWad: of("indexWad") },
    ...{ availabilityBps: Number(of("availabilityBps")), rateAssets: of("rateAssets"), baseAssets: of("baseAssets") },
    ...{ meteredAssets: of("meteredAssets"), slaCreditAssets: of("slaCreditAssets"), bonusAssets: of("bonusAssets") },
    ...{ excessCreditAssets: of("excessCreditAssets"), ...moneyOf(row) },
    receipts: [fromEscrow, ...receipts].filter(({ paidAssets, lateFeeAssets }) => paidAssets + lateFeeAssets !== "00"),
    transactionHash: row.transactionHash,
  };
}

function kindOf({ name }: InvoiceRow): Invoice["kind"] {
  return name === "Invoiced" ? "Rent" : "TerminationFee";
}

/** What an invoice is for, what was paid of it, and what the newest payment left of it. */
function moneyOf({ args, payments }: InvoiceRow): Record<"dueAssets" | "paidAssets" | "leftAssets", string> & {
  lateFeeAssets: string;
} {
  const paid = payments.reduce((sum, { reduction }) => sum + BigInt(reduction.paidAssets), 0n);
  const lateFee = payments.reduce((sum, { reduction }) => sum + BigInt(reduction.lateFeeAssets), 0n);
  return {
    dueAssets: args.statement?.["dueAssets"] ?? args.dueAssets ?? "0",
    paidAssets: String(paid + BigInt(args.payment.paidAssets)),
    lateFeeAssets: String(lateFee),
    leftAssets: payments.at(-1)?.reduction.leftAssets ?? args.payment.leftAssets,
  };
}

/** What invoices left to pay, paid since or not, by lease and period. */
export async function receivablesAfter(
  view: View,
  { limit, after }: PageAfter<string>,
  { payee, lessee, leaseId, state }: ReceivableFilter = {},
): Promise<Receivable[]> {
  const { db, head } = view;
  const [afterLease = "-1", afterPeriod = "-1"] = after?.split("-") ?? [];
  const { rows } = await db.query<InvoiceRow & { state: ReceivableState }>(
    `select * from (select q.*, case when q.left = 0 then 'Paid' when q."dueAt" < $2 then 'Overdue' else 'Open' end state
       from (select r.*, (r.args -> 'payment' ->> 'dueAt')::int8 "dueAt",
           coalesce(r.payments -> -1 -> 'reduction' ->> 'leftAssets', r.args -> 'payment' ->> 'leftAssets')::numeric "left"
         from (${INVOICES} and (i.args -> 'payment' ->> 'leftAssets')::numeric > 0
           and ((i.args ->> 'leaseId')::int8, (i.args ->> 'periodIndex')::int8) > ($3, $4)
           and ($5::text is null or i.args ->> 'payee' = $5)
           and ($6::text is null or o.args ->> 'lessee' = $6)
           and ($7::text is null or i.args ->> 'leaseId' = $7)) r) q) s
     where $8::text is null or state = $8 order by "leaseId"::int8, "periodIndex" limit $9`,
    [
      ...[head.number, head.time, BigInt(afterLease), BigInt(afterPeriod), payee ?? null, lessee ?? null],
      ...[leaseId === undefined ? null : String(leaseId), state ?? null, limit],
    ],
  );
  return rows.map((row) => {
    const { lateFeeAssets, ...money } = moneyOf(row);
    const dueAt = BigInt(row.args.payment.dueAt);
    return {
      ...{ key: receivableKey(row), leaseId: row.leaseId, periodIndex: row.periodIndex, lotId: row.terms.lotId },
      ...{ lessee: row.terms.lessee, payee: row.args.payee, asset: row.terms.asset, kind: kindOf(row) },
      ...{ state: row.state, invoicedAt: String(row.invoicedAt), dueAt: String(dueAt) },
      overdueSec: String(row.state === "Overdue" ? head.time - dueAt : 0n),
      ...{ ...money, lateFeePaidAssets: lateFeeAssets },
    };
  });
}

/** What a receivable is paged by. */
function receivableKey({ leaseId, periodIndex }: { leaseId: string; periodIndex: number }): string {
  return `${leaseId}-${periodIndex}`;
}
