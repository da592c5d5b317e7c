import type { TypedDataDomain, TypedDataField } from "ethers";

import { domainOf, structOf } from "../server/protocol/typed.ts";
import type { ComputeIndex } from "../types/valuation/ComputeIndex.ts";
import { ComputeIndex__factory } from "../types/factories/valuation/ComputeIndex__factory.ts";

const BPS = 10_000n;
/** Publishers see the market a little differently; the median is what counts. */
const SEEN_BPS = [9_800n, 10_000n, 10_300n];

/** Who signs quotes of the compute index. */
export interface Publisher {
  readonly address: string;
  signTypedData(domain: TypedDataDomain, types: Record<string, TypedDataField[]>, value: object): Promise<string>;
}

/** What publishers sign of a model's rate on a day, as `ComputeIndex.fix` takes it. */
export async function signQuotes(
  computeIndex: ComputeIndex,
  publishers: readonly Publisher[],
  quoted: { modelId: string; dayAt: number; rateWad: bigint },
) {
  const domain = domainOf(await computeIndex.eip712Domain());
  const { types } = structOf(ComputeIndex__factory.abi, "digestOf", "quote");
  const signers = [...publishers].sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
  const quotes = signers.map(({ address }, index) => ({
    ...{ publisher: address, modelId: quoted.modelId, dayAt: quoted.dayAt },
    rateWad: (quoted.rateWad * SEEN_BPS[index % SEEN_BPS.length]!) / BPS,
  }));
  const signatures = await Promise.all(
    signers.map((signer, index) => signer.signTypedData(domain, types, quotes[index]!)),
  );
  return [quotes, signatures] as const;
}
