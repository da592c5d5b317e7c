import PDFDocument from "pdfkit";

import type { MonthlyReport } from "../protocol/apiReports.ts";
import { sectionsOf, utcText, type ReportSection } from "./reportTable.ts";

// A monthly report on paper: A4, two columns of figures, what proves them at the foot of each page. Nothing of it depends
// on when or where it is made: equal reports give equal files.

type Paper = InstanceType<typeof PDFDocument>;

const MARGIN = 48;
const GUTTER = 28;
const LINE = 15;
const HEAD = 30;
const FOOT = 40;
const INK = "#1b2430";
const PALE = "#66727f";
const RULE = "#d5dae0";
const ACCENT = "#17616b";

/** The report as a PDF. */
export async function reportPdf(report: MonthlyReport): Promise<Buffer> {
  const paper = new PDFDocument({
    ...{ size: "A4", margin: MARGIN, bufferPages: true, lang: "en", displayTitle: true },
    info: {
      Title: latin(`${report.name}: report of ${report.month}`),
      Author: "Rackbond",
      CreationDate: new Date(Number(report.untilAt) * 1000),
    },
  });
  const done = new Promise<Buffer>((resolve, reject) => {
    const pieces: Buffer[] = [];
    paper.on("data", (piece: Buffer) => pieces.push(piece));
    paper.on("end", () => resolve(Buffer.concat(pieces)));
    paper.on("error", reject);
  });
  writeHead(paper, report);
  writeColumns(paper, sectionsOf(report));
  writeFeet(paper, report);
  paper.end();
  return await done;
}

function writeHead(paper: Paper, report: MonthlyReport): void {
  const { month, isOver, fromAt, untilAt } = report;
  const width = paper.page.width - 2 * MARGIN;
  paper.font("Helvetica-Bold").fontSize(9).fillColor(ACCENT).text("MONTHLY INVESTOR REPORT", { characterSpacing: 0.8 });
  paper.moveDown(0.3).fontSize(22).fillColor(INK).text(latin(report.name), { width });
  paper.font("Helvetica").fontSize(10).fillColor(PALE);
  paper.text(
    `${month}, ${utcText(fromAt)} to ${utcText(untilAt)}${isOver ? "" : " (under way: up to the block below)"}`,
  );
  paper.text(`Facility ${report.facility}`);
  paper.moveDown(1);
}

/** Sections flow down the left column, then down the right one, then on to the next page. */
function writeColumns(paper: Paper, sections: readonly ReportSection[]): void {
  const width = (paper.page.width - 2 * MARGIN - GUTTER) / 2;
  const bottom = paper.page.height - MARGIN - FOOT;
  let top = paper.y;
  let [column, y] = [0, top];
  for (const section of sections) {
    if (y + HEAD + section.lines.length * LINE > bottom && y > top) {
      if (column === 1) {
        paper.addPage();
        top = MARGIN;
      }
      column = 1 - column;
      y = top;
    }
    y = writeSection(paper, section, MARGIN + column * (width + GUTTER), y, width);
  }
}

function writeSection(paper: Paper, { title, lines }: ReportSection, x: number, top: number, width: number): number {
  const once = { lineBreak: false, ellipsis: true };
  paper
    .font("Helvetica-Bold")
    .fontSize(10.5)
    .fillColor(INK)
    .text(latin(title), x, top, { ...once, width, height: LINE });
  let y = top + 17;
  paper
    .moveTo(x, y - 3)
    .lineTo(x + width, y - 3)
    .lineWidth(0.8)
    .strokeColor(ACCENT)
    .stroke();
  for (const { item, value, unit } of lines) {
    const figure = latin(unit === "" ? grouped(value) : `${grouped(value)} ${unit}`);
    paper
      .font("Helvetica")
      .fontSize(9)
      .fillColor(PALE)
      .text(latin(item), x, y + 2, { ...once, width: width * 0.55, height: LINE });
    paper
      .fillColor(INK)
      .text(figure, x + width * 0.45, y + 2, { ...once, width: width * 0.55, height: LINE, align: "right" });
    y += LINE;
    paper
      .moveTo(x, y - 1)
      .lineTo(x + width, y - 1)
      .lineWidth(0.4)
      .strokeColor(RULE)
      .stroke();
  }
  return y + HEAD - LINE;
}

function writeFeet(paper: Paper, { block, blockHash, asset }: MonthlyReport): void {
  const { start, count } = paper.bufferedPageRange();
  for (let page = 0; page < count; page++) {
    paper.switchToPage(start + page);
    paper.page.margins.bottom = 0; // else what stands here would begin another page
    const y = paper.page.height - MARGIN - 18;
    const width = paper.page.width - 2 * MARGIN;
    paper.font("Helvetica").fontSize(7.5).fillColor(PALE);
    paper.text(`Computed from the chain's events up to block ${block}, ${blockHash}`, MARGIN, y, {
      width,
      lineBreak: false,
    });
    paper.text(`Settlement token ${asset}. Anyone can compute it again.`, MARGIN, y + 11, { width, lineBreak: false });
    paper.text(`${page + 1} / ${count}`, MARGIN, y + 11, { width, align: "right", lineBreak: false });
  }
}

/** Figures with their thousands apart. */
function grouped(value: string): string {
  if (!/^-?\d{4,}(\.\d+)?$/.test(value)) return value;
  const [whole = "", fraction] = value.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** The built-in fonts know Latin letters only. */
function latin(text: string): string {
  return text.replace(/[^\x20-\x7e\xa0-\xff]/gu, "?");
}
