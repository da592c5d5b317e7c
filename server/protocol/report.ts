import { AbiCoder, TypedDataEncoder, concat, keccak256 } from "ethers";
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Aggregation } from "./aggregate.ts";
import type { Hex } from "./bytes.ts";
import type { LotMeter } from "./meter.ts";
import { Refusal } from "./refusal.ts";
import { epochEndAt, epochStartAt, parseU64, u32 } from "./units.ts";
import { structDigest, structHash, structPreimage, type Domain, type TypedStruct } from "./typed.ts";

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

/** What an oracle hashes and signs, 66 bytes. */
export function reportPreimageOf(struct: TypedStruct, domain: Domain, report: Report): Uint8Array {
  return structPreimage(struct, domain, report);
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

// As JSON: integers as decimal strings.

const Decimal = Type.String({ pattern: "^(0|[1-9][0-9]{0,19})$" });
const Word = Type.String({ pattern: "^0x[0-9a-f]{64}$" });
const strict = { additionalProperties: false };
/** Lots that one report can have. */
const MAX_LOTS = 10_000;

export const ReportJsonSchema = Type.Object(
  {
    ...{ configDigest: Word, epoch: Decimal, periodStartAt: Decimal, periodEndAt: Decimal, readingsRoot: Word },
    ...{ prevReportHash: Word, dataHash: Word, methodologyHash: Word },
    ...{ devicesRegisteredCount: Decimal, devicesReportingCount: Decimal },
    meters: Type.Array(
      Type.Object({ lotId: Decimal, tdpW: Decimal, timeWord: Word, energyWord: Word, resourceWord: Word }, strict),
      { maxItems: MAX_LOTS },
    ),
  },
  strict,
);

export type ReportJson = Type.Static<typeof ReportJsonSchema>;

const validator = Compile(ReportJsonSchema);

export function reportJson(report: Report): ReportJson {
  return {
    ...report,
    epoch: String(report.epoch),
    periodStartAt: String(report.periodStartAt),
    periodEndAt: String(report.periodEndAt),
    devicesRegisteredCount: String(report.devicesRegisteredCount),
    devicesReportingCount: String(report.devicesReportingCount),
    meters: report.meters.map((meter) => ({ ...meter, lotId: String(meter.lotId), tdpW: String(meter.tdpW) })),
  };
}

/** A report out of JSON: the inverse of `reportJson`. */
export function parseReport(json: unknown): Report {
  if (!validator.Check(json)) {
    const [first] = validator.Errors(json);
    throw new Refusal("Report_Malformed", { at: first?.instancePath ?? "", rule: first?.message ?? "" });
  }
  const count = (text: string, name: string) => u32(parseU64(text, name), name);
  return {
    configDigest: json.configDigest as Hex,
    epoch: parseU64(json.epoch, "epoch"),
    periodStartAt: parseU64(json.periodStartAt, "periodStartAt"),
    periodEndAt: parseU64(json.periodEndAt, "periodEndAt"),
    readingsRoot: json.readingsRoot as Hex,
    prevReportHash: json.prevReportHash as Hex,
    dataHash: json.dataHash as Hex,
    methodologyHash: json.methodologyHash as Hex,
    devicesRegisteredCount: count(json.devicesRegisteredCount, "devicesRegisteredCount"),
    devicesReportingCount: count(json.devicesReportingCount, "devicesReportingCount"),
    meters: json.meters.map((meter) => ({
      lotId: parseU64(meter.lotId, "lotId"),
      tdpW: count(meter.tdpW, "tdpW"),
      timeWord: meter.timeWord as Hex,
      energyWord: meter.energyWord as Hex,
      resourceWord: meter.resourceWord as Hex,
    })),
  };
}
