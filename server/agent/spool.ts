import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

import type { Accumulator } from "../protocol/accumulator.ts";
import { bytes32, type Hex } from "../protocol/bytes.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";

/** What an agent must not forget between two readings. */
export interface AgentState {
  /** Each board's counters at the end of the newest reading, by UUID. */
  readonly accumulators: ReadonlyMap<string, Accumulator>;
  readonly wallMJ: bigint | null;
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
      const handle = openSync(fresh, "w", 0o600);
      try {
        writeSync(handle, stateText(state));
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(fresh, file);
    },
  };
}

// Counters are bigint; as decimal strings marked with an n they come back as what they were.
function stateText(state: AgentState): string {
  const mark = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}n` : value);
  return JSON.stringify({ ...state, accumulators: [...state.accumulators] }, mark);
}

function parseState(text: string): AgentState {
  const unmark = (_: string, value: unknown) =>
    typeof value === "string" && /^-?[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
  const parsed = JSON.parse(text, unmark) as Omit<AgentState, "accumulators"> & {
    accumulators: [string, Accumulator][];
  };
  return {
    ...parsed,
    accumulators: new Map(parsed.accumulators),
    readingHash: bytes32(parsed.readingHash, "readingHash"),
  };
}
