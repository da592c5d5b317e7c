import type { LotMeterRecord } from "../../../server/protocol/api.ts";

/** What one epoch added to a lot's meter, for a chart. */
export interface MeteredHour {
  readonly at: number;
  readonly state: LotMeterRecord["state"];
  readonly reportingCount: number;
  readonly gpuCount: number;
  readonly allocatedPercent: number;
  readonly smActivePercent: number;
  /** Kilowatts over the hour; null where the hour before is not there to subtract. */
  readonly itKW: number | null;
  readonly gpuKW: number | null;
  readonly facilityKW: number | null;
  readonly pue: number | null;
}

const EPOCH_SEC = 3600;
const WH_PER_KWH = 1000;
const PER_CENT = 100;
const E4 = 10_000;

/** Cumulative meters of consecutive epochs as hours. Energy of one hour is the watt-hours between two ends. */
export function hoursOf(records: readonly LotMeterRecord[]): MeteredHour[] {
  return records.map((record, place) => {
    const { epoch, state, meter, ratios } = record;
    const before = records[place - 1];
    const isNext = before !== undefined && BigInt(before.epoch) + 1n === BigInt(epoch);
    const kW = (name: "itEnergyWh" | "gpuEnergyWh" | "facilityEnergyWh") =>
      isNext ? Number(BigInt(meter[name]) - BigInt(before.meter[name])) / WH_PER_KWH : null;
    return {
      ...{ at: Number(epoch) * EPOCH_SEC, state, reportingCount: meter.reportingCount, gpuCount: meter.gpuCount },
      allocatedPercent: ratios.allocationBps / PER_CENT,
      smActivePercent: ratios.smActiveBps / PER_CENT,
      ...{ itKW: kW("itEnergyWh"), gpuKW: kW("gpuEnergyWh"), facilityKW: kW("facilityEnergyWh") },
      pue: ratios.pueE4 === 0 ? null : ratios.pueE4 / E4,
    };
  });
}
