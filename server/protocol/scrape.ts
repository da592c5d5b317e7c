import { noDrops, type DropReason, type Drops } from "./drops.ts";
import { parseExposition, type Series } from "./exposition.ts";
import { parseScaled } from "./units.ts";

// What a scrape of NVIDIA's dcgm-exporter or AMD's device-metrics-exporter says of each board.

/** No board draws as much: 10 kW, in mW. */
export const MAX_BOARD_MW = 10_000_000n;
const PPM = 1_000_000n;

// "No value" of DCGM: blank, then not found, not supported, not permissioned; 64-bit, floating, 32-bit. And of AMD: all
// bits set, 64 of them (which Go prints as 1.8446744073709552e+19), 32 or 16.
type Range = readonly [from: bigint, to: bigint];
const BLANKS: readonly Range[] = [
  [9_223_372_036_854_775_792n, 18_446_744_073_709_552_000n],
  [140_737_488_355_328n, 140_737_488_355_343n],
];
const NARROW_BLANKS: readonly Range[] = [
  [65_535n, 65_535n],
  [2_147_483_632n, 2_147_483_647n],
  [4_294_967_295n, 4_294_967_295n],
];

/** What one scrape says of one board. Energy is the board's counter; `null` where nothing usable was said. */
export interface GpuSample {
  /** NVIDIA's UUID; AMD's serial number. */
  readonly uuid: string;
  readonly model: string;
  /** The pod or job that a row of the board, or of one of its slices, is labelled with; empty where none is. */
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

interface Quantity {
  readonly field: "energyMJ" | "powerMilliW" | "smActivePpm" | "engineActivePpm";
  readonly vendor: "nvidia" | "amd";
  readonly decimals: number;
  readonly max: bigint;
  readonly isNarrow: boolean; // 32-bit blanks apply: no true value is as large
  readonly rank: number; // of metrics that say the same, the lowest counts
}

const nvidia = { vendor: "nvidia", rank: 0, isNarrow: true } as const;
const amd = { vendor: "amd", rank: 0, isNarrow: true } as const;
const DCGM_ENERGY = { ...nvidia, field: "energyMJ", decimals: 0, max: BLANKS[0]![0], isNarrow: false } as const;
// GPU_UTIL is not among them: it is the share of time any kernel ran, and is never taken for utilization.
const DCGM: readonly (readonly [string, Quantity])[] = [
  ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", DCGM_ENERGY],
  ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_total", DCGM_ENERGY],
  ["DCGM_FI_DEV_POWER_USAGE", { ...nvidia, field: "powerMilliW", decimals: 3, max: MAX_BOARD_MW }],
  ["DCGM_FI_PROF_SM_ACTIVE", { ...nvidia, field: "smActivePpm", decimals: 6, max: PPM }],
  ["DCGM_FI_PROF_GR_ENGINE_ACTIVE", { ...nvidia, field: "engineActivePpm", decimals: 6, max: PPM }],
];
// Energy in µJ, power in W, activity in percent. A socket's power has another name on each generation.
const AMD: readonly (readonly [string, Quantity])[] = [
  ["gpu_energy_consumed", { ...amd, field: "energyMJ", decimals: -3, max: BLANKS[0]![0] / 1000n, isNarrow: false }],
  ["gpu_package_power", { ...amd, field: "powerMilliW", decimals: 3, max: MAX_BOARD_MW }],
  ["gpu_average_package_power", { ...amd, field: "powerMilliW", decimals: 3, max: MAX_BOARD_MW, rank: 1 }],
  ["gpu_power_usage", { ...amd, field: "powerMilliW", decimals: 3, max: MAX_BOARD_MW, rank: 2 }],
  ["gpu_prof_sm_active", { ...amd, field: "smActivePpm", decimals: 4, max: PPM }],
  ["gpu_gfx_activity", { ...amd, field: "engineActivePpm", decimals: 4, max: PPM }],
];
/** Metrics by name. AMD's exporter puts a prefix before its names where it is set to, which is its default. */
const QUANTITIES: ReadonlyMap<string, Quantity> = new Map([
  ...DCGM,
  ...AMD.flatMap(([name, quantity]) => [name, `amd_${name}`].map((one) => [one, quantity] as const)),
]);

/** Whether a metric says anything that counts. */
export function isCounted(metric: string): boolean {
  return QUANTITIES.has(metric);
}

// What a board is named by, what part of it a row is of, its model and its workload.
const NVIDIA_NAMES = ["UUID", "uuid"] as const;
const AMD_NAMES = ["serial_number", "gpu_uuid"] as const;
const NVIDIA_SLICE = "GPU_I_ID";
const AMD_SLICE = "gpu_partition_id";
const MODELS = ["modelName", "card_model"] as const;
const WORKLOADS = ["pod", "hpc_job", "job_id"] as const;
const LABELS: ReadonlySet<string> = new Set(
  [...NVIDIA_NAMES, ...AMD_NAMES, NVIDIA_SLICE, AMD_SLICE, ...MODELS, ...WORKLOADS].flatMap((name) => [
    name,
    `exported_${name}`,
  ]),
);

/** Whether a label of such a metric says anything that counts. */
export function isCountedLabel(name: string): boolean {
  return LABELS.has(name);
}

function isBlank(value: string, ranges: readonly Range[]): boolean {
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
  // A guest of a partitioned AMD board reads its energy as a lasting zero: that is no counter, and power counts instead.
  if (scaled === 0n && quantity.vendor === "amd" && quantity.field === "energyMJ") return "blankCount";
  return scaled;
}

interface Board {
  model: string;
  workload: string;
  droppedCount: number;
  readonly values: Map<Quantity["field"], { value: bigint; rank: number }>;
  readonly seen: Set<Quantity>; // by a row of the board itself
}

/** A label of the exporter's own, also where Prometheus renamed it because the scrape's target has one of that name. */
function labelOf({ labels }: Series, ...names: readonly string[]): string {
  for (const name of names) {
    const value = labels.get(`exported_${name}`) ?? labels.get(name) ?? "";
    if (value !== "") return value;
  }
  return "";
}

function nameOf(series: Series, { vendor }: Quantity): string {
  return vendor === "amd" ? labelOf(series, ...AMD_NAMES) : labelOf(series, ...NVIDIA_NAMES);
}

/** Whether a row is of a part of a board: a MIG instance, or a partition of an AMD board other than the first. */
function isSlice(series: Series, { vendor }: Quantity): boolean {
  if (vendor === "nvidia") return labelOf(series, NVIDIA_SLICE) !== "";
  return !["", "0", "NA"].includes(labelOf(series, AMD_SLICE));
}

// A MIG slice's row repeats its board's energy and power, so the first stands for the board where the board has no row
// of its own; a further partition of an AMD board says 0 of both. A slice's activity is not the board's, and is dropped.
function takeSliceRow(board: Board, { field, vendor }: Quantity, value: bigint): DropReason | null {
  const isBoardWide = vendor === "nvidia" && (field === "energyMJ" || field === "powerMilliW");
  if (!isBoardWide || board.values.has(field)) return "migRepeatCount";
  board.values.set(field, { value, rank: Number.MAX_SAFE_INTEGER });
  return null;
}

function takeBoardRow(board: Board, quantity: Quantity, value: bigint): DropReason | null {
  if (board.seen.has(quantity)) return "duplicateCount";
  board.seen.add(quantity);
  const before = board.values.get(quantity.field);
  if (before === undefined || before.rank > quantity.rank) {
    board.values.set(quantity.field, { value, rank: quantity.rank });
  }
  return before?.rank === Number.MAX_SAFE_INTEGER ? "migRepeatCount" : null;
}

function takeSeries(boards: Map<string, Board>, drops: Drops, series: Series): void {
  const quantity = QUANTITIES.get(series.name);
  if (quantity === undefined) return;
  const uuid = nameOf(series, quantity);
  if (uuid === "") {
    drops.unidentifiedCount++;
    return;
  }
  let board = boards.get(uuid);
  if (board === undefined) {
    board = { model: "", workload: "", droppedCount: 0, values: new Map(), seen: new Set() };
    boards.set(uuid, board);
  }
  if (board.model === "") board.model = labelOf(series, ...MODELS);
  if (board.workload === "") board.workload = labelOf(series, ...WORKLOADS);
  const read = readValue(series.value, quantity);
  let dropped: DropReason | null;
  if (typeof read === "string") dropped = read;
  else dropped = isSlice(series, quantity) ? takeSliceRow(board, quantity, read) : takeBoardRow(board, quantity, read);
  if (dropped !== null) {
    drops[dropped]++;
    board.droppedCount++;
  }
}

/** The boards that series of one scrape speak of, and what was dropped and why. */
export function scrapeOf(all: Iterable<Series>): Scrape {
  const boards = new Map<string, Board>();
  const drops = noDrops();
  for (const series of all) takeSeries(boards, drops, series);
  const uuids = [...boards.keys()].sort();
  const samples = uuids.map((uuid) => {
    const { model, workload, droppedCount, values } = boards.get(uuid)!;
    const valueOf = (field: Quantity["field"]) => values.get(field)?.value ?? null;
    const [sm, engine] = [valueOf("smActivePpm"), valueOf("engineActivePpm")];
    const smSource = sm !== null ? ("sm" as const) : engine !== null ? ("engine" as const) : null;
    const [energyMJ, powerMilliW] = [valueOf("energyMJ"), valueOf("powerMilliW")];
    return { uuid, model, workload, energyMJ, powerMilliW, smActivePpm: sm ?? engine, smSource, droppedCount };
  });
  return { samples, drops };
}

/** The boards of an exporter's text, and what was dropped of it and why. */
export function parseScrape(text: string): Scrape {
  return scrapeOf(parseExposition(text));
}
