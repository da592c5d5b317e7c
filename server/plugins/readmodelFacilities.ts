import type { Facility, Payment } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { DAY_COUNTS, addMonths, interestAssets, periodInterestAssets } from "../protocol/calendar.ts";
import { FACILITY_STATES, LIVE_STATES, STEP_KINDS, TRIGGERS } from "../protocol/deal.ts";
import { BPS } from "../protocol/units.ts";
import type { PageAfter, PageBefore } from "../sources.ts";
import type { Db } from "./db.ts";
import type { View } from "./events.ts";

// Facilities and their payment dates, out of events.

const MOST_BPS = 0xffff_ffffn; // of the API

interface Settings {
  asset: string;
  sponsor: string;
  firstPaymentAt: string;
  classes: {
    name: string;
    symbol: string;
    terms: { kind: string; dayCount: string; couponBps: string };
  }[];
  covenants: { dscrPeriodCount: string };
  ratchet: { marginBps: string }[];
}

interface Created {
  address: string;
  tokens: string[];
  settings: Settings;
}

const CREATED = `select args ->> 'facility' address, args -> 'classTokens' tokens, args -> 'settings' settings
  from events where contract = 'facilities' and name = 'FacilityCreated'`;

/** Facilities by address. */
export async function facilitiesAfter(view: View, { limit, after }: PageAfter<string>): Promise<Facility[]> {
  const { rows } = await view.db.query<Created>(
    `${CREATED} and lower(args ->> 'facility') collate "C" > lower($1) order by lower(args ->> 'facility') collate "C"
     limit $2`,
    [after ?? "", limit],
  );
  return await inTurn(rows, (created) => facilityOf(view, created));
}

export async function facilityAt(view: View, address: string): Promise<Facility | undefined> {
  const { rows } = await view.db.query<Created>(`${CREATED} and args ->> 'facility' = $1`, [address]);
  return rows[0] === undefined ? undefined : await facilityOf(view, rows[0]);
}

/** One connection answers one question at a time. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

async function facilityOf(view: View, { address, tokens, settings }: Created): Promise<Facility> {
  const books = await booksOf(view.db, address);
  const raised = await principalOf(view.db, address);
  const incomes = await incomesOf(view.db, tokens);
  const margin = marginOf(books, settings);
  const nextPaymentAt = addMonths(BigInt(settings.firstPaymentAt), books.paymentCount);
  const classes = settings.classes.map(({ name, symbol, terms }, classIndex) => {
    const token = tokens[classIndex] ?? "";
    const shares = raised.get(classIndex) ?? 0n;
    const { accrued, repaid, lost, claimed } = incomes.get(token) ?? NO_INCOME;
    const outstanding = shares - repaid - lost;
    const couponBps = BigInt(terms.couponBps);
    const dayCount = DAY_COUNTS[Number(terms.dayCount)] ?? "Thirty360";
    let owed = outstanding + (books.interestDue.get(classIndex) ?? 0n);
    if (LIVE_STATES.includes(books.state) && view.head.time > books.periodStartAt) {
      const [fromAt, toAt] = [books.periodStartAt, view.head.time];
      owed +=
        books.paymentCount === 0
          ? interestAssets(outstanding, couponBps, dayCount, fromAt, toAt)
          : periodInterestAssets(outstanding, couponBps + margin, dayCount, fromAt, nextPaymentAt, toAt);
    }
    return {
      ...{ classIndex, token, name, symbol },
      kind: terms.kind === "0" ? ("Senior" as const) : ("Residual" as const),
      couponBps: Number(couponBps),
      totalShares: String(shares),
      outstandingAssets: String(outstanding),
      // The residual is owed nothing certain.
      owedAssets: String(classIndex + 1 === tokens.length ? 0n : owed),
      claimableAssets: String(accrued - claimed),
      claimedAssets: String(claimed),
      lossAssets: String(lost),
    };
  });
  const isOver = books.state === "Closed" || books.state === "Refunding";
  return {
    ...{ address, classes, state: books.state, asset: settings.asset, sponsor: settings.sponsor },
    collectionsAssets: String(books.collections),
    reserveAssets: String(books.reserve),
    trappedAssets: String(books.trapped),
    feesPaidAssets: String(books.feesPaid),
    dscrBps: dscrOf(books, Number(settings.covenants.dscrPeriodCount)),
    marginBps: Number(margin),
    breaches: [...books.breaches.values()],
    paymentCount: books.paymentCount,
    nextPaymentAt: isOver ? null : String(nextPaymentAt),
    lotIds: [...books.lotIds],
  };
}

interface Books {
  state: Facility["state"];
  periodStartAt: bigint;
  collections: bigint;
  reserve: bigint;
  trapped: bigint;
  feesPaid: bigint;
  paymentCount: number;
  /** By class: interest accrued up to the last payment date, unpaid. */
  interestDue: Map<number, bigint>;
  /** By payment date: net rent and debt service. */
  covers: { net: bigint; service: bigint }[];
  breaches: Map<string, Facility["breaches"][number]>;
  /** By interest period: the margin that was shown. */
  margins: Map<number, bigint>;
  lotIds: Set<string>;
}

interface StepArgs {
  step: { kind: string; subjectIndex: string };
  stepIndex: string;
  dueAssets: string;
  paidAssets: string;
}

/** A facility's ledger, as its events changed it one by one. */
async function booksOf(db: Db, address: string): Promise<Books> {
  const books: Books = {
    ...{ state: "Raising", periodStartAt: 0n, collections: 0n, reserve: 0n, feesPaid: 0n, paymentCount: 0 },
    ...{ trapped: 0n, covers: [], interestDue: new Map(), breaches: new Map(), margins: new Map() },
    lotIds: new Set(),
  };
  const { rows } = await db.query<{ name: string; args: Record<string, string> & StepArgs }>(
    `select name, args from events where address = $1 and name = any($2) order by block, log_index`,
    [address, Object.keys(BOOKINGS)],
  );
  for (const { name, args } of rows) BOOKINGS[name]?.(books, args);
  return books;
}

const BOOKINGS: Record<string, (books: Books, args: Record<string, string> & StepArgs) => void> = {
  FundingStarted(books, { startedAt = "" }) {
    books.state = "Funding";
    books.periodStartAt = BigInt(startedAt);
  },
  RefundingStarted(books) {
    books.state = "Refunding";
    books.collections = 0n; // the sponsor's claim
  },
  PerformingStarted(books, { reserveAssets = "" }) {
    books.state = "Performing";
    books.reserve = BigInt(reserveAssets);
  },
  ClassScheduled(books, { classIndex, interestDueAssets = "" }) {
    books.interestDue.set(Number(classIndex), BigInt(interestDueAssets));
  },
  Collected(books, { collectionsAssets = "" }) {
    books.collections = BigInt(collectionsAssets);
  },
  SurplusBooked(books, { collectionsAssets = "" }) {
    books.collections = BigInt(collectionsAssets);
  },
  StateChanged(books, { to }) {
    books.state = FACILITY_STATES[Number(to)] ?? books.state;
  },
  CoverTested(books, { netAssets = "", serviceAssets = "" }) {
    books.covers.push({ net: BigInt(netAssets), service: BigInt(serviceAssets) });
  },
  BreachOpened(books, { trigger, subjectId = "", openedAt = "" }) {
    const breach = { trigger: TRIGGERS[Number(trigger)] ?? "Dscr", subjectId, openedAt };
    books.breaches.set(`${trigger} ${subjectId}`, breach);
  },
  BreachCured(books, { trigger, subjectId }) {
    books.breaches.delete(`${trigger} ${subjectId}`);
  },
  MarginSet(books, { periodIndex, marginBps = "" }) {
    books.margins.set(Number(periodIndex), BigInt(marginBps));
  },
  StepPaid(books, { step, dueAssets, paidAssets }) {
    const paid = BigInt(paidAssets);
    const kind = STEP_KINDS[Number(step.kind)];
    if (kind === "Fee") books.feesPaid += paid;
    if (kind === "Interest") books.interestDue.set(Number(step.subjectIndex), BigInt(dueAssets) - paid);
  },
  PaymentMade(books, { dueAt = "", reserveAssets = "", trappedAssets = "" }) {
    books.collections = 0n;
    books.reserve = BigInt(reserveAssets);
    books.trapped = BigInt(trappedAssets);
    books.periodStartAt = BigInt(dueAt);
    books.paymentCount += 1;
  },
  ClassRedeemed(books, { classIndex }) {
    books.interestDue.set(Number(classIndex), 0n); // accrued to the holders
  },
  ClassWrittenOff(books, { classIndex }) {
    books.interestDue.set(Number(classIndex), 0n); // nobody will pay it
  },
  Pledged(books, { lotId = "" }) {
    books.lotIds.add(lotId);
  },
  Released(books, { lotId = "" }) {
    books.lotIds.delete(lotId);
  },
  LotPurchased(books, { lotId = "" }) {
    books.lotIds.delete(lotId);
  },
  LotSold(books, { lotId = "", collectionsAssets = "" }) {
    books.lotIds.delete(lotId);
    books.collections = BigInt(collectionsAssets);
  },
  LotRedeemed(books, { lotId = "" }) {
    books.lotIds.delete(lotId);
  },
  Redeemed(books, { collectionsAssets = "" }) {
    books.collections = BigInt(collectionsAssets);
  },
  FacilityClosed(books) {
    books.state = "Closed";
    books.interestDue.clear(); // what is left of it nobody will pay
  },
};

/** What measured efficiency adds to each coupon in the interest period under way. */
function marginOf({ margins, paymentCount }: Books, { ratchet }: Settings): bigint {
  if (paymentCount === 0) return 0n;
  return margins.get(paymentCount) ?? BigInt(ratchet.at(-1)?.marginBps ?? 0);
}

/** Debt service cover of the last payment dates that the covenants count; null before there are so many, or no debt. */
function dscrOf({ covers }: Books, periodCount: number): number | null {
  if (periodCount === 0 || covers.length < periodCount) return null;
  const last = covers.slice(-periodCount);
  const net = last.reduce((total, cover) => total + cover.net, 0n);
  const service = last.reduce((total, cover) => total + cover.service, 0n);
  if (service === 0n) return null;
  const dscrBps = (net * BPS) / service;
  return Number(dscrBps < MOST_BPS ? dscrBps : MOST_BPS);
}

/** By class: shares issued and not given back, one for each asset that was paid. */
async function principalOf(db: Db, address: string): Promise<Map<number, bigint>> {
  const { rows } = await db.query<{ classIndex: number; shares: bigint }>(
    `select (args ->> 'classIndex')::int4 "classIndex",
       sum(case name when 'Subscribed' then 1 else -1 end * (args ->> 'assets')::numeric) shares
     from events where address = $1 and name in ('Subscribed', 'Refunded') group by 1`,
    [address],
  );
  return new Map(rows.map(({ classIndex, shares }) => [classIndex, shares]));
}

interface Income {
  /** Interest and principal set aside for the holders, and the principal alone. */
  accrued: bigint;
  repaid: bigint;
  /** Principal written off. */
  lost: bigint;
  claimed: bigint;
}

const NO_INCOME: Income = { accrued: 0n, repaid: 0n, lost: 0n, claimed: 0n };

async function incomesOf(db: Db, tokens: readonly string[]): Promise<Map<string, Income>> {
  const { rows } = await db.query<Income & { address: string }>(
    `select address,
       coalesce(sum((args ->> 'interestAssets')::numeric + (args ->> 'principalAssets')::numeric), 0) accrued,
       coalesce(sum((args ->> 'principalAssets')::numeric), 0) repaid,
       coalesce(sum((args ->> 'lossAssets')::numeric), 0) lost,
       coalesce(sum((args ->> 'assets')::numeric) filter (where name = 'Claimed'), 0) claimed
     from events where address = any($1) and name in ('Accrued', 'LossAccrued', 'Claimed') group by address`,
    [tokens],
  );
  return new Map(rows.map((row) => [row.address, row]));
}

/** Payment dates, the newest first; undefined for an address that is no facility. */
export async function paymentsBefore(
  { db }: View,
  address: string,
  { limit, before }: PageBefore<bigint>,
): Promise<Payment[] | undefined> {
  const { rowCount } = await db.query(`${CREATED} and args ->> 'facility' = $1`, [address]);
  if (rowCount === 0) return undefined;
  const { rows } = await db.query<{
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
       and ($2::int8 is null or (p.args ->> 'paymentIndex')::int8 < $2)
     order by (p.args ->> 'paymentIndex')::int8 desc limit $3`,
    [address, before ?? null, limit],
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
