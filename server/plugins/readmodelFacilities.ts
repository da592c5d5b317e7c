import type { Facility } from "../protocol/api.ts";
import type { FacilityClass } from "../protocol/apiFacilities.ts";
import { countryText } from "../protocol/bytes.ts";
import { DAY_COUNTS, addMonths, interestAssets, periodInterestAssets } from "../protocol/calendar.ts";
import { LIVE_STATES, PRINCIPAL_KINDS } from "../protocol/deal.ts";
import { BPS, WAD } from "../protocol/units.ts";
import type { PageAfter } from "../pages.ts";
import { inTurn, type View } from "./events.ts";
import { CREATED, createdAt, nameOf, type Created, type Settings } from "./readmodelDeals.ts";
import { booksOf, type Books } from "./readmodelBooks.ts";
import { concentrationsOf, NO_HOLDERS } from "./readmodelHolders.ts";
import { lotsWith } from "./readmodelLots.ts";
import { incomesOf, NO_INCOME, principalOf } from "./readmodelIncome.ts";
import { relatedPartyBps } from "./readmodelCash.ts";
import { coverageBpsOf } from "./readmodelTelemetry.ts";
import type { Tokens } from "./tokens.ts";

// Facilities, out of events.

const MOST_BPS = 0xffff_ffffn; // of the API

/** Facilities by address. */
export async function facilitiesAfter(
  view: View,
  tokens: Tokens,
  { limit, after }: PageAfter<string>,
): Promise<Facility[]> {
  const { rows } = await view.db.query<Created>(
    `${CREATED} and lower(args ->> 'facility') collate "C" > lower($1) and block <= $3
     order by lower(args ->> 'facility') collate "C" limit $2`,
    [after ?? "", limit, view.head.number],
  );
  return await inTurn(rows, (created) => facilityOf(view, tokens, created));
}

export async function facilityAt(view: View, tokens: Tokens, address: string): Promise<Facility | undefined> {
  const created = await createdAt(view, address);
  return created === undefined ? undefined : await facilityOf(view, tokens, created);
}

async function facilityOf(view: View, tokens: Tokens, created: Created): Promise<Facility> {
  const { address, settings } = created;
  const books = await booksOf(view, address);
  const asset = await tokens.factsOf(settings.asset, view.head);
  const lots = await lotsWith(view, [...books.lotIds]);
  const margin = marginOf(books, settings);
  const isOver = books.state === "Closed" || books.state === "Refunding";
  return {
    ...{ address, name: nameOf(settings.classes.map(({ name }) => name)), state: books.state, asset: settings.asset },
    ...{ assetSymbol: asset.symbol, assetDecimalCount: asset.decimalCount, sponsor: settings.sponsor },
    createdAt: String(created.createdAt),
    ...{ raiseUntilAt: settings.raiseUntilAt, firstPaymentAt: settings.firstPaymentAt },
    anticipatedRepaymentAt: timeOrNull(settings.anticipatedRepaymentAt),
    callableAt: timeOrNull(settings.callableAt),
    escrowAssets: String(books.escrow),
    drawnAssets: String(books.drawn),
    collectionsAssets: String(books.collections),
    reserveAssets: String(books.reserve),
    reserveTargetAssets: settings.reserveTargetAssets,
    trappedAssets: String(books.trapped),
    feesPaidAssets: String(books.feesPaid),
    dscrBps: dscrOf(books, Number(settings.covenants.dscrPeriodCount)),
    marginBps: Number(margin),
    coverageBps: await coverageBpsOf(view, [...books.lotIds]),
    relatedPartyBps: await relatedPartyBps(view, address, settings.asset),
    evidenceClass: lots.length === 0 ? null : Math.min(...lots.map(({ evidenceClass }) => evidenceClass)),
    gpuCount: String(lots.reduce((sum, { gpuCount }) => sum + gpuCount, 0)),
    covenants: covenantsOf(settings),
    ratchet: settings.ratchet.map((row) => ({ maxPueE4: Number(row.maxPueE4), marginBps: Number(row.marginBps) })),
    breaches: [...books.breaches.values()],
    paymentCount: books.paymentCount,
    nextPaymentAt: isOver ? null : String(nextPaymentAt(settings, books)),
    classes: await classesOf(view, created, books, margin),
    lotIds: [...books.lotIds],
  };
}

async function classesOf(
  view: View,
  { address, tokens, settings }: Created,
  books: Books,
  margin: bigint,
): Promise<FacilityClass[]> {
  const raised = await principalOf(view, address);
  const incomes = await incomesOf(view, tokens);
  const concentrations = await concentrationsOf(view, tokens);
  return settings.classes.map(({ name, symbol, terms }, classIndex) => {
    const token = tokens[classIndex] ?? "";
    const isResidual = classIndex + 1 === tokens.length;
    const shares = raised.get(classIndex) ?? 0n;
    const { interest, repaid, lost, claimed } = incomes.get(token) ?? NO_INCOME;
    const outstanding = shares - repaid - lost;
    const due = books.interestDue.get(classIndex) ?? 0n;
    const owed = outstanding + due + accruedOf(view, settings, books, { classIndex, outstanding, margin });
    return {
      ...{ classIndex, token, name, symbol },
      kind: terms.kind === "0" ? ("Senior" as const) : ("Residual" as const),
      principalKind: PRINCIPAL_KINDS[Number(terms.principalKind)] ?? "Sequential",
      dayCount: DAY_COUNTS[Number(terms.dayCount)] ?? "Thirty360",
      couponBps: Number(terms.couponBps),
      termMonthCount: Number(terms.termMonthCount),
      targetAssets: terms.targetAssets,
      totalShares: String(shares),
      outstandingAssets: String(outstanding),
      poolFactorWad: String(shares === 0n ? 0n : (outstanding * WAD) / shares),
      // The residual is owed nothing certain.
      owedAssets: String(isResidual ? 0n : owed),
      interestDueAssets: String(due),
      missedAt: books.missedAt.get(classIndex) ?? null,
      interestPaidAssets: String(interest),
      principalPaidAssets: String(repaid),
      claimableAssets: String(interest + repaid - claimed),
      claimedAssets: String(claimed),
      lossAssets: String(lost),
      ...(concentrations.get(token) ?? NO_HOLDERS),
    };
  });
}

/** Interest of a class from the last payment date to the head. */
function accruedOf(
  { head }: View,
  settings: Settings,
  books: Books,
  of: { classIndex: number; outstanding: bigint; margin: bigint },
): bigint {
  if (!LIVE_STATES.includes(books.state) || head.time <= books.periodStartAt) return 0n;
  const { couponBps, dayCount } = settings.classes[of.classIndex]!.terms;
  const counted = DAY_COUNTS[Number(dayCount)] ?? "Thirty360";
  const [fromAt, toAt] = [books.periodStartAt, head.time];
  if (books.paymentCount === 0) return interestAssets(of.outstanding, BigInt(couponBps), counted, fromAt, toAt);
  const nextAt = nextPaymentAt(settings, books);
  return periodInterestAssets(of.outstanding, BigInt(couponBps) + of.margin, counted, fromAt, nextAt, toAt);
}

function nextPaymentAt({ firstPaymentAt }: Settings, { paymentCount }: Books): bigint {
  return addMonths(BigInt(firstPaymentAt), paymentCount);
}

function covenantsOf({ covenants }: Settings): Facility["covenants"] {
  const { countries, ...numbers } = covenants;
  return {
    ...(Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)])) as Omit<
      Facility["covenants"],
      "countries"
    >),
    countries: countries.map(countryText),
  };
}

function timeOrNull(at: string): string | null {
  return at === "0" ? null : at;
}

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
