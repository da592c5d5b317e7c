import * as model from "../../server/model/lease.ts";
import type { LeaseMeter } from "../../server/model/types.ts";
import { LotMeters } from "./leaseMeters.ts";
import { randomTerms, termsOf } from "./leaseTerms.ts";
import { collectable, watchedLease, watchedLedger, watchedReceivables, type Ledger } from "./leaseWatched.ts";
import { ANYONE, FIRST_PAYEE, LESSEE, LOT_IDS, OPERATOR, PAYEES, type LeaseWorld } from "./leaseWorld.ts";
import { max, Player } from "./player.ts";
import type { Random } from "./random.ts";
import type { Events } from "./running.ts";

// Random lives of a few leases on two lots, with early ends, defaults and purchases. What the model refuses the contract
// must refuse.

const DAY = 86_400n;
const HOUR = 3_600n;

interface OneLease {
  readonly lease: model.Lease;
  readonly leaseId: number;
  readonly lotIndex: number;
  /** Whether the lessee pays, by and large. */
  readonly isGood: boolean;
  /** How many periods' receivables are watched. */
  watchedCount: number;
}

export class LeaseHistory {
  private readonly world: LeaseWorld;
  private readonly random: Random;
  private readonly player: Player;
  private readonly ledger: Ledger = { leases: [], collected: new Map(), prices: new Map(), refundAssets: 0n };
  private readonly meters: LotMeters[];
  private readonly all: OneLease[] = [];

  constructor(world: LeaseWorld, random: Random) {
    this.world = world;
    this.random = random;
    this.player = new Player(world.stage, random);
    this.meters = LOT_IDS.map(() => new LotMeters(random));
  }

  async play(monthCount: number): Promise<Events> {
    const { player, random, world } = this;
    player.nowAt = (await world.stage.latestAt()) + random.big(1, 500) * DAY;
    await world.stage.watch(watchedLedger(world, this.ledger, () => player.nowAt));
    const lastAt = player.nowAt + BigInt(monthCount) * 30n * DAY;
    for (const lotIndex of LOT_IDS.keys()) if (lotIndex === 0 || random.chance(0.5)) await this.open(lotIndex);
    while (player.nowAt < lastAt) {
      const live = this.all.filter(({ lease }) => lease.settledCount < lease.periodCount);
      const one = random.pick(live.length > 0 && random.chance(0.9) ? live : this.all);
      this.advance(one);
      for (let count = random.whole(1, 4); count > 0; count--)
        this.something(random.chance(0.7) ? one : random.pick(this.all));
      await player.step();
      for (const other of this.all) await this.watchReceivables(other);
      if (live.length === 0 && random.chance(0.5)) await this.reopen();
      if (live.length === 0 && random.chance(0.2)) break;
    }
    return player.events;
  }

  private async open(lotIndex: number): Promise<void> {
    const { player, random, world } = this;
    const midnight = player.nowAt - (player.nowAt % DAY);
    const terms = randomTerms(random, midnight + random.big(0, 60) * DAY, world.dollarAssets);
    const payee = random.whole(0, PAYEES.length - 1);
    const leaseId = this.all.length + 1;
    const { actors } = world.stage;
    const parties = { lessee: actors[LESSEE]!, payee: actors[FIRST_PAYEE + payee]!, asset: world.addresses.coin };
    const lotId = LOT_IDS[lotIndex]!;
    const called = termsOf(
      terms,
      { ...parties, lotId, index: world.addresses.index },
      `0x${leaseId.toString(16).padStart(64, "0")}`,
    );
    player.tell(ANYONE, world.lots, "passLien", [lotId, parties.payee]);
    player.tell(OPERATOR, world.leases, "open", [called, "0x"]);
    const lease = model.openLease(terms, PAYEES[payee]!);
    this.ledger.leases.push(lease);
    const one = { lease, leaseId, lotIndex, isGood: random.chance(0.6), watchedCount: 0 };
    this.all.push(one);
    player.count(`open ${terms.pricing}`);
    await player.step();
    await world.stage.watch(watchedLease(world, lease, leaseId));
    player.nowAt += 1n;
    await this.watchReceivables(one);
  }

  private async watchReceivables(one: OneLease): Promise<void> {
    const { player, world } = this;
    const { lease, leaseId, watchedCount } = one;
    const until = lease.terms.periodCount + (lease.isRenewed ? lease.terms.exit.renewalPeriodCount : 0);
    if (until === watchedCount) return;
    const range = { from: watchedCount, until };
    await world.stage.watch(watchedReceivables(world, lease, leaseId, () => player.nowAt, range));
    one.watchedCount = until;
    player.nowAt += 1n;
  }

  private async reopen(): Promise<void> {
    for (const lotIndex of LOT_IDS.keys()) {
      const onLot = this.all.filter((one) => one.lotIndex === lotIndex);
      const isFree = onLot.every(({ lease }) => lease.settledCount === lease.periodCount && !lease.isBought);
      if (isFree && this.all.length < 5) return this.open(lotIndex);
    }
  }

  /** To the next end of a period, or somewhere near. */
  private advance({ lease }: OneLease): void {
    const { player, random } = this;
    const isLive = lease.settledCount < lease.periodCount;
    const endAt = isLive ? model.periodEndAt(lease, lease.settledCount) : player.nowAt + random.big(1, 40) * DAY;
    const kind = random.next();
    // The hour before a period begins is where an early end falls on its start.
    if (kind < 0.1) player.nowAt = max(endAt - random.big(1, 3_600), player.nowAt);
    else if (kind < 0.5) player.nowAt = max(endAt, player.nowAt);
    else if (kind < 0.75) player.nowAt = max(endAt, player.nowAt) + random.big(0, 15 * 86_400);
    else player.nowAt += random.big(1, 12 * 86_400);
  }

  private something(one: OneLease): void {
    const { random } = this;
    const isAwake = random.chance(0.5);
    const isLive = one.lease.settledCount < one.lease.periodCount;
    if (isAwake && isLive) this.settle(one);
    else if (one.isGood && random.chance(0.6)) this.pay(one);
    else this.whim(one);
  }

  private whim(one: OneLease): void {
    const doing = this.random.pick([
      () => this.settle(one),
      () => this.pay(one),
      () => this.payFromEscrow(one),
      () => this.prepay(one),
      () => this.declareDefault(one),
      () => this.declareDefault(one),
      () => this.rarely(() => this.terminate(one)),
      () => this.purchase(one),
      () => this.renew(one),
      () => this.refund(one),
      () => this.collect(),
      () => this.collectRefunds(),
      () => this.assign(one),
      () => this.rarely(() => this.markRelated(one)),
    ]);
    doing();
  }

  private rarely(doing: () => void): void {
    if (this.random.chance(0.25)) doing();
  }

  private settle({ lease, leaseId, lotIndex }: OneLease): void {
    const { player, random } = this;
    const index = lease.settledCount;
    const indexWad = this.fixedIndex(lease);
    const isDone = model.isSettleable(lease, player.nowAt, indexWad);
    if (!isDone) {
      this.attempt(LESSEE, "settle", [leaseId, index], false);
      return;
    }
    const [fromAt, untilAt] = [model.periodStartAt(lease, index), model.periodEndAt(lease, index)];
    const from = this.record(lotIndex, fromAt, lease);
    const to = this.record(lotIndex, untilAt, lease);
    const wrong = index + random.whole(1, 2);
    if (random.chance(0.1)) this.attempt(LESSEE, "settle", [leaseId, wrong], false);
    this.attempt(ANYONE, "settle", [leaseId, index], true);
    const { slaCreditAssets, bonusAssets, efficiencyCreditAssets } = model.settle(
      lease,
      player.nowAt,
      from,
      to,
      indexWad,
    );
    if (slaCreditAssets > 0n) player.count("SLA credit");
    if (bonusAssets > 0n) player.count("efficiency bonus");
    if (efficiencyCreditAssets > 0n) player.count("efficiency credit");
    if (lease.isRenewed && index >= lease.terms.periodCount) player.count("renewed period");
    if (untilAt < model.periodStartAt(lease, index + 1)) player.count("cut period");
    if (lease.terms.pricing === "IndexLinked" && indexWad === undefined) player.count("index never fixed");
  }

  /** The index of the day that the next period starts on, once it is decided. */
  private fixedIndex(lease: model.Lease): bigint | undefined {
    if (lease.terms.pricing !== "IndexLinked" || lease.settledCount >= lease.periodCount) return undefined;
    const { player, random, world } = this;
    const dayAt = model.periodStartAt(lease, lease.settledCount);
    const known = this.rates.get(dayAt);
    if (known !== undefined) return known;
    if (random.chance(0.4)) return undefined;
    const rateWad = random.amount(10, 20);
    this.rates.set(dayAt, rateWad);
    player.tell(ANYONE, world.index, "setRate", [world.modelId, dayAt, rateWad]);
    return rateWad;
  }

  private readonly rates = new Map<bigint, bigint>();

  private record(lotIndex: number, timeAt: bigint, lease: model.Lease): LeaseMeter {
    const meter = this.meters[lotIndex]!.at(timeAt, lease.terms);
    const rest = { smActiveGpuSec: 0n, gpuEnergyWh: 0n, cfeMatchedWh: 0n, waterMl: 0n, emissionsGCO2e: 0n };
    const full = { ...meter, ...rest, reportingCount: meter.gpuCount, workUnits: 0n };
    this.player.tell(ANYONE, this.world.meters, "record", [LOT_IDS[lotIndex], timeAt / HOUR - 1n, full]);
    return meter;
  }

  // Payments

  private pay({ lease, leaseId }: OneLease): void {
    const { player, random } = this;
    const index = random.whole(0, Math.max(lease.receivables.length - 1, 0));
    const owed = model.owedOn(lease, index, player.nowAt);
    const assets = random.chance(0.6) ? owed : random.part(owed * 2n + 10n);
    const isDone = assets > 0n && (lease.receivables[index] !== undefined || index < lease.periodCount);
    this.attempt(LESSEE, "pay", [leaseId, index, assets], isDone);
    if (!isDone) return;
    const receivable = lease.receivables[index];
    if (receivable !== undefined && model.lateFee(lease, receivable, player.nowAt) > 0n) player.count("late fee");
    model.pay(lease, player.nowAt, index, assets);
  }

  private payFromEscrow({ lease, leaseId }: OneLease): void {
    const { player, random } = this;
    const index = random.whole(0, Math.max(lease.receivables.length - 1, 0));
    const isDone = lease.escrowAssets > 0n && model.owedOn(lease, index, player.nowAt) > 0n;
    this.attempt(ANYONE, "payFromEscrow", [leaseId, index], isDone);
    if (isDone) model.payFromEscrow(lease, player.nowAt, index);
  }

  private prepay({ lease, leaseId }: OneLease): void {
    const assets = this.random.amount(1, 12);
    const isDone = lease.settledCount < lease.periodCount;
    this.attempt(LESSEE, "prepay", [leaseId, assets], isDone);
    if (isDone) model.prepay(lease, assets);
  }

  private collect(): void {
    const { player, random } = this;
    const payeeIndex = random.whole(0, PAYEES.length - 1);
    const payee = PAYEES[payeeIndex]!;
    const assets = collectable(this.ledger, payee);
    player.tell(FIRST_PAYEE + payeeIndex, this.world.leases, "collect", [this.world.addresses.coin]);
    this.ledger.collected.set(payee, (this.ledger.collected.get(payee) ?? 0n) + assets);
  }

  private collectRefunds(): void {
    this.player.tell(LESSEE, this.world.leases, "collect", [this.world.addresses.coin]);
    this.ledger.refundAssets = 0n;
  }

  private assign({ lease, leaseId, lotIndex }: OneLease): void {
    const { player, random, world } = this;
    if (!random.chance(0.3)) return;
    const payee = PAYEES[random.whole(0, PAYEES.length - 1)]!;
    const actor = (name: string) => FIRST_PAYEE + PAYEES.findIndex((other) => other === name);
    player.tell(ANYONE, world.lots, "passLien", [LOT_IDS[lotIndex], world.stage.actors[actor(payee)]]);
    player.tell(actor(lease.payee), world.leases, "assign", [leaseId, world.stage.actors[actor(payee)]]);
    lease.payee = payee;
    player.count("assign");
  }

  private markRelated({ lease, leaseId }: OneLease): void {
    const actor = FIRST_PAYEE + PAYEES.findIndex((name) => name === lease.payee);
    this.player.tell(actor, this.world.leases, "markRelated", [leaseId]);
    lease.relatedPayees.add(lease.payee);
    this.player.count("markRelated");
  }

  // The end

  private declareDefault({ lease, leaseId }: OneLease): void {
    const { player, random } = this;
    const index = random.whole(0, Math.max(lease.receivables.length - 1, 0));
    this.attempt(ANYONE, "declareDefault", [leaseId, index], model.declareDefault(lease, player.nowAt, index));
  }

  private terminate({ lease, leaseId }: OneLease): void {
    this.attempt(LESSEE, "terminate", [leaseId], model.terminate(lease, this.player.nowAt));
  }

  private purchase({ lease, leaseId }: OneLease): void {
    const { player, random, world } = this;
    // The lien is the payee's.
    const leastAssets = random.chance(0.6) ? 0n : lease.terms.exit.purchaseAssets + random.big(-1, 1);
    const holder = world.stage.actors[FIRST_PAYEE + PAYEES.findIndex((name) => name === lease.payee)];
    player.tell(ANYONE, { target: holder, interface: world.actorCalls }, "setLeast", [max(leastAssets, 0n)]);
    const isDone = model.purchase(lease, player.nowAt, leastAssets);
    this.attempt(LESSEE, "purchase", [leaseId], isDone);
    const { prices } = this.ledger;
    if (isDone) prices.set(lease.payee, (prices.get(lease.payee) ?? 0n) + lease.terms.exit.purchaseAssets);
  }

  private renew({ lease, leaseId }: OneLease): void {
    this.attempt(LESSEE, "renew", [leaseId], model.renew(lease, this.player.nowAt));
  }

  private refund({ lease, leaseId }: OneLease): void {
    const assets = model.refund(lease, this.player.nowAt);
    this.attempt(ANYONE, "refund", [leaseId], assets !== undefined && assets > 0n);
    this.ledger.refundAssets += assets ?? 0n;
  }

  private attempt(actor: number, verb: string, args: unknown[], isDone: boolean): void {
    this.player.tell(actor, this.world.leases, verb, args, !isDone);
    this.player.count(isDone ? verb : `${verb} refused`);
  }
}
