import { Transform, type TransformCallback } from "node:stream";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Busy } from "../busy.ts";
import type { Config } from "../config.ts";
import { NoQuerySchema } from "../protocol/api.ts";
import { SignedReadingSchema } from "../protocol/reading.ts";
import { BatchResultsSchema, type BatchResult } from "../protocol/apiReadings.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { HttpProblem, refusalStatus } from "../plugins/problems.ts";
import type { BatchForm, ReadingSink, Sources, Taken } from "../sources.ts";

const FORMS: Readonly<Record<string, BatchForm>> = { "application/x-ndjson": "lines", "application/json": "array" };

/** Bodies on their way in, all together and of one address: what is held is what was really sent. */
class Held {
  readonly #limitBytes: number;
  readonly #byAddress = new Map<string, number>();
  #allBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Counts bytes of an address; false when it, or all, would hold too many. */
  add(from: string, byteCount: number): boolean {
    const own = (this.#byAddress.get(from) ?? 0) + byteCount;
    this.#byAddress.set(from, own);
    this.#allBytes += byteCount;
    return this.#allBytes <= this.#limitBytes && own <= this.#limitBytes / 2;
  }

  release(from: string, byteCount: number): void {
    const own = (this.#byAddress.get(from) ?? 0) - byteCount;
    if (own > 0) this.#byAddress.set(from, own);
    else this.#byAddress.delete(from);
    this.#allBytes -= byteCount;
  }
}

/** A body that is counted while it comes in. */
class Counted extends Transform {
  receivedEncodedLength = 0;
  readonly #from: string;
  readonly #held: Held;

  constructor(from: string, held: Held) {
    super();
    this.#from = from;
    this.#held = held;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.receivedEncodedLength += chunk.length;
    if (this.#held.add(this.#from, chunk.length)) done(null, chunk);
    else done(new Busy("Ingest_Full", "more readings come in than can be held; try again later", false, 1000));
  }

  release(): void {
    this.#held.release(this.#from, this.receivedEncodedLength);
    this.receivedEncodedLength = 0;
  }
}

/** Batches of signed readings in. */
export async function readingRoutes(app: Api, sources: Sources, config: Config): Promise<void> {
  await app.register((scope: Api, _options, done) => {
    const held = new Held(config.ingestBytes);
    const bodies = new WeakMap<FastifyRequest, Counted>();
    const release = (request: FastifyRequest) => {
      bodies.get(request)?.release();
      bodies.delete(request);
    };
    const sink = (): ReadingSink => {
      if (sources.readings !== undefined) return sources.readings;
      throw new HttpProblem(404, "Route_Unknown", "this program keeps no readings");
    };
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(Object.keys(FORMS), { parseAs: "buffer" }, (_request, body, parsed) =>
      parsed(null, body),
    );
    scope.addHook("preParsing", (request, _reply, payload, next) => {
      const from = request.ip;
      sink().admit(from, Number(request.headers["content-length"] ?? config.batchLimitBytes));
      const counted = new Counted(from, held);
      bodies.set(request, counted);
      payload.on("error", (error) => counted.destroy(error));
      next(null, payload.pipe(counted));
    });
    scope.addHook("onResponse", (request, _reply, next) => {
      release(request);
      next();
    });
    scope.addHook("onRequestAbort", (request, next) => {
      release(request);
      next();
    });

    scope.post(
      "/v1/readings/batch",
      {
        bodyLimit: config.batchLimitBytes,
        validatorCompiler: () => () => true, // the judges read the bytes
        schema: {
          operationId: "submitReadings",
          summary: "Takes signed readings, one a line or in an array; answers for each, once it is durable",
          tags: ["telemetry"],
          querystring: NoQuerySchema,
          body: {
            content: {
              "application/x-ndjson": { schema: { type: "string", description: "one SignedReading a line" } },
              "application/json": { schema: Type.Array(SignedReadingSchema, { minItems: 1 }) },
            },
          } as never,
          response: answers({ 200: BatchResultsSchema }, 413, 415),
        },
      },
      async (request) => {
        const form = FORMS[(request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase()] ?? "lines";
        const taken = await sink().take(request.body as Buffer, form, request.ip);
        return { results: taken.map(resultOf) };
      },
    );
    done();
  });
}

const STATUS = { inserted: 202, duplicate: 200, equivocation: 409 } as const;

function resultOf(taken: Taken): BatchResult {
  if (taken.outcome === "refused") {
    const { refusal } = taken;
    return { status: refusalStatus(refusal), outcome: "refused", code: refusal.code, detail: refusal.message };
  }
  const { outcome, nodeId, epoch, readingHash } = taken;
  const code = outcome === "equivocation" ? { code: "Reading_Equivocation" } : {};
  return { status: STATUS[outcome], outcome, nodeId: String(nodeId), epoch: String(epoch), readingHash, ...code };
}
