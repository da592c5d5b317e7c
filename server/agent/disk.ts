import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

// Files that outlive a power cut: written, synced, renamed, and the folder synced.

/** Replaces a file as a whole: a crash leaves the old one or the new one. */
export async function replaceFile(file: string, chunks: Iterable<string>): Promise<void> {
  const fresh = `${file}.new`;
  await writeDurably(fresh, chunks);
  await rename(fresh, file);
  syncFolder(dirname(file));
}

/** Replaces a small file at once. */
export function replaceFileSync(file: string, text: string): void {
  const fresh = `${file}.new`;
  const handle = openSync(fresh, "w", 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
  syncFolder(dirname(file));
}

/** Writes a file and waits until the disk has it. */
export async function writeDurably(file: string, chunks: Iterable<string>): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    for (const chunk of chunks) await handle.write(chunk);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes new names in a folder outlive a power cut, where folders can be synced. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
