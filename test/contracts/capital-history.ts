import type { ContractTransactionResponse } from "ethers";
import { Random } from "../differential/random.ts";
import type { CapitalMarkets, MarketPlace } from "./capital-places.ts";
import { DAY, HOUR, RENT, UNIT, type CapitalStage } from "./capital-stage.ts";
import type { Signer } from "./capital-values.ts";

// Seeded histories on the stage: everybody does anything, at random and often what is refused.

/** What was sent, true for what was done otherwise, nothing where there was nothing to do. */
export type Act = Promise<ContractTransactionResponse | true | undefined>;

export interface Verb {
  readonly name: string;
  readonly weight: number;
  readonly run: (history: History) => Act | undefined;
}

export class History {
  readonly stage: CapitalStage;
  readonly credit: CapitalMarkets;
  readonly random: Random;
  /** Today's price of an hour, in hundredths of a dollar: it walks. */
  cents = 200;
  readonly done = new Map<string, number>();
  readonly refused = new Map<string, number>();
  private readonly verbs: readonly Verb[];
  private readonly weights: number;

  constructor(stage: CapitalStage, credit: CapitalMarkets, seed: number, verbs: readonly Verb[]) {
    [this.stage, this.credit, this.random] = [stage, credit, new Random(seed)];
    [this.verbs, this.weights] = [verbs, verbs.reduce((sum, { weight }) => sum + weight, 0)];
  }

  /** Plays one verb; says which, and the receipt if it was not refused. */
  async step() {
    let at = this.random.next() * this.weights;
    const verb = this.verbs.find(({ weight }) => (at -= weight) < 0) ?? this.verbs[0]!;
    try {
      const sent = await verb.run(this);
      if (sent === undefined) return { verb, receipt: undefined };
      this.done.set(verb.name, (this.done.get(verb.name) ?? 0) + 1);
      return { verb, receipt: sent === true ? undefined : await sent.wait() };
    } catch (error) {
      const reason = /error '?(\w+)\(|reverted with (panic code \w+|reason string .*)/.exec(String(error));
      if (reason === null) throw error;
      const key = `${verb.name}: ${reason[1] ?? reason[2]}`;
      this.refused.set(key, (this.refused.get(key) ?? 0) + 1);
      return { verb, receipt: undefined };
    }
  }

  someone(): Signer {
    return this.random.pick([...this.stage.holders, this.stage.mallory]);
  }

  market(): MarketPlace {
    return this.random.pick(this.credit.places);
  }

  /** Somebody who has some of a token; anybody where nobody has. */
  async holderOf(token: { balanceOf(who: string): Promise<bigint> }): Promise<Signer> {
    const people = [...this.stage.holders, this.stage.mallory];
    const balances = await Promise.all(people.map(({ address }) => token.balanceOf(address)));
    const holders = people.filter((_, i) => balances[i]! > 0n);
    return holders.length > 0 ? this.random.pick(holders) : this.someone();
  }

  deal(): number {
    return this.random.whole(0, this.stage.deals.length - 1);
  }
}

const pass = async ({ stage }: History, seconds: number): Promise<true> => {
  await stage.networkHelpers.time.increase(seconds);
  return true;
};

const lotOf = (h: History) => h.random.pick(h.stage.lotIds.flat());
const leaseOf = async (h: History) => h.stage.leases.leaseOf(lotOf(h));

/** Time, telemetry, appraisals, leases and payment dates. */
export const DEAL_VERBS: readonly Verb[] = [
  { name: "hours", weight: 4, run: (h) => pass(h, h.random.whole(1, 20) * HOUR) },
  { name: "days", weight: 3, run: (h) => pass(h, h.random.whole(1, 7) * DAY) },
  {
    name: "report",
    weight: 6,
    run: async ({ stage }) => {
      await stage.report();
      return true as const;
    },
  },
  {
    name: "appraise",
    weight: 5,
    run: async (h) => {
      const { stage } = h;
      if (h.random.chance(0.8)) await stage.report();
      const deal = h.deal();
      return stage.valuation.appraise(stage.deals[deal]!.facility, stage.lotIds[deal]!);
    },
  },
  {
    name: "keep",
    weight: 8,
    run: async (h) => {
      const { stage } = h;
      h.cents = Math.round(h.cents * (0.96 + 0.08 * h.random.next()));
      await stage.fixYesterday(h.cents).catch(() => undefined);
      await stage.appraise();
      return true as const;
    },
  },
  {
    name: "fix the index",
    weight: 5,
    run: (h) => {
      h.cents = Math.round(h.cents * (0.93 + 0.14 * h.random.next()));
      return h.stage.fixYesterday(...[-2, 0, h.random.whole(0, 9)].map((off) => h.cents + off));
    },
  },
  {
    name: "rate",
    weight: 2,
    run: (h) => {
      const { servicer, mallory, dave } = h.stage;
      const lessee = h.random.pick([servicer, mallory, dave]).address;
      return h.stage.rate(lessee, h.random.whole(0, 7), h.random.whole(0, 120) * DAY);
    },
  },
  {
    name: "open",
    weight: 3,
    run: async (h) => {
      const prepaidMonthCount = h.random.big(0, 2);
      await h.stage.openLease(lotOf(h), h.random.pick([h.stage.servicer, h.stage.mallory, h.stage.dave]), {
        ...{ periodCount: h.random.whole(2, 24), baseRentAssets: RENT / h.random.big(1, 4) },
        ...{ pricing: 0, lesseeBucket: h.random.big(0, 3) },
        payment: {
          ...{ dueSec: BigInt(10 * DAY), lateFeeBps: 1_800n, cureSec: BigInt(5 * DAY) },
          ...{ prepaidMonthCount, depositAssets: RENT },
        },
        exit: {
          ...{ minPeriodCount: h.random.big(0, 12), noticeSec: 3_600n, renewalPeriodCount: 2n, renewalRentBps: 9_000n },
          ...{ terminationFeeAssets: RENT / 8n, purchaseAssets: h.random.chance(0.5) ? 400_000n * UNIT : 0n },
        },
      });
      return true as const;
    },
  },
  {
    name: "settle",
    weight: 5,
    run: async (h) => {
      const leaseId = await leaseOf(h);
      if (leaseId === 0n) return undefined;
      const { status } = await h.stage.leases.lease(leaseId);
      return h.stage.leases.settle(leaseId, status.settledCount);
    },
  },
  {
    name: "pay",
    weight: 4,
    run: async (h) => {
      const leaseId = await leaseOf(h);
      if (leaseId === 0n) return undefined;
      const { status } = await h.stage.leases.lease(leaseId);
      const period = h.random.whole(Math.max(0, Number(status.settledCount) - 2), Number(status.settledCount));
      return h.stage.leases.connect(h.stage.mallory).pay(leaseId, period, h.random.amount(4, 11));
    },
  },
  {
    name: "end a lease",
    weight: 0.7,
    run: async (h) => {
      const { leases, servicer, mallory, dave } = h.stage;
      const leaseId = await leaseOf(h);
      if (leaseId === 0n) return undefined;
      const lessee = await leases.lesseeOf(leaseId);
      const by = leases.connect([servicer, mallory, dave].find(({ address }) => address === lessee));
      const kind = h.random.whole(0, 3);
      if (kind === 0) return by.terminate(leaseId);
      if (kind === 1) return by.renew(leaseId);
      if (kind === 2) return by.purchase(leaseId);
      const { status } = await leases.lease(leaseId);
      return leases.declareDefault(leaseId, h.random.whole(0, Number(status.settledCount)));
    },
  },
  { name: "collect", weight: 3, run: (h) => h.stage.deals[h.deal()]!.facility.collect() },
  {
    name: "sync a donation",
    weight: 0.5,
    run: async (h) => {
      const { facility } = h.stage.deals[h.deal()]!;
      await h.stage.asset.connect(h.stage.mallory).transfer(facility, h.random.amount(1, 8));
      return facility.sync();
    },
  },
  { name: "distribute", weight: 4, run: (h) => h.stage.deals[h.deal()]!.facility.distribute() },
  {
    name: "claim",
    weight: 2,
    run: (h) => {
      const someone = h.someone();
      return h.random.pick(h.stage.deals[h.deal()]!.tokens).connect(someone).claim(someone);
    },
  },
  {
    name: "transfer",
    weight: 2,
    run: async (h) => {
      const token = h.random.pick(h.stage.deals[h.deal()]!.tokens);
      const to = h.random.chance(0.8) ? h.someone() : h.credit.markets;
      return token.connect(await h.holderOf(token)).transfer(to, h.random.amount(1, 12));
    },
  },
];
