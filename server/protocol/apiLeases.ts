import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  Bps,
  COUNT,
  Count,
  CountryCode,
  Hash,
  oneOf,
  orNull,
  PageLimit,
  strict,
  U64,
  UnixTime,
  Wad,
} from "./apiTypes.ts";
import { EFFICIENCY_METRICS, PRICINGS } from "./lease.ts";

export const LEASE_STATES = ["Running", "Ended", "Defaulted", "Bought"] as const;

/** A lease: its terms, what became of it and its money; late fees stand beside what was paid. */
export const LeaseSchema = Type.Object(
  {
    leaseId: U64,
    lotId: U64,
    lessee: Address,
    payee: Address,
    asset: Address,
    state: oneOf(LEASE_STATES),
    pricing: oneOf(PRICINGS),
    startAt: UnixTime,
    periodCount: Type.Integer({ ...COUNT, description: "with renewed ones" }),
    endCount: Type.Integer({ ...COUNT, description: "how many are invoiced: fewer after an early end" }),
    settledCount: Count,
    endAt: orNull(UnixTime),
    isInDefault: Type.Boolean(),
    purchaser: orNull(Address),
    baseRentAssets: Amount,
    gpuHourRateAssets: Amount,
    index: Type.Object({ source: Address, participationBps: Bps, floorAssets: Amount, capAssets: Amount }, strict),
    efficiency: Type.Object(
      {
        metric: oneOf(EFFICIENCY_METRICS),
        targetUnits: Type.Integer({ ...COUNT, description: "10,000ths for Pue, Wh for WhPerGpuHour" }),
        ...{ sharedBps: Bps, maxBps: Bps, kWhRateAssets: Amount },
      },
      strict,
    ),
    payment: Type.Object(
      { dueSec: Count, lateFeeBps: Bps, cureSec: Count, prepaidMonthCount: Count, depositAssets: Amount },
      strict,
    ),
    exit: Type.Object(
      {
        ...{ minPeriodCount: Count, noticeSec: Count, renewalPeriodCount: Count, renewalRentBps: Bps },
        ...{ terminationFeeAssets: Amount, purchaseAssets: Amount },
      },
      strict,
    ),
    tripleNet: Type.Boolean(),
    relatedParty: Type.Boolean({ description: "by its terms, or shown since" }),
    lesseeBucket: Count,
    countries: Type.Array(CountryCode),
    sla: Type.Array(Type.Object({ availabilityBps: Bps, creditBps: Bps }, strict)),
    documentHash: Hash,
    invoicedAssets: Amount,
    slaCreditAssets: Amount,
    bonusAssets: Amount,
    excessCreditAssets: Amount,
    paidAssets: Amount,
    lateFeeAssets: Amount,
    owedAssets: Amount,
    prepaidAssets: Amount,
    depositAssets: Amount,
  },
  strict,
);

export type Lease = Static<typeof LeaseSchema>;

// Which leases

const limit = PageLimit;

const stateText = <const T extends readonly string[]>(names: T) =>
  Type.Unsafe<T[number]>({ type: "string", pattern: `^(${names.join("|")})$` });

export const LeasesQuerySchema = Type.Object(
  {
    limit,
    after: Type.Optional(U64),
    lot: Type.Optional(U64),
    lessee: Type.Optional(Address),
    payee: Type.Optional(Address),
    state: Type.Optional(stateText(LEASE_STATES)),
  },
  strict,
);

export const LeaseParamsSchema = Type.Object({ leaseId: U64 }, strict);

// Invoices and what is left of them

const ReceiptSchema = Type.Object(
  {
    at: UnixTime,
    payer: Type.Union([Address, Type.Null()], { description: "null: the lease's own escrow" }),
    paidAssets: Amount,
    lateFeeAssets: Amount,
    transactionHash: Hash,
  },
  strict,
);

export const INVOICE_KINDS = ["Rent", "TerminationFee"] as const;

/** An invoice with all that went into it (of a termination fee: nothing), and what was paid for it. */
export const InvoiceSchema = Type.Object(
  {
    leaseId: U64,
    periodIndex: Count,
    kind: oneOf(INVOICE_KINDS),
    payee: Address,
    fromAt: orNull(UnixTime),
    untilAt: orNull(UnixTime),
    invoicedAt: UnixTime,
    dueAt: UnixTime,
    gpuCount: Count,
    periodSec: U64,
    wholeSec: U64,
    availableGpuSec: U64,
    allocatedGpuSec: U64,
    curtailedGpuSec: U64,
    itEnergyWh: U64,
    facilityEnergyWh: U64,
    indexWad: Wad,
    availabilityBps: Bps,
    rateAssets: Amount,
    baseAssets: Amount,
    meteredAssets: Amount,
    slaCreditAssets: Amount,
    bonusAssets: Amount,
    excessCreditAssets: Amount,
    dueAssets: Amount,
    paidAssets: Amount,
    lateFeeAssets: Amount,
    leftAssets: Amount,
    receipts: Type.Array(ReceiptSchema),
    transactionHash: Hash,
  },
  strict,
);

export const RECEIVABLE_STATES = ["Open", "Overdue", "Paid"] as const;

/** Receivables are paged by lease and period: `next` of a page is `after` of the one that follows. */
export const ReceivablesQuerySchema = Type.Object(
  {
    limit,
    after: Type.Optional(Type.String({ pattern: "^(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,8})$" })),
    payee: Type.Optional(Address),
    lessee: Type.Optional(Address),
    lease: Type.Optional(U64),
    state: Type.Optional(stateText(RECEIVABLE_STATES)),
  },
  strict,
);
export const FacilityReceivablesQuerySchema = Type.Object(
  {
    limit,
    after: ReceivablesQuerySchema.properties.after,
    state: ReceivablesQuerySchema.properties.state,
  },
  strict,
);

/** What an invoice left somebody to pay. `overdueSec` counts from its due time; the late fee is beside it. */
export const ReceivableSchema = Type.Object(
  {
    key: Type.String({ description: "lease and period" }),
    leaseId: U64,
    periodIndex: Count,
    lotId: U64,
    lessee: Address,
    payee: Address,
    asset: Address,
    kind: oneOf(INVOICE_KINDS),
    state: oneOf(RECEIVABLE_STATES),
    invoicedAt: UnixTime,
    dueAt: UnixTime,
    overdueSec: U64,
    dueAssets: Amount,
    paidAssets: Amount,
    leftAssets: Amount,
    lateFeePaidAssets: Amount,
  },
  strict,
);

export type Invoice = Static<typeof InvoiceSchema>;
export type Receivable = Static<typeof ReceivableSchema>;
export type LeaseState = (typeof LEASE_STATES)[number];
export type ReceivableState = (typeof RECEIVABLE_STATES)[number];
