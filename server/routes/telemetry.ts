import {
  BeforeQuerySchema,
  EpochDetailSchema,
  EpochParamsSchema,
  EpochSchema,
  NoQuerySchema,
  ReceiptSchema,
  pageOf as pageSchemaOf,
} from "../protocol/api.ts";
import { SignedReadingSchema } from "../protocol/reading.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { HttpProblem, unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { numberOf, pageOf } from "./parameters.ts";

/** Signed readings in; reports out. */
export function telemetryRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/epochs",
    {
      schema: {
        operationId: "listEpochs",
        summary: "Epochs that were reported, newest first",
        tags: ["telemetry"],
        querystring: BeforeQuerySchema,
        response: answers({ 200: pageSchemaOf(EpochSchema) }),
      },
    },
    ({ query }) => {
      const before = query.before === undefined ? undefined : numberOf(query.before, "before");
      return pageOf(
        query.limit,
        (limit) => sources.epochs({ limit, before }),
        (epoch) => epoch.epoch,
      );
    },
  );

  app.get(
    "/v1/epochs/:epoch",
    {
      schema: {
        operationId: "getEpoch",
        summary: "An epoch's report, its signatures, and where the readings are that it was made from",
        tags: ["telemetry"],
        params: EpochParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: EpochDetailSchema }, 404),
      },
    },
    async ({ params }) => {
      const epoch = numberOf(params.epoch, "epoch");
      const detail = await sources.epoch(epoch);
      if (detail === undefined) throw unknown("Epoch", { epoch });
      return detail;
    },
  );

  app.post(
    "/v1/readings",
    {
      schema: {
        operationId: "submitReading",
        summary: "Takes a node's signed reading; 202 once it is durable",
        tags: ["telemetry"],
        querystring: NoQuerySchema,
        body: SignedReadingSchema,
        response: answers({ 200: ReceiptSchema, 202: ReceiptSchema }, 401, 403, 409, 413, 415, 422),
      },
    },
    async ({ body }, reply) => {
      const { outcome, epoch, nodeId, readingHash } = await sources.submitReading(body);
      if (outcome === "equivocation")
        throw new HttpProblem(409, "Reading_Equivocation", "another reading of this node and epoch is kept", {
          nodeId,
          epoch,
          readingHash,
        });
      const receipt = { outcome, epoch: String(epoch), nodeId: String(nodeId), readingHash };
      return reply.code(outcome === "inserted" ? 202 : 200).send(receipt);
    },
  );
}
