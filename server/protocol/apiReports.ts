import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  Bps,
  Count,
  Hash,
  Month,
  oneOf,
  orNull,
  SignedAmount,
  strict,
  U64,
  UnixTime,
  Wad,
} from "./apiTypes.ts";
import { BreachSchema, PaymentSchema } from "./apiFacilities.ts";
import { FacilityTelemetrySchema } from "./apiValues.ts";
import { FACILITY_STATES } from "./deal.ts";

// Monthly reports to investors.

export const ReportParamsSchema = Type.Object({ address: Address, month: Month }, strict);

export const ReportListSchema = Type.Object(
  {
    month: Month,
    fromAt: UnixTime,
    untilAt: UnixTime,
    isOver: Type.Boolean({ description: "whether the month is; before that its report is of a part" }),
    paymentIndex: orNull(U64),
  },
  strict,
);

/** A month of a class: from what was outstanding at its start to what is at its end. */
const ClassMonthSchema = Type.Object(
  {
    classIndex: Count,
    name: Type.String(),
    symbol: Type.String(),
    token: Address,
    couponBps: Bps,
    startAssets: Amount,
    interestDueAssets: Amount,
    interestPaidAssets: Amount,
    principalPaidAssets: Amount,
    lossAssets: Amount,
    endAssets: Amount,
    endPoolFactorWad: Wad,
    exitPriceWad: orNull(Wad),
    claimedAssets: Amount,
  },
  strict,
);

/** One month of a facility, for its investors. Every figure is of events and of the state at the month's end. */
export const MonthlyReportSchema = Type.Object(
  {
    facility: Address,
    name: Type.String(),
    asset: Address,
    assetSymbol: Type.String(),
    assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
    ...ReportListSchema.properties,
    state: oneOf(FACILITY_STATES),
    block: U64,
    blockHash: Hash,
    classes: Type.Array(ClassMonthSchema),
    payments: Type.Array(PaymentSchema),
    cash: Type.Object(
      {
        startAssets: Amount,
        rentAssets: Amount,
        otherAssets: Type.String({
          ...SignedAmount,
          description: "raised, sold and booked, less what was drawn and given back",
        }),
        feesAssets: Amount,
        classesAssets: Amount,
        endAssets: Amount,
      },
      strict,
    ),
    reserveAssets: Amount,
    reserveTargetAssets: Amount,
    trappedAssets: Amount,
    dscrBps: orNull(Bps),
    ltvBps: orNull(Bps),
    relatedPartyBps: Bps,
    breaches: Type.Array(BreachSchema),
    invoices: Type.Object(
      {
        invoiceCount: Count,
        invoicedAssets: Amount,
        slaCreditAssets: Amount,
        paidAssets: Amount,
        overdueAssets: Amount,
      },
      strict,
    ),
    telemetry: orNull(FacilityTelemetrySchema),
    value: Type.Object(
      { computedAt: orNull(UnixTime), exitAssets: orNull(Amount), entryAssets: orNull(Amount) },
      strict,
    ),
  },
  strict,
);

export type ReportListItem = Static<typeof ReportListSchema>;
export type MonthlyReport = Static<typeof MonthlyReportSchema>;
