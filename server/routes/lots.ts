import {
  AfterQuerySchema,
  LotMeterSchema,
  LotParamsSchema,
  LotSchema,
  MetersQuerySchema,
  NoQuerySchema,
  pageOf as pageSchemaOf,
} from "../protocol/api.ts";
import { LeaseSchema } from "../protocol/apiLeases.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { HttpProblem, unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { numberOf, pageOf } from "./parameters.ts";

/** Lots, their meters, and the leases on them. */
export function lotRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/lots",
    {
      schema: {
        operationId: "listLots",
        summary: "Lots, by id",
        tags: ["lots"],
        querystring: AfterQuerySchema,
        response: answers({ 200: pageSchemaOf(LotSchema) }),
      },
    },
    ({ query }) => {
      const after = query.after === undefined ? undefined : numberOf(query.after, "after");
      return pageOf(
        query.limit,
        (limit) => sources.lots({ limit, after }),
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
      const fromEpoch = numberOf(query.from, "from");
      const toEpoch = numberOf(query.to, "to");
      if (fromEpoch > toEpoch) {
        const facts = { from: fromEpoch, to: toEpoch };
        throw new HttpProblem(400, "Request_Invalid", `from ${fromEpoch} is after to ${toEpoch}`, facts);
      }
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

  app.get(
    "/v1/leases",
    {
      schema: {
        operationId: "listLeases",
        summary: "Leases, by id",
        tags: ["leases"],
        querystring: AfterQuerySchema,
        response: answers({ 200: pageSchemaOf(LeaseSchema) }),
      },
    },
    ({ query }) => {
      const after = query.after === undefined ? undefined : numberOf(query.after, "after");
      return pageOf(
        query.limit,
        (limit) => sources.leases({ limit, after }),
        (lease) => lease.leaseId,
      );
    },
  );
}
