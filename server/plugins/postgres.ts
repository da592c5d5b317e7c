import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure, codeOf, messageOf } from "../failure.ts";
import { exists, takeLock } from "../lock.ts";
import { type Account, accountFor, nativeFolder, runnable } from "./binaries.ts";
import { endPostgres, isPostgresOf } from "./processes.ts";

// A PostgreSQL server of our own: its files lie in the data folder, it listens on 127.0.0.1 only, and it lives as long
// as the program. After a kill -9 of either, the next start mends what is left.

const MAJOR = "18";
const USER = "rackbond";
const DATABASE = "postgres";
const CONNECTIONS = 40;
const READY_MS = 180_000; // recovery after a crash reads up to a gigabyte of log
const TRANSIENT = /pre-existing shared memory block|could not bind|could not create any TCP|already exists/;
const TRANSIENT_MS = 30_000;

export interface EmbeddedOptions {
  /** Holds the cluster (postgres/), its password, its log and the lock. */
  dataDir: string;
  log?: (line: string) => void;
  /** The folder of the programs, when it is not the installed package's. */
  native?: string;
  /** Connections that the server takes at once. */
  connectionCount?: number;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The process id of the server that runs now; undefined between a crash and the restart. */
  pid(): number | undefined;
  /** Shuts the server down in order and frees the data folder. */
  stop(): Promise<void>;
}

/** Starts the data folder's PostgreSQL, making it first if need be. A server that dies is started again. */
export async function startPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log = () => {} } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const release = takeLock(join(dataDir, "store.lock"), {
    ...{ code: "Store_InUse", what: `the data folder ${dataDir}`, remedy: "stop it, or choose another data folder" },
  });
  try {
    const cluster = await prepare(options, log);
    let child = await launch(cluster, undefined, log);
    let stopping = false;
    let mending: Promise<void> = Promise.resolve();
    const watch = () => {
      child.server.once("exit", (code, signal) => {
        if (stopping) return;
        log(`PostgreSQL ended unasked (${signal ?? code}); starting it again`);
        mending = mend();
      });
    };
    const mend = async () => {
      for (let delayMs = 100; !stopping; delayMs = Math.min(delayMs * 2, 10_000)) {
        try {
          await settleLeftovers(cluster.folder, log);
          child = await launch(cluster, child.port, log);
          watch();
          return;
        } catch (error) {
          log(`PostgreSQL does not start: ${messageOf(error)}`);
          await sleep(delayMs);
        }
      }
    };
    watch();
    return {
      host: "127.0.0.1",
      port: child.port,
      user: USER,
      password: cluster.password,
      database: DATABASE,
      pid: () => (child.server.exitCode === null && child.server.signalCode === null ? child.server.pid : undefined),
      stop: async () => {
        stopping = true;
        await mending;
        if (child.server.pid !== undefined) await endPostgres(child.server.pid, cluster.folder);
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

// The cluster's files

interface Cluster {
  folder: string;
  logFile: string;
  password: string;
  native: string;
  account: Account;
  connectionCount: number;
}

async function prepare(options: EmbeddedOptions, log: (line: string) => void): Promise<Cluster> {
  const { dataDir, connectionCount = CONNECTIONS } = options;
  const folder = join(dataDir, "postgres");
  const passwordFile = join(dataDir, "postgres.password");
  const account = accountFor(folder);
  const native = await runnable(options.native ?? nativeFolder(), account);
  const cluster = { folder, logFile: join(dataDir, "postgres.log"), account, native, connectionCount };
  if (!existsSync(folder)) {
    if (!existsSync(passwordFile))
      writeFileSync(passwordFile, randomBytes(24).toString("base64url"), { flag: "wx", mode: 0o600 });
    if (account.uid !== undefined) chownSync(passwordFile, account.uid, account.gid ?? -1); // initdb reads it
    await initialise(cluster, passwordFile);
  }
  const major = readFileSync(join(folder, "PG_VERSION"), "utf8").trim();
  if (major !== MAJOR)
    throw new Failure(
      "Postgres_WrongVersion",
      `${folder} was made by PostgreSQL ${major}, this program brings ${MAJOR}; restore a dump into a new data folder`,
    );
  await settleLeftovers(folder, log);
  try {
    return { ...cluster, password: readFileSync(passwordFile, "utf8").trim() };
  } catch (error) {
    throw new Failure("Postgres_NoPassword", `${passwordFile} is missing; restore it, or delete ${dataDir}`, {
      cause: error,
    });
  }
}

/** Makes the cluster beside its place and moves it there when it is whole, so that a half-made one is never used. */
async function initialise(cluster: Omit<Cluster, "password">, passwordFile: string): Promise<void> {
  const fresh = `${cluster.folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  const { uid, gid } = cluster.account;
  if (uid !== undefined) chownSync(fresh, uid, gid ?? -1);
  const args = [
    "--username",
    USER,
    "--auth",
    "scram-sha-256",
    "--encoding",
    "UTF8",
    "--no-locale",
    "--no-instructions",
  ];
  args.push("--pwfile", process.platform === "win32" ? passwordFile : "/dev/stdin");
  const password = openSync(passwordFile, "r");
  const { from, fd } = openLog(cluster.logFile);
  const initdb = run("initdb", { ...cluster, folder: fresh }, args, password, fd);
  closeSync(password);
  closeSync(fd);
  const failure = await new Promise<string | undefined>((resolve) => {
    initdb.once("error", (error) => resolve(error.message));
    initdb.once("exit", (code) => resolve(code === 0 ? undefined : tailOf(cluster.logFile, from)));
  });
  if (failure !== undefined) throw new Failure("Postgres_NotCreated", `the database cannot be created: ${failure}`);
  renameSync(fresh, cluster.folder);
}

/** After a kill -9: ends a server that outlived its program, and removes a pid file that names something else. */
async function settleLeftovers(folder: string, log: (line: string) => void): Promise<void> {
  const file = join(folder, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "latin1").split("\n")[0]);
  if (isPostgresOf(pid, folder)) {
    log(`ending the PostgreSQL that an earlier run left behind (process ${pid})`);
    await endPostgres(pid, folder);
  } else if (!(pid > 0) || exists(pid)) {
    rmSync(file, { force: true }); // a dead pid PostgreSQL settles itself
  }
}

// The server's process

interface Server {
  server: ChildProcess;
  port: number;
}

async function launch(cluster: Cluster, fixedPort: number | undefined, log: (line: string) => void): Promise<Server> {
  for (let waitedMs = 0; ; waitedMs += 200) {
    const port = fixedPort ?? (await freePort());
    const { from, fd } = openLog(cluster.logFile);
    const settings = {
      port: String(port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      max_connections: String(cluster.connectionCount),
      timezone: "UTC",
      log_timezone: "UTC",
      fsync: "on",
      log_min_messages: "warning",
      log_checkpoints: "off",
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const server = run("postgres", cluster, args, "ignore", fd);
    closeSync(fd);
    const failure = await readiness(server, cluster.folder);
    if (failure === undefined) return { server, port };
    const reason = `${failure} ${tailOf(cluster.logFile, from)}`;
    if (!TRANSIENT.test(reason) || waitedMs >= TRANSIENT_MS)
      throw new Failure("Postgres_NotStarted", `PostgreSQL did not start: ${reason}`);
    if (waitedMs === 0) log(`PostgreSQL waits for what an earlier run left: ${reason}`);
    await sleep(200);
  }
}

/** Resolves when the server takes connections, or with the reason why it will not. */
async function readiness(server: ChildProcess, folder: string): Promise<string | undefined> {
  let failure: string | undefined;
  server.once("error", (error) => (failure = error.message));
  server.once("exit", (code, signal) => (failure = `ended with ${signal ?? code}.`));
  for (let waitedMs = 0; waitedMs < READY_MS; waitedMs += 10) {
    await sleep(10);
    if (failure !== undefined) return failure;
    const [pid, , , , , , , status] = readPidFile(folder);
    if (Number(pid) === server.pid && status?.trim() === "ready") {
      server.unref();
      return undefined;
    }
  }
  if (server.pid !== undefined) await endPostgres(server.pid, folder);
  return `not ready after ${READY_MS / 1000} s.`;
}

function readPidFile(folder: string): string[] {
  try {
    return readFileSync(join(folder, "postmaster.pid"), "latin1").split("\n");
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return [];
  }
}

/**
 * Runs a PostgreSQL program on the cluster. It is in a session of its own, so that Ctrl-C in a terminal reaches the
 * program alone, which then stops the server in order. Run for root as another user, it works on /proc/self/cwd: the
 * working folder is entered before the user changes, and needs no way in from above.
 */
function run(
  program: string,
  cluster: Omit<Cluster, "password">,
  args: string[],
  stdin: "ignore" | number,
  log: number,
): ChildProcess {
  const { folder, native, account } = cluster;
  return spawn(join(native, "bin", program), ["-D", account.uid === undefined ? folder : "/proc/self/cwd", ...args], {
    ...account,
    cwd: folder,
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: [stdin, log, log],
    env: { PATH: process.env["PATH"], SystemRoot: process.env["SystemRoot"], LC_ALL: "C", TZ: "UTC" },
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function openLog(file: string): { from: number; fd: number } {
  const fd = openSync(file, "a", 0o600);
  return { from: fstatSync(fd).size, fd };
}

/** The last words in the log since `from`. */
function tailOf(file: string, from: number): string {
  const fd = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(Math.min(4096, fstatSync(fd).size - from));
    readSync(fd, buffer, 0, buffer.length, fstatSync(fd).size - buffer.length);
    return buffer.toString("utf8").trim().split("\n").slice(-8).join(" | ");
  } finally {
    closeSync(fd);
  }
}
