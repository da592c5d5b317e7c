import { Type } from "typebox";
import { Compile } from "typebox/compile";

import { Words, ZERO_BYTES32, bytesOf, type Hex } from "./bytes.ts";
import { keccak256, keccakText } from "./keccak.ts";
import { Refusal, demand } from "./refusal.ts";
import { ReportJsonSchema, type ReportJson } from "./report.ts";
import type { Message } from "./rounds.ts";
import { domainSeparator } from "./typed.ts";
import { parseU64 } from "./units.ts";

// What oracles say to each other about one epoch: the messages of the consensus, each signed; the reports they are about;
// and, once it is decided, the signatures for the chain.

/** What is decided at once: kind 0 a report, kind 1 a skip. */
export interface Instance {
  readonly configDigest: Hex;
  readonly epoch: bigint;
  readonly kind: 0 | 1;
}

/** A message with its signer's signature; a nil prevote may say why, which nobody counts on. */
export type SignedMessage = Message & { readonly signature: Hex; readonly reason?: string };

/** A signature over what was decided, for the chain. */
export interface DecisionSignature {
  readonly signerIndex: number;
  readonly value: Hex;
  readonly signature: Hex;
}

/** What one oracle hands another: its own messages and those it rests on. */
export interface Bundle {
  readonly instance: Instance;
  readonly messages: readonly SignedMessage[];
  /** Reports that the messages are about; each is known by its hash. */
  readonly reports: readonly ReportJson[];
  readonly signatures: readonly DecisionSignature[];
  /** Whether the other's bundle is asked for. */
  readonly isAsking: boolean;
}

const PROPOSAL_TYPE =
  "Proposal(bytes32 configDigest,uint64 epoch,uint8 kind,uint32 round,uint32 validRoundPlusOne,bytes32 valueHash)";
const VOTE_TYPE = "Vote(bytes32 configDigest,uint64 epoch,uint8 kind,uint32 round,uint8 step,bytes32 valueHash)";

/** encodeType of the messages. */
export const BALLOT_TYPES = { proposal: PROPOSAL_TYPE, vote: VOTE_TYPE } as const;

const TYPEHASH = { proposal: keccakText(PROPOSAL_TYPE), vote: keccakText(VOTE_TYPE) };
const STEPS = { prevote: 0n, precommit: 1n } as const;
const MAX_ROUND = 0xffff_fffe;
/** Messages that a bundle may have: three rounds of the largest configuration. */
const MAX_MESSAGES = 2048;

/** The domain of the messages: one chain, one telemetry contract. */
export function ballotDomain(chainId: bigint, telemetry: string): Hex {
  return domainSeparator({ name: "Rackbond Consensus", version: "1", chainId, verifyingContract: telemetry });
}

/** What a message's signer hashes and signs, 66 bytes. */
export function ballotPreimage(domain: Hex, instance: Instance, message: Message): Uint8Array {
  const words = new Words(7);
  const isProposal = message.type === "proposal";
  words.putBytes32(0, isProposal ? TYPEHASH.proposal : TYPEHASH.vote);
  words.putBytes32(1, instance.configDigest);
  words.putWord(2, instance.epoch);
  words.putWord(3, BigInt(instance.kind));
  words.putWord(4, BigInt(message.round));
  words.putWord(5, message.type === "proposal" ? BigInt(message.validRound + 1) : STEPS[message.type]);
  words.putBytes32(6, message.value ?? ZERO_BYTES32);
  const preimage = new Uint8Array(66);
  preimage.set([0x19, 0x01]);
  preimage.set(bytesOf(domain), 2);
  preimage.set(keccak256(words.bytes), 34);
  return preimage;
}

// On the wire

const strict = { additionalProperties: false };
const Hash = Type.String({ pattern: "^0x[0-9a-f]{64}$" });
const Signature = Type.String({ pattern: "^0x[0-9a-f]{128}$" });
const SignerIndex = Type.Integer({ minimum: 0, maximum: 255 });
const Round = Type.Integer({ minimum: 0, maximum: MAX_ROUND });

const ProposalSchema = Type.Object(
  {
    ...{ type: Type.Literal("proposal"), signerIndex: SignerIndex, round: Round },
    validRound: Type.Integer({ minimum: -1, maximum: MAX_ROUND }),
    ...{ value: Hash, signature: Signature },
  },
  strict,
);
const VoteSchema = Type.Object(
  {
    type: Type.Union([Type.Literal("prevote"), Type.Literal("precommit")]),
    ...{ signerIndex: SignerIndex, round: Round, value: Type.Union([Hash, Type.Null()]), signature: Signature },
    reason: Type.Optional(Type.String({ maxLength: 1000 })),
  },
  strict,
);

export const BundleSchema = Type.Object(
  {
    configDigest: Hash,
    epoch: Type.String({ pattern: "^(0|[1-9][0-9]{0,18})$" }),
    kind: Type.Union([Type.Literal(0), Type.Literal(1)]),
    messages: Type.Array(Type.Union([ProposalSchema, VoteSchema]), { maxItems: MAX_MESSAGES }),
    reports: Type.Array(ReportJsonSchema, { maxItems: 16 }),
    signatures: Type.Array(Type.Object({ signerIndex: SignerIndex, value: Hash, signature: Signature }, strict), {
      maxItems: 256,
    }),
    isAsking: Type.Boolean(),
  },
  strict,
);

export type BundleJson = Type.Static<typeof BundleSchema>;

const validator = Compile(BundleSchema);

export function bundleJson({ instance, messages, reports, signatures, isAsking }: Bundle): BundleJson {
  const { configDigest, epoch, kind } = instance;
  return {
    ...{ configDigest, epoch: String(epoch), kind, isAsking },
    messages: messages.map((message) => ({ ...message })),
    reports: [...reports],
    signatures: signatures.map((signature) => ({ ...signature })),
  };
}

/** A bundle out of JSON: the inverse of `bundleJson`. Signatures are not checked here. */
export function parseBundle(json: unknown): Bundle {
  if (!validator.Check(json)) {
    const [first] = validator.Errors(json);
    throw new Refusal("Bundle_Malformed", { at: first?.instancePath ?? "", rule: first?.message ?? "" });
  }
  const { configDigest, kind, messages, reports, signatures, isAsking } = json;
  for (const message of messages) {
    const isNil = message.value === ZERO_BYTES32; // nil has one form on the wire
    demand(!isNil, "Bundle_ZeroValue", { signerIndex: message.signerIndex, round: message.round });
  }
  return {
    instance: { configDigest: configDigest as Hex, epoch: parseU64(json.epoch, "epoch"), kind },
    messages: messages as SignedMessage[],
    reports,
    signatures: signatures as DecisionSignature[],
    isAsking,
  };
}
