import {
  BeforeQuerySchema,
  FacilitiesQuerySchema,
  FacilityParamsSchema,
  NoQuerySchema,
  pageOf as pageSchemaOf,
} from "../protocol/api.ts";
import { FacilitySchema, PaymentSchema } from "../protocol/apiFacilities.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { addressOf, numberOf, pageOf } from "./parameters.ts";

/** Facilities, their classes and payment dates. */
export function facilityRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/facilities",
    {
      schema: {
        operationId: "listFacilities",
        summary: "Facilities, by address",
        tags: ["facilities"],
        querystring: FacilitiesQuerySchema,
        response: answers({ 200: pageSchemaOf(FacilitySchema) }),
      },
    },
    ({ query }) => {
      const after = query.after === undefined ? undefined : addressOf(query.after, "after");
      return pageOf(
        query.limit,
        (limit) => sources.facilities({ limit, after }),
        (facility) => facility.address,
      );
    },
  );

  app.get(
    "/v1/facilities/:address",
    {
      schema: {
        operationId: "getFacility",
        summary: "One facility",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: FacilitySchema }, 404),
      },
    },
    async ({ params }) => {
      const address = addressOf(params.address, "address");
      const facility = await sources.facility(address);
      if (facility === undefined) throw unknown("Facility", { address });
      return facility;
    },
  );

  app.get(
    "/v1/facilities/:address/payments",
    {
      schema: {
        operationId: "listPayments",
        summary: "Payment dates that were run, newest first, each with its steps",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: BeforeQuerySchema,
        response: answers({ 200: pageSchemaOf(PaymentSchema) }, 404),
      },
    },
    ({ params, query }) => {
      const address = addressOf(params.address, "address");
      const before = query.before === undefined ? undefined : numberOf(query.before, "before");
      return pageOf(
        query.limit,
        async (limit) => {
          const payments = await sources.payments(address, { limit, before });
          if (payments === undefined) throw unknown("Facility", { address });
          return payments;
        },
        (payment) => payment.paymentIndex,
      );
    },
  );
}
