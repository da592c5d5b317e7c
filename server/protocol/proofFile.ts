import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";

import { Address, strict } from "./apiTypes.ts";
import type { DeviceProof } from "./proof.ts";
import { Refusal } from "./refusal.ts";

// A device's hour in a file of its own: the proof, and of which chain and contracts it speaks. Those are the file's word,
// which whoever proves it compares with what is known of them.

const KIND = "rackbond-device-hour";

const OriginSchema = Type.Object(
  { chainId: Type.Integer({ minimum: 1 }), telemetry: Address, registry: Address },
  strict,
);
const ProofFileSchema = Type.Object(
  { kind: Type.Literal(KIND), ...OriginSchema.properties, proof: Type.Unknown() },
  strict,
);

/** The chain and the contracts that a proof speaks of. */
export type ProofOrigin = Static<typeof OriginSchema>;

const validator = Compile(ProofFileSchema);

/** The text of a file. */
export function proofFileText({ chainId, telemetry, registry }: ProofOrigin, proof: DeviceProof): string {
  return JSON.stringify({ kind: KIND, chainId, telemetry, registry, proof }, null, 2);
}

/** What is in a file; or in the API's answer, which does not say where its contracts are. */
export function readProofFile(text: string): { origin: ProofOrigin | undefined; proof: unknown } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Refusal("Proof_NotJson", { text: text.slice(0, 80) });
  }
  if (typeof json !== "object" || json === null || !("kind" in json)) return { origin: undefined, proof: json };
  if (!validator.Check(json)) {
    const [first] = validator.Errors(json);
    throw new Refusal("Proof_OtherFile", { at: first?.instancePath ?? "", rule: first?.message ?? "" });
  }
  const { chainId, telemetry, registry, proof } = json;
  return { origin: { chainId, telemetry, registry }, proof };
}
