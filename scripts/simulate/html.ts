import { barChart, escape, lineChart, stackedChart, type ChartOptions } from "./charts.ts";
import type { Distribution, PathsResult } from "./montecarlo.ts";
import type { PeriodResult, SimulationResult } from "./result.ts";
import { dollarsOf, percentOf, shortDollars, stepName, timesOf } from "./words.ts";

// One page that needs nothing else: no script, no font, no picture from anywhere.

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{padding:.25rem .5rem;text-align:right;border-bottom:1px solid #eee}
th:first-child,td:first-child{text-align:left}td{white-space:nowrap}td.words,th.words{text-align:left;white-space:normal}
figure{margin:1rem 0}figcaption{font-weight:600}svg{width:100%;height:auto;font:11px system-ui,sans-serif}
.legend span{margin-right:1rem;font-size:13px}.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em}
.scroll{overflow-x:auto}small{color:#555}`;

const UNITS = 1e6;

/** The report of a run, of its random paths, or of both. */
export function htmlOf(title: string, run: SimulationResult | undefined, paths: PathsResult | undefined): string {
  const parts = [...(run === undefined ? [] : runParts(run)), ...(paths === undefined ? [] : pathParts(paths))];
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>`;
  return `<!doctype html>\n<html lang="en"><head>${head}<style>${STYLE}</style></head><body>\n${parts.join("\n")}\n</body></html>\n`;
}

function runParts(run: SimulationResult): string[] {
  const { periods, classes, covenants, cash, checks } = run;
  const labels = periods.map(({ dueOn }) => dueOn.slice(0, 7));
  const chart = (title: string, format: ChartOptions["format"]): ChartOptions => ({ title, labels, format });
  const senior = classes.filter(({ kind }) => kind === "Senior").map(({ name }) => name);
  const of = (pick: (period: PeriodResult) => number | null) => periods.map(pick);
  const steps = [...new Set(periods.flatMap((period) => period.steps.map(stepName)))];
  const limit = (name: string, bps: number) => ({ name, values: of(() => bps / 10_000), isLimit: true });
  return [
    `<h1>${escape(run.title)}</h1><p>${escape(run.about)}</p>`,
    `<p><b>Scenario ${escape(run.scenario)}.</b> ${escape(run.scenarioAbout)} ${periods.length} payment dates; the facility ends ${escape(run.state)}.</p>`,
    run.levelPayment === undefined ? "" : `<p>Level payment: <b>$${escape(run.levelPayment)}</b> a month.</p>`,
    `<h2>Classes</h2>`,
    table(
      ["class", "raised", "interest", "principal", "outstanding", "loss", "yield (XIRR)", "multiple"],
      classes.map((one) => [
        ...[one.name, dollarsOf(one.raised), dollarsOf(one.interest), dollarsOf(one.principal)],
        ...[dollarsOf(one.outstanding), dollarsOf(one.loss), percentOf(one.yield), one.multiple.toFixed(3)],
      ]),
    ),
    barChart(
      classes.map((one) => one.yield ?? 0),
      { title: "Yields (XIRR)", labels: classes.map(({ name }) => name), format: (value) => percentOf(value, 1) },
    ),
    lineChart(
      senior.map((name) => ({
        name,
        values: of((period) => Number(period.classes.find((one) => one.name === name)?.poolFactor ?? 0)),
      })),
      chart("Pool factors", (value) => value.toFixed(2)),
    ),
    lineChart(
      [
        { name: "DSCR", values: of(({ dscrBps }) => (dscrBps === null ? null : dscrBps / 10_000)) },
        limit("trap", covenants.trapDscrBps),
        limit("early amortisation", covenants.amortiseDscrBps),
      ],
      chart("Debt service cover", (value) => `${value.toFixed(2)}x`),
    ),
    stackedChart(
      steps
        .map((name) => ({
          name,
          values: of(({ steps: own }) => {
            const paid = own.filter((step) => stepName(step) === name && !/^(reserve|trap)/.test(name));
            return paid.reduce((sum, step) => sum + Number(step.paid), 0) / UNITS;
          }),
        }))
        .filter(({ values }) => values.some((value) => (value ?? 0) > 0)),
      chart("Priority of payments, by step", shortDollars),
    ),
    lineChart(
      [
        { name: "reserve", values: of(({ reserve }) => Number(reserve) / UNITS) },
        { name: "trapped", values: of(({ trapped }) => Number(trapped) / UNITS) },
      ],
      chart("Reserve and trapped cash", shortDollars),
    ),
    lineChart(
      [{ name: "LTV", values: of(({ ltvBps }) => (ltvBps === null ? null : ltvBps / 10_000)) }],
      chart("Loan to value", (value) => percentOf(value, 0)),
    ),
    `<h2>Payment dates</h2>`,
    table(
      ["date", "state", "rent", "collections", "DSCR", "LTV", "reserve", "trapped", "what happened"],
      periods.map((one) => [
        ...[one.dueOn, one.state, dollarsOf(one.rent), dollarsOf(one.collections), timesOf(one.dscrBps)],
        percentOf(one.ltvBps === null ? null : one.ltvBps / 10_000, 1),
        ...[dollarsOf(one.reserve), dollarsOf(one.trapped), one.events.join("; ")],
      ]),
    ),
    `<h2>Cash</h2><p>Received ${dollarsOf(cash.received)} = fees ${dollarsOf(cash.fees)} + claimed ${dollarsOf(cash.claimed)} + claimable ${dollarsOf(cash.claimable)} + reserve ${dollarsOf(cash.reserve)} + trapped ${dollarsOf(cash.trapped)} + collections ${dollarsOf(cash.collections)} + escrow ${dollarsOf(cash.escrow)}, to the unit; checked ${checks.conserved} times.</p>`,
    `<h2>Figures and where they come from</h2>`,
    `<p><small>V primary or well-sourced text · V2 secondary source · G general knowledge, unchecked · D arithmetic from others · A assumption.</small></p>`,
    table(
      ["figure", "value", "mark", "source"],
      run.figures.map((figure) => [figure.path, shorten(JSON.stringify(figure.value)), figure.mark, figure.source]),
    ),
  ];
}

function pathParts(paths: PathsResult): string[] {
  const times = (value: number) => `${value.toFixed(2)}x`;
  const percent = (value: number) => percentOf(value);
  const rows = (pick: (one: PathsResult["classes"][number]) => Distribution, format: (value: number) => string) =>
    paths.classes.map((one) => [one.name, ...cells(pick(one), format)]);
  const heads = ["class", "mean", "1 %", "5 %", "25 %", "50 %", "75 %", "95 %", "99 %"];
  return [
    `<h2>Random paths</h2><p>${paths.paths.toLocaleString("en")} paths, seed ${escape(paths.seed)}: cash was trapped on ${percentOf(paths.trappedShare)}, amortised early on ${percentOf(paths.amortisedShare)}, enforced on ${percentOf(paths.enforcedShare)} of them. Lowest DSCR, median: ${times(paths.lowestDscr.quantiles["p50"] ?? 0)}.</p>`,
    `<h3>Loss of principal</h3>`,
    table(
      [...heads, "paths with a loss"],
      paths.classes.map((one) => [one.name, ...cells(one.loss, percent), percentOf(one.lossShare)]),
    ),
    `<h3>Coverage over life</h3>`,
    table(
      heads,
      rows((one) => one.coverage, times),
    ),
    `<h3>Yield</h3>`,
    table(
      heads,
      rows((one) => one.yield, percent),
    ),
    ...paths.classes.flatMap((one) => [
      histogram(`Class ${one.name}: loss`, one.loss, percent),
      histogram(`Class ${one.name}: coverage`, one.coverage, times),
      histogram(`Class ${one.name}: yield`, one.yield, percent),
    ]),
  ];
}

function cells({ mean, quantiles }: Distribution, format: (value: number) => string): string[] {
  return [mean, ...Object.values(quantiles)].map(format);
}

function histogram(title: string, { histogram: bars }: Distribution, format: (value: number) => string): string {
  const step = (bars.until - bars.from) / bars.counts.length;
  const labels = bars.counts.map((_, index) => format(bars.from + index * step));
  return barChart(bars.counts, { title, labels, format: (value) => value.toLocaleString("en") });
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const words = new Set(["state", "what happened", "mark", "source", "value"]);
  const line = (cell: "th" | "td") => (values: readonly string[]) =>
    `<tr>${values.map((value, at) => `<${cell}${words.has(heads[at] ?? "") ? ' class="words"' : ""}>${escape(value)}</${cell}>`).join("")}</tr>`;
  return `<div class="scroll"><table>${line("th")(heads)}${rows.map(line("td")).join("")}</table></div>`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
