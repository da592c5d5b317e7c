import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Failure, codeOf, messageOf } from "../failure.ts";
import { newAccumulator, type Accumulator } from "../protocol/accumulator.ts";
import { bytes32 } from "../protocol/bytes.ts";
import { parseReading, type SignedReadingJson } from "../protocol/reading.ts";
import { replaceFileSync, syncFolder, writeDurably } from "./disk.ts";
import { newNodeState, type NodeState } from "./node.ts";

/** What one close of an epoch changes, all of it or nothing. */
export interface Commit {
  /** The nodes whose state changed, by nodeId. */
  readonly states: ReadonlyMap<bigint, NodeState>;
  readonly readings: readonly SignedReadingJson[];
  /** The journal's files that these readings were made from. */
  readonly dropped: readonly string[];
}

/**
 * The signed readings that are not delivered yet, a file for each close, oldest first, beside the state after the newest:
 * a reading is signed once, and is on the disk before anybody sees it.
 */
export interface Spool {
  stateOf(nodeId: bigint): NodeState;
  commit(commit: Commit): Promise<void>;
  /** The journal's files that the newest commit has done with. */
  readonly dropped: readonly string[];
  /** The newest close there was. */
  readonly closeIndex: number;
  /** The closes whose readings are here, oldest first. */
  closes(): number[];
  /** The readings of a close. */
  read(closeIndex: number): AsyncIterableIterator<SignedReadingJson>;
  /** How many readings of a close are here. */
  count(closeIndex: number): Promise<number>;
  /** Lets the readings of a close go: everybody has them. */
  remove(closeIndex: number): void;
}

interface SpoolState {
  readonly closeIndex: number;
  readonly dropped: readonly string[];
  readonly nodes: ReadonlyMap<bigint, NodeState>;
}

const NEWLINE = 10;
const READINGS = /^readings-([0-9]{8,15})\.ndjson$/;

export function openSpool(folder: string): Spool {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stateFile = join(folder, "state.json");
  let state = readState(stateFile);
  const fileOf = (closeIndex: number) => join(folder, `readings-${String(closeIndex).padStart(8, "0")}.ndjson`);

  // The state's new name is the commit: readings written for it count, and those of a close that never came do not.
  const fresh = `${fileOf(state.closeIndex)}.new`;
  if (existsSync(fresh)) renameSync(fresh, fileOf(state.closeIndex));
  for (const name of readdirSync(folder)) if (name.endsWith(".new")) rmSync(join(folder, name));

  return {
    stateOf: (nodeId) => state.nodes.get(nodeId) ?? newNodeState(),

    async commit({ states, readings, dropped }) {
      const next = { closeIndex: state.closeIndex + 1, dropped, nodes: new Map([...state.nodes, ...states]) };
      const file = fileOf(next.closeIndex);
      rmSync(`${file}.new`, { force: true }); // of a commit that failed
      if (readings.length > 0) await writeDurably(`${file}.new`, linesOf(readings));
      replaceFileSync(stateFile, stateText(next));
      state = next;
      if (readings.length === 0) return;
      renameSync(`${file}.new`, file);
      syncFolder(folder);
    },

    get closeIndex() {
      return state.closeIndex;
    },

    get dropped() {
      return state.dropped;
    },

    closes: () =>
      readdirSync(folder)
        .flatMap((name) => READINGS.exec(name)?.[1] ?? [])
        .map(Number)
        .sort((a, b) => a - b),

    async *read(closeIndex) {
      const file = fileOf(closeIndex);
      const lines = createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Infinity });
      try {
        for await (const line of lines) yield parseLine(line, file);
      } finally {
        lines.close();
      }
    },

    async count(closeIndex) {
      let count = 0;
      try {
        for await (const chunk of createReadStream(fileOf(closeIndex))) {
          for (const byte of chunk as Buffer) if (byte === NEWLINE) count++;
        }
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error; // let go meanwhile
      }
      return count;
    },

    remove(closeIndex) {
      rmSync(fileOf(closeIndex), { force: true });
      syncFolder(folder);
    },
  };
}

function* linesOf(readings: readonly SignedReadingJson[]): Generator<string> {
  for (const signed of readings) yield `${JSON.stringify(signed)}\n`;
}

function parseLine(line: string, file: string): SignedReadingJson {
  try {
    const signed = JSON.parse(line) as SignedReadingJson;
    parseReading(signed.reading);
    return signed;
  } catch (error) {
    throw damaged(file, error);
  }
}

function damaged(file: string, error: unknown): Failure {
  const message = `the agent's spool ${file} cannot be read: ${messageOf(error)}`;
  return new Failure("Spool_Damaged", message, { cause: error });
}

// Counters are bigint; as decimal strings marked with an n they come back as what they were.
function stateText({ closeIndex, dropped, nodes }: SpoolState): string {
  const mark = (_: string, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value instanceof Map ? [...(value as Map<unknown, unknown>)] : value;
  return `${JSON.stringify({ version: 1, closeIndex, dropped, nodes }, mark)}\n`;
}

function readState(file: string): SpoolState {
  if (!existsSync(file)) return { closeIndex: 0, dropped: [], nodes: new Map() };
  try {
    return parseState(readFileSync(file, "utf8"));
  } catch (error) {
    throw damaged(file, error);
  }
}

function parseState(text: string): SpoolState {
  const unmark = (_: string, value: unknown) =>
    typeof value === "string" && /^-?[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
  const parsed: unknown = JSON.parse(text, unmark);
  const { version, closeIndex, dropped, nodes } = fieldsOf(parsed, "the state");
  if (version !== 1) throw new Error(`version ${String(version)} is not known`);
  if (!Number.isSafeInteger(closeIndex)) throw new Error("closeIndex is no integer");
  const isNames = Array.isArray(dropped) && dropped.every((name) => typeof name === "string");
  if (!isNames) throw new Error("dropped is no list of names");
  return {
    closeIndex: closeIndex as number,
    dropped,
    nodes: mapOf(nodes, "nodes", (id) => integer(id, "nodeId"), node),
  };
}

function node(value: unknown): NodeState {
  const { accumulators, wall, sequenceIndex, epoch, readingHash, lateCounts } = fieldsOf(value, "a node");
  return {
    accumulators: mapOf(accumulators, "accumulators", text, (one) => accumulator(one, "an accumulator")),
    wall: accumulator(wall, "wall"),
    sequenceIndex: integer(sequenceIndex, "sequenceIndex"),
    epoch: integer(epoch, "epoch"),
    readingHash: bytes32(String(readingHash), "readingHash"),
    lateCounts: mapOf(lateCounts, "lateCounts", text, (count) => {
      if (!Number.isSafeInteger(count)) throw new Error("a late count is no integer");
      return count as number;
    }),
  };
}

function mapOf<K, V>(
  value: unknown,
  name: string,
  keyOf: (key: unknown) => K,
  valueOf: (value: unknown) => V,
): Map<K, V> {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list`);
  return new Map(
    value.map((entry: unknown) => {
      if (!Array.isArray(entry) || entry.length !== 2) throw new Error(`${name} has an entry that is no pair`);
      return [keyOf(entry[0]), valueOf(entry[1])];
    }),
  );
}

function accumulator(value: unknown, name: string): Accumulator {
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

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error("a name is no text");
  return value;
}

function integer(value: unknown, name: string): bigint {
  if (typeof value !== "bigint") throw new Error(`${name} is no integer`);
  return value;
}
