import {
  BeforeQuerySchema,
  DeviceParamsSchema,
  DeviceProofSchema,
  EpochDetailSchema,
  EpochParamsSchema,
  EpochSchema,
  NoQuerySchema,
  ReadingSetSchema,
  ReceiptSchema,
  pageOf as pageSchemaOf,
} from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { SignedReadingSchema } from "../protocol/reading.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { HttpProblem, unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { numberOf, pageOf } from "./parameters.ts";

/** Signed readings in; reports, reading sets and proofs out. */
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
        summary: "An epoch's report, its signatures, and the hash of the readings it was made from",
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

  app.get(
    "/v1/epochs/:epoch/readings",
    {
      schema: {
        operationId: "getReadings",
        summary: "The full reading set of an epoch; its bytes hash to the epoch's fileHash",
        tags: ["telemetry"],
        params: EpochParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: ReadingSetSchema }, 404),
      },
    },
    async ({ params }, reply) => {
      const epoch = numberOf(params.epoch, "epoch");
      const set = await sources.readingSet(epoch);
      if (set === undefined) throw unknown("Epoch", { epoch });
      reply.cacheControl("public").cacheControl("max-age", "365d").cacheControl("immutable");
      reply.type("application/json").header("content-length", set.byteCount);
      return reply.send(set.open() as never); // a stream of what the schema says
    },
  );

  app.get(
    "/v1/epochs/:epoch/devices/:deviceId/proof",
    {
      schema: {
        operationId: "getDeviceProof",
        summary: "What one device did in an epoch, proven against the root that is on-chain",
        tags: ["telemetry"],
        params: DeviceParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: DeviceProofSchema }, 404),
      },
    },
    async ({ params }) => {
      const epoch = numberOf(params.epoch, "epoch");
      const proof = await sources.deviceProof(epoch, params.deviceId as Hex);
      if (proof === undefined) throw unknown("Device", { epoch, deviceId: params.deviceId });
      return proof;
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
