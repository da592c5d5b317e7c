import { dirname } from "node:path/posix";

const SHARD_FILES = 12;
// They take longest, each by itself: begun first, so that none is left alone at the end.
const LONG = /^test\/(?:job|differential)\//;

/**
 * The test files in groups that a process each runs: neighbours of one folder together, so that what they share is set
 * up once; the long ones alone and first.
 */
export function shardsOf(files: string[]): string[][] {
  const sorted = [...files].sort();
  const long = sorted.filter((file) => LONG.test(file)).map((file) => [file]);
  const folders = Map.groupBy(
    sorted.filter((file) => !LONG.test(file)),
    dirname,
  );
  const short = [...folders.values()].flatMap((inside) => {
    const count = Math.ceil(inside.length / SHARD_FILES);
    const size = Math.ceil(inside.length / count);
    return Array.from({ length: count }, (_, i) => inside.slice(i * size, (i + 1) * size));
  });
  return [...long, ...short.filter((shard) => shard.length > 0)];
}
