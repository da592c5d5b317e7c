import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";

import { CsvError, parse, type Info } from "csv-parse";

import { messageOf } from "../failure.ts";
import { CSV_OPTIONS, DeviceListReader, type DeviceList, type ListOptions } from "../protocol/deviceList.ts";
import { MAX_KEY_FILE_BYTES, pointOfPem, type NodePoint } from "../protocol/nodePoint.ts";

// A list of devices from a stream, its hosts' keys from files beside it.

export interface FileListOptions extends Omit<ListOptions, "pointOfFile"> {
  /** Where relative paths of key files begin. */
  readonly folder: string;
}

/** Reads a list to its end, row by row: every fault is found in one go. */
export async function readDeviceList(input: Readable, { folder, ...options }: FileListOptions): Promise<DeviceList> {
  const reader = new DeviceListReader({ ...options, pointOfFile: (name) => pointOfFile(resolve(folder, name)) });
  const parser = input.pipe(parse(CSV_OPTIONS));
  input.once("error", (error) => parser.destroy(error));
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      if (!reader.take(record, info.lines)) break;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error["lines"] === "number" ? error["lines"] : 0;
    reader.fault(line, "DeviceList_NotCsv", messageOf(error));
  }
  return reader.end();
}

function pointOfFile(file: string): NodePoint {
  const { size } = statSync(file);
  if (size > MAX_KEY_FILE_BYTES) throw new Error(`${file} has ${size} bytes, ${MAX_KEY_FILE_BYTES} are allowed`);
  try {
    return pointOfPem(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file}: ${messageOf(error)}`, { cause: error });
  }
}
