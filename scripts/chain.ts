import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A local EVM behind JSON-RPC on loopback (docs/adr/0006). Its clock moves only when it is told to. */
export interface LocalChain {
  url: string;
  chainId: number;
  /** Stops the process; with a folder, its whole state is written first. */
  stop(): Promise<void>;
}

export interface LocalChainOptions {
  /** The time of the first block, unix seconds. */
  genesisAt: number;
  /** 0 takes any free port. */
  port: number;
  /** Holds the chain's state, and the pid of a chain that outlived its program. */
  folder: string;
  /** Whether the state is to be there for the next run. */
  isKept: boolean;
  engine?: ChainEngine;
}

/** anvil keeps its state on disk; Hardhat's node does not, and stands in where there is no anvil for the platform. */
export type ChainEngine = "anvil" | "hardhat";

export const LOCAL_CHAIN_ID = 31_337;
const STATE_INTERVAL_SEC = 5;
const START_MS = 60_000;
const PROJECT = join(import.meta.dirname, "..");

/** Starts the chain, or takes over the one that still runs for this folder after its program was killed. */
export async function startChain(options: LocalChainOptions): Promise<LocalChain> {
  const runFile = join(options.folder, "chain.run.json");
  const running = await adopt(runFile);
  if (running !== undefined) return running;

  const port = options.port === 0 ? await freePort() : options.port;
  const url = `http://127.0.0.1:${port}`;
  if ((await chainIdOf(url)) !== undefined) {
    throw new Error(`port ${port} already serves a JSON-RPC chain; choose another with --rpc-port, or 0 for any`);
  }
  const { program, args } = commandOf(options, port);
  const child = spawn(program, args, {
    cwd: PROJECT,
    stdio: ["ignore", "ignore", "pipe"],
    // In a group of its own: an interrupt from the terminal reaches the program, which then stops the chain last.
    detached: true,
  });
  let complaint = "";
  child.once("error", (error) => (complaint = error.message));
  child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-2000)));
  await untilServing(child, url, () => complaint);
  // Each block a second after the one before, whatever the wall clock says; Hardhat's node does not know this call.
  await call(url, "anvil_setBlockTimestampInterval", [1]);
  writeFileSync(runFile, JSON.stringify({ pid: child.pid, url }));
  return { url, chainId: LOCAL_CHAIN_ID, stop: () => stopProcess(child.pid as number, runFile) };
}

async function adopt(runFile: string): Promise<LocalChain | undefined> {
  if (!existsSync(runFile)) return undefined;
  try {
    const { pid, url } = JSON.parse(readFileSync(runFile, "utf8")) as { pid: number; url: string };
    if (isChain(pid) && (await chainIdOf(url)) === LOCAL_CHAIN_ID) {
      return { url, chainId: LOCAL_CHAIN_ID, stop: () => stopProcess(pid, runFile) };
    }
  } catch {
    // Half written when its program was killed.
  }
  rmSync(runFile, { force: true });
  return undefined;
}

async function untilServing(child: ChildProcess, url: string, complaint: () => string): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_MS; waitedMs += 25) {
    if (child.exitCode !== null || child.pid === undefined) break;
    if ((await chainIdOf(url)) === LOCAL_CHAIN_ID) return;
    await sleep(25);
  }
  child.kill("SIGKILL");
  throw new Error(`the local chain did not start at ${url}: ${complaint().trim() || `exit code ${child.exitCode}`}`);
}

async function stopProcess(pid: number, runFile: string): Promise<void> {
  try {
    process.kill(pid, "SIGTERM");
    for (let waitedMs = 0; isAlive(pid) && waitedMs < 15_000; waitedMs += 20) await sleep(20);
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  rmSync(runFile, { force: true });
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether the process may be a chain that we started: ids are given again to others. */
export function isChain(pid: number): boolean {
  if (process.platform !== "linux") return isAlive(pid);
  try {
    return /anvil|hardhat/.test(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
  } catch {
    return false;
  }
}

async function chainIdOf(url: string): Promise<number | undefined> {
  try {
    const result = await call(url, "eth_chainId", []);
    return result === undefined ? undefined : Number(result);
  } catch {
    return undefined; // nothing listens there, or it is no chain
  }
}

async function call(url: string, method: string, params: unknown[]): Promise<unknown> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(2_000),
  });
  return ((await answer.json()) as { result?: unknown }).result;
}

/** A loopback port that is free at the moment. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function commandOf(options: LocalChainOptions, port: number): { program: string; args: string[] } {
  const anvil = options.engine === "hardhat" ? undefined : anvilPath();
  const where = ["--port", String(port), "--chain-id", String(LOCAL_CHAIN_ID)];
  if (anvil !== undefined) {
    const state = ["--state", join(options.folder, "chain.state.json"), "--state-interval", String(STATE_INTERVAL_SEC)];
    const world = ["--timestamp", String(options.genesisAt), "--hardfork", "prague", "--accounts", "0", "--quiet"];
    // Old states go to disk: by itself anvil puts them in the user's home, and leaves them there when it is killed.
    const cache = join(options.folder, "chain.cache");
    rmSync(cache, { recursive: true, force: true });
    const args = ["--host", "127.0.0.1", ...where, ...world, "--cache-path", cache, ...(options.isKept ? state : [])];
    return { program: anvil, args };
  }
  const platform = `${process.platform} ${process.arch}`;
  if (options.engine === "anvil") throw new Error(`no anvil for ${platform} is installed; take --chain hardhat`);
  if (options.isKept) {
    throw new Error(`--data needs anvil, which is not installed for ${platform}; without it nothing is kept`);
  }
  const cli = join(PROJECT, "node_modules/hardhat/dist/src/cli.js");
  return { program: process.execPath, args: [cli, "--network", "local", "node", "--hostname", "127.0.0.1", ...where] };
}

function anvilPath(): string | undefined {
  const cpu = process.arch === "x64" ? "amd64" : process.arch;
  const file = process.platform === "win32" ? "bin/anvil.exe" : "bin/anvil";
  try {
    // The platform package's own binary: the launcher in front of it hides exit codes.
    return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${cpu}/${file}`);
  } catch {
    return undefined;
  }
}
