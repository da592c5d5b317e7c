import type { Offer } from "../../../server/model/book.ts";
import type { OrderRecord, OrderTerms } from "../../../server/protocol/apiExchange.ts";
import type { Order } from "../../../server/protocol/fill.ts";

/** An order of the API in numbers, with its signature. */
export interface SignedOffer extends Offer {
  readonly orderHash: string;
  readonly signature: string;
}

/** An order in numbers. */
export function orderOfTerms(terms: OrderTerms): Order {
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

/** An order as the API takes it. */
export function termsOf(order: Order): OrderTerms {
  return {
    ...order,
    shares: String(order.shares),
    assets: String(order.assets),
    maxAccruedAssets: String(order.maxAccruedAssets),
    maxFeeBps: Number(order.maxFeeBps),
    expiresAt: String(order.expiresAt),
    nonce: String(order.nonce),
  };
}

/**
 * What the book shows of an order. Accrued interest is left out: it moves by the second, and is asked of the exchange
 * when a fill is previewed.
 */
export function offerOf({ order, orderHash, signature, fillableShares }: OrderRecord): SignedOffer {
  return {
    order: orderOfTerms(order),
    ...{ orderHash, signature },
    fillableShares: BigInt(fillableShares),
    accruedAssets: 0n,
  };
}
