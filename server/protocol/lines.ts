import { Refusal, demand } from "./refusal.ts";

/** How much of a text is taken: what is longer is refused before it fills the memory. */
export interface LineLimits {
  readonly maxLineBytes: number;
  readonly maxBytes: number;
}

const NEWLINE = 10;

/**
 * The lines of a text that arrives in pieces, each ended by one newline. Refuses what is no UTF-8, a last line without
 * its newline (the text was cut off) and what is larger than the limits.
 */
export async function* linesOf(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { maxLineBytes, maxBytes }: LineLimits,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let lineCount = 0;
  let byteCount = 0;
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  const take = (end: Uint8Array): string => {
    const bytes = kept.length === 0 ? end : joined([...kept, end], keptBytes + end.length);
    kept = [];
    keptBytes = 0;
    lineCount++;
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Refusal("Lines_NotUtf8", { lineCount });
    }
  };
  for await (const piece of pieces) {
    byteCount += piece.length;
    demand(byteCount <= maxBytes, "Lines_TooLong", { byteCount, maxBytes });
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      demand(keptBytes + end - start <= maxLineBytes, "Lines_LineTooLong", { lineCount, maxLineBytes });
      yield take(piece.subarray(start, end));
      start = end + 1;
    }
    if (start === piece.length) continue;
    keptBytes += piece.length - start;
    demand(keptBytes <= maxLineBytes, "Lines_LineTooLong", { lineCount, maxLineBytes });
    kept.push(piece.slice(start));
  }
  demand(keptBytes === 0, "Lines_Truncated", { lineCount, byteCount });
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
