import type { CalendarDate, Holder } from "../../server/protocol/apiFacilities.ts";
import type { Invoice, Lease, Receivable } from "../../server/protocol/apiLeases.ts";
import type { Appraisal, FacilityTelemetry, FacilityValue } from "../../server/protocol/apiValues.ts";
import type { Flow, PortfolioTotal, Position } from "../../server/protocol/apiMoney.ts";
import { sampleReport } from "./sampleReport.ts";
import type { AccountSources, MoneySources, ReportSources } from "../../server/sourcesMoney.ts";

// What the sample's facility is worth, is owed and has paid.

const ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const HASH = `0x${"ab".repeat(32)}`;
const WAD = "1000000000000000000";

const value: FacilityValue = {
  ...{ address: ADDRESS, asOfAt: "1764000000", computedAt: "1763990000", maxAgeSec: 86_400, expiresAt: "1764076400" },
  ...{
    heldUntilAt: null,
    isUsable: true,
    exitAssets: "100",
    entryAssets: "120",
    seniorOwedAssets: "80",
    ltvBps: 8_000,
  },
  parts: {
    ...{ escrowAssets: "0", collectionsAssets: "10", reserveAssets: "5", trappedAssets: "0", hardwareAssets: "70" },
    ...{ receivableExitAssets: "5", receivableEntryAssets: "6", lotExitAssets: "80", lotEntryAssets: "99" },
    ...{ contractedAssets: "20", movedAssets: "0" },
  },
  classes: [
    {
      ...{ classIndex: 0, token: ADDRESS, symbol: "A", totalShares: "80", exitAssets: "80", entryAssets: "80" },
      ...{ exitPriceWad: WAD, entryPriceWad: WAD, owedAssets: "80", accruedAssets: "0" },
      ...{ runningYieldBps: 950, scheduledYieldBps: null },
    },
  ],
};

const appraisal: Appraisal = {
  ...{ blockNumber: "99", at: "1763990000", computedAt: "1763990000", heldUntilAt: null, transactionHash: HASH },
  ...{ lotExitAssets: "80", lotEntryAssets: "99", hardwareAssets: "70", contractedAssets: "20" },
  ...{ exitAssets: null, entryAssets: null },
  classes: [{ classIndex: 0, token: ADDRESS, exitPriceWad: null, entryPriceWad: WAD }],
};

const telemetry: FacilityTelemetry = {
  ...{ fromEpoch: "490000", toEpoch: "490000", isFinal: true, gpuCount: "8", reportingCount: "8" },
  ...{ availableGpuSec: "28800", allocatedGpuSec: "14400", smActiveGpuSec: "7200", curtailedGpuSec: "0" },
  ...{ gpuEnergyWh: "5600", itEnergyWh: "6000", facilityEnergyWh: "7200", cfeMatchedWh: "0" },
  ...{ emissionsGCO2e: "1", waterMl: "1", averagePowerW: "7200", allocationBps: 5_000, smActiveBps: 2_500 },
  ...{ coverageBps: 10_000, pueE4: 12_000, cfeBps: 0, gCO2ePerKWh: "1", gpuHoursPerMWh: "555" },
};

const date: CalendarDate = {
  ...{ paymentIndex: "0", dueAt: "1764000000", state: "Paid", paidAt: "1764000001", transactionHash: HASH },
  classes: [
    {
      ...{ classIndex: 0, interestDueAssets: "2", interestPaidAssets: "2", principalDueAssets: null },
      ...{ principalPaidAssets: "1", leftAssets: null },
    },
  ],
};

const holder: Holder = {
  ...{ key: `0-${ADDRESS}`, classIndex: 0, account: ADDRESS, shares: "80", partBps: 10_000, frozenShares: "0" },
  ...{ isFrozen: false, isListed: false, country: "US", category: "Institutional", provider: ADDRESS },
  ...{ expiresAt: "1900000000", isVerified: true },
};

const lease: Lease = {
  leaseId: "1",
  lotId: "1",
  lessee: ADDRESS,
  payee: ADDRESS,
  asset: ADDRESS,
  state: "Running",
  pricing: "TakeOrPay",
  startAt: "1764000000",
  periodCount: 60,
  endCount: 60,
  settledCount: 1,
  endAt: null,
  isInDefault: false,
  purchaser: null,
  baseRentAssets: "1",
  gpuHourRateAssets: "0",
  index: { source: ADDRESS, participationBps: 0, floorAssets: "0", capAssets: "0" },
  efficiency: { metric: "Pue", targetUnits: 13_000, sharedBps: 5000, maxBps: 1000, kWhRateAssets: "80000" },
  payment: { dueSec: 864_000, lateFeeBps: 1450, cureSec: 2_592_000, prepaidMonthCount: 1, depositAssets: "1" },
  exit: {
    ...{ minPeriodCount: 12, noticeSec: 0, renewalPeriodCount: 12, renewalRentBps: 9000 },
    ...{ terminationFeeAssets: "1", purchaseAssets: "0" },
  },
  tripleNet: false,
  relatedParty: false,
  lesseeBucket: 1,
  countries: ["US"],
  sla: [{ availabilityBps: 9900, creditBps: 1000 }],
  documentHash: HASH,
  invoicedAssets: "1",
  slaCreditAssets: "0",
  bonusAssets: "0",
  excessCreditAssets: "0",
  paidAssets: "1",
  lateFeeAssets: "0",
  owedAssets: "0",
  prepaidAssets: "0",
  depositAssets: "1",
};

const invoice: Invoice = {
  ...{ leaseId: "1", periodIndex: 0, kind: "Rent", payee: ADDRESS, fromAt: "1764000000", untilAt: "1766592000" },
  ...{ invoicedAt: "1766592000", dueAt: "1767456000", gpuCount: 8, periodSec: "2592000", wholeSec: "2592000" },
  ...{ availableGpuSec: "1", allocatedGpuSec: "1", curtailedGpuSec: "0", itEnergyWh: "1", facilityEnergyWh: "1" },
  ...{ indexWad: "0", availabilityBps: 10_000, rateAssets: "0", baseAssets: "9", meteredAssets: "0" },
  ...{ slaCreditAssets: "0", bonusAssets: "0", excessCreditAssets: "0", dueAssets: "9", paidAssets: "4" },
  ...{ lateFeeAssets: "0", leftAssets: "5", transactionHash: HASH },
  receipts: [{ at: "1766592000", payer: null, paidAssets: "4", lateFeeAssets: "0", transactionHash: HASH }],
};

const receivable: Receivable = {
  ...{ key: "1-0", leaseId: "1", periodIndex: 0, lotId: "1", lessee: ADDRESS, payee: ADDRESS, asset: ADDRESS },
  ...{ kind: "Rent", state: "Open", invoicedAt: "1766592000", dueAt: "1767456000", overdueSec: "0" },
  ...{ dueAssets: "9", paidAssets: "4", leftAssets: "5", lateFeePaidAssets: "0" },
};

const position: Position = {
  ...{ facility: ADDRESS, facilityName: "Rackbond One", classIndex: 0, token: ADDRESS, name: "A", symbol: "A" },
  ...{ asset: ADDRESS, assetSymbol: "USDX", assetDecimalCount: 6, shares: "80", postedShares: "0", frozenShares: "0" },
  ...{ unlockAt: null, partBps: 10_000, outstandingAssets: "79", costAssets: "79", paidInAssets: "80" },
  ...{ paidOutAssets: "0", interestAssets: "2", principalAssets: "1", lossAssets: "0", realisedAssets: "-1" },
  ...{ claimableAssets: "3", claimedAssets: "0", exitPriceWad: WAD, valueAssets: "80", valueComputedAt: "1763990000" },
  ...{ isValueUsable: true, xirrBps: -250 },
};

const flow: Flow = {
  ...{ key: "99-0-0", at: "1763990000", kind: "Sold", facility: ADDRESS, classIndex: 0, token: ADDRESS, symbol: "A" },
  ...{ asset: ADDRESS, assetSymbol: "USDX", shares: "-10", assets: "9", accruedAssets: "0", incomeAssets: "0" },
  feeAssets: "0",
  ...{ basisAssets: "10", gainAssets: "-1", heldShares: "70", costAssets: "70", counterparty: ADDRESS },
  ...{ blockNumber: "99", transactionHash: HASH },
};

const total: PortfolioTotal = {
  ...{ asset: ADDRESS, assetSymbol: "USDX", assetDecimalCount: 6, costAssets: "79", paidInAssets: "80" },
  ...{ paidOutAssets: "0", interestAssets: "2", realisedAssets: "-1", lossAssets: "0", claimableAssets: "3" },
  ...{ valueAssets: "80", xirrBps: -250 },
};

/** Sources of money that know one facility and one lease. */
export function sampleMoney(): MoneySources & AccountSources & ReportSources {
  const of = <T>(address: string, thing: T) => Promise.resolve(address === ADDRESS ? thing : undefined);
  return {
    facilityValue: (address) => of(address, value),
    appraisals: (address, { before = 100n }) => of(address, before > 99n ? [appraisal] : []),
    facilityTelemetry: (address) => of(address, [telemetry]),
    calendar: (address) => of(address, [date]),
    holders: (address) => of(address, [holder]),
    leases: () => Promise.resolve([lease]),
    lease: (leaseId) => Promise.resolve(leaseId === 1n ? lease : undefined),
    invoices: (leaseId) => Promise.resolve(leaseId === 1n ? [invoice] : undefined),
    receivables: () => Promise.resolve([receivable]),
    reports: (address) => {
      const { month, fromAt, untilAt, isOver, paymentIndex } = sampleReport;
      return of(address, [{ month, fromAt, untilAt, isOver, paymentIndex }]);
    },
    report: (address, month) => of(address, month === sampleReport.month ? sampleReport : undefined),
    portfolio: (account, method) =>
      Promise.resolve({ account, asOfAt: "1764000000", method, positions: [position], totals: [total] }),
    flows: () => Promise.resolve([flow]),
    taxYear: (account, year, method) => Promise.resolve({ account, year, method, totals: [] }),
  };
}
