import type { CapitalSources } from "../sourcesCapital.ts";
import { factSources, type FactsOptions } from "./capitalFacts.ts";
import { tradingSources } from "./capitalTrading.ts";
import { openRegistry, type Registry } from "./directory.ts";
import type { Files } from "./files.ts";
import type { Follower } from "./follow.ts";

export type CapitalOptions = Omit<FactsOptions, "files" | "registry"> & {
  readonly files: Files;
  readonly follower: Pick<Follower, "version">;
  /** The oracles' own, where they run here. */
  readonly registry?: Registry;
};

// Who reports what depends on no factor of a site.
const NO_FACTORS = { overheadE4: 10_000n, pueE4: 10_000n, cfeBps: 0n, gCO2ePerKWh: 0n, waterMlPerKWh: 0n };

/** Credit, exchange, vault, prices, registry, bonds, access and offers, of a program that follows its chain itself. */
export function openCapital(options: CapitalOptions): CapitalSources {
  const { store, files, deployment, follower } = options;
  const registry =
    options.registry ??
    openRegistry({
      ...{ db: store.db, files, identities: deployment.identities, version: () => follower.version() },
      methodology: { factors: NO_FACTORS, exceptions: new Map() },
    });
  return { ...tradingSources(options), ...factSources({ ...options, registry }) };
}
