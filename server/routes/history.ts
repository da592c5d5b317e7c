import { FacilityParamsSchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import { HistoryEventSchema, HistoryQuerySchema, ReserveSchema, ReservesQuerySchema } from "../protocol/apiHistory.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { addressOf, numberOf, pageOf } from "./parameters.ts";

/** What it takes to compute a facility's payments again. */
export function historyRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/facilities/:address/events",
    {
      schema: {
        operationId: "listFacilityEvents",
        summary: "The events of a facility and its classes, the oldest first: its payments can be computed from them",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: HistoryQuerySchema,
        response: answers({ 200: pageSchemaOf(HistoryEventSchema) }, 404),
      },
    },
    ({ params, query }) => {
      const address = addressOf(params.address, "address");
      const after = query.after === undefined ? undefined : numberOf(query.after, "after");
      return pageOf(
        query.limit,
        async (limit) => {
          const events = await sources.history(address, { limit, after });
          if (events === undefined) throw unknown("Facility", { address });
          return events;
        },
        ({ eventId }) => eventId,
      );
    },
  );

  app.get(
    "/v1/reserves",
    {
      schema: {
        operationId: "listReserves",
        summary: "What each contract owes by its own account, beside the tokens that it has, by address",
        tags: ["facilities"],
        querystring: ReservesQuerySchema,
        response: answers({ 200: pageSchemaOf(ReserveSchema) }),
      },
    },
    ({ query }) => {
      const after = query.after === undefined ? undefined : addressOf(query.after, "after");
      return pageOf(
        query.limit,
        (limit) => sources.reserves({ limit, after }),
        ({ address }) => address,
      );
    },
  );
}
