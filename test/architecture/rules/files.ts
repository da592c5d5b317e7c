import { basename, dirname, extname } from "node:path";

/** A text file of the project, by its path from the root. */
export interface TextFile {
  path: string;
  text: string;
}

const BANNED_NAMES = new Set(["util", "utils", "helper", "helpers", "common", "misc", "index", "shared", "lib"]);
const LINE_CAPS: Record<string, number> = { ".sol": 600, ".ts": 350, ".tsx": 350 };
const FOLDER_CAP = 5;
// The facility is one contract in a file for each phase (docs/adr/0007); values and credit: docs/adr/0009.
const FOLDER_CAPS: Record<string, number> = {
  "contracts/facility": 12,
  "contracts/valuation": 8,
  "contracts/credit": 8,
};
const MADE_FOLDERS = new Set(["node_modules", "artifacts", "cache", "types", "coverage", "dist", ".data"]);
const DATA_FILES = new Set(".csv .tsv .parquet .db .sqlite .log .zip .gz .tgz .tar .bin .pem .key .dump".split(" "));
const SIZE_CAP_BYTES = 200_000;

export function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** The page that a browser asks for when it names none: its name is the web's. */
const ENTRY_PAGE = "web/index.html";

/** Files and folders whose name says nothing about what is inside. */
export function bannedNames(paths: string[]): string[] {
  return paths
    .filter((path) => path !== ENTRY_PAGE)
    .filter((path) => path.split("/").some((part) => BANNED_NAMES.has(part.replace(/\..*$/, "").toLowerCase())))
    .map((path) => `${path}: a name that says nothing about what is inside`);
}

/** Files longer than one sitting. */
export function tooLong(files: TextFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const cap = LINE_CAPS[extname(path)] ?? Infinity;
    const count = lineCount(text);
    return count > cap ? [`${path}: ${count} lines, ${cap} are allowed`] : [];
  });
}

/** Contract folders that are deep or full. Mocks are one small file per fault and may be many. */
export function contractFolders(paths: string[]): string[] {
  const contracts = paths.filter((path) => path.startsWith("contracts/") && path.endsWith(".sol"));
  const deep = contracts.filter((path) => path.split("/").length > 3).map((path) => `${path}: folders are flat`);
  const full = [...Map.groupBy(contracts, (path) => dirname(path))]
    .map(([folder, inside]) => ({ folder, count: inside.length, cap: FOLDER_CAPS[folder] ?? FOLDER_CAP }))
    .filter(({ folder, count, cap }) => folder !== "contracts/mocks" && count > cap)
    .map(({ folder, count, cap }) => `${folder}: ${count} files, ${cap} are allowed`);
  return [...deep, ...full];
}

/** What is built, recorded or secret does not belong in git. */
export function strayFiles(files: { path: string; bytes: number }[]): string[] {
  return files.flatMap(({ path, bytes }) => {
    if (path.split("/").some((part) => MADE_FOLDERS.has(part))) return [`${path}: is built, not written`];
    if (DATA_FILES.has(extname(path)) || basename(path).startsWith(".env")) return [`${path}: data, logs or secrets`];
    if (bytes > SIZE_CAP_BYTES && path !== "package-lock.json") return [`${path}: ${bytes} bytes`];
    return [];
  });
}

/** Paths that exist on one machine only. */
export function machinePaths(files: TextFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<![\w.~/-])\/(?:work|farm|root|home|Users|tmp)\/[\w.-]+/g)].map(
      (match) => `${path}: ${match[0]} exists on one machine only`,
    ),
  );
}

/** Work put off, in words that stay forever. */
export function putOff(files: TextFile[]): string[] {
  const words = /\b(?:TODO|FIXME|XXX|HACK|placeholder|for now|not implemented|coming soon)\b/gi;
  return files.flatMap(({ path, text }) => [...text.matchAll(words)].map((match) => `${path}: "${match[0]}"`));
}

/** Solidity without its licence in the first line. */
export function missingLicence(files: TextFile[]): string[] {
  return files
    .filter(({ path, text }) => path.endsWith(".sol") && !text.startsWith("// SPDX-License-Identifier: MIT\n"))
    .map(({ path }) => `${path}: the first line must be // SPDX-License-Identifier: MIT`);
}
