import {
  ORDER_STATUSES,
  type FillRecord,
  type OrderRecord,
  type OrderTerms,
  type SignedOrder,
} from "../protocol/apiExchange.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Contracts } from "../protocol/contracts.ts";
import { orderHash, type Order } from "../protocol/order.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { Domain } from "../protocol/typed.ts";
import { WAD } from "../protocol/units.ts";
import type { PageBefore } from "../pages.ts";
import type { FillFilter, OrderFilter } from "../sourcesCapital.ts";
import type { Db } from "./db.ts";
import type { View } from "./events.ts";
import { int8Array } from "./arrays.ts";
import { bytes } from "./queries.ts";
import { EVENT_ID, type ClassRow } from "./readmodelClasses.ts";
import { answerOrNull } from "./readmodelMarkets.ts";

// Orders that were handed in, with what the exchange says of them at the block; and trades, out of events.

export interface OrderRow {
  orderHash: Hex;
  place: bigint;
  terms: OrderTerms;
  signature: Hex;
  receivedAt: bigint;
  filledShares: bigint;
}

const FILLED = `coalesce((select (e.args ->> 'filledShares')::numeric from events e where e.contract = 'exchange'
  and e.name = 'Filled' and e.args ->> 'orderHash' = '0x' || encode(o.order_hash, 'hex')
  order by e.block desc, e.log_index desc limit 1), 0)`;

const ORDER = `select o.order_hash "orderHash", o.place, o.terms, o.signature, o.received_at "receivedAt",
  ${FILLED} "filledShares" from orders o`;

/** Not what the events have ended already; the rest the exchange is asked of. */
const MAY_BE_OPEN = `(o.terms ->> 'expiresAt')::numeric >= $2 and ${FILLED} < (o.terms ->> 'shares')::numeric
  and not exists (select 1 from events e where e.contract = 'exchange' and e.name = 'Cancelled'
    and e.args ->> 'orderHash' = '0x' || encode(o.order_hash, 'hex'))
  and not exists (select 1 from events e where e.contract = 'exchange' and e.name = 'CancelledBelow'
    and e.args ->> 'maker' = o.maker and (e.args ->> 'nonce')::numeric > (o.terms ->> 'nonce')::numeric)`;

/** Orders below a place, the newest first, without those at places that are known to be of no use. */
export async function orderRows(
  { db, head }: View,
  { limit, before }: PageBefore<bigint>,
  { shareToken, maker, isSell, isOpen = false }: OrderFilter,
  skipped: ReadonlySet<bigint>,
): Promise<OrderRow[]> {
  const { rows } = await db.query<OrderRow>(
    `${ORDER} where ($1::int8 is null or o.place < $1) and ($3::text is null or o.share_token = $3)
       and ($4::text is null or o.maker = $4) and ($5::bool is null or o.is_sell = $5)
       and ($6::bool is false or (${MAY_BE_OPEN})) and o.place <> all ($8::int8[]) order by o.place desc limit $7`,
    [
      ...[before ?? null, head.time, shareToken ?? null, maker ?? null, isSell ?? null, isOpen, limit],
      int8Array([...skipped]),
    ],
  );
  return rows;
}

export async function orderRow(db: Db, hash: Hex): Promise<OrderRow | undefined> {
  const { rows } = await db.query<OrderRow>(`${ORDER} where o.order_hash = $1`, [bytes(hash)]);
  return rows[0];
}

/** How many orders of a maker can still be filled as far as the time goes. */
async function liveCount(db: Db, maker: string, nowAt: bigint): Promise<number> {
  const { rows } = await db.query<{ count: bigint }>(
    "select count(*) count from orders where maker = $1 and (terms ->> 'expiresAt')::numeric >= $2",
    [maker, nowAt],
  );
  return Number(rows[0]?.count ?? 0n);
}

/**
 * Keeps an order; false where it was there. Refuses one more of a maker that has very many. In a transaction of its own:
 * a maker's orders are counted one after another. Those that expired a while ago go.
 */
export async function insertOrder(tx: Db, hash: Hex, { order, signature }: SignedOrder, at: bigint): Promise<boolean> {
  const { maker } = order;
  await tx.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`orders of ${maker}`]);
  await tx.query("delete from orders where (terms ->> 'expiresAt')::numeric < $1", [at - KEPT_SEC]);
  demand((await liveCount(tx, maker, at)) < MAX_LIVE_COUNT, "Order_TooMany", { maker, maxCount: MAX_LIVE_COUNT });
  const { rowCount } = await tx.query(
    `insert into orders (order_hash, maker, share_token, is_sell, terms, signature, received_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (order_hash) do nothing`,
    [bytes(hash), order.maker, order.shareToken, order.isSell, JSON.stringify(order), bytes(signature), at],
  );
  return rowCount === 1;
}

/** An order as the contract takes it. */
export function contractOrder(terms: OrderTerms): Order {
  return {
    ...terms,
    shares: BigInt(terms.shares),
    assets: BigInt(terms.assets),
    maxAccruedAssets: BigInt(terms.maxAccruedAssets),
    maxFeeBps: BigInt(terms.maxFeeBps),
    expiresAt: BigInt(terms.expiresAt),
    nonce: BigInt(terms.nonce),
  };
}

const NOBODY = `0x${"0".repeat(40)}`;
const MAX_LIVE_COUNT = 200;
const MIN_LIFE_SEC = 300n;
const MAX_LIFE_SEC = 90n * 86_400n;
const KEPT_SEC = 7n * 86_400n; // after it expired
const UINT64_MAX = 2n ** 64n - 1n;
const UINT256_MAX = 2n ** 256n - 1n;

/** The hash of an order that somebody hands in. Refuses one that cannot be filled at the block, and says why. */
export async function checkedOrder(
  contracts: Contracts,
  domain: Domain,
  signed: SignedOrder,
  classes: ReadonlyMap<string, ClassRow>,
): Promise<Hex> {
  const { order, signature } = signed;
  const terms = contractOrder(order);
  for (const name of ["shares", "assets", "maxAccruedAssets", "nonce"] as const)
    demand(terms[name] <= UINT256_MAX, "Order_OutOfRange", { field: name });
  demand(terms.expiresAt <= UINT64_MAX, "Order_OutOfRange", { field: "expiresAt" });
  demand(terms.shares > 0n, "Order_NoShares", { shares: 0n });
  const { shareToken, asset } = order;
  const classOf = classes.get(shareToken);
  if (classOf === undefined) throw new Refusal("Order_UnknownClass", { shareToken });
  demand(classOf.asset === asset, "Order_OtherAsset", { asset, expectedAsset: classOf.asset });
  const [status] = await contracts.exchange.statusOf(terms, signature, NOBODY);
  const name = ORDER_STATUSES[Number(status)] ?? "BadSignature";
  const hash = orderHash(domain, terms);
  demand(name === "Open", "Order_NotFillable", { orderHash: hash, status: name });
  return hash;
}

/** Refuses an order that ends too soon to be of use, or so late that it would burden the book for long. */
export function demandLife({ order }: SignedOrder, nowAt: bigint): void {
  const { expiresAt } = order;
  const lifeSec = BigInt(expiresAt) - nowAt;
  demand(lifeSec >= MIN_LIFE_SEC, "Order_TooShort", { expiresAt, minLifeSec: MIN_LIFE_SEC });
  demand(lifeSec <= MAX_LIFE_SEC, "Order_TooLong", { expiresAt, maxLifeSec: MAX_LIFE_SEC });
}

/** What the exchange says of an order; that it has no class where it cannot say. */
async function statusNow(
  contracts: Contracts,
  order: Order,
  signature: Hex,
): Promise<Pick<OrderRecord, "status" | "fillableShares">> {
  const [status, shares] = (await answerOrNull(contracts.exchange.statusOf(order, signature, NOBODY))) ?? [];
  const name = status === undefined ? "NoClass" : (ORDER_STATUSES[Number(status)] ?? "BadSignature");
  return { status: name, fillableShares: String(shares ?? 0n) };
}

/** An order with what the exchange says of it; undefined where only open ones are wanted and it is not. */
export async function shownOrder(
  contracts: Contracts,
  row: OrderRow,
  feeBps: bigint,
  classOf: ClassRow | undefined,
  isOpenOnly: boolean,
): Promise<OrderRecord | undefined> {
  const { terms, signature } = row;
  const order = contractOrder(terms);
  const now = await statusNow(contracts, order, signature);
  if (isOpenOnly && now.status !== "Open") return undefined;
  const accruedAssets = await answerOrNull(contracts.valuation.accruedAssets(order.shareToken, order.shares));
  return {
    orderHash: row.orderHash,
    orderId: String(row.place),
    order: terms,
    signature,
    facility: classOf?.facility ?? null,
    classIndex: classOf?.classIndex ?? null,
    symbol: classOf?.symbol ?? "",
    priceWad: String((order.assets * WAD) / order.shares),
    ...now,
    filledShares: String(row.filledShares),
    accruedAssets: String(accruedAssets ?? 0n),
    feeBps: Number(feeBps),
    receivedAt: String(row.receivedAt),
  };
}

/** What the exchange takes of a price now. */
export async function feeBpsOf(db: Db): Promise<bigint> {
  const { rows } = await db.query<{ feeBps: bigint }>(
    `select (args ->> 'feeBps')::int8 "feeBps" from events where contract = 'exchange' and name = 'FeeSet'
     order by block desc, log_index desc limit 1`,
  );
  return rows[0]?.feeBps ?? 0n;
}

interface TradeRow {
  eventId: bigint;
  at: bigint;
  transactionHash: Hex;
  args: Record<
    "shareToken" | "seller" | "buyer" | "asset" | "shares" | "priceAssets" | "accruedAssets" | "feeAssets",
    string
  >;
  orderHashes: Hex[];
}

// The orders of a trade are told just before it: one that was taken, or two that were matched.
const ORDERS_OF_TRADE = `(select coalesce(jsonb_agg(f.args ->> 'orderHash' order by f.log_index), '[]') from events f
  where f.block = e.block and f.contract = 'exchange' and f.name = 'Filled' and f.log_index < e.log_index
    and f.log_index > coalesce((select max(p.log_index) from events p where p.block = e.block
      and p.contract = 'exchange' and p.name = 'Traded' and p.log_index < e.log_index), -1))`;

/** Trades, the newest first. */
export async function fillsBefore(
  { db }: View,
  { limit, before }: PageBefore<bigint>,
  { shareToken, orderHash: hash, account }: FillFilter,
  classes: ReadonlyMap<string, ClassRow>,
): Promise<FillRecord[]> {
  const { rows } = await db.query<TradeRow>(
    `select * from (select ${EVENT_ID} "eventId", b.time at, e.tx_hash "transactionHash", e.args,
         ${ORDERS_OF_TRADE} "orderHashes"
       from events e join blocks b on b.number = e.block where e.contract = 'exchange' and e.name = 'Traded'
         and ($2::text is null or e.args ->> 'shareToken' = $2)
         and ($4::text is null or $4 in (e.args ->> 'seller', e.args ->> 'buyer'))) t
     where ($1::int8 is null or t."eventId" < $1) and ($3::text is null or t."orderHashes" ? $3)
     order by t."eventId" desc limit $5`,
    [before ?? null, shareToken ?? null, hash ?? null, account ?? null, limit],
  );
  return rows.map(({ eventId, at, transactionHash, args, orderHashes }) => {
    const classOf = classes.get(args.shareToken);
    return {
      ...{ eventId: String(eventId), filledAt: String(at), shareToken: args.shareToken },
      facility: classOf?.facility ?? null,
      classIndex: classOf?.classIndex ?? null,
      symbol: classOf?.symbol ?? "",
      ...{ orderHashes, seller: args.seller, buyer: args.buyer, asset: args.asset, shares: args.shares },
      ...{ priceAssets: args.priceAssets, accruedAssets: args.accruedAssets, feeAssets: args.feeAssets },
      transactionHash,
    };
  });
}
