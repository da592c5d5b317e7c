import { BPS } from "./units.ts";

// An order of the exchange, and what a fill of it costs (docs/capital.md §4).

/** What a maker signs; the fields are those of the contract's struct. */
export interface Order {
  readonly maker: string;
  readonly taker: string; // the zero address: anyone
  readonly shareToken: string;
  readonly asset: string;
  readonly isSell: boolean;
  readonly shares: bigint;
  readonly assets: bigint;
  readonly maxAccruedAssets: bigint; // 0: flat
  readonly maxFeeBps: bigint;
  readonly expiresAt: bigint;
  readonly nonce: bigint;
  readonly salt: string;
}

/** What a fill comes to. */
export interface Fill {
  readonly priceAssets: bigint;
  readonly accruedAssets: bigint;
  readonly feeAssets: bigint; // out of the price
}

/** What a fill comes to when `accruedAssets` accrued to all of the order's shares: the same as `ShareExchange.quote`. */
export function fillOf(order: Order, fillShares: bigint, accruedAssets: bigint, feeBps: bigint): Fill {
  const { shares, assets, maxAccruedAssets } = order;
  // In favour of the maker.
  const rest = order.isSell ? shares - 1n : 0n;
  const part = (whole: bigint) => (whole * fillShares + rest) / shares;
  const priceAssets = part(assets);
  return {
    priceAssets,
    accruedAssets: part(accruedAssets < maxAccruedAssets ? accruedAssets : maxAccruedAssets),
    feeAssets: (priceAssets * feeBps) / BPS,
  };
}
