import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  Bps,
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
import { DAY_COUNTS } from "./calendar.ts";
import { FACILITY_STATES, INVESTOR_CATEGORIES, PRINCIPAL_KINDS, STEP_KINDS, TRIGGERS } from "./deal.ts";

// What the REST API gives of facilities.

const limit = PageLimit;
const EvidenceClass = Type.Integer({ minimum: 0, maximum: 4, description: "of the least attested lot" });

// Facilities

const ClassSchema = Type.Object(
  {
    classIndex: Count,
    token: Address,
    name: Type.String(),
    symbol: Type.String(),
    kind: oneOf(["Senior", "Residual"]),
    principalKind: oneOf(PRINCIPAL_KINDS),
    dayCount: oneOf(DAY_COUNTS),
    couponBps: Bps,
    termMonthCount: Count,
    targetAssets: Amount,
    totalShares: Amount,
    outstandingAssets: Amount,
    poolFactorWad: Wad,
    owedAssets: Amount,
    interestDueAssets: Amount,
    missedAt: orNull(UnixTime),
    interestPaidAssets: Amount,
    principalPaidAssets: Amount,
    claimableAssets: Amount,
    claimedAssets: Amount,
    lossAssets: Amount,
    holderCount: Count,
    largestHolderBps: Bps,
    topTenHoldersBps: Bps,
  },
  strict,
);

/** A covenant that does not hold; the subject is the lot, 0 for the facility as a whole. */
export const BreachSchema = Type.Object({ trigger: oneOf(TRIGGERS), subjectId: U64, openedAt: UnixTime }, strict);

/** What trips a facility; a ratio of 0 is not tested, no countries are any. */
const CovenantsSchema = Type.Object(
  {
    ...{ trapDscrBps: Bps, amortiseDscrBps: Bps, dscrPeriodCount: Count, maxLtvBps: Bps, minCoverageBps: Bps },
    ...{ covenantCureSec: Count, interestCureSec: Count, countries: Type.Array(CountryCode) },
  },
  strict,
);

export const FacilitySchema = Type.Object(
  {
    address: Address,
    name: Type.String({ description: "what the names of its classes have in common" }),
    state: oneOf(FACILITY_STATES),
    asset: Address,
    assetSymbol: Type.String(),
    assetDecimalCount: Type.Integer({ minimum: 0, maximum: 18 }),
    sponsor: Address,
    createdAt: UnixTime,
    raiseUntilAt: UnixTime,
    firstPaymentAt: UnixTime,
    anticipatedRepaymentAt: orNull(UnixTime),
    callableAt: orNull(UnixTime),
    escrowAssets: Amount,
    drawnAssets: Amount,
    collectionsAssets: Amount,
    reserveAssets: Amount,
    reserveTargetAssets: Amount,
    trappedAssets: Amount,
    feesPaidAssets: Amount,
    dscrBps: orNull(Bps),
    marginBps: Bps,
    coverageBps: orNull(Bps),
    relatedPartyBps: Bps,
    evidenceClass: orNull(EvidenceClass),
    gpuCount: U64,
    covenants: CovenantsSchema,
    ratchet: Type.Array(Type.Object({ maxPueE4: Count, marginBps: Bps }, strict)),
    breaches: Type.Array(BreachSchema),
    paymentCount: Count,
    nextPaymentAt: orNull(UnixTime),
    classes: Type.Array(ClassSchema),
    lotIds: Type.Array(U64),
  },
  strict,
);

/** One line of the priority of payments on one date; subjectIndex names the fee or the class. */
const StepSchema = Type.Object(
  { stepIndex: Count, kind: oneOf(STEP_KINDS), subjectIndex: Count, dueAssets: Amount, paidAssets: Amount },
  strict,
);

export const PaymentSchema = Type.Object(
  {
    paymentIndex: U64,
    dueAt: UnixTime,
    steps: Type.Array(StepSchema),
    collectionsAssets: Amount,
    reserveAssets: Amount,
    trappedAssets: Amount,
    netAssets: Amount,
    serviceAssets: Amount,
    transactionHash: Hash,
  },
  strict,
);

// Payment calendar

/** A payment date of one class: paid, or as the schedule has it; null where no schedule says. */
const ClassDateSchema = Type.Object(
  {
    classIndex: Count,
    interestDueAssets: orNull(Amount),
    interestPaidAssets: Amount,
    principalDueAssets: orNull(Amount),
    principalPaidAssets: Amount,
    leftAssets: Type.Union([Amount, Type.Null()], { description: "outstanding after the date, by the schedule" }),
  },
  strict,
);

export const PAYMENT_DATE_STATES = ["Paid", "Due", "Scheduled"] as const;

export const CalendarDateSchema = Type.Object(
  {
    paymentIndex: U64,
    dueAt: UnixTime,
    state: oneOf(PAYMENT_DATE_STATES),
    paidAt: orNull(UnixTime),
    transactionHash: orNull(Hash),
    classes: Type.Array(ClassDateSchema),
  },
  strict,
);

// Holders

export const HoldersQuerySchema = Type.Object(
  {
    limit,
    after: Type.Optional(
      Type.String({ pattern: "^[0-9]{1,3}-0x[0-9a-fA-F]{40}$", description: "class and account: `next` of a page" }),
    ),
    class: Type.Optional(Type.String({ pattern: "^[0-9]{1,3}$", description: "of one class alone" })),
  },
  strict,
);

/** Who has shares of a class, and what the gate knows of the account. Private: see docs/portal.md §2. */
export const HolderSchema = Type.Object(
  {
    key: Type.String({ description: "class and account" }),
    classIndex: Count,
    account: Address,
    shares: Amount,
    partBps: Bps,
    frozenShares: Amount,
    isFrozen: Type.Boolean(),
    isListed: Type.Boolean({ description: "a contract that may hold: a market, a vault" }),
    country: orNull(CountryCode),
    category: oneOf(INVESTOR_CATEGORIES),
    provider: orNull(Address),
    expiresAt: orNull(UnixTime),
    isVerified: Type.Boolean(),
  },
  strict,
);

export type FacilityClass = Static<typeof ClassSchema>;
export type CalendarDate = Static<typeof CalendarDateSchema>;
export type ClassDate = Static<typeof ClassDateSchema>;
export type Holder = Static<typeof HolderSchema>;
