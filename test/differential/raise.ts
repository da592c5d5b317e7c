import * as model from "../../server/model/facility.ts";
import type { FacilityTerms } from "../../server/model/types.ts";
import { PAYEES, SHARE_ASSETS } from "./deal.ts";
import { ANYONE, FIRST_HOLDER, HOLDERS, LOTS, SPONSOR, type Both, type FacilityPlayer } from "./facilityPlayer.ts";
import { max } from "./player.ts";
import { settingsOf } from "./settings.ts";
import { watched, watchedLots, type Watched } from "./watched.ts";

// A facility's way to the start of performing.

const DAY = 86_400n;

/** Creates a facility and watches it; costs no time in the history. */
export async function create(player: FacilityPlayer, terms: FacilityTerms, raiseUntilAt: bigint): Promise<Both> {
  const { world } = player;
  const { actors } = player.stage;
  const payeeOf = (payee: string) => actors[player.payeeActor(PAYEES.findIndex((name) => name === payee))]!;
  const settings = settingsOf(terms, { ...world.settings, sponsor: actors[SPONSOR]! }, raiseUntilAt, payeeOf);
  await world.networkHelpers.time.setNextBlockTimestamp(player.nowAt);
  await world.facilities.create(settings);
  const [created] = await world.facilities.queryFilter(world.facilities.filters.FacilityCreated(), "latest");
  const { facility: address, classTokens } = created!.args;
  const facility = model.openFacility(terms);
  const { random } = player;
  const doomIndex = random.chance(0.35) ? random.whole(0, 24) : Infinity;
  const tokens = [...classTokens];
  const both: Both = { facility, address, tokens, newDates: [], pendingRent: 0n, mood: random.whole(0, 3), doomIndex };
  await player.stage.watch(watched(viewOf(player, both)));
  player.nowAt += 2n;
  return both;
}

/** Subscriptions of all classes: all of the targets, or less. */
export function subscribe(player: FacilityPlayer, both: Both, isWhole: boolean): void {
  const { random, world } = player;
  for (const index of HOLDERS.keys())
    player.tell(FIRST_HOLDER + index, world.asset, "approve", [both.address, 2n ** 256n - 1n]);
  for (const [classIndex, { targetAssets }] of both.facility.terms.classes.entries()) {
    let left = isWhole || random.chance(0.5) ? targetAssets : max(random.part(targetAssets), SHARE_ASSETS);
    for (const [holderIndex, holder] of HOLDERS.entries()) {
      const assets = holderIndex === HOLDERS.length - 1 ? left : random.part(left);
      if (assets === 0n) continue;
      left -= assets;
      player.act(FIRST_HOLDER + holderIndex, both, "subscribe", [classIndex, assets]);
      model.subscribe(both.facility, classIndex, holder, assets);
    }
  }
}

/** Raised, drawn on lots and performing. */
export async function raise(player: FacilityPlayer, terms: FacilityTerms): Promise<Both> {
  const { random } = player;
  const fundedAt = terms.firstPaymentAt - random.big(1, 100) * DAY - random.big(0, 3_600);
  const both = await create(player, terms, fundedAt - random.big(1, 5 * 86_400));
  subscribe(player, both, false);
  await player.step();

  player.nowAt = fundedAt;
  player.act(ANYONE, both, "startFunding");
  model.startFunding(both.facility, player.nowAt);
  await player.step();

  player.nowAt += random.chance(0.7) ? random.big(1, 86_400) : random.big(0, 60) * DAY + 1n;
  draw(player, both);
  await perform(player, both);
  return both;
}

export async function perform(player: FacilityPlayer, both: Both): Promise<void> {
  player.act(SPONSOR, both, "startPerforming");
  model.startPerforming(both.facility, player.nowAt);
  await player.step();
  await player.stage.watch(watchedLots(viewOf(player, both), player.world.settings.asset));
  player.nowAt += 1n;
}

function viewOf(player: FacilityPlayer, both: Both): Watched {
  const { facility, senior } = player.world;
  const calls = { calls: facility.interface, tokenCalls: senior.interface };
  return { ...both, ...calls, ...player.accounts(), nowAt: () => player.nowAt };
}

/** Draws most of the escrow on one to three lots. */
function draw(player: FacilityPlayer, both: Both): void {
  const { random, world } = player;
  const { escrowAssets } = both.facility;
  let left = escrowAssets - random.part(escrowAssets / 3n);
  const lotIds = LOTS.slice(0, random.whole(1, LOTS.length));
  for (const [index, lotId] of lotIds.entries()) {
    const assets = index === lotIds.length - 1 ? left : left / 2n;
    const costAssets = assets + random.part(assets);
    left -= assets;
    player.tell(SPONSOR, world.pledges, "setLot", [lotId, costAssets, 4, both.address]);
    player.act(SPONSOR, both, "draw", [lotId, assets]);
    model.draw(both.facility, lotId, costAssets, assets);
  }
}
