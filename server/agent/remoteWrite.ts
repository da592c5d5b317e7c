import protobuf from "protobufjs";

import { lineOf } from "../protocol/exposition.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { isCounted, isCountedLabel } from "../protocol/scrape.ts";

// Prometheus remote write 1.0: prometheus.WriteRequest in protobuf. What is needed of it, field by field:
//   WriteRequest { repeated TimeSeries timeseries = 1; }  TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; }
//   Label { string name = 1; string value = 2; }          Sample { double value = 1; int64 timestamp = 2; } (milliseconds)
// Exemplars, histograms and metadata are skipped. It is read by fields and not into objects: a message of a megabyte can
// hold half a million empty series.

type Reader = protobuf.Reader;

/** What one host said at one time, as exposition text. */
export interface WrittenScrape {
  readonly hostname: string;
  readonly atMilliSec: bigint;
  readonly text: string;
}

/** How many samples of a message are handed on, and how many are not, by reason. */
export interface WriteCounts {
  taken: number;
  unknownMetric: number;
  unknownHost: number;
  /** The series ended: Prometheus marks it so with a NaN of its own. */
  stale: number;
  /** No time, or one before the newest hour that was closed. */
  badTime: number;
  unwritable: number;
}

/** What a message holds for the hosts that are known. */
export interface Written {
  readonly scrapes: readonly WrittenScrape[];
  readonly counts: WriteCounts;
}

/** How labels name the host and the workload. */
export interface WriteLabels {
  /** Labels that may name the host, the best first. */
  readonly host: readonly string[];
  /** Whether `pod` is the exporter's own, which Prometheus adds in Kubernetes: the workload's is `exported_pod` then. */
  readonly isPodOfExporter: boolean;
}

const STALE_BITS = 0x7ff0000000000002n;
const MAX_LABELS = 64;
const MAX_LABEL_BYTES = 4_096;
// A series' labels are there once for all its samples, and in the text once for each.
const MAX_TEXT_CHARS = 32 * 1024 * 1024;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LENGTH_DELIMITED = 2;
const FIXED64 = 1;

/** The scrapes in a WriteRequest, of `oldestMilliSec` or later; refuses bytes that are none. */
export function readWrite(
  bytes: Uint8Array,
  hosts: ReadonlySet<string>,
  names: WriteLabels,
  oldestMilliSec = 1n,
): Written {
  const counts: WriteCounts = { taken: 0, unknownMetric: 0, unknownHost: 0, stale: 0, badTime: 0, unwritable: 0 };
  const lines = new Map<string, Map<bigint, string[]>>();
  let charCount = 0;
  const take = (series: SeriesRead) => {
    const hostname = names.host
      .map((name) => series.labels.get(name))
      .find((one) => one !== undefined && hosts.has(one));
    const metric = series.labels.get("__name__") ?? "";
    if (!isCounted(metric)) counts.unknownMetric += series.samples.length;
    else if (hostname === undefined) counts.unknownHost += series.samples.length;
    else if (!isWritable(metric, series.labels)) counts.unwritable += series.samples.length;
    else {
      const labels = ownLabels(series.labels, names);
      for (const { bits, value, atMilliSec } of series.samples) {
        if (bits === STALE_BITS) counts.stale++;
        else if (atMilliSec < oldestMilliSec) counts.badTime++;
        else {
          const text = lineOf({ name: metric, labels, value: textOf(value), line: 0 });
          charCount += text.length;
          demand(charCount <= MAX_TEXT_CHARS, "RemoteWrite_TooLarge", { maxCharCount: MAX_TEXT_CHARS });
          counts.taken++;
          lineListOf(lines, hostname, atMilliSec).push(text);
        }
      }
    }
  };
  try {
    const reader = protobuf.Reader.create(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === field(1, LENGTH_DELIMITED)) take(readSeries(reader));
      else skip(reader, tag);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("RemoteWrite_Malformed", { byteCount: bytes.length });
  }
  const scrapes = [...lines].flatMap(([hostname, times]) =>
    [...times].map(([atMilliSec, list]) => ({ hostname, atMilliSec, text: `${list.join("\n")}\n` })),
  );
  return { scrapes, counts };
}

interface SeriesRead {
  readonly labels: ReadonlyMap<string, string>;
  readonly samples: readonly { readonly bits: bigint; readonly value: number; readonly atMilliSec: bigint }[];
}

function field(number: number, wireType: number): number {
  return (number << 3) | wireType;
}

function skip(reader: Reader, tag: number): void {
  demand(tag >>> 3 !== 0, "RemoteWrite_Malformed", { byteIndex: reader.pos });
  reader.skipType(tag & 7);
}

/** The end of the message that comes next; refuses one that is longer than what holds it. */
function endOf(reader: Reader, limit: number): number {
  const end = reader.uint32() + reader.pos;
  demand(end <= limit, "RemoteWrite_Malformed", { byteIndex: reader.pos });
  return end;
}

function readSeries(reader: Reader): SeriesRead {
  const end = endOf(reader, reader.len);
  const labels = new Map<string, string>();
  const samples: SeriesRead["samples"][number][] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === field(1, LENGTH_DELIMITED)) {
      const [name, value] = readLabel(reader, end);
      demand(!labels.has(name) && labels.size < MAX_LABELS, "RemoteWrite_BadLabels", { name: name.slice(0, 80) });
      labels.set(name, value);
    } else if (tag === field(2, LENGTH_DELIMITED)) samples.push(readSample(reader, end));
    else skip(reader, tag);
  }
  demand(reader.pos === end, "RemoteWrite_Malformed", { byteIndex: reader.pos });
  return { labels, samples };
}

function readLabel(reader: Reader, limit: number): [string, string] {
  const end = endOf(reader, limit);
  let [name, value] = ["", ""];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === field(1, LENGTH_DELIMITED)) name = readText(reader);
    else if (tag === field(2, LENGTH_DELIMITED)) value = readText(reader);
    else skip(reader, tag);
  }
  demand(reader.pos === end, "RemoteWrite_Malformed", { byteIndex: reader.pos });
  return [name, value];
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readText(reader: Reader): string {
  const bytes = reader.bytes();
  demand(bytes.length <= MAX_LABEL_BYTES, "RemoteWrite_BadLabels", { byteCount: bytes.length });
  return utf8.decode(bytes);
}

function readSample(reader: Reader, limit: number): SeriesRead["samples"][number] {
  const end = endOf(reader, limit);
  let [bits, value, atMilliSec] = [0n, 0, 0n];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === field(1, FIXED64)) {
      const at = reader.pos;
      reader.skip(8);
      // As bits: that it is Prometheus's own NaN may not survive being a number.
      const view = new DataView(reader.buf.buffer, reader.buf.byteOffset + at, 8);
      bits = view.getBigUint64(0, true);
      value = view.getFloat64(0, true);
    } else if (tag === field(2, 0)) atMilliSec = bigOf(reader.int64());
    else skip(reader, tag);
  }
  demand(reader.pos === end, "RemoteWrite_Malformed", { byteIndex: reader.pos });
  return { bits, value, atMilliSec };
}

/** An int64 as protobufjs gives it: two halves. */
function bigOf(value: number | { readonly high: number; readonly low: number }): bigint {
  if (typeof value === "number") return BigInt(value);
  return (BigInt(value.high) << 32n) | BigInt(value.low >>> 0);
}

function isWritable(metric: string, labels: ReadonlyMap<string, string>): boolean {
  return METRIC_NAME.test(metric) && [...labels.keys()].every((name) => LABEL_NAME.test(name));
}

function ownLabels(labels: ReadonlyMap<string, string>, { isPodOfExporter }: WriteLabels): Map<string, string> {
  const own = new Map([...labels].filter(([name]) => isCountedLabel(name)));
  if (isPodOfExporter) own.delete("pod");
  return own;
}

function lineListOf(lines: Map<string, Map<bigint, string[]>>, hostname: string, atMilliSec: bigint): string[] {
  const times = lines.get(hostname) ?? new Map<bigint, string[]>();
  lines.set(hostname, times);
  const list = times.get(atMilliSec) ?? [];
  times.set(atMilliSec, list);
  return list;
}

/** A sample's value in the text format, every digit of it: large whole numbers are not rounded to the shortest form. */
function textOf(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return Number.isInteger(value) ? String(BigInt(value)) : String(value);
}
