import type { LeaseMeter, LeaseTerms } from "../../server/model/types.ts";
import type { Random } from "./random.ts";

// A lot's counters, made up as they are asked for: near the edges of what the terms look at.

export class LotMeters {
  private readonly random: Random;
  private readonly known = new Map<bigint, LeaseMeter>();
  private last: { timeAt: bigint; meter: LeaseMeter } | undefined;

  constructor(random: Random) {
    this.random = random;
  }

  /** The counters at a time that is not before the last one asked for, or was asked for. */
  at(timeAt: bigint, terms: LeaseTerms): LeaseMeter {
    const known = this.known.get(timeAt);
    if (known !== undefined) return known;
    const meter = this.last === undefined ? first(this.random) : this.after(timeAt - this.last.timeAt, terms);
    this.known.set(timeAt, meter);
    this.last = { timeAt, meter };
    return meter;
  }

  private after(sec: bigint, { sla, efficiency }: LeaseTerms): LeaseMeter {
    const { random } = this;
    const before = this.last!.meter;
    const gpuCount = random.chance(0.9) ? before.gpuCount : random.big(0, 100_000);
    const all = gpuCount * sec;
    const curtailed = random.chance(0.6) ? 0n : random.part(all + 10n);
    const required = all > curtailed ? all - curtailed : 0n;
    const edgeBps = sla.length > 0 && random.chance(0.6) ? random.pick(sla).availabilityBps : random.big(9_000, 10_000);
    const edge = (required * edgeBps + 9_999n) / 10_000n + random.big(-1, 1);
    const available = edge > 0n ? edge : 0n;
    const allocated = random.part(available);
    const itEnergyWh = energyNear(random, (allocated * efficiency.target) / 3_600n, allocated / 5n);
    const facilityEnergyWh = energyNear(random, (itEnergyWh * efficiency.target) / 10_000n, (itEnergyWh * 13n) / 10n);
    return {
      gpuCount,
      availableGpuSec: before.availableGpuSec + available,
      allocatedGpuSec: before.allocatedGpuSec + allocated,
      curtailedGpuSec: before.curtailedGpuSec + curtailed,
      itEnergyWh: before.itEnergyWh + itEnergyWh,
      facilityEnergyWh: before.facilityEnergyWh + facilityEnergyWh,
    };
  }
}

function first(random: Random): LeaseMeter {
  const count = () => random.amount(1, 12);
  return {
    gpuCount: random.chance(0.5) ? random.big(1, 9) : random.big(1, 100_000),
    availableGpuSec: count(),
    allocatedGpuSec: count(),
    curtailedGpuSec: count(),
    itEnergyWh: count(),
    facilityEnergyWh: count(),
  };
}

/** At the target, around it, or as usual. */
function energyNear(random: Random, target: bigint, usual: bigint): bigint {
  const kind = random.next();
  if (kind < 0.3) return usual;
  if (kind < 0.6) return target + random.big(0, 1);
  return (target * random.big(1, 20_000)) / 10_000n;
}
