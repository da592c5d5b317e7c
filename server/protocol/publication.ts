import { dataTreeOf, parseState, stateLine, type AggregateState, type VerifiedReading } from "./aggregate.ts";
import type { Hex } from "./bytes.ts";
import { readingLeafHash } from "./leaf.ts";
import type { LineLimits } from "./lines.ts";
import { MAX_METHODOLOGY_BYTES } from "./methodology.ts";
import { parseReading, readingHash, readingJson, type Reading } from "./reading.ts";
import { Refusal, demand } from "./refusal.ts";
import { rootOf } from "./tree.ts";

// A reading set as it is published, under its `dataHash`: one line for the state after the epoch, then one a signed
// reading by ascending nodeId. Every line is JSON in its one form, so two files of one hash are the same bytes.

/** What is published: reading sets by `dataHash`, identities by `identityRoot`, methodologies by `methodologyHash`. */
export const FILE_KINDS = ["readings", "identities", "methodologies"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/**
 * How much of a file is read. A reading set of 1,000,000 devices has 320 MB; its first line, the state, 900 bytes a lot;
 * the line of a reading of 256 devices 90,000.
 */
export const FILE_LIMITS: Readonly<Record<FileKind, LineLimits>> = {
  readings: { maxLineBytes: 1 << 24, maxBytes: 1 << 30 },
  identities: { maxLineBytes: 1 << 10, maxBytes: 1 << 28 },
  methodologies: { maxLineBytes: MAX_METHODOLOGY_BYTES, maxBytes: MAX_METHODOLOGY_BYTES + 1 },
};

/** A reading as its node signed it. */
export interface SignedReading {
  readonly reading: Reading;
  readonly signature: Hex;
}

/** A reading set while it is read: its readings come one by one, and can be gone through once. */
export interface ReadingSet {
  readonly epoch: bigint;
  readonly state: AggregateState;
  readonly readings: AsyncIterable<SignedReading>;
}

/** A reading set whose hash was checked. */
export interface CheckedSet {
  readonly epoch: bigint;
  readonly state: AggregateState;
  readonly readings: readonly VerifiedReading[];
}

const SIGNATURE = /^0x[0-9a-f]{128}$/;

type Lines = AsyncIterable<string> | Iterable<string>;

/** The lines of a reading set; the readings may come in any order. */
export function* readingSetLines(
  epoch: bigint,
  state: AggregateState,
  verified: readonly Pick<VerifiedReading, "reading" | "signature">[],
): Generator<string, void, undefined> {
  demand(state.epoch === epoch, "ReadingSet_OtherState", { epoch, stateEpoch: state.epoch });
  yield stateLine(state);
  for (const signed of verified.toSorted((a, b) => (a.reading.nodeId < b.reading.nodeId ? -1 : 1))) {
    yield readingLine(signed);
  }
}

/** One line of a reading set. */
export function readingLine({ reading, signature }: SignedReading): string {
  return JSON.stringify({ reading: readingJson(reading), signature });
}

/**
 * Reads a reading set; refuses a line in another form than `readingSetLines` gives it, readings of other epochs and out
 * of order. Whether they are true is not asked here.
 */
export async function parseReadingSet(lines: Lines): Promise<ReadingSet> {
  const rest = (async function* () {
    yield* lines;
  })();
  const first = await rest.next();
  if (first.done === true) throw new Refusal("ReadingSet_Empty", {});
  const state = parseStateLine(first.value);
  return { epoch: state.epoch, state, readings: readingsOf(state.epoch, rest) };
}

function parseStateLine(line: string): AggregateState {
  const json = jsonOf(line, 1);
  let state: AggregateState;
  try {
    state = parseState((json as { state: Parameters<typeof parseState>[0] }).state);
  } catch (error) {
    if (error instanceof Refusal || error instanceof TypeError) throw malformed(line, 1);
    throw error;
  }
  demand(stateLine(state) === line, "ReadingSet_NotCanonical", { lineIndex: 1, line: line.slice(0, 200) });
  state.lots.forEach(({ lotId }, index) => {
    const above = state.lots[index - 1]?.lotId ?? -1n;
    demand(lotId > above, "ReadingSet_LotsUnsorted", { epoch: state.epoch, lotId, above });
  });
  return state;
}

async function* readingsOf(
  epoch: bigint,
  lines: AsyncIterable<string>,
): AsyncGenerator<SignedReading, void, undefined> {
  let above = -1n;
  let lineIndex = 1;
  for await (const line of lines) {
    const signed = parseReadingLine(line, ++lineIndex);
    const { nodeId, epoch: readingEpoch } = signed.reading;
    demand(readingEpoch === epoch, "ReadingSet_OtherEpoch", { epoch, readingEpoch, nodeId });
    demand(nodeId > above, "ReadingSet_NodesUnsorted", { epoch, nodeId, above });
    above = nodeId;
    yield signed;
  }
}

function parseReadingLine(line: string, lineIndex: number): SignedReading {
  const json = jsonOf(line, lineIndex) as { reading?: unknown; signature?: unknown } | null;
  // A signature that does not hold is read all the same: it is what shows that a report is false.
  if (typeof json?.signature !== "string" || !SIGNATURE.test(json.signature)) throw malformed(line, lineIndex);
  const signed = { reading: parseReading(json.reading), signature: json.signature as Hex };
  demand(readingLine(signed) === line, "ReadingSet_NotCanonical", { lineIndex, line: line.slice(0, 200) });
  return signed;
}

function jsonOf(line: string, lineIndex: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw malformed(line, lineIndex);
  }
}

function malformed(line: string, lineIndex: number): Refusal {
  return new Refusal("ReadingSet_Malformed", { lineIndex, line: line.slice(0, 200) });
}

/**
 * Reads a reading set and checks it against the hash it is published under: what is wrong, cut off or another set is
 * refused. `domain` is the one that readings are signed in; a set of more than `maxDeviceCount` is refused as it grows.
 */
export async function checkReadingSet(
  domain: Hex,
  dataHash: Hex,
  lines: Lines,
  maxDeviceCount = Number.POSITIVE_INFINITY,
): Promise<CheckedSet> {
  const { epoch, state, readings } = await parseReadingSet(lines);
  const verified: VerifiedReading[] = [];
  let deviceCount = 0;
  for await (const { reading, signature } of readings) {
    deviceCount += reading.devices.length;
    demand(deviceCount <= maxDeviceCount, "ReadingSet_TooLarge", { epoch, deviceCount, maxDeviceCount });
    verified.push({ reading, signature, readingHash: readingHash(domain, reading) });
  }
  const hashes = new Uint8Array(32 * verified.length);
  verified.forEach(({ reading, readingHash: hash, signature }, leafIndex) => {
    const { lotId, nodeId } = reading;
    hashes.set(readingLeafHash({ leafIndex, epoch, lotId, nodeId, readingHash: hash, signature }), 32 * leafIndex);
  });
  const found = rootOf(dataTreeOf(epoch, hashes, stateLine(state)));
  demand(found === dataHash, "ReadingSet_WrongHash", { epoch, dataHash, found });
  return { epoch, state, readings: verified };
}
