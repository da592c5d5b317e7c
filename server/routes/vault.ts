import { NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  VaultHoldingSchema,
  VaultHoldingsQuerySchema,
  VaultRequestSchema,
  VaultRequestsQuerySchema,
  VaultSchema,
} from "../protocol/apiExchange.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { demandViewer } from "../viewer.ts";
import { givenAddress, givenNumber, pageOf } from "./parameters.ts";

/** The income vault. */
export function vaultRoutes(app: Api, sources: CapitalSources): void {
  app.get(
    "/v1/vault",
    {
      schema: {
        operationId: "getVault",
        summary: "The income vault: its two prices, its cash, its queue",
        tags: ["vault"],
        querystring: NoQuerySchema,
        response: answers({ 200: VaultSchema }),
      },
    },
    () => sources.vault(),
  );

  app.get(
    "/v1/vault/holdings",
    {
      schema: {
        operationId: "listVaultHoldings",
        summary: "The classes that the vault may hold, by token",
        tags: ["vault"],
        querystring: VaultHoldingsQuerySchema,
        response: answers({ 200: pageSchemaOf(VaultHoldingSchema) }),
      },
    },
    ({ query }) =>
      pageOf(
        query.limit,
        (limit) => sources.vaultHoldings({ limit, after: givenAddress(query.after, "after") }),
        ({ classToken }) => classToken,
      ),
  );

  app.get(
    "/v1/vault/requests",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listVaultRequests",
        summary: "Redemptions by batch, or with `controller` an account's own: to itself and auditors",
        tags: ["vault"],
        querystring: VaultRequestsQuerySchema,
        response: answers({ 200: pageSchemaOf(VaultRequestSchema) }, 401, 403),
      },
    },
    (request) => {
      const { query } = request;
      const controller = givenAddress(query.controller, "controller");
      if (controller !== undefined) demandViewer(request, { accounts: [controller] });
      const after = givenNumber(query.after, "after");
      return pageOf(
        query.limit,
        (limit) => sources.vaultRequests({ limit, after }, controller),
        ({ requestId }) => requestId,
      );
    },
  );
}
