import { noDrops, type DropReason, type Drops } from "./drops.ts";
import { Refusal, demand } from "./refusal.ts";
import { parseScaled } from "./units.ts";

// Prometheus text format, as dcgm-exporter writes it. The parser is our own: parse-prometheus-text-format takes "1x" for
// a value, joins "1 2 3" to timestamp 23, swallows an unclosed quote, reads an HTML page as no metrics and lets a
// repeated series overwrite the first, all silently. This one refuses a malformed line by its number and gives nothing.

/** Largest text that is read, in characters. */
export const MAX_EXPOSITION_CHARS = 4_000_000;
const MAX_LINE_CHARS = 16_384;
const MAX_LABELS = 64;
const MAX_POWER_MW = 10_000_000n; // 10 kW: no board draws as much
const PPM = 1_000_000n;

// DCGM's "no value": blank, then not found, not supported, not permissioned; 64-bit, floating, 32-bit.
const BLANKS: readonly (readonly [bigint, bigint])[] = [
  [9_223_372_036_854_775_792n, 1n << 64n],
  [140_737_488_355_328n, 140_737_488_355_343n],
];
const NARROW_BLANKS: readonly (readonly [bigint, bigint])[] = [
  [2_147_483_632n, 2_147_483_647n],
  [4_294_967_295n, 4_294_967_295n],
];

/** One line of the text format. */
export interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: string;
  readonly line: number;
}

/** What one scrape says of one board. Energy is the board's counter; `null` where nothing usable was said. */
export interface GpuSample {
  readonly uuid: string;
  readonly model: string;
  /** The pod that a row of the board, or of one of its slices, is labelled with; empty where none is. */
  readonly workload: string;
  readonly energyMJ: bigint | null;
  readonly powerMilliW: bigint | null;
  readonly smActivePpm: bigint | null;
  readonly smSource: "sm" | "engine" | null;
  readonly droppedCount: number;
}

/** One scrape: the boards by UUID, and what was dropped. */
export interface Scrape {
  readonly samples: readonly GpuSample[];
  readonly drops: Drops;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\\n]|\\[\\"n])*)"[ \t]*(,?)/y;
const CLOSE = /[ \t]*\}/y;
const VALUE = /[ \t]*([^ \t]+)(?:[ \t]+(-?[0-9]{1,19}))?[ \t]*$/y;
const NUMBER = /^(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|[+-]?Inf)$/;

function malformed(line: number, reason: string): Refusal {
  return new Refusal("Exposition_Malformed", { line, reason });
}

// The match of a sticky pattern at a position, or null.
function at(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function unescape(text: string): string {
  return text.replace(/\\([\\"n])/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}

function parseSeries(text: string, line: number): Series {
  const name = at(NAME, text, 0)?.[0];
  if (name === undefined) throw malformed(line, "no metric name");
  const labels = new Map<string, string>();
  let position = name.length;
  if (text[position] === "{") {
    position++;
    let isOpen = true;
    for (let close = at(CLOSE, text, position); close === null; close = at(CLOSE, text, position)) {
      const match: RegExpExecArray | null = isOpen ? at(LABEL, text, position) : null;
      if (match === null) throw malformed(line, "bad label");
      const [whole, label = "", value = "", comma = ""]: string[] = match;
      if (labels.has(label)) throw malformed(line, "a label twice");
      if (labels.size === MAX_LABELS) throw malformed(line, "too many labels");
      labels.set(label, unescape(value));
      position += whole.length;
      isOpen = comma === ",";
    }
    position = CLOSE.lastIndex;
  } else if (text[position] !== " " && text[position] !== "\t") {
    throw malformed(line, "no value");
  }
  const value = at(VALUE, text, position)?.[1];
  if (value === undefined || !NUMBER.test(value)) throw malformed(line, "bad value");
  return { name, labels, value, line };
}

/** The series of a text; comments and empty lines are skipped. */
export function parseExposition(text: string): Series[] {
  demand(text.length <= MAX_EXPOSITION_CHARS, "Exposition_TooLong", { length: text.length });
  const series: Series[] = [];
  let line = 0;
  for (const raw of text.split("\n")) {
    line++;
    const content = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (content.trim() === "" || content.startsWith("#")) continue;
    if (content.length > MAX_LINE_CHARS) throw malformed(line, "line too long");
    series.push(parseSeries(content, line));
  }
  return series;
}

interface Quantity {
  readonly field: "energyMJ" | "powerMilliW" | "smActivePpm" | "engineActivePpm";
  readonly decimals: number;
  readonly max: bigint;
  readonly isNarrow: boolean; // 32-bit blanks apply: no true value is as large
}

const ENERGY: Quantity = { field: "energyMJ", decimals: 0, max: BLANKS[0]![0], isNarrow: false };
// GPU_UTIL is not among them: it is the share of time any kernel ran, and is never taken for utilization.
const QUANTITIES: ReadonlyMap<string, Quantity> = new Map([
  ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", ENERGY],
  ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_total", ENERGY],
  ["DCGM_FI_DEV_POWER_USAGE", { field: "powerMilliW", decimals: 3, max: MAX_POWER_MW, isNarrow: true }],
  ["DCGM_FI_PROF_SM_ACTIVE", { field: "smActivePpm", decimals: 6, max: PPM, isNarrow: true }],
  ["DCGM_FI_PROF_GR_ENGINE_ACTIVE", { field: "engineActivePpm", decimals: 6, max: PPM, isNarrow: true }],
]);

function isBlank(value: string, ranges: readonly (readonly [bigint, bigint])[]): boolean {
  const whole = parseScaled(value, 0);
  return whole !== null && ranges.some(([from, to]) => whole >= from && whole <= to);
}

/** A usable value in the quantity's unit, or why there is none. */
function readValue(value: string, quantity: Quantity): bigint | DropReason {
  if (value === "NaN") return "notANumberCount";
  if (isBlank(value, BLANKS) || (quantity.isNarrow && isBlank(value, NARROW_BLANKS))) return "blankCount";
  if (value.startsWith("-")) return parseScaled(value, 12) === 0n ? 0n : "negativeCount";
  const scaled = parseScaled(value, quantity.decimals);
  if (scaled === null || scaled > quantity.max) return "outOfRangeCount";
  return scaled;
}

interface Board {
  model: string;
  workload: string;
  droppedCount: number;
  readonly values: Map<Quantity["field"], bigint>;
  readonly seen: Set<Quantity["field"]>; // by a row of the board itself
}

// A MIG slice's row repeats its board's energy and power, so the first stands for the board where the board has no row
// of its own. Its activity is the slice's, not the board's, and is dropped.
function takeMigRow(board: Board, field: Quantity["field"], read: bigint): DropReason | null {
  const isBoardWide = field === "energyMJ" || field === "powerMilliW";
  if (!isBoardWide || board.values.has(field)) return "migRepeatCount";
  board.values.set(field, read);
  return null;
}

function takeBoardRow(board: Board, field: Quantity["field"], read: bigint): DropReason | null {
  if (board.seen.has(field)) return "duplicateCount";
  const wasMig = board.values.has(field);
  board.seen.add(field);
  board.values.set(field, read);
  return wasMig ? "migRepeatCount" : null;
}

function takeSeries(boards: Map<string, Board>, drops: Drops, series: Series): void {
  const quantity = QUANTITIES.get(series.name);
  if (quantity === undefined) return;
  const uuid = series.labels.get("UUID") ?? series.labels.get("uuid") ?? "";
  if (uuid === "") {
    drops.unidentifiedCount++;
    return;
  }
  let board = boards.get(uuid);
  if (board === undefined) {
    board = {
      model: series.labels.get("modelName") ?? "",
      workload: "",
      droppedCount: 0,
      values: new Map(),
      seen: new Set(),
    };
    boards.set(uuid, board);
  }
  if (board.workload === "") board.workload = series.labels.get("pod") ?? "";
  const read = readValue(series.value, quantity);
  const isMig = (series.labels.get("GPU_I_ID") ?? "") !== "";
  let dropped: DropReason | null;
  if (typeof read === "string") dropped = read;
  else dropped = isMig ? takeMigRow(board, quantity.field, read) : takeBoardRow(board, quantity.field, read);
  if (dropped !== null) {
    drops[dropped]++;
    board.droppedCount++;
  }
}

/** The boards of a dcgm-exporter scrape, and what was dropped of it and why. */
export function parseDcgm(text: string): Scrape {
  const boards = new Map<string, Board>();
  const drops = noDrops();
  for (const series of parseExposition(text)) takeSeries(boards, drops, series);
  const uuids = [...boards.keys()].sort();
  const samples = uuids.map((uuid) => {
    const { model, workload, droppedCount, values } = boards.get(uuid)!;
    const sm = values.get("smActivePpm");
    const engine = values.get("engineActivePpm");
    const source = sm !== undefined ? ("sm" as const) : engine !== undefined ? ("engine" as const) : null;
    return {
      uuid,
      model,
      workload,
      energyMJ: values.get("energyMJ") ?? null,
      powerMilliW: values.get("powerMilliW") ?? null,
      smActivePpm: sm ?? engine ?? null,
      smSource: source,
      droppedCount,
    };
  });
  return { samples, drops };
}
