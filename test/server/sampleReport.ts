import type { MonthlyReport } from "../../server/protocol/apiReports.ts";

const ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const HASH = `0x${"ab".repeat(32)}`;
const WAD = "1000000000000000000";

const classMonth: MonthlyReport["classes"][number] = {
  ...{ classIndex: 0, name: "Rackbond One Senior A", symbol: "RB1A", token: ADDRESS, couponBps: 950 },
  ...{ startAssets: "36000000000000", interestDueAssets: "285000000000", interestPaidAssets: "285000000000" },
  ...{ principalPaidAssets: "1368123456789", lossAssets: "0", endAssets: "34631876543211" },
  ...{ endPoolFactorWad: "961996570644750000", exitPriceWad: WAD, claimedAssets: "1500000000000" },
};

/** A month of a facility that pays. */
export const sampleReport: MonthlyReport = {
  ...{ facility: ADDRESS, name: "Rackbond One", asset: ADDRESS, assetSymbol: "USDX", assetDecimalCount: 6 },
  ...{ month: "2026-03", fromAt: "1772323200", untilAt: "1775001600", isOver: true, paymentIndex: "1" },
  ...{ state: "Performing", block: "1234", blockHash: HASH, payments: [] },
  classes: [
    classMonth,
    { ...classMonth, classIndex: 1, name: "Rackbond One Residual", symbol: "RB1R", couponBps: 0, exitPriceWad: null },
  ],
  cash: {
    ...{ startAssets: "900000000000", rentAssets: "1900000000000", otherAssets: "-5000000", feesAssets: "40000000000" },
    ...{ classesAssets: "1653123456789", endAssets: "1106871543211" },
  },
  ...{ reserveAssets: "900000000000", reserveTargetAssets: "1000000000000", trappedAssets: "0", dscrBps: 14_210 },
  ...{ ltvBps: 7_125, relatedPartyBps: 0, breaches: [{ trigger: "Coverage", subjectId: "2", openedAt: "1772323200" }] },
  invoices: {
    ...{ invoiceCount: 2, invoicedAssets: "1900000000000", slaCreditAssets: "12000000", paidAssets: "1900000000000" },
    overdueAssets: "0",
  },
  telemetry: null,
  value: { computedAt: "1774990000", exitAssets: "48600000000000", entryAssets: "52000000000000" },
};
