import { Readable } from "node:stream";
import { Type } from "typebox";

import type { Files } from "../plugins/files.ts";
import type { Api } from "../plugins/http.ts";
import { READINGS_AT_ONCE, type HeldReading, type Peer } from "../plugins/peers.ts";
import { unknown } from "../plugins/problems.ts";
import { bundleJson, parseBundle } from "../protocol/ballot.ts";
import type { Hex } from "../protocol/bytes.ts";
import { FILE_KINDS, type FileKind } from "../protocol/publication.ts";
import { parseU64 } from "../protocol/units.ts";

/** What oracles ask of each other. Messages carry their signatures; whoever hands them over is nobody in particular. */
export interface PeerSources {
  readonly peer: Peer;
  readonly files: Files;
}

const LIMITS = { rateLimit: { max: 6_000, timeWindow: 60_000 } };
const MESSAGE_LIMIT_BYTES = 1 << 22;
const strict = { additionalProperties: false };
const Epoch = Type.String({ pattern: "^(0|[1-9][0-9]{0,18})$" });
const Hash = Type.String({ pattern: "^0x[0-9a-f]{64}$" });

export function peerRoutes(app: Api, { peer, files }: PeerSources): void {
  app.post(
    "/peer/v1/messages",
    { config: LIMITS, bodyLimit: MESSAGE_LIMIT_BYTES, schema: { hide: true } },
    async ({ body }, reply) => {
      const answer = await peer.exchange(parseBundle(body));
      if (answer === undefined) return await reply.code(204).send();
      return await reply.send(bundleJson(answer));
    },
  );

  app.get(
    "/peer/v1/inventory/:epoch",
    { config: LIMITS, schema: { hide: true, params: Type.Object({ epoch: Epoch }, strict) } },
    async ({ params }, reply) => {
      const held = await peer.inventory(parseU64(params.epoch, "epoch"));
      return await reply.type("text/plain").send(Readable.from(heldLines(held)));
    },
  );

  app.post(
    "/peer/v1/readings",
    {
      config: LIMITS,
      schema: {
        hide: true,
        body: Type.Object({ epoch: Epoch, hashes: Type.Array(Hash, { maxItems: READINGS_AT_ONCE }) }, strict),
      },
    },
    async ({ body }) => await peer.readings(parseU64(body.epoch, "epoch"), body.hashes as Hex[]),
  );

  app.get(
    "/peer/v1/files/:kind/:hash",
    {
      config: LIMITS,
      schema: {
        hide: true,
        params: Type.Object({ kind: Type.Union(FILE_KINDS.map((kind) => Type.Literal(kind))), hash: Hash }, strict),
      },
    },
    async ({ params }, reply) => {
      const { kind, hash } = params as { kind: FileKind; hash: Hex };
      const file = await files.find(kind, hash);
      if (file === undefined) throw unknown("File", { kind, hash });
      return await reply.type("application/zstd").send(file.stored());
    },
  );
}

/** Lines by the thousand: an inventory may have a hundred thousand. */
function* heldLines(held: readonly HeldReading[]): Generator<string> {
  for (let from = 0; from < held.length; from += 1000) {
    const lines = held.slice(from, from + 1000).map(({ nodeId, readingHash }) => `${nodeId} ${readingHash}\n`);
    yield lines.join("");
  }
}
