import type { Interface } from "ethers";
import { leastPrice } from "../../server/model/enforcement.ts";
import * as model from "../../server/model/facility.ts";
import { leftAfter } from "../../server/model/schedule.ts";
import { claimableAssets, writtenOffAssets, repaidAssets } from "../../server/model/shares.ts";

import { FACILITY_STATES, TRIGGERS } from "../../server/protocol/deal.ts";
import { LOTS } from "./facilityPlayer.ts";
import type { PaymentDate } from "../../server/model/payment.ts";
import { valueOf, type Value } from "./stage.ts";

// Every balance of a facility that is compared, and where the contracts show it.

export interface Watched {
  readonly facility: model.Facility;
  readonly address: string;
  readonly calls: Interface;
  readonly tokens: readonly string[];
  readonly tokenCalls: Interface;
  /** Holders by the name the model knows them by. */
  readonly holders: ReadonlyMap<string, string>;
  readonly payees: ReadonlyMap<string, string>;
  /** The time of the step that is compared. */
  readonly nowAt: () => bigint;
}

export type Trigger = (typeof TRIGGERS)[number];

/** A trigger by its place. */
export function placeOf(trigger: Trigger): number {
  return TRIGGERS.indexOf(trigger);
}

export function watched(of: Watched): Value[] {
  return [...ledgerOf(of), ...breachesOf(of), ...of.tokens.flatMap((_, index) => classOf(of, index)), ...payeesOf(of)];
}

function ledgerOf({ facility, address, calls }: Watched): Value[] {
  const shows = (name: string, modelled: () => bigint) => valueOf(name, address, calls, name, [], modelled);
  // The payment of the close is counted like a date's.
  const nextIndex = () => facility.nextIndex + (facility.state === "Closed" ? 1 : 0);
  return [
    shows("state", () => BigInt(FACILITY_STATES.indexOf(facility.state))),
    shows("escrowAssets", () => facility.escrowAssets),
    shows("collectionsAssets", () => facility.collectionsAssets),
    shows("reserveAssets", () => facility.reserveAssets),
    shows("trappedAssets", () => facility.trappedAssets),
    shows("cashAssets", () => facility.escrowAssets + model.cashAssets(facility)),
    shows("periodRentAssets", () => facility.periodRentAssets),
    shows("paymentCount", () => BigInt(nextIndex())),
    shows("feesPaidAssets", () => facility.fees.reduce((sum, fee) => sum + fee.paidAssets, 0n)),
    shows("lotCount", () => BigInt(facility.lots.size)),
    ...facility.fees.map((fee, index) =>
      // Four words of terms and one of what is due, after the offset and the length of the list.
      valueOf(`fee ${index} due`, address, calls, "fees", [], () => fee.dueAssets, 2 + 5 * index + 4),
    ),
    shows("nextPaymentAt", () => model.paymentAt(facility, nextIndex())),
  ];
}

/** The least price of each lot, once all is drawn. */
export function watchedLots({ facility, address, calls, nowAt }: Watched, asset: string): Value[] {
  return LOTS.map((lotId) =>
    valueOf(`lot ${lotId} least price`, address, calls, "releaseAssets", [lotId, asset], () =>
      leastPrice(facility, nowAt(), lotId),
    ),
  ).map(seldom);
}

/** Net and service of a date that was run. */
export function watchedCover({ address, calls }: Pick<Watched, "address" | "calls">, date: PaymentDate): Value[] {
  const word = (name: string, at: number, modelled: bigint) =>
    seldom(valueOf(`${name} of date ${date.index}`, address, calls, "coverAt", [date.index], () => modelled, at));
  return [word("net", 0, date.netAssets), word("service", 1, date.serviceAssets)];
}

function breachesOf({ facility, address, calls }: Watched): Value[] {
  const { breaches } = facility;
  const opened = (trigger: Trigger, subject: string, modelled: () => bigint) =>
    valueOf(`${trigger} ${subject} breach`, address, calls, "breachedAt", [placeOf(trigger), subject], modelled);
  const count = () =>
    BigInt(Number(breaches.isDscrOpen) + Number(breaches.ltvAt > 0n) + breaches.coverage.size + breaches.country.size);
  return [
    valueOf("breachCount", address, calls, "breachCount", [], count),
    opened("Ltv", "0", () => breaches.ltvAt),
    ...LOTS.flatMap((lotId) => [
      opened("Coverage", lotId, () => breaches.coverage.get(lotId) ?? 0n),
      opened("Country", lotId, () => breaches.country.get(lotId) ?? 0n),
    ]).map(seldom),
  ];
}

function classOf(of: Watched, index: number): Value[] {
  const { facility, address, calls, tokens, tokenCalls, nowAt } = of;
  const book = facility.classes[index]!;
  const token = tokens[index]!;
  const name = (text: string) => `class ${index} ${text}`;
  // The words of classAt after its offset; one of them is the offset of the terms.
  const word = (text: string, at: number, modelled: () => bigint) =>
    valueOf(name(text), address, calls, "classAt", [index], modelled, at + 1);
  const shows = (text: string, modelled: () => bigint) => valueOf(name(text), address, calls, text, [index], modelled);
  const ofToken = (text: string, args: unknown[], modelled: () => bigint) =>
    valueOf(name(`${text} ${String(args)}`), token, tokenCalls, text, args, modelled);
  const isSenior = book.terms.kind === "Senior";
  return [
    word("missedAt", 1, () => book.missedAt),
    word("raised", 3, () => book.raisedAssets),
    word("outstanding", 5, () => book.outstandingAssets),
    ...(isSenior
      ? [
          word("scheduled", 6, () => leftAfter(book.schedule, facility.nextIndex - 1)),
          word("level payment", 7, () => book.schedule.levelPaymentAssets),
          word("balloon", 8, () => book.schedule.balloonAssets),
          shows("accruedAssets", () => book.interestDueAssets + model.accruedAssets(facility, index, nowAt())),
        ]
      : []),
    word("interest due", 9, () => book.interestDueAssets),
    valueOf(name("unclaimed"), address, calls, "unclaimedAssets", [token], () => book.unclaimedAssets),
    ofToken("interestPerShareRay", [], () => book.shares.interestRay),
    ofToken("principalPerShareRay", [], () => book.shares.principalRay),
    ofToken("lossPerShareRay", [], () => book.shares.lossRay),
    seldom(ofToken("totalSupply", [], () => book.shares.supply)),
    ...[...of.holders].flatMap(([holder, account]) => [
      ofToken("claimableAssets", [account], () => claimableAssets(book.shares, holder)),
      ...[
        ofToken("balanceOf", [account], () => book.shares.holders.get(holder)?.shares ?? 0n),
        ofToken("repaidAssets", [account], () => repaidAssets(book.shares, holder)),
        ofToken("writtenOffAssets", [account], () => writtenOffAssets(book.shares, holder)),
      ].map(seldom),
    ]),
  ];
}

function payeesOf({ facility, address, calls, payees }: Watched): Value[] {
  return [...payees].map(([payee, account]) =>
    valueOf(`${payee} may withdraw`, address, calls, "claimableAssets", [account], () => {
      return facility.claimableAssets.get(payee) ?? 0n;
    }),
  );
}

function seldom(one: Value): Value {
  return { ...one, isSeldom: true };
}
