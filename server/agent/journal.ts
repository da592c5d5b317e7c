import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { Failure, codeOf, messageOf } from "../failure.ts";
import { syncFolder } from "./disk.ts";
import { epochUntil } from "./hours.ts";
import {
  MAX_RECORD_BYTES,
  SEGMENT_MAGIC,
  decodeRecord,
  encodeRecord,
  type JournalRecord,
  type RecordPlace,
} from "./segment.ts";

/** A file of the journal: some of the records of one epoch. */
export interface Segment {
  readonly name: string;
  readonly epoch: bigint;
}

export interface JournalOptions {
  readonly folder: string;
  /** Bytes that the journal may hold; more are refused. */
  readonly maxBytes: number;
}

/**
 * Records on disk before they count as taken, a folder of append-only files, several for one epoch if need be. Writes
 * are batched: what arrives while the disk is busy is written and synced together.
 */
export interface Journal {
  /** Resolves when the record is on the disk. Refuses when the disk or the journal is full; nothing of it is kept then. */
  append(record: JournalRecord): Promise<void>;
  /** The files up to an epoch that have records, closed for writing: later records of these epochs go to other files. */
  seal(epoch: bigint): Promise<Segment[]>;
  /** The files of later epochs, as they are. */
  after(epoch: bigint): Segment[];
  /** The whole records of a file, with their places in it. */
  read(segment: Segment): IterableIterator<JournalRecord & RecordPlace>;
  /** One of them, by its place. */
  load(segment: Segment, place: RecordPlace): JournalRecord;
  /** Deletes files whose records are in readings; unknown names are no matter. */
  drop(names: readonly string[]): void;
  readonly status: JournalStatus;
  /** Writes what is waiting, then closes. */
  close(): Promise<void>;
}

/** What the journal holds. */
export interface JournalStatus {
  readonly byteCount: number;
  /** Bytes that were cut off at the start: half-written records that nobody was told are taken. */
  readonly cutByteCount: number;
}

interface OpenSegment extends Segment {
  readonly file: FileHandle;
  byteCount: number; // on the disk, in whole records
}

interface Waiting {
  readonly epoch: bigint;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const NAME = /^([0-9]{1,19})-([0-9]{6,12})\.journal$/;
// What waits for the disk; beyond it the caller hears that it is too much.
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
// Files open at once: there are two hours under way at most where clocks are right.
const MAX_OPEN_SEGMENTS = 16;
// A file that is this large gets no more records: files are read as a whole.
const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;

export function openJournal({ folder, maxBytes }: JournalOptions): Journal {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const names = new Set(readdirSync(folder).filter((name) => NAME.test(name)));
  let byteCount = 0;
  let cutByteCount = 0;
  for (const name of names) {
    const kept = cutTail(join(folder, name));
    cutByteCount += kept.cutByteCount;
    byteCount += kept.byteCount;
  }
  let nextSegment = 1 + Math.max(0, ...[...names].map((name) => Number(NAME.exec(name)?.[2])));
  const writing = new Map<bigint, OpenSegment>();
  let waiting: Waiting[] = [];
  let waitingByteCount = 0;
  let isClosed = false;

  const segmentOf = async (epoch: bigint): Promise<OpenSegment> => {
    const known = writing.get(epoch);
    if (known !== undefined) return known;
    const [oldest] = writing.values();
    if (oldest !== undefined && writing.size >= MAX_OPEN_SEGMENTS) await retire(oldest);
    const name = `${epoch}-${String(nextSegment++).padStart(6, "0")}.journal`;
    const file = await open(join(folder, name), "ax", 0o600);
    const segment = { name, epoch, file, byteCount: 0 };
    try {
      await file.appendFile(SEGMENT_MAGIC);
      syncFolder(folder);
    } catch (error) {
      await file.close().catch(() => undefined);
      rmSync(join(folder, name), { force: true });
      throw error;
    }
    segment.byteCount = SEGMENT_MAGIC.length;
    byteCount += segment.byteCount;
    names.add(name);
    writing.set(epoch, segment);
    return segment;
  };

  const retire = async (segment: OpenSegment) => {
    writing.delete(segment.epoch);
    await segment.file.close().catch(() => undefined);
  };

  const writeBatch = async (epoch: bigint, batch: readonly Waiting[]) => {
    let segment: OpenSegment | undefined;
    try {
      segment = await segmentOf(epoch);
      const bytes = Buffer.concat(batch.map((one) => one.bytes));
      await segment.file.appendFile(bytes);
      await segment.file.datasync();
      segment.byteCount += bytes.length;
      byteCount += bytes.length;
      if (segment.byteCount > MAX_SEGMENT_BYTES) await retire(segment);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      // What was half written is cut off again, and nothing more is written behind it.
      if (segment !== undefined) {
        await segment.file.truncate(segment.byteCount).catch(() => undefined);
        await retire(segment);
      }
      const isFull = ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error) ?? "");
      const code = isFull ? "Journal_DiskFull" : "Journal_Failed";
      const failure = new Failure(code, `the journal cannot be written: ${messageOf(error)}`, { cause: error });
      for (const { reject } of batch) reject(failure);
    }
  };

  // One thing at a time touches the files; what arrives meanwhile is the next batch.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
  const flush = async () => {
    const batch = waiting;
    waiting = [];
    for (const [epoch, records] of Map.groupBy(batch, (one) => one.epoch)) await writeBatch(epoch, records);
    waitingByteCount -= batch.reduce((sum, { bytes }) => sum + bytes.length, 0);
  };

  const segments = (): Segment[] =>
    [...names]
      .map((name) => ({ name, epoch: BigInt(NAME.exec(name)?.[1] ?? 0) }))
      .sort((a, b) => (a.epoch === b.epoch ? (a.name < b.name ? -1 : 1) : a.epoch < b.epoch ? -1 : 1));

  return {
    append(record) {
      const bytes = encodeRecord(record);
      const refused = (code: string, why: string) => Promise.reject(new Failure(code, `the journal ${why}`));
      if (isClosed) return refused("Journal_Closed", "is closed");
      if (bytes.length > MAX_RECORD_BYTES) return refused("Journal_RecordTooLarge", "takes no record as large");
      if (waitingByteCount + bytes.length > MAX_WAITING_BYTES) return refused("Journal_Busy", "waits for the disk");
      if (byteCount + waitingByteCount + bytes.length > maxBytes)
        return refused(
          "Journal_Full",
          `holds ${byteCount} bytes of at most ${maxBytes}; readings must be closed first`,
        );
      waitingByteCount += bytes.length;
      return new Promise((resolve, reject) => {
        waiting.push({ epoch: epochUntil(record.atMilliSec), bytes, resolve, reject });
        if (waiting.length === 1) void inTurn(flush);
      });
    },

    seal: (epoch) =>
      inTurn(async () => {
        for (const segment of [...writing.values()]) if (segment.epoch <= epoch) await retire(segment);
        return segments().filter((segment) => segment.epoch <= epoch);
      }),

    after: (epoch) => segments().filter((segment) => segment.epoch > epoch),

    *read({ name }) {
      const bytes = readFileSync(join(folder, name));
      let offset = SEGMENT_MAGIC.length;
      for (let record = decodeRecord(bytes, offset); record !== undefined; record = decodeRecord(bytes, offset)) {
        yield record;
        offset = record.offset + record.length;
      }
    },

    load({ name }, { offset, length }) {
      const bytes = Buffer.alloc(length);
      const handle = openSync(join(folder, name), "r");
      try {
        readSync(handle, bytes, 0, length, offset);
      } finally {
        closeSync(handle);
      }
      const record = decodeRecord(bytes, 0);
      if (record === undefined) throw new Failure("Journal_Damaged", `${name} changed under the reader at ${offset}`);
      return record;
    },

    drop(gone) {
      for (const name of gone) {
        if (!names.delete(name)) continue;
        const file = join(folder, name);
        byteCount -= statSync(file).size;
        rmSync(file);
      }
      syncFolder(folder);
    },

    get status() {
      return { byteCount, cutByteCount };
    },

    async close() {
      isClosed = true;
      await inTurn(async () => {
        for (const segment of [...writing.values()]) await retire(segment);
      });
    },
  };
}

/** Cuts off what follows the last whole record of a file: a crash in the middle of a write. */
function cutTail(file: string): { byteCount: number; cutByteCount: number } {
  const bytes = readFileSync(file);
  let end = bytes.subarray(0, SEGMENT_MAGIC.length).equals(SEGMENT_MAGIC) ? SEGMENT_MAGIC.length : 0;
  if (end > 0) {
    for (let record = decodeRecord(bytes, end); record !== undefined; record = decodeRecord(bytes, end)) {
      end = record.offset + record.length;
    }
  }
  if (end < bytes.length) truncateSync(file, end);
  return { byteCount: end, cutByteCount: bytes.length - end };
}
