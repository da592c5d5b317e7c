import type { Hex } from "./bytes.ts";
import { demand } from "./refusal.ts";
import { BPS, E4, EPOCH_SEC, MILLI, u32, u64 } from "./units.ts";

/** A lot's cumulative counters: ITelemetry.Meter. */
export interface Meter {
  readonly gpuCount: bigint;
  readonly reportingCount: bigint;
  readonly availableGpuSec: bigint;
  readonly allocatedGpuSec: bigint;
  readonly smActiveGpuSec: bigint;
  readonly gpuEnergyWh: bigint;
  readonly itEnergyWh: bigint;
  readonly facilityEnergyWh: bigint;
  readonly cfeMatchedWh: bigint;
  readonly waterMl: bigint;
  readonly emissionsGCO2e: bigint;
  readonly curtailedGpuSec: bigint;
  readonly workUnits: bigint;
}

/** A meter as it is signed and stored: LotMeter of MeterWords.sol. */
export interface LotMeter {
  readonly lotId: bigint;
  readonly tdpW: bigint;
  readonly timeWord: Hex;
  readonly energyWord: Hex;
  readonly resourceWord: Hex;
}

/** What happened between two meters, as Telemetry.ratios gives it; floored, 0 where the denominator is 0. */
export interface Ratios {
  readonly allocationBps: bigint;
  readonly smActiveBps: bigint;
  readonly pueE4: bigint;
  readonly gpuHoursPerMWh: bigint;
  readonly cfeBps: bigint;
  readonly gCO2ePerKWh: bigint;
  readonly coverageBps: bigint;
}

/** The counters that add up over time: all but the two counts. */
export const COUNTERS = [
  "availableGpuSec",
  "allocatedGpuSec",
  "smActiveGpuSec",
  "gpuEnergyWh",
  "itEnergyWh",
  "facilityEnergyWh",
  "cfeMatchedWh",
  "waterMl",
  "emissionsGCO2e",
  "curtailedGpuSec",
  "workUnits",
] as const;

type Lane = readonly [keyof Meter, 32 | 64];

// Most significant lane first.
const TIME: readonly Lane[] = [
  ["gpuCount", 32],
  ["reportingCount", 32],
  ["availableGpuSec", 64],
  ["allocatedGpuSec", 64],
  ["smActiveGpuSec", 64],
];
const ENERGY: readonly Lane[] = [
  ["gpuEnergyWh", 64],
  ["itEnergyWh", 64],
  ["facilityEnergyWh", 64],
  ["cfeMatchedWh", 64],
];
const RESOURCE: readonly Lane[] = [
  ["waterMl", 64],
  ["emissionsGCO2e", 64],
  ["curtailedGpuSec", 64],
  ["workUnits", 64],
];

/** A meter of a lot of `gpuCount` boards before its first report. */
export function emptyMeter(gpuCount: bigint): Meter {
  const zeros = Object.fromEntries(COUNTERS.map((counter) => [counter, 0n])) as Record<
    (typeof COUNTERS)[number],
    bigint
  >;
  return { ...zeros, gpuCount, reportingCount: 0n };
}

function packWord(meter: Meter, lanes: readonly Lane[]): Hex {
  let word = 0n;
  for (const [name, bits] of lanes) {
    const value = bits === 32 ? u32(meter[name], name) : u64(meter[name], name);
    word = (word << BigInt(bits)) | value;
  }
  return `0x${word.toString(16).padStart(64, "0")}`;
}

function unpackWord(word: Hex, lanes: readonly Lane[]): Partial<Record<keyof Meter, bigint>> {
  let rest = BigInt(word);
  const values: Partial<Record<keyof Meter, bigint>> = {};
  for (const [name, bits] of lanes.toReversed()) {
    values[name] = BigInt.asUintN(bits, rest);
    rest >>= BigInt(bits);
  }
  return values;
}

/** Three packed words; refuses a counter that does not fit its lane. */
export function packMeter(lotId: bigint, tdpW: bigint, meter: Meter): LotMeter {
  return {
    lotId: u64(lotId, "lotId"),
    tdpW: u32(tdpW, "tdpW"),
    timeWord: packWord(meter, TIME),
    energyWord: packWord(meter, ENERGY),
    resourceWord: packWord(meter, RESOURCE),
  };
}

/** The counters of three packed words. */
export function unpackMeter(words: Pick<LotMeter, "timeWord" | "energyWord" | "resourceWord">): Meter {
  return {
    ...unpackWord(words.timeWord, TIME),
    ...unpackWord(words.energyWord, ENERGY),
    ...unpackWord(words.resourceWord, RESOURCE),
  } as Meter;
}

/** The meter after an epoch: the counters grow by the epoch's, the counts are the epoch's. */
export function addMeter(before: Meter, epochMeter: Meter): Meter {
  const sums = COUNTERS.map((counter) => [counter, u64(before[counter] + epochMeter[counter], counter)]);
  return { ...epochMeter, ...(Object.fromEntries(sums) as Partial<Meter>) };
}

/** What a meter grew by since an earlier one; the counts are the later one's. Refuses a counter that fell. */
export function subtractMeter(later: Meter, earlier: Meter): Meter {
  const differences = COUNTERS.map((counter) => {
    const facts = { counter, before: earlier[counter], after: later[counter] };
    demand(later[counter] >= earlier[counter], "Meter_CounterFell", facts);
    return [counter, later[counter] - earlier[counter]];
  });
  return { ...later, ...(Object.fromEntries(differences) as Partial<Meter>) };
}

function ratio(part: bigint, scale: bigint, whole: bigint): bigint {
  return whole === 0n ? 0n : (part * scale) / whole;
}

/** Utilization, efficiency and carbon of what a meter grew by. */
export function ratiosOf(growth: Meter): Ratios {
  return {
    allocationBps: ratio(growth.allocatedGpuSec, BPS, growth.availableGpuSec),
    smActiveBps: ratio(growth.smActiveGpuSec, BPS, growth.availableGpuSec),
    pueE4: ratio(growth.facilityEnergyWh, E4, growth.itEnergyWh),
    gpuHoursPerMWh: ratio(growth.allocatedGpuSec, 1_000_000n, growth.facilityEnergyWh * EPOCH_SEC),
    cfeBps: ratio(growth.cfeMatchedWh, BPS, growth.facilityEnergyWh),
    gCO2ePerKWh: ratio(growth.emissionsGCO2e, MILLI, growth.facilityEnergyWh),
    coverageBps: ratio(growth.reportingCount, BPS, growth.gpuCount),
  };
}
