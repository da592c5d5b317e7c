import { Readable } from "node:stream";
import { Type } from "typebox";

import {
  DeviceParamsSchema,
  FileParamsSchema,
  LotDeviceParamsSchema,
  LotEpochParamsSchema,
  NoQuerySchema,
} from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { AbsenceProofSchema, DeviceProofSchema } from "../protocol/proof.ts";
import { acceptsCoding, namesTag } from "../plugins/answering.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { Sources } from "../sources.ts";
import { numberOf } from "./parameters.ts";

const LINES_TYPE = "application/x-ndjson";
// A stream: what goes out is not serialised by a schema.
const lines = (description: string) =>
  Type.Unsafe<Readable>({
    description,
    content: { [LINES_TYPE]: { schema: Type.String({ description: "lines of JSON" }) } },
  });

const NotModified = Type.Null({ description: "The client has it" });

/** Published files, and proofs of what the reports say. */
export function proofRoutes(app: Api, sources: Sources): void {
  app.get(
    "/v1/files/:kind/:hash",
    {
      compress: false, // it is kept packed
      schema: {
        operationId: "getFile",
        summary: "A published file: a reading set by dataHash, identities by identityRoot, a methodology by its hash",
        tags: ["telemetry"],
        params: FileParamsSchema,
        querystring: NoQuerySchema,
        response: answers(
          { 200: lines("The file; zstd where the client accepts that encoding"), 304: NotModified },
          404,
        ),
      },
    },
    async ({ params, headers }, reply) => {
      const { kind, hash } = params;
      const file = await sources.file(kind, hash as Hex);
      if (file === undefined) throw unknown("File", { kind, hash });
      const etag = `"${hash}"`;
      reply.header("etag", etag).header("vary", "accept-encoding");
      reply.header("cache-control", "public, max-age=31536000, immutable");
      if (namesTag(headers["if-none-match"], etag)) return await reply.code(304).send(null);
      reply.type(LINES_TYPE);
      if (!acceptsCoding(headers["accept-encoding"], "zstd")) return await reply.send(file.plain());
      reply.header("content-encoding", "zstd").header("content-length", file.storedByteCount);
      return await reply.send(file.stored());
    },
  );

  app.get(
    "/v1/epochs/:epoch/devices/:deviceId/proof",
    {
      schema: {
        operationId: "getDeviceProof",
        summary: "What one device did in an epoch, and its node's signed reading, proven against the report on-chain",
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

  app.get(
    "/v1/epochs/:epoch/lots/:lotId/devices/:deviceIndex/absence",
    {
      schema: {
        operationId: "getAbsenceProof",
        summary: "That a lot's device is not in an epoch's report: the leaves it would stand between",
        tags: ["telemetry"],
        params: LotDeviceParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: AbsenceProofSchema }, 404),
      },
    },
    async ({ params }) => {
      const epoch = numberOf(params.epoch, "epoch");
      const lotId = numberOf(params.lotId, "lotId");
      const proof = await sources.absenceProof(epoch, lotId, Number(params.deviceIndex));
      if (proof === undefined) throw unknown("Absence", { epoch, lotId, deviceIndex: params.deviceIndex });
      return proof;
    },
  );

  app.get(
    "/v1/epochs/:epoch/lots/:lotId/proof",
    {
      schema: {
        operationId: "getLotProof",
        summary:
          "All that a lot did in an epoch: every leaf of it, proven whole; what they add up to its meter grew by",
        tags: ["telemetry"],
        params: LotEpochParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: lines("What is proven, then one leaf a line") }, 404),
      },
    },
    async ({ params }, reply) => {
      const epoch = numberOf(params.epoch, "epoch");
      const lotId = numberOf(params.lotId, "lotId");
      const proof = await sources.lotProof(epoch, lotId);
      if (proof === undefined) throw unknown("Epoch", { epoch });
      reply.type(LINES_TYPE);
      return await reply.send(Readable.from(piecesOf(proof)));
    },
  );
}

const PIECE_LENGTH = 1 << 16;

function* piecesOf(list: Iterable<string>): Generator<string> {
  let text = "";
  for (const line of list) {
    text += `${line}\n`;
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}
