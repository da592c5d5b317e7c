import { execFileSync } from "node:child_process";
import { linkSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure, codeOf } from "../failure.ts";

// Which process is it? A process id alone says little: ids are used again, after a crash and in every new container.

/** Tells a running process from a later one with the same id; undefined when none runs (a zombie does not run). */
function processMark(pid: number): string | undefined {
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

/** Whether the process is a PostgreSQL server that works in this data folder. */
export function isPostgresOf(pid: number, folder: string): boolean {
  if (processMark(pid) === undefined) return false;
  if (process.platform === "linux") {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, "latin1").trim();
      return name === "postgres" && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder);
    } catch {
      return false;
    }
  }
  if (process.platform === "win32") return ask("tasklist", ["/NH", "/FI", `PID eq ${pid}`]).includes("postgres.exe");
  const command = ask("ps", ["-o", "command=", "-p", String(pid)]);
  return command.includes("postgres") && command.includes(folder);
}

/** Ends a PostgreSQL server: asks, urges, then kills. Resolves when it is gone. */
export async function endPostgres(pid: number, folder: string): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    ["SIGINT", 20_000], // fast shutdown: roll back, checkpoint, end
    ["SIGQUIT", 5_000], // immediate: recovers from its log at the next start
    ["SIGKILL", 5_000],
  ];
  for (const [signal, patienceMs] of steps) {
    if (!isPostgresOf(pid, folder)) return;
    process.kill(pid, signal);
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      await sleep(10);
      if (!isPostgresOf(pid, folder)) return;
    }
  }
  throw new Failure("Postgres_WillNotEnd", `the PostgreSQL server with process id ${pid} does not end; end it by hand`);
}

/**
 * Takes a lock file for this process, or says who holds it. The lock of a process that is gone is taken over: moved
 * aside first, and put back if it turns out to be the lock of another who was quicker.
 */
export function takeLock(file: string, what: string): () => void {
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
      throw new Failure("Store_InUse", `${what} is in use by process ${pid}; stop it, or choose another data folder`);
    if (renamed(() => renameSync(file, aside), "ENOENT") && readLock(aside) !== holder)
      renamed(() => linkSync(aside, file), "EEXIST");
    rmSync(aside, { force: true });
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

function ask(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}
