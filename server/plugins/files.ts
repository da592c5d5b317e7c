import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open as openFile, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable, pipeline as connect } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";

import { Failure, codeOf, messageOf } from "../failure.ts";
import { bytes32, type Hex } from "../protocol/bytes.ts";
import { linesOf } from "../protocol/lines.ts";
import { FILE_KINDS, FILE_LIMITS, type FileKind } from "../protocol/publication.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { PublishedFile } from "../sources.ts";

/**
 * Published files, addressed by what the chain holds. A file is there whole or not at all. That it is what its name
 * says is for its reader to check.
 */
export interface Files {
  readonly folder: string;
  /** Keeps a file; when this is done it is durable. One of that name is replaced. */
  put(kind: FileKind, hash: Hex, lines: AsyncIterable<string> | Iterable<string>): Promise<void>;
  has(kind: FileKind, hash: Hex): Promise<boolean>;
  find(kind: FileKind, hash: Hex): Promise<PublishedFile | undefined>;
  /** The lines of a file; throws `Files_Missing` when it is not there. */
  open(kind: FileKind, hash: Hex): AsyncGenerator<string, void, undefined>;
}

// What a killed process left half-written is removed once nobody can be writing it any more.
const ABANDONED_MILLI_SEC = 3_600_000;
const PIECE_LENGTH = 1 << 16;
// Level 3 is zstd's own choice: a reading set shrinks to a sixth or less.
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 } };

/** Reads the files below a folder, and changes nothing there. */
export function filesIn(folder: string): Pick<Files, "folder" | "has" | "find" | "open"> {
  const find = async (kind: FileKind, hash: Hex): Promise<PublishedFile | undefined> => {
    const path = pathOf(folder, kind, hash);
    try {
      const { size } = await stat(path);
      const stored = () => createReadStream(path);
      return { storedByteCount: size, stored, plain: () => decompressed(stored()) };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  };

  return {
    folder,

    find,

    has: async (kind, hash) => (await find(kind, hash)) !== undefined,

    async *open(kind, hash) {
      const file = await find(kind, hash);
      if (file === undefined) throw new Failure("Files_Missing", `${kind} ${hash} is not below ${folder}`);
      try {
        yield* linesOf(file.plain(), FILE_LIMITS[kind]);
      } catch (error) {
        if (!/^Z(STD)?_/.test(codeOf(error) ?? "")) throw error;
        throw new Failure("Files_Corrupt", `${kind} ${hash} below ${folder} is damaged`, { cause: error });
      }
    },
  };
}

/** The files below a folder, which is made when it is not there. */
export async function openFiles(folder: string): Promise<Files> {
  const unfinished = join(folder, "unfinished");
  for (const name of [...FILE_KINDS, "unfinished"]) await mkdir(join(folder, name), { recursive: true });
  for (const name of await readdir(unfinished)) await removeAbandoned(join(unfinished, name));

  return {
    ...filesIn(folder),

    async put(kind, hash, lines) {
      const path = pathOf(folder, kind, hash);
      const temporary = join(unfinished, `${process.pid}-${randomUUID()}`);
      try {
        const file = createWriteStream(temporary, { flags: "wx", flush: true });
        await pipeline(Readable.from(piecesOf(lines)), createZstdCompress(COMPRESSION), file);
        await rename(temporary, path);
        await syncFolder(join(folder, kind));
      } catch (error) {
        await rm(temporary, { force: true });
        if (error instanceof Refusal || error instanceof Failure) throw error;
        const remedy = codeOf(error) === "ENOSPC" ? ": free space on that disk" : "";
        const message = `${kind} ${hash} could not be written below ${folder} (${messageOf(error)})${remedy}`;
        throw new Failure("Files_NotWritten", message, { cause: error });
      }
    },
  };
}

function pathOf(folder: string, kind: FileKind, hash: Hex): string {
  demand(FILE_KINDS.includes(kind), "Files_UnknownKind", { kind: kind.slice(0, 40) });
  return join(folder, kind, `${bytes32(hash, "hash")}.ndjson.zst`);
}

async function removeAbandoned(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (mtimeMs + ABANDONED_MILLI_SEC < Date.now()) await rm(path, { force: true });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error; // its writer finished it meanwhile
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await openFile(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Lines put together to pieces that are worth a write. */
async function* piecesOf(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Buffer, void, undefined> {
  let text = "";
  for await (const line of lines) {
    demand(!line.includes("\n"), "Files_NoLine", { line: line.slice(0, 200) });
    text += `${line}\n`;
    if (text.length < PIECE_LENGTH) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}

/** What a compressed stream holds. An end before its time is an error, and closes both. */
function decompressed(stored: Readable): Readable {
  return connect(stored, createZstdDecompress(), () => undefined);
}
