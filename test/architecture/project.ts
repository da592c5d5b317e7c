import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TextFile } from "./rules/files.ts";

export const ROOT = join(import.meta.dirname, "../..");

/** Every file that is, or on the next commit would be, in git. */
export const paths: string[] = execFileSync(
  "git",
  ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
)
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)) && statSync(join(ROOT, path)).isFile())
  .sort();

export function bytesOf(path: string): number {
  return statSync(join(ROOT, path)).size;
}

/** The project's text files under a folder ("" for all) with one of the endings. */
export function read(folder: string, ...endings: string[]): TextFile[] {
  return paths
    .filter((path) => path.startsWith(folder) && endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}
