import { MaxUint256 } from "ethers";
import { FACILITY_STATES } from "../../server/protocol/deal.ts";
import type { Scenario } from "./scenario.ts";
import { monthAt } from "./scenario.ts";
import { fund, openLease, type Stage } from "./stage.ts";
import { calendarOf, later } from "./terms.ts";
import type { Rates } from "./rates.ts";
import type { Reporter } from "./reporter.ts";

/** A lease on the chain, and what its lessee still owes. */
interface Tenancy {
  leaseIndex: number;
  leaseId: bigint;
  startMonth: number;
  months: number;
  settled: number;
  /** Periods invoiced and not paid. */
  unpaid: Set<number>;
  isDefaulted: boolean;
  /** The early end that a default set. */
  endAt: number;
}

/** The lessees, and whoever invoices them. */
export interface Tenants {
  /** The first day: leases of the deal are opened. */
  open(): Promise<void>;
  /** Half an hour before a month ends: who bought the lot by its option pays the price. */
  buy(month: number): Promise<string[]>;
  /** A day after a month: its periods are invoiced and paid. */
  settle(month: number): Promise<string[]>;
  /** Shows defaults that have ripened, and lets empty lots again. */
  watch(month: number): Promise<string[]>;
  /** What was invoiced for the facility since the last question. */
  takeInvoiced(): bigint;
  /** Whether a lease is live or will yet begin. */
  isAnyLive(): boolean;
  leaseIds(): bigint[];
}

const POCKET_ASSETS = 10n ** 20n;

export function tenantsOf(stage: Stage, scenario: Scenario, reporter: Reporter, rates: Rates | undefined): Tenants {
  const { deal, chain, addresses, parties, as } = stage;
  const { startAt } = calendarOf(deal);
  const tenancies: Tenancy[] = [];
  let invoiced = 0n;
  const payee = stage.facility;
  const stopMonth = (leaseIndex: number) => {
    const own = scenario.stops.filter(({ lease }) => lease === leaseIndex).map(({ at }) => monthAt(deal, at));
    return Math.min(Infinity, ...own);
  };
  const nameOf = (leaseIndex: number) => deal.leases[leaseIndex]!.lessee;
  const let_ = async (leaseIndex: number, startMonth: number, months: number, rentBps: number) => {
    const count = tenancies.filter((one) => one.leaseIndex === leaseIndex).length;
    const letting = { payee, startAt: later(startAt, startMonth), months, rateIndex: rates?.address, rentBps, count };
    const leaseId = await openLease(stage, leaseIndex, letting);
    const state = { settled: 0, unpaid: new Set<number>(), isDefaulted: false, endAt: Infinity };
    tenancies.push({ leaseIndex, leaseId, startMonth, months, ...state });
  };
  const isOver = (one: Tenancy) => one.settled >= one.months;

  const pay = async (one: Tenancy, period: number) => {
    const lessee = as(parties.lessees[one.leaseIndex]!);
    const { assets, lateFeeAssets } = await lessee.leases.receivable(one.leaseId, period);
    if (assets + lateFeeAssets > 0n) {
      await chain.send(() => lessee.leases.pay(one.leaseId, period, assets + lateFeeAssets));
    }
    one.unpaid.delete(period);
  };

  return {
    async open() {
      for (const lessee of parties.lessees) await fund(stage, lessee, addresses.leases, POCKET_ASSETS, MaxUint256);
      for (const [index, lease] of deal.leases.entries()) await let_(index, lease.startMonth, lease.months, 10_000);
    },
    async buy(month) {
      const story: string[] = [];
      for (const one of tenancies) {
        const { purchase } = deal.leases[one.leaseIndex]!;
        const isLast = month === one.startMonth + one.months - 1;
        if (purchase === undefined || !isLast || one.isDefaulted || one.unpaid.size > 0) continue;
        const lessee = as(parties.lessees[one.leaseIndex]!);
        await chain.send(() => lessee.leases.purchase(one.leaseId));
        story.push(
          `${nameOf(one.leaseIndex)} buys ${deal.lots[deal.leases[one.leaseIndex]!.lot]!.name} for $${purchase}`,
        );
      }
      return story;
    },
    async settle(month) {
      const story: string[] = [];
      const keeper = as(parties.keeper);
      for (const one of tenancies) {
        if (isOver(one) || month < one.startMonth + one.settled) continue;
        const period = one.settled;
        await reporter.record(later(startAt, month));
        await rates?.fix(month);
        await reporter.record(Math.min(later(startAt, month + 1), one.endAt));
        const receipt = await chain.send(() => keeper.leases.settle(one.leaseId, period));
        one.settled += 1;
        const event = receipt.logs
          .map((log) => keeper.leases.interface.parseLog(log))
          .find((parsed) => parsed?.name === "Invoiced");
        const { statement } = event!.args as unknown as { statement: { dueAssets: bigint; slaCreditAssets: bigint } };
        invoiced += statement.dueAssets;
        if (statement.slaCreditAssets > 0n) story.push(`${nameOf(one.leaseIndex)} is credited for downtime`);
        one.unpaid.add(period);
        if (month < stopMonth(one.leaseIndex)) await pay(one, period);
        else if (month === stopMonth(one.leaseIndex)) story.push(`${nameOf(one.leaseIndex)} stops paying`);
      }
      return story;
    },
    async watch(month) {
      const story: string[] = [];
      const keeper = as(parties.keeper);
      for (const one of tenancies) {
        const [first] = one.unpaid;
        if (first === undefined || one.isDefaulted) continue;
        const { dueAt } = await keeper.leases.receivable(one.leaseId, first);
        const ripeAt = Number(dueAt) + deal.leases[one.leaseIndex]!.cureDays * 86_400;
        if (chain.nowAt() < ripeAt) continue;
        await chain.send(() => keeper.leases.declareDefault(one.leaseId, first));
        const { status } = await keeper.leases.lease(one.leaseId);
        one.isDefaulted = true;
        one.months = Number(status.endCount);
        if (status.endAt > 0n) one.endAt = Number(status.endAt);
        story.push(`${nameOf(one.leaseIndex)} is in default: its lease ends`);
      }
      // In enforcement nothing is let.
      const state = FACILITY_STATES[Number(await keeper.facility(payee).state())];
      for (const { lease, at, rentBps } of state === "Enforcement" ? [] : scenario.relets) {
        const before = tenancies.findLast((one) => one.leaseIndex === lease);
        const isDue = before?.isDefaulted === true && isOver(before) && month + 1 >= monthAt(deal, at);
        const { startMonth, months } = deal.leases[lease] ?? { startMonth: 0, months: 0 };
        const left = startMonth + months - (month + 1);
        if (!isDue || left <= 0 || (await keeper.leases.leaseOf(deal.leases[lease]!.lot + 1)) !== 0n) continue;
        await let_(lease, month + 1, left, rentBps);
        story.push(`${deal.lots[deal.leases[lease]!.lot]!.name} is let again at ${rentBps / 100} % of the rent`);
      }
      return story;
    },
    takeInvoiced() {
      const taken = invoiced;
      invoiced = 0n;
      return taken;
    },
    isAnyLive: () => tenancies.some((one) => !isOver(one)),
    leaseIds: () => tenancies.map(({ leaseId }) => leaseId),
  };
}
