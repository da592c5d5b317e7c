import { randomInt } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, openSync, closeSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Ground } from "./ground.ts";
import { openWire, type Tap, type Wire } from "./wire.ts";

/** Four oracle processes, and the wires that they are on. */
export interface Oracles {
  /** Where each takes readings and questions, past the wires. */
  readonly urls: readonly string[];
  readonly databases: readonly Wire[];
  readonly chains: readonly Wire[];
  /** From one oracle to another; its own place is empty. */
  readonly peers: readonly (readonly (Wire | undefined)[])[];
  readonly folders: readonly string[];
  /** Starts a process where none runs: the oracle, or a program in its stead. */
  start(oracle: number, instead?: Instead): void;
  signal(oracle: number, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): Promise<void>;
  /** How often a process ended that nobody had ended. */
  endings(): readonly string[];
  close(): Promise<void>;
}

/** What runs in the place of an oracle. */
export interface Instead {
  readonly script?: string;
  readonly clockOffsetSec?: number;
}

export interface OraclesOptions {
  readonly ground: Ground;
  readonly settings: Readonly<Record<string, string>>;
  /** Hears what oracles say to each other. */
  readonly tap: (from: number, to: number) => Tap;
  readonly chooseByte: (length: number) => number;
}

const PROJECT = join(import.meta.dirname, "../..");
const RACKBOND = join(PROJECT, "server/cli/rackbond.ts");
const AGAIN_MS = 500;

/**
 * A port that is free, and stays so while its program is dead: systems give those above 32,767 to whoever connects to
 * somebody.
 */
async function seatPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

interface Seat {
  readonly env: Record<string, string>;
  child: ChildProcess | undefined;
  isWanted: boolean;
  instead: Instead;
}

/** Opens the wires; no process runs yet. */
export async function seatOracles({ ground, settings, tap, chooseByte }: OraclesOptions): Promise<Oracles> {
  const { reportKeys, gasKeys, postgres, chain, folder, deploymentFile } = ground;
  const indices = reportKeys.map((_, index) => index);
  const ports = await Promise.all(indices.map(() => seatPort()));
  const chainPort = Number(new URL(chain.url).port);
  const chains = await Promise.all(indices.map(() => openWire({ port: chainPort, chooseByte })));
  const databases = await Promise.all(indices.map(() => openWire({ port: postgres.port })));
  const openPeer = async (from: number, to: number) =>
    from === to ? undefined : await openWire({ port: ports[to]!, chooseByte, tap: tap(from, to) });
  const peers = await Promise.all(indices.map((from) => Promise.all(indices.map((to) => openPeer(from, to)))));
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const folders = indices.map((index) => join(folder, `oracle${index}`));
  const endings: string[] = [];
  let isClosed = false;

  const seats = indices.map((index): Seat => {
    const through = (wire: Wire | undefined) => (wire === undefined ? urls[index]! : `http://127.0.0.1:${wire.port}`);
    mkdirSync(folders[index]!, { recursive: true });
    return {
      ...{ child: undefined, isWanted: false, instead: {} },
      env: {
        ...settings,
        RACKBOND_DEPLOYMENT: deploymentFile,
        RACKBOND_RPC_URL: through(chains[index]),
        RACKBOND_REPORT_KEY: `plain:${reportKeys[index]!.privateKey}`,
        RACKBOND_GAS_KEY: `plain:${gasKeys[index]!.privateKey}`,
        RACKBOND_PEERS: peers[index]!.map(through).join(","),
        RACKBOND_DATA: folders[index]!,
        DATABASE_URL: postgres.urlOf(index, databases[index]!.port),
        RACKBOND_HOST: "127.0.0.1",
        RACKBOND_PORT: String(ports[index]),
      },
    };
  });

  const launch = (index: number) => {
    const seat = seats[index]!;
    const { script, clockOffsetSec = 0 } = seat.instead;
    const log = openSync(join(folder, `oracle${index}.log`), "a");
    const child = spawn(process.execPath, script === undefined ? [RACKBOND, "oracle"] : [script], {
      cwd: PROJECT,
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env["PATH"],
        ...seat.env,
        RACKBOND_CLOCK_OFFSET_SEC: String(clockOffsetSec),
        CHAOS_ORACLE: String(index),
      },
    });
    closeSync(log);
    seat.child = child;
    child.once("exit", (code, signal) => {
      if (seat.child === child) seat.child = undefined;
      if (!seat.isWanted || isClosed) return;
      // As a service manager would.
      endings.push(`oracle ${index} ended by itself (${signal ?? code})`);
      setTimeout(() => {
        if (seat.isWanted && seat.child === undefined && !isClosed) launch(index);
      }, AGAIN_MS);
    });
  };

  const signal: Oracles["signal"] = async (index, name) => {
    const seat = seats[index]!;
    const { child } = seat;
    if (name === "SIGKILL" || name === "SIGTERM") seat.isWanted = false;
    if (child === undefined) return;
    child.kill(name);
    if (name === "SIGSTOP" || name === "SIGCONT") return;
    while (seat.child === child) await sleep(10);
  };
  return {
    ...{ urls, databases, chains, peers, folders, signal },
    start(index, instead = {}) {
      const seat = seats[index]!;
      seat.isWanted = true;
      seat.instead = instead;
      if (seat.child === undefined) launch(index);
    },
    endings: () => endings,
    async close() {
      isClosed = true;
      await Promise.all(indices.map((index) => signal(index, "SIGKILL")));
      const wires = [...chains, ...databases, ...peers.flat()];
      for (const wire of wires) await wire?.close();
    },
  };
}
