import { AfterQuerySchema, NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  InvoiceSchema,
  LeaseParamsSchema,
  LeaseSchema,
  LeasesQuerySchema,
  ReceivableSchema,
  ReceivablesQuerySchema,
} from "../protocol/apiLeases.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { addressOf, numberOf, pageOf } from "./parameters.ts";

/** Leases, their invoices and what is left to pay. */
export function leaseRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/leases",
    {
      schema: {
        operationId: "listLeases",
        summary: "Leases, by id",
        tags: ["leases"],
        querystring: LeasesQuerySchema,
        response: answers({ 200: pageSchemaOf(LeaseSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        lotId: given(query.lot, numberOf, "lot"),
        lessee: given(query.lessee, addressOf, "lessee"),
        payee: given(query.payee, addressOf, "payee"),
        state: query.state,
      };
      const after = given(query.after, numberOf, "after");
      return pageOf(
        query.limit,
        (limit) => sources.leases({ limit, after }, filter),
        (lease) => lease.leaseId,
      );
    },
  );

  app.get(
    "/v1/leases/:leaseId",
    {
      schema: {
        operationId: "getLease",
        summary: "One lease",
        tags: ["leases"],
        params: LeaseParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: LeaseSchema }, 404),
      },
    },
    async ({ params }) => {
      const leaseId = numberOf(params.leaseId, "leaseId");
      const lease = await sources.lease(leaseId);
      if (lease === undefined) throw unknown("Lease", { leaseId });
      return lease;
    },
  );

  app.get(
    "/v1/leases/:leaseId/invoices",
    {
      schema: {
        operationId: "listInvoices",
        summary: "A lease's invoices by period: all that went into each, and every payment for it",
        tags: ["leases"],
        params: LeaseParamsSchema,
        querystring: AfterQuerySchema,
        response: answers({ 200: pageSchemaOf(InvoiceSchema) }, 404),
      },
    },
    ({ params, query }) => {
      const leaseId = numberOf(params.leaseId, "leaseId");
      const after = given(query.after, numberOf, "after");
      return pageOf(
        query.limit,
        async (limit) => {
          const invoices = await sources.invoices(leaseId, { limit, after });
          if (invoices === undefined) throw unknown("Lease", { leaseId });
          return invoices;
        },
        ({ periodIndex }) => String(periodIndex),
      );
    },
  );

  app.get(
    "/v1/receivables",
    {
      schema: {
        operationId: "listReceivables",
        summary: "What invoices left to pay, paid since or not, by lease and period",
        tags: ["leases"],
        querystring: ReceivablesQuerySchema,
        response: answers({ 200: pageSchemaOf(ReceivableSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        payee: given(query.payee, addressOf, "payee"),
        lessee: given(query.lessee, addressOf, "lessee"),
        leaseId: given(query.lease, numberOf, "lease"),
        state: query.state,
      };
      return pageOf(
        query.limit,
        (limit) => sources.receivables({ limit, after: query.after }, filter),
        ({ key }) => key,
      );
    },
  );
}

/** A parameter that may be left out. */
function given<T>(text: string | undefined, read: (text: string, name: string) => T, name: string): T | undefined {
  return text === undefined ? undefined : read(text, name);
}
