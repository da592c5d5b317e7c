import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Api } from "./http.ts";

// The portal's pages, out of the folder that its build writes. Every path that is no file and none of the API's is a page
// of its own routes; files below assets/ have their content in their name and never change.

const YEAR_SEC = 31_536_000;
const OURS = /^\/(v1|peer|docs|health|ready|metrics|openapi\.json|assets)(\/|$|\?)/;

/** Answers a request for a page of the portal; false for what is none. */
export type PageServer = (request: FastifyRequest, reply: FastifyReply) => boolean;

/** Serves the portal from a folder; undefined where nothing is built there. */
export async function portal(app: Api, folder: string): Promise<PageServer | undefined> {
  const index = join(folder, "index.html");
  if (!existsSync(index)) return undefined;
  await app.register(fastifyStatic, {
    root: folder,
    index: false,
    wildcard: false, // a route a file: what is none stays the API's to refuse
    decorateReply: false,
    dotfiles: "ignore",
    cacheControl: false,
    setHeaders(reply, path) {
      const isForGood = path.startsWith(join(folder, "assets"));
      reply.header("cache-control", isForGood ? `public, max-age=${YEAR_SEC}, immutable` : "no-cache");
    },
  });
  const give = (reply: FastifyReply) =>
    reply.code(200).type("text/html; charset=utf-8").header("cache-control", "no-cache").send(readFileSync(index));
  app.get("/", { schema: { hide: true } }, (_request, reply) => give(reply));
  return ({ method, url, headers }, reply) => {
    const isPage = (method === "GET" || method === "HEAD") && !OURS.test(url);
    if (!isPage || headers.accept?.includes("text/html") !== true) return false;
    void give(reply);
    return true;
  };
}
