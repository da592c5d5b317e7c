import { FACILITY_STATES, TRIGGERS } from "../protocol/deal.ts";
import { Refusal } from "../protocol/refusal.ts";
import { payLast, redeem, writeOff } from "./enforcement.ts";
import * as model from "./facility.ts";
import { distribute, moveTrap, type PaymentDate } from "./payment.ts";
import { stepOf, termsOf, type SettingsJson } from "./settings.ts";
import type { State, Step } from "./types.ts";

// A facility's whole life played once more by the model, from its events: what came in and what was shown is taken from
// the chain, what was due and paid is computed here and set beside what the chain says of it.

/** An event of a facility, of one of its class tokens, or of its creation. Integers as decimal text. */
export interface FacilityEvent {
  readonly contract: string;
  readonly name: string;
  readonly address: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly blockAt: string;
  readonly transactionHash: string;
}

/** One figure as the model computes it, and as the chain has it. */
export interface Beside<T extends string | bigint = bigint> {
  readonly name: string;
  readonly modelled: T;
  readonly onChain: T;
}

/** One line of a payment date's list. */
export interface ReplayedStep {
  readonly step: Step;
  readonly due: Beside;
  readonly paid: Beside;
}

/** A payment date as it was computed here, beside the chain's. */
export interface ReplayedDate {
  readonly index: number;
  /** `close`: the payment with which a facility ends. */
  readonly kind: "date" | "close";
  readonly dueAt: bigint;
  readonly transactionHash: string;
  /** Collections, reserve and trap that the date paid out of. */
  readonly cashAssets: bigint;
  readonly steps: readonly ReplayedStep[];
  readonly figures: readonly Beside[];
  /** The list of steps and the state are the chain's. */
  readonly isSameList: boolean;
  readonly state: Beside<string>;
  readonly differenceCount: number;
}

export interface Replay {
  readonly facility: model.Facility;
  readonly settings: SettingsJson;
  readonly tokens: readonly string[];
  readonly dates: readonly ReplayedDate[];
  /** Of the dates and of what the start fixed. */
  readonly differenceCount: number;
}

interface Shown {
  readonly stepIndex: number;
  readonly step: Step;
  readonly dueAssets: bigint;
  readonly paidAssets: bigint;
}

interface Play {
  readonly facility: model.Facility;
  readonly sponsor: string;
  readonly tokens: readonly string[];
  readonly dates: ReplayedDate[];
  readonly lotCosts: Map<string, bigint>;
  /** The chain's, by its own word. */
  state: State;
  isDscrOpen: boolean;
  cover: { readonly netAssets: bigint; readonly serviceAssets: bigint } | undefined;
  /** A date's run, until the chain has told all of it. */
  run: PaymentDate | undefined;
  cashAssets: bigint;
  shown: Shown[];
  startDifferenceCount: number;
}

/** Replays a facility; the events are in the order of the chain, its creation first. */
export function replay(events: readonly FacilityEvent[]): Replay {
  const [created, ...rest] = events;
  if (created?.name !== "FacilityCreated") throw new Refusal("Replay_NoCreation", { name: created?.name ?? "none" });
  const { settings, classTokens } = created.args as { settings: SettingsJson; classTokens: string[] };
  const play: Play = {
    ...{ facility: model.openFacility(termsOf(settings)), sponsor: settings.sponsor, tokens: classTokens },
    ...{ dates: [], lotCosts: new Map(), state: "Raising", isDscrOpen: false, cover: undefined, run: undefined },
    ...{ cashAssets: 0n, shown: [], startDifferenceCount: 0 },
  };
  for (const event of rest) MOVES[event.name]?.(play, event);
  const { facility, dates } = play;
  const differenceCount = dates.reduce((sum, date) => sum + date.differenceCount, play.startDifferenceCount);
  return { facility, settings, tokens: classTokens, dates, differenceCount };
}

/** All that a facility holds for somebody: escrow, cash, what payees and holders may claim. */
export function ledgerOf(facility: model.Facility): Record<LedgerPart, bigint> {
  return {
    escrow: facility.escrowAssets,
    collections: facility.collectionsAssets,
    reserve: facility.reserveAssets,
    trapped: facility.trappedAssets,
    payees: [...facility.claimableAssets.values()].reduce((sum, assets) => sum + assets, 0n),
    holders: facility.classes.reduce((sum, { unclaimedAssets }) => sum + unclaimedAssets, 0n),
  };
}

export type LedgerPart = "escrow" | "collections" | "reserve" | "trapped" | "payees" | "holders";

function textOf({ args, name: event }: FacilityEvent, name: string): string {
  const value = args[name];
  if (typeof value !== "string") throw new Refusal("Replay_NoArgument", { event, name });
  return value;
}

function amountOf(event: FacilityEvent, name: string): bigint {
  return BigInt(textOf(event, name));
}

function indexOf(event: FacilityEvent, name: string): number {
  return Number(textOf(event, name));
}

const MOVES: Record<string, (play: Play, event: FacilityEvent) => void> = {
  Subscribed({ facility }, event) {
    model.subscribe(facility, indexOf(event, "classIndex"), textOf(event, "account"), amountOf(event, "assets"));
  },
  FundingStarted(play, event) {
    play.state = "Funding";
    model.startFunding(play.facility, amountOf(event, "startedAt"));
  },
  RefundingStarted(play, event) {
    play.state = play.facility.state = "Refunding";
    play.facility.collectionsAssets = 0n;
    model.credit(play.facility, play.sponsor, amountOf(event, "surplusAssets"));
  },
  Refunded({ facility }, event) {
    const assets = amountOf(event, "assets");
    facility.classes[indexOf(event, "classIndex")]!.outstandingAssets -= assets;
    facility.escrowAssets -= assets;
  },
  Pledged({ lotCosts }, event) {
    lotCosts.set(textOf(event, "lotId"), amountOf(event, "costAssets"));
  },
  Drawn({ facility, lotCosts, sponsor }, event) {
    const [lotId, assets] = [textOf(event, "lotId"), amountOf(event, "assets")];
    model.draw(facility, lotId, lotCosts.get(lotId) ?? 0n, assets);
    model.credit(facility, sponsor, assets);
  },
  Refinanced({ facility, sponsor }, event) {
    // Each draw was credited to the sponsor; of all of them the price went to the facility that was redeemed.
    model.credit(facility, sponsor, -amountOf(event, "priceAssets"));
  },
  PerformingStarted(play, event) {
    play.state = "Performing";
    model.startPerforming(play.facility, amountOf(event, "startedAt"));
    if (play.facility.reserveAssets !== amountOf(event, "reserveAssets")) play.startDifferenceCount++;
  },
  ClassScheduled(play, event) {
    const { schedule, interestDueAssets, principalPaidAssets } = play.facility.classes[indexOf(event, "classIndex")]!;
    const beside: [bigint, bigint][] = [
      [schedule.levelPaymentAssets, amountOf(event, "levelPaymentAssets")],
      [interestDueAssets, amountOf(event, "interestDueAssets")],
      [principalPaidAssets, amountOf(event, "returnedAssets")],
    ];
    play.startDifferenceCount += beside.filter(([modelled, onChain]) => modelled !== onChain).length;
  },
  Collected({ facility }, event) {
    const rentAssets = amountOf(event, "rentAssets");
    model.collect(facility, rentAssets);
    model.bookSale(facility, amountOf(event, "assets") - rentAssets);
  },
  SurplusBooked({ facility }, event) {
    model.bookProceeds(facility, amountOf(event, "assets"));
  },
  LotSold({ facility }, event) {
    model.bookProceeds(facility, amountOf(event, "priceAssets"));
    facility.lots.delete(textOf(event, "lotId"));
  },
  Released({ facility }, event) {
    facility.lots.delete(textOf(event, "lotId"));
  },
  LotPurchased({ facility }, event) {
    facility.lots.delete(textOf(event, "lotId"));
  },
  Redeemed({ facility }, event) {
    redeem(facility, BigInt(event.blockAt), amountOf(event, "priceAssets"));
  },
  Withdrawn({ facility }, event) {
    const account = textOf(event, "account");
    model.credit(facility, account, -amountOf(event, "assets"));
  },
  Claimed({ facility, tokens }, event) {
    const book = facility.classes[tokens.indexOf(event.address)];
    if (book !== undefined) book.unclaimedAssets -= amountOf(event, "assets");
  },
  MarginSet({ facility }, event) {
    facility.shownMarginBps = amountOf(event, "marginBps");
  },
  StateChanged(play, event) {
    play.state = FACILITY_STATES[indexOf(event, "to")] ?? play.state;
  },
  BreachOpened(play, event) {
    setBreach(play, event, amountOf(event, "openedAt"));
  },
  BreachCured(play, event) {
    setBreach(play, event, 0n);
  },
  AmortisationDeclared({ facility }) {
    facility.state = "EarlyAmortisation";
  },
  DefaultDeclared({ facility }) {
    facility.state = "Enforcement";
  },
  CoverTested(play, event) {
    play.cover = { netAssets: amountOf(event, "netAssets"), serviceAssets: amountOf(event, "serviceAssets") };
    play.cashAssets = model.cashAssets(play.facility);
    play.run = distribute(play.facility);
  },
  StepPaid({ shown }, event) {
    shown.push({
      stepIndex: indexOf(event, "stepIndex"),
      step: stepOf(event.args["step"] as { kind: string; subjectIndex: string }),
      dueAssets: amountOf(event, "dueAssets"),
      paidAssets: amountOf(event, "paidAssets"),
    });
  },
  PaymentMade: compare,
  FacilityClosed(play) {
    play.state = play.facility.state = "Closed";
    writeOff(play.facility);
  },
};

/** A breach that somebody showed; cover is tested by the model itself. */
function setBreach(play: Play, event: FacilityEvent, openedAt: bigint): void {
  const { breaches } = play.facility;
  const trigger = TRIGGERS[indexOf(event, "trigger")];
  if (trigger === "Dscr") play.isDscrOpen = openedAt !== 0n;
  else if (trigger === "Ltv") breaches.ltvAt = openedAt;
  else if (trigger === "Coverage" || trigger === "Country") {
    const open = trigger === "Coverage" ? breaches.coverage : breaches.country;
    if (openedAt === 0n) open.delete(textOf(event, "subjectId"));
    else open.set(textOf(event, "subjectId"), openedAt);
  }
  if (trigger !== "Dscr") moveTrap(play.facility);
}

/** The chain has told all of a payment: sets what the model computed beside it. */
function compare(play: Play, event: FacilityEvent): void {
  const { facility, run, cover, shown } = play;
  const dueAt = amountOf(event, "dueAt");
  // The payment of a close tests no cover.
  const isClose = run === undefined;
  if (isClose) play.cashAssets = model.cashAssets(facility);
  const done = run ?? payLast(facility, BigInt(event.blockAt));
  const steps = done.steps.map((step, at): ReplayedStep => {
    const said = shown[at];
    const paidAssets = done.paidAssets[at]!;
    // What takes all there is says it was due what it got.
    const isAll = step.kind === "Residual" || step.kind === "Trap";
    const dueAssets = isAll ? paidAssets : done.dueAssets[at]!;
    return {
      step,
      due: { name: "dueAssets", modelled: dueAssets, onChain: said?.dueAssets ?? 0n },
      paid: { name: "paidAssets", modelled: paidAssets, onChain: said?.paidAssets ?? 0n },
    };
  });
  const isSameList =
    shown.length === steps.length &&
    steps.every(({ step }, at) => {
      const said = shown[at]!;
      return said.stepIndex === at && said.step.kind === step.kind && said.step.subjectIndex === step.subjectIndex;
    });
  const figures: Beside[] = [
    { name: "reserveAssets", modelled: facility.reserveAssets, onChain: amountOf(event, "reserveAssets") },
    { name: "trappedAssets", modelled: facility.trappedAssets, onChain: amountOf(event, "trappedAssets") },
  ];
  if (run !== undefined) {
    figures.unshift(
      { name: "dueAt", modelled: run.dueAt, onChain: dueAt },
      { name: "netAssets", modelled: run.netAssets, onChain: cover?.netAssets ?? 0n },
      { name: "serviceAssets", modelled: run.serviceAssets, onChain: cover?.serviceAssets ?? 0n },
    );
    const [modelled, onChain] = [facility.breaches.isDscrOpen, play.isDscrOpen].map((isOpen) => BigInt(isOpen));
    figures.push({ name: "dscrBreach", modelled: modelled!, onChain: onChain! });
  }
  const state = { name: "state", modelled: facility.state, onChain: play.state };
  const besides = [...figures, ...steps.flatMap(({ due, paid }) => [due, paid])];
  const unequalCount = besides.filter(({ modelled, onChain }) => modelled !== onChain).length;
  play.dates.push({
    ...{ index: indexOf(event, "paymentIndex"), kind: isClose ? "close" : "date", dueAt, steps, figures, isSameList },
    ...{ state, cashAssets: play.cashAssets, transactionHash: event.transactionHash },
    differenceCount: unequalCount + Number(!isSameList) + Number(state.modelled !== state.onChain),
  });
  [play.run, play.cover, play.shown] = [undefined, undefined, []];
}
