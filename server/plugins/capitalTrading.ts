import type { OrderRecord, SignedOrder } from "../protocol/apiExchange.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { domainOf, type Domain } from "../protocol/typed.ts";
import type { PageBefore } from "../pages.ts";
import type { CapitalSources, OrderFilter } from "../sourcesCapital.ts";
import { contractsAfter, type CallProvider } from "./chainAt.ts";
import type { BlockRow, View } from "./events.ts";
import { marketBookOf, marketIds, type MarketBook } from "./marketBooks.ts";
import { classesOf, type ClassRow } from "./readmodelClasses.ts";
import {
  liquidationsOf,
  marketNow,
  openPositions,
  pointsOf,
  shownMarket,
  shownPosition,
  type MarketNow,
} from "./readmodelMarkets.ts";
import {
  checkedOrder,
  demandLife,
  feeBpsOf,
  fillsBefore,
  insertOrder,
  orderRow,
  orderRows,
  shownOrder,
  type OrderRow,
} from "./readmodelOrders.ts";
import { classPrice, indexDaysBefore, indexPrices } from "./readmodelPrices.ts";
import { batchesAfter, holdingsNow, requestsOf, vaultNow } from "./readmodelVault.ts";
import { keyOf, openRecent } from "./recent.ts";
import type { Store } from "./store.ts";
import { viewsOf } from "./views.ts";

export interface ChainOptions {
  readonly store: Store;
  readonly provider: CallProvider;
  readonly deployment: Deployment;
}

type Offered = "markets" | "market" | "positions" | "accountPositions" | "marketHistory" | "liquidations";
type Traded = "orders" | "order" | "putOrder" | "fills" | "prices" | "indexDays";
type Kept = "vault" | "vaultHoldings" | "vaultRequests";

const ALL = 0x7fff_ffff;
// Of orders that may be open: asked for at once, and in one answer. Where they end the next page goes on.
const MIN_ROUND_COUNT = 50;
const MAX_SCANNED_COUNT = 1_000;
const NONE: ReadonlySet<bigint> = new Set();

/** Markets, exchange, prices and vault: events in one view, what only contracts know at the view's block. */
export function tradingSources({
  store,
  provider,
  deployment,
}: ChainOptions): Pick<CapitalSources, Offered | Traded | Kept> {
  const view = viewsOf(store);
  const recent = openRecent(view);
  const contractsOf = (head: BlockRow): Contracts => contractsAfter(provider, deployment.addresses, head);
  let domain: Domain | undefined;
  const orderDomain = async (contracts: Contracts): Promise<Domain> =>
    (domain ??= domainOf(await contracts.exchange.eip712Domain()));

  /** A market's books with the head that they are of. */
  const bookOf = (id: Hex) =>
    view(async ({ db, head }) => ({ head, book: await marketBookOf(db, id), classes: await classesOf(db) }));

  const nowOf = async (id: Hex): Promise<(MarketNow & { contracts: Contracts }) | undefined> => {
    const { head, book } = await bookOf(id);
    if (book === undefined) return undefined;
    const contracts = contractsOf(head);
    return { ...(await marketNow(contracts, book, head.time)), contracts };
  };

  const shownBooks = async (head: BlockRow, books: readonly MarketBook[], facts: MarketFacts) => {
    const contracts = contractsOf(head);
    return await Promise.all(
      books.map(async (book) => {
        const { collateralToken } = book.params;
        const now = await marketNow(contracts, book, head.time);
        return shownMarket(now, facts.incomeTokens.has(collateralToken), facts.classes.get(collateralToken));
      }),
    );
  };

  const shownOrders = async (head: BlockRow, rows: readonly OrderRow[], facts: OrderFacts, isOpenOnly: boolean) => {
    const contracts = contractsOf(head);
    return await Promise.all(
      rows.map((row) => shownOrder(contracts, row, facts.feeBps, facts.classes.get(row.terms.shareToken), isOpenOnly)),
    );
  };

  // Places of orders that the exchange says are not open: at one block it is asked once of each.
  let closed = { hash: "", places: new Set<bigint>() };
  const closedAt = ({ hash }: BlockRow): Set<bigint> => {
    if (closed.hash !== hash) closed = { hash, places: new Set() };
    return closed.places;
  };

  const ordersBefore = async ({ limit, before }: PageBefore<bigint>, filter: OrderFilter) => {
    const isOpenOnly = filter.isOpen === true;
    const roundCount = isOpenOnly ? Math.max(limit + 1, MIN_ROUND_COUNT) : limit + 1;
    const found: OrderRecord[] = [];
    let place = before;
    for (let scannedCount = 0; scannedCount < MAX_SCANNED_COUNT; scannedCount += roundCount) {
      const { head, rows, facts } = await view(async (now) => {
        const skipped = isOpenOnly ? closedAt(now.head) : NONE;
        const asked = { limit: roundCount, before: place };
        return { head: now.head, rows: await orderRows(now, asked, filter, skipped), facts: await orderFacts(now) };
      });
      for (const [index, order] of (await shownOrders(head, rows, facts, isOpenOnly)).entries()) {
        if (order !== undefined) found.push(order);
        else if (closed.hash === head.hash) closed.places.add(rows[index]!.place);
      }
      if (found.length > limit) return { items: found.slice(0, limit), next: found[limit - 1]!.orderId };
      if (rows.length < roundCount) return { items: found, next: null };
      place = rows.at(-1)!.place;
    }
    return { items: found, next: String(place) };
  };

  const orderAt = async (orderHash: Hex) => {
    const { head, row, facts } = await view(async (now) => {
      return { head: now.head, row: await orderRow(now.db, orderHash), facts: await orderFacts(now) };
    });
    return row === undefined ? undefined : (await shownOrders(head, [row], facts, false))[0];
  };

  return {
    async markets(page, collateralToken) {
      const { head, books, facts } = await view(async (now) => {
        const found: MarketBook[] = [];
        for (const id of await marketIds(now.db, page, collateralToken)) {
          const book = await marketBookOf(now.db, id);
          if (book !== undefined) found.push(book);
        }
        return { head: now.head, books: found, facts: await marketFacts(now) };
      });
      return await shownBooks(head, books, facts);
    },

    async market(id) {
      const { head, book, facts } = await view(async (now) => {
        return { head: now.head, book: await marketBookOf(now.db, id), facts: await marketFacts(now) };
      });
      return book === undefined ? undefined : (await shownBooks(head, [book], facts))[0];
    },

    positions: (id, page) =>
      recent.of(keyOf("positions", id, page), async () => {
        const now = await nowOf(id);
        if (now === undefined) return undefined;
        return await Promise.all(
          openPositions(now.book, page).map((position) => shownPosition(now.contracts, now, position)),
        );
      }),

    async accountPositions(account) {
      const { head, books } = await view(async ({ db, head: at }) => {
        const found: MarketBook[] = [];
        for (const id of await marketIds(db, { limit: ALL })) {
          const book = await marketBookOf(db, id);
          if (book?.positions.has(account) === true) found.push(book);
        }
        return { head: at, books: found };
      });
      const contracts = contractsOf(head);
      const shown = await Promise.all(
        books.map(async (book) => {
          const own = openPositions(book, { limit: ALL }).filter((position) => position.account === account);
          if (own.length === 0) return [];
          const now = await marketNow(contracts, book, head.time);
          return await Promise.all(own.map((position) => shownPosition(contracts, now, position)));
        }),
      );
      return shown.flat();
    },

    async marketHistory(id, page) {
      const { book } = await bookOf(id);
      return book && pointsOf(book, page);
    },

    liquidations: (id, page) =>
      recent.of(keyOf("liquidations", id, page), async () => {
        const { book } = await bookOf(id);
        return book && liquidationsOf(book, page);
      }),

    orders: (page, filter) => recent.of(keyOf("orders", page, filter), () => ordersBefore(page, filter)),

    order: (orderHash) => recent.of(keyOf("order", orderHash), () => orderAt(orderHash)),

    async putOrder(signed: SignedOrder) {
      const { head, classes } = await view(async ({ db, head: at }) => {
        return { head: at, classes: await classesOf(db) };
      });
      const contracts = contractsOf(head);
      const orderHash = await checkedOrder(contracts, await orderDomain(contracts), signed, classes);
      const known = await orderAt(orderHash);
      if (known !== undefined) return { isNew: false, order: known };
      demandLife(signed, head.time);
      const isNew = await store.transaction((tx) => insertOrder(tx, orderHash, signed, head.time));
      recent.forget();
      const order = await orderAt(orderHash);
      if (order === undefined) throw new Error(`the order ${orderHash} was not kept`);
      return { isNew, order };
    },

    fills: (page, filter) =>
      recent.of(keyOf("fills", page, filter), () =>
        view(async (now) => fillsBefore(now, page, filter, await classesOf(now.db))),
      ),

    async prices({ limit, after }, { kind, facility }) {
      const { head, classes, indexes } = await view(async ({ db, head: at }) => {
        const all = [...(await classesOf(db)).values()].sort((a, b) => (rankOf(a.token) < rankOf(b.token) ? -1 : 1));
        return { head: at, classes: all, indexes: await indexPrices(db, deployment, at) };
      });
      const isAfter = (priceId: string) => after === undefined || rankOf(priceId) > rankOf(after);
      const wanted = classes
        .filter(
          (one) => kind !== "index" && (facility === undefined || one.facility === facility) && isAfter(one.token),
        )
        .slice(0, limit);
      const contracts = contractsOf(head);
      const shown = await Promise.all(wanted.map((one) => classPrice(contracts, deployment, one, head)));
      const rates = kind === "class" || facility !== undefined ? [] : indexes;
      return [...shown, ...rates.filter(({ priceId }) => isAfter(priceId))].slice(0, limit);
    },

    indexDays: (model, page) => view(({ db }) => indexDaysBefore(db, model, page)),

    async vault() {
      const { head, classes } = await view(async ({ db, head: at }) => ({ head: at, classes: await classesOf(db) }));
      const contracts = contractsOf(head);
      return await vaultNow(contracts, store.db, await holdingsNow(contracts, classes, head), head);
    },

    async vaultHoldings({ limit, after }) {
      const { head, classes } = await view(async ({ db, head: at }) => ({ head: at, classes: await classesOf(db) }));
      const holdings = await holdingsNow(contractsOf(head), classes, head);
      return holdings.filter((one) => after === undefined || rankOf(one.classToken) > rankOf(after)).slice(0, limit);
    },

    vaultRequests: (page, controller) =>
      recent.of(keyOf("vaultRequests", page, controller), async () => {
        const head = await view((now) => Promise.resolve(now.head));
        const contracts = contractsOf(head);
        if (controller !== undefined) return await requestsOf(contracts, controller, page);
        return await batchesAfter(contracts, store.db, page);
      }),
  };
}

interface MarketFacts {
  readonly classes: ReadonlyMap<string, ClassRow>;
  readonly incomeTokens: ReadonlySet<string>;
}

async function marketFacts({ db }: View): Promise<MarketFacts> {
  const { rows } = await db.query<{ token: string }>(
    `select args ->> 'collateralToken' token from events where contract = 'markets' and name = 'OpenIncome'
       and args ->> 'asset' <> '0x0000000000000000000000000000000000000000'`,
  );
  return { classes: await classesOf(db), incomeTokens: new Set(rows.map(({ token }) => token)) };
}

interface OrderFacts {
  readonly classes: ReadonlyMap<string, ClassRow>;
  readonly feeBps: bigint;
}

async function orderFacts({ db }: View): Promise<OrderFacts> {
  return { classes: await classesOf(db), feeBps: await feeBpsOf(db) };
}

/** Addresses come before ids. */
function rankOf(priceId: string): string {
  return `${priceId.length} ${priceId.toLowerCase()}`;
}
