import { demand, type RefusalFacts } from "./refusal.ts";
import { BPS, E4, u32, u64 } from "./units.ts";

/** A lot as the registry has it, with the factors of its site for the epoch. */
export interface Lot {
  readonly lotId: bigint;
  readonly gpuCount: bigint;
  readonly tdpW: bigint; // of one GPU
  readonly site: SiteFactors;
}

/** What turns a lot's GPU energy into the site's energy, water and carbon where no meter says so. */
export interface SiteFactors {
  readonly overheadE4: bigint; // IT energy ÷ GPU energy, for nodes without a power meter of their own
  readonly pueE4: bigint; // facility energy ÷ IT energy
  readonly cfeBps: bigint; // share of the facility energy matched by carbon-free generation in the hour
  readonly gCO2ePerKWh: bigint; // location-based intensity of the grid, on all facility energy
  readonly waterMlPerKWh: bigint; // on facility energy
}

/** Refuses a lot that is none, or whose site's factors cannot be. */
export function checkLot(lot: Lot): void {
  const { lotId, site } = lot;
  u64(lotId, "lotId");
  u32(lot.gpuCount, "gpuCount");
  u32(lot.tdpW, "tdpW");
  demand(lot.gpuCount > 0n && lot.tdpW > 0n, "Lot_Empty", { lotId, gpuCount: lot.gpuCount, tdpW: lot.tdpW });
  checkFactors({ lotId }, site);
}

/** Refuses factors that would make energy vanish or meters overflow; `of` names whose they are. */
export function checkFactors(of: RefusalFacts, site: SiteFactors): void {
  demand(site.overheadE4 >= E4, "Lot_OverheadBelowOne", { ...of, overheadE4: site.overheadE4 });
  demand(site.pueE4 >= E4, "Lot_PueBelowOne", { ...of, pueE4: site.pueE4 });
  demand(site.cfeBps >= 0n && site.cfeBps <= BPS, "Lot_CfeOutOfRange", { ...of, cfeBps: site.cfeBps });
  for (const name of ["overheadE4", "pueE4", "gCO2ePerKWh", "waterMlPerKWh"] as const) u32(site[name], name);
}
