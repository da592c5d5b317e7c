import * as model from "../../server/model/facility.ts";
import { randomAnchorAt, randomDeal } from "./deal.ts";
import * as ending from "./ending.ts";
import * as money from "./money.ts";
import type { FacilityPlayer } from "./facilityPlayer.ts";
import type { Both } from "./facilityPlayer.ts";
import { max } from "./player.ts";
import { raise } from "./raise.ts";
import { watchedCover } from "./watched.ts";
import type { Events } from "./running.ts";
import * as showing from "./showing.ts";

// A facility's random life, told to the model and to the contracts alike: what the model refuses the contracts must
// refuse, and after every step every balance must be the model's.

const DAY = 86_400n;

/** What may happen at any time; what is there twice happens more. */
const THINGS = [
  money.payRent,
  money.payOut,
  money.surplus,
  money.salePrice,
  money.claimIncome,
  money.claimIncome,
  money.moveShares,
  money.withdrawFee,
  showing.showLtv,
  showing.showCoverage,
  showing.showCountry,
  showing.showPue,
  showing.declare,
  ending.putUp,
  ending.release,
  ending.close,
];
const ENFORCEMENT = [ending.putUp, ending.buy, ending.buy, ending.close, money.payRent, money.claimIncome];
/** Once it is closed. */
const AFTER = [money.claimIncome, money.moveShares, money.withdrawFee, money.payOut, ending.close];

/** Plays so many months; answers how often each event happened. */
export async function playHistory(player: FacilityPlayer, monthCount: number): Promise<Events> {
  const { random } = player;
  player.nowAt = (await player.stage.latestAt()) + 100n;
  const first = await raise(player, randomDeal(random, randomAnchorAt(random)));
  const lastAt = model.paymentAt(first.facility, monthCount);
  let all = [first];
  while (player.nowAt < lastAt) {
    all = all.filter(({ facility }) => model.isRunning(facility));
    if (all.length === 0) break;
    const both = all.reduce((one, other) => (nextAt(other) < nextAt(one) ? other : one));
    const dueAt = nextAt(both);
    if (random.chance(0.4) && player.nowAt + DAY < dueAt) await between(player, random.pick(all), dueAt);
    if (all.length === 1 && ending.isRedeemable(both, player.nowAt) && random.chance(0.04)) {
      const next = await ending.refinance(player, both);
      if (next !== undefined) all.push(next);
    } else await paymentDates(player, both, dueAt);
  }
  return player.events;
}

function nextAt({ facility }: Both): bigint {
  return model.paymentAt(facility, facility.nextIndex);
}

/** Something happens between two dates. */
async function between(player: FacilityPlayer, both: Both, dueAt: bigint): Promise<void> {
  player.nowAt += player.random.big(1, Number(dueAt - player.nowAt - 1n));
  things(player, both);
  await player.step();
}

/** A payment date on its second, or late, or some of them missed and then run. */
async function paymentDates(player: FacilityPlayer, both: Both, dueAt: bigint): Promise<void> {
  const { random } = player;
  const kind = random.next();
  player.nowAt = max(dueAt, player.nowAt);
  if (kind > 0.9) player.nowAt += random.big(20, 100) * DAY;
  else if (kind > 0.6) player.nowAt += random.big(1, 20 * 86_400);
  if (random.chance(0.4)) things(player, both);
  if (model.isRunning(both.facility)) money.payRent(player, both);
  let count = 0;
  while (money.payOut(player, both)) {
    count++;
    if (random.chance(0.05)) break;
    if (random.chance(0.3)) money.payRent(player, both);
  }
  if (count > 1) player.count("missed dates", count - 1);
  if (random.chance(0.4)) things(player, both);
  else if (both.facility.classes.some(({ missedAt }) => missedAt > 0n) && model.isRunning(both.facility))
    showing.declare(player, both);
  await player.step();
  await watchCover(player, both);
}

async function watchCover(player: FacilityPlayer, both: Both): Promise<void> {
  if (both.newDates.length === 0) return;
  const calls = player.world.facility.interface;
  const dates = both.newDates.splice(0);
  await player.stage.watch(dates.flatMap((date) => watchedCover({ ...both, calls }, date)));
  player.nowAt += 1n;
}

/** A few random doings and attempts. */
function things(player: FacilityPlayer, both: Both): void {
  const { random } = player;
  for (let count = random.whole(1, 4); count > 0; count--) {
    random.pick(listOf(both, random.chance(0.7)))(player, both);
  }
}

function listOf({ facility }: Both, isUsual: boolean) {
  if (!model.isRunning(facility)) return AFTER;
  return facility.state === "Enforcement" && isUsual ? ENFORCEMENT : THINGS;
}
