import { Readable, pipeline } from "node:stream";
import { createZstdDecompress } from "node:zlib";

import { Failure, messageOf } from "../failure.ts";
import { bundleJson, parseBundle } from "../protocol/ballot.ts";
import { bytes32, type Hex } from "../protocol/bytes.ts";
import { linesOf } from "../protocol/lines.ts";
import { FILE_LIMITS } from "../protocol/publication.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { parseU64 } from "../protocol/units.ts";
import { HELD_LIMITS, type HeldReading, type Peer } from "./peers.ts";

export interface PeerClientOptions {
  readonly url: string;
  /** For a message or an inventory; a file may take `FILE_FACTOR` times as long. */
  readonly timeoutMs: number;
}

const MESSAGE_LIMIT_BYTES = 1 << 22;
const READINGS_LIMIT_BYTES = 1 << 25;
const FILE_FACTOR = 30;

/** Another oracle over HTTP. Answers are bounded in time and size; what they say is for the caller to check. */
export function peerClient({ url, timeoutMs }: PeerClientOptions): Peer {
  const base = url.replace(/\/+$/, "");

  const ask = async (path: string, limitMs: number, body?: unknown): Promise<Response> => {
    const response = await fetch(`${base}/peer/v1/${path}`, {
      ...(body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(limitMs),
    }).catch((error: unknown) => {
      throw new Failure("Peer_Unreachable", `the peer ${base} does not answer: ${messageOf(error)}`);
    });
    if (response.status === 404 || response.status === 204 || response.ok) return response;
    await response.body?.cancel();
    throw new Failure("Peer_Refused", `the peer ${base} answers ${response.status} to ${path}`);
  };

  const jsonOf = async (response: Response, limitBytes: number): Promise<unknown> => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of response.body ?? []) {
      size += (piece as Uint8Array).length;
      demand(size <= limitBytes, "Peer_AnswerTooLarge", { limitBytes });
      pieces.push(piece as Uint8Array);
    }
    try {
      return JSON.parse(Buffer.concat(pieces).toString("utf8"));
    } catch {
      throw new Refusal("Peer_NotJson", { size });
    }
  };

  return {
    async exchange(bundle) {
      const response = await ask("messages", timeoutMs, bundleJson(bundle));
      if (response.status !== 200) {
        await response.body?.cancel();
        return undefined;
      }
      return parseBundle(await jsonOf(response, MESSAGE_LIMIT_BYTES));
    },

    async inventory(epoch) {
      const { body } = await ask(`inventory/${epoch}`, timeoutMs);
      const held: HeldReading[] = [];
      if (body === null) return held;
      for await (const line of linesOf(body, HELD_LIMITS)) {
        const [nodeId = "", hash = ""] = line.split(" ");
        held.push({ nodeId: parseU64(nodeId, "nodeId"), readingHash: bytes32(hash, "readingHash") });
      }
      return held;
    },

    async readings(epoch, hashes: readonly Hex[]) {
      const response = await ask("readings", timeoutMs, { epoch: String(epoch), hashes });
      const json = await jsonOf(response, READINGS_LIMIT_BYTES);
      demand(Array.isArray(json), "Peer_NoReadings", { epoch });
      return json as SignedReadingJson[]; // each is checked like any other that comes in
    },

    async file(kind, hash) {
      const { status, body } = await ask(`files/${kind}/${hash}`, timeoutMs * FILE_FACTOR);
      if (status !== 200 || body === null) {
        await body?.cancel();
        return undefined;
      }
      const plain = pipeline(Readable.fromWeb(body as never), createZstdDecompress(), () => undefined);
      return linesOf(plain, FILE_LIMITS[kind]);
    },
  };
}
