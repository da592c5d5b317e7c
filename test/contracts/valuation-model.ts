// Values computed anew from docs/capital.md §1, in whole numbers: what the contracts say is compared to this.

const WAD = 10n ** 18n;
const RAY = 10n ** 27n;
const BPS = 10_000n;
const YEAR_SEC = 31_536_000n;

const least = (...values: bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b));
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const up = (x: bigint, y: bigint): bigint => (x + y - 1n) / y;
export const cutOf = (assets: bigint, haircutBps: bigint): bigint => (assets * (BPS - haircutBps)) / BPS;

export interface LotFacts {
  costAssets: bigint;
  commissionedAt: bigint;
  residualBps: readonly number[];
  /** Today's index rate and the curve's reference; none where the curve goes with no index. */
  index?: readonly [rateWad: bigint, referenceWad: bigint];
  haircutBps: bigint;
  lease?: LeaseFacts;
}

export interface LeaseFacts {
  kind: "counted" | "uncounted" | "metered" | "foreign" | "default" | "bought";
  startAt: bigint;
  /** As agreed, without renewed periods. */
  termCount: number;
  endCount: number;
  settledCount: number;
  minPeriodCount: number;
  /** An early end; 0 for none. */
  endAt: bigint;
  rentAssets: bigint;
  renewalBps: bigint;
  feeAssets: bigint;
  priceAssets: bigint;
  /** Base rate and spread of the bucket that applies. */
  yearBps: bigint;
  owedAssets: bigint;
  /** Of a metered lease, all GPUs together. */
  hourAssets?: bigint;
}

export interface Worth {
  exitAssets: bigint;
  entryAssets: bigint;
  hardwareAssets: bigint;
  contractedAssets: bigint;
}

/** So many months after a midnight, on its day of the month or the month's last. */
export function monthsAfter(startAt: bigint, count: number): bigint {
  const start = new Date(Number(startAt) * 1000);
  const month = start.getUTCMonth() + count;
  const lastDay = new Date(Date.UTC(start.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const day = Math.min(start.getUTCDate(), lastDay);
  return BigInt(Date.UTC(start.getUTCFullYear(), month, day)) / 1000n + (startAt % 86_400n);
}

/** The curve: linear between the ends of years, flat after the last, the fall rounded up; 18 decimals. */
export function residualWad(points: readonly number[], ageSec: bigint): bigint {
  const year = Number(ageSec / YEAR_SEC);
  if (year >= points.length - 1) return (BigInt(points.at(-1)!) * WAD) / BPS;
  const [from, to] = [BigInt(points[year]!), BigInt(points[year + 1]!)];
  return (from * WAD) / BPS - up((from - to) * WAD * (ageSec % YEAR_SEC), YEAR_SEC * BPS);
}

export function hardwareAt(lot: LotFacts, timeAt: bigint): bigint {
  const ageSec = timeAt > lot.commissionedAt ? timeAt - lot.commissionedAt : 0n;
  const factorWad = lot.index === undefined ? WAD : (lot.index[0] * WAD) / lot.index[1];
  const partWad = (residualWad(lot.residualBps, ageSec) * factorWad) / WAD;
  return (lot.costAssets * least(WAD, partWad)) / WAD;
}

/** What the lessee cannot walk away from, by period from the next one to be invoiced. */
export function rentsOf(lease: LeaseFacts): bigint[] {
  const firmCount = lease.endAt === 0n ? lease.minPeriodCount : lease.endCount;
  const rents: bigint[] = [];
  for (let index = lease.settledCount; index < lease.endCount; ++index) {
    let rent = index < lease.termCount ? lease.rentAssets : (lease.rentAssets * lease.renewalBps) / BPS;
    if (lease.endAt !== 0n && index === lease.endCount - 1) {
      const [fromAt, untilAt] = [monthsAfter(lease.startAt, index), monthsAfter(lease.startAt, index + 1)];
      rent = (rent * (lease.endAt - fromAt)) / (untilAt - fromAt);
    }
    rents.push(index < firmCount ? rent : least(rent, lease.feeAssets));
  }
  return rents;
}

/** (1 + i)^k, each step rounded up, with 27 decimals. */
export function growthRay(yearBps: bigint, count: number): bigint[] {
  const i = up(yearBps * RAY, 12n * BPS);
  const growth = [RAY];
  for (let k = 1; k <= count; ++k) growth.push(up(growth[k - 1]! * (RAY + i), RAY));
  return growth;
}

/** Rent and hardware of both ways a lease may go: kept to its end, or its lot bought as soon as the lessee may. */
export function waysOf(lease: LeaseFacts, endAssets: bigint): [rent: bigint, hardware: bigint][] {
  const rents = rentsOf(lease);
  const growth = growthRay(lease.yearBps, rents.length);
  const present = (count: number) =>
    rents.slice(0, count).reduce((sum, rent, k) => sum + (rent * RAY) / growth[k + 1]!, 0n);
  const hasOption = lease.priceAssets > 0n;
  const atEnd = hasOption ? least(endAssets, lease.priceAssets) : endAssets;
  const ways: [bigint, bigint][] = [[present(rents.length), (atEnd * RAY) / growth[rents.length]!]];
  if (hasOption && lease.minPeriodCount < lease.endCount) {
    const m = Math.max(0, lease.minPeriodCount - lease.settledCount);
    ways.push([present(m), (lease.priceAssets * RAY) / growth[m]!]);
  }
  return ways;
}

/** The most that a lease can have earned by a time and not been invoiced for. */
function accruedOf(lease: LeaseFacts, timeAt: bigint): bigint {
  const fromAt = monthsAfter(lease.startAt, lease.settledCount);
  const untilAt = least(timeAt, lease.endAt === 0n ? monthsAfter(lease.startAt, lease.endCount) : lease.endAt);
  const elapsedSec = untilAt > fromAt ? untilAt - fromAt : 0n;
  const isMetered = lease.kind === "metered";
  const rent = isMetered
    ? up((lease.hourAssets ?? 0n) * elapsedSec, 3600n)
    : up(lease.rentAssets * elapsedSec, 2_419_200n);
  return up(rent * most(BPS, lease.renewalBps), BPS);
}

/** `maxAgeSec`: how long the value lasts. */
export function worthOf(lot: LotFacts, nowAt: bigint, maxAgeSec: bigint): Worth {
  const { haircutBps, lease } = lot;
  const now = hardwareAt(lot, nowAt);
  const plain = { exitAssets: cutOf(now, haircutBps), entryAssets: now, contractedAssets: 0n };
  const bare = { ...plain, hardwareAssets: plain.exitAssets };
  const isEarning = lease !== undefined && ["counted", "uncounted", "metered"].includes(lease.kind);
  const entryAssets = isEarning ? now + least(accruedOf(lease, nowAt + maxAgeSec), lot.costAssets / 12n) : now;
  const worth = { ...bare, entryAssets };
  if (lease === undefined || lease.kind === "default") return worth;
  if (lease.kind === "bought") return { exitAssets: 0n, entryAssets: 0n, hardwareAssets: 0n, contractedAssets: 0n };
  if (lease.kind === "foreign") return { ...worth, exitAssets: 0n };
  if (lease.kind === "metered") {
    return lease.priceAssets === 0n
      ? worth
      : { ...worth, exitAssets: cutOf(least(now, lease.priceAssets), haircutBps) };
  }
  const endAt = lease.endAt === 0n ? monthsAfter(lease.startAt, lease.endCount) : lease.endAt;
  const ways = waysOf(lease, hardwareAt(lot, most(nowAt, endAt)));
  const leased = least(...ways.map(([rent, hardware]) => rent + hardware));
  if (lease.kind === "uncounted") return { ...worth, exitAssets: cutOf(least(now, leased), haircutBps) };
  const exits = ways.map(([rent, hardware]) => ({ rent, exit: rent + cutOf(hardware, haircutBps) }));
  const exit = exits.reduce((a, b) => (b.exit < a.exit ? b : a));
  const [exitAssets, contractedAssets] = [least(exit.exit, lot.costAssets), least(exit.rent, lot.costAssets)];
  return { ...worth, exitAssets, entryAssets: most(entryAssets, leased), contractedAssets };
}

export interface FacilityFacts {
  cashAssets: bigint;
  collectableAssets: bigint;
  agesAssets: readonly bigint[];
  ageHaircutsBps: readonly bigint[];
  /** Of the last appraisal. */
  lots: readonly Worth[];
  owedAssets: bigint;
  /** Since then. */
  invoicedAssets: bigint;
}

export function facilityOf(facts: FacilityFacts): { exitAssets: bigint; entryAssets: bigint } {
  const sum = (values: readonly bigint[]) => values.reduce((a, b) => a + b, 0n);
  const moved = least(sum(facts.lots.map(({ contractedAssets }) => contractedAssets)), facts.invoicedAssets);
  const cap = facts.owedAssets + moved;
  const aged = sum(facts.agesAssets.map((assets, age) => cutOf(assets, facts.ageHaircutsBps[age]!)));
  const cash = facts.cashAssets + facts.collectableAssets;
  return {
    exitAssets: cash + least(aged, cap) + sum(facts.lots.map(({ exitAssets }) => exitAssets)) - moved,
    entryAssets: cash + sum(facts.agesAssets) + sum(facts.lots.map(({ entryAssets }) => entryAssets)),
  };
}

export interface FeeDue {
  dueAssets: bigint;
  capAssets: bigint;
}

export interface ClassDue {
  interestAssets: bigint;
  principalAssets: bigint;
}

/** What an enforcement list gives: fees up to their caps, the seniors one after the other, the rest of the fees, the residual. */
export function classesOf(assets: bigint, fees: readonly FeeDue[], seniors: readonly ClassDue[]): bigint[] {
  let left = assets;
  const pay = (due: bigint) => {
    const paid = least(due, left);
    left -= paid;
    return paid;
  };
  for (const fee of fees) pay(least(fee.dueAssets, fee.capAssets));
  const classes = seniors.map(({ interestAssets, principalAssets }) => pay(interestAssets) + pay(principalAssets));
  for (const fee of fees) pay(fee.dueAssets - least(fee.dueAssets, fee.capAssets));
  return [...classes, left];
}
