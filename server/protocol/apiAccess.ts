import { Type, type Static } from "typebox";
import { Address, Count, Hash, PageLimit, U64, UnixTime, oneOf, orNull, strict } from "./apiTypes.ts";

import { OPINIONS } from "./auditStatement.ts";

// What the REST API gives of who may do what, and of what auditors state.

const MemberSchema = Type.Object(
  {
    account: Address,
    name: orNull(Type.String({ description: "where it is a contract of the system" })),
    delaySec: Count,
    sinceAt: UnixTime,
  },
  strict,
);

/** One restricted function of one contract: who may call it, after which delay. */
export const AccessSchema = Type.Object(
  {
    contract: Type.String({ description: "its kind" }),
    target: Address,
    signature: Type.String({ description: "of the function" }),
    selector: Type.String({ pattern: "^0x[0-9a-f]{8}$" }),
    roleId: U64,
    role: Type.String(),
    isTargetClosed: Type.Boolean({ description: "nobody may call it" }),
    members: Type.Array(MemberSchema),
  },
  strict,
);
export const AccessQuerySchema = Type.Object(
  {
    limit: PageLimit,
    after: Type.Optional(U64),
    target: Type.Optional(Address),
    role: Type.Optional(Type.String({ pattern: "^[0-9A-Za-z_ ]{1,32}$" })),
    account: Type.Optional(Address),
  },
  strict,
);

export const RoleSchema = Type.Object(
  {
    roleId: U64,
    role: Type.String(),
    adminRoleId: U64,
    guardianRoleId: U64,
    grantDelaySec: Count,
    functionCount: Count,
    members: Type.Array(MemberSchema),
  },
  strict,
);
export const RolesQuerySchema = Type.Object({ limit: PageLimit, after: Type.Optional(U64) }, strict);

/** A call that its caller announced, and what became of it. */
export const OperationSchema = Type.Object(
  {
    eventId: U64,
    operationId: Hash,
    state: oneOf(["Waiting", "Ready", "Expired", "Executed", "Cancelled"]),
    caller: Address,
    target: Address,
    contract: orNull(Type.String()),
    signature: orNull(Type.String()),
    callData: Type.String({ pattern: "^0x[0-9a-f]*$" }),
    scheduledAt: UnixTime,
    readyAt: UnixTime,
    expiresAt: UnixTime,
  },
  strict,
);
/** A page of what events tell, the newest first, by eventId. */
export const EventsQuerySchema = Type.Object({ limit: PageLimit, before: Type.Optional(U64) }, strict);

/** What an auditor says of some hours of a contract's history. */
export const StatementSchema = Type.Object(
  {
    eventId: U64,
    statementHash: Hash,
    auditor: Address,
    subject: Address,
    subjectName: orNull(Type.String()),
    fromEpoch: U64,
    toEpoch: U64,
    headHash: Hash,
    isHeadOnChain: Type.Boolean({ description: "the chain holds that report for the last hour" }),
    findingsHash: Hash,
    opinion: oneOf(OPINIONS),
    signedAt: UnixTime,
    recordedAt: UnixTime,
    withdrawnAt: orNull(UnixTime),
    reasonHash: orNull(Hash),
    transactionHash: Hash,
  },
  strict,
);
export const StatementsQuerySchema = Type.Object(
  {
    limit: PageLimit,
    before: Type.Optional(U64),
    auditor: Type.Optional(Address),
    subject: Type.Optional(Address),
  },
  strict,
);

export type Access = Static<typeof AccessSchema>;
export type Role = Static<typeof RoleSchema>;
export type Operation = Static<typeof OperationSchema>;
export type Statement = Static<typeof StatementSchema>;
