import type { Interface } from "ethers";
import * as model from "../../server/model/facility.ts";
import { distribute } from "../../server/model/payment.ts";
import { claim, claimableAssets, transfer } from "../../server/model/shares.ts";
import * as triggers from "../../server/model/triggers.ts";
import { PAYEES, randomDeal, SHARE_ASSETS } from "./deal.ts";
import type { Random } from "./random.ts";
import { COUNTRY_CODE, settingsOf } from "./settings.ts";
import type { Act, Stage } from "./stage.ts";
import { COUNTRY, COVERAGE, LTV, watched } from "./watched.ts";

// One facility's random life, told to the model and to the contracts alike. What the model refuses the contracts must
// refuse too.

const DAY = 86_400n;
const HOLDERS = ["holder0", "holder1", "holder2", "holder3"] as const;
const [SPONSOR, LESSEE, FIRST_HOLDER, FIRST_PAYEE] = [0, 1, 2, 6] as const;
export const ACTOR_COUNT = FIRST_PAYEE + PAYEES.length;
const LOTS = ["1", "2", "3"] as const;
/** How well rents cover what is due. */
const MOODS = [
  [2, 4],
  [1.3, 2],
  [0.9, 1.5],
  [0.3, 1],
  [0, 0],
] as const;

export class FacilityHistory {
  readonly events: Record<string, number> = {};
  private readonly stage: Stage;
  private readonly random: Random;
  private readonly facility: model.Facility;
  private address = "";
  private tokens: string[] = [];
  private acts: Act[] = [];
  private nowAt = 0n;
  private pendingRent = 0n;
  private mood: number;

  constructor(stage: Stage, random: Random) {
    this.stage = stage;
    this.random = random;
    this.facility = model.openFacility(randomDeal(random));
    this.mood = random.whole(0, 3);
  }

  /** Plays so many months. */
  async play(monthCount: number): Promise<void> {
    await this.raise();
    const lastAt = model.paymentAt(this.facility, monthCount);
    while (this.nowAt < lastAt && model.isRunning(this.facility)) {
      const dueAt = model.paymentAt(this.facility, this.facility.nextIndex);
      if (this.random.chance(0.4) && this.nowAt + DAY < dueAt) await this.between(dueAt);
      await this.paymentDates(dueAt);
    }
  }

  // The raise, up to the start of performing

  private async raise(): Promise<void> {
    const { random, facility, stage } = this;
    const { terms } = facility;
    const { world } = stage;
    this.nowAt = BigInt(await world.networkHelpers.time.latest()) + 100n;
    const fundedAt = terms.firstPaymentAt - random.big(1, 100) * DAY - random.big(0, 3_600);
    const places = { ...world.settings, sponsor: stage.actors[SPONSOR]! };
    const settings = settingsOf(terms, places, fundedAt - random.big(1, 5 * 86_400), (payee) => this.payeeOf(payee));
    this.address = await world.facilities.create.staticCall(settings);
    await world.facilities.create(settings);
    const facilityView = world.facility.attach(this.address) as typeof world.facility;
    this.tokens = await Promise.all(terms.classes.map((_, index) => facilityView.classToken(index)));
    await this.watch();

    const { asset } = world;
    for (const index of HOLDERS.keys())
      this.act(FIRST_HOLDER + index, asset, asset.interface, "approve", [this.address, 2n ** 256n - 1n]);
    for (const [index, { targetAssets }] of terms.classes.entries()) {
      const part = random.chance(0.5) ? targetAssets : max(random.part(targetAssets), SHARE_ASSETS);
      let left = part;
      for (const [holderIndex, holder] of HOLDERS.entries()) {
        const assets = holderIndex === HOLDERS.length - 1 ? left : random.part(left);
        if (assets === 0n) continue;
        left -= assets;
        this.act(FIRST_HOLDER + holderIndex, this.address, this.calls, "subscribe", [index, assets]);
        model.subscribe(facility, index, holder, assets);
      }
    }
    await this.step();

    this.nowAt = fundedAt;
    this.act(SPONSOR, this.address, this.calls, "startFunding", []);
    model.startFunding(facility, this.nowAt);
    await this.step();

    this.nowAt += random.chance(0.7) ? random.big(1, 86_400) : random.big(0, 60) * DAY + 1n;
    this.draw();
    this.act(SPONSOR, this.address, this.calls, "startPerforming", []);
    model.startPerforming(facility, this.nowAt);
    await this.step();
  }

  private async watch(): Promise<void> {
    const { world, actors } = this.stage;
    const accounts = (names: readonly string[], first: number) =>
      new Map(names.map((name, index) => [name, actors[first + index]!]));
    await this.stage.watch(
      watched({
        facility: this.facility,
        address: this.address,
        calls: this.calls,
        tokens: this.tokens,
        tokenCalls: world.senior.interface,
        holders: accounts(HOLDERS, FIRST_HOLDER),
        payees: accounts(PAYEES, FIRST_PAYEE),
        nowAt: () => this.nowAt,
      }),
    );
  }

  private draw(): void {
    const { random, facility, stage } = this;
    const { pledges } = stage.world;
    // At least the residual's share is drawn, so that no class gets back more than it put in.
    const total = facility.escrowAssets - random.part(facility.escrowAssets / 3n);
    let left = total;
    const lotIds = LOTS.slice(0, random.whole(1, LOTS.length));
    for (const [index, lotId] of lotIds.entries()) {
      const assets = index === lotIds.length - 1 ? left : left / 2n;
      if (assets === 0n) continue;
      left -= assets;
      const costAssets = assets + random.part(assets);
      this.act(SPONSOR, pledges, pledges.interface, "setLot", [lotId, costAssets, 4, this.address]);
      this.act(SPONSOR, this.address, this.calls, "draw", [lotId, assets]);
      model.draw(facility, lotId, costAssets, assets);
    }
  }

  // Months

  /** Something happens between two dates. */
  private async between(dueAt: bigint): Promise<void> {
    this.nowAt += this.random.big(1, Number(dueAt - this.nowAt - 1n));
    this.things();
    await this.step();
  }

  /** A payment date on its second, or late, or some of them missed and then run. */
  private async paymentDates(dueAt: bigint): Promise<void> {
    const { random, facility } = this;
    const kind = random.next();
    if (kind < 0.6) this.nowAt = max(dueAt, this.nowAt + 1n);
    else if (kind < 0.9) this.nowAt = max(dueAt, this.nowAt) + random.big(1, 20 * 86_400);
    else this.nowAt = max(dueAt, this.nowAt) + random.big(20, 100) * DAY;
    if (random.chance(0.5)) this.things();
    this.payRent();
    let count = 0;
    while (model.isPaymentDue(facility, this.nowAt)) {
      this.distribute();
      count++;
      if (random.chance(0.05)) break;
      if (random.chance(0.3)) this.payRent();
    }
    if (count > 1) this.count("missed dates", count - 1);
    if (random.chance(0.5)) this.things();
    await this.step();
  }

  private distribute(): void {
    const { facility } = this;
    const before = facility.state;
    this.act(LESSEE, this.address, this.calls, "distribute", []);
    const { steps, paidAssets } = distribute(facility);
    this.count("date");
    if (facility.state !== before) this.count(`${before} to ${facility.state} by DSCR`);
    steps.forEach(({ kind }, index) => {
      if (paidAssets[index]! > 0n) this.count(`paid ${kind}`);
    });
  }

  /** A few random doings and attempts. */
  private things(): void {
    const { random } = this;
    for (let count = random.whole(0, 4); count > 0; count--) {
      const doing = random.pick([
        () => this.payRent(),
        () => this.surplus(),
        () => this.early(),
        () => this.claim(),
        () => this.claim(),
        () => this.transfer(),
        () => this.withdraw(),
        () => this.ltv(),
        () => this.coverage(),
        () => this.country(),
        () => this.pue(),
        () => this.declare(),
      ]);
      doing();
    }
  }

  /** Rent by the mood against what a month asks, sometimes left in the leases for later. */
  private payRent(): void {
    const { random, facility, stage } = this;
    const { rent } = stage.world;
    if (random.chance(0.12)) this.mood = random.whole(0, MOODS.length - 1);
    const [least, most] = MOODS[this.mood]!;
    const factor = BigInt(Math.floor((least + (most - least) * random.next()) * 1_000_000));
    const assets = (this.serviceOfMonth() * factor) / 1_000_000n;
    if (assets > 0n) {
      this.act(LESSEE, rent, rent.interface, "pay", [stage.world.settings.asset, this.address, assets]);
      this.pendingRent += assets;
    }
    if (random.chance(0.2)) return;
    this.act(LESSEE, this.address, this.calls, "collect", []);
    model.collect(facility, this.pendingRent);
    this.pendingRent = 0n;
  }

  private serviceOfMonth(): bigint {
    return this.facility.classes.reduce((sum, { terms, outstandingAssets, schedule }) => {
      if (terms.kind === "Residual") return sum;
      const principal = schedule.startAssets / BigInt(Math.max(terms.termMonthCount, 1));
      return sum + (outstandingAssets * terms.couponBps) / 120_000n + (outstandingAssets > 0n ? principal : 0n);
    }, 0n);
  }

  /** Money that nobody announced. */
  private surplus(): void {
    const { asset } = this.stage.world;
    const assets = this.random.amount(1, 9);
    this.act(LESSEE, asset, asset.interface, "transfer", [this.address, assets]);
    this.act(LESSEE, this.address, this.calls, "sync", []);
    model.bookProceeds(this.facility, assets);
    this.count("surplus");
  }

  /** A payment date before its time. */
  private early(): void {
    if (!model.isPaymentDue(this.facility, this.nowAt))
      this.act(LESSEE, this.address, this.calls, "distribute", [], true);
  }

  private claim(): void {
    const { random, facility } = this;
    const holderIndex = random.whole(0, HOLDERS.length - 1);
    const classIndex = random.whole(0, this.tokens.length - 1);
    const book = facility.classes[classIndex]!;
    const holder = HOLDERS[holderIndex]!;
    const isRefused = claimableAssets(book.shares, holder) === 0n;
    const actor = FIRST_HOLDER + holderIndex;
    const { interface: calls } = this.stage.world.senior;
    this.act(actor, this.tokens[classIndex]!, calls, "claim", [this.stage.actors[actor]], isRefused);
    if (!isRefused) this.count("claim");
    book.unclaimedAssets -= claim(book.shares, holder);
  }

  private transfer(): void {
    const { random, facility } = this;
    const classIndex = random.whole(0, this.tokens.length - 1);
    const [from, to] = [random.whole(0, HOLDERS.length - 1), random.whole(0, HOLDERS.length - 1)];
    const { shares } = facility.classes[classIndex]!;
    const amount = random.part(shares.holders.get(HOLDERS[from]!)?.shares ?? 0n);
    const { interface: calls } = this.stage.world.senior;
    const args = [this.stage.actors[FIRST_HOLDER + to], amount];
    this.act(FIRST_HOLDER + from, this.tokens[classIndex]!, calls, "transfer", args);
    transfer(shares, HOLDERS[from]!, HOLDERS[to]!, amount);
    this.count("transfer");
  }

  private withdraw(): void {
    const payeeIndex = this.random.whole(0, PAYEES.length - 1);
    const isRefused = model.withdraw(this.facility, PAYEES[payeeIndex]!) === 0n;
    const account = this.stage.actors[FIRST_PAYEE + payeeIndex];
    this.act(FIRST_PAYEE + payeeIndex, this.address, this.calls, "withdraw", [account], isRefused);
  }

  // Triggers

  private ltv(): void {
    const { random, facility, stage } = this;
    const { appraisal } = stage.world;
    const owed = model.seniorOwedAssets(facility, this.nowAt);
    const { maxLtvBps } = facility.terms.covenants;
    const edge = maxLtvBps === 0n ? owed : (owed * 10_000n) / maxLtvBps;
    const valueAssets = random.chance(0.4)
      ? max(edge + random.big(-1, 1), 0n)
      : (edge * random.big(500, 2_000)) / 1_000n;
    const value = { valueAssets, hardwareAssets: 0n, computedAt: this.nowAt, maxAgeSec: 0n };
    this.act(LESSEE, appraisal, appraisal.interface, "setValue", [this.address, value]);
    if (facility.breaches.ltvAt === 0n || random.chance(0.2))
      this.attempt("declareLtv", [], triggers.declareLtv(facility, this.nowAt, valueAssets));
    else this.attempt("cureLtv", [], triggers.cureLtv(facility, this.nowAt, valueAssets));
  }

  private coverage(): void {
    const { random, facility, stage } = this;
    const { appraisal } = stage.world;
    const lotId = random.pick(LOTS);
    const dayAt = this.nowAt - (this.nowAt % DAY) - random.big(0, 16) * DAY;
    const { minCoverageBps } = facility.terms.covenants;
    const coverageBps = max(minCoverageBps + random.big(-1, 1), 0n);
    this.act(LESSEE, appraisal, appraisal.interface, "setCoverage", [lotId, dayAt, coverageBps]);
    if (!facility.breaches.coverage.has(lotId) || random.chance(0.2)) {
      const isDone = triggers.declareCoverage(facility, this.nowAt, lotId, dayAt, coverageBps);
      this.attempt("declareCoverage", [lotId, dayAt], isDone);
    } else this.attempt("cureCoverage", [lotId, dayAt], triggers.cureCoverage(facility, lotId, dayAt, coverageBps));
  }

  private country(): void {
    const { random, facility, stage } = this;
    const { pledges } = stage.world;
    const lotId = random.pick(LOTS);
    const isAllowed = random.chance(0.5);
    this.act(LESSEE, pledges, pledges.interface, "setCountry", [lotId, isAllowed ? COUNTRY_CODE : "0x4652"]);
    if (!facility.breaches.country.has(lotId) || random.chance(0.2))
      this.attempt("declareCountry", [lotId], triggers.declareCountry(facility, this.nowAt, lotId, isAllowed));
    else this.attempt("cureCountry", [lotId], triggers.cureCountry(facility, lotId, isAllowed));
  }

  private pue(): void {
    const { random, facility, stage } = this;
    const { appraisal } = stage.world;
    if (facility.nextIndex === 0) return this.attempt("ratchet", [[...facility.lots.keys()]], false);
    const { fromAt, untilAt } = triggers.pueHours(facility);
    const row = facility.terms.ratchet.length === 0 ? undefined : random.pick(facility.terms.ratchet);
    const pueE4 = (row?.maxPueE4 ?? 12_000n) + random.big(0, 1);
    this.act(LESSEE, appraisal, appraisal.interface, "setPue", [fromAt, untilAt, pueE4]);
    this.attempt("ratchet", [[...facility.lots.keys()]], triggers.showPue(facility, this.nowAt, pueE4));
  }

  private declare(): void {
    const { random, facility } = this;
    const classIndex = random.whole(0, this.tokens.length - 1);
    const [trigger, name] = random.pick([
      [LTV, "Ltv"],
      [COVERAGE, "Coverage"],
      [COUNTRY, "Country"],
    ] as const);
    const lotId = trigger === LTV ? "0" : random.pick(LOTS);
    random.pick([
      () => {
        const isDone = triggers.declareAmortisation(facility, this.nowAt, name, lotId);
        this.attempt("declareAmortisation", [trigger, lotId], isDone);
      },
      () => {
        const isDone = triggers.declareInterestDefault(facility, this.nowAt, classIndex);
        this.attempt("declareInterestDefault", [classIndex], isDone);
      },
      () => {
        const isDone = triggers.declareMaturityDefault(facility, this.nowAt, classIndex);
        this.attempt("declareMaturityDefault", [classIndex], isDone);
      },
    ])();
  }

  private attempt(verb: string, args: unknown[], isDone: boolean): void {
    this.act(LESSEE, this.address, this.calls, verb, args, !isDone);
    this.count(isDone ? verb : `${verb} refused`);
  }

  // The words of a step

  private get calls(): Interface {
    return this.stage.world.facility.interface;
  }

  private payeeOf(name: string): string {
    return this.stage.actors[FIRST_PAYEE + PAYEES.indexOf(name as (typeof PAYEES)[number])]!;
  }

  private act(
    actorIndex: number,
    target: string | { target: unknown },
    calls: Interface,
    verb: string,
    args: unknown[],
    isRefused = false,
  ): void {
    const address = typeof target === "string" ? target : String(target.target);
    const text = `${verb}(${args.join(", ")})`;
    this.acts.push({ actorIndex, target: address, data: calls.encodeFunctionData(verb, args), isRefused, text });
  }

  private async step(): Promise<void> {
    await this.stage.play(this.nowAt, this.acts);
    this.acts = [];
    this.count("step");
    this.nowAt += 1n;
  }

  private count(event: string, times = 1): void {
    this.events[event] = (this.events[event] ?? 0) + times;
  }
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
