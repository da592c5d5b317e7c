import { Refusal, demand } from "../protocol/refusal.ts";
import type { BatchForm } from "../sources.ts";
import { MAX_READING_BYTES } from "./judge.ts";

// A batch of readings is cut into their texts before any is parsed: what is wrong with one is that one's affair, and
// nothing nests deeper, counts more or is longer than a reading can be.

/** Readings of one batch. */
export const MAX_BATCH_COUNT = 5_000;
const MAX_DEPTH = 6; // the array, a reading with its signature, its devices, one of them

const NEWLINE = 10;
const [QUOTE, BACKSLASH, COMMA] = [34, 92, 44];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [91, 93, 123, 125];

/** The text of each reading, or why it is none; refuses a batch as a whole that is no list or longer than one may be. */
export function textsOf(bytes: Buffer, form: BatchForm): (string | Refusal)[] {
  const texts: (string | Refusal)[] = [];
  const take = (from: number, until: number) => {
    demand(texts.length < MAX_BATCH_COUNT, "Batch_TooMany", { maxCount: MAX_BATCH_COUNT });
    const byteCount = until - from;
    const isLong = byteCount > MAX_READING_BYTES;
    const facts = { byteCount, maxBytes: MAX_READING_BYTES };
    texts.push(isLong ? new Refusal("Reading_TooLarge", facts) : bytes.toString("utf8", from, until));
  };
  if (form === "lines") takeLines(bytes, take);
  else takeElements(bytes, take);
  demand(texts.length > 0, "Batch_Empty", { byteCount: bytes.length });
  return texts;
}

type Take = (from: number, until: number) => void;

function takeLines(bytes: Buffer, take: Take): void {
  let from = 0;
  while (from < bytes.length) {
    const found = bytes.indexOf(NEWLINE, from);
    const until = found === -1 ? bytes.length : found;
    if (!isBlank(bytes, from, until)) take(from, until);
    from = until + 1;
  }
}

function takeElements(bytes: Buffer, take: Take): void {
  const start = skipBlank(bytes, 0);
  demand(bytes[start] === OPEN_BRACKET, "Batch_NotArray", { byteIndex: start });
  let depth = 0;
  let from = start + 1;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth++;
      demand(depth <= MAX_DEPTH, "Batch_TooDeep", { byteIndex: i, maxDepth: MAX_DEPTH });
    } else if (byte === COMMA && depth === 1) {
      take(from, i);
      from = i + 1;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      depth--;
      if (depth > 0) continue;
      const isEnd = byte === CLOSE_BRACKET && skipBlank(bytes, i + 1) === bytes.length;
      demand(isEnd, "Batch_NotArray", { byteIndex: i });
      if (from > start + 1 || !isBlank(bytes, from, i)) take(from, i);
      return;
    }
  }
  throw new Refusal("Batch_NotArray", { byteIndex: bytes.length });
}

function endOfString(bytes: Buffer, quote: number): number {
  let at = quote + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

function skipBlank(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] === 32 || (bytes[at]! >= 9 && bytes[at]! <= 13))) at++;
  return at;
}

function isBlank(bytes: Buffer, from: number, until: number): boolean {
  return skipBlank(bytes, from) >= until;
}
