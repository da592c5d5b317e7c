import { Type, type Static } from "typebox";
import { Hash, U64, oneOf, strict } from "./apiTypes.ts";

/** What `GET /v1/stream` tells of. */
export const STREAM_KINDS = ["head", "epoch", "payment", "facility", "lease", "dispute", "order"] as const;

export type StreamKind = (typeof STREAM_KINDS)[number];

/** Something that happened on the chain: which event of which contract, and the ids that it names. */
export const HappeningSchema = Type.Object(
  {
    kind: oneOf(STREAM_KINDS),
    blockNumber: U64,
    blockHash: Hash,
    logIndex: Type.Integer({ minimum: 0 }),
    name: Type.String({ description: "of the contract's event" }),
    address: Type.String({ description: "of the contract" }),
    ids: Type.Record(Type.String(), Type.String(), { description: "leaseId, epoch, orderHash, …" }),
  },
  strict,
);

export type Happening = Static<typeof HappeningSchema>;
