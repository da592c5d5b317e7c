import * as model from "../../server/model/facility.ts";
import * as triggers from "../../server/model/triggers.ts";
import { LOTS, ANYONE, type Both, type FacilityPlayer } from "./facilityPlayer.ts";
import { max } from "./player.ts";
import { COUNTRY_CODE } from "./settings.ts";
import { placeOf } from "./watched.ts";

// What anyone may show of a facility, with facts at the edge of what suffices.

const DAY = 86_400n;
const ABROAD = "0x4652";

export function showLtv(player: FacilityPlayer, both: Both): void {
  const { random, nowAt } = player;
  const { facility } = both;
  const owed = model.seniorOwedAssets(facility, nowAt);
  const { maxLtvBps } = facility.terms.covenants;
  const edge = maxLtvBps === 0n ? owed : (owed * 10_000n) / maxLtvBps;
  const valueAssets = random.chance(0.4) ? max(edge + random.big(-1, 1), 0n) : (edge * random.big(500, 2_000)) / 1_000n;
  setValue(player, both, valueAssets, 0n);
  if (facility.breaches.ltvAt === 0n || random.chance(0.2))
    player.attempt(both, "declareLtv", [], triggers.declareLtv(facility, nowAt, valueAssets));
  else player.attempt(both, "cureLtv", [], triggers.cureLtv(facility, nowAt, valueAssets));
}

export function setValue(player: FacilityPlayer, { address }: Both, valueAssets: bigint, hardwareAssets: bigint): void {
  const value = { valueAssets, hardwareAssets, computedAt: player.nowAt, maxAgeSec: 0n };
  player.tell(ANYONE, player.world.appraisal, "setValue", [address, value]);
}

export function showCoverage(player: FacilityPlayer, both: Both): void {
  const { random, nowAt } = player;
  const { facility } = both;
  const lotId = random.pick(LOTS);
  const dayAt = nowAt - (nowAt % DAY) - random.big(0, 16) * DAY;
  const coverageBps = max(facility.terms.covenants.minCoverageBps + random.big(-1, 1), 0n);
  player.tell(ANYONE, player.world.appraisal, "setCoverage", [lotId, dayAt, coverageBps]);
  if (!facility.breaches.coverage.has(lotId) || random.chance(0.2)) {
    const isDone = triggers.declareCoverage(facility, nowAt, lotId, dayAt, coverageBps);
    player.attempt(both, "declareCoverage", [lotId, dayAt], isDone);
  } else {
    const isDone = triggers.cureCoverage(facility, lotId, dayAt, coverageBps);
    player.attempt(both, "cureCoverage", [lotId, dayAt], isDone);
  }
}

export function showCountry(player: FacilityPlayer, both: Both): void {
  const { random, nowAt } = player;
  const { facility } = both;
  const lotId = random.pick(LOTS);
  const isAllowed = random.chance(0.5);
  player.tell(ANYONE, player.world.pledges, "setCountry", [lotId, isAllowed ? COUNTRY_CODE : ABROAD]);
  if (!facility.breaches.country.has(lotId) || random.chance(0.2))
    player.attempt(both, "declareCountry", [lotId], triggers.declareCountry(facility, nowAt, lotId, isAllowed));
  else player.attempt(both, "cureCountry", [lotId], triggers.cureCountry(facility, lotId, isAllowed));
}

/** The PUE at the edge of a row, for the hours that the page says. */
export function showPue(player: FacilityPlayer, both: Both): void {
  const { random, nowAt } = player;
  const { facility } = both;
  const { ratchet } = facility.terms;
  const lotIds = [...facility.lots.keys()].sort();
  if (facility.nextIndex === 0) {
    player.attempt(both, "ratchet", [lotIds], false);
    return;
  }
  const { fromAt, untilAt } = triggers.pueHours(facility);
  const pueE4 = (ratchet.length === 0 ? 12_000n : random.pick(ratchet).maxPueE4) + random.big(0, 1);
  player.tell(ANYONE, player.world.appraisal, "setPue", [fromAt, untilAt, pueE4]);
  player.attempt(both, "ratchet", [lotIds], triggers.showPue(facility, nowAt, pueE4));
}

export function declare(player: FacilityPlayer, both: Both): void {
  const { random, nowAt } = player;
  const { facility } = both;
  const classIndex = random.chance(0.6) ? mostSenior(both) : random.whole(0, both.tokens.length - 1);
  const trigger = random.pick(["Ltv", "Coverage", "Country"] as const);
  const subjectId = trigger === "Ltv" ? "0" : random.pick(LOTS);
  const kind = random.next();
  if (kind < 0.3) {
    const isDone = triggers.declareAmortisation(facility, nowAt, trigger, subjectId);
    player.attempt(both, "declareAmortisation", [placeOf(trigger), subjectId], isDone);
  } else if (kind < 0.7) {
    const isDone = triggers.declareInterestDefault(facility, nowAt, classIndex);
    player.attempt(both, "declareInterestDefault", [classIndex], isDone);
  } else {
    const isDone = triggers.declareMaturityDefault(facility, nowAt, classIndex);
    player.attempt(both, "declareMaturityDefault", [classIndex], isDone);
  }
}

/** The class that a default is most likely of. */
function mostSenior({ facility }: Both): number {
  const isOwed = facility.classes.findIndex((one) => one.outstandingAssets > 0n || one.interestDueAssets > 0n);
  return Math.max(isOwed, 0);
}
