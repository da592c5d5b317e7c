import { HealthSchema, NoQuerySchema, ReadySchema, SummarySchema } from "../protocol/api.ts";
import { PublicDeploymentSchema } from "../protocol/deployment.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { HttpProblem } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";

/** Whether the program lives and can serve, and its running totals. */
export function serviceRoutes(app: Api, sources: Sources): void {
  app.get(
    "/health",
    {
      config: { rateLimit: false, pressureHandler: () => undefined },
      schema: {
        operationId: "getHealth",
        summary: "The process lives",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: HealthSchema }),
      },
    },
    () => ({ status: "ok" as const }),
  );

  app.get(
    "/ready",
    {
      config: { rateLimit: false },
      schema: {
        operationId: "getReady",
        summary: "The program can serve: database, chain and read model are up",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: ReadySchema }),
      },
    },
    async () => {
      const ready = await sources.ready();
      if (ready === undefined) throw new HttpProblem(503, "Server_NotReady", "database, chain or read model is not up");
      return ready;
    },
  );

  app.get(
    "/v1/summary",
    {
      schema: {
        operationId: "getSummary",
        summary: "Running totals: months, cash, fleet",
        description: "cash.received is the sum of the other amounts of cash.",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: SummarySchema }),
      },
    },
    () => sources.summary(),
  );

  app.get(
    "/v1/deployment",
    {
      schema: {
        operationId: "getDeployment",
        summary: "Where the contracts are that this API tells of",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: PublicDeploymentSchema }),
      },
    },
    () => sources.deployment(),
  );
}
