import {
  BeforeQuerySchema,
  FacilitiesQuerySchema,
  FacilityParamsSchema,
  NoQuerySchema,
  pageOf as pageSchemaOf,
} from "../protocol/api.ts";
import { CalendarDateSchema, FacilitySchema, PaymentSchema } from "../protocol/apiFacilities.ts";
import { FacilityReceivablesQuerySchema, ReceivableSchema } from "../protocol/apiLeases.ts";
import {
  AppraisalSchema,
  FacilityTelemetryQuerySchema,
  FacilityTelemetrySchema,
  FacilityValueSchema,
} from "../protocol/apiValues.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { addressOf, numberOf, pageOf, rangeOf } from "./parameters.ts";

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
      return known(await sources.facility(address), address);
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
        async (limit) => known(await sources.payments(address, { limit, before }), address),
        (payment) => payment.paymentIndex,
      );
    },
  );

  app.get(
    "/v1/facilities/:address/value",
    {
      schema: {
        operationId: "getFacilityValue",
        summary: "Net asset value with its parts, the price of each class and what it yields",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: FacilityValueSchema }, 404),
      },
    },
    async ({ params }) => {
      const address = addressOf(params.address, "address");
      return known(await sources.facilityValue(address), address);
    },
  );

  app.get(
    "/v1/facilities/:address/values",
    {
      schema: {
        operationId: "listAppraisals",
        summary: "What a facility and its classes were worth at each appraisal, newest first",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: BeforeQuerySchema,
        response: answers({ 200: pageSchemaOf(AppraisalSchema) }, 404),
      },
    },
    ({ params, query }) => {
      const address = addressOf(params.address, "address");
      const before = query.before === undefined ? undefined : numberOf(query.before, "before");
      return pageOf(
        query.limit,
        async (limit) => known(await sources.appraisals(address, { limit, before }), address),
        ({ blockNumber }) => blockNumber,
      );
    },
  );

  app.get(
    "/v1/facilities/:address/telemetry",
    {
      schema: {
        operationId: "listFacilityTelemetry",
        summary: "What the pledged lots did together, by the hour or the day, from one epoch to another, both included",
        description: "Pass `next` as `from` for the page that follows.",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: FacilityTelemetryQuerySchema,
        response: answers({ 200: pageSchemaOf(FacilityTelemetrySchema) }, 404),
      },
    },
    ({ params, query }) => {
      const address = addressOf(params.address, "address");
      const { fromEpoch, toEpoch } = rangeOf(query);
      return pageOf(
        query.limit,
        async (limit) =>
          known(await sources.facilityTelemetry(address, { fromEpoch, toEpoch, step: query.step, limit }), address),
        (span) => String(BigInt(span.toEpoch) + 1n), // the first epoch that is not on this page
      );
    },
  );

  app.get(
    "/v1/facilities/:address/calendar",
    {
      schema: {
        operationId: "listPaymentDates",
        summary: "All payment dates: those that were run, and those to come as the schedules have them",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: pageSchemaOf(CalendarDateSchema) }, 404),
      },
    },
    async ({ params }) => {
      const address = addressOf(params.address, "address");
      return { items: known(await sources.calendar(address), address), next: null };
    },
  );

  app.get(
    "/v1/facilities/:address/receivables",
    {
      schema: {
        operationId: "listFacilityReceivables",
        summary: "What invoices left the lessees to pay to a facility, by lease and period",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: FacilityReceivablesQuerySchema,
        response: answers({ 200: pageSchemaOf(ReceivableSchema) }, 404),
      },
    },
    async ({ params, query }) => {
      const payee = addressOf(params.address, "address");
      const { after, state } = query;
      known(await sources.facility(payee), payee);
      return await pageOf(
        query.limit,
        (limit) => sources.receivables({ limit, after }, { payee, state }),
        ({ key }) => key,
      );
    },
  );
}

/** What there is of a facility; refuses an address that is none. */
function known<T>(found: T | undefined, address: string): T {
  if (found === undefined) throw unknown("Facility", { address });
  return found;
}
