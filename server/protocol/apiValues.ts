import { Type, type Static } from "typebox";
import { Address, Amount, Bps, Count, Hash, orNull, strict, U64, UnixTime, Wad } from "./apiTypes.ts";

// What the REST API gives of a facility's worth and of what its lots do.

// Value

/** What a class is worth, exit for who leaves and entry for who comes; prices are per share, yields a year. */
const ClassValueSchema = Type.Object(
  {
    classIndex: Count,
    token: Address,
    symbol: Type.String(),
    totalShares: Amount,
    exitAssets: Amount,
    entryAssets: Amount,
    exitPriceWad: orNull(Wad),
    entryPriceWad: orNull(Wad),
    owedAssets: Amount,
    accruedAssets: Amount,
    runningYieldBps: Type.Union([Bps, Type.Null()], { description: "coupon and margin on what entry costs" }),
    scheduledYieldBps: Type.Union([Bps, Type.Null()], {
      description: "of who comes at the entry price and is paid by the schedule, as XIRR",
    }),
  },
  strict,
);

/** Net asset value with its parts: exit = cash + receivables + lots − moved. `isUsable`: neither stale nor held. */
export const FacilityValueSchema = Type.Object(
  {
    address: Address,
    asOfAt: UnixTime,
    computedAt: Type.Union([UnixTime, Type.Null()], { description: "of the oldest input; null: never, or void" }),
    maxAgeSec: Count,
    expiresAt: orNull(UnixTime),
    heldUntilAt: orNull(UnixTime),
    isUsable: Type.Boolean(),
    exitAssets: Amount,
    entryAssets: Amount,
    parts: Type.Object(
      {
        escrowAssets: Amount,
        collectionsAssets: Amount,
        reserveAssets: Amount,
        trappedAssets: Amount,
        receivableExitAssets: Amount,
        receivableEntryAssets: Amount,
        lotExitAssets: Amount,
        lotEntryAssets: Amount,
        hardwareAssets: Type.String({ ...Amount, description: "of the lots, as if none were let" }),
        contractedAssets: Type.String({ ...Amount, description: "of the lots, rent to come" }),
        movedAssets: Type.String({ ...Amount, description: "of the rent to come, invoiced since the appraisal" }),
      },
      strict,
    ),
    seniorOwedAssets: Amount,
    ltvBps: orNull(Bps),
    classes: Type.Array(ClassValueSchema),
  },
  strict,
);

/** What a facility and its classes were worth at one appraisal; null where the chain does not tell any more. */
export const AppraisalSchema = Type.Object(
  {
    blockNumber: U64,
    at: UnixTime,
    computedAt: UnixTime,
    heldUntilAt: orNull(UnixTime),
    lotExitAssets: Amount,
    lotEntryAssets: Amount,
    hardwareAssets: Amount,
    contractedAssets: Amount,
    exitAssets: orNull(Amount),
    entryAssets: orNull(Amount),
    classes: Type.Array(
      Type.Object({ classIndex: Count, token: Address, exitPriceWad: orNull(Wad), entryPriceWad: orNull(Wad) }, strict),
    ),
    transactionHash: Hash,
  },
  strict,
);

// Telemetry of the lots that are pledged

export const FacilityTelemetryQuerySchema = Type.Object(
  {
    from: U64,
    to: U64,
    step: Type.Unsafe<"hour" | "day">({ type: "string", pattern: "^(hour|day)$", default: "hour" }),
    limit: Type.String({
      pattern: "^([1-9]|[1-9][0-9]{1,2}|1000)$",
      default: "168",
      description: "1 to 1000",
    }),
  },
  strict,
);

/** What the lots did from one epoch to another, both included; ratios are 0 where there is nothing to divide by. */
export const FacilityTelemetrySchema = Type.Object(
  {
    fromEpoch: U64,
    toEpoch: U64,
    isFinal: Type.Boolean(),
    gpuCount: U64,
    reportingCount: Type.String({ ...U64, description: "in the last of the epochs" }),
    availableGpuSec: U64,
    allocatedGpuSec: U64,
    smActiveGpuSec: U64,
    curtailedGpuSec: U64,
    gpuEnergyWh: U64,
    itEnergyWh: U64,
    facilityEnergyWh: U64,
    cfeMatchedWh: U64,
    emissionsGCO2e: U64,
    waterMl: U64,
    averagePowerW: Type.String({ ...U64, description: "of the whole facility's draw" }),
    allocationBps: Bps,
    smActiveBps: Bps,
    coverageBps: Bps,
    pueE4: Count,
    cfeBps: Bps,
    gCO2ePerKWh: U64,
    gpuHoursPerMWh: U64,
  },
  strict,
);

export type FacilityValue = Static<typeof FacilityValueSchema>;
export type ClassValue = Static<typeof ClassValueSchema>;
export type Appraisal = Static<typeof AppraisalSchema>;
export type FacilityTelemetry = Static<typeof FacilityTelemetrySchema>;
