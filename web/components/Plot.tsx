import { Table, Text, useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { timeText } from "../format.ts";
import { useLanguage, useWords, type Language } from "../language.tsx";
import { partsWords } from "../words/parts.ts";

export interface Series {
  label: string;
  values: (number | null)[];
  unit: string;
  /** Between the line and zero. */
  isFilled?: boolean;
  /** Levels until the next point, as a price or a covenant is. */
  isStepped?: boolean;
}

export interface ChartProps {
  /** What the chart shows. */
  label: string;
  /** Unix seconds, rising. */
  times: number[];
  series: Series[];
  height?: number;
  /** The lowest and highest value shown, where they are known. */
  range?: [number, number];
}

const DAY_SEC = 86_400;
const MONTH_SEC = 28 * DAY_SEC;
const LIGHT = ["#1c6670", "#a8561c", "#5a4b9a", "#667079"];
const DARK = ["#5fa3a8", "#e2a94f", "#a99be6", "#9ba6ad"];

/** Series over time, drawn; the same figures as a table stand below for those who do not see it. */
export default function Plot({ label, times, series, height = 220, range }: ChartProps) {
  const words = useWords(partsWords);
  const { language } = useLanguage();
  const scheme = useComputedColorScheme("light");
  const place = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const plot = new uPlot(
      optionsOf(series, { width: element.clientWidth, height, range, isDark: scheme === "dark", language }),
      [times, ...series.map(({ values }) => values)],
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [series, times, height, range, scheme, language]);

  return (
    <figure style={{ margin: 0 }} className="chart">
      <div ref={place} role="img" aria-label={label} />
      <details className="no-print">
        <Text component="summary" size="xs" c="dimmed" style={{ cursor: "pointer" }}>
          {words.chartTable}
        </Text>
        <div className="scrolls" style={{ maxHeight: 260 }} role="region" aria-label={label} tabIndex={0}>
          <Table className="table figures" verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{words.time}</Table.Th>
                {series.map((one) => (
                  <Table.Th key={one.label} scope="col" className="end">
                    {one.label} ({one.unit})
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {times.map((at, row) => (
                <Table.Tr key={at}>
                  <Table.Td>{timeText(at, language)}</Table.Td>
                  {series.map((one) => (
                    <Table.Td key={one.label} className="end">
                      {figureText(one.values[row] ?? null, language)}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      </details>
    </figure>
  );
}

function figureText(value: number | null, language: Language): string {
  if (value === null) return "—";
  return new Intl.NumberFormat(language, { maximumSignificantDigits: 6 }).format(value);
}

/** What is filled is filled from zero. */
function scaleOf(series: Series[]): uPlot.Range.Function {
  const isFilled = series.some((one) => one.isFilled === true);
  return (_plot, low, high) =>
    isFilled ? [Math.min(0, low), high > 0 ? high * 1.06 : 1] : uPlot.rangeNum(low, high, 0.15, true);
}

interface Look {
  width: number;
  height: number;
  range: [number, number] | undefined;
  isDark: boolean;
  language: Language;
}

function optionsOf(series: Series[], { width, height, range, isDark, language }: Look): uPlot.Options {
  const colors = isDark ? DARK : LIGHT;
  const ink = isDark ? "#9ba6ad" : "#56636b";
  const grid = { stroke: isDark ? "#242d32" : "#e8edee", width: 1 };
  const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const compact = new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 4 });
  const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: "UTC" });
  const month = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", timeZone: "UTC" });
  const clock = new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone: "UTC",
  });
  const tickText = (at: number, incrementSec: number) =>
    (incrementSec >= MONTH_SEC ? month : incrementSec >= DAY_SEC || at % DAY_SEC === 0 ? day : clock).format(at * 1000);
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  return {
    ...{ width, height },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: range ?? scaleOf(series) } },
    axes: [
      {
        ...axis,
        ...{ space: 84, size: 30 },
        values: (_plot, ticks, _axis, _space, stepSec) => ticks.map((at) => tickText(at, stepSec)),
      },
      { ...axis, size: 56, values: (_plot, ticks) => ticks.map((tick) => compact.format(tick)) },
    ],
    series: [
      { label: "UTC", value: (_plot, at) => (Number.isFinite(at) ? timeText(Math.round(at), language) : "—") },
      ...series.map((one, place): uPlot.Series => {
        const stroke = colors[place % colors.length]!;
        return {
          label: one.label,
          stroke,
          width: 1.75,
          points: { show: one.values.length === 1 },
          ...(one.isFilled === true && { fill: `${stroke}22` }),
          ...(one.isStepped === true && stepped !== undefined && { paths: stepped }),
          value: (_plot, value: number | null) => `${figureText(value, language)} ${one.unit}`,
        };
      }),
    ],
  };
}
