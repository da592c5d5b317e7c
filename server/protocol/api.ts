import { Type, type Static, type TSchema } from "typebox";
import { FILE_KINDS, type FileKind } from "./publication.ts";
import type { FacilitySchema, PaymentSchema } from "./apiFacilities.ts";
import {
  strict,
  Amount,
  U64,
  UnixTime,
  Address,
  Hash,
  Count,
  Bps,
  CountryCode,
  PageLimit,
  orNull,
  oneOf,
} from "./apiTypes.ts";

// What the REST API takes and gives. Ids, epochs, times, amounts and counters are decimal strings, since they do not fit
// a JSON number; amounts are base units of their token. Counts and indices below 2^32 are integers. Addresses are
// written with their EIP-55 checksum, hashes in lower case.

// Problems

/** What is wrong with one place of a request. */
const FaultSchema = Type.Object({ at: Type.String(), rule: Type.String() }, strict);

/** RFC 9457. `code` is stable; `facts` are the numbers and names the detail speaks of. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: "urn:rackbond:problem: and the code" }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String(),
    code: Type.String({ pattern: "^[A-Z][A-Za-z]*_[A-Z][A-Za-z0-9]*$" }),
    requestId: Type.String(),
    facts: Type.Optional(Type.Record(Type.String(), Type.String())),
    faults: Type.Optional(Type.Array(FaultSchema)),
  },
  strict,
);

// Parameters. Everything in an address is text: numbers are checked by their decimal form.

const limit = PageLimit;

/** A page of what is listed from the lowest id up. */
export const AfterQuerySchema = Type.Object({ limit, after: Type.Optional(U64) }, strict);
/** A page of what is listed from the newest down. */
export const BeforeQuerySchema = Type.Object({ limit, before: Type.Optional(U64) }, strict);
/** A page of facilities. */
export const FacilitiesQuerySchema = Type.Object({ limit, after: Type.Optional(Address) }, strict);
/** Epochs from one to another, both included. */
export const MetersQuerySchema = Type.Object({ limit, from: U64, to: U64 }, strict);
export const NoQuerySchema = Type.Object({}, strict);

export const FacilityParamsSchema = Type.Object({ address: Address }, strict);
export const LotParamsSchema = Type.Object({ lotId: U64 }, strict);
export const EpochParamsSchema = Type.Object({ epoch: U64 }, strict);
export const DeviceParamsSchema = Type.Object({ epoch: U64, deviceId: Hash }, strict);
export const LotEpochParamsSchema = Type.Object({ epoch: U64, lotId: U64 }, strict);
export const LotDeviceParamsSchema = Type.Object(
  { epoch: U64, lotId: U64, deviceIndex: Type.String({ pattern: "^(0|[1-9][0-9]{0,9})$" }) },
  strict,
);
const FileKindText = Type.Unsafe<FileKind>({ type: "string", pattern: `^(${FILE_KINDS.join("|")})$` });
export const IdentityParamsSchema = Type.Object({ identityRoot: Hash }, strict);
export const HandedSchema = Type.Object(
  { identityRoot: Hash, outcome: Type.Union([Type.Literal("kept"), Type.Literal("known")]) },
  strict,
);
export const FileParamsSchema = Type.Object({ kind: FileKindText, hash: Hash }, strict);

/** A page: pass `next` as `after` or `before` for the one that follows; null at the end. */
export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), next: orNull(Type.String()) }, strict);

// Service

export const HealthSchema = Type.Object({ status: Type.Literal("ok") }, strict);

export const ReadySchema = Type.Object(
  { status: Type.Literal("ready"), blockCount: U64, lastEpoch: orNull(U64), chainId: U64 },
  strict,
);

/** Where the rent that was paid in is now: received is the sum of the rest. */
const CashSchema = Type.Object(
  {
    received: Amount,
    fees: Amount,
    claimable: Amount,
    claimed: Amount,
    reserve: Amount,
    collections: Amount,
  },
  strict,
);

export const SummarySchema = Type.Object(
  {
    months: Type.Integer({ minimum: 0, description: "payment dates run" }),
    cash: CashSchema,
    chainId: U64,
    blockCount: U64,
    chainTimeAt: UnixTime,
    asset: Address,
    assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
    gpuCount: U64,
    lastEpoch: orNull(U64),
    finalEpoch: orNull(U64),
  },
  strict,
);

// Lots and leases

export const LotSchema = Type.Object(
  {
    lotId: U64,
    siteId: U64,
    operator: Address,
    country: CountryCode,
    modelId: Hash,
    modelName: Type.String(),
    gpuCount: Count,
    tdpW: Count,
    costAssets: Amount,
    commissionedAt: UnixTime,
    identityRoot: Hash,
    evidenceClass: Type.Integer({ minimum: 0, maximum: 4 }),
    levels: Type.Array(Type.Object({ level: Type.Integer({ minimum: 1, maximum: 4 }), expiresAt: UnixTime }, strict)),
    isFrozen: Type.Boolean(),
    isRetired: Type.Boolean(),
    lienHolder: orNull(Address),
    leaseId: orNull(U64),
  },
  strict,
);

const REPORT_STATES = ["Submitted", "Final", "Skipped"] as const;

const MeterSchema = Type.Object(
  {
    gpuCount: Count,
    reportingCount: Count,
    availableGpuSec: U64,
    allocatedGpuSec: U64,
    smActiveGpuSec: U64,
    gpuEnergyWh: U64,
    itEnergyWh: U64,
    facilityEnergyWh: U64,
    cfeMatchedWh: U64,
    waterMl: U64,
    emissionsGCO2e: U64,
    curtailedGpuSec: U64,
    workUnits: U64,
  },
  strict,
);

/** What one epoch added to a meter, as ratios; 0 where there is nothing to divide by. */
const RatiosSchema = Type.Object(
  {
    allocationBps: Bps,
    smActiveBps: Bps,
    pueE4: Count,
    gpuHoursPerMWh: U64,
    cfeBps: Bps,
    gCO2ePerKWh: U64,
    coverageBps: Bps,
  },
  strict,
);

/** A lot's cumulative meter at the end of an epoch. */
export const LotMeterSchema = Type.Object(
  { epoch: U64, state: oneOf(REPORT_STATES), meter: MeterSchema, ratios: RatiosSchema },
  strict,
);

// Epochs

export const EpochSchema = Type.Object(
  {
    epoch: U64,
    state: oneOf(REPORT_STATES),
    reportHash: Hash,
    submittedAt: UnixTime,
    transactionHash: Hash,
    devicesRegisteredCount: U64,
    devicesReportingCount: U64,
  },
  strict,
);

const SignedLotMeterSchema = Type.Object(
  { lotId: U64, tdpW: Count, timeWord: Hash, energyWord: Hash, resourceWord: Hash },
  strict,
);

/** Telemetry.Report as it was signed. */
const ReportSchema = Type.Object(
  {
    configDigest: Hash,
    epoch: U64,
    periodStartAt: UnixTime,
    periodEndAt: UnixTime,
    readingsRoot: Hash,
    prevReportHash: Hash,
    dataHash: Hash,
    methodologyHash: Hash,
    devicesRegisteredCount: U64,
    devicesReportingCount: U64,
    meters: Type.Array(SignedLotMeterSchema),
  },
  strict,
);

/** A report with its signatures, and the published readings when they are kept here; a skipped epoch has no report. */
export const EpochDetailSchema = Type.Object(
  {
    ...EpochSchema.properties,
    report: orNull(ReportSchema),
    signatures: Type.Array(
      Type.Object({ signer: Address, signature: Type.String({ pattern: "^0x[0-9a-f]{128}$" }) }, strict),
    ),
    readings: orNull(
      Type.Object({ path: Type.String({ description: "of the published file" }), storedByteCount: U64 }, strict),
    ),
  },
  strict,
);

export const ReceiptSchema = Type.Object(
  { outcome: oneOf(["inserted", "duplicate"]), epoch: U64, nodeId: U64, readingHash: Hash },
  strict,
);

export type Problem = Static<typeof ProblemSchema>;
export type Ready = Static<typeof ReadySchema>;
export type Summary = Static<typeof SummarySchema>;
export type Facility = Static<typeof FacilitySchema>;
export type Payment = Static<typeof PaymentSchema>;
export type LotDetail = Static<typeof LotSchema>;
export type LotMeterRecord = Static<typeof LotMeterSchema>;
export type Epoch = Static<typeof EpochSchema>;
export type EpochDetail = Static<typeof EpochDetailSchema>;
