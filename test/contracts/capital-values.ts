import { id, type Addressable, type Signer as EthersSigner } from "ethers";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { ComputeIndex__factory } from "../../types/factories/valuation/ComputeIndex__factory.ts";
import { MODEL } from "./reports.ts";
import type { network } from "hardhat";

// The values of the stage: an index of three publishers, a curve that goes with it, haircuts, rates and ratings.

export type Ethers = Awaited<ReturnType<typeof network.create>>["ethers"];
export type Signer = Awaited<ReturnType<Ethers["getSigners"]>>[number];

const DAY = 86_400;
const QUOTE = structOf(ComputeIndex__factory.abi, "fix", "quotes");

export const LIMITS = { maxAgeSec: 26 * 3_600, maxMoveBps: 1_000, holdSec: DAY };
/** What is taken off the hardware of the stage's lots: attested, with a power meter. */
export const HAIRCUT_BPS = 1_000n;
export const EVIDENCE_BPS = [10_000, 5_000, 2_000, Number(HAIRCUT_BPS), 500];
export const RECEIVABLES_BPS = [500, 2_000, 5_000, 8_000, 10_000];
export const POINTS_BPS = [10_000, 9_000, 7_500, 6_000, 4_000];
export const CENT = 10n ** 16n;

export async function deployIndex(ethers: Ethers, authority: string, publishers: Signer[]) {
  const index = await ethers.deployContract("ComputeIndex", [authority, 3, 2_000, 1_500]);
  const sorted = publishers.toSorted((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
  for (const publisher of sorted) await index.listPublisher(publisher, true);
  const domain = domainOf(await index.eip712Domain());
  /** Fixes a day by what each publisher quotes, in hundredths of a dollar. */
  const fix = async (dayAt: number, cents: readonly number[]) => {
    const quotes = sorted.map(({ address }, i) => ({
      ...{ publisher: address, modelId: id(MODEL), dayAt, rateWad: BigInt(cents[i]!) * CENT },
    }));
    const signatures = await Promise.all(
      quotes.map((quote, i) => (sorted[i] as EthersSigner).signTypedData(domain, QUOTE.types, quote)),
    );
    return index.fix(quotes, signatures);
  };
  return { index, fix };
}

interface Places {
  authority: string;
  registry: Addressable;
  telemetry: Addressable;
  leases: Addressable;
  index: Addressable;
}

export async function deployValuation(ethers: Ethers, places: Places) {
  const { authority, registry, telemetry, leases, index } = places;
  const valuation = await ethers.deployContract("Valuation", [
    ...[authority, registry, telemetry, leases, index],
    LIMITS,
  ]);
  await valuation.setHaircuts(EVIDENCE_BPS as never, RECEIVABLES_BPS as never);
  await valuation.setDiscount(500, [100, 200, 300, 500, 800, 1_200, 2_000, 4_000]);
  return valuation;
}
