import type { NodeRecord } from "../../../server/protocol/apiRegistry.ts";
import type { Hex } from "../../../server/protocol/bytes.ts";
import { identityAnchor, nodeKeyHash } from "../../../server/protocol/identity.ts";
import { parseIdentities, type IdentifiedDevice, type NamedDevice } from "../../../server/protocol/identityTree.ts";
import type { DeviceProof, ReportFacts } from "../../../server/protocol/proof.ts";
import type { ProofOrigin } from "../../../server/protocol/proofFile.ts";
import type { ProofGround } from "../../../server/protocol/proofSteps.ts";
import { readingDomain } from "../../../server/protocol/reading.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import { ApiProblem, ask } from "../../api.tsx";

// What a proof is compared with: the API's account of the chain, or what somebody read there and typed in.

/** Facts as they are typed; what is empty is not known. */
export interface TypedFacts {
  readingsRoot: string;
  dataHash: string;
  devicesReportingCount: string;
  publicX: string;
  publicY: string;
}

export const NO_FACTS: TypedFacts = {
  readingsRoot: "",
  dataHash: "",
  devicesReportingCount: "",
  publicX: "",
  publicY: "",
};

/** The domain that readings are signed in, by where their contracts are. */
export function domainIn(origin: ProofOrigin | undefined): Pick<ProofGround, "domain"> {
  return origin === undefined ? {} : { domain: readingDomain(BigInt(origin.chainId), origin.telemetry) };
}

/** What the API says the chain has. Identities are checked against their root, so it does not matter who gives them. */
export async function groundOfApi(proof: DeviceProof, origin: ProofOrigin): Promise<ProofGround> {
  const { epoch, lotId, nodeId } = proof.leaf;
  const [detail, node] = await Promise.all([found(ask("/v1/epochs/:epoch", { params: { epoch } })), nodeOf(nodeId)]);
  const report = detail?.report ?? undefined;
  const isReport = report !== undefined && detail?.reportHash === proof.reportHash;
  const state = detail?.state === "Final" ? "Final" : "Submitted";
  const root = await rootOf(lotId, proof.leaf.device.deviceId as Hex, BigInt(epoch));
  const named = root === undefined ? undefined : await identitiesUnder(root);
  const devices = named && identified(named, await nodeKeys(lotId, proof));
  return {
    ...domainIn(origin),
    ...(detail !== undefined && { standing: isReport ? state : null }),
    ...(report !== undefined && { report: factsIn({ ...report, epoch }) }),
    ...(node !== undefined && { nodeKey: node }),
    ...(root !== undefined && devices !== undefined && { identity: { root, devices } }),
  };
}

function factsIn(report: {
  epoch: string;
  readingsRoot: string;
  dataHash: string;
  devicesReportingCount: string;
}): ReportFacts {
  return {
    epoch: BigInt(report.epoch),
    readingsRoot: report.readingsRoot as Hex,
    dataHash: report.dataHash as Hex,
    devicesReportingCount: BigInt(report.devicesReportingCount),
  };
}

/** What was typed, as far as it is there and has its form. */
export function groundOfFacts(proof: DeviceProof, origin: ProofOrigin | undefined, facts: TypedFacts): ProofGround {
  const { readingsRoot, dataHash, devicesReportingCount, publicX, publicY } = facts;
  const isReport = [readingsRoot, dataHash].every(isHash) && /^[0-9]{1,10}$/.test(devicesReportingCount);
  const report = factsIn({ epoch: proof.leaf.epoch, readingsRoot, dataHash, devicesReportingCount });
  return {
    ...domainIn(origin),
    // Who reads the report's event on the chain knows that it is there.
    ...(isReport && { report, standing: "Submitted" as const }),
    ...(isHash(publicX) && isHash(publicY) && { nodeKey: { x: publicX, y: publicY } }),
  };
}

function isHash(text: string): text is Hex {
  return /^0x[0-9a-f]{64}$/.test(text);
}

/** An answer, or undefined where there is nothing of the kind. */
async function found<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return undefined;
    throw error;
  }
}

async function nodeOf(nodeId: string): Promise<{ x: Hex; y: Hex } | null | undefined> {
  const after = String(BigInt(nodeId) - 1n);
  const page = await found(ask("/v1/nodes", { query: { after, limit: 1 } }));
  if (page === undefined) return undefined;
  const node = page.items.find((one) => one.nodeId === nodeId);
  return node === undefined ? null : { x: node.publicX as Hex, y: node.publicY as Hex };
}

/** The root that the lot's identities had in an hour. */
async function rootOf(lotId: string, anchor: Hex, epoch: bigint): Promise<Hex | undefined> {
  const search = await found(ask("/v1/search/identity/:anchor", { params: { anchor } }));
  const endAt = (epoch + 1n) * 3600n;
  const place = search?.places.find(
    (one) =>
      one.lotId === lotId && BigInt(one.fromAt) <= endAt && (one.untilAt === null || BigInt(one.untilAt) > endAt),
  );
  if (place !== undefined) return place.identityRoot as Hex;
  const lot = await found(ask("/v1/lots/:lotId", { params: { lotId } }));
  return lot?.identityRoot as Hex | undefined;
}

/** The key hashes of a lot's nodes. */
async function nodeKeys(lotId: string, proof: DeviceProof): Promise<Map<bigint, Hex>> {
  const nodes: NodeRecord[] = [];
  let after: string | null = null;
  do {
    const query: Record<string, string | number> = { lotId, limit: 200, ...(after !== null && { after }) };
    const page = await found(ask("/v1/nodes", { query }));
    nodes.push(...(page?.items ?? []));
    after = page?.next ?? null;
  } while (after !== null);
  const own = await nodeOf(proof.leaf.nodeId);
  return new Map([
    ...(own === undefined || own === null ? [] : [[BigInt(proof.leaf.nodeId), nodeKeyHash(own.x, own.y)] as const]),
    ...nodes.map(({ nodeId, nodeKeyHash: hash }) => [BigInt(nodeId), hash as Hex] as const),
  ]);
}

/** Devices with the hashes of their nodes' keys; undefined where a node is not known. */
export function identified(
  named: readonly NamedDevice[],
  keyHashes: ReadonlyMap<bigint, Hex>,
): IdentifiedDevice[] | undefined {
  const devices = named.flatMap(({ name, nodeId }) => {
    const hash = keyHashes.get(nodeId);
    return hash === undefined ? [] : [{ anchor: identityAnchor(name), nodeKeyHash: hash }];
  });
  return devices.length === named.length ? devices : undefined;
}

/** The devices published under an identity root; undefined where nobody gives them. */
export async function identitiesUnder(root: string): Promise<NamedDevice[] | undefined> {
  const response = await fetch(`/v1/files/identities/${root}`);
  if (!response.ok) return undefined;
  const text = await response.text();
  try {
    return await parseIdentities(text.trimEnd().split("\n"));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
