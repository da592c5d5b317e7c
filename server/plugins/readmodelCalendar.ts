import type { CalendarDate, ClassDate } from "../protocol/apiFacilities.ts";
import { addMonths } from "../protocol/calendar.ts";
import { expectedDates, isScheduled, type ExpectedDate, type Standing } from "../model/outlook.ts";
import { leftAfter, scheduleOf } from "../model/schedule.ts";
import { classTermsOf } from "../model/settings.ts";
import type { View } from "./events.ts";
import { booksOf, type Books, type StepArgs } from "./readmodelBooks.ts";
import { createdAt, type Created } from "./readmodelDeals.ts";
import { principalOf, repaidOf } from "./readmodelIncome.ts";

// The payment dates of a facility: those that were run, out of events, and those to come, by the schedules.

/** States in which a date repays what the schedules say. */
const SCHEDULED_STATES: readonly string[] = ["Raising", "Funding", "Performing", "CashTrap"];

/** Each class before the next payment date; while money is raised, as if all of the target came in. */
export async function standingsOf(
  view: View,
  { address, tokens, settings }: Created,
  books: Books,
): Promise<Standing[]> {
  const raised = await principalOf(view, address);
  const repaid = await repaidOf(view, tokens);
  const lastMargin = BigInt(settings.ratchet.at(-1)?.marginBps ?? 0);
  return settings.classes.map((each, classIndex) => {
    const terms = classTermsOf(each.terms);
    const issued = books.state === "Raising" ? terms.targetAssets : (raised.get(classIndex) ?? 0n);
    return {
      terms,
      schedule: scheduleOf(terms, issued - (books.returned.get(classIndex) ?? 0n)),
      outstandingAssets: issued - (repaid.get(tokens[classIndex] ?? "") ?? 0n),
      interestDueAssets: books.interestDue.get(classIndex) ?? 0n,
      nextIndex: books.paymentCount,
      periodStartAt: books.state === "Raising" ? BigInt(settings.raiseUntilAt) : books.periodStartAt,
      firstPaymentAt: BigInt(settings.firstPaymentAt),
      marginBpsOf: (index) => (index === 0 ? 0n : (books.margins.get(index) ?? lastMargin)),
    };
  });
}

/** All payment dates, the first one first; undefined for an address that is no facility. */
export async function calendarOf(view: View, address: string): Promise<CalendarDate[] | undefined> {
  const created = await createdAt(view, address);
  if (created === undefined) return undefined;
  const books = await booksOf(view, address);
  const standings = await standingsOf(view, created, books);
  const paid = await paidDates(view, created, standings);
  return [...paid, ...datesToCome(view, books, standings)];
}

interface PaidRow {
  paymentIndex: string;
  dueAt: string;
  paidAt: bigint;
  transactionHash: string;
  steps: StepArgs[];
  accrued: { token: string; interestAssets: string; principalAssets: string }[];
}

async function paidDates(
  { db, head }: View,
  { address, tokens }: Created,
  standings: readonly Standing[],
): Promise<CalendarDate[]> {
  const { rows } = await db.query<PaidRow>(
    `select p.args ->> 'paymentIndex' "paymentIndex", p.args ->> 'dueAt' "dueAt", b.time "paidAt",
       p.tx_hash "transactionHash",
       (select json_agg(s.args order by s.log_index) from events s where s.contract = 'facility' and s.address = p.address
          and s.name = 'StepPaid' and s.args ->> 'paymentIndex' = p.args ->> 'paymentIndex') steps,
       (select coalesce(json_agg(a.args || jsonb_build_object('token', a.address)), '[]') from events a
          where a.block = p.block and a.tx_hash = p.tx_hash and a.name = 'Accrued' and a.address = any($2)) accrued
     from events p join blocks b on b.number = p.block
     where p.contract = 'facility' and p.address = $1 and p.name = 'PaymentMade' and p.block <= $3
     order by (p.args ->> 'paymentIndex')::int8`,
    [address, tokens, head.number],
  );
  return rows.map(({ paymentIndex, dueAt, paidAt, transactionHash, steps, accrued }) => ({
    ...{ paymentIndex, dueAt, state: "Paid", paidAt: String(paidAt), transactionHash },
    classes: tokens.map((token, classIndex) => {
      const sum = (field: "interestAssets" | "principalAssets") =>
        accrued.filter((each) => each.token === token).reduce((total, each) => total + BigInt(each[field]), 0n);
      const due = (kinds: string[]) =>
        steps
          .filter(({ step }) => kinds.includes(step.kind) && Number(step.subjectIndex) === classIndex)
          .reduce((total, { dueAssets }) => total + BigInt(dueAssets), 0n);
      const { terms, schedule } = standings[classIndex]!;
      const isSenior = terms.kind === "Senior";
      return {
        classIndex,
        interestDueAssets: isSenior ? String(due([INTEREST])) : null,
        interestPaidAssets: String(sum("interestAssets")),
        principalDueAssets: isSenior ? String(due([PRINCIPAL, TURBO])) : null,
        principalPaidAssets: String(sum("principalAssets")),
        leftAssets: isScheduled(terms) ? String(leftAfter(schedule, Number(paymentIndex))) : null,
      };
    }),
  }));
}

// Steps by their place in the contracts' own list (protocol/deal.ts).
const [INTEREST, PRINCIPAL, TURBO] = ["1", "3", "4"] as const;

function datesToCome({ head }: View, books: Books, standings: readonly Standing[]): CalendarDate[] {
  if (books.state === "Closed" || books.state === "Refunding") return [];
  const isByPlan = SCHEDULED_STATES.includes(books.state);
  const expected = standings.map((standing) =>
    isByPlan && isScheduled(standing.terms) ? new Map(expectedDates(standing).map((date) => [date.index, date])) : null,
  );
  const counts = expected.flatMap((dates) => (dates === null ? [] : [...dates.keys()]));
  const last = Math.max(books.paymentCount, ...counts);
  const firstPaymentAt = standings[0]!.firstPaymentAt;
  return Array.from({ length: last - books.paymentCount + 1 }, (_, place) => {
    const index = books.paymentCount + place;
    const dueAt = addMonths(firstPaymentAt, index);
    return {
      ...{ paymentIndex: String(index), dueAt: String(dueAt), paidAt: null, transactionHash: null },
      state: dueAt <= head.time ? "Due" : "Scheduled",
      classes: expected.map((dates, classIndex) => dateToCome(classIndex, dates, index)),
    };
  });
}

function dateToCome(classIndex: number, dates: ReadonlyMap<number, ExpectedDate> | null, index: number): ClassDate {
  const date = dates?.get(index);
  const none = dates === null ? null : "0"; // repaid before
  return {
    classIndex,
    interestDueAssets: date === undefined ? none : String(date.interestAssets),
    interestPaidAssets: "0",
    principalDueAssets: date === undefined ? none : String(date.principalAssets),
    principalPaidAssets: "0",
    leftAssets: date === undefined ? none : String(date.leftAssets),
  };
}
