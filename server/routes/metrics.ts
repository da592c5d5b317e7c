import { Type } from "typebox";
import { NoQuerySchema } from "../protocol/api.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";

/** What Prometheus reads. */
export function metricsRoutes(app: Api, read: () => Promise<{ type: string; text: string }>): void {
  const text = Type.String({ description: "Prometheus text, version 0.0.4" });
  app.get(
    "/metrics",
    {
      config: { pressureHandler: () => undefined },
      schema: {
        operationId: "getMetrics",
        summary: "Measures of the API, the read model and the process, for Prometheus",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: { content: { "text/plain": { schema: text } }, description: "Measures" } as never }),
      },
    },
    async (_request, reply) => {
      const measured = await read();
      return await reply.type(measured.type).send(measured.text);
    },
  );
}
