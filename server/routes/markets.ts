import { FacilityParamsSchema, NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  LiquidationSchema,
  MarketParamsSchema,
  MarketPointSchema,
  MarketSchema,
  MarketsQuerySchema,
  PositionSchema,
  PositionsQuerySchema,
} from "../protocol/apiMarkets.ts";
import { EventsQuerySchema } from "../protocol/apiAccess.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { demandViewer, maySee } from "../viewer.ts";
import { addressOf, beforeOf, givenNumber, offsetPage, pageOf } from "./parameters.ts";

/** Lending markets and what accounts have in them. */
export function marketRoutes(app: Api, sources: CapitalSources): void {
  const known = <T>(found: T | undefined, id: string): T => {
    if (found === undefined) throw unknown("Market", { id });
    return found;
  };

  app.get(
    "/v1/markets",
    {
      schema: {
        operationId: "listMarkets",
        summary: "Lending markets, by id, with the interest up to the block",
        tags: ["markets"],
        querystring: MarketsQuerySchema,
        response: answers({ 200: pageSchemaOf(MarketSchema) }),
      },
    },
    ({ query }) => {
      const { after, collateralToken } = query;
      const token = collateralToken === undefined ? undefined : addressOf(collateralToken, "collateralToken");
      return pageOf(
        query.limit,
        (limit) => sources.markets({ limit, after: after as Hex | undefined }, token),
        ({ id }) => id,
      );
    },
  );

  app.get(
    "/v1/markets/:id",
    {
      schema: {
        operationId: "getMarket",
        summary: "One market",
        tags: ["markets"],
        params: MarketParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: MarketSchema }, 404),
      },
    },
    async ({ params }) => known(await sources.market(params.id as Hex), params.id),
  );

  app.get(
    "/v1/markets/:id/positions",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listMarketPositions",
        summary: "Positions of a market, the oldest first; accounts are shown to themselves and auditors",
        tags: ["markets"],
        params: MarketParamsSchema,
        querystring: PositionsQuerySchema,
        response: answers({ 200: pageSchemaOf(PositionSchema) }, 404),
      },
    },
    async ({ params, query, viewer }) => {
      const after = givenNumber(query.after, "after");
      const page = await pageOf(
        query.limit,
        async (limit) => known(await sources.positions(params.id as Hex, { limit, after }), params.id),
        ({ positionIndex }) => String(positionIndex),
      );
      const masked = page.items.map((position) => {
        const { account } = position;
        return account !== null && maySee(viewer, { accounts: [account] }) ? position : { ...position, account: null };
      });
      return { ...page, items: masked };
    },
  );

  app.get(
    "/v1/accounts/:address/positions",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listAccountPositions",
        summary: "An account's positions in all markets: to itself and auditors",
        tags: ["markets"],
        params: FacilityParamsSchema,
        querystring: PositionsQuerySchema,
        response: answers({ 200: pageSchemaOf(PositionSchema) }, 401, 403, 404),
      },
    },
    async (request) => {
      const { params, query } = request;
      const address = addressOf(params.address, "address");
      demandViewer(request, { accounts: [address] });
      return offsetPage(query, await sources.accountPositions(address));
    },
  );

  app.get(
    "/v1/markets/:id/history",
    {
      schema: {
        operationId: "listMarketHistory",
        summary: "A market's accruals, the newest first: its rate and its totals",
        tags: ["markets"],
        params: MarketParamsSchema,
        querystring: EventsQuerySchema,
        response: answers({ 200: pageSchemaOf(MarketPointSchema) }, 404),
      },
    },
    ({ params, query }) =>
      pageOf(
        query.limit,
        async (limit) => known(await sources.marketHistory(params.id as Hex, { limit, ...beforeOf(query) }), params.id),
        ({ eventId }) => eventId,
      ),
  );

  app.get(
    "/v1/markets/:id/liquidations",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listLiquidations",
        summary: "A market's liquidations, the newest first; borrowers are shown to themselves and auditors",
        tags: ["markets"],
        params: MarketParamsSchema,
        querystring: EventsQuerySchema,
        response: answers({ 200: pageSchemaOf(LiquidationSchema) }, 404),
      },
    },
    async ({ params, query, viewer }) => {
      const page = await pageOf(
        query.limit,
        async (limit) => known(await sources.liquidations(params.id as Hex, { limit, ...beforeOf(query) }), params.id),
        ({ eventId }) => eventId,
      );
      const masked = page.items.map((done) => {
        const { borrower } = done;
        return borrower !== null && maySee(viewer, { accounts: [borrower] }) ? done : { ...done, borrower: null };
      });
      return { ...page, items: masked };
    },
  );
}
