import type { Facility, Payment } from "../protocol/api.ts";
import type { MonthlyReport, ReportListItem } from "../protocol/apiReports.ts";
import type { Invoice, Receivable } from "../protocol/apiLeases.ts";
import type { FacilityTelemetry } from "../protocol/apiValues.ts";
import { addMonths } from "../protocol/calendar.ts";
import { EPOCH_SEC } from "../protocol/units.ts";
import type { BlockRow, View } from "./events.ts";
import { createdAt } from "./readmodelDeals.ts";
import { facilityAt } from "./readmodelFacilities.ts";
import { invoicesOf, receivablesAfter } from "./readmodelInvoices.ts";
import { paymentsBefore } from "./readmodelPayments.ts";
import { telemetryOver } from "./readmodelTelemetry.ts";
import { appraisedBefore, partBps, priceWad, type PastPrices } from "./readmodelValues.ts";
import type { Tokens } from "./tokens.ts";

// A month of a facility for its investors: the read model as it stood at the month's start and at its end, and what
// happened between. A month that is not over is told up to the newest block.

const ALL = 0x7fff_ffff;

interface Month {
  readonly name: string;
  readonly fromAt: bigint;
  readonly untilAt: bigint;
}

/** A month of UTC by its name, like 2026-03. */
function monthOf(name: string): Month {
  const [year = 0, month = 1] = name.split("-").map(Number);
  const fromAt = BigInt(Date.UTC(year, month - 1) / 1000);
  return { name, fromAt, untilAt: addMonths(fromAt, 1) };
}

function monthNameOf(at: bigint): string {
  return new Date(Number(at) * 1000).toISOString().slice(0, 7);
}

/** Months from the one in which the facility was created to the newest block's, the newest first. */
export async function reportsOf(view: View, address: string): Promise<ReportListItem[] | undefined> {
  const created = await createdAt(view, address);
  if (created === undefined) return undefined;
  const payments = (await paymentsBefore(view, address, { limit: ALL })) ?? [];
  const months: ReportListItem[] = [];
  for (let month = monthOf(monthNameOf(created.createdAt)); month.fromAt <= view.head.time;) {
    months.unshift(listed(month, view, payments));
    month = monthOf(monthNameOf(month.untilAt));
  }
  return months;
}

function listed({ name, fromAt, untilAt }: Month, { head }: View, payments: readonly Payment[]): ReportListItem {
  const payment = payments.find(({ dueAt }) => BigInt(dueAt) >= fromAt && BigInt(dueAt) < untilAt);
  return {
    ...{ month: name, fromAt: String(fromAt), untilAt: String(untilAt), isOver: untilAt <= head.time },
    paymentIndex: payment?.paymentIndex ?? null,
  };
}

/** What a month's report is made of: all of it out of events. */
interface Told {
  readonly month: Month;
  readonly item: ReportListItem;
  readonly before: Facility | undefined;
  readonly after: Facility;
  readonly head: BlockRow;
  readonly payments: readonly Payment[];
  readonly rentAssets: bigint;
  readonly invoices: readonly Invoice[];
  readonly overdue: readonly Receivable[];
  readonly telemetry: FacilityTelemetry | undefined;
  readonly appraised: Awaited<ReturnType<typeof appraisedBefore>>;
}

/** Undefined for an address that is no facility, and for a month that has no report. */
export async function monthOfFacility(
  view: View,
  tokens: Tokens,
  address: string,
  name: string,
): Promise<Told | undefined> {
  const month = monthOf(name);
  const created = await createdAt(view, address);
  if (created === undefined || month.untilAt <= created.createdAt || month.fromAt > view.head.time) return undefined;
  const [start, end] = [await viewUntil(view, month.fromAt), await viewUntil(view, month.untilAt)];
  const after = end && (await facilityAt(end, tokens, address));
  if (end === undefined || after === undefined) return undefined;
  const before = start && (await facilityAt(start, tokens, address));
  const run = (await paymentsBefore(end, address, { limit: ALL })) ?? [];
  const payments = run.filter(({ paymentIndex }) => Number(paymentIndex) >= (before?.paymentCount ?? 0)).toReversed();
  const epochs = { fromEpoch: month.fromAt / EPOCH_SEC, toEpoch: month.untilAt / EPOCH_SEC - 1n };
  return {
    ...{ month, item: listed(month, view, run), before, after, head: end.head, payments },
    rentAssets: await rentOf(end, address, start?.head.number ?? 0n),
    invoices: await invoicesOf(end, address, month),
    overdue: await receivablesAfter(end, { limit: ALL }, { payee: address, state: "Overdue" }),
    telemetry: await telemetryOver(end, after.lotIds, epochs),
    appraised: await appraisedBefore(end, address, { limit: 1 }),
  };
}

/** The events before a time, as if the chain stood there; undefined where there were none. */
async function viewUntil({ db, head }: View, untilAt: bigint): Promise<View | undefined> {
  if (head.time < untilAt) return { db, head };
  const { rows } = await db.query<BlockRow>(
    "select number, hash, time from blocks where time < $1 and number <= $2 order by number desc limit 1",
    [untilAt, head.number],
  );
  const [last] = rows;
  return last && { db, head: { ...last, time: untilAt } };
}

/** Rent that a facility collected after one block. */
async function rentOf({ db, head }: View, address: string, afterBlock: bigint): Promise<bigint> {
  const { rows } = await db.query<{ assets: bigint }>(
    `select coalesce(sum((args ->> 'rentAssets')::numeric), 0) assets from events
     where address = $1 and contract = 'facility' and name = 'Collected' and block > $2 and block <= $3`,
    [address, afterBlock, head.number],
  );
  return rows[0]?.assets ?? 0n;
}

/** The report, with what everything was worth at the month's last appraisal. */
export async function reportOf(told: Told, pastPrices: PastPrices): Promise<MonthlyReport> {
  const { item, after, head, payments, telemetry, appraised } = told;
  const [appraisal] = appraised?.rows ?? [];
  const prices = appraisal && (await pastPrices.at(after.address, appraised!.tokens, appraisal));
  const seniorOwed = after.classes.reduce((sum, { owedAssets }) => sum + BigInt(owedAssets), 0n);
  return {
    ...{ facility: after.address, name: after.name, asset: after.asset, assetSymbol: after.assetSymbol },
    ...{ assetDecimalCount: after.assetDecimalCount, ...item, state: after.state },
    ...{ block: String(head.number), blockHash: head.hash },
    classes: after.classes.map((each, classIndex) => {
      const worth = prices?.classes[classIndex];
      return classOf(told, classIndex, worth === undefined ? null : priceWad(worth.exitAssets, worth.shares));
    }),
    payments: [...payments],
    cash: cashOf(told),
    ...{ reserveAssets: after.reserveAssets, reserveTargetAssets: after.reserveTargetAssets },
    ...{ trappedAssets: after.trappedAssets, dscrBps: after.dscrBps, relatedPartyBps: after.relatedPartyBps },
    ltvBps: prices === undefined ? null : partBps(seniorOwed, prices.exitAssets),
    breaches: after.breaches,
    invoices: {
      invoiceCount: told.invoices.length,
      invoicedAssets: sumOf(told.invoices, ({ dueAssets }) => dueAssets),
      slaCreditAssets: sumOf(told.invoices, ({ slaCreditAssets }) => slaCreditAssets),
      paidAssets: sumOf(told.invoices, ({ paidAssets }) => paidAssets),
      overdueAssets: sumOf(told.overdue, ({ leftAssets }) => leftAssets),
    },
    telemetry: telemetry ?? null,
    value: {
      computedAt: prices === undefined ? null : appraisal!.appraisal.computedAt,
      exitAssets: prices === undefined ? null : String(prices.exitAssets),
      entryAssets: prices === undefined ? null : String(prices.entryAssets),
    },
  };

  function sumOf<T>(items: readonly T[], field: (item: T) => string): string {
    return String(items.reduce((sum, each) => sum + BigInt(field(each)), 0n));
  }
}

type CountedField = "interestPaidAssets" | "principalPaidAssets" | "lossAssets" | "claimedAssets";

function classOf(told: Told, classIndex: number, exitPriceWad: string | null): MonthlyReport["classes"][number] {
  const [now, then] = [told.after.classes[classIndex]!, told.before?.classes[classIndex]];
  const grown = (field: CountedField) => String(BigInt(now[field]) - BigInt(then?.[field] ?? "0"));
  const due = told.payments.flatMap(({ steps }) =>
    steps.filter(({ kind, subjectIndex }) => kind === "Interest" && subjectIndex === classIndex),
  );
  return {
    ...{ classIndex, name: now.name, symbol: now.symbol, token: now.token, couponBps: now.couponBps },
    startAssets: then?.outstandingAssets ?? "0",
    interestDueAssets: String(due.reduce((sum, { dueAssets }) => sum + BigInt(dueAssets), 0n)),
    interestPaidAssets: grown("interestPaidAssets"),
    principalPaidAssets: grown("principalPaidAssets"),
    lossAssets: grown("lossAssets"),
    endAssets: now.outstandingAssets,
    endPoolFactorWad: now.poolFactorWad,
    exitPriceWad,
    claimedAssets: grown("claimedAssets"),
  };
}

/** From the cash at the start to that at the end; what is neither rent nor paid out is the rest. */
function cashOf({ before, after, rentAssets }: Told): MonthlyReport["cash"] {
  const [start, end] = [ledgerOf(before), ledgerOf(after)];
  const fees = end.fees - start.fees;
  const classes = end.classes - start.classes;
  return {
    startAssets: String(start.cash),
    rentAssets: String(rentAssets),
    otherAssets: String(end.cash - start.cash - rentAssets + fees + classes),
    feesAssets: String(fees),
    classesAssets: String(classes),
    endAssets: String(end.cash),
  };
}

/** The cash of a facility, and all that it ever paid in fees and to its classes. */
function ledgerOf(facility: Facility | undefined): { cash: bigint; fees: bigint; classes: bigint } {
  if (facility === undefined) return { cash: 0n, fees: 0n, classes: 0n };
  const { escrowAssets, collectionsAssets, reserveAssets, trappedAssets, feesPaidAssets } = facility;
  const cash = [escrowAssets, collectionsAssets, reserveAssets, trappedAssets];
  const paid = facility.classes.flatMap(({ interestPaidAssets, principalPaidAssets }) => [
    interestPaidAssets,
    principalPaidAssets,
  ]);
  const sum = (amounts: readonly string[]) => amounts.reduce((total, amount) => total + BigInt(amount), 0n);
  return { cash: sum(cash), fees: BigInt(feesPaidAssets), classes: sum(paid) };
}
