import { bytesOf, type Hex } from "./bytes.ts";
import type { IdentifiedDevice } from "./identityTree.ts";
import { identityRootOf } from "./identityTree.ts";
import { deviceLeafHash, leafHex, readingLeafHash, type DeviceLeaf } from "./leaf.ts";
import { nodeKeyHash } from "./identity.ts";
import {
  DeviceProofSchema,
  parseLeaf,
  requireForm,
  requireLeaf,
  requireReading,
  requireSameHour,
  requireSameTree,
  type DeviceProof,
  type ReportFacts,
} from "./proof.ts";
import { parseReading, readingHash, type Reading } from "./reading.ts";
import { Refusal, demand } from "./refusal.ts";
import { isSignedByPoint } from "./signature.ts";
import { hashesUp } from "./tree.ts";

// One device's hour, proven step by step from the node's signature to the chain. Each step stands on its own, so that a
// proof that was tampered with fails where it was; what nobody told stays open and is never taken as passed.

/** The steps in their order: from what was signed to what the chain has of it. */
export const PROOF_STEPS = [
  "form",
  "signature",
  "hour",
  "leaf",
  "path",
  "publication",
  "report",
  "standing",
  "identity",
] as const;

export type ProofStepName = (typeof PROOF_STEPS)[number];
/** `open`: it was not looked at, since what it needs is not known, or the form did not let it. */
export type ProofStepState = "passed" | "failed" | "open";

export interface ProofStep {
  readonly name: ProofStepName;
  readonly state: ProofStepState;
  /** Why it failed. */
  readonly refusal?: Refusal;
}

/** What is known beside the proof. What is left out leaves the steps that need it open. */
export interface ProofGround {
  /** The domain that readings are signed in. */
  readonly domain?: Hex;
  /** The report of the epoch, as its event on the chain has it. */
  readonly report?: ReportFacts;
  /** What became of that report; null: the chain has none of that hash for the epoch. */
  readonly standing?: "Submitted" | "Final" | null;
  /** The key of the reading's node, as registered; null: the registry has no such node. */
  readonly nodeKey?: { readonly x: Hex; readonly y: Hex } | null;
  /** The lot's identity root on the chain, and the devices that were published under it. */
  readonly identity?: { readonly root: Hex; readonly devices: readonly IdentifiedDevice[] };
}

/** What a proof came to: the steps, and what was computed on the way. */
export interface ProvenHour {
  readonly steps: readonly ProofStep[];
  /** `proven`: each step passed but for the identity, which may be open · `broken`: one failed · `open`: one is. */
  readonly verdict: "proven" | "broken" | "open";
  readonly proof?: DeviceProof;
  readonly leaf?: DeviceLeaf;
  readonly leafHash?: Hex;
  /** From the leaf to the root, both included. */
  readonly hashes?: readonly Hex[];
  readonly reading?: Reading;
  readonly readingHash?: Hex;
  readonly readingHashes?: readonly Hex[];
}

/** Proves a device's hour, a step at a time. Never throws for what is in the proof. */
export async function proveHour(given: unknown, ground: ProofGround): Promise<ProvenHour> {
  const results = new Map<ProofStepName, Omit<ProofStep, "name">>();
  const run = async <T>(name: ProofStepName, work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      const value = await work();
      results.set(name, { state: "passed" });
      return value;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      results.set(name, { state: "failed", refusal: error });
      return undefined;
    }
  };

  const read = await run("form", () => {
    requireForm(DeviceProofSchema, given);
    const proof = given as DeviceProof;
    return { proof, leaf: parseLeaf(proof.leaf), reading: parseReading(proof.signed.reading) };
  });
  if (read === undefined) return { steps: inOrder(results), verdict: "broken" };

  const { proof, leaf, reading } = read;
  const { signed, root, leafCount } = proof;
  const signature = signed.signature as Hex;
  const leafHash = leafHex(leaf, deviceLeafHash);
  // What the file says of its trees; whether the chain says the same is the step `report`.
  const claimed: ReportFacts = {
    ...{ epoch: leaf.epoch, readingsRoot: root as Hex, devicesReportingCount: BigInt(leafCount) },
    dataHash: signed.dataHash as Hex,
  };
  const { domain, report, nodeKey, standing, identity } = ground;
  const signedHash = domain === undefined ? undefined : readingHash(domain, reading);

  if (signedHash !== undefined && nodeKey !== undefined) {
    await run("signature", () => requireSigned(reading, signedHash, signature, nodeKey));
  }
  await run("hour", () => requireSameHour(leaf, reading));
  await run("leaf", () => {
    demand(leafHash === proof.leafHash, "Proof_OtherLeaf", { leafHash: proof.leafHash, found: leafHash });
  });
  await run("path", () => requireLeaf(claimed, proof.leaf, proof.proof));
  if (domain !== undefined) await run("publication", () => requireReading(claimed, domain, signed));
  if (report !== undefined) {
    await run("report", () => {
      const { epoch, dataHash } = report;
      demand(leaf.epoch === epoch, "Proof_OtherEpoch", { epoch: leaf.epoch, expectedEpoch: epoch });
      requireSameTree(report, proof);
      demand(signed.dataHash === dataHash, "Proof_WrongRoot", { epoch, root: signed.dataHash, dataHash });
    });
  }
  if (standing !== undefined) {
    const { epoch } = leaf;
    await run("standing", () => demand(standing !== null, "Proof_NoReport", { epoch, reportHash: proof.reportHash }));
  }
  if (identity !== undefined && nodeKey !== undefined) {
    await run("identity", () => requireIdentity(leaf, identity, nodeKey));
  }

  const steps = inOrder(results);
  const nodeId = reading.nodeId;
  return {
    ...{ steps, verdict: verdictOf(steps), proof, leaf, leafHash, reading },
    hashes: hashesUp(bytesOf(leafHash), proof.proof as Hex[]),
    ...(signedHash !== undefined && {
      readingHash: signedHash,
      readingHashes: hashesUp(
        readingLeafHash({
          ...{ leafIndex: signed.leafIndex, epoch: reading.epoch, lotId: reading.lotId, nodeId },
          ...{ readingHash: signedHash, signature },
        }),
        signed.proof as Hex[],
      ),
    }),
  };
}

async function requireSigned(
  { nodeId, epoch }: Reading,
  hash: Hex,
  signature: Hex,
  nodeKey: NonNullable<ProofGround["nodeKey"]> | null,
): Promise<void> {
  if (nodeKey === null) throw new Refusal("Proof_UnknownNode", { nodeId });
  const isSigned = await isSignedByPoint(nodeKey, hash, signature);
  demand(isSigned, "Proof_WrongSignature", { epoch, nodeId, readingHash: hash });
}

/** The lot's published devices make its root, and this one stands at its index under the key that signed. */
function requireIdentity(
  { lotId, device }: DeviceLeaf,
  { root, devices }: NonNullable<ProofGround["identity"]>,
  nodeKey: NonNullable<ProofGround["nodeKey"]> | null,
): void {
  const found = identityRootOf(devices);
  demand(found === root, "Identities_WrongRoot", { root, found });
  const { deviceIndex, deviceId } = device;
  const place = devices[deviceIndex];
  const isHere = place?.anchor === deviceId;
  demand(isHere, "Proof_OtherDevice", { lotId, deviceIndex, deviceId, registered: place?.anchor ?? "none" });
  const isItsNode = nodeKey !== null && place.nodeKeyHash === nodeKeyHash(nodeKey.x, nodeKey.y);
  demand(isItsNode, "Proof_OtherNode", { lotId, deviceIndex });
}

function inOrder(results: ReadonlyMap<ProofStepName, Omit<ProofStep, "name">>): ProofStep[] {
  return PROOF_STEPS.map((name) => ({ name, ...(results.get(name) ?? { state: "open" as const }) }));
}

function verdictOf(steps: readonly ProofStep[]): ProvenHour["verdict"] {
  if (steps.some(({ state }) => state === "failed")) return "broken";
  return steps.every(({ name, state }) => state === "passed" || name === "identity") ? "proven" : "open";
}
