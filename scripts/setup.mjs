// Brings what a clean clone lacks, before `npm start` and `npm test`: the locked packages, the compiled contracts, then
// the built portal.
// Plain JavaScript without packages, for Node 20, 22 and 24. What it says goes to standard error.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => join(root, ...parts);
const bin = at("node_modules", ".bin");
const installedMarker = at("node_modules", ".rackbond-installed");
const builtMarker = at("cache", "rackbond-built");
const portalMarker = at("cache", "rackbond-portal");
const lockFile = at(".data", "setup.lock");

class SetupError extends Error {}

// What npm and the system say, and what it means. The first that matches counts.
const CAUSES = [
  [/ENOSPC/, "the disk is full", "free about 2 GB where the project lies"],
  [
    /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|EIDLETIMEOUT)\b/,
    "the package registry cannot be reached",
    "check the network, the proxy (HTTPS_PROXY) and `npm config get registry`",
  ],
  [/\b\w*(CERT|SELF_SIGNED)\w*\b/, "the registry's certificate is not trusted", "set NODE_EXTRA_CA_CERTS"],
  [/EINTEGRITY/, "a package differs from what the lock file promises", "clear the cache: npm cache clean --force"],
  [
    /EUSAGE|can only install packages when your package\.json and package-lock\.json/,
    "package-lock.json does not belong to package.json",
    "restore both from git; after an edit of package.json run npm install",
  ],
  [/\b(E404|ETARGET|E401|E403)\b/, "the registry does not give a locked package", "check `npm config get registry`"],
  [/\b(EACCES|EPERM|EROFS)\b/, "the project's folder cannot be written", "check whom it belongs to"],
];

function explain(what, output) {
  for (const [pattern, cause, remedy] of CAUSES) {
    const match = pattern.exec(output);
    if (match !== null)
      return new SetupError(`${what}: ${cause} (${match[0]}).\n  Remedy: ${remedy}, then run it again.`);
  }
  const tail = output.trim().split("\n").slice(-15).join("\n  ");
  return new SetupError(`${what}.\n  ${tail}`);
}

// Progress: one line that counts on a terminal, plain lines elsewhere.

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

async function timed(what, work) {
  const begun = Date.now();
  const elapsed = () => `${Math.round((Date.now() - begun) / 1000)} s`;
  const tty = process.stderr.isTTY === true;
  if (!tty) say(`${what} …`);
  const show = () =>
    tty ? process.stderr.write(`\r\x1b[Ksetup: ${what} … ${elapsed()}`) : say(`${what} … ${elapsed()}`);
  const timer = setInterval(show, tty ? 1000 : 15_000);
  try {
    const result = await work();
    process.stderr.write(`${tty ? "\r\x1b[K" : ""}setup: ${what}: done in ${elapsed()}\n`);
    return result;
  } catch (error) {
    if (tty) process.stderr.write("\n");
    throw error;
  } finally {
    clearInterval(timer);
  }
}

// Programs

let running; // the program that runs now
let lock; // what our lock file holds, while we hold it

/** Runs a program to its end; resolves with how it ended and the last of what it said. */
function run(command, args, path) {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: path };
    const child = spawn(command, args, {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32", // npm and hardhat are .cmd files there; the arguments are our constants
    });
    running = child;
    if (lock !== undefined && child.pid !== undefined) {
      lock = `${processMark(process.pid)} ${processMark(child.pid)}`; // what we start may outlive us
      writeWhole(lockFile, lock);
    }
    let output = "";
    const keep = (chunk) => (output = (output + chunk).slice(-100_000));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => resolve({ ok: false, output: String(error), missing: error.code === "ENOENT" }));
    child.on("close", (code, signal) =>
      resolve({ ok: code === 0, output: signal === null ? output : `${output}\nended by ${signal}`, missing: false }),
    );
  });
}

// The search path as it is outside npm scripts: the node in our own node_modules is about to be replaced.
const outerPath = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((entry) => entry !== bin && entry !== bin + "/")
  .join(delimiter);
const innerPath = `${bin}${delimiter}${outerPath}`;

/** The major version of the Node that a program started through this path gets; 0 when there is none. */
function nodeMajor(path) {
  const { stdout } = spawnSync("node", ["--version"], {
    cwd: root,
    env: { ...process.env, PATH: path },
    encoding: "utf8",
  });
  return Number(/^v(\d+)\./.exec(stdout ?? "")?.[1] ?? 0);
}

// Packages

function packagesWanted() {
  const hash = createHash("sha256").update(readFileSync(at("package-lock.json")));
  return `${process.platform} ${process.arch} ${hash.digest("hex")}`;
}

const packagesThere = () => contentOf(installedMarker) === packagesWanted() && existsSync(join(bin, "node"));

async function installPackages() {
  const { dependencies } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  const ci = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--no-progress"];
  // Under an older Node npm leaves out the EVM's platform package without a word.
  const borrowed = nodeMajor(outerPath) < 22;
  const [command, args] = borrowed
    ? ["npx", ["--yes", "--package", `node@${dependencies.node}`, "--", "npm", ...ci]]
    : ["npm", ci];
  rmSync(installedMarker, { force: true });
  const what = `installing packages${borrowed ? ` through Node ${dependencies.node}` : ""}`;
  await timed(what, async () => {
    const { ok, output, missing } = await run(command, args, outerPath);
    if (missing) throw new SetupError(`${command} is not there.\n  Remedy: install npm (it comes with Node.js).`);
    if (!ok) throw explain("the packages could not be installed", output);
  });
  if (nodeMajor(bin) !== 24)
    throw new SetupError(
      "node_modules/.bin/node is not Node 24: npm left the node package's platform binary out.\n" +
        "  Remedy: allow install scripts (npm config get ignore-scripts), then run it again.",
    );
  const evm = await run("node", ["-e", "require('@nomicfoundation/edr')"], innerPath);
  if (!evm.ok)
    throw new SetupError(
      "npm left out the EVM's package for this platform (@nomicfoundation/edr-…).\n" +
        "  Remedy: npm must run under Node 22 or newer and keep optional packages (npm config get omit).",
    );
  writeWhole(installedMarker, packagesWanted());
}

// Contracts

function sourcesNow() {
  const hash = createHash("sha256");
  const files = readdirSync(at("contracts"), { recursive: true }).filter((file) => file.endsWith(".sol"));
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(at("contracts", file)));
  return hash
    .update(readFileSync(at("hardhat.config.ts")))
    .update(packagesWanted())
    .digest("hex");
}

const contractsBuilt = () =>
  existsSync(at("artifacts")) && existsSync(at("types")) && contentOf(builtMarker) === sourcesNow();

async function buildContracts() {
  const sources = sourcesNow();
  await timed("compiling the contracts", async () => {
    const { ok, output } = await run("hardhat", ["build"], innerPath);
    if (!ok) throw explain("the contracts could not be compiled", output);
  });
  mkdirSync(at("cache"), { recursive: true });
  writeWhole(builtMarker, sources);
}

// Portal

/** What the portal is built of: its own files, the pure core that it imports, and the contracts' interfaces. */
function portalSourcesNow() {
  const hash = createHash("sha256").update(sourcesNow());
  for (const folder of ["web", "server/protocol", "server/model"]) {
    const files = existsSync(at(folder)) ? readdirSync(at(folder), { recursive: true, withFileTypes: true }) : [];
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath ?? file.path, file.name));
    for (const path of paths.filter((path) => !path.startsWith(at("web", "dist"))).sort())
      hash.update(`${relative(root, path)}\0`).update(readFileSync(path));
  }
  return hash.update(readFileSync(at("vite.config.ts"))).digest("hex");
}

const portalBuilt = () => existsSync(at("web", "dist", "index.html")) && contentOf(portalMarker) === portalSourcesNow();

async function buildPortal() {
  const sources = portalSourcesNow();
  await timed("building the portal", async () => {
    const { ok, output } = await run("vite", ["build"], innerPath);
    if (!ok) throw explain("the portal could not be built", output);
  });
  mkdirSync(at("cache"), { recursive: true });
  writeWhole(portalMarker, sources);
}

// Files

function contentOf(file) {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

function writeWhole(file, content) {
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, content);
  renameSync(fresh, file);
}

// One setup at a time

/** A process and when it began, so that a later one with the same id is not taken for it; undefined when it is gone. */
function processMark(pid) {
  if (!(pid > 0)) return undefined;
  if (process.platform === "linux") {
    const stat = contentOf(`/proc/${pid}/stat`);
    const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields === undefined || fields[0] === "Z" ? undefined : `${pid}@${fields[19]}`;
  }
  try {
    process.kill(pid, 0);
    return `${pid}@`;
  } catch (error) {
    return error.code === "EPERM" ? `${pid}@` : undefined;
  }
}

async function takeLock() {
  mkdirSync(at(".data"), { recursive: true, mode: 0o700 });
  const mine = processMark(process.pid);
  const aside = `${lockFile}.${process.pid}`;
  for (let waited = false; ;) {
    writeFileSync(aside, mine);
    try {
      linkSync(aside, lockFile); // whole or not at all
      return mine;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    } finally {
      rmSync(aside, { force: true });
    }
    const holder = contentOf(lockFile);
    if (holder === undefined) continue;
    const alive = holder.split(" ").find((mark) => processMark(Number(mark.split("@")[0])) === mark);
    if (alive !== undefined) {
      if (!waited) say(`waiting for the setup that process ${alive.split("@")[0]} runs`);
      waited = true;
      await sleep(200);
      continue;
    }
    try {
      renameSync(lockFile, aside); // the holder is gone
      if (contentOf(aside) !== holder) linkSync(aside, lockFile); // another was quicker, and this lock is alive
    } catch (error) {
      if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
    }
    rmSync(aside, { force: true });
  }
}

function freeLock() {
  if (contentOf(lockFile) === lock) rmSync(lockFile, { force: true });
}

async function main() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) throw new SetupError(`Node ${process.versions.node} is too old.\n  Remedy: use Node 20, 22 or 24.`);
  if (packagesThere() && contractsBuilt() && portalBuilt()) return;
  lock = await takeLock();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.once(signal, async () => {
      if (running?.kill(signal)) await once(running, "exit");
      freeLock();
      process.exit(130);
    });
  try {
    if (!packagesThere()) await installPackages();
    if (!contractsBuilt()) await buildContracts();
    if (!portalBuilt()) await buildPortal();
  } finally {
    freeLock();
  }
}

main().catch((error) => {
  const known = error instanceof SetupError ? error : explain("setup failed", String(error?.stack ?? error));
  process.stderr.write(`setup: ${known.message}\n`);
  process.exitCode = 1;
});
