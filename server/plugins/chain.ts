import {
  isError,
  Interface,
  JsonRpcProvider,
  type ContractRunner,
  type ContractTransactionReceipt,
  type ContractTransactionResponse,
} from "ethers";

import type { Hex } from "../protocol/bytes.ts";
import type { Addresses, Deployment } from "../protocol/deployment.ts";
import type { LotMeter } from "../protocol/meter.ts";
import { metersHashOf, type Filing } from "../protocol/report.ts";
import { Refusal } from "../protocol/refusal.ts";
import { Gate__factory } from "../../types/factories/compliance/Gate__factory.ts";
import { Markets__factory } from "../../types/factories/credit/Markets__factory.ts";
import { ClassToken__factory } from "../../types/factories/facility/ClassToken__factory.ts";
import { Facilities__factory } from "../../types/factories/facility/Facilities__factory.ts";
import { Facility__factory } from "../../types/factories/facility/Facility__factory.ts";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { ClassPrice__factory } from "../../types/factories/valuation/ClassPrice__factory.ts";
import { Valuation__factory } from "../../types/factories/valuation/Valuation__factory.ts";
import type { Telemetry } from "../../types/telemetry/Telemetry.ts";

/** Every contract's interface by name: decodes events and, since errors pass through, any contract's revert. */
export const INTERFACES = {
  gate: Gate__factory.createInterface(),
  markets: Markets__factory.createInterface(),
  classToken: ClassToken__factory.createInterface(),
  facilities: Facilities__factory.createInterface(),
  facility: Facility__factory.createInterface(),
  leases: Leases__factory.createInterface(),
  registry: Registry__factory.createInterface(),
  telemetry: Telemetry__factory.createInterface(),
  classPrice: ClassPrice__factory.createInterface(),
  valuation: Valuation__factory.createInterface(),
  asset: TestStable__factory.createInterface(),
} as const satisfies Record<string, Interface>;

/** A JSON-RPC provider that never answers from a cache, checked to serve the expected chain. */
export async function connectChain(url: string, chainId: number): Promise<JsonRpcProvider> {
  const provider = new JsonRpcProvider(url, chainId, { staticNetwork: true, cacheTimeout: -1, batchMaxCount: 1 });
  provider.pollingInterval = 50;
  const answer = Number(await provider.send("eth_chainId", []));
  if (answer !== chainId) {
    provider.destroy();
    throw new Refusal("Chain_WrongId", { url, chainId: answer, expectedChainId: chainId });
  }
  return provider;
}

export type Contracts = ReturnType<typeof contractsAt>;

/** Typed handles to the contracts of a system. */
export function contractsAt(addresses: Addresses, runner: ContractRunner) {
  return {
    gate: Gate__factory.connect(addresses.gate, runner),
    markets: Markets__factory.connect(addresses.markets, runner),
    facilities: Facilities__factory.connect(addresses.facilities, runner),
    leases: Leases__factory.connect(addresses.leases, runner),
    registry: Registry__factory.connect(addresses.registry, runner),
    telemetry: Telemetry__factory.connect(addresses.telemetry, runner),
    valuation: Valuation__factory.connect(addresses.valuation, runner),
    facility: (address: string) => Facility__factory.connect(address, runner),
    classToken: (address: string) => ClassToken__factory.connect(address, runner),
  };
}

/** Sends a transaction and waits for its block; a revert is thrown with the contract's own error and numbers. */
export async function send(sent: Promise<ContractTransactionResponse>): Promise<ContractTransactionReceipt> {
  try {
    const transaction = await sent;
    const receipt = await transaction.wait();
    if (receipt === null) throw new Error(`transaction ${transaction.hash} was not mined`);
    return receipt;
  } catch (error) {
    throw explainRevert(error) ?? error;
  }
}

/** The custom error behind a failed call, as a refusal; undefined when it is none that a contract of ours throws. */
export function explainRevert(error: unknown): Refusal | undefined {
  if (!isError(error, "CALL_EXCEPTION")) return undefined;
  const { data } = error;
  if (data === null || data === undefined) return undefined;
  for (const contract of Object.values(INTERFACES)) {
    const parsed = contract.parseError(data);
    if (parsed === null) continue;
    const facts = parsed.fragment.inputs.map((input, index) => [
      input.name === "" ? `argument${index}` : input.name,
      String(parsed.args[index]),
    ]);
    return new Refusal(parsed.name, Object.fromEntries(facts) as Record<string, string>);
  }
  return undefined;
}

/** The telemetry's state that the next report follows on, and what its prior filing was; out of events alone. */
export interface TelemetryHead {
  lastEpoch: bigint;
  configDigest: Hex;
  signers: string[];
  faultyCount: number;
  prior: Filing;
}

/** Reads the head; the filing comes from the events, so losing a database loses nothing. */
export async function telemetryHead(telemetry: Telemetry): Promise<TelemetryHead> {
  const [lastEpoch, configDigest, signers, faultyCount] = await Promise.all([
    telemetry.lastEpoch(),
    telemetry.configDigest(),
    telemetry.signers(),
    telemetry.faultyCount(),
  ]);
  return {
    lastEpoch,
    configDigest: configDigest as Hex,
    signers: [...signers],
    faultyCount: Number(faultyCount),
    prior: await filingAt(telemetry, lastEpoch),
  };
}

/** The filing of an epoch: of its report; of a skip with the meters before it; empty before the first epoch. */
export async function filingAt(telemetry: Telemetry, epoch: bigint): Promise<Filing> {
  const submitted = await telemetry.queryFilter(telemetry.filters.Submitted(epoch));
  const event = submitted.at(-1);
  if (event !== undefined) {
    const { reportHash, submittedAt, report } = event.args;
    return { reportHash: reportHash as Hex, submittedAt, meters: report.meters.map(plainMeter) };
  }
  const skipped = (await telemetry.queryFilter(telemetry.filters.Skipped(epoch))).at(-1);
  if (skipped !== undefined) {
    const { skipHash, submittedAt } = skipped.args;
    return { reportHash: skipHash as Hex, submittedAt, meters: (await filingAt(telemetry, epoch - 1n)).meters };
  }
  return { reportHash: `0x${"0".repeat(64)}`, submittedAt: 0n, meters: [] };
}

function plainMeter(meter: { [K in keyof LotMeter]: LotMeter[K] | string }): LotMeter {
  const { lotId, tdpW, timeWord, energyWord, resourceWord } = meter;
  return {
    lotId: BigInt(lotId),
    tdpW: BigInt(tdpW),
    timeWord: timeWord as Hex,
    energyWord: energyWord as Hex,
    resourceWord: resourceWord as Hex,
  };
}

/** Refuses to go on when the node's meters before an epoch are not the chain's. */
export function requireSameMeters(epoch: bigint, own: readonly LotMeter[], prior: Filing): void {
  const ownHash = metersHashOf(own);
  const chainHash = metersHashOf(prior.meters);
  if (ownHash !== chainHash) throw new Refusal("Oracle_MetersDiffer", { epoch, ownHash, chainHash });
}

/** The deployment's facility with a class token, by address. */
export function facilityAt(deployment: Deployment, address: string): Deployment["facilities"][number] {
  const found = deployment.facilities.find((facility) => facility.address.toLowerCase() === address.toLowerCase());
  if (found === undefined) throw new Refusal("Facility_Unknown", { address });
  return found;
}
