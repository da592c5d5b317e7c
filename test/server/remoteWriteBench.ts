import { createRequire } from "node:module";

import protobuf from "protobufjs";

// What Prometheus sends, written with another's hands: protobufjs by the published schema, and snappyjs.

const SCHEMA = `syntax = "proto3"; package prometheus;
message Label { string name = 1; string value = 2; }
message Sample { double value = 1; int64 timestamp = 2; }
message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; }
message MetricMetadata { uint32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }`;
const snappy = createRequire(import.meta.url)("snappyjs") as { compress(bytes: Buffer): Buffer };
const WriteRequest = protobuf.parse(SCHEMA).root.lookupType("prometheus.WriteRequest");

export interface WrittenSeries {
  labels: Record<string, string>;
  samples: [value: number, atMs: number][];
}

/** Stands for the NaN that says a series has ended, whose bits no number of ours can have. */
export const STALE = 1.5e-300;
const STALE_BITS = 0x7ff0000000000002n;

/** A WriteRequest with exemplars and metadata, as bytes. */
export function writeRequest(series: WrittenSeries[]): Uint8Array {
  const pairs = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => ({ name, value }));
  const bytes = WriteRequest.encode({
    timeseries: series.map(({ labels, samples }) => ({
      labels: pairs(labels),
      samples: samples.map(([value, timestamp]) => ({ value, timestamp })),
      exemplars: [{ labels: pairs({ trace: "1" }), value: 7, timestamp: 8 }],
    })),
    metadata: [{ type: 2, metricFamilyName: "DCGM_FI_DEV_POWER_USAGE", help: "Power", unit: "W" }],
  }).finish();
  const mark = Buffer.from(new Float64Array([STALE]).buffer);
  for (let at = Buffer.from(bytes).indexOf(mark); at !== -1; at = Buffer.from(bytes).indexOf(mark)) {
    bytes.set(new Uint8Array(new BigUint64Array([STALE_BITS]).buffer), at);
  }
  return bytes;
}

export function compressed(bytes: Uint8Array): Buffer {
  return snappy.compress(Buffer.from(bytes));
}
