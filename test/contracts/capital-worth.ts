import type { LogDescription } from "ethers";
import { max, min, monthsAfter, type FacilityFold, type Fold, type LeaseFold } from "./capital-fold.ts";

// What lots, facilities and classes are worth, worked out again from events and public inputs by docs/capital.md §1.

type Args = Record<string, bigint> & Record<string, unknown>;

const WAD = 10n ** 18n;
const RAY = 10n ** 27n;
const BPS = 10_000n;
const YEAR = 365n * 86_400n;
const INDEX_AGE = 5n * 86_400n;
const NEVER = 2n ** 255n;
const cut = (assets: bigint, haircutBps: bigint): bigint => (assets * (BPS - haircutBps)) / BPS;
const up = (x: bigint, y: bigint): bigint => (x + y - 1n) / y;

export interface Lot {
  cost: bigint;
  commissionedAt: bigint;
  haircutBps: bigint;
}

interface Worth {
  exit: bigint;
  entry: bigint;
  contracted: bigint;
  owed: bigint;
  knownAt: bigint;
}

interface Appraisal extends Worth {
  perCostWad: bigint;
  hasLots: boolean;
  heldUntilAt: bigint;
  /** What it was made after; any more of these voids it. */
  changes: bigint;
  invoiced: bigint;
  sold: bigint;
}

export interface Limits {
  maxAge: bigint;
  maxMoveBps: bigint;
  hold: bigint;
}

export class Values {
  private readonly limits: Limits;
  private readonly lots: ReadonlyMap<bigint, Lot>;
  private readonly ratings = new Map<string, { asOfAt: bigint; maxAge: bigint; bucket: bigint }>();
  private readonly last = new Map<string, Appraisal>();
  private curve = { asOfAt: 0n, maxAge: 0n, referenceWad: 0n, points: [] as bigint[] };
  private receivableBps: bigint[] = [BPS, BPS, BPS, BPS, BPS];
  private baseBps = 5_000n;
  private spreadsBps: bigint[] = Array.from({ length: 8 }, () => 5_000n);
  private newest = { dayAt: 0n, rateWad: 0n };
  private inputs = 0n;

  constructor(limits: Limits, lots: ReadonlyMap<bigint, Lot>) {
    [this.limits, this.lots] = [limits, lots];
  }

  /** The evidence haircuts are in the lots; everything else is in the events. */
  read({ name, args: all }: LogDescription): void {
    const args = all as unknown as Args;
    if (name === "Fixed") {
      if (args["dayAt"]! > this.newest.dayAt) {
        this.newest = { dayAt: args["dayAt"]!, rateWad: args["rateWad"]! };
        this.inputs += 1n; // what was valued before is void
      }
      return;
    }
    if (name === "CurveSet") {
      const curve = args["curve"] as unknown as Args & { residualBps: bigint[] };
      this.curve = {
        ...{ asOfAt: curve["asOfAt"]!, maxAge: curve["maxAgeSec"]!, referenceWad: curve["referenceWad"]! },
        points: [...curve.residualBps],
      };
    } else if (name === "HaircutsSet") this.receivableBps = [...(args["receivablesBps"] as unknown as bigint[])];
    else if (name === "DiscountSet") {
      [this.baseBps, this.spreadsBps] = [args["baseRateBps"]!, [...(args["spreadBps"] as unknown as bigint[])]];
    } else if (name === "Rated") {
      const rating = args["rating"] as unknown as Args;
      const { asOfAt, maxAgeSec, lesseeBucket } = rating;
      this.ratings.set(String(args["lessee"]), { asOfAt: asOfAt!, maxAge: maxAgeSec!, bucket: lesseeBucket! });
    } else return;
    this.inputs += 1n;
  }

  // A lot

  private hardware({ cost, commissionedAt }: Lot, at: bigint, factorWad: bigint): bigint {
    const { points } = this.curve;
    const age = max(0n, at - commissionedAt);
    const year = age / YEAR;
    let partWad = (points.at(-1)! * WAD) / BPS;
    if (year < points.length - 1) {
      const [from, to] = [points[Number(year)]!, points[Number(year) + 1]!];
      partWad = (from * WAD) / BPS - up((from - to) * WAD * (age % YEAR), YEAR * BPS);
    }
    return (cost * min(WAD, (partWad * factorWad) / WAD)) / WAD;
  }

  private dated(asOfAt: bigint, maxAge: bigint): bigint {
    return asOfAt + maxAge - this.limits.maxAge;
  }

  private lotWorth(lot: Lot, lease: LeaseFold | undefined, facility: string, asset: string, nowAt: bigint): Worth {
    const { asOfAt, maxAge, referenceWad } = this.curve;
    let knownAt = this.dated(asOfAt, maxAge);
    let factorWad = WAD;
    if (referenceWad > 0n) {
      factorWad = (this.newest.rateWad * WAD) / referenceWad;
      knownAt = min(knownAt, this.dated(this.newest.dayAt + 86_400n, INDEX_AGE));
    }
    const now = this.hardware(lot, nowAt, factorWad);
    const worth = { exit: cut(now, lot.haircutBps), entry: now, contracted: 0n, owed: 0n, knownAt };
    if (lease === undefined || (lease.isInDefault && lease.purchaser === undefined)) return worth;
    if (lease.purchaser !== undefined) return { ...worth, exit: 0n, entry: 0n };
    if (lease.payee !== facility || lease.asset !== asset) return { ...worth, exit: 0n };
    const rating = this.ratings.get(lease.lessee);
    const isRated = rating !== undefined && rating.maxAge > 0n && nowAt <= rating.asOfAt + rating.maxAge;
    const isCounted = isRated && !lease.isRelated;
    const bucket = isCounted ? max(rating.bucket, lease.bucket) : 7n;
    const endAt = lease.endAt > 0n ? lease.endAt : monthsAfter(lease.startAt, lease.endCount);
    const end = this.hardware(lot, max(nowAt, endAt), factorWad);
    const rateRay = up((this.baseBps + this.spreadsBps[Number(bucket)]!) * RAY, 12n * BPS);
    const [whole] = leased(lease, endAt, end, rateRay, 0n);
    // The most that accrued, by the time the value expires, since the last invoiced month.
    const from = monthsAfter(lease.startAt, lease.settledCount);
    const elapsed = max(0n, min(nowAt + this.limits.maxAge, endAt) - from);
    const most = up(up(lease.baseRent * elapsed, 28n * 86_400n) * max(BPS, lease.renewalBps), BPS);
    const accrued = min(most, lot.cost / 12n);
    if (!isCounted) return { ...worth, exit: cut(min(now, whole), lot.haircutBps), entry: now + accrued };
    const [exit, contracted] = leased(lease, endAt, end, rateRay, lot.haircutBps);
    const owed = [...lease.owed.values()].reduce((sum, { left }) => sum + left, 0n);
    return {
      ...{ exit: min(exit, lot.cost), entry: max(now + accrued, whole), contracted: min(contracted, lot.cost), owed },
      knownAt: min(knownAt, this.dated(rating.asOfAt, rating.maxAge)),
    };
  }

  // A facility

  appraise(fold: Fold, facility: FacilityFold, asset: string, nowAt: bigint, reportedUntilAt: bigint): void {
    const { address, lots } = facility;
    const sum = { exit: 0n, entry: 0n, contracted: 0n, owed: 0n, knownAt: min(nowAt, reportedUntilAt) };
    let cost = 0n;
    for (const lotId of lots) {
      const lot = this.lots.get(lotId)!;
      const one = this.lotWorth(lot, fold.leaseOn(lotId), address, asset, nowAt);
      cost += lot.cost;
      sum.exit += one.exit;
      sum.entry += one.entry;
      sum.contracted += one.contracted;
      sum.owed += one.owed;
      sum.knownAt = min(sum.knownAt, one.knownAt);
    }
    const perCostWad = cost === 0n ? 0n : (sum.exit * WAD) / cost;
    const before = this.last.get(address);
    let heldUntilAt = before?.heldUntilAt ?? 0n;
    if (before !== undefined && this.isJump(before, perCostWad, cost, nowAt)) {
      heldUntilAt = max(heldUntilAt, nowAt + this.limits.hold);
    }
    this.last.set(address, {
      ...{ ...sum, perCostWad, hasLots: cost > 0n, heldUntilAt, changes: this.changes(fold, facility) },
      ...{ invoiced: fold.invoiced.get(address) ?? 0n, sold: fold.sold.get(address) ?? 0n },
    });
  }

  /** Inputs, lots that came or went, payment dates and defaults so far. */
  private changes(fold: Fold, { address, lotChanges, paymentCount }: FacilityFold): bigint {
    return this.inputs + lotChanges + paymentCount + (fold.defaulted.get(address) ?? 0n);
  }

  private isJump(before: Appraisal, perCostWad: bigint, cost: bigint, nowAt: bigint): boolean {
    const moved = perCostWad > before.perCostWad ? perCostWad - before.perCostWad : before.perCostWad - perCostWad;
    const isFresh = nowAt <= before.knownAt + this.limits.maxAge;
    return before.hasLots && cost > 0n && isFresh && moved * BPS > before.perCostWad * this.limits.maxMoveBps;
  }

  facility(fold: Fold, facility: FacilityFold, nowAt: bigint) {
    const { address } = facility;
    const empty = { exit: 0n, entry: 0n, contracted: 0n, owed: 0n, knownAt: 0n, heldUntilAt: 0n };
    const last = this.last.get(address);
    const from = last ?? empty;
    const moved = min(from.contracted, (fold.invoiced.get(address) ?? 0n) - (last?.invoiced ?? 0n));
    const most = from.owed + moved;
    const ages = fold.ages(address, nowAt);
    const unpaid = ages.reduce((sum, age) => sum + age, 0n);
    const kept = ages.reduce((sum, age, i) => sum + cut(age, this.receivableBps[i]!), 0n);
    const cash = fold.cash(facility) + (fold.collectable.get(address) ?? 0n);
    const isVoid =
      last === undefined ||
      last.changes !== this.changes(fold, facility) ||
      last.sold !== (fold.sold.get(address) ?? 0n);
    return {
      exit: cash + min(kept, most) + from.exit - moved,
      entry: cash + unpaid + from.entry,
      computedAt: isVoid ? 0n : from.knownAt,
      heldUntilAt: from.heldUntilAt,
    };
  }
}

/** A let lot: kept to the lease's end, or sold as soon as the lessee may buy it, whichever is less; and its rent. */
function leased(lease: LeaseFold, endAt: bigint, end: bigint, rateRay: bigint, haircutBps: bigint): [bigint, bigint] {
  const price = lease.purchasePrice === 0n ? NEVER : lease.purchasePrice;
  const firm = lease.endAt > 0n ? lease.endCount : lease.minCount;
  const renewed = (lease.baseRent * lease.renewalBps) / BPS;
  let [rent, factor] = [0n, RAY];
  let sold: [bigint, bigint] | undefined;
  for (let month = lease.settledCount; month < lease.endCount; ++month) {
    if (month === lease.minCount) sold = [rent, factor];
    factor = up(factor * (RAY + rateRay), RAY);
    let due = month < lease.agreedCount ? lease.baseRent : renewed;
    if (month + 1n === lease.endCount) {
      const [from, whole] = [monthsAfter(lease.startAt, month), monthsAfter(lease.startAt, month + 1n)];
      due = (due * (endAt - from)) / (whole - from);
    }
    if (month >= firm) due = min(due, lease.fee);
    rent += (due * RAY) / factor;
  }
  const kept = rent + cut((min(end, price) * RAY) / factor, haircutBps);
  if (price === NEVER || lease.minCount >= lease.endCount) return [kept, rent];
  const [soldRent, soldFactor] = sold ?? [0n, RAY];
  const early = soldRent + cut((price * RAY) / soldFactor, haircutBps);
  return early < kept ? [early, soldRent] : [kept, rent];
}
