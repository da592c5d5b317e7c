import { fillOf, type Fill, type Order } from "../protocol/fill.ts";
import { demand } from "../protocol/refusal.ts";
import { WAD } from "../protocol/units.ts";

// Orders of one class against one token side by side, and what it takes to fill so many shares out of them.

/** An order with what the chain says of it now. */
export interface Offer {
  readonly order: Order;
  /** The most that can be filled now. */
  readonly fillableShares: bigint;
  /** Interest that accrued to all of the order's shares. */
  readonly accruedAssets: bigint;
}

/** Best first, on both sides. */
export interface Book<T extends Offer> {
  readonly asks: readonly T[];
  readonly bids: readonly T[];
}

/** One order of a plan, and what taking its part comes to. */
export interface PlannedFill<T extends Offer> extends Fill {
  readonly offer: T;
  readonly fillShares: bigint;
}

/** What it takes to buy, or to sell, so many shares: the fills in turn and their sums. */
export interface Plan<T extends Offer> {
  readonly fills: readonly PlannedFill<T>[];
  readonly shares: bigint;
  /** Asked for and not to be had at the limit. */
  readonly missingShares: bigint;
  readonly priceAssets: bigint;
  readonly accruedAssets: bigint;
  readonly feeAssets: bigint;
  /** What the taker pays (buying) or gets (selling) in all. */
  readonly totalAssets: bigint;
}

/** Assets for one unit of share, without accrued interest, 18 decimals: down. */
export function priceWad({ assets, shares }: Pick<Order, "assets" | "shares">): bigint {
  return (assets * WAD) / shares;
}

/** What `shares` come to at a price, as an order asks it: up for a sell order, down for a buy order. */
export function assetsAt(shares: bigint, atPriceWad: bigint, isSell: boolean): bigint {
  return (shares * atPriceWad + (isSell ? WAD - 1n : 0n)) / WAD;
}

/** The fields of an order that its maker chooses. */
export interface OrderDraft extends Omit<Order, "assets" | "maxAccruedAssets"> {
  readonly priceWad: bigint;
  /** Most accrued interest beside the price, per share: 0 is flat. */
  readonly maxAccruedWad: bigint;
}

/** The order that a draft comes to. */
export function orderOf(draft: OrderDraft): Order {
  const { priceWad: atPriceWad, maxAccruedWad, ...rest } = draft;
  demand(draft.shares > 0n, "Order_NoShares", {});
  const assets = assetsAt(draft.shares, atPriceWad, draft.isSell);
  demand(assets > 0n, "Order_NoPrice", { shares: draft.shares, priceWad: atPriceWad });
  return { ...rest, assets, maxAccruedAssets: assetsAt(draft.shares, maxAccruedWad, true) };
}

/** Sorts offers into a book: who asks least and who bids most first, an older one before a newer of the same price. */
export function bookOf<T extends Offer>(offers: readonly T[]): Book<T> {
  const open = offers.filter(({ fillableShares }) => fillableShares > 0n);
  return {
    asks: open.filter(({ order }) => order.isSell).sort((a, b) => byPrice(a, b)),
    bids: open.filter(({ order }) => !order.isSell).sort((a, b) => byPrice(b, a)),
  };
}

/** By price, exactly: no division. */
function byPrice({ order: a }: Offer, { order: b }: Offer): number {
  const difference = a.assets * b.shares - b.assets * a.shares;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * The fills that give `shares` from one side of a book, best price first; none at a price past `limitWad`, none of the
 * taker's own orders and none for another taker.
 */
export function planOf<T extends Offer>(
  side: readonly T[],
  shares: bigint,
  limitWad: bigint | null,
  feeBps: bigint,
  taker: string,
): Plan<T> {
  const fills: PlannedFill<T>[] = [];
  let missingShares = shares;
  for (const offer of side) {
    if (missingShares === 0n) break;
    const { order, fillableShares, accruedAssets } = offer;
    if (limitWad !== null && (order.isSell ? isDearer(order, limitWad) : isCheaper(order, limitWad))) break;
    if (isSame(order.maker, taker) || !mayTake(order, taker)) continue;
    const fillShares = missingShares < fillableShares ? missingShares : fillableShares;
    fills.push({ offer, fillShares, ...fillOf(order, fillShares, accruedAssets, feeBps) });
    missingShares -= fillShares;
  }
  const sum = (of: (fill: Fill) => bigint) => fills.reduce((total, fill) => total + of(fill), 0n);
  const priceAssets = sum((fill) => fill.priceAssets);
  const accruedAssets = sum((fill) => fill.accruedAssets);
  const feeAssets = sum((fill) => fill.feeAssets);
  // The fee comes off what the seller gets.
  const isBuying = side[0]?.order.isSell ?? true;
  const totalAssets = priceAssets + accruedAssets - (isBuying ? 0n : feeAssets);
  return { fills, shares: shares - missingShares, missingShares, priceAssets, accruedAssets, feeAssets, totalAssets };
}

const isDearer = (order: Order, limitWad: bigint) => order.assets * WAD > limitWad * order.shares;
const isCheaper = (order: Order, limitWad: bigint) => order.assets * WAD < limitWad * order.shares;
const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
const mayTake = ({ taker }: Order, account: string) => BigInt(taker) === 0n || isSame(taker, account);
