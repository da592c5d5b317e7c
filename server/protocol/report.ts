import { AbiCoder, concat, keccak256 } from "ethers";
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Aggregation } from "./aggregate.ts";
import type { Hex } from "./bytes.ts";
import type { LotMeter } from "./meter.ts";
import { Refusal, demand } from "./refusal.ts";
import { structDigest, structHash, structPreimage, type Domain, type TypedStruct } from "./typed.ts";
import { epochEndAt, epochStartAt, parseU64, u32, u64 } from "./units.ts";

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

/** A report as Telemetry takes it: of its lots one list of words. */
export type ReportCall = Omit<Report, "meters"> & { readonly meterWords: Hex[] };
/** A filing as Telemetry takes it. */
export type FilingCall = Omit<Filing, "meters"> & { readonly meterWords: Hex[] };

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

// Four words a lot (MeterWords.sol): lotId u64 and tdpW u32 in the low 96 bits of the first.
const STRIDE = 4;
const TDP_BITS = 32n;

/** The lots of a report as one list of words, which is what is signed. */
export function meterWordsOf(meters: readonly LotMeter[]): Hex[] {
  return meters.flatMap(({ lotId, tdpW, timeWord, energyWord, resourceWord }) => {
    const key = (u64(lotId, "lotId") << TDP_BITS) | u32(tdpW, "tdpW");
    return [`0x${key.toString(16).padStart(64, "0")}` as const, timeWord, energyWord, resourceWord];
  });
}

/** The inverse of `meterWordsOf`; refuses a list that is none. */
export function metersOfWords(words: readonly string[]): LotMeter[] {
  demand(words.length % STRIDE === 0, "Report_BadWords", { wordCount: words.length });
  return Array.from({ length: words.length / STRIDE }, (_, index) => {
    const [key, timeWord, energyWord, resourceWord] = words.slice(STRIDE * index, STRIDE * index + STRIDE) as Hex[];
    const bits = BigInt(key!);
    const tdpW = BigInt.asUintN(Number(TDP_BITS), bits);
    const lotId = u64(bits >> TDP_BITS, "lotId");
    return { lotId, tdpW, timeWord: timeWord!, energyWord: energyWord!, resourceWord: resourceWord! };
  });
}

/** A report as a call of Telemetry takes it. */
export function reportCall({ meters, ...rest }: Report): ReportCall {
  return { ...rest, meterWords: meterWordsOf(meters) };
}

/** A filing as a call of Telemetry takes it. */
export function filingCall({ meters, ...rest }: Filing): FilingCall {
  return { ...rest, meterWords: meterWordsOf(meters) };
}

/** A report as an event or a call of Telemetry gives it. */
export function reportFrom(given: { [K in keyof ReportCall]: K extends "meterWords" ? string[] : bigint | string }) {
  const integer = (name: keyof ReportCall) => BigInt(given[name] as string);
  return {
    configDigest: given.configDigest as Hex,
    epoch: integer("epoch"),
    periodStartAt: integer("periodStartAt"),
    periodEndAt: integer("periodEndAt"),
    readingsRoot: given.readingsRoot as Hex,
    prevReportHash: given.prevReportHash as Hex,
    dataHash: given.dataHash as Hex,
    methodologyHash: given.methodologyHash as Hex,
    devicesRegisteredCount: integer("devicesRegisteredCount"),
    devicesReportingCount: integer("devicesReportingCount"),
    meters: metersOfWords(given.meterWords),
  } satisfies Report;
}

/** A report's hash (hashStruct), which the next report names; `struct` comes from the ABI of Telemetry.submit. */
export function reportHashOf(struct: TypedStruct, report: Report): Hex {
  return structHash(struct, reportCall(report));
}

/** The digest that an oracle signs. */
export function reportDigestOf(struct: TypedStruct, domain: Domain, report: Report): Hex {
  return structDigest(struct, domain, reportCall(report));
}

/** What an oracle hashes and signs, 66 bytes. */
export function reportPreimageOf(struct: TypedStruct, domain: Domain, report: Report): Uint8Array {
  return structPreimage(struct, domain, reportCall(report));
}

/** Hash of the meters as EIP-712 encodes their list of words. */
export function metersHashOf(meters: readonly LotMeter[]): Hex {
  return keccak256(concat(meterWordsOf(meters))) as Hex;
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
