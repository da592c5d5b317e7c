import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";

import { Failure, codeOf } from "./failure.ts";

// Lock files that hold across processes of one machine. A process id alone says little: ids are used again, after a crash
// and in every new container.

/** What a lock file stands for, in the words of the refusal. */
export interface Locked {
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
}

/** Tells a running process from a later one with the same id; undefined when none runs (a zombie does not run). */
export function processMark(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // from field 3, the state
      return fields[0] === "Z" || fields[0] === "X" ? undefined : `${pid}@${fields[19]}`; // field 22: start time
    } catch {
      return undefined;
    }
  }
  return exists(pid) ? `${pid}@${ask("ps", ["-o", "lstart=", "-p", String(pid)])}` : undefined;
}

/** Whether the process table holds the id at all, be it as a zombie. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/**
 * Takes a lock file for this process, or says who holds it. The lock of a process that is gone is taken over: moved
 * aside first, and put back if it turns out to be the lock of another who was quicker.
 */
export function takeLock(file: string, { code, what, remedy }: Locked): () => void {
  const mine = processMark(process.pid) ?? String(process.pid);
  const aside = `${file}.${process.pid}`;
  for (;;) {
    writeFileSync(aside, mine, { mode: 0o600 });
    if (renamed(() => linkSync(aside, file), "EEXIST")) {
      rmSync(aside, { force: true });
      return () => {
        if (readLock(file) === mine) rmSync(file, { force: true });
      };
    }
    rmSync(aside, { force: true });
    const holder = readLock(file);
    const pid = Number(holder?.split("@")[0]);
    if (holder !== undefined && processMark(pid) === holder)
      throw new Failure(code, `${what} is in use by process ${pid}; ${remedy}`);
    if (renamed(() => renameSync(file, aside), "ENOENT") && readLock(aside) !== holder)
      renamed(() => linkSync(aside, file), "EEXIST");
    rmSync(aside, { force: true });
  }
}

/** What a program prints; empty when it cannot be run. */
export function ask(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

/** Whether a change of names was done; false when it failed for the one reason that is expected. */
function renamed(change: () => void, expected: string): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (codeOf(error) === expected) return false;
    throw error;
  }
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}
