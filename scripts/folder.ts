import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { isAlive, isChain } from "./chain.ts";

/** The folder that a run keeps its chain, database and spools in; one run at a time has it. */
export interface RunFolder {
  path: string;
  /** Gives the folder up; one that was not asked for is removed. */
  release(): void;
}

const PREFIX = "rackbond-run-";

/** The given folder, kept between runs; or a new one below the system's temporary folder, gone at the end. */
export function takeFolder(path: string | undefined): RunFolder {
  if (path === undefined) sweep();
  const folder = path === undefined ? mkdtempSync(join(tmpdir(), PREFIX)) : resolve(path);
  mkdirSync(folder, { recursive: true });
  const owner = ownerOf(folder);
  if (owner !== undefined && owner !== process.pid && isAlive(owner)) {
    throw new Error(`${folder} is in use by process ${owner}; stop it, or choose another folder with --data`);
  }
  writeFileSync(ownerFile(folder), String(process.pid));
  return {
    path: folder,
    release() {
      rmSync(path === undefined ? folder : ownerFile(folder), { recursive: true, force: true });
    },
  };
}

function ownerFile(folder: string): string {
  return join(folder, "owner.pid");
}

function ownerOf(folder: string): number | undefined {
  if (!existsSync(ownerFile(folder))) return undefined;
  const pid = Number(readFileSync(ownerFile(folder), "utf8"));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** Ends what runs that were killed left behind: their chain, and their folder. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const folder = join(tmpdir(), name);
    if (!name.startsWith(PREFIX) || !existsSync(ownerFile(folder))) continue;
    const owner = ownerOf(folder);
    if (owner === undefined || isAlive(owner)) continue;
    const runFile = join(folder, "chain.run.json");
    try {
      const { pid } = JSON.parse(readFileSync(runFile, "utf8")) as { pid: number };
      if (isChain(pid)) process.kill(pid);
    } catch {
      // There was none, or it is gone already.
    }
    rmSync(folder, { recursive: true, force: true });
  }
}
