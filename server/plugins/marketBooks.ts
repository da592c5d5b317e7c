import type { MarketTotals } from "../model/market.ts";
import type { Hex } from "../protocol/bytes.ts";
import { BPS, WAD } from "../protocol/units.ts";
import type { Db } from "./db.ts";
import { EVENT_ID } from "./readmodelClasses.ts";

// The books of a lending market, as its events changed them one by one.

export interface MarketParams {
  readonly loanToken: string;
  readonly collateralToken: string;
  readonly oracle: string;
  readonly irm: string;
  readonly lltv: bigint;
}

export interface PositionBook {
  readonly positionIndex: number;
  readonly account: string;
  supplyShares: bigint;
  borrowShares: bigint;
  collateralShares: bigint;
  /** 0: no flag. */
  flaggedAt: bigint;
}

/** An accrual, and the totals after it. */
export interface AccrualBook extends MarketTotals {
  readonly eventId: bigint;
  readonly at: bigint;
  readonly ratePerSecondWad: bigint;
  readonly interestAssets: bigint;
}

export interface LiquidationBook {
  readonly eventId: bigint;
  readonly at: bigint;
  readonly transactionHash: Hex;
  readonly liquidator: string;
  readonly borrower: string;
  readonly repaidAssets: string;
  readonly seizedShares: string;
  readonly badDebtAssets: string;
}

export interface MarketBook {
  readonly id: Hex;
  readonly params: MarketParams;
  readonly createdAt: bigint;
  /** As of the last accrual. */
  totals: MarketTotals;
  lastUpdateAt: bigint;
  feeBps: bigint;
  isBorrowingPaused: boolean;
  badDebtAssets: bigint;
  collateralShares: bigint;
  readonly positions: Map<string, PositionBook>;
  readonly accruals: AccrualBook[];
  readonly liquidations: LiquidationBook[];
  feeRecipient: string;
}

interface MarketEvent {
  readonly eventId: bigint;
  readonly at: bigint;
  readonly name: string;
  readonly transactionHash: Hex;
  readonly args: Record<string, string>;
}

/** The ids of the markets that were created, each with its collateral, by id. */
export async function marketIds(
  db: Db,
  page: { readonly limit: number; readonly after?: Hex | undefined },
  collateralToken?: string,
): Promise<Hex[]> {
  const { rows } = await db.query<{ id: Hex }>(
    `select args ->> 'id' id from events where contract = 'markets' and name = 'CreateMarket'
       and ($1::text is null or args ->> 'id' > $1) and ($2::text is null or args -> 'params' ->> 'collateralToken' = $2)
     order by args ->> 'id' limit $3`,
    [page.after ?? null, collateralToken ?? null, page.limit],
  );
  return rows.map(({ id }) => id);
}

/** A market's books; undefined for one that was not created. */
export async function marketBookOf(db: Db, id: Hex): Promise<MarketBook | undefined> {
  const { rows } = await db.query<MarketEvent & { params: Record<string, string> | null }>(
    `select ${EVENT_ID} "eventId", b.time at, e.name, e.tx_hash "transactionHash", e.args, e.args -> 'params' params
     from events e join blocks b on b.number = e.block
     where e.contract = 'markets' and (e.args ->> 'id' = $1 or e.name = 'SetFeeRecipient')
     order by e.block, e.log_index`,
    [id],
  );
  const created = rows.find(({ name }) => name === "CreateMarket");
  const params = created?.params;
  if (created === undefined || params === null || params === undefined) return undefined;
  const book: MarketBook = {
    ...{ id, createdAt: created.at, lastUpdateAt: created.at, feeBps: 0n, isBorrowingPaused: false },
    params: {
      loanToken: params["loanToken"] ?? "",
      collateralToken: params["collateralToken"] ?? "",
      oracle: params["oracle"] ?? "",
      irm: params["irm"] ?? "",
      lltv: BigInt(params["lltv"] ?? 0),
    },
    totals: { totalSupplyAssets: 0n, totalSupplyShares: 0n, totalBorrowAssets: 0n, totalBorrowShares: 0n },
    ...{ badDebtAssets: 0n, collateralShares: 0n, positions: new Map(), accruals: [], liquidations: [] },
    feeRecipient: "",
  };
  for (const event of rows) ENTRIES[event.name]?.(book, event);
  return book;
}

function positionOf({ positions }: MarketBook, account: string): PositionBook {
  const known = positions.get(account);
  if (known !== undefined) return known;
  const position: PositionBook = {
    ...{ positionIndex: positions.size, account },
    ...{ supplyShares: 0n, borrowShares: 0n, collateralShares: 0n, flaggedAt: 0n },
  };
  positions.set(account, position);
  return position;
}

function move(book: MarketBook, change: Partial<MarketTotals>): void {
  const add = (name: keyof MarketTotals) => {
    const sum = book.totals[name] + (change[name] ?? 0n);
    return sum > 0n ? sum : 0n; // what is repaid rounds up: the last of it may exceed the total by one
  };
  book.totals = {
    totalSupplyAssets: add("totalSupplyAssets"),
    totalSupplyShares: add("totalSupplyShares"),
    totalBorrowAssets: add("totalBorrowAssets"),
    totalBorrowShares: add("totalBorrowShares"),
  };
}

const amount = ({ args }: MarketEvent, name: string) => BigInt(args[name] ?? 0);
const accountOf = ({ args }: MarketEvent, name = "onBehalf") => args[name] ?? "";

function supply(sign: bigint) {
  return (book: MarketBook, event: MarketEvent) => {
    const [assets, shares] = [sign * amount(event, "assets"), sign * amount(event, "shares")];
    move(book, { totalSupplyAssets: assets, totalSupplyShares: shares });
    positionOf(book, accountOf(event)).supplyShares += shares;
  };
}

function debt(sign: bigint) {
  return (book: MarketBook, event: MarketEvent) => {
    const [assets, shares] = [sign * amount(event, "assets"), sign * amount(event, "shares")];
    move(book, { totalBorrowAssets: assets, totalBorrowShares: shares });
    positionOf(book, accountOf(event)).borrowShares += shares;
  };
}

function collateral(sign: bigint) {
  return (book: MarketBook, event: MarketEvent) => {
    const shares = sign * amount(event, "collateralShares");
    positionOf(book, accountOf(event)).collateralShares += shares;
    book.collateralShares += shares;
  };
}

const ENTRIES: Record<string, (book: MarketBook, event: MarketEvent) => void> = {
  AccrueInterest(book, event) {
    const interestAssets = amount(event, "interestAssets");
    const feeShares = amount(event, "feeShares");
    move(book, {
      ...{ totalSupplyAssets: interestAssets, totalBorrowAssets: interestAssets },
      totalSupplyShares: feeShares,
    });
    if (feeShares > 0n) positionOf(book, book.feeRecipient).supplyShares += feeShares;
    book.lastUpdateAt = event.at;
    const { eventId, at } = event;
    const ratePerSecondWad = amount(event, "ratePerSecondWad");
    book.accruals.push({ eventId, at, ratePerSecondWad, interestAssets, ...book.totals });
  },
  SetFee: (book, event) => (book.feeBps = amount(event, "feeBps")),
  SetFeeRecipient: (book, event) => (book.feeRecipient = accountOf(event, "feeRecipient")),
  PauseBorrowing: (book) => (book.isBorrowingPaused = true),
  ResumeBorrowing: (book) => (book.isBorrowingPaused = false),
  Supply: supply(1n),
  Withdraw: supply(-1n),
  Borrow: debt(1n),
  Repay: debt(-1n),
  SupplyCollateral: collateral(1n),
  WithdrawCollateral: collateral(-1n),
  Flag: (book, event) => (positionOf(book, accountOf(event, "borrower")).flaggedAt = amount(event, "flaggedAt")),
  Unflag: (book, event) => (positionOf(book, accountOf(event, "borrower")).flaggedAt = 0n),
  Liquidate(book, event) {
    const { eventId, at, transactionHash, args } = event;
    const position = positionOf(book, accountOf(event, "borrower"));
    const repaidShares = amount(event, "repaidShares");
    const badDebtShares = amount(event, "badDebtShares");
    const badDebtAssets = amount(event, "badDebtAssets");
    const seizedShares = amount(event, "seizedCollateralShares");
    move(book, { totalBorrowAssets: -amount(event, "repaidAssets"), totalBorrowShares: -repaidShares });
    move(book, {
      ...{ totalBorrowAssets: -badDebtAssets, totalBorrowShares: -badDebtShares },
      totalSupplyAssets: -badDebtAssets,
    });
    position.borrowShares -= repaidShares + badDebtShares;
    position.collateralShares -= seizedShares;
    book.collateralShares -= seizedShares;
    book.badDebtAssets += badDebtAssets;
    book.liquidations.push({
      ...{ eventId, at, transactionHash, liquidator: accountOf(event, "caller"), borrower: position.account },
      repaidAssets: args["repaidAssets"] ?? "0",
      seizedShares: String(seizedShares),
      badDebtAssets: String(badDebtAssets),
    });
  },
};

/** A market's totals as its contract takes them. */
export function contractTotals({ totals, lastUpdateAt, feeBps }: MarketBook) {
  return { ...totals, lastUpdateAt, feeWad: (WAD * feeBps) / BPS };
}
