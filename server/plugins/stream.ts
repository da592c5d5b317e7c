import type { FastifyReply, FastifyRequest } from "fastify";
import type { Hex } from "../protocol/bytes.ts";
import type { StreamKind } from "../protocol/apiStream.ts";
import type { BlockMark, PlatformSources } from "../sourcesPlatform.ts";
import type { Api } from "./http.ts";
import { HttpProblem } from "./problems.ts";

// Server-sent events. An event's id is its place on the chain (block, log, the beginning of the block's hash): who comes
// back with it is told what it missed; who comes back with a block that the chain has left is told to read all again.

const LOOK_EVERY_MS = 250;
const BEAT_EVERY_MS = 10_000;
const RETRY_MS = 2_000;
/** What one look may tell; who missed more reads all again. */
const TELL_COUNT = 500;
const WAITING_BYTES = 1 << 20;
const LAST_LOG = 0x7fff_ffff;

export interface StreamOptions {
  readonly sources: Pick<PlatformSources, "head" | "happenings">;
  /** Streams that are open at once, of all clients and of one. */
  readonly maxCount: number;
  readonly maxPerClient: number;
}

export interface Streams {
  open(request: FastifyRequest, reply: FastifyReply, lastEventId: string | undefined): Promise<void>;
  count(): number;
  toldCount(): number;
}

interface Client {
  readonly ip: string;
  write(text: string): void;
  end(): void;
}

/** The streams of an application; they end with it. */
export function openStreams(app: Api, { sources, maxCount, maxPerClient }: StreamOptions): Streams {
  const clients = new Set<Client>();
  let seen: BlockMark | undefined;
  let toldCount = 0;
  let looking: Promise<void> | undefined;

  const tell = (text: string) => {
    for (const client of clients) client.write(text);
    toldCount += 1;
  };

  /** Tells everybody of the blocks since the last look. */
  const look = async (): Promise<void> => {
    const head = await sources.head();
    if (head === undefined || head.hash === seen?.hash) return;
    const told = await toldAfter(seen ?? head, LAST_LOG);
    seen = told.head;
    tell(told.text);
  };

  const toldAfter = async (after: BlockMark, logIndex: number): Promise<{ head: BlockMark; text: string }> => {
    const { head, isContinued, items } = await sources.happenings(after, logIndex, TELL_COUNT + 1);
    const isWhole = isContinued && items.length <= TELL_COUNT;
    const events = (isWhole ? items : []).map(({ kind, logIndex: at, ...data }) =>
      eventText(kind, data, idOf({ number: BigInt(data.blockNumber), hash: data.blockHash as Hex }, at)),
    );
    const data = { blockNumber: String(head.number), blockHash: head.hash, ...(isWhole ? {} : { readAgain: "true" }) };
    return { head, text: events.join("") + eventText("head", data, idOf(head, LAST_LOG)) };
  };

  const lookTimer = setInterval(() => {
    if (clients.size === 0) {
      seen = undefined; // what nobody was told is not made up for
      return;
    }
    looking ??= look()
      .catch((error: unknown) => app.log.warn({ err: error }, "the stream could not be told"))
      .finally(() => (looking = undefined));
  }, LOOK_EVERY_MS).unref();
  const beatTimer = setInterval(() => {
    for (const client of clients) client.write(": still here\n\n");
  }, BEAT_EVERY_MS).unref();

  app.addHook("onResponse", (request, reply, done) => {
    const isOffer = request.method === "POST" && request.routeOptions.url === "/v1/orders";
    if (isOffer && reply.statusCode === 201) tell(eventText("order", { name: "Offered" }, undefined));
    done();
  });
  app.addHook("preClose", async () => {
    clearInterval(lookTimer);
    clearInterval(beatTimer);
    for (const client of clients) client.end();
    await looking;
  });

  return {
    async open(request, reply, lastEventId) {
      const own = [...clients].filter(({ ip }) => ip === request.ip).length;
      if (clients.size >= maxCount || own >= maxPerClient)
        throw new HttpProblem(503, "Stream_TooMany", "too many streams are open; close one, or ask again later", {
          maxCount: own >= maxPerClient ? maxPerClient : maxCount,
        });
      const place = placeOf(lastEventId);
      const head = await sources.head();
      if (head === undefined) throw new HttpProblem(503, "Server_NotReady", "no block has been followed yet");
      const begin = await toldAfter(place ?? head, place?.logIndex ?? LAST_LOG);
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        connection: "keep-alive",
      });
      const client: Client = {
        ip: request.ip,
        write(text) {
          if (raw.writableLength > WAITING_BYTES)
            raw.destroy(); // it does not read: it may come back with the last id
          else if (!raw.writableEnded) raw.write(text);
        },
        end: () => raw.end(),
      };
      raw.on("close", () => clients.delete(client)).on("error", () => clients.delete(client));
      client.write(`retry: ${RETRY_MS}\n\n${begin.text}`);
      clients.add(client);
      if (seen === undefined) seen = begin.head;
      else if (seen.number > begin.head.number) client.write((await toldAfter(begin.head, LAST_LOG)).text);
    },
    count: () => clients.size,
    toldCount: () => toldCount,
  };
}

function eventText(kind: StreamKind, data: object, id: string | undefined): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

function idOf({ number, hash }: BlockMark, logIndex: number): string {
  return `${number}-${logIndex}-${hash}`;
}

/** The place that an id names; undefined where it is none of ours. */
function placeOf(id: string | undefined): (BlockMark & { logIndex: number }) | undefined {
  const [, number, logIndex, hash] = /^(\d{1,18})-(\d{1,10})-(0x[0-9a-f]{64})$/.exec(id ?? "") ?? [];
  if (number === undefined || Number(logIndex) > LAST_LOG) return undefined;
  return { number: BigInt(number), logIndex: Number(logIndex), hash: hash as Hex };
}
