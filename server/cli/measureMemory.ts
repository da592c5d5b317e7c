import { readFileSync, readdirSync } from "node:fs";

/** The most memory that was seen in use, MiB: this process, and the database's processes with what they share once. */
export interface PeakMemory {
  readonly processMiB: number;
  readonly databaseMiB: number;
}

/** Watches memory until it is stopped; each phase has its own peaks. */
export interface MemoryWatch {
  /** The peaks since the last time this was asked. */
  phase(): PeakMemory;
  stop(): void;
}

const EVERY_MS = 100;
const MIB = 1024 * 1024;
const MICRO_SEC_PER_TICK = 10_000;

export function watchMemory(databasePid: () => number | undefined): MemoryWatch {
  let processBytes = 0;
  let databaseBytes = 0;
  const look = () => {
    processBytes = Math.max(processBytes, process.memoryUsage.rss());
    databaseBytes = Math.max(databaseBytes, familyBytes(databasePid()));
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    phase() {
      look();
      const peak = { processMiB: Math.round(processBytes / MIB), databaseMiB: Math.round(databaseBytes / MIB) };
      processBytes = 0;
      databaseBytes = 0;
      return peak;
    },
    stop: () => clearInterval(timer),
  };
}

/** Processor time that this process and the database's processes have used. */
export function cpuMicroSec(databasePid: number | undefined): number {
  const { user, system } = process.cpuUsage();
  return familyOf(databasePid).reduce((sum, pid) => sum + ticksOf(pid) * MICRO_SEC_PER_TICK, user + system);
}

/** The proportional set size of a process and its children. */
function familyBytes(pid: number | undefined): number {
  return familyOf(pid).reduce((sum, name) => sum + sharedOf(name), 0);
}

/** A process and its children, where the system tells them (Linux). */
function familyOf(pid: number | undefined): string[] {
  if (pid === undefined || process.platform !== "linux") return [];
  return [String(pid), ...readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)];
}

function ticksOf(pid: string): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return 0; // it has ended meanwhile
  }
}

function sharedOf(pid: string): number {
  try {
    return 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
