import * as model from "../../server/model/facility.ts";
import { distribute } from "../../server/model/payment.ts";
import { claim, claimableAssets, transfer } from "../../server/model/shares.ts";
import { PAYEES } from "./deal.ts";
import { ANYONE, FIRST_HOLDER, HOLDERS, type Both, type FacilityPlayer } from "./facilityPlayer.ts";

// Money that comes in and goes out of a facility.

/** How rents stand against what a month asks. */
const MOODS = [
  [2, 4],
  [1.3, 2],
  [0.9, 1.5],
  [0.3, 1],
  [0, 0],
] as const;

/** The dates whose cover is compared. */
const WATCHED_DATES = new Set([0, 1, 2, 5, 8, 13, 21, 34]);

/** Rent by the mood, sometimes left in the leases for later. */
export function payRent(player: FacilityPlayer, both: Both): void {
  const { random, world } = player;
  if (random.chance(0.12)) both.mood = random.whole(0, MOODS.length - 1);
  const isDoomed = both.facility.nextIndex >= both.doomIndex;
  const [least, most] = MOODS[isDoomed ? MOODS.length - 1 : both.mood]!;
  const factor = BigInt(Math.floor((least + (most - least) * random.next()) * 1_000_000));
  const assets = (monthlyService(both.facility) * factor) / 1_000_000n;
  if (assets > 0n) {
    player.tell(ANYONE, world.rent, "pay", [world.settings.asset, both.address, assets]);
    both.pendingRent += assets;
  }
  if (random.chance(0.8)) collect(player, both);
}

export function collect(player: FacilityPlayer, both: Both): void {
  player.act(ANYONE, both, "collect");
  model.collect(both.facility, both.pendingRent);
  both.pendingRent = 0n;
}

function monthlyService({ classes }: model.Facility): bigint {
  return classes.reduce((sum, { terms, outstandingAssets, schedule }) => {
    if (terms.kind === "Residual" || outstandingAssets === 0n) return sum;
    return sum + (outstandingAssets * terms.couponBps) / 120_000n + schedule.startAssets / BigInt(terms.termMonthCount);
  }, 0n);
}

/** Money that nobody announced. */
export function surplus(player: FacilityPlayer, both: Both): void {
  const assets = player.random.amount(1, 9);
  player.tell(ANYONE, player.world.asset, "transfer", [both.address, assets]);
  player.act(ANYONE, both, "sync");
  model.bookProceeds(both.facility, assets);
  player.count("surplus");
}

/** The price of a lot that its lessee bought: money from the leases that is no rent. */
export function salePrice(player: FacilityPlayer, both: Both): void {
  const { rent, settings } = player.world;
  const assets = player.random.amount(1, 9);
  player.tell(ANYONE, rent, "payPrice", [settings.asset, both.address, assets]);
  collect(player, both);
  model.bookProceeds(both.facility, assets);
  player.count("price of a lot");
}

/** The next payment date; the contract must refuse it before its time. */
export function payOut(player: FacilityPlayer, both: Both): boolean {
  const { facility } = both;
  const isDue = model.isPaymentDue(facility, player.nowAt);
  player.act(ANYONE, both, "distribute", [], !isDue);
  if (!isDue) return false;
  const before = facility.state;
  const date = distribute(facility);
  const { steps, paidAssets } = date;
  if (WATCHED_DATES.has(date.index)) both.newDates.push(date);
  player.count("date");
  if (facility.state !== before) player.count(`${before} to ${facility.state} by DSCR`);
  steps.forEach(({ kind }, index) => {
    if (paidAssets[index]! > 0n) player.count(`paid ${kind}`);
  });
  if (facility.classes.some(({ missedAt }) => missedAt > 0n)) player.count("interest missed");
  return true;
}

export function claimIncome(player: FacilityPlayer, both: Both): void {
  const { random, stage } = player;
  const holderIndex = random.whole(0, HOLDERS.length - 1);
  const classIndex = random.whole(0, both.tokens.length - 1);
  const book = both.facility.classes[classIndex]!;
  const holder = HOLDERS[holderIndex]!;
  const actor = FIRST_HOLDER + holderIndex;
  const isRefused = claimableAssets(book.shares, holder) === 0n;
  player.ask(actor, both, classIndex, "claim", [stage.actors[actor]], isRefused);
  book.unclaimedAssets -= claim(book.shares, holder);
  player.count(isRefused ? "claim refused" : "claim");
}

export function moveShares(player: FacilityPlayer, both: Both): void {
  const { random, stage } = player;
  const classIndex = random.whole(0, both.tokens.length - 1);
  const [from, to] = [random.whole(0, HOLDERS.length - 1), random.whole(0, HOLDERS.length - 1)];
  const { shares } = both.facility.classes[classIndex]!;
  const amount = random.part(shares.holders.get(HOLDERS[from]!)?.shares ?? 0n);
  player.ask(FIRST_HOLDER + from, both, classIndex, "transfer", [stage.actors[FIRST_HOLDER + to], amount]);
  transfer(shares, HOLDERS[from]!, HOLDERS[to]!, amount);
  player.count("transfer");
}

export function withdrawFee(player: FacilityPlayer, both: Both): void {
  const payeeIndex = player.random.whole(0, PAYEES.length - 1);
  const isRefused = model.withdraw(both.facility, PAYEES[payeeIndex]!) === 0n;
  const actor = player.payeeActor(payeeIndex);
  player.act(actor, both, "withdraw", [player.stage.actors[actor]], isRefused);
}
