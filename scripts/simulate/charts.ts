import { scaleLinear, scalePoint } from "d3-scale";
import { area, line, stack } from "d3-shape";

/** One line of a chart: a value for each label, null where there is none. */
export interface Series {
  name: string;
  values: readonly (number | null)[];
  /** A threshold rather than a measurement. */
  isLimit?: boolean;
}

export interface ChartOptions {
  title: string;
  labels: readonly string[];
  format: (value: number) => string;
}

const WIDTH = 860;
const HEIGHT = 300;
const LEFT = 76;
const BOTTOM = 28;
const TOP = 12;
const RIGHT = 12;
// Told apart by people who see red and green alike (Okabe and Ito).
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b8a800", "#332288"];

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length]!;
}

/** Lines over the periods. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const values = series.flatMap((one) => one.values).filter((value) => value !== null);
  const frame = frameOf(options, [Math.min(0, ...values), Math.max(...values, 0)]);
  const paths = series.map((one, index) => {
    const path = line<number | null>()
      .defined((value) => value !== null)
      .x((_, at) => frame.x(at))
      .y((value) => frame.y(value ?? 0))([...one.values]);
    const dash = one.isLimit === true ? ' stroke-dasharray="6 4"' : "";
    return `<path d="${path ?? ""}" fill="none" stroke="${colourOf(index)}" stroke-width="2"${dash}/>`;
  });
  return figure(options, frame.axes + paths.join(""), series);
}

/** Areas one on the other over the periods. */
export function stackedChart(series: readonly Series[], options: ChartOptions): string {
  const rows = options.labels.map((_, at) => Object.fromEntries(series.map((one, i) => [i, one.values[at] ?? 0])));
  const layers = stack<Record<string, number>>().keys(series.map((_, index) => String(index)))(rows);
  const frame = frameOf(options, [0, Math.max(0, ...layers.flat().map((point) => point[1]))]);
  const paths = layers.map((layer, index) => {
    const path = area()
      .x((_, at) => frame.x(at))
      .y0((point) => frame.y(point[0]))
      .y1((point) => frame.y(point[1]))(layer.map((point) => [point[0], point[1]]));
    return `<path d="${path ?? ""}" fill="${colourOf(index)}" fill-opacity="0.85"/>`;
  });
  return figure(options, frame.axes + paths.join(""), series);
}

/** Bars, one a label. */
export function barChart(values: readonly number[], options: ChartOptions): string {
  const frame = frameOf(options, [Math.min(0, ...values), Math.max(0, ...values)]);
  const width = Math.max(1, ((WIDTH - LEFT - RIGHT) / Math.max(1, values.length)) * 0.8);
  const bars = values.map((value, at) => {
    const [top, bottom] = [frame.y(Math.max(0, value)), frame.y(Math.min(0, value))];
    const title = `<title>${escape(`${options.labels[at] ?? ""}: ${options.format(value)}`)}</title>`;
    const place = `x="${px(frame.x(at) - width / 2)}" y="${px(top)}" width="${px(width)}" height="${px(bottom - top)}"`;
    return `<rect ${place} fill="${colourOf(0)}">${title}</rect>`;
  });
  return figure(options, frame.axes + bars.join(""), []);
}

interface Frame {
  x(at: number): number;
  y(value: number): number;
  axes: string;
}

function frameOf({ labels, format }: ChartOptions, domain: [number, number]): Frame {
  const places = scalePoint(
    labels.map((_, at) => at),
    [LEFT, WIDTH - RIGHT],
  ).padding(0.5);
  const x = (at: number) => places(at) ?? LEFT;
  const y = scaleLinear(domain[0] === domain[1] ? [0, 1] : domain, [HEIGHT - BOTTOM, TOP]).nice(5);
  const rows = y.ticks(5).map((tick) => {
    const at = px(y(tick));
    const text = `<text x="${LEFT - 8}" y="${at}" dy="0.32em" text-anchor="end">${escape(format(tick))}</text>`;
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#ddd"/>${text}`;
  });
  const every = Math.max(1, Math.ceil(labels.length / 10));
  const columns = labels.map((label, at) =>
    at % every === 0 ? `<text x="${px(x(at))}" y="${HEIGHT - 8}" text-anchor="middle">${escape(label)}</text>` : "",
  );
  return { x, y, axes: rows.join("") + columns.join("") };
}

function px(value: number): string {
  return value.toFixed(1);
}

function figure({ title }: ChartOptions, inside: string, series: readonly Series[]): string {
  const legend = series.map(
    ({ name }, index) => `<span><i style="background:${colourOf(index)}"></i>${escape(name)}</span>`,
  );
  const svg = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">${inside}</svg>`;
  return `<figure><figcaption>${escape(title)}</figcaption>${svg}<div class="legend">${legend.join("")}</div></figure>`;
}
