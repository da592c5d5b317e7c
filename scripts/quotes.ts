import { id, type TypedDataDomain, type TypedDataField } from "ethers";

import { send } from "../server/protocol/contracts.ts";
import { domainOf, structOf } from "../server/protocol/typed.ts";
import type { ComputeIndex } from "../types/valuation/ComputeIndex.ts";
import { ComputeIndex__factory } from "../types/factories/valuation/ComputeIndex__factory.ts";
import type { GpuModel } from "./catalogue.ts";
import type { FleetLot } from "./fleet.ts";

const BPS = 10_000n;
const WAD_PER_CENT = 10n ** 16n;
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

/** Every model of the fleet once. */
export function modelsOf(fleet: readonly FleetLot[]): GpuModel[] {
  return [...new Map(fleet.map(({ model }) => [model.name, model])).values()];
}

/** The publishers sign what an hour of each model cost on a day that is over, and anybody has it fixed, once. */
export async function fixDay(
  computeIndex: ComputeIndex,
  publishers: readonly Publisher[],
  fleet: readonly FleetLot[],
  dayAt: number,
): Promise<void> {
  for (const { name, rateCents } of modelsOf(fleet)) {
    if ((await computeIndex.rateWad(id(name), dayAt)) > 0n) continue;
    const rateWad = BigInt(rateCents) * WAD_PER_CENT;
    const quoted = await signQuotes(computeIndex, publishers, { modelId: id(name), dayAt, rateWad });
    await send(computeIndex.fix(...quoted));
  }
}
