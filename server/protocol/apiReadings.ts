import { Type, type Static } from "typebox";
import { Hash, U64, oneOf, strict } from "./apiTypes.ts";

/** What became of one reading of a batch: taken, with its hash; or refused, with the problem it alone would have had. */
export const BatchResultSchema = Type.Object(
  {
    status: Type.Integer({ description: "as the reading alone would have been answered; 429: send it again later" }),
    outcome: oneOf(["inserted", "duplicate", "equivocation", "refused"]),
    nodeId: Type.Optional(U64),
    epoch: Type.Optional(U64),
    readingHash: Type.Optional(Hash),
    code: Type.Optional(Type.String()),
    detail: Type.Optional(Type.String()),
  },
  strict,
);

/** The results of a batch, each at its reading's place. */
export const BatchResultsSchema = Type.Object({ results: Type.Array(BatchResultSchema) }, strict);

export type BatchResult = Static<typeof BatchResultSchema>;
