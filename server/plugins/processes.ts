import { readFileSync, readlinkSync, realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { ask, processMark } from "../lock.ts";

// PostgreSQL servers among the machine's processes.

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
