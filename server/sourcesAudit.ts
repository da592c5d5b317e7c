import type { PageAfter } from "./pages.ts";
import type { HistoryEvent, Reserve } from "./protocol/apiHistory.ts";

/** What the API serves for whoever checks what the chain was told and paid. */
export interface AuditSources {
  /** A facility's events, the oldest first; undefined for an address that is no facility. */
  history(address: string, page: PageAfter<bigint>): Promise<HistoryEvent[] | undefined>;
  /** By address: what contracts owe by their own account, and what they have. */
  reserves(page: PageAfter<string>): Promise<Reserve[]>;
}
