import { FacilityParamsSchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import { HolderSchema, HoldersQuerySchema } from "../protocol/apiFacilities.ts";
import {
  AccountParamsSchema,
  FlowSchema,
  FlowsQuerySchema,
  PortfolioQuerySchema,
  PortfolioSchema,
  TaxParamsSchema,
  TaxQuerySchema,
  TaxYearSchema,
} from "../protocol/apiMoney.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { demandViewer } from "../viewer.ts";
import { addressOf, pageOf } from "./parameters.ts";

/** What is private: who holds a facility's classes, and what an account has and had. */
export function accountRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/facilities/:address/holders",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listHolders",
        summary: "Who holds a facility's classes, for its sponsor, auditors and compliance",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: HoldersQuerySchema,
        response: answers({ 200: pageSchemaOf(HolderSchema) }, 401, 403, 404),
      },
    },
    async (request) => {
      const { params, query } = request;
      const address = addressOf(params.address, "address");
      const facility = await sources.facility(address);
      if (facility === undefined) throw unknown("Facility", { address });
      demandViewer(request, { accounts: [facility.sponsor], roles: ["compliance"] });
      const classIndex = query.class === undefined ? undefined : Number(query.class);
      return await pageOf(
        query.limit,
        async (limit) => (await sources.holders(address, { limit, after: query.after }, classIndex)) ?? [],
        ({ key }) => key,
      );
    },
  );

  app.get(
    "/v1/accounts/:address/portfolio",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "getPortfolio",
        summary: "An account's classes: cost, income, value and yearly return; for the account itself and auditors",
        tags: ["accounts"],
        params: AccountParamsSchema,
        querystring: PortfolioQuerySchema,
        response: answers({ 200: PortfolioSchema }, 401, 403),
      },
    },
    async (request) => {
      const address = addressOf(request.params.address, "address");
      demandViewer(request, { accounts: [address] });
      return await sources.portfolio(address, request.query.method);
    },
  );

  app.get(
    "/v1/accounts/:address/flows",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listFlows",
        summary: "All that happened to an account's shares, the oldest first, each with cost and gain",
        description: "With `year` and `format=csv`: what a tax return is made of.",
        tags: ["accounts"],
        params: AccountParamsSchema,
        querystring: FlowsQuerySchema,
        response: answers({ 200: pageSchemaOf(FlowSchema) }, 401, 403),
      },
    },
    async (request) => {
      const { params, query } = request;
      const address = addressOf(params.address, "address");
      demandViewer(request, { accounts: [address] });
      const filter = {
        year: query.year === undefined ? undefined : Number(query.year),
        token: query.token === undefined ? undefined : addressOf(query.token, "token"),
        method: query.method,
      };
      return await pageOf(
        query.limit,
        (limit) => sources.flows(address, { limit, after: query.after }, filter),
        ({ key }) => key,
      );
    },
  );

  app.get(
    "/v1/accounts/:address/tax/:year",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "getTaxYear",
        summary: "A year's taxable sums of an account, by settlement token",
        tags: ["accounts"],
        params: TaxParamsSchema,
        querystring: TaxQuerySchema,
        response: answers({ 200: TaxYearSchema }, 401, 403),
      },
    },
    async (request) => {
      const address = addressOf(request.params.address, "address");
      demandViewer(request, { accounts: [address] });
      return await sources.taxYear(address, Number(request.params.year), request.query.method);
    },
  );
}
