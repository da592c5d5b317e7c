import { AsyncLocalStorage } from "node:async_hooks";
import type { BlockMark } from "../sourcesPlatform.ts";

// At which block an answer is true: the read model notes the head of every state that it reads, and whoever makes an
// answer out of several learns whether they were one.

interface Note {
  block: BlockMark | undefined;
  isMixed: boolean;
}

const notes = new AsyncLocalStorage<Note>();

/** Says that what is being answered was read at this block. */
export function noteBlock({ number, hash }: BlockMark): void {
  const note = notes.getStore();
  if (note === undefined) return;
  if (note.block !== undefined && note.block.hash !== hash) note.isMixed = true;
  note.block = { number, hash };
}

const ATTEMPTS = 4;

/**
 * Answers, and the block at which that is true: undefined where nothing was read of any. What was read at two blocks is
 * read again; a chain that moves faster than that is given up on: then the answer belongs to no block.
 */
export async function atOneBlock<T>(work: () => T | Promise<T>): Promise<{ answer: T; block: BlockMark | undefined }> {
  for (let attempt = 1; ; attempt++) {
    const note: Note = { block: undefined, isMixed: false };
    const answer = await notes.run(note, work);
    if (!note.isMixed) return { answer, block: note.block };
    if (attempt === ATTEMPTS) return { answer, block: undefined };
  }
}
