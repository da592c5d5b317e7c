import { createHash } from "node:crypto";

import { INTERRUPTIONS_PER_GPU_HOUR, KALOS, type Quantile } from "./catalogue.ts";

/** One GPU host as its dcgm-exporter shows it. */
export interface Exporter {
  hostname: string;
  gpus: ExportedGpu[];
  /**
   * What `GET /metrics` answers at a time (unix seconds), or undefined while the host is down. Times may be asked in any
   * order; the same time gives the same text.
   */
  scrape(at: number): string | undefined;
  /** The host's wall meter, cumulative mJ, where it has one. */
  wallEnergyMJ?(at: number): bigint;
}

export interface ExportedGpu {
  uuid: string;
  modelName: string;
}

/** The inverse distribution functions a generated host samples. */
export interface Quantiles {
  smActivePct: readonly Quantile[];
  powerW: readonly Quantile[];
  tdpW: number;
}

export interface GeneratedHost {
  seed: string;
  hostIndex: number;
  gpuCount: number;
  modelName: string;
  tdpW: number;
  startAt: number;
  quantiles?: Quantiles;
}

const HOUR_SEC = 3600;
/** A job keeps a GPU at one level of load about this long. */
const JOB_HOURS = 6;
/** One scrape in this many has a blank or a NaN in it, as real exporters print now and then. */
const BLANK_EVERY = 400;
const BLANK = "9223372036854775794"; // DCGM_INT64_NOT_SUPPORTED, one of the blank sentinels
const LONGEST_OUTAGE_HOURS = 12;

/** A host that never existed, whose GPUs behave like the published quantiles of real ones; a function of its seed. */
export function generateHost(options: GeneratedHost): Exporter {
  const { seed, hostIndex, gpuCount, modelName, tdpW, startAt } = options;
  const quantiles = options.quantiles ?? KALOS;
  const hostname = `gpu-node-${hostIndex + 1}`;
  const draw = (what: string, gpu: number, hour: number) => uniform(`${seed}/${hostIndex}/${what}/${gpu}/${hour}`);

  const gpus = Array.from({ length: gpuCount }, (_, gpu) => ({
    uuid: madeUpUuid(`${seed}/${hostIndex}/${gpu}`),
    modelName,
  }));
  // Cumulative mJ at the start of each hour, grown on demand: [gpu][hour].
  const energyMJ = gpus.map((_, gpu) => [BigInt(Math.floor(draw("boot", gpu, 0) * 1e13))]);

  const loadAt = (gpu: number, hour: number) => {
    const level = draw("job", gpu, Math.floor((hour + hostIndex * gpuCount + gpu) / JOB_HOURS));
    const jitter = (draw("jitter", gpu, hour) - 0.5) * 0.04;
    const percentile = 100 * Math.min(1, Math.max(0, level + jitter));
    return {
      powerMW: Math.round((quantile(quantiles.powerW, percentile) / quantiles.tdpW) * tdpW * 1000),
      smActive: quantile(quantiles.smActivePct, percentile) / 100,
    };
  };
  const isDown = (hour: number) => {
    for (let began = Math.max(0, hour - LONGEST_OUTAGE_HOURS + 1); began <= hour; began++) {
      if (draw("fault", 0, began) >= INTERRUPTIONS_PER_GPU_HOUR * gpuCount) continue;
      if (hour < began + 1 + Math.floor(draw("repair", 0, began) * LONGEST_OUTAGE_HOURS)) return true;
    }
    return false;
  };
  const energyAt = (gpu: number, at: number) => {
    const hour = Math.floor((at - startAt) / HOUR_SEC);
    const series = energyMJ[gpu] as bigint[];
    while (series.length <= hour) {
      const last = series.length - 1;
      const spentMJ = isDown(last) ? 0 : loadAt(gpu, last).powerMW * HOUR_SEC;
      series.push((series[last] as bigint) + BigInt(spentMJ));
    }
    const intoSec = at - startAt - hour * HOUR_SEC;
    return (series[hour] as bigint) + BigInt(isDown(hour) ? 0 : loadAt(gpu, hour).powerMW * intoSec);
  };

  return {
    hostname,
    gpus,
    scrape(at) {
      // A scrape at the end of an hour still shows that hour.
      const hour = Math.max(0, Math.ceil((at - startAt) / HOUR_SEC) - 1);
      if (isDown(hour)) return undefined;
      const rows = gpus.map((gpu, index) => {
        const { powerMW, smActive } = loadAt(index, hour);
        const blank = draw("blank", index, at) < 1 / BLANK_EVERY;
        return {
          labels: labels(index, gpu, hostname, smActive > 0 ? `train-${index}` : ""),
          powerW: blank ? BLANK : (powerMW / 1000).toFixed(6),
          smActive: blank ? "NaN" : smActive.toFixed(6),
          energyMJ: energyAt(index, at).toString(),
        };
      });
      return exposition([
        ["DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W).", rows.map((row) => [row.labels, row.powerW])],
        [
          "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
          "counter",
          "Total energy consumption since boot (in mJ).",
          rows.map((row) => [row.labels, row.energyMJ]),
        ],
        [
          "DCGM_FI_PROF_SM_ACTIVE",
          "gauge",
          "The ratio of cycles an SM has at least 1 warp assigned.",
          rows.map((row) => [row.labels, row.smActive]),
        ],
      ]);
    },
  };
}

type Family = [name: string, type: string, help: string, rows: string[][]];

function exposition(families: Family[]): string {
  return families
    .flatMap(([name, type, help, rows]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...rows.map(([labels, value]) => `${name}{${labels}} ${value}`),
    ])
    .join("\n")
    .concat("\n");
}

function labels(index: number, gpu: ExportedGpu, hostname: string, pod: string): string {
  return (
    `gpu="${index}",UUID="${gpu.uuid}",device="nvidia${index}",modelName="${gpu.modelName}",Hostname="${hostname}"` +
    `,DCGM_FI_DRIVER_VERSION="580.105.08"${pod === "" ? "" : `,namespace="tenant",pod="${pod}"`}`
  );
}

/** Linear between the given points of an inverse distribution function. */
export function quantile(points: readonly Quantile[], percentile: number): number {
  const above = points.findIndex(([at]) => at >= percentile);
  const [highAt, high] = points[above === -1 ? points.length - 1 : above] as Quantile;
  if (above <= 0) return high;
  const [lowAt, low] = points[above - 1] as Quantile;
  return low + ((high - low) * (percentile - lowAt)) / (highAt - lowAt);
}

/** A number in [0, 1) that is a function of its name. */
function uniform(name: string): number {
  return createHash("sha256").update(name).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** The unique id of a board that never existed, in the form of a real one; a function of its name. */
export function madeUpUuid(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  return `GPU-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-")}`;
}
