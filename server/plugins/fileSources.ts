import { Readable, pipeline } from "node:stream";
import { stat } from "node:fs/promises";
import { createZstdDecompress } from "node:zlib";

import { Failure, messageOf } from "../failure.ts";
import { ask, outboundUrl } from "../outbound.ts";
import type { Hex } from "../protocol/bytes.ts";
import { linesOf } from "../protocol/lines.ts";
import { FILE_LIMITS, type FileKind } from "../protocol/publication.ts";
import { Refusal } from "../protocol/refusal.ts";
import { filesIn } from "./files.ts";

// Published files from where a stranger can have them: oracles by their address, or a folder of theirs. Nothing that
// comes is believed: a file counts only when its check passes, and the next source is asked otherwise.

export interface FileSources {
  /** The first file that passes; refuses with what every source gave. */
  file<T>(kind: FileKind, hash: Hex, check: (lines: AsyncIterable<string>) => Promise<T>): Promise<T>;
  readonly byteCount: () => number;
}

export interface FileSourcesOptions {
  /** Addresses (https://…, or http://… of this machine) or folders, in the order they are asked. */
  readonly sources: readonly string[];
  readonly isPrivateAllowed: boolean;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 300_000;
const DOWNLOAD_BYTES = 1 << 29;

type Open = (kind: FileKind, hash: Hex) => Promise<AsyncIterable<string> | undefined>;

export async function fileSources(options: FileSourcesOptions): Promise<FileSources> {
  const { isPrivateAllowed, timeoutMs = TIMEOUT_MS } = options;
  let byteCount = 0;

  const fromUrl = (source: string): Open => {
    const base = outboundUrl(source.endsWith("/") ? source : `${source}/`, "a source of files");
    return async (kind, hash) => {
      const limitBytes = Math.min(FILE_LIMITS[kind].maxBytes, DOWNLOAD_BYTES);
      const headers = { accept: "application/x-ndjson", "accept-encoding": "zstd" };
      const answer = await ask(new URL(`v1/files/${kind}/${hash}`, base), {
        ...{ headers, timeoutMs, limitBytes, isPrivateAllowed },
      });
      byteCount += answer.body.length;
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw new Failure("Audit_BadAnswer", `${base.host} answers ${answer.status}`);
      const coding = answer.headers["content-encoding"] ?? "identity";
      const body = Readable.from([answer.body]);
      if (coding === "identity") return linesOf(body, FILE_LIMITS[kind]);
      if (coding !== "zstd") throw new Failure("Audit_BadAnswer", `${base.host} answers in ${coding.slice(0, 40)}`);
      return linesOf(
        pipeline(body, createZstdDecompress(), () => undefined),
        FILE_LIMITS[kind],
      );
    };
  };

  const fromFolder = async (folder: string): Promise<Open> => {
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) throw new Failure("Config_NoFolder", `${folder} is neither an address nor a folder`);
    const files = filesIn(folder);
    return async (kind, hash) => {
      const file = await files.find(kind, hash);
      byteCount += file?.storedByteCount ?? 0;
      return file && files.open(kind, hash);
    };
  };

  const sources: { name: string; open: Open }[] = [];
  for (const name of options.sources) {
    sources.push({ name, open: /^[a-z]+:\/\//i.test(name) ? fromUrl(name) : await fromFolder(name) });
  }

  return {
    byteCount: () => byteCount,

    async file(kind, hash, check) {
      const found: string[] = [];
      for (const { name, open } of sources) {
        try {
          const lines = await open(kind, hash);
          if (lines !== undefined) return await check(lines);
          found.push(`${name}: no such file`);
        } catch (error) {
          found.push(`${name}: ${messageOf(error).slice(0, 300)}`);
        }
      }
      throw new Refusal("Audit_NoFile", { kind, hash, found: found.join("; ") });
    },
  };
}
