import type { Facility } from "../protocol/api.ts";
import { FACILITY_STATES, STEP_KINDS, TRIGGERS } from "../protocol/deal.ts";
import type { View } from "./events.ts";

// A facility's ledger, as its events changed it one by one.

/** What a facility's events leave of its ledger. */
export interface Books {
  state: Facility["state"];
  periodStartAt: bigint;
  /** Raised and not drawn, and what was drawn. */
  escrow: bigint;
  drawn: bigint;
  collections: bigint;
  reserve: bigint;
  trapped: bigint;
  feesPaid: bigint;
  paymentCount: number;
  /** By class: interest accrued up to the last payment date, unpaid. */
  interestDue: Map<number, bigint>;
  /** By class: raised and given back undrawn. */
  returned: Map<number, bigint>;
  /** By class: the payment date whose interest it waits for. */
  missedAt: Map<number, string>;
  /** By payment date: net rent and debt service. */
  covers: { net: bigint; service: bigint }[];
  breaches: Map<string, Facility["breaches"][number]>;
  /** By interest period: the margin that was shown. */
  margins: Map<number, bigint>;
  lotIds: Set<string>;
}

/** A step of a payment, as its event has it. */
export interface StepArgs {
  step: { kind: string; subjectIndex: string };
  stepIndex: string;
  dueAssets: string;
  paidAssets: string;
}

/** The ledger as it stands at the head. */
export async function booksOf({ db, head }: View, address: string): Promise<Books> {
  const books: Books = {
    ...{ state: "Raising", periodStartAt: 0n, collections: 0n, reserve: 0n, feesPaid: 0n, paymentCount: 0 },
    ...{ escrow: 0n, drawn: 0n, trapped: 0n, covers: [], interestDue: new Map(), missedAt: new Map() },
    ...{ returned: new Map() },
    ...{ breaches: new Map(), margins: new Map(), lotIds: new Set() },
  };
  const { rows } = await db.query<{ name: string; args: Record<string, string> & StepArgs }>(
    `select name, args from events where address = $1 and name = any($2) and block <= $3
     order by block, log_index`,
    [address, Object.keys(BOOKINGS), head.number],
  );
  for (const { name, args } of rows) BOOKINGS[name]?.(books, args);
  return books;
}

const BOOKINGS: Record<string, (books: Books, args: Record<string, string> & StepArgs) => void> = {
  Subscribed(books, { assets = "" }) {
    books.escrow += BigInt(assets);
  },
  Refunded(books, { assets = "" }) {
    books.escrow -= BigInt(assets);
  },
  Drawn(books, { assets = "", escrowAssets = "" }) {
    books.drawn += BigInt(assets);
    books.escrow = BigInt(escrowAssets);
  },
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
    books.escrow = 0n;
    books.reserve = BigInt(reserveAssets);
  },
  ClassScheduled(books, { classIndex, returnedAssets = "", interestDueAssets = "" }) {
    books.returned.set(Number(classIndex), BigInt(returnedAssets));
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
  InterestMissed(books, { classIndex, missedAt = "" }) {
    if (missedAt === "0") books.missedAt.delete(Number(classIndex));
    else books.missedAt.set(Number(classIndex), missedAt);
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
    books.missedAt.delete(Number(classIndex));
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
