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
  strict,
  U64,
  UnixTime,
} from "./apiTypes.ts";
import { EFFICIENCY_METRICS, PRICINGS } from "./lease.ts";

/** A lease: its terms, what became of it and its money; late fees stand beside what was paid. */
export const LeaseSchema = Type.Object(
  {
    leaseId: U64,
    lotId: U64,
    lessee: Address,
    payee: Address,
    asset: Address,
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
