import type { CapitalSources } from "../sourcesCapital.ts";
import { factSources, type FactsOptions } from "./capitalFacts.ts";
import { tradingSources } from "./capitalTrading.ts";

/** Credit, exchange, vault, prices, registry, bonds, access and offers, of a program that follows its chain itself. */
export function openCapital(options: FactsOptions): CapitalSources {
  return { ...tradingSources(options), ...factSources(options) };
}
