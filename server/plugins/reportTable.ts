import { stringify } from "csv-stringify/sync";

import type { MonthlyReport } from "../protocol/apiReports.ts";
import { formatAssets } from "../protocol/units.ts";

// A monthly report as lines that people read: in whole tokens, percent and UTC. The CSV and the PDF both show these.

/** One figure of a report. */
export interface ReportLine {
  readonly item: string;
  readonly value: string;
  readonly unit: string;
}

export interface ReportSection {
  readonly title: string;
  readonly lines: readonly ReportLine[];
}

/** All figures of a report, section by section. */
export function sectionsOf(report: MonthlyReport): ReportSection[] {
  const { assetSymbol, assetDecimalCount, cash, invoices, telemetry, value } = report;
  const money = (item: string, assets: string | null): ReportLine => ({
    ...{ item, unit: assets === null ? "" : assetSymbol },
    value: assets === null ? "none" : moneyText(assets, assetDecimalCount),
  });
  const percent = (item: string, bps: number | null): ReportLine => ({
    ...{ item, unit: bps === null ? "" : "%" },
    value: bps === null ? "none" : (bps / 100).toFixed(2),
  });
  const plain = (item: string, text: string, unit = ""): ReportLine => ({ item, value: text, unit });
  return [
    {
      title: "Facility",
      lines: [
        plain("State", report.state),
        percent("Debt service cover", report.dscrBps),
        percent("Loan to value (exit)", report.ltvBps),
        percent("Rent from related parties", report.relatedPartyBps),
        plain("Covenants in breach", breachesText(report)),
        money("Reserve", report.reserveAssets),
        money("Reserve target", report.reserveTargetAssets),
        money("Trapped", report.trappedAssets),
        money("Net asset value (exit)", value.exitAssets),
        money("Net asset value (entry)", value.entryAssets),
        plain("Valued", value.computedAt === null ? "none" : utcText(value.computedAt), ""),
      ],
    },
    {
      title: "Cash",
      lines: [
        money("At the start", cash.startAssets),
        money("Rent collected", cash.rentAssets),
        money("Raised and sold, less drawn", cash.otherAssets),
        money("Fees paid", negative(cash.feesAssets)),
        money("Paid to the classes", negative(cash.classesAssets)),
        money("At the end", cash.endAssets),
      ],
    },
    ...report.classes.map((each) => ({
      title: `Class ${each.symbol}: ${each.name}`,
      lines: [
        ...(each.couponBps === 0 ? [] : [percent("Coupon", each.couponBps)]),
        money("Outstanding at the start", each.startAssets),
        money("Interest due", each.interestDueAssets),
        money("Interest paid", each.interestPaidAssets),
        money("Principal paid", each.principalPaidAssets),
        money("Written off", each.lossAssets),
        money("Outstanding at the end", each.endAssets),
        plain("Pool factor", ratioText(each.endPoolFactorWad)),
        plain("Price (exit)", each.exitPriceWad === null ? "none" : ratioText(each.exitPriceWad)),
        money("Claimed by holders", each.claimedAssets),
      ],
    })),
    {
      title: "Rent",
      lines: [
        plain("Invoices", String(invoices.invoiceCount)),
        money("Invoiced", invoices.invoicedAssets),
        money("Service credits given", invoices.slaCreditAssets),
        money("Paid of these invoices", invoices.paidAssets),
        money("Overdue at the end", invoices.overdueAssets),
      ],
    },
    ...(telemetry === null ? [] : [meteredSection(telemetry)]),
  ];
}

function meteredSection(telemetry: NonNullable<MonthlyReport["telemetry"]>): ReportSection {
  const percent = (item: string, bps: number) => ({ item, value: (bps / 100).toFixed(2), unit: "%" });
  const hours = (gpuSec: string) => String(BigInt(gpuSec) / 3600n);
  return {
    title: telemetry.isFinal ? "Meters" : "Meters (not all final)",
    lines: [
      { item: "GPUs", value: telemetry.gpuCount, unit: "" },
      { item: "GPU-hours available", value: hours(telemetry.availableGpuSec), unit: "h" },
      percent("Allocated", telemetry.allocationBps),
      percent("SM active", telemetry.smActiveBps),
      { item: "Energy of the site", value: (Number(telemetry.facilityEnergyWh) / 1e6).toFixed(3), unit: "MWh" },
      { item: "Average power", value: (Number(telemetry.averagePowerW) / 1e3).toFixed(2), unit: "kW" },
      { item: "PUE", value: (telemetry.pueE4 / 1e4).toFixed(3), unit: "" },
      percent("Carbon-free energy", telemetry.cfeBps),
      { item: "Carbon intensity", value: telemetry.gCO2ePerKWh, unit: "gCO2e/kWh" },
    ],
  };
}

/** A report as CSV: a line for each figure, with its section. */
export function reportCsv(report: MonthlyReport): string {
  const rows = sectionsOf(report).flatMap(({ title, lines }) =>
    lines.map(({ item, value, unit }) => [report.month, title, item, value, unit]),
  );
  const safe = rows.map((row) => row.map((cell) => (/^[=+@\t\r]|^-\D/.test(cell) ? `'${cell}` : cell)));
  return stringify([["month", "section", "item", "value", "unit"], ...safe], { record_delimiter: "\r\n" });
}

function breachesText({ breaches }: MonthlyReport): string {
  if (breaches.length === 0) return "none";
  return breaches
    .map(({ trigger, subjectId }) => (subjectId === "0" ? trigger : `${trigger} of lot ${subjectId}`))
    .join(", ");
}

function negative(assets: string): string {
  return assets === "0" ? "0" : `-${assets}`;
}

function moneyText(assets: string, decimalCount: number): string {
  const isBelow = assets.startsWith("-");
  return `${isBelow ? "-" : ""}${formatAssets(BigInt(isBelow ? assets.slice(1) : assets), decimalCount)}`;
}

function ratioText(wad: string): string {
  return (Number(wad) / 1e18).toFixed(6);
}

/** A time as people read it, in UTC. */
export function utcText(at: string): string {
  return `${new Date(Number(at) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
