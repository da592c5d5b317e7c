import { NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  AlertSchema,
  AlertsQuerySchema,
  AnchorParamsSchema,
  BondSchema,
  BondsQuerySchema,
  DisputeSchema,
  DisputesQuerySchema,
  IdentitySearchSchema,
  ModelSchema,
  ModelsQuerySchema,
  NodeSchema,
  NodesQuerySchema,
  SiteSchema,
  SitesQuerySchema,
} from "../protocol/apiRegistry.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { beforeOf, flagOf, givenAddress, givenNumber, offsetPage, pageOf } from "./parameters.ts";

/** Sites, nodes, models, identities, bonds, disputes, and what calls for attention. */
export function registryRoutes(app: Api, sources: CapitalSources): void {
  app.get(
    "/v1/sites",
    {
      schema: {
        operationId: "listSites",
        summary: "Sites, by id",
        tags: ["registry"],
        querystring: SitesQuerySchema,
        response: answers({ 200: pageSchemaOf(SiteSchema) }),
      },
    },
    ({ query }) => {
      const operator = givenAddress(query.operator, "operator");
      return pageOf(
        query.limit,
        (limit) => sources.sites({ limit, after: givenNumber(query.after, "after") }, operator),
        ({ siteId }) => siteId,
      );
    },
  );

  app.get(
    "/v1/nodes",
    {
      config: { isLive: true },
      schema: {
        operationId: "listNodes",
        summary: "Nodes, by id, each with its newest reading that came here",
        tags: ["registry"],
        querystring: NodesQuerySchema,
        response: answers({ 200: pageSchemaOf(NodeSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        operator: givenAddress(query.operator, "operator"),
        siteId: givenNumber(query.siteId, "siteId"),
        lotId: givenNumber(query.lotId, "lotId"),
        isMissing: flagOf(query.isMissing),
      };
      return pageOf(
        query.limit,
        (limit) => sources.nodes({ limit, after: givenNumber(query.after, "after") }, filter),
        ({ nodeId }) => nodeId,
      );
    },
  );

  app.get(
    "/v1/models",
    {
      schema: {
        operationId: "listModels",
        summary: "Models of GPU, by id, with the newest rate of an hour of one",
        tags: ["registry"],
        querystring: ModelsQuerySchema,
        response: answers({ 200: pageSchemaOf(ModelSchema) }),
      },
    },
    ({ query }) =>
      pageOf(
        query.limit,
        (limit) => sources.models({ limit, after: query.after as Hex | undefined }),
        ({ modelId }) => modelId,
      ),
  );

  app.get(
    "/v1/search/identity/:anchor",
    {
      config: { isLive: true },
      schema: {
        operationId: "searchIdentity",
        summary: "Where a board's identity anchor stands or stood, what was proven of it, and the liens on those lots",
        tags: ["registry"],
        params: AnchorParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: IdentitySearchSchema }, 404),
      },
    },
    ({ params }) => sources.identity(params.anchor as Hex),
  );

  app.get(
    "/v1/bonds",
    {
      schema: {
        operationId: "listBonds",
        summary: "What stands behind each lot's operator, then behind each oracle",
        tags: ["bonds"],
        querystring: BondsQuerySchema,
        response: answers({ 200: pageSchemaOf(BondSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        operator: givenAddress(query.operator, "operator"),
        lotId: givenNumber(query.lotId, "lotId"),
        kind: query.kind,
      };
      return pageOf(
        query.limit,
        (limit) => sources.bonds({ limit, after: query.after as Hex | undefined }, filter),
        ({ bondId }) => bondId,
      );
    },
  );

  app.get(
    "/v1/disputes",
    {
      schema: {
        operationId: "listDisputes",
        summary: "Disputes of a lot's hour, the newest first; with state=open those that are not decided",
        tags: ["bonds"],
        querystring: DisputesQuerySchema,
        response: answers({ 200: pageSchemaOf(DisputeSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        lotId: givenNumber(query.lotId, "lotId"),
        operator: givenAddress(query.operator, "operator"),
        isOpen: query.state === "open",
      };
      return pageOf(
        query.limit,
        (limit) => sources.disputes({ limit, ...beforeOf(query) }, filter),
        ({ disputeId }) => disputeId,
      );
    },
  );

  app.get(
    "/v1/alerts",
    {
      config: { isLive: true },
      schema: {
        operationId: "listAlerts",
        summary: "What calls for attention now: frozen lots, disputes, missing nodes, short bonds, evidence that ends",
        tags: ["registry"],
        querystring: AlertsQuerySchema,
        response: answers({ 200: pageSchemaOf(AlertSchema) }),
      },
    },
    async ({ query }) => {
      const { kind } = query;
      return offsetPage(query, await sources.alerts({ kind, operator: givenAddress(query.operator, "operator") }));
    },
  );
}
