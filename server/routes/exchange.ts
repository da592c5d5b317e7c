import { NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  FillSchema,
  FillsQuerySchema,
  IndexDaySchema,
  IndexParamsSchema,
  OrderParamsSchema,
  OrderSchema,
  OrdersQuerySchema,
  PriceSchema,
  PricesQuerySchema,
  SignedOrderSchema,
} from "../protocol/apiExchange.ts";
import { EventsQuerySchema } from "../protocol/apiAccess.ts";

import type { Hex } from "../protocol/bytes.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { demandViewer } from "../viewer.ts";
import { addressOf, beforeOf, givenAddress, pageOf } from "./parameters.ts";

const LIMITS = { rateLimit: { max: 60, timeWindow: 60_000 } };

/** Orders, trades, and what classes and compute are worth. */
export function exchangeRoutes(app: Api, sources: CapitalSources): void {
  app.get(
    "/v1/orders",
    {
      config: { isLive: true },
      schema: {
        operationId: "listOrders",
        summary: "Orders that were handed in, the newest first: those that can be filled, or with status=all every one",
        tags: ["exchange"],
        querystring: OrdersQuerySchema,
        response: answers({ 200: pageSchemaOf(OrderSchema) }),
      },
    },
    ({ query }) => {
      const { side, status } = query;
      const filter = {
        shareToken: givenAddress(query.shareToken, "shareToken"),
        maker: givenAddress(query.maker, "maker"),
        isSell: side === undefined ? undefined : side === "sell",
        isOpen: status !== "all",
      };
      return sources.orders({ limit: Number(query.limit), ...beforeOf(query) }, filter);
    },
  );

  app.get(
    "/v1/orders/:orderHash",
    {
      config: { isLive: true },
      schema: {
        operationId: "getOrder",
        summary: "One order, and what the exchange says of it",
        tags: ["exchange"],
        params: OrderParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: OrderSchema }, 404),
      },
    },
    async ({ params }) => {
      const order = await sources.order(params.orderHash as Hex);
      if (order === undefined) throw unknown("Order", { orderHash: params.orderHash });
      return order;
    },
  );

  app.post(
    "/v1/orders",
    {
      config: LIMITS,
      schema: {
        operationId: "submitOrder",
        summary: "Takes an order that its maker signed and that can be filled now; 201, or 200 where it is here",
        tags: ["exchange"],
        querystring: NoQuerySchema,
        body: SignedOrderSchema,
        response: answers({ 200: OrderSchema, 201: OrderSchema }, 413, 415, 422),
      },
    },
    async ({ body }, reply) => {
      const { order } = body;
      const canonical = {
        ...order,
        maker: addressOf(order.maker, "order.maker"),
        taker: addressOf(order.taker, "order.taker"),
        shareToken: addressOf(order.shareToken, "order.shareToken"),
        asset: addressOf(order.asset, "order.asset"),
      };
      const kept = await sources.putOrder({ order: canonical, signature: body.signature.toLowerCase() });
      return reply.code(kept.isNew ? 201 : 200).send(kept.order);
    },
  );

  app.get(
    "/v1/fills",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listFills",
        summary:
          "Trades, the newest first; with `account` that account's own, to itself and auditors, with their parties",
        tags: ["exchange"],
        querystring: FillsQuerySchema,
        response: answers({ 200: pageSchemaOf(FillSchema) }, 401, 403),
      },
    },
    async (request) => {
      const { query } = request;
      const account = givenAddress(query.account, "account");
      if (account !== undefined) demandViewer(request, { accounts: [account] });
      else if (query.orderHash !== undefined) demandViewer(request, {}); // an order tells its maker
      const filter = {
        ...{ account, shareToken: givenAddress(query.shareToken, "shareToken") },
        orderHash: query.orderHash as Hex | undefined,
      };
      const page = await pageOf(
        query.limit,
        (limit) => sources.fills({ limit, ...beforeOf(query) }, filter),
        ({ eventId }) => eventId,
      );
      if (account !== undefined) return page;
      return { ...page, items: page.items.map((fill) => ({ ...fill, orderHashes: [], seller: null, buyer: null })) };
    },
  );

  app.get(
    "/v1/prices",
    {
      schema: {
        operationId: "listPrices",
        summary: "Every class's two prices and every model's compute rate, and whether they may be acted on",
        tags: ["exchange"],
        querystring: PricesQuerySchema,
        response: answers({ 200: pageSchemaOf(PriceSchema) }),
      },
    },
    ({ query }) => {
      const after = query.after?.length === 42 ? addressOf(query.after, "after") : query.after;
      const filter = { kind: query.kind, facility: givenAddress(query.facility, "facility") };
      return pageOf(
        query.limit,
        (limit) => sources.prices({ limit, after }, filter),
        ({ priceId }) => priceId,
      );
    },
  );

  app.get(
    "/v1/indexes/:model/history",
    {
      schema: {
        operationId: "listIndexDays",
        summary: "A model's compute rate by day, the newest first",
        tags: ["exchange"],
        params: IndexParamsSchema,
        querystring: EventsQuerySchema,
        response: answers({ 200: pageSchemaOf(IndexDaySchema) }, 404),
      },
    },
    ({ params, query }) =>
      pageOf(
        query.limit,
        async (limit) => {
          const days = await sources.indexDays(params.model, { limit, ...beforeOf(query) });
          if (days === undefined) throw unknown("Index", { model: params.model });
          return days;
        },
        ({ dayAt }) => dayAt,
      ),
  );
}
