import * as enforcement from "../../server/model/enforcement.ts";
import * as model from "../../server/model/facility.ts";
import { randomDeal } from "./deal.ts";
import { LOTS, ANYONE, FIRST_HOLDER, SPONSOR, type Both, type FacilityPlayer } from "./facilityPlayer.ts";
import { create, perform, subscribe } from "./raise.ts";
import { setValue } from "./showing.ts";

// How facilities end: sales of lots, releases, the close, a new facility that redeems.

const DAY = 86_400;

export function putUp(player: FacilityPlayer, both: Both): void {
  const lotId = player.random.pick(LOTS);
  player.attempt(both, "startAuction", [lotId], enforcement.startAuction(both.facility, player.nowAt, lotId));
}

export function buy(player: FacilityPlayer, both: Both): void {
  const { random, nowAt } = player;
  const lotId = random.pick(LOTS);
  const limit = enforcement.auctionPrice(both.facility, nowAt, lotId) ?? 0n;
  const isTooLow = random.chance(0.2) && limit > 0n;
  const price = isTooLow ? undefined : enforcement.buyLot(both.facility, nowAt, lotId);
  player.act(FIRST_HOLDER, both, "buy", [lotId, isTooLow ? limit - 1n : limit], price === undefined);
  player.count(price === undefined ? "buy refused" : "buy");
}

export function release(player: FacilityPlayer, both: Both): void {
  const lotId = player.random.pick(LOTS);
  const isDone = enforcement.releaseLot(both.facility, player.nowAt, lotId);
  player.act(SPONSOR, both, "release", [lotId], !isDone);
  player.count(isDone ? "release" : "release refused");
}

/** The close, with something still to come or not. */
export function close(player: FacilityPlayer, both: Both): void {
  const { rent } = player.world;
  const receivable = player.random.chance(0.2) ? 1n : 0n;
  const lossBefore = totalLoss(both.facility);
  player.tell(ANYONE, rent, "setReceivable", [both.address, receivable]);
  const isDone = enforcement.close(both.facility, player.nowAt, both.pendingRent, receivable);
  player.attempt(both, "close", [], isDone);
  player.tell(ANYONE, rent, "setReceivable", [both.address, 0n]);
  if (!isDone) return;
  const hasSeniorLoss = both.facility.classes.some(
    ({ terms, lossAssets }) => terms.kind === "Senior" && lossAssets > 0n,
  );
  if (totalLoss(both.facility) > lossBefore) player.count(hasSeniorLoss ? "senior loss" : "residual loss");
}

function totalLoss({ classes }: model.Facility): bigint {
  return classes.reduce((sum, { lossAssets }) => sum + lossAssets, 0n);
}

/** Whether a new facility could redeem now. */
export function isRedeemable({ facility }: Both, nowAt: bigint): boolean {
  const { state, terms } = facility;
  const isLive = state === "Performing" || state === "CashTrap" || state === "EarlyAmortisation";
  return (
    isLive &&
    terms.callableAt > 0n &&
    nowAt >= terms.callableAt &&
    !model.isPaymentDue(facility, nowAt) &&
    facility.lots.size > 0
  );
}

/** A new facility of the sponsor raises enough and redeems the old; undefined where the lots would not bear it. */
export async function refinance(player: FacilityPlayer, old: Both): Promise<Both | undefined> {
  const { random } = player;
  const lots = [...old.facility.lots.entries()].sort();
  const limit = lots.reduce((sum, [, { costAssets }]) => sum + costAssets, 0n);
  const claims = enforcement.redemptionPrice(old.facility, player.nowAt, 0n);
  if (claims > (limit * 95n) / 100n) return undefined;
  const firstPaymentAt = player.nowAt + random.big(20 * DAY, 60 * DAY);
  const deal = randomDeal(random, firstPaymentAt);
  const classes = deal.classes.map((terms, index) =>
    index === 0 ? { ...terms, targetAssets: terms.targetAssets + limit } : terms,
  );
  const next = await create(player, { ...deal, classes }, player.nowAt + random.big(DAY, 10 * DAY));
  subscribe(player, next, true);
  player.act(ANYONE, next, "startFunding");
  model.startFunding(next.facility, player.nowAt);
  await player.step();

  player.nowAt += random.big(1, 10 * DAY);
  if (!isRedeemable(old, player.nowAt)) return next;
  const hardware = random.part(limit);
  const price = enforcement.redemptionPrice(old.facility, player.nowAt, hardware);
  if (price === 0n || price > limit) return next;
  setValue(player, old, 0n, hardware);
  const total = price + random.part(limit - price);
  let left = total;
  const draws = lots.map(([lotId, { costAssets }]) => {
    const assets = left < costAssets ? left : costAssets;
    left -= assets;
    return { lotId, assets };
  });
  player.act(SPONSOR, next, "refinance", [old.address, draws]);
  enforcement.redeem(old.facility, player.nowAt, price);
  for (const [index, [lotId, { costAssets }]] of lots.entries())
    model.draw(next.facility, lotId, costAssets, draws[index]!.assets);
  player.count("refinance");
  await player.step();

  player.nowAt += random.big(1, DAY);
  await perform(player, next);
  return next;
}
