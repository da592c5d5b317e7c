import { expect } from "chai";
import { inflateSync } from "node:zlib";
import { reportPdf } from "../../server/plugins/reportPaper.ts";
import { reportCsv, sectionsOf } from "../../server/plugins/reportTable.ts";
import { sampleReport } from "./sampleReport.ts";

/** The words that a PDF writes: its streams unpacked, the pieces of each line put together. */
function wordsOf(pdf: Buffer): string {
  const text = pdf.toString("latin1");
  const streams = [...text.matchAll(/stream\r?\n([^]*?)\r?\nendstream/g)].map(([, body = ""]) => {
    try {
      return inflateSync(Buffer.from(body, "latin1")).toString("latin1");
    } catch {
      return "";
    }
  });
  const lines = streams.join("\n").matchAll(/\[([^\]]*)\] TJ/g);
  return [...lines]
    .map(([, line = ""]) =>
      [...line.matchAll(/<([0-9a-f]*)>/g)].map(([, hex = ""]) => Buffer.from(hex, "hex").toString("latin1")).join(""),
    )
    .join("\n");
}

describe("a monthly report", () => {
  it("says its figures in whole tokens, percent and UTC", () => {
    const lines = sectionsOf(sampleReport).flatMap(({ title, lines: own }) =>
      own.map(({ item, value, unit }) => `${title} | ${item} | ${value} ${unit}`.trim()),
    );
    expect(lines).to.include.members([
      "Facility | Debt service cover | 142.10 %",
      "Facility | Covenants in breach | Coverage of lot 2",
      "Facility | Valued | 2026-03-31 20:46 UTC",
      "Cash | Raised and sold, less drawn | -5 USDX",
      "Class RB1A: Rackbond One Senior A | Principal paid | 1368123.456789 USDX",
      "Class RB1A: Rackbond One Senior A | Pool factor | 0.961997",
      "Class RB1R: Rackbond One Residual | Price (exit) | none",
    ]);
  });

  it("is a line for each figure as CSV, with nothing that a spreadsheet would run", () => {
    const csv = reportCsv({ ...sampleReport, classes: [{ ...sampleReport.classes[0]!, symbol: "A", name: "=1+1" }] });
    const [head, ...lines] = csv.trimEnd().split("\r\n");
    expect(head).to.equal("month,section,item,value,unit");
    expect(lines.every((line) => line.startsWith("2026-03,"))).to.equal(true);
    expect(lines).to.include("2026-03,Cash,Fees paid,-40000,USDX");
    expect(csv).to.not.match(/(^|,)[=+@]/m);
  });

  it("is the same on paper, figure by figure, and the same file whenever it is made", async () => {
    const pdf = await reportPdf(sampleReport);
    expect(pdf.subarray(0, 5).toString()).to.equal("%PDF-");
    expect(pdf.equals(await reportPdf(sampleReport))).to.equal(true);
    const words = wordsOf(pdf);
    expect(words).to.include("Rackbond One").and.include("1,368,123.456789 USDX").and.include("-5 USDX");
    expect(words).to.include(`up to block 1234, ${sampleReport.blockHash}`);
    for (const { title, lines } of sectionsOf(sampleReport)) {
      expect(words).to.include(title);
      for (const { item } of lines) expect(words, item).to.include(item);
    }
  });

  it("goes on on the next page where there are many classes, and takes any name", async () => {
    const classes = Array.from({ length: 12 }, () => ({ ...sampleReport.classes[0]!, name: "ラックボンド" }));
    const pdf = await reportPdf({ ...sampleReport, classes });
    expect(wordsOf(pdf)).to.include("1 / 3").and.include("3 / 3");
  });
});
