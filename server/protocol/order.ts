import type { TypedDataDomain, TypedDataField } from "ethers";
import { ShareExchange__factory } from "../../types/factories/exchange/ShareExchange__factory.ts";
import type { Hex } from "./bytes.ts";
import { structDigest, structOf, type Domain } from "./typed.ts";
import { BPS } from "./units.ts";

// An order of the exchange: how it is hashed and signed, and what a fill of it costs (docs/capital.md §4).

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

/** The EIP-712 types of an order, out of the ABI. */
export const ORDER = structOf(ShareExchange__factory.abi, "fill", "order");

/** What an order is known by, and what its maker signs. */
export function orderHash(domain: Domain, order: Order): Hex {
  return structDigest(ORDER, domain, order);
}

/** Whoever signs typed data: a key, or a wallet in a browser. */
export interface TypedSigner {
  signTypedData(domain: TypedDataDomain, types: Record<string, TypedDataField[]>, value: object): Promise<string>;
}

/** A maker's signature of an order. */
export async function signOrder(signer: TypedSigner, domain: Domain, order: Order): Promise<Hex> {
  return (await signer.signTypedData(domain, ORDER.types, { ...order })) as Hex;
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
