/**
 * Figures the main job is seeded with, each with its source. They make a plausible world; nothing on-chain depends on
 * them being right. Marks: V read in a primary or well-sourced text, V2 secondary source, D arithmetic from others.
 */

/** A GPU model: how dcgm-exporter names it, its thermal design power and a rent. */
export interface GpuModel {
  name: string;
  matches: RegExp;
  tdpW: number;
  /** US cents per GPU-hour. */
  rateCents: number;
  /** The name of the model in price panels. */
  priceName: string;
}

/**
 * TDP: vendor data sheets, as listed by mlco2/impact (MIT); B200: NVIDIA DGX B200 data sheet. H100 rate: $1.70, contract
 * rent of October 2025 (V); the others: median offer of 2026-08-22 at gpurentalprices.com (CC BY 4.0).
 */
const GPU_MODELS: GpuModel[] = [
  { name: "NVIDIA H100 80GB HBM3", matches: /H100/, tdpW: 700, rateCents: 170, priceName: "h100-sxm" },
  { name: "NVIDIA H200", matches: /H200/, tdpW: 700, rateCents: 450, priceName: "h200" },
  { name: "NVIDIA B200", matches: /B200/, tdpW: 1000, rateCents: 555, priceName: "b200" },
  { name: "NVIDIA A100-SXM4-80GB", matches: /A100/, tdpW: 400, rateCents: 174, priceName: "a100-sxm-80" },
  { name: "NVIDIA L40S", matches: /L40S/, tdpW: 350, rateCents: 157, priceName: "l40s" },
  { name: "NVIDIA L4", matches: /L4\b/, tdpW: 72, rateCents: 80, priceName: "l4" },
  { name: "Tesla T4", matches: /T4\b/, tdpW: 70, rateCents: 35, priceName: "t4" },
];

/** The catalogue's entry for a model name as dcgm-exporter prints it. */
export function gpuModel(name: string): GpuModel {
  const model = GPU_MODELS.find((entry) => entry.matches.test(name));
  if (model === undefined) {
    const known = GPU_MODELS.map((entry) => entry.name).join(", ");
    throw new Error(`no design power is known for GPU model ${JSON.stringify(name)}; known models: ${known}`);
  }
  return model;
}

/**
 * The facility is the xAI / Valor vehicle at a small scale: $12.5bn of debt on $20bn of cost, five years, GPUs leased
 * under take-or-pay (V); the coupon is the second vehicle's 9.5 % (V2).
 */
export const DEAL = {
  name: "xAI / Valor Compute Infrastructure, scaled",
  seniorShareBps: 6_250n, // 12.5 ÷ 20 (D)
  couponBps: 950n,
  termMonths: 60n,
  // Conventions of asset-backed deals: about six months of interest and expenses in reserve (V).
  reserveMonths: 6n,
  // Cash is trapped under 1.35 over three months, early amortisation is at 1.25 (V). The rest is assumed: a month to
  // cure a covenant, five days for interest, nine GPUs of ten to report.
  covenants: {
    ...{ trapDscrBps: 13_500n, amortiseDscrBps: 12_500n, dscrPeriodCount: 3n },
    ...{ maxLtvBps: 12_000n, minCoverageBps: 9_000n },
    ...{ covenantCureSec: 30n * 86_400n, interestCureSec: 5n * 86_400n, countries: ["0x5553"] },
  },
  /** A lot is auctioned from its cost down to half of it in a week: assumed. */
  auction: { startBps: 10_000n, floorBps: 5_000n, durationSec: 7n * 86_400n },
  // Service levels of a DGX cloud: under 99 % available 10 % credit, under 95 % 25 % (V2). Here nobody has to claim.
  sla: [
    { availabilityBps: 9_900n, creditBps: 1_000n },
    { availabilityBps: 9_500n, creditBps: 2_500n },
  ],
  // No public lease of GPUs says these: assumed.
  /** Due ten days after the invoice, a month to cure; late rent costs the coupon and five points more. */
  payment: { dueSec: 864_000n, lateFeeBps: 1_450n, cureSec: 2_592_000n },
  /** The lessee leaves after a year at the earliest, at three months' notice, and may stay a year more at 90 % of the rent. */
  exit: { minPeriodCount: 12n, noticeSec: 7_776_000n, renewalPeriodCount: 12n, renewalRentBps: 9_000n },
  /** The second best. */
  lesseeBucket: 1n,
  /** A lot's cost is this many months of its rent at full use: the payback the seed assumes. */
  paybackMonths: 36n,
  /** Each month, of the senior's original principal: trustee and servicer. */
  trusteeFeeBps: 2n,
  servicerFeeBps: 5n,
} as const;

/**
 * What stands behind a word. No public deal says these: assumed. A lot's bond is a twentieth of its cost, a prover has a
 * tenth of what is slashed, and a withdrawal waits two weeks: reports can be late and challenged for four days.
 */
export const BONDS = {
  lotBondBps: 500n,
  oracleBondAssets: 100_000_000_000n,
  proverBountyBps: 1_000n,
  unbondingSec: 14n * 86_400n,
} as const;

/**
 * Disputes, assumed too: three days to answer and six to rule. With the four in which a report can be late and disputed that is
 * less than a bond's withdrawal waits: what is disputed can still be slashed.
 */
export const DISPUTES = {
  bondAssets: 5_000_000_000n,
  burnBps: 2_000n,
  answerSec: 3n * 86_400n,
  rulingSec: 6n * 86_400n,
} as const;

/** Hours of an average month, 8,760 ÷ 12. */
export const MONTH_HOURS = 730n;

/** 419 interruptions in 54 days on 16,384 H100 (V), for each GPU and hour. */
export const INTERRUPTIONS_PER_GPU_HOUR = 419 / (54 * 24 * 16_384);

/** One value of an inverse distribution function: at this percentile, this value. */
export type Quantile = readonly [percentile: number, value: number];

/**
 * GPU telemetry of the Kalos cluster (2,416 A100): SM active in percent and board power in watts. Source: AcmeTrace,
 * "Characterization of Large Language Model Development in the Datacenter" (InternLM, CC-BY-4.0), quantiles computed
 * from its DCGM series.
 */
export const KALOS = {
  smActivePct: [
    [0, 0],
    [30, 0],
    [40, 1.848],
    [50, 33.006],
    [60, 65.092],
    [70, 71.242],
    [80, 76.87],
    [90, 91.334],
    [95, 94.058],
    [99, 99.049],
    [100, 100],
  ],
  powerW: [
    [0, 55.7],
    [10, 63],
    [20, 65],
    [30, 73],
    [40, 94],
    [50, 101.3],
    [60, 148.1],
    [70, 324.9],
    [80, 388.7],
    [90, 403.6],
    [95, 413],
    [99, 439.7],
    [100, 599.7],
  ],
  /** Of the board the power was measured on. */
  tdpW: 400,
} as const satisfies { smActivePct: Quantile[]; powerW: Quantile[]; tdpW: number };

/**
 * What oracles apply where a site has no meter of its own. PUE: a new air-cooled hall, under the 1.5 that GPU credit
 * criteria ask for (V). IT per GPU energy: 1.23, wall watts per GPU ÷ TDP of 8×H100 under training (V, MLPerf power
 * logs). Grid: United States 2023, 369 g/kWh and 1,738.73 of 4,249.05 TWh low-carbon (codecarbon, MIT, after Our World
 * in Data). Water: 1.8 l/kWh, the US data-centre average (Lawrence Berkeley National Laboratory, 2016).
 */
export const SITE_FACTORS = {
  pueE4: 12_500n,
  itPerGpuEnergyE4: 12_300n,
  cfeBps: 4_092n,
  gCO2ePerKWh: 369n,
  waterMlPerKWh: 1_800n,
} as const;
