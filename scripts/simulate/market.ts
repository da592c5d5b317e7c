import { MONTH_HOURS } from "../catalogue.ts";
import type { Deal, DealLease } from "./deal.ts";
import { assetsOf } from "./figures.ts";

const BPS = 10_000n;

/** What a GPU-hour has to cost for the agreed rent of an average month. */
export function hourlyAssets(deal: Deal, lease: DealLease): bigint {
  if (lease.gpuHourRate !== undefined) return assetsOf(lease.gpuHourRate);
  const gpus = BigInt(deal.lots[lease.lot]!.gpuCount) * BigInt(deal.operation.allocatedBps);
  return (assetsOf(lease.rent ?? "0") * BPS) / (gpus * MONTH_HOURS);
}

/** Today's price of a model: that of its dearest lease; the others take part in it by less. */
export function todaysAssets(deal: Deal, model: string): bigint {
  const own = deal.leases
    .filter(({ lot }) => deal.lots[lot]!.model === model)
    .map((lease) => hourlyAssets(deal, lease));
  return own.reduce((most, rate) => (rate > most ? rate : most), 0n);
}
