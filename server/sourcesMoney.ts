import type { CalendarDate, Holder } from "./protocol/apiFacilities.ts";
import type { Invoice, Lease, LeaseState, Receivable, ReceivableState } from "./protocol/apiLeases.ts";
import type { MonthlyReport, ReportListItem } from "./protocol/apiReports.ts";
import type { Appraisal, FacilityTelemetry, FacilityValue } from "./protocol/apiValues.ts";
import type { BasisMethod, Flow, Portfolio, TaxYear } from "./protocol/apiMoney.ts";
import type { PageAfter, PageBefore } from "./pages.ts";

/** Leases that are asked for; what is not given is not asked. */
export interface LeaseFilter {
  readonly lotId?: bigint | undefined;
  readonly lessee?: string | undefined;
  readonly payee?: string | undefined;
  readonly state?: LeaseState | undefined;
}

/** Receivables that are asked for. */
export interface ReceivableFilter {
  readonly payee?: string | undefined;
  readonly lessee?: string | undefined;
  readonly leaseId?: bigint | undefined;
  readonly state?: ReceivableState | undefined;
}

/** Epochs from one to another in steps of an hour or a day. */
export interface TelemetryRange {
  readonly fromEpoch: bigint;
  readonly toEpoch: bigint;
  readonly step: "hour" | "day";
  readonly limit: number;
}

/** An account's flows that are asked for. */
export interface FlowFilter {
  readonly year?: number | undefined;
  readonly token?: string | undefined;
  readonly method: BasisMethod;
}

/** What the API serves of money: what is there, owed, paid and whose. Undefined for an address that is no facility. */
export interface MoneySources {
  facilityValue(address: string): Promise<FacilityValue | undefined>;
  /** Newest first, by block. */
  appraisals(address: string, page: PageBefore<bigint>): Promise<Appraisal[] | undefined>;
  facilityTelemetry(address: string, range: TelemetryRange): Promise<FacilityTelemetry[] | undefined>;
  calendar(address: string): Promise<CalendarDate[] | undefined>;
  /** By class, then account. */
  holders(address: string, page: PageAfter<string>, classIndex?: number): Promise<Holder[] | undefined>;
  /** By leaseId. */
  leases(page: PageAfter<bigint>, filter?: LeaseFilter): Promise<Lease[]>;
  lease(leaseId: bigint): Promise<Lease | undefined>;
  /** By period; undefined for an unknown lease. */
  invoices(leaseId: bigint, page: PageAfter<bigint>): Promise<Invoice[] | undefined>;
  /** By lease, then period. */
  receivables(page: PageAfter<string>, filter?: ReceivableFilter): Promise<Receivable[]>;
}

/** What the API serves of one account's money, to the account. */
export interface AccountSources {
  portfolio(account: string, method: BasisMethod): Promise<Portfolio>;
  /** Oldest first. */
  flows(account: string, page: PageAfter<string>, filter: FlowFilter): Promise<Flow[]>;
  taxYear(account: string, year: number, method: BasisMethod): Promise<TaxYear>;
}

/** What the API tells investors month by month. */
export interface ReportSources {
  /** Months that have a report, the newest first. */
  reports(address: string): Promise<ReportListItem[] | undefined>;
  /** Undefined too for a month that has none. */
  report(address: string, month: string): Promise<MonthlyReport | undefined>;
}
