import type {
  Epoch,
  EpochDetail,
  Facility,
  LotDetail,
  LotMeterRecord,
  Payment,
  Summary,
} from "../server/protocol/api.ts";
import type { Lease } from "../server/protocol/apiLeases.ts";
import type { Deployment } from "../server/protocol/deployment.ts";

/** A page of a list: `next` is passed as `after` or `before`. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** What an ERC-4361 sign-in gives: who looks, and what it may see. */
export interface Session {
  address: string;
  roles: string[];
}

/** What each route answers, by its path. Types are those of the schemas in server/protocol. */
export interface Answers {
  "/v1/deployment": Deployment;
  "/v1/epochs": Page<Epoch>;
  "/v1/epochs/:epoch": EpochDetail;
  "/v1/facilities": Page<Facility>;
  "/v1/facilities/:address": Facility;
  "/v1/facilities/:address/payments": Page<Payment>;
  "/v1/leases": Page<Lease>;
  "/v1/lots": Page<LotDetail>;
  "/v1/lots/:lotId": LotDetail;
  "/v1/lots/:lotId/meters": Page<LotMeterRecord>;
  "/v1/session": Session;
  "/v1/summary": Summary;
}
