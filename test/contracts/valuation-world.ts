import { deployAuthority, ethers, networkHelpers, usd } from "./marketsWorld.ts";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";

export { ethers, networkHelpers, usd };

export const DAY_SEC = 86_400n;
export const YEAR_SEC = 365n * DAY_SEC;
export const MODEL = ethers.id("H100 SXM");
// H100 residual, the lower ends published for years 1 to 5 (marked V2 in the deal notes).
export const CURVE = [10_000, 6000, 4000, 2500, 1500, 1000];
export type Haircuts = [number, number, number, number, number];
export type Spreads = [number, number, number, number, number, number, number, number];
export const EVIDENCE: Haircuts = [10_000, 5000, 2500, 1000, 0];
export const RECEIVABLES: Haircuts = [1000, 2500, 5000, 8000, 10_000];
export const BASE_RATE = 400;
export const SPREADS: Spreads = [100, 150, 200, 300, 450, 700, 1100, 2000];
export const COST = usd(1_000_000);
export const LIMITS = { maxAgeSec: DAY_SEC, maxMoveBps: 1000n, holdSec: 6n * 3600n };
export const NO_AGES: [bigint, bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n, 0n];

/** A valuation over mocks that say what a test wants: one facility with its lots, leases, telemetry and index. */
export async function deployValuation() {
  const [admin, stranger, lessee] = await ethers.getSigners();
  const loan = await ethers.deployContract("MockToken", [6]);
  const seams = await ethers.deployContract("MockSeams", [loan]);
  const letting = await ethers.deployContract("MockLetting");
  const index = await ethers.deployContract("MockIndex");
  const authority = await deployAuthority();
  const valuation = await ethers.deployContract("Valuation", [authority, seams, seams, letting, index, LIMITS]);
  const startAt = BigInt(await networkHelpers.time.latest());
  await valuation.setHaircuts(EVIDENCE, RECEIVABLES);
  await valuation.setDiscount(BASE_RATE, SPREADS);
  await valuation.setCurve(MODEL, startAt, 90n * DAY_SEC, 0, CURVE);
  await seams.setReportedUntil(startAt);
  const signers = { admin: admin!, stranger: stranger!, lessee: lessee! };
  return { ...signers, loan, seams, letting, index, valuation, authority, startAt };
}

export type ValuationWorld = Awaited<ReturnType<typeof deployValuation>>;

/** Pledges a lot that is `ageSec` old when the world starts. */
export async function pledge(
  { seams, startAt }: Pick<ValuationWorld, "seams" | "startAt">,
  lotId: number,
  evidence: number,
  ageSec = 0n,
  costAssets = COST,
): Promise<void> {
  const lot = {
    siteId: 1,
    operator: await seams.getAddress(),
    gpuCount: 8,
    tdpW: 700,
    modelId: MODEL,
    costAssets,
    commissionedAt: startAt - ageSec,
    identityRoot: ethers.ZeroHash,
  };
  await seams.pledge(lotId, lot, evidence);
}

/** A, B and the residual: 600, 200 and 100 shares, owed 606 and 203; 500 of cash. */
export async function deployFacility() {
  const world = await deployValuation();
  const { seams, loan, admin } = world;
  const classes = [];
  for (const [shares, owed] of [
    [600, 606],
    [200, 203],
    [100, 0],
  ] as const) {
    const share = await ethers.deployContract("MockShare", [loan, 6]);
    await share.mint(admin, usd(shares));
    await seams.addClass(share, usd(owed));
    classes.push(share);
  }
  await seams.setLedger(usd(500), usd(100));
  return { ...world, classes };
}

export async function deployAppraised() {
  const world = await deployFacility();
  await world.valuation.appraise(world.seams, []);
  return world;
}

/** What a test may change of a lease: three years from `startAt`, 30,000 a month, nothing else agreed. */
export interface LeaseChanges {
  lotId?: number;
  pricing?: number;
  startAt?: bigint;
  periodCount?: number;
  baseRentAssets?: bigint;
  gpuHourRateAssets?: bigint;
  lesseeBucket?: number;
  relatedParty?: boolean;
  payee?: string;
  asset?: string;
  lessee?: string;
  exit?: Partial<Record<keyof typeof NO_CLAUSES.exit, bigint>>;
  status?: Partial<LeaseStatus>;
}

interface LeaseStatus {
  payee: string;
  periodCount: number;
  endCount: number;
  settledCount: number;
  purchaser: string;
  endAt: bigint;
  isInDefault: boolean;
  owedAssets: bigint;
}

/** Terms and status as the leases would tell them. */
export async function leaseOf(world: ValuationWorld, changes: LeaseChanges = {}) {
  const { status = {}, exit = {}, ...changed } = changes;
  const facility = await world.seams.getAddress();
  const periodCount = changed.periodCount ?? 36;
  const terms = {
    ...NO_CLAUSES,
    lotId: 1,
    lessee: world.lessee.address,
    payee: facility,
    asset: await world.loan.getAddress(),
    pricing: 0,
    startAt: world.startAt - (world.startAt % DAY_SEC),
    periodCount,
    baseRentAssets: usd(30_000),
    gpuHourRateAssets: 0n,
    payment: { dueSec: 0n, lateFeeBps: 0n, cureSec: 0n, prepaidMonthCount: 0n, depositAssets: 0n },
    lesseeBucket: 0,
    countries: [],
    sla: [],
    documentHash: ethers.ZeroHash,
    salt: ethers.ZeroHash,
    ...changed,
    exit: { ...NO_CLAUSES.exit, minPeriodCount: BigInt(periodCount), ...exit },
  };
  const is = {
    payee: facility,
    periodCount,
    endCount: periodCount,
    settledCount: 0,
    purchaser: ethers.ZeroAddress,
    endAt: 0n,
    isInDefault: false,
    assetDecimalCount: 0,
    prepaidAssets: 0n,
    depositAssets: 0n,
    owedAssets: 0n,
    ...status,
  };
  return { terms, status: is };
}
