import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { expect } from "chai";

import { codeOf } from "../../server/failure.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { FILE_KINDS, type FileKind } from "../../server/protocol/publication.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

const MODULE = new URL("../../server/plugins/files.ts", import.meta.url).href;

describe("published files", () => {
  let folder: string;
  let files: Files;
  const hash = keccakText("a file");
  const stored = (kind: FileKind = "readings", name: Hex = hash) => join(folder, kind, `${name}.ndjson.zst`);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-files-"));
    files = await openFiles(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function linesIn(kind: FileKind, name: Hex): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of files.open(kind, name)) lines.push(line);
    return lines;
  }

  async function code(work: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await work();
    } catch (error) {
      return codeOf(error);
    }
    return "none";
  }

  it("come back line by line, compressed at rest, and are there after a restart", async () => {
    const lines = ["", "é", "x".repeat(200_000), ...Array.from({ length: 5_000 }, (_, line) => `line ${line}`)];
    for (const kind of FILE_KINDS.slice(0, 1)) {
      expect(await files.has(kind, hash)).to.equal(false);
      await files.put(kind, hash, lines);
      files = await openFiles(folder);
      expect(await linesIn(kind, hash)).to.deep.equal(lines);
      const text = `${lines.join("\n")}\n`;
      expect(zstdDecompressSync(readFileSync(stored(kind))).toString()).to.equal(text);
      const found = await files.find(kind, hash);
      expect(found?.storedByteCount).to.be.lessThan(text.length / 5);
      const plain = await found!.plain().toArray();
      expect(Buffer.concat(plain as Buffer[]).toString()).to.equal(text);
    }
  });

  it("one kind is not another; a later one of the same name replaces it", async () => {
    await files.put("identities", hash, ["one"]);
    expect(await files.has("readings", hash)).to.equal(false);
    expect(await code(() => linesIn("readings", hash))).to.equal("Files_Missing");
    await files.put("identities", hash, ["two"]);
    expect(await linesIn("identities", hash)).to.deep.equal(["two"]);
  });

  it("S12: no name leaves the folder", async () => {
    for (const name of [
      "../../etc/passwd",
      `0x${"../".repeat(21)}a`,
      hash.toUpperCase(),
      `${hash}\0`,
      `${hash}/..`,
      "",
    ]) {
      expect(await code(() => files.put("readings", name as Hex, [])), name).to.equal("Hex_NotBytes32");
      expect(await code(() => files.has("readings", name as Hex)), name).to.equal("Hex_NotBytes32");
    }
    for (const kind of ["..", "unfinished", "constructor", ""]) {
      expect(await code(() => files.find(kind as FileKind, hash)), kind).to.equal("Files_UnknownKind");
    }
  });

  it("S02: nothing half-written is left when the lines fail, and the file before stands", async () => {
    await files.put("readings", hash, ["whole"]);
    const broken = (function* () {
      yield "x".repeat(300_000);
      throw new Refusal("Test_Broken", {});
    })();
    expect(await code(() => files.put("readings", hash, broken))).to.equal("Test_Broken");
    expect(await code(() => files.put("readings", hash, ["a\nb"]))).to.equal("Files_NoLine");
    expect(readdirSync(join(folder, "unfinished"))).to.deep.equal([]);
    expect(await linesIn("readings", hash)).to.deep.equal(["whole"]);
  });

  it("S02: a disk that takes no more bytes leaves nothing half-written", async () => {
    // The shell's limit on a file's size stands for the disk's.
    const script = `
      const { openFiles } = await import(${JSON.stringify(MODULE)});
      const { randomBytes } = await import("node:crypto");
      const files = await openFiles(${JSON.stringify(folder)});
      const lines = Array.from({ length: 2000 }, () => randomBytes(500).toString("hex"));
      await files.put("readings", ${JSON.stringify(hash)}, lines).catch((error) => console.log(error.code));`;
    const command = 'ulimit -f 64; exec "$0" --input-type=module -e "$1"';
    const { stdout } = await promisify(execFile)("bash", ["-c", command, process.execPath, script]);
    expect(stdout).to.equal("Files_NotWritten\n");
    expect(readdirSync(join(folder, "unfinished"))).to.deep.equal([]);
    expect(await files.has("readings", hash)).to.equal(false);
  });

  it("S01: what a killed writer left is no file, and goes once it is old", async () => {
    const left = join(folder, "unfinished", "1-killed");
    writeFileSync(left, "half");
    await openFiles(folder);
    expect(readdirSync(join(folder, "unfinished"))).to.deep.equal(["1-killed"]);
    utimesSync(left, 1, 1);
    await openFiles(folder);
    expect(readdirSync(join(folder, "unfinished"))).to.deep.equal([]);
  });

  it("S08: damage, a cut and an endless line are told, not served", async () => {
    await files.put("readings", hash, ["x".repeat(100_000), "y"]);
    const whole = readFileSync(stored());
    writeFileSync(stored(), whole.subarray(0, -5));
    expect(await code(() => linesIn("readings", hash))).to.equal("Files_Corrupt");
    whole[12]! ^= 1;
    writeFileSync(stored(), whole);
    expect(await code(() => linesIn("readings", hash))).to.equal("Files_Corrupt");
    writeFileSync(stored("identities"), zstdCompressSync(Buffer.alloc(1 << 20, "x")));
    expect(await code(() => linesIn("identities", hash))).to.equal("Lines_LineTooLong");
  });

  it("can be left in the middle", async () => {
    await files.put(
      "readings",
      hash,
      Array.from({ length: 100_000 }, (_, line) => `line ${line}`),
    );
    for await (const line of files.open("readings", hash)) if (line === "line 3") break;
    expect(await files.has("readings", hash)).to.equal(true);
  });
});
