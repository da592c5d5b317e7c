import { PRICINGS, type Lease } from "../protocol/api.ts";
import type { PageAfter } from "../sources.ts";
import type { View } from "./events.ts";

// Leases and what was invoiced and paid, out of events.

interface LeaseRow {
  terms: {
    lotId: string;
    lessee: string;
    payee: string;
    asset: string;
    pricing: string;
    startAt: string;
    periodCount: string;
    baseRentAssets: string;
    gpuHourRateAssets: string;
    dueSec: string;
    relatedParty: boolean;
    sla: { availabilityBps: string; creditBps: string }[];
    documentHash: string;
  };
  leaseId: string;
  settledCount: number;
  invoiced: bigint;
  credit: bigint;
  paid: bigint;
  prepaid: bigint;
}

/** Leases by id. Each event on a lease's escrow says what it holds afterwards; the newest one holds. */
export async function leasesAfter({ db }: View, { limit, after }: PageAfter<bigint>): Promise<Lease[]> {
  const { rows } = await db.query<LeaseRow>(
    `select o.args ->> 'leaseId' "leaseId", o.args -> 'terms' terms, money.*
     from events o, lateral (
       select count(*) filter (where e.name = 'Invoiced')::int4 "settledCount",
         coalesce(sum((e.args -> 'statement' ->> 'dueAssets')::numeric), 0) invoiced,
         coalesce(sum((e.args -> 'statement' ->> 'slaCreditAssets')::numeric), 0) credit,
         coalesce(sum(coalesce(e.args -> 'payment' ->> 'paidAssets', e.args ->> 'paidAssets')::numeric), 0) paid,
         coalesce((array_agg(coalesce(e.args -> 'payment' ->> 'prepaidAssets', e.args ->> 'prepaidAssets', '0')::numeric
           order by e.block desc, e.log_index desc))[1], 0) prepaid
       from events e where e.contract = 'leases'
         and e.name in ('Prepaid', 'Invoiced', 'Paid', 'PaidFromEscrow', 'Refunded')
         and e.args ->> 'leaseId' = o.args ->> 'leaseId') money
     where o.contract = 'leases' and o.name = 'Opened' and (o.args ->> 'leaseId')::int8 > $1
     order by (o.args ->> 'leaseId')::int8 limit $2`,
    [after ?? -1n, limit],
  );
  return rows.map(({ leaseId, terms, settledCount, invoiced, credit, paid, prepaid }) => ({
    leaseId,
    lotId: terms.lotId,
    lessee: terms.lessee,
    payee: terms.payee,
    asset: terms.asset,
    pricing: PRICINGS[Number(terms.pricing)] ?? "TakeOrPay",
    startAt: terms.startAt,
    periodCount: Number(terms.periodCount),
    settledCount,
    baseRentAssets: terms.baseRentAssets,
    gpuHourRateAssets: terms.gpuHourRateAssets,
    dueSec: Number(terms.dueSec),
    relatedParty: terms.relatedParty,
    sla: terms.sla.map((step) => ({
      availabilityBps: Number(step.availabilityBps),
      creditBps: Number(step.creditBps),
    })),
    documentHash: terms.documentHash,
    invoicedAssets: String(invoiced),
    slaCreditAssets: String(credit),
    paidAssets: String(paid),
    owedAssets: String(invoiced - paid),
    prepaidAssets: String(prepaid),
  }));
}
