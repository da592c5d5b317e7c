import { Type } from "typebox";
import { strict, Amount, U64, UnixTime, Address, Hash, Count, Bps, orNull, oneOf } from "./apiTypes.ts";
import { FACILITY_STATES, STEP_KINDS, TRIGGERS } from "./deal.ts";

// What the REST API gives of facilities.

const ClassSchema = Type.Object(
  {
    classIndex: Count,
    token: Address,
    name: Type.String(),
    symbol: Type.String(),
    kind: oneOf(["Senior", "Residual"]),
    couponBps: Bps,
    totalShares: Amount,
    outstandingAssets: Amount,
    owedAssets: Amount,
    claimableAssets: Amount,
    claimedAssets: Amount,
    lossAssets: Amount,
  },
  strict,
);

/** A covenant that does not hold; the subject is the lot, 0 for the facility as a whole. */
const BreachSchema = Type.Object({ trigger: oneOf(TRIGGERS), subjectId: U64, openedAt: UnixTime }, strict);

export const FacilitySchema = Type.Object(
  {
    address: Address,
    state: oneOf(FACILITY_STATES),
    asset: Address,
    sponsor: Address,
    collectionsAssets: Amount,
    reserveAssets: Amount,
    trappedAssets: Amount,
    feesPaidAssets: Amount,
    dscrBps: orNull(Bps),
    marginBps: Bps,
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
