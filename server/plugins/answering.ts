import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest, RouteHandlerMethod, RouteOptions } from "fastify";
import { LRUCache } from "lru-cache";
import type { TSchema } from "typebox";
import type { Config } from "../config.ts";
import type { BlockMark, PlatformSources } from "../sourcesPlatform.ts";
import { atOneBlock } from "./asOf.ts";
import { csvOf } from "./csv.ts";
import type { Api } from "./http.ts";

// What surrounds every answer of GET /v1: the block it is true at, its entity tag, CSV for lists. Public answers are made
// once a block and kept; who asks while one is being made waits for it. Private ones are never kept.

const MAX_PAGES = 50;
const GZIP_FROM_BYTES = 1_400;
const JSON_TYPE = "application/json; charset=utf-8";
const CSV_TYPE = "text/csv; charset=utf-8; header=present";
const compressed = promisify(gzip);

/** An answer as it goes out. */
interface Answer {
  readonly body: string;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly block: BlockMark | undefined;
  readonly etag: string;
  packed?: Promise<Buffer>;
  /** When it was last of the newest block, by this process's clock. */
  seenMs: number;
}

/** What the kept answers do, for the metrics. */
export interface AnswerCounts {
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number;
  readonly entries: number;
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: string | null;
}

/** Takes charge of the answers of all GET routes below /v1 that are added afterwards. */
export function answering(
  app: Api,
  sources: Pick<PlatformSources, "head">,
  { cacheBytes, staleMs }: Pick<Config, "cacheBytes" | "staleMs">,
): () => AnswerCounts {
  const kept = new LRUCache<string, Answer>({
    maxSize: cacheBytes,
    maxEntrySize: Math.ceil(cacheBytes / 8),
    sizeCalculation: ({ body }, key) => 2 * (body.length + key.length) + 512,
  });
  const underWay = new Map<string, Promise<Answer | undefined>>();
  let hits = 0;
  let misses = 0;

  app.addHook("onRoute", (route) => {
    const isRead = [route.method].flat().every((method) => method === "GET" || method === "HEAD");
    if (!isRead || !route.url.startsWith("/v1/")) return;
    const itemSchema = listedBy(route);
    if (itemSchema !== undefined) allowFormat(route);
    const inner = route.handler;
    const isKept = route.config?.isPrivate !== true && route.config?.isLive !== true;

    const make = async (request: FastifyRequest, reply: FastifyReply, isCsv: boolean): Promise<Answer | undefined> => {
      const ask = async (): Promise<unknown> => await inner.call(app, request, reply);
      const { answer, block } = await atOneBlock(async () => {
        if (!isCsv) return await ask();
        return await pagesOf(request, async () => (await ask()) as Page);
      });
      // A stream whose reader went away ends with nothing, and is not there to be kept.
      if (answer === undefined || answer === reply || reply.sent || reply.statusCode !== 200) return undefined;
      const at = block ?? (isKept ? undefined : await sources.head());
      const body = isCsv ? csvOf(itemSchema!, (answer as Page).items) : (reply.serialize(answer) as string);
      const etag = `"${createHash("sha256")
        .update(body)
        .update(at?.hash ?? "")
        .digest("base64url")
        .slice(0, 27)}"`;
      const headers = isCsv ? csvHeaders(request, answer as Page) : {};
      const seenMs = performance.now();
      return { body, headers, block: at, etag, type: isCsv ? CSV_TYPE : JSON_TYPE, seenMs };
    };

    /** The answer of this block, made by whoever asked first. */
    const shared = async (
      request: FastifyRequest,
      reply: FastifyReply,
      isCsv: boolean,
    ): Promise<Answer | undefined> => {
      const key = `${isCsv ? "csv" : "json"} ${request.url}`;
      const head = await sources.head();
      const found = kept.get(key);
      if (found !== undefined && found.block?.hash === head?.hash) {
        hits += 1;
        found.seenMs = performance.now();
        return found;
      }
      const flight = `${head?.hash ?? ""} ${key}`;
      const other = underWay.get(flight);
      if (other !== undefined) {
        // One makes the new answer; the others may have the one before it, which says of which block it is.
        if (found !== undefined && performance.now() - found.seenMs < staleMs) return found;
        const answer = await other.catch(() => undefined); // who made it is told what was wrong; we try for ourselves
        if (answer !== undefined) {
          hits += 1;
          return answer;
        }
      }
      misses += 1;
      const own = make(request, reply, isCsv);
      underWay.set(flight, own);
      try {
        const answer = await own;
        if (answer?.block !== undefined) kept.set(key, answer);
        return answer;
      } finally {
        if (underWay.get(flight) === own) underWay.delete(flight);
      }
    };

    const outer: RouteHandlerMethod = async (request, reply) => {
      const isCsv = itemSchema !== undefined && wantsCsv(request);
      const isPrivate = route.config?.isPrivate === true;
      const answer = isKept ? await shared(request, reply, isCsv) : await make(request, reply, isCsv);
      if (answer === undefined) return reply;
      return await give(answer, isPrivate, request, reply);
    };
    route.handler = outer;
  });

  return () => ({ hits, misses, bytes: kept.calculatedSize, entries: kept.size });
}

async function give(answer: Answer, isPrivate: boolean, request: FastifyRequest, reply: FastifyReply) {
  const { body, type, headers, block, etag } = answer;
  reply.headers(headers).type(type);
  if (block !== undefined) reply.header("x-block-number", String(block.number));
  if (isPrivate) return await reply.header("cache-control", "private, no-store").send(body);
  reply.header("cache-control", "no-cache").header("vary", varyOf(reply)).header("etag", etag);
  if (namesTag(request.headers["if-none-match"], etag)) {
    return await reply.code(304).removeHeader("content-type").send();
  }
  if (body.length < GZIP_FROM_BYTES || !acceptsCoding(request.headers["accept-encoding"], "gzip")) {
    return await reply.send(body);
  }
  answer.packed ??= compressed(body, { level: 5 });
  return await reply.header("content-encoding", "gzip").send(await answer.packed);
}

/** What the answer depends on, beside what was said of it before: the origin, where some origins may read. */
function varyOf(reply: FastifyReply): string {
  return [reply.getHeader("vary") ?? [], "accept", "accept-encoding"].flat().join(", ");
}

/** What a route lists; undefined where its answer is no page. */
function listedBy({ schema }: RouteOptions): TSchema | undefined {
  const responses = schema?.response as
    Record<string, { properties?: Record<string, { items?: TSchema }> }> | undefined;
  const { items, next } = responses?.["200"]?.properties ?? {};
  return next === undefined ? undefined : items?.items;
}

/** Lets a list be asked for as CSV. */
function allowFormat(route: RouteOptions): void {
  const query = route.schema?.querystring as { properties: Record<string, unknown> };
  const description = "csv gives text/csv, as does a client that prefers that type";
  const format = { type: "string", pattern: "^(csv|json)$", description };
  route.schema = { ...route.schema, querystring: { ...query, properties: { ...query.properties, format } } };
}

function wantsCsv({ query, headers }: FastifyRequest): boolean {
  const { format } = query as { format?: string };
  if (format !== undefined) return format === "csv";
  return qualityOf(headers.accept, "text/csv") > qualityOf(headers.accept, "application/json");
}

/** All pages from the one that is asked for on; that one alone where a limit is given. */
async function pagesOf(request: FastifyRequest, ask: () => Promise<Page>): Promise<Page> {
  if (/[?&]limit=/.test(request.url)) return await ask();
  const first = request.query;
  const cursor = cursorOf(request);
  const query = { ...(first as Record<string, string>), limit: "200" } as Record<string, string>;
  const items: unknown[] = [];
  try {
    request.query = query;
    for (let page = 1; ; page++) {
      const answer = await ask();
      items.push(...answer.items);
      if (answer.next === null || page === MAX_PAGES) return { items, next: answer.next };
      query[cursor] = answer.next;
    }
  } finally {
    request.query = first; // it may be asked for again
  }
}

/** The parameter that the next page is asked for with. */
function cursorOf(request: FastifyRequest): string {
  const { querystring } = request.routeOptions.schema as { querystring: { properties: object } };
  return ["after", "before", "from"].find((name) => name in querystring.properties) ?? "after";
}

function csvHeaders(request: FastifyRequest, { next }: Page): Record<string, string> {
  const path = request.url.split("?")[0]!;
  const name = path.replace(/^\/v1\//, "").replaceAll(/[^0-9A-Za-z]+/g, "-");
  const disposition = { "content-disposition": `attachment; filename="${name}.csv"` };
  if (next === null) return disposition;
  const query = new URLSearchParams(request.url.split("?")[1] ?? "");
  query.set("format", "csv");
  query.set(cursorOf(request), next);
  return { ...disposition, link: `<${path}?${query.toString()}>; rel="next"` };
}

/** Whether a header of entity tags names this one. */
export function namesTag(header: string | undefined, etag: string): boolean {
  const tags = header?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return tags.includes(etag) || tags.includes("*");
}

/** How much a client wants a type, by its own words: 0 to 1; 0 for what it only takes by a wildcard. */
function qualityOf(accept: string | undefined, type: string): number {
  for (const entry of (accept ?? "").toLowerCase().split(",")) {
    const [name, ...parameters] = entry.split(";").map((part) => part.trim());
    if (name !== type) continue;
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    return quality === undefined ? 1 : Number(quality) || 0;
  }
  return 0;
}

/** Whether a client takes an encoding, by its own words. */
export function acceptsCoding(header: string | string[] | undefined, coding: string): boolean {
  return String(header ?? "")
    .toLowerCase()
    .split(",")
    .map((entry) => entry.split(";").map((part) => part.trim()))
    .some(([name, quality]) => name === coding && !/^q=0(\.0*)?$/.test(quality ?? ""));
}
