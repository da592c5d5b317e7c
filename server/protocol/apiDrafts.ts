import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  COUNT,
  CountryCode,
  Hash,
  PageLimit,
  Signature,
  U64,
  UnixTime,
  oneOf,
  orNull,
  strict,
  textOf,
} from "./apiTypes.ts";
import { EFFICIENCY_METRICS, PRICINGS } from "./lease.ts";

// What the REST API takes and gives of leases that are not on-chain yet. Only their two parties and auditors see them.

const U32 = Type.Integer(COUNT);
const U16 = Type.Integer({ minimum: 0, maximum: 65_535 });

/** The terms of a lease, all of them: what the lessee signs and `Leases.open` takes. */
export const LeaseTermsSchema = Type.Object(
  {
    lotId: U64,
    lessee: Address,
    payee: Address,
    asset: Address,
    pricing: oneOf(PRICINGS),
    startAt: UnixTime,
    periodCount: U32,
    baseRentAssets: Amount,
    gpuHourRateAssets: Amount,
    index: Type.Object({ source: Address, participationBps: U16, floorAssets: Amount, capAssets: Amount }, strict),
    efficiency: Type.Object(
      {
        ...{ metric: oneOf(EFFICIENCY_METRICS), targetUnits: U32, sharedBps: U16, maxBps: U16 },
        kWhRateAssets: Amount,
      },
      strict,
    ),
    payment: Type.Object(
      { dueSec: U32, lateFeeBps: U16, cureSec: U32, prepaidMonthCount: U32, depositAssets: Amount },
      strict,
    ),
    exit: Type.Object(
      {
        ...{ minPeriodCount: U32, noticeSec: U32, renewalPeriodCount: U32, renewalRentBps: U16 },
        ...{ terminationFeeAssets: Amount, purchaseAssets: Amount },
      },
      strict,
    ),
    tripleNet: Type.Boolean(),
    relatedParty: Type.Boolean(),
    lesseeBucket: Type.Integer({ minimum: 0, maximum: 255 }),
    countries: Type.Array(CountryCode, { maxItems: 64 }),
    sla: Type.Array(Type.Object({ availabilityBps: U16, creditBps: U16 }, strict), { maxItems: 64 }),
    documentHash: Hash,
    salt: Hash,
  },
  strict,
);

export const DRAFT_STATES = ["Drafted", "Signed", "Opened"] as const;

/** A draft; its id is the digest that the lessee signs. */
export const LeaseDraftSchema = Type.Object(
  {
    draftId: Hash,
    state: oneOf(DRAFT_STATES),
    operator: Address,
    terms: LeaseTermsSchema,
    signature: orNull(Signature),
    draftedAt: UnixTime,
    signedAt: orNull(UnixTime),
    leaseId: orNull(U64),
  },
  strict,
);

export const DraftParamsSchema = Type.Object({ draftId: Hash }, strict);
/** A page of drafts, the newest first. */
export const DraftsQuerySchema = Type.Object(
  {
    limit: PageLimit,
    before: Type.Optional(Hash),
    state: Type.Optional(textOf(DRAFT_STATES)),
    lotId: Type.Optional(U64),
  },
  strict,
);
/** What a lot's operator hands in. */
export const NewDraftSchema = Type.Object({ terms: LeaseTermsSchema }, strict);
/** What its lessee adds: an account's signature, or what its wallet takes for one (ERC-1271). */
export const DraftSignatureSchema = Type.Object({ signature: Signature }, strict);

export type LeaseTermsJson = Static<typeof LeaseTermsSchema>;
export type LeaseDraft = Static<typeof LeaseDraftSchema>;
