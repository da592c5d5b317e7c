import { Readable } from "node:stream";

import { HandedSchema, IdentityParamsSchema, NoQuerySchema } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { HttpProblem, unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";

const LINES_TYPE = "application/x-ndjson";
const HASH = /^0x[0-9a-f]{64}$/;
const LIMITS = { rateLimit: { max: 120, timeWindow: 60_000 } };

/** Identities of registered lots in. */
export async function identityRoutes(app: Api, sources: Sources): Promise<void> {
  await app.register((scope: Api, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(LINES_TYPE, (_request, payload, parsed) => parsed(null, payload));

    scope.put(
      "/v1/files/identities/:identityRoot",
      {
        config: LIMITS,
        validatorCompiler: () => () => true, // the body is a stream; the rest is looked at below
        schema: {
          operationId: "putIdentities",
          summary: "Takes the identities of a registered lot, and keeps them when they make its identity root",
          tags: ["telemetry"],
          params: IdentityParamsSchema,
          querystring: NoQuerySchema,
          body: {
            content: { [LINES_TYPE]: { schema: { type: "string", description: "one device a line" } } },
          } as never,
          response: answers({ 200: HandedSchema }, 404, 413, 415, 422),
        },
      },
      async ({ params, body, ip }) => {
        if (sources.identities === undefined)
          throw new HttpProblem(404, "Route_Unknown", "this program keeps no files");
        const { identityRoot } = params;
        if (!HASH.test(identityRoot)) throw new HttpProblem(400, "Request_Invalid", "params/identityRoot is no hash");
        if (!(body instanceof Readable)) throw new HttpProblem(400, "Request_Malformed", "there is no body");
        // The socket stays open where the file is refused before its end: the answer has to go back over it.
        const pieces = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
        try {
          const outcome = await sources.identities.take(identityRoot as Hex, pieces, ip);
          if (outcome === undefined) throw unknown("Lot", { identityRoot });
          return { identityRoot, outcome };
        } finally {
          body.resume();
        }
      },
    );
    done();
  });
}
