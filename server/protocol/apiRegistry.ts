import { Type, type Static } from "typebox";
import {
  Address,
  Amount,
  Count,
  CountryCode,
  Flag,
  Hash,
  PageLimit,
  U64,
  UnixTime,
  Wad,
  oneOf,
  orNull,
  strict,
  textOf,
} from "./apiTypes.ts";

// What the REST API gives of sites, nodes, models, identities, bonds, disputes and what calls for attention.

export const SiteSchema = Type.Object(
  {
    siteId: U64,
    operator: Address,
    country: CountryCode,
    gridZone: Type.String(),
    registeredAt: UnixTime,
    nodeCount: Count,
    lotCount: Count,
    gpuCount: U64,
  },
  strict,
);
export const SitesQuerySchema = Type.Object(
  { limit: PageLimit, after: Type.Optional(U64), operator: Type.Optional(Address) },
  strict,
);

/** A node, and the newest reading of it that came here. Missing: none for the newest hour that was reported. */
export const NodeSchema = Type.Object(
  {
    nodeId: U64,
    siteId: U64,
    operator: Address,
    publicX: Hash,
    publicY: Hash,
    nodeKeyHash: Hash,
    isRevoked: Type.Boolean(),
    registeredAt: UnixTime,
    lotId: orNull(U64),
    deviceCount: Count,
    lastEpoch: orNull(U64),
    lastReceivedAt: orNull(UnixTime),
    isMissing: Type.Boolean(),
  },
  strict,
);
export const NodesQuerySchema = Type.Object(
  {
    limit: PageLimit,
    after: Type.Optional(U64),
    operator: Type.Optional(Address),
    siteId: Type.Optional(U64),
    lotId: Type.Optional(U64),
    isMissing: Type.Optional(Flag),
  },
  strict,
);

/** A model of GPU, and the newest fixed rate of an hour of one. */
export const ModelSchema = Type.Object(
  {
    modelId: Hash,
    name: Type.String(),
    tdpW: Count,
    lotCount: Count,
    gpuCount: U64,
    rateWad: orNull(Wad),
    rateDayAt: orNull(UnixTime),
  },
  strict,
);
export const ModelsQuerySchema = Type.Object({ limit: PageLimit, after: Type.Optional(Hash) }, strict);

/** A page of lots, by id, of one operator, site, model, facility, or frozen ones. */
export const LotsQuerySchema = Type.Object(
  {
    limit: PageLimit,
    after: Type.Optional(U64),
    operator: Type.Optional(Address),
    siteId: Type.Optional(U64),
    modelId: Type.Optional(Hash),
    facility: Type.Optional(Address),
    isFrozen: Type.Optional(Flag),
    isRetired: Type.Optional(Flag),
    evidenceClass: Type.Optional(Type.String({ pattern: "^[0-4]$", description: "at least" })),
  },
  strict,
);

export const IDENTITY_STATES = ["Live", "Swapped", "Retired"] as const;

/** Where an identity stands or stood, and what was ever shown and pledged of those lots. */
export const IdentitySearchSchema = Type.Object(
  {
    anchor: Hash,
    places: Type.Array(
      Type.Object(
        {
          lotId: U64,
          deviceIndex: Count,
          nodeKeyHash: Hash,
          nodeId: orNull(U64),
          identityRoot: Hash,
          state: oneOf(IDENTITY_STATES),
          fromAt: UnixTime,
          untilAt: orNull(UnixTime),
          operator: Address,
          evidenceClass: Type.Integer({ minimum: 0, maximum: 4 }),
          isFrozen: Type.Boolean(),
          lienHolder: orNull(Address),
        },
        strict,
      ),
    ),
    duplicates: Type.Array(
      Type.Object(
        {
          lotId: U64,
          injuredLotId: U64,
          provenAt: UnixTime,
          bountyTo: Address,
          lienHolder: Address,
          transactionHash: Hash,
        },
        strict,
      ),
    ),
    liens: Type.Array(
      Type.Object(
        {
          lotId: U64,
          event: oneOf(["Offered", "Taken", "Released", "Passed"]),
          account: Address,
          at: UnixTime,
          transactionHash: Hash,
        },
        strict,
      ),
    ),
    unknownRoots: Type.Array(Hash, { description: "of lots whose identities nobody has published here: not searched" }),
  },
  strict,
);
export const AnchorParamsSchema = Type.Object({ anchor: Hash }, strict);

/** What stands behind a lot's operator or an oracle. */
export const BondSchema = Type.Object(
  {
    bondId: Hash,
    kind: oneOf(["lot", "oracle"]),
    lotId: orNull(U64),
    operator: orNull(Address),
    signer: orNull(Address),
    assets: Amount,
    unbondingAssets: Amount,
    requiredAssets: Amount,
    isMet: Type.Boolean(),
    coverAssets: Type.String({ ...Amount, description: "of covers that have not expired" }),
    slashedAssets: Amount,
    unmetAssets: Type.String({ ...Amount, description: "of losses that neither bond nor covers met yet" }),
  },
  strict,
);
export const BondsQuerySchema = Type.Object(
  {
    limit: PageLimit,
    after: Type.Optional(Hash),
    operator: Type.Optional(Address),
    lotId: Type.Optional(U64),
    kind: Type.Optional(textOf(["lot", "oracle"])),
  },
  strict,
);

export const DISPUTE_STATES = ["Open", "Answered", "DisputerWon", "OperatorWon", "Undecided"] as const;

export const DisputeSchema = Type.Object(
  {
    disputeId: U64,
    lotId: U64,
    epoch: U64,
    state: oneOf(DISPUTE_STATES),
    disputer: Address,
    operator: Address,
    evidenceHash: Hash,
    answerHash: orNull(Hash),
    disputedAt: UnixTime,
    deadlineAt: orNull(UnixTime),
    isDue: Type.Boolean({ description: "its deadline is over: anyone may close it" }),
    winner: orNull(Address),
    loserAssets: Amount,
    transactionHash: Hash,
  },
  strict,
);
export const DisputesQuerySchema = Type.Object(
  {
    limit: PageLimit,
    before: Type.Optional(U64),
    lotId: Type.Optional(U64),
    operator: Type.Optional(Address),
    state: Type.Optional(textOf(["open", "all"])),
  },
  strict,
);

export const ALERT_KINDS = [
  "Duplicate",
  "Frozen",
  "Dispute",
  "MissingNode",
  "BondShort",
  "EvidenceExpiring",
  "Halted",
] as const;

/** What calls for somebody's attention now; the newest first, the grave ones before. */
export const AlertSchema = Type.Object(
  {
    alertId: Type.String({ description: "the same as long as its cause stands" }),
    kind: oneOf(ALERT_KINDS),
    severity: oneOf(["critical", "warning", "notice"]),
    sinceAt: orNull(UnixTime),
    deadlineAt: orNull(UnixTime),
    operator: orNull(Address),
    lotId: orNull(U64),
    nodeId: orNull(U64),
    disputeId: orNull(U64),
    epoch: orNull(U64),
    assets: orNull(Amount),
    level: orNull(Count),
  },
  strict,
);
export const AlertsQuerySchema = Type.Object(
  {
    limit: PageLimit,
    after: Type.Optional(U64),
    operator: Type.Optional(Address),
    kind: Type.Optional(textOf(ALERT_KINDS)),
  },
  strict,
);

export type Site = Static<typeof SiteSchema>;
export type NodeRecord = Static<typeof NodeSchema>;
export type Model = Static<typeof ModelSchema>;
export type IdentitySearch = Static<typeof IdentitySearchSchema>;
export type Bond = Static<typeof BondSchema>;
export type Dispute = Static<typeof DisputeSchema>;
export type Alert = Static<typeof AlertSchema>;
