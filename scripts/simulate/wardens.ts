import { MaxUint256 } from "ethers";

import { FACILITY_STATES } from "../../server/protocol/deal.ts";
import type { Standing } from "./books.ts";
import { fund, type Stage } from "./stage.ts";
import { assetsOf } from "./figures.ts";
import type { Reporter } from "./reporter.ts";
import { conductOf, type Scenario } from "./scenario.ts";
import { calendarOf, later } from "./terms.ts";

const DAY_SEC = 86_400;
const YEAR_SEC = 365 * DAY_SEC;
const BPS = 10_000n;
/** Triggers by their place in the contract's enumeration. */
const [LTV, COVERAGE] = [1, 2] as const;
/** Midnights that a showing of coverage reads, and how far back the last of them is surely Final. */
const COVERAGE_DAYS = 7;
const FINAL_DAYS = 4;

/** Whoever watches a facility and shows what anyone may show: breaches, cures, defaults; buys lots; closes it. */
export interface Wardens {
  /** Between payment dates, after reports; what takes its time is done before the next ones. */
  watch(month: number, untilAt: number): Promise<void>;
  /** After a payment date: loan to value, and whether interest was missed. */
  afterPayment(standing: Standing): Promise<void>;
  /** Gives up or hands over lots and closes, where that is possible. */
  finish(): Promise<void>;
}

export function wardensOf(stage: Stage, scenario: Scenario, reporter: Reporter): Wardens {
  const { deal, chain, parties, as, terms } = stage;
  const { startAt } = calendarOf(deal);
  const { leases } = as(parties.keeper);
  const facility = as(parties.keeper).facility(stage.facility);
  const { covenants } = terms;
  const lots = deal.lots.map((_, index) => BigInt(index + 1));
  const stateOf = async () => FACILITY_STATES[Number(await facility.state())]!;
  const pledged = async () => {
    const flags = await Promise.all(lots.map((lotId) => facility.isPledged(lotId)));
    return lots.filter((_, index) => flags[index]);
  };
  const durationSec = Number(terms.auction.durationSec);
  let isStrained = false;
  let isFunded = false;
  const auctions = new Map<bigint, { startedAt: number; startAssets: bigint }>();
  const openBreaches = new Set<string>();

  const coverage = async (month: number) => {
    const dayAt = Math.floor(chain.nowAt() / DAY_SEC) * DAY_SEC - FINAL_DAYS * DAY_SEC;
    // All seven midnights in one month, which runs alike throughout.
    if (covenants.minCoverageBps === 0n || dayAt - COVERAGE_DAYS * DAY_SEC < later(startAt, month)) return;
    for (const lotId of lots) {
      const key = `${COVERAGE}/${lotId}`;
      const isLow = conductOf(deal, scenario, Number(lotId) - 1, month).reportingBps < Number(covenants.minCoverageBps);
      if (isLow === openBreaches.has(key) || !(await facility.isPledged(lotId))) continue;
      for (let day = 0; day < COVERAGE_DAYS; day++) await reporter.record(dayAt - day * DAY_SEC);
      if (isLow) {
        await chain.send(() => facility.declareCoverage(lotId, dayAt));
        openBreaches.add(key);
      } else {
        await chain.send(() => facility.cureCoverage(lotId, dayAt));
        openBreaches.delete(key);
      }
    }
  };

  const ripeBreaches = async () => {
    for (const key of openBreaches) {
      const [trigger, subjectId] = key.split("/").map(Number) as [number, number];
      const openedAt = Number(await facility.breachedAt(trigger, subjectId));
      const isRipe = openedAt > 0 && chain.nowAt() > openedAt + Number(covenants.covenantCureSec);
      if (!isRipe) continue;
      await chain.send(() => facility.declareAmortisation(trigger, subjectId));
      openBreaches.clear();
      return;
    }
  };

  /** The most senior class that is owed anything decides. */
  const defaults = async () => {
    for (const [index, { kind, termMonthCount }] of terms.classes.entries()) {
      if (kind === "Residual") return;
      const { outstandingAssets, interestDueAssets, missedAt } = await facility.classAt(index);
      const ripeAt = (fromAt: number) => fromAt > 0 && chain.nowAt() > fromAt + Number(covenants.interestCureSec) + 1;
      const lastAt = later(Number(terms.firstPaymentAt), termMonthCount - 1);
      const isRun = Number(await facility.paymentCount()) >= termMonthCount;
      if (outstandingAssets > 0n && isRun && ripeAt(lastAt)) {
        await chain.send(() => facility.declareMaturityDefault(index));
        return;
      }
      if (outstandingAssets + interestDueAssets === 0n) continue;
      if (ripeAt(Number(missedAt))) await chain.send(() => facility.declareInterestDefault(index));
      return;
    }
  };

  const sellLots = async (untilAt: number) => {
    const buyer = as(parties.buyer);
    if (!isFunded) await fund(stage, parties.buyer, stage.facility, 10n ** 20n, MaxUint256);
    isFunded = true;
    const lotIds = await pledged();
    for (const lotId of lotIds) {
      const running = auctions.get(lotId);
      if (running !== undefined && chain.nowAt() < running.startedAt + durationSec) continue;
      if (!(await isShort())) return;
      await chain.send(() => facility.startAuction(lotId));
      const startAssets = await facility.auctionPriceAssets(lotId);
      auctions.set(lotId, { startedAt: chain.nowAt(), startAssets });
    }
    // Each buyer comes the second its lot costs what it is worth to it, the first to come first.
    const offers = lotIds.map((lotId) => ({ lotId, at: offerAt(lotId) })).sort((one, other) => one.at - other.at);
    for (const { lotId, at } of offers) {
      if (at >= untilAt || !(await isShort())) return;
      chain.moveTo(at);
      await chain.send(() => buyer.facility(stage.facility).buy(lotId, bidOf(Number(lotId) - 1)));
    }
  };

  /** When the price of a lot that is up falls to what is bid for it; never, if that is below the floor. */
  const offerAt = (lotId: bigint): number => {
    const { startedAt, startAssets } = auctions.get(lotId)!;
    const floor = (startAssets * terms.auction.floorBps) / BPS;
    const bid = bidOf(Number(lotId) - 1);
    if (bid < floor) return Infinity;
    const fall = startAssets > bid ? startAssets - bid : 0n;
    return startedAt + 1 + Math.ceil(Number(fall) / (Number(startAssets - floor) / durationSec));
  };

  /** Lots are for sale only while the cash does not cover the senior classes. */
  const isShort = async () => {
    const seniors = terms.classes.slice(0, -1);
    const owed = await Promise.all(seniors.map((_, index) => facility.owedAssets(index)));
    return owed.reduce((sum, assets) => sum + assets, 0n) > (await facility.cashAssets());
  };

  /** What a lot is worth to buyers: the curve of its model at its age, less what they ask for. */
  const bidOf = (lotIndex: number): bigint => {
    const { cost, residualBps } = deal.lots[lotIndex]!;
    const year = Math.min(Math.floor((chain.nowAt() - startAt) / YEAR_SEC) + 1, residualBps.length - 1);
    return (assetsOf(cost) * BigInt(residualBps[year]!) * BigInt(scenario.bidBps)) / (BPS * BPS);
  };

  return {
    async watch(month, untilAt) {
      const state = await stateOf();
      if (state === "Performing" || state === "CashTrap") {
        await coverage(month);
        await ripeBreaches();
      }
      const isRunOut = month >= Math.min(...deal.classes.map(({ months }) => months));
      if (state !== "Enforcement" && state !== "Closed" && (isStrained || isRunOut)) await defaults();
      if ((await stateOf()) === "Enforcement") {
        await sellLots(untilAt);
        await this.finish();
      }
    },
    async afterPayment({ seniorAssets, valueAssets, isShortOfInterest }) {
      isStrained = isShortOfInterest;
      const state = await stateOf();
      if (covenants.maxLtvBps === 0n || (state !== "Performing" && state !== "CashTrap")) return;
      const isOver = seniorAssets * BPS > covenants.maxLtvBps * valueAssets;
      const key = `${LTV}/0`;
      if (isOver && !openBreaches.has(key)) {
        await chain.send(() => facility.declareLtv());
        openBreaches.add(key);
      } else if (!isOver && openBreaches.delete(key)) {
        await chain.send(() => facility.cureLtv());
      }
    },
    async finish() {
      const state = await stateOf();
      if (state === "Closed") return;
      const owed = await Promise.all(
        terms.classes.slice(0, -1).map(async (_, index) => {
          const { outstandingAssets, interestDueAssets } = await facility.classAt(index);
          return outstandingAssets + interestDueAssets;
        }),
      );
      const isWhole = owed.every((assets) => assets === 0n);
      for (const lotId of await pledged()) {
        const leaseId = await leases.leaseOf(lotId);
        const purchaser = leaseId === 0n ? 0n : BigInt(await leases.purchaserOf(leaseId));
        const isSettled = (await leases.unsettledUntilAt(leaseId)) === 0n;
        if (purchaser !== 0n && isSettled) await chain.send(() => facility.completePurchase(lotId));
        else if (isWhole && leaseId === 0n) await chain.send(() => facility.release(lotId));
      }
      if ((await facility.lotCount()) > 0n || (!isWhole && state !== "Enforcement")) return;
      await chain.send(() => facility.collect());
      if (!isWhole && Number(await facility.nextPaymentAt()) <= chain.nowAt() + 2) return;
      // Rent that is never paid holds the end up for a year; what a try would say is the contract's own condition.
      const isClosable = await facility.close.staticCall().then(
        () => true,
        () => false,
      );
      if (isClosable) await chain.send(() => facility.close());
    },
  };
}
