import type {
  Epoch,
  EpochDetail,
  Facility,
  LotDetail,
  LotMeterRecord,
  Payment,
  Ready,
  Summary,
} from "../server/protocol/api.ts";
import type { Access, Statement } from "../server/protocol/apiAccess.ts";
import type { LeaseDraft } from "../server/protocol/apiDrafts.ts";
import type {
  FillRecord,
  IndexDay,
  OrderRecord,
  Price,
  Vault,
  VaultHolding,
  VaultRequest,
} from "../server/protocol/apiExchange.ts";
import type { CalendarDate, Holder } from "../server/protocol/apiFacilities.ts";
import type { HistoryEvent, Reserve } from "../server/protocol/apiHistory.ts";
import type { Invoice, Lease, Receivable } from "../server/protocol/apiLeases.ts";
import type { Liquidation, Market, MarketPoint, Position } from "../server/protocol/apiMarkets.ts";
import type { Flow, Portfolio, TaxYear } from "../server/protocol/apiMoney.ts";
import type { Alert, Bond, Dispute, IdentitySearch, Model, NodeRecord, Site } from "../server/protocol/apiRegistry.ts";
import type { MonthlyReport, ReportListItem } from "../server/protocol/apiReports.ts";
import type { Appraisal, FacilityTelemetry, FacilityValue } from "../server/protocol/apiValues.ts";
import type { DeviceProof } from "../server/protocol/proof.ts";
import type { PublicDeployment } from "../server/protocol/deployment.ts";

/** A page of a list: `next` is passed as `after` or `before`. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** Who looks after signing in (ERC-4361), and what that account is on the chain. */
export interface Session {
  viewer: { address: string; roles: string[] } | null;
}

/** What each route answers, by its path: types of the schemas in server/protocol. A route that is asked has a line. */
export interface Answers {
  "/ready": Ready;
  "/v1/access": Page<Access>;
  "/v1/accounts/:address/flows": Page<Flow>;
  "/v1/accounts/:address/portfolio": Portfolio;
  "/v1/accounts/:address/positions": Page<Position>;
  "/v1/accounts/:address/tax/:year": TaxYear;
  "/v1/alerts": Page<Alert>;
  "/v1/bonds": Page<Bond>;
  "/v1/deployment": PublicDeployment;
  "/v1/disputes": Page<Dispute>;
  "/v1/epochs": Page<Epoch>;
  "/v1/epochs/:epoch": EpochDetail;
  "/v1/epochs/:epoch/devices/:deviceId/proof": DeviceProof;
  "/v1/facilities": Page<Facility>;
  "/v1/facilities/:address": Facility;
  "/v1/facilities/:address/calendar": Page<CalendarDate>;
  "/v1/facilities/:address/events": Page<HistoryEvent>;
  "/v1/facilities/:address/holders": Page<Holder>;
  "/v1/facilities/:address/payments": Page<Payment>;
  "/v1/facilities/:address/receivables": Page<Receivable>;
  "/v1/facilities/:address/reports": Page<ReportListItem>;
  "/v1/facilities/:address/reports/:month": MonthlyReport;
  "/v1/facilities/:address/telemetry": Page<FacilityTelemetry>;
  "/v1/facilities/:address/value": FacilityValue;
  "/v1/facilities/:address/values": Page<Appraisal>;
  "/v1/fills": Page<FillRecord>;
  "/v1/indexes/:model/history": Page<IndexDay>;
  "/v1/lease-drafts": Page<LeaseDraft>;
  "/v1/leases": Page<Lease>;
  "/v1/leases/:leaseId": Lease;
  "/v1/leases/:leaseId/invoices": Page<Invoice>;
  "/v1/lots": Page<LotDetail>;
  "/v1/lots/:lotId": LotDetail;
  "/v1/lots/:lotId/meters": Page<LotMeterRecord>;
  "/v1/markets": Page<Market>;
  "/v1/markets/:id": Market;
  "/v1/markets/:id/history": Page<MarketPoint>;
  "/v1/markets/:id/liquidations": Page<Liquidation>;
  "/v1/markets/:id/positions": Page<Position>;
  "/v1/models": Page<Model>;
  "/v1/nodes": Page<NodeRecord>;
  "/v1/orders": Page<OrderRecord>;
  "/v1/orders/:orderHash": OrderRecord;
  "/v1/prices": Page<Price>;
  "/v1/receivables": Page<Receivable>;
  "/v1/reserves": Page<Reserve>;
  "/v1/search/identity/:anchor": IdentitySearch;
  "/v1/session": Session;
  "/v1/sites": Page<Site>;
  "/v1/statements": Page<Statement>;
  "/v1/summary": Summary;
  "/v1/vault": Vault;
  "/v1/vault/holdings": Page<VaultHolding>;
  "/v1/vault/requests": Page<VaultRequest>;
}
