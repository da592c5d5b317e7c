import type { Interface, Log, LogDescription } from "ethers";

// What leases and facilities are owed and hold, folded from their events alone, in the order of the chain. Written from
// docs/deal.md and docs/capital.md; it shares no line with the contracts or with the server's model.

type Args = Record<string, bigint> & Record<string, unknown>;

export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const add = (map: Map<string, bigint>, key: string, value: bigint): unknown =>
  map.set(key, (map.get(key) ?? 0n) + value);
const less = (a: bigint, b: bigint): bigint => (a > b ? a - b : 0n);

export interface Owed {
  left: bigint;
  dueAt: bigint;
  payee: string;
}

export interface LeaseFold {
  lotId: bigint;
  lessee: string;
  payee: string;
  asset: string;
  pricing: bigint;
  startAt: bigint;
  baseRent: bigint;
  agreedCount: bigint;
  endCount: bigint;
  endAt: bigint;
  settledCount: bigint;
  minCount: bigint;
  fee: bigint;
  renewalBps: bigint;
  purchasePrice: bigint;
  bucket: bigint;
  isRelated: boolean;
  isInDefault: boolean;
  purchaser?: string;
  owed: Map<bigint, Owed>;
}

interface ClassFold {
  couponBps: bigint;
  outstanding: bigint;
  interestDue: bigint;
  missed: boolean;
}

export interface FeeTerms {
  readonly cap: bigint;
  readonly fixed: bigint;
  readonly bps: bigint;
}

export interface FacilityFold {
  address: string;
  state: bigint;
  escrow: bigint;
  collections: bigint;
  reserve: bigint;
  trapped: bigint;
  periodStartAt: bigint;
  feeDue: bigint;
  /** Of a fee: what a Fee step pays at most, what each date adds, and what of the rent since the date before. */
  fee: FeeTerms;
  paymentCount: bigint;
  firstPaymentAt: bigint;
  /** Rent that it had been paid when the last date was run. */
  countedRent: bigint;
  classes: ClassFold[];
  lots: Set<bigint>;
  lotChanges: bigint;
}

const NEVER = 2n ** 64n;
const PERFORMING = 2n;
const [FEE, INTEREST, PRINCIPAL, FEE_EXCESS, RESIDUAL] = [0n, 1n, 3n, 6n, 7n] as const;

export class Fold {
  readonly leases = new Map<bigint, LeaseFold>();
  readonly collectable = new Map<string, bigint>();
  /** What was ever invoiced to a payee, late fees that it was paid, and what lots that lessees bought fetched. */
  readonly invoiced = new Map<string, bigint>();
  readonly sold = new Map<string, bigint>();
  /** Leases in default, by whom they paid. */
  readonly defaulted = new Map<string, bigint>();
  /** Rent and fees that were paid for a payee. */
  readonly rent = new Map<string, bigint>();
  readonly facilities: FacilityFold[];

  constructor(
    facilities: readonly { address: string; couponsBps: readonly bigint[]; fee: FeeTerms; firstPaymentAt: bigint }[],
  ) {
    this.facilities = facilities.map(({ address, couponsBps, fee, firstPaymentAt }) => ({
      ...{ address, state: 0n, escrow: 0n, collections: 0n, reserve: 0n, trapped: 0n, periodStartAt: NEVER },
      ...{ fee, firstPaymentAt, paymentCount: 0n, countedRent: 0n },
      ...{ feeDue: 0n, lots: new Set<bigint>(), lotChanges: 0n },
      classes: couponsBps.map((couponBps) => ({ couponBps, outstanding: 0n, interestDue: 0n, missed: false })),
    }));
  }

  facility(address: string): FacilityFold | undefined {
    return this.facilities.find((one) => one.address === address);
  }

  // Leases

  readLease(event: LogDescription): void {
    const args = event.args as unknown as Args;
    const lease = this.leases.get(args["leaseId"]!);
    if (event.name === "Opened") this.open(args);
    else if (event.name === "Collected") this.collectable.set(String(args["payee"]), 0n);
    else if (lease !== undefined) this.changeLease(event.name, lease, args);
  }

  private open(args: Args): void {
    const terms = args["terms"] as unknown as Args;
    const exit = terms["exit"] as unknown as Args;
    this.leases.set(args["leaseId"]!, {
      ...{ lotId: args["lotId"]!, lessee: String(args["lessee"]), payee: String(terms["payee"]) },
      ...{ asset: String(terms["asset"]), pricing: terms["pricing"]!, startAt: terms["startAt"]! },
      ...{ baseRent: terms["baseRentAssets"]!, agreedCount: terms["periodCount"]!, endCount: terms["periodCount"]! },
      ...{ endAt: 0n, settledCount: 0n, minCount: exit["minPeriodCount"]!, fee: exit["terminationFeeAssets"]! },
      ...{ renewalBps: exit["renewalRentBps"]!, purchasePrice: exit["purchaseAssets"]! },
      ...{ bucket: terms["lesseeBucket"]!, isRelated: Boolean(terms["relatedParty"]), isInDefault: false },
      owed: new Map(),
    });
  }

  private changeLease(name: string, lease: LeaseFold, args: Args): void {
    const period = args["periodIndex"]!;
    if (name === "Invoiced" || name === "FeeInvoiced") {
      const payment = args["payment"] as unknown as Args;
      if (name === "Invoiced") lease.settledCount = period + 1n;
      this.credit(lease.payee, payment["paidAssets"]!);
      const owed = { left: payment["leftAssets"]!, dueAt: payment["dueAt"]!, payee: lease.payee };
      if (owed.left > 0n) lease.owed.set(period, owed);
      add(this.invoiced, lease.payee, payment["paidAssets"]! + owed.left);
    } else if (name === "Paid" || name === "PaidFromEscrow") {
      const reduction = args["reduction"] as unknown as Args;
      const owed = lease.owed.get(period);
      if (owed === undefined) return;
      this.credit(owed.payee, reduction["lateFeeAssets"]! + reduction["paidAssets"]!);
      owed.left = reduction["leftAssets"]!;
      add(this.invoiced, owed.payee, reduction["lateFeeAssets"]!);
    } else if (name === "Purchased") {
      add(this.collectable, lease.payee, args["assets"]!);
      add(this.sold, lease.payee, args["assets"]!);
      lease.purchaser = String(args["purchaser"]);
      [lease.endAt, lease.endCount] = [args["endAt"]!, args["endCount"]!];
    } else if (name === "Terminated" || name === "Defaulted") {
      [lease.endAt, lease.endCount] = [args["endAt"]!, args["endCount"]!];
      lease.isInDefault ||= name === "Defaulted";
      if (name === "Defaulted") add(this.defaulted, lease.payee, 1n);
    } else if (name === "Renewed") lease.endCount = args["periodCount"]!;
    else if (name === "Assigned") lease.payee = String(args["to"]);
    else if (name === "MarkedRelated") lease.isRelated = true;
  }

  private credit(payee: string, assets: bigint): void {
    add(this.rent, payee, assets);
    add(this.collectable, payee, assets);
  }

  /** The live lease of a lot. */
  leaseOn(lotId: bigint): LeaseFold | undefined {
    return [...this.leases.values()].find((lease) => lease.lotId === lotId && lease.settledCount < lease.endCount);
  }

  /** What is owed to a payee, by how many weeks it is past due: five ages. */
  ages(payee: string, nowAt: bigint): bigint[] {
    const ages = [0n, 0n, 0n, 0n, 0n];
    const week = (at: bigint) => at / 604_800n;
    for (const { left, dueAt, payee: to } of [...this.leases.values()].flatMap((lease) => [...lease.owed.values()])) {
      if (to !== payee) continue;
      const count = Number(max(0n, week(nowAt) - week(dueAt)));
      ages[count === 0 ? 0 : count <= 4 ? 1 : count <= 8 ? 2 : count <= 13 ? 3 : 4]! += left;
    }
    return ages;
  }

  // Facilities

  readFacility(facility: FacilityFold, event: LogDescription): void {
    const args = event.args as unknown as Args;
    const { classes } = facility;
    switch (event.name) {
      case "Subscribed":
        classes[Number(args["classIndex"])]!.outstanding += args["assets"]!;
        facility.escrow += args["assets"]!;
        break;
      case "FundingStarted":
        [facility.state, facility.periodStartAt] = [1n, args["startedAt"]!];
        break;
      case "Pledged":
        facility.lots.add(args["lotId"]!);
        facility.lotChanges += 1n;
        break;
      case "Drawn":
        facility.escrow = args["escrowAssets"]!;
        break;
      case "PerformingStarted":
        [facility.state, facility.escrow, facility.reserve] = [PERFORMING, 0n, args["reserveAssets"]!];
        break;
      case "ClassScheduled":
        classes[Number(args["classIndex"])]!.outstanding -= args["returnedAssets"]!;
        classes[Number(args["classIndex"])]!.interestDue = args["interestDueAssets"]!;
        break;
      case "Collected":
      case "SurplusBooked":
      case "LotSold":
        facility.collections = args["collectionsAssets"]!;
        break;
      case "StepPaid":
        this.payStep(facility, args);
        break;
      case "PaymentMade":
        facility.periodStartAt = args["dueAt"]!;
        facility.paymentCount += 1n;
        facility.countedRent = this.rent.get(facility.address) ?? 0n;
        [facility.collections, facility.reserve] = [0n, args["reserveAssets"]!];
        facility.trapped = args["trappedAssets"]!;
        break;
      case "InterestMissed":
        classes[Number(args["classIndex"])]!.missed = args["missedAt"] !== 0n;
        break;
      case "StateChanged":
        facility.state = args["to"]!;
        break;
      case "LotPurchased":
      case "Released":
      case "LotRedeemed":
        break;
      default:
    }
    if (["LotSold", "LotPurchased", "Released", "LotRedeemed"].includes(event.name)) {
      facility.lots.delete(args["lotId"]!);
      facility.lotChanges += 1n;
    }
  }

  /** The fee's two steps tell between them what is due of it; it comes first in every list. */
  private payStep(facility: FacilityFold, args: Args): void {
    const { kind, subjectIndex } = args["step"] as unknown as Args;
    const [due, paid] = [args["dueAssets"]!, args["paidAssets"]!];
    const { classes } = facility;
    const one = classes[Number(subjectIndex)]!;
    if (kind === FEE) facility.feeDue = due - paid;
    else if (kind === FEE_EXCESS) facility.feeDue += due - paid;
    else if (kind === INTEREST) one.interestDue = due - paid;
    else if (kind === PRINCIPAL) one.outstanding -= paid;
    else if (kind === RESIDUAL && !this.seniorsOwed(facility)) one.outstanding -= min(one.outstanding, paid);
  }

  private seniorsOwed({ classes }: FacilityFold): boolean {
    return classes.slice(0, -1).some(({ outstanding, interestDue }) => outstanding + interestDue > 0n);
  }

  cash({ escrow, collections, reserve, trapped }: FacilityFold): bigint {
    return escrow + collections + reserve + trapped;
  }

  /** Interest of a class to a time: what was not paid, and the period's by actual days over 360, to the second. */
  accrued({ state, periodStartAt, classes }: FacilityFold, classIndex: number, nowAt: bigint): bigint {
    const { couponBps, outstanding, interestDue } = classes[classIndex]!;
    const runs = state >= 1n && state <= 5n && nowAt > periodStartAt;
    return interestDue + (runs ? (outstanding * couponBps * (nowAt - periodStartAt)) / (10_000n * 360n * 86_400n) : 0n);
  }

  /** What the enforcement list gives each class out of so much: the fee to its cap, each senior whole before the next. */
  enforcement(facility: FacilityFold, assets: bigint, nowAt: bigint): bigint[] {
    const { cap, fixed, bps } = facility.fee;
    const isDue = facility.state >= PERFORMING && nowAt >= monthsAfter(facility.firstPaymentAt, facility.paymentCount);
    const rent = (this.rent.get(facility.address) ?? 0n) - facility.countedRent;
    const feeDue = facility.feeDue + (isDue ? fixed + (rent * bps) / 10_000n : 0n);
    let left = less(assets, min(feeDue, cap));
    const gets = facility.classes.slice(0, -1).map(({ outstanding }, classIndex) => {
      const got = min(left, outstanding + this.accrued(facility, classIndex, nowAt));
      left -= got;
      return got;
    });
    return [...gets, less(left, less(feeDue, cap))];
  }
}

/** A date so many months later, clamped to the month's end. */
export function monthsAfter(startAt: bigint, count: bigint): bigint {
  const start = new Date(Number(startAt) * 1000);
  const [year, month] = [start.getUTCFullYear(), start.getUTCMonth() + Number(count)];
  const day = Math.min(start.getUTCDate(), new Date(Date.UTC(year, month + 1, 0)).getUTCDate());
  return BigInt(Date.UTC(year, month, day) / 1000);
}

/** The events of a chain's logs by who emitted them. */
export function* eventsOf(
  logs: readonly Log[],
  places: ReadonlyMap<string, Interface>,
): Generator<{ address: string; event: LogDescription; log: Log }> {
  for (const log of logs) {
    const event = places.get(log.address)?.parseLog(log);
    if (event) yield { address: log.address, event, log };
  }
}
