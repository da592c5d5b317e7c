import type { Access, Operation, Role, Statement } from "./protocol/apiAccess.ts";
import type { LeaseDraft, LeaseTermsJson } from "./protocol/apiDrafts.ts";
import type {
  FillRecord,
  IndexDay,
  OrderRecord,
  Price,
  SignedOrder,
  Vault,
  VaultHolding,
  VaultRequest,
} from "./protocol/apiExchange.ts";
import type { Liquidation, Market, MarketPoint, Position } from "./protocol/apiMarkets.ts";
import type { Alert, Bond, Dispute, IdentitySearch, Model, NodeRecord, Site } from "./protocol/apiRegistry.ts";
import type { Hex } from "./protocol/bytes.ts";
import type { PageAfter, PageBefore } from "./pages.ts";

/** What is asked for; what is not given is not asked. */
export interface OrderFilter {
  readonly shareToken?: string | undefined;
  readonly maker?: string | undefined;
  readonly isSell?: boolean | undefined;
  readonly isOpen?: boolean | undefined;
}

export interface FillFilter {
  readonly shareToken?: string | undefined;
  readonly orderHash?: Hex | undefined;
  readonly account?: string | undefined;
}

export interface PriceFilter {
  readonly kind?: "class" | "index" | undefined;
  readonly facility?: string | undefined;
}

export interface LotFilter {
  readonly siteId?: bigint | undefined;
  readonly operator?: string | undefined;
  readonly modelId?: Hex | undefined;
  /** That holds the lien. */
  readonly facility?: string | undefined;
  readonly isFrozen?: boolean | undefined;
  readonly isRetired?: boolean | undefined;
  /** At least this one. */
  readonly evidenceClass?: number | undefined;
}

export interface NodeFilter {
  readonly operator?: string | undefined;
  readonly siteId?: bigint | undefined;
  readonly lotId?: bigint | undefined;
  readonly isMissing?: boolean | undefined;
}

export interface BondFilter {
  readonly operator?: string | undefined;
  readonly lotId?: bigint | undefined;
  readonly kind?: "lot" | "oracle" | undefined;
}

export interface DisputeFilter {
  readonly lotId?: bigint | undefined;
  readonly operator?: string | undefined;
  readonly isOpen?: boolean | undefined;
}

export interface AlertFilter {
  readonly operator?: string | undefined;
  readonly kind?: Alert["kind"] | undefined;
}

export interface AccessFilter {
  readonly target?: string | undefined;
  readonly role?: string | undefined;
  readonly account?: string | undefined;
}

export interface StatementFilter {
  readonly auditor?: string | undefined;
  readonly subject?: string | undefined;
}

export interface DraftFilter {
  /** One of its two parties. */
  readonly party?: string | undefined;
  readonly state?: LeaseDraft["state"] | undefined;
  readonly lotId?: bigint | undefined;
}

/**
 * What the API serves of credit, exchange, vault, prices, registry, bonds, access and offers. Who may see the account of
 * a position, the parties of a trade or a draft is the routes' affair. Undefined: there is no such thing.
 */
export interface CapitalSources {
  /** By id. */
  markets(page: PageAfter<Hex>, collateralToken?: string): Promise<Market[]>;
  market(id: Hex): Promise<Market | undefined>;
  /** By positionIndex. */
  positions(id: Hex, page: PageAfter<bigint>): Promise<Position[] | undefined>;
  /** All of an account's, by market. */
  accountPositions(account: string): Promise<Position[]>;
  /** Newest first, by eventId. */
  marketHistory(id: Hex, page: PageBefore<bigint>): Promise<MarketPoint[] | undefined>;
  liquidations(id: Hex, page: PageBefore<bigint>): Promise<Liquidation[] | undefined>;

  /** Newest first, by orderId; `next` is where the search for open ones got to, so a page may be short. */
  orders(
    page: PageBefore<bigint>,
    filter: OrderFilter,
  ): Promise<{ readonly items: OrderRecord[]; readonly next: string | null }>;
  order(orderHash: Hex): Promise<OrderRecord | undefined>;
  /** Keeps an order that can be filled at the newest block; throws the `Refusal` that says why not. */
  putOrder(signed: SignedOrder): Promise<{ readonly isNew: boolean; readonly order: OrderRecord }>;
  /** Newest first, by eventId. */
  fills(page: PageBefore<bigint>, filter: FillFilter): Promise<FillRecord[]>;
  /** Classes by token, then models by id. */
  prices(page: PageAfter<string>, filter: PriceFilter): Promise<Price[]>;
  /** Newest day first; of a model by its name or id. */
  indexDays(model: string, page: PageBefore<bigint>): Promise<IndexDay[] | undefined>;

  vault(): Promise<Vault>;
  /** By class token. */
  vaultHoldings(page: PageAfter<string>): Promise<VaultHolding[]>;
  /** By requestId: batches, or one account's requests. */
  vaultRequests(page: PageAfter<bigint>, controller?: string): Promise<VaultRequest[]>;

  /** By siteId, nodeId, modelId. */
  sites(page: PageAfter<bigint>, operator?: string): Promise<Site[]>;
  nodes(page: PageAfter<bigint>, filter: NodeFilter): Promise<NodeRecord[]>;
  models(page: PageAfter<Hex>): Promise<Model[]>;
  identity(anchor: Hex): Promise<IdentitySearch>;
  /** By bondId; lots before oracles. */
  bonds(page: PageAfter<Hex>, filter: BondFilter): Promise<Bond[]>;
  /** Newest first, by disputeId. */
  disputes(page: PageBefore<bigint>, filter: DisputeFilter): Promise<Dispute[]>;
  /** All of them: the grave ones first. */
  alerts(filter: AlertFilter): Promise<Alert[]>;

  /** All of them: by contract, target, function. */
  access(filter: AccessFilter): Promise<Access[]>;
  /** By roleId. */
  roles(): Promise<Role[]>;
  /** Newest first, by eventId. */
  operations(page: PageBefore<bigint>): Promise<Operation[]>;
  statements(page: PageBefore<bigint>, filter: StatementFilter): Promise<Statement[]>;

  /** Newest first; `before` is a draft's id. */
  drafts(page: PageBefore<Hex>, filter: DraftFilter): Promise<LeaseDraft[]>;
  draft(draftId: Hex): Promise<LeaseDraft | undefined>;
  /** Keeps terms as a draft of the lot's operator; throws the `Refusal` that says why not. */
  putDraft(terms: LeaseTermsJson, by: string): Promise<{ readonly isNew: boolean; readonly draft: LeaseDraft }>;
  /** Adds the lessee's signature; undefined for an unknown draft, a `Refusal` for one that is not the lessee's. */
  signDraft(draftId: Hex, signature: Hex): Promise<LeaseDraft | undefined>;
}
