import type { Lease, LeaseState } from "../protocol/apiLeases.ts";
import { countryText } from "../protocol/bytes.ts";
import { EFFICIENCY_METRICS, PRICINGS } from "../protocol/lease.ts";
import type { PageAfter } from "../pages.ts";
import type { LeaseFilter } from "../sourcesMoney.ts";
import type { View } from "./events.ts";

// Leases and what was invoiced and paid, out of events.

interface LeaseRow {
  leaseId: string;
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
    index: { source: string; participationBps: string; floorAssets: string; capAssets: string };
    efficiency: { metric: string; targetUnits: string; sharedBps: string; maxBps: string; kWhRateAssets: string };
    payment: Record<"dueSec" | "lateFeeBps" | "cureSec" | "prepaidMonthCount" | "depositAssets", string>;
    exit: Record<"minPeriodCount" | "noticeSec" | "renewalPeriodCount" | "renewalRentBps", string> &
      Record<"terminationFeeAssets" | "purchaseAssets", string>;
    tripleNet: boolean;
    relatedParty: boolean;
    lesseeBucket: string;
    countries: string[];
    sla: { availabilityBps: string; creditBps: string }[];
    documentHash: string;
  };
  payee: string;
  state: LeaseState;
  periodCount: string | null;
  endCount: string;
  endAt: string | null;
  purchaser: string | null;
  isInDefault: boolean;
  isMarkedRelated: boolean;
  settledCount: number;
  invoiced: bigint;
  credit: bigint;
  bonus: bigint;
  excessCredit: bigint;
  paid: bigint;
  lateFee: bigint;
  prepaid: bigint;
  deposit: bigint;
}

/** A value of the newest of some events on the lease that `o` opened. */
const newest = (names: string, value: string) =>
  `(select ${value} from events e where e.contract = 'leases' and e.name in (${names})
     and e.args ->> 'leaseId' = o.args ->> 'leaseId' order by e.block desc, e.log_index desc limit 1)`;

const ENDS = "'Terminated', 'Defaulted', 'Purchased'";

/** How many periods of the lease that `o` opened are invoiced in all. */
export const END_COUNT = `coalesce(
  ${newest(`'Renewed', ${ENDS}`, "coalesce(e.args ->> 'endCount', e.args ->> 'periodCount')")},
  o.args -> 'terms' ->> 'periodCount')`;

const has = (name: string) =>
  `exists (select from events e where e.contract = 'leases' and e.name = '${name}'
     and e.args ->> 'leaseId' = o.args ->> 'leaseId')`;

const sumOf = (value: string) => `coalesce(sum((${value})::numeric), 0)`;
const PREPAID = "coalesce(e.args -> 'payment', e.args -> 'reduction', e.args) ->> 'prepaidAssets'";

/** Every lease. Each event on a lease's escrow says what it holds afterwards; the newest one holds. */
const LEASES = `select l.*, case when l.purchaser is not null then 'Bought' when l."isInDefault" then 'Defaulted'
    when l."settledCount" >= l."endCount"::int8 then 'Ended' else 'Running' end state
  from (select o.args ->> 'leaseId' "leaseId", o.args -> 'terms' terms, ${END_COUNT} "endCount",
    coalesce(${newest("'Assigned'", "e.args ->> 'to'")}, o.args -> 'terms' ->> 'payee') payee,
    ${newest("'Renewed'", "e.args ->> 'periodCount'")} "periodCount",
    ${newest(ENDS, "nullif(e.args ->> 'endAt', '0')")} "endAt",
    ${newest("'Purchased'", "e.args ->> 'purchaser'")} purchaser, ${has("Defaulted")} "isInDefault",
    ${has("MarkedRelated")} "isMarkedRelated",
    coalesce(${newest("'Prepaid', 'Invoiced', 'FeeInvoiced', 'Paid', 'PaidFromEscrow', 'Defaulted', 'Refunded'", `(${PREPAID})::numeric`)}, 0) prepaid,
    coalesce(${newest("'Deposited', 'Defaulted', 'Refunded'", "case e.name when 'Deposited' then (e.args ->> 'assets')::numeric end")}, 0) deposit,
    money.*
  from events o, lateral (
    select count(*) filter (where e.name = 'Invoiced')::int4 "settledCount",
      ${sumOf("coalesce(e.args -> 'statement', e.args) ->> 'dueAssets'")} invoiced,
      ${sumOf("e.args -> 'statement' ->> 'slaCreditAssets'")} credit,
      ${sumOf("e.args -> 'statement' ->> 'bonusAssets'")} bonus,
      ${sumOf("e.args -> 'statement' ->> 'excessCreditAssets'")} "excessCredit",
      ${sumOf("coalesce(e.args -> 'payment', e.args -> 'reduction') ->> 'paidAssets'")} paid,
      ${sumOf("e.args -> 'reduction' ->> 'lateFeeAssets'")} "lateFee"
    from events e where e.contract = 'leases' and e.name in ('Invoiced', 'FeeInvoiced', 'Paid', 'PaidFromEscrow')
      and e.args ->> 'leaseId' = o.args ->> 'leaseId') money
  where o.contract = 'leases' and o.name = 'Opened'`;

/** Leases by id. */
export async function leasesAfter(
  { db }: View,
  { limit, after }: PageAfter<bigint>,
  { lotId, lessee, payee, state }: LeaseFilter = {},
): Promise<Lease[]> {
  const { rows } = await db.query<LeaseRow>(
    `select * from (${LEASES} and (o.args ->> 'leaseId')::int8 > $1
       and ($3::text is null or o.args ->> 'lotId' = $3) and ($4::text is null or o.args ->> 'lessee' = $4)) l) q
     where ($5::text is null or payee = $5) and ($6::text is null or state = $6)
     order by "leaseId"::int8 limit $2`,
    [after ?? -1n, limit, lotId === undefined ? null : String(lotId), lessee ?? null, payee ?? null, state ?? null],
  );
  return rows.map(leaseFrom);
}

export async function leaseAt({ db }: View, leaseId: bigint): Promise<Lease | undefined> {
  const { rows } = await db.query<LeaseRow>(`${LEASES} and o.args ->> 'leaseId' = $1) l`, [String(leaseId)]);
  return rows[0] === undefined ? undefined : leaseFrom(rows[0]);
}

function leaseFrom({ leaseId, terms, ...row }: LeaseRow): Lease {
  const { index, efficiency, payment, exit } = terms;
  return {
    ...{ leaseId, lotId: terms.lotId, lessee: terms.lessee, payee: row.payee, asset: terms.asset },
    state: row.state,
    pricing: PRICINGS[Number(terms.pricing)] ?? "TakeOrPay",
    startAt: terms.startAt,
    periodCount: Number(row.periodCount ?? terms.periodCount),
    endCount: Number(row.endCount),
    settledCount: row.settledCount,
    ...{ endAt: row.endAt, isInDefault: row.isInDefault, purchaser: row.purchaser },
    baseRentAssets: terms.baseRentAssets,
    gpuHourRateAssets: terms.gpuHourRateAssets,
    index: { ...index, participationBps: Number(index.participationBps) },
    efficiency: {
      metric: EFFICIENCY_METRICS[Number(efficiency.metric)] ?? "None",
      targetUnits: Number(efficiency.targetUnits),
      sharedBps: Number(efficiency.sharedBps),
      maxBps: Number(efficiency.maxBps),
      kWhRateAssets: efficiency.kWhRateAssets,
    },
    payment: {
      dueSec: Number(payment.dueSec),
      lateFeeBps: Number(payment.lateFeeBps),
      cureSec: Number(payment.cureSec),
      prepaidMonthCount: Number(payment.prepaidMonthCount),
      depositAssets: payment.depositAssets,
    },
    exit: {
      minPeriodCount: Number(exit.minPeriodCount),
      noticeSec: Number(exit.noticeSec),
      renewalPeriodCount: Number(exit.renewalPeriodCount),
      renewalRentBps: Number(exit.renewalRentBps),
      terminationFeeAssets: exit.terminationFeeAssets,
      purchaseAssets: exit.purchaseAssets,
    },
    tripleNet: terms.tripleNet,
    relatedParty: terms.relatedParty || row.isMarkedRelated,
    lesseeBucket: Number(terms.lesseeBucket),
    countries: terms.countries.map(countryText),
    sla: terms.sla.map((step) => ({
      availabilityBps: Number(step.availabilityBps),
      creditBps: Number(step.creditBps),
    })),
    documentHash: terms.documentHash,
    invoicedAssets: String(row.invoiced),
    slaCreditAssets: String(row.credit),
    bonusAssets: String(row.bonus),
    excessCreditAssets: String(row.excessCredit),
    paidAssets: String(row.paid),
    lateFeeAssets: String(row.lateFee),
    owedAssets: String(row.invoiced - row.paid),
    prepaidAssets: String(row.prepaid),
    depositAssets: String(row.deposit),
  };
}
