import { NoQuerySchema } from "../protocol/api.ts";
import { HappeningSchema } from "../protocol/apiStream.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import type { Streams } from "../plugins/stream.ts";

/** Server-sent events of what happens on the chain. */
export function streamRoutes(app: Api, streams: Streams): void {
  const shown = { description: "text/event-stream; the data of an event is JSON", ...HappeningSchema };
  app.get(
    "/v1/stream",
    {
      config: { isLive: true },
      schema: {
        operationId: "openStream",
        summary: "What happens, as server-sent events; `last-event-id` tells what was missed since",
        description:
          "`head` follows the others of a look, with blockNumber and blockHash; readAgain says that the chain left the " +
          "block that was seen last, or that more happened since than is told. Offered orders have no id.",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: { content: { "text/event-stream": { schema: shown } }, description: "Events" } }),
      },
    },
    async (request, reply) => {
      const lastEventId = request.headers["last-event-id"];
      await streams.open(request, reply, typeof lastEventId === "string" ? lastEventId : undefined);
      return reply;
    },
  );
}
