import type { TypedDataDomain, TypedDataField } from "ethers";
import { ShareExchange__factory } from "../../types/factories/exchange/ShareExchange__factory.ts";
import type { Hex } from "./bytes.ts";
import type { Order } from "./fill.ts";
import { structDigest, structOf, type Domain } from "./typed.ts";

// How an order of the exchange is hashed and signed (docs/capital.md §4).

export type { Order } from "./fill.ts";

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
