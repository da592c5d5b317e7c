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
  /** Between payment dates, after reports. */
  watch(month: number): Promise<void>;
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
  let isStrained = false;
  let isFunded = false;
  const auctionsAt = new Map<bigint, number>();
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

  const auctions = async () => {
    const buyer = as(parties.buyer);
    if (!isFunded) await fund(stage, parties.buyer, stage.facility, 10n ** 20n, MaxUint256);
    isFunded = true;
    for (const lotId of await pledged()) {
      if (!(await isShort())) return;
      const startedAt = auctionsAt.get(lotId) ?? 0;
      if (chain.nowAt() >= startedAt + Number(terms.auction.durationSec)) {
        await chain.send(() => facility.startAuction(lotId));
        auctionsAt.set(lotId, chain.nowAt());
        continue;
      }
      const price = await facility.auctionPriceAssets(lotId);
      const bid = bidOf(Number(lotId) - 1);
      if (price <= bid) await chain.send(() => buyer.facility(stage.facility).buy(lotId, bid));
    }
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
    async watch(month) {
      const state = await stateOf();
      if (state === "Performing" || state === "CashTrap") {
        await coverage(month);
        await ripeBreaches();
      }
      const isRunOut = month >= Math.min(...deal.classes.map(({ months }) => months));
      if (state !== "Enforcement" && state !== "Closed" && (isStrained || isRunOut)) await defaults();
      if ((await stateOf()) === "Enforcement") {
        await auctions();
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
