import {
  LotMeterSchema,
  LotParamsSchema,
  LotSchema,
  MetersQuerySchema,
  NoQuerySchema,
  pageOf as pageSchemaOf,
} from "../protocol/api.ts";
import { LotsQuerySchema } from "../protocol/apiRegistry.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { flagOf, givenAddress, givenNumber, numberOf, pageOf, rangeOf } from "./parameters.ts";

/** Lots and their meters. */
export function lotRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/lots",
    {
      schema: {
        operationId: "listLots",
        summary: "Lots, by id; of one operator, site, model or facility, or of an evidence class at least",
        tags: ["lots"],
        querystring: LotsQuerySchema,
        response: answers({ 200: pageSchemaOf(LotSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        siteId: givenNumber(query.siteId, "siteId"),
        operator: givenAddress(query.operator, "operator"),
        modelId: query.modelId as Hex | undefined,
        facility: givenAddress(query.facility, "facility"),
        isFrozen: flagOf(query.isFrozen),
        isRetired: flagOf(query.isRetired),
        evidenceClass: query.evidenceClass === undefined ? undefined : Number(query.evidenceClass),
      };
      return pageOf(
        query.limit,
        (limit) => sources.lots({ limit, after: givenNumber(query.after, "after") }, filter),
        (lot) => lot.lotId,
      );
    },
  );

  app.get(
    "/v1/lots/:lotId",
    {
      schema: {
        operationId: "getLot",
        summary: "One lot",
        tags: ["lots"],
        params: LotParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: LotSchema }, 404),
      },
    },
    async ({ params }) => {
      const lotId = numberOf(params.lotId, "lotId");
      const lot = await sources.lot(lotId);
      if (lot === undefined) throw unknown("Lot", { lotId });
      return lot;
    },
  );

  app.get(
    "/v1/lots/:lotId/meters",
    {
      schema: {
        operationId: "listMeters",
        summary: "A lot's cumulative meter at the end of each epoch from one to another, both included",
        description: "Pass `next` as `from` for the page that follows.",
        tags: ["lots"],
        params: LotParamsSchema,
        querystring: MetersQuerySchema,
        response: answers({ 200: pageSchemaOf(LotMeterSchema) }, 404),
      },
    },
    async ({ params, query }) => {
      const lotId = numberOf(params.lotId, "lotId");
      const { fromEpoch, toEpoch } = rangeOf(query);
      return await pageOf(
        query.limit,
        async (limit) => {
          const meters = await sources.meters(lotId, { fromEpoch, toEpoch, limit });
          if (meters === undefined) throw unknown("Lot", { lotId });
          return meters;
        },
        (record) => String(BigInt(record.epoch) + 1n), // the first epoch that is not on this page
      );
    },
  );
}
