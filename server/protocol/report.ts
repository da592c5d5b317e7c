import { AbiCoder, TypedDataEncoder, concat, keccak256 } from "ethers";
import type { Aggregation } from "./aggregate.ts";
import type { Hex } from "./bytes.ts";
import type { LotMeter } from "./meter.ts";
import { epochEndAt, epochStartAt } from "./units.ts";
import { structDigest, structHash, type Domain, type TypedStruct } from "./typed.ts";

/** What the oracles sign for one epoch: Telemetry.Report. */
export interface Report {
  readonly configDigest: Hex;
  readonly epoch: bigint;
  readonly periodStartAt: bigint;
  readonly periodEndAt: bigint;
  readonly readingsRoot: Hex;
  readonly prevReportHash: Hex;
  readonly dataHash: Hex;
  readonly methodologyHash: Hex;
  readonly devicesRegisteredCount: bigint;
  readonly devicesReportingCount: bigint;
  readonly meters: LotMeter[];
}

/** The preimage of what the chain stores for an epoch: Telemetry.Filing. */
export interface Filing {
  readonly reportHash: Hex;
  readonly submittedAt: bigint;
  readonly meters: LotMeter[];
}

const LOT_METER_TYPES = {
  LotMeter: [
    { name: "lotId", type: "uint64" },
    { name: "tdpW", type: "uint32" },
    { name: "timeWord", type: "bytes32" },
    { name: "energyWord", type: "bytes32" },
    { name: "resourceWord", type: "bytes32" },
  ],
};

/** The digest of an oracle configuration: a report signed for another one is void. */
export function configDigestOf(
  chainId: bigint,
  telemetry: string,
  configCount: bigint,
  signers: readonly string[],
  faultyCount: number,
): Hex {
  const types = ["uint256", "address", "uint64", "address[]", "uint8"];
  const values = [chainId, telemetry, configCount, signers, faultyCount];
  return keccak256(AbiCoder.defaultAbiCoder().encode(types, values)) as Hex;
}

/** The report of an aggregated epoch. */
export function buildReport(
  aggregation: Aggregation,
  configDigest: Hex,
  prevReportHash: Hex,
  methodologyHash: Hex,
): Report {
  const { epoch } = aggregation;
  return {
    configDigest,
    epoch,
    periodStartAt: epochStartAt(epoch),
    periodEndAt: epochEndAt(epoch),
    readingsRoot: aggregation.readingsRoot,
    prevReportHash,
    dataHash: aggregation.dataHash,
    methodologyHash,
    devicesRegisteredCount: aggregation.devicesRegisteredCount,
    devicesReportingCount: aggregation.devicesReportingCount,
    meters: aggregation.meters,
  };
}

/** A report's hash (hashStruct), which the next report names; `struct` comes from the ABI of Telemetry.submit. */
export function reportHashOf(struct: TypedStruct, report: Report): Hex {
  return structHash(struct, report);
}

/** The digest that an oracle signs. */
export function reportDigestOf(struct: TypedStruct, domain: Domain, report: Report): Hex {
  return structDigest(struct, domain, report);
}

/** Hash of the meters as EIP-712 encodes the array: of the concatenated struct hashes. */
export function metersHashOf(meters: readonly LotMeter[]): Hex {
  const encoder = TypedDataEncoder.from(LOT_METER_TYPES);
  return keccak256(concat(meters.map((meter) => encoder.hashStruct("LotMeter", { ...meter })))) as Hex;
}

/** What Telemetry stores for an epoch. */
export function commitmentOf(filing: Filing): Hex {
  const values = [filing.reportHash, metersHashOf(filing.meters), filing.submittedAt];
  return keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32", "uint64"], values)) as Hex;
}
