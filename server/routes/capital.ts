import type { Api } from "../plugins/http.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { accessRoutes } from "./access.ts";
import { draftRoutes } from "./drafts.ts";
import { exchangeRoutes } from "./exchange.ts";
import { marketRoutes } from "./markets.ts";
import { registryRoutes } from "./registry.ts";
import { vaultRoutes } from "./vault.ts";

/** Credit, exchange, vault, registry, access and offers. */
export function capitalRoutes(app: Api, capital: CapitalSources): void {
  for (const add of [marketRoutes, exchangeRoutes, vaultRoutes, registryRoutes, accessRoutes, draftRoutes]) {
    add(app, capital);
  }
}
