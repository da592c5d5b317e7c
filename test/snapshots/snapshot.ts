import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Lines that are only in one of two texts, marked - and +, in the order they stand. */
export function lineDiff(before: string, after: string): string[] {
  const only = (text: string, other: string, mark: string) => {
    const left = Map.groupBy(other.split("\n"), (line) => line);
    return text.split("\n").filter((line) => left.get(line)?.pop() === undefined).map((line) => `${mark} ${line}`);
  };
  return [...only(before, after, "-"), ...only(after, before, "+")];
}

/** JSON with its keys in order: equal values give equal text. */
export function sortedJson(value: unknown): string {
  const inOrder = (_: string, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  return JSON.stringify(value, inOrder, 2) + "\n";
}

/** Compares a committed snapshot with the text the code gives now, or writes it under `npm run snapshots:update`. */
export function matchSnapshot(name: string, text: string): void {
  const path = join(import.meta.dirname, name);
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (before === text) return;
  if (process.env["UPDATE_SNAPSHOTS"] === "1") {
    writeFileSync(path, text);
    return;
  }
  const diff = lineDiff(before, text).join("\n") || "(the same lines in another order)";
  throw new Error(`test/snapshots/${name} changed; if this is meant, npm run snapshots:update\n${diff}`);
}
