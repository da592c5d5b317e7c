import type { Vault } from "../../server/protocol/apiExchange.ts";
import type { CapitalSources } from "../../server/sourcesCapital.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

// Capital in the small world of the API's tests: nothing is lent, offered, drafted or disputed.

const NOBODY = `0x${"0".repeat(40)}`;

const vault: Vault = {
  ...{ address: NOBODY, asset: NOBODY, name: "Income", symbol: "INC", shareDecimalCount: 12, totalShares: "0" },
  ...{ exitAssets: "0", entryAssets: "0", exitWad: "0", entryWad: "0", isUsable: true, isPaused: false },
  ...{ cashAssets: "0", setAsideAssets: "0", freeAssets: "0", pendingShares: "0", maxDiscountBps: 100 },
  ...{ maxDailyLossBps: 50, openRequestId: "1", fillableAt: null },
};

/** Sources of capital; a test replaces what it is about. */
export function sampleCapital(replaced: Partial<CapitalSources> = {}): CapitalSources {
  const none = () => Promise.resolve([]);
  const unknown = () => Promise.resolve(undefined);
  const refused = () => Promise.reject(new Refusal("Order_NotFillable", { status: "MakerShort" }));
  return {
    ...{ markets: none, market: unknown, positions: unknown, accountPositions: none },
    ...{ marketHistory: unknown, liquidations: unknown },
    orders: () => Promise.resolve({ items: [], next: null }),
    ...{ order: unknown, putOrder: refused, fills: none, prices: none, indexDays: unknown },
    ...{ vault: () => Promise.resolve(vault), vaultHoldings: none, vaultRequests: none },
    ...{ sites: none, nodes: none, models: none, bonds: none, disputes: none, alerts: none },
    identity: (anchor) => Promise.resolve({ anchor, places: [], duplicates: [], liens: [], unknownRoots: [] }),
    ...{ access: none, roles: none, operations: none, statements: none },
    ...{ drafts: none, draft: unknown, putDraft: refused, signDraft: unknown },
    ...replaced,
  };
}

/** What is served of capital. */
export const CAPITAL_ROUTES = [
  ...["get /v1/accounts/{address}/positions", "get /v1/markets", "get /v1/markets/{id}"],
  ...["get /v1/markets/{id}/history", "get /v1/markets/{id}/liquidations", "get /v1/markets/{id}/positions"],
  ...["get /v1/fills", "get /v1/indexes/{model}/history", "get /v1/orders", "get /v1/orders/{orderHash}"],
  ...["post /v1/orders", "get /v1/prices", "get /v1/vault", "get /v1/vault/holdings", "get /v1/vault/requests"],
  ...["get /v1/alerts", "get /v1/bonds", "get /v1/disputes", "get /v1/models", "get /v1/nodes"],
  ...["get /v1/search/identity/{anchor}", "get /v1/sites", "get /v1/access", "get /v1/access/operations"],
  ...["get /v1/access/roles", "get /v1/statements", "get /v1/lease-drafts", "get /v1/lease-drafts/{draftId}"],
  ...["post /v1/lease-drafts", "post /v1/lease-drafts/{draftId}/signature"],
];
