import { gpuModel, type GpuModel } from "./catalogue.ts";
import { generateHost, type Exporter, type Quantiles } from "./exporter.ts";
import { replayPower, replayScrapes } from "./replay.ts";

/** Hosts of one model that are leased and pledged together. */
export interface FleetLot {
  model: GpuModel;
  hosts: Exporter[];
  gpuCount: number;
}

/** Where the telemetry comes from: recordings where given, else the generator. */
export interface FleetOptions {
  seed: string;
  startAt: number;
  scrapeFiles: string[];
  powerFiles: string[];
  quantiles: Quantiles | undefined;
  /** US cents per GPU-hour by price-panel name, in place of the catalogue's. */
  rateCents: ReadonlyMap<string, number>;
}

const GPUS_PER_HOST = 8;
/** Hosts of the two generated lots: one under take-or-pay, one metered. */
const GENERATED_HOSTS = [6, 2];

/** The hosts of the run, in lots; every lot has one model. */
export function fleetOf(options: FleetOptions): FleetLot[] {
  const lots = lotsOf(options);
  requireDistinct(lots.flatMap((lot) => lot.hosts));
  return lots.map((lot) => {
    const { rateCents, priceName } = lot.model;
    return { ...lot, model: { ...lot.model, rateCents: options.rateCents.get(priceName) ?? rateCents } };
  });
}

/** A host's name stands for its key, a board's UUID for the board: neither can be there twice. */
function requireDistinct(hosts: Exporter[]): void {
  const owners = new Map<string, string>();
  for (const { hostname, gpus } of hosts) {
    for (const name of [hostname, ...gpus.map(({ uuid }) => uuid)]) {
      const owner = owners.get(name);
      if (owner !== undefined) throw new Error(`${name} is recorded twice: for host ${owner} and host ${hostname}`);
      owners.set(name, hostname);
    }
  }
}

function lotsOf(options: FleetOptions): FleetLot[] {
  const { seed, startAt, scrapeFiles, powerFiles, quantiles } = options;
  if (scrapeFiles.length > 0 || powerFiles.length > 0) {
    const hosts = [
      ...(scrapeFiles.length > 0 ? replayScrapes(scrapeFiles, startAt) : []),
      ...powerFiles.map((file) => replayPower(file, startAt)),
    ];
    return byModel(hosts);
  }
  const model = gpuModel("H100");
  let hostIndex = 0;
  return GENERATED_HOSTS.map((count) => {
    const hosts = Array.from({ length: count }, () =>
      generateHost({
        ...{ seed, startAt, hostIndex: hostIndex++, gpuCount: GPUS_PER_HOST },
        ...{ modelName: model.name, tdpW: model.tdpW, quantiles },
      }),
    );
    return lotOf(model, hosts);
  });
}

function byModel(hosts: Exporter[]): FleetLot[] {
  const lots = new Map<GpuModel, Exporter[]>();
  for (const host of hosts) {
    const models = new Set(host.gpus.map((gpu) => gpuModel(gpu.modelName)));
    const [model] = models;
    if (model === undefined || models.size > 1) {
      throw new Error(`${host.hostname}: a host of ${models.size} GPU models; a lot has one`);
    }
    lots.set(model, [...(lots.get(model) ?? []), host]);
  }
  return [...lots].map(([model, own]) => lotOf(model, own));
}

function lotOf(model: GpuModel, hosts: Exporter[]): FleetLot {
  return { model, hosts, gpuCount: hosts.reduce((sum, host) => sum + host.gpus.length, 0) };
}
