import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { newAccumulator, type Accumulator } from "../protocol/accumulator.ts";
import { bytes32, type Hex } from "../protocol/bytes.ts";
import { parseReading, type SignedReadingJson } from "../protocol/reading.ts";

/** What an agent must not forget between two readings. */
export interface AgentState {
  /** Each board's counters at the end of the newest reading it is in, by UUID. */
  readonly accumulators: ReadonlyMap<string, Accumulator>;
  /** The wall meter's, likewise. */
  readonly wall: Accumulator;
  readonly sequenceIndex: bigint;
  readonly epoch: bigint;
  readonly readingHash: Hex;
  readonly signed: SignedReadingJson | null;
}

export interface Spool {
  read(): AgentState | undefined;
  /** Replaces the file as a whole: a crash leaves the old state or the new one. */
  write(state: AgentState): void;
}

/** One agent's state in one JSON file. */
export function openSpool(file: string): Spool {
  return {
    read() {
      if (!existsSync(file)) return undefined;
      try {
        return parseState(readFileSync(file, "utf8"));
      } catch (error) {
        throw new Error(`the agent's spool ${file} cannot be read: ${(error as Error).message}`, { cause: error });
      }
    },
    write(state) {
      const fresh = `${file}.new`;
      writeDurably(fresh, stateText(state));
      renameSync(fresh, file);
      syncFolder(dirname(file));
    },
  };
}

function writeDurably(file: string, text: string): void {
  const handle = openSync(file, "w", 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes a rename outlive a power cut, where folders can be synced. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

// Counters are bigint; as decimal strings marked with an n they come back as what they were.
function stateText(state: AgentState): string {
  const mark = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);
  return JSON.stringify({ ...state, accumulators: [...state.accumulators] }, mark);
}

function parseState(text: string): AgentState {
  const unmark = (_: string, value: unknown) =>
    typeof value === "string" && /^-?[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
  const parsed: unknown = JSON.parse(text, unmark);
  const { accumulators, wall, sequenceIndex, epoch, readingHash, signed } = fieldsOf(parsed, "the state");
  if (!Array.isArray(accumulators)) throw new Error("accumulators is not a list");
  const kept = signed as SignedReadingJson | null;
  if (kept !== null) parseReading(fieldsOf(kept, "signed").reading);
  return {
    accumulators: new Map(accumulators.map(parseEntry)),
    wall: parseAccumulator(wall, "wall"),
    sequenceIndex: integer(sequenceIndex, "sequenceIndex"),
    epoch: integer(epoch, "epoch"),
    readingHash: bytes32(String(readingHash), "readingHash"),
    signed: kept,
  };
}

function parseEntry(entry: unknown): [string, Accumulator] {
  if (!Array.isArray(entry) || typeof entry[0] !== "string") throw new Error("accumulators has no UUID");
  return [entry[0], parseAccumulator(entry[1], entry[0])];
}

function parseAccumulator(value: unknown, name: string): Accumulator {
  const fields = fieldsOf(value, name);
  for (const [field, fresh] of Object.entries(newAccumulator())) {
    const type = fresh === null ? "bigint" : typeof fresh;
    const isNone = fresh === null && fields[field] === null;
    if (!isNone && typeof fields[field] !== type) throw new Error(`${name} has no ${field}`);
  }
  return fields as unknown as Accumulator;
}

function fieldsOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new Error(`${name} is no object`);
  return value as Record<string, unknown>;
}

function integer(value: unknown, name: string): bigint {
  if (typeof value !== "bigint") throw new Error(`${name} is no integer`);
  return value;
}
