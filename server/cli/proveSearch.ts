import type { Interface, JsonRpcProvider } from "ethers";

import { isSignedBy, keyOf } from "../nodekey.ts";
import type { FileSources } from "../plugins/fileSources.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { doubledDevices, type Place, type PublishedLot } from "../protocol/duplicates.ts";
import {
  findFaults,
  statementIn,
  statementsIn,
  twoReports,
  type ConfigCall,
  type FaultProof,
  type FiledStatement,
  type Nodes,
  type Point,
  type Statement,
} from "../protocol/faults.ts";
import { identityAnchor } from "../protocol/identity.ts";
import { identifiedLeaf, identityRootOf, parseIdentities } from "../protocol/identityTree.ts";
import { checkReadingSet } from "../protocol/publication.ts";
import { readingDomain } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { ContractEvent, RegistryClock } from "../protocol/registryHistory.ts";
import { reportFrom, type Report } from "../protocol/report.ts";
import type { Call } from "./sender.ts";

// What `rackbond prove` looks for, and where.

/** A fault and calls that show it, the best first. */
export interface Found {
  readonly kind: FaultProof["verb"] | "proveDuplicate";
  readonly epoch: bigint | undefined;
  readonly says: string;
  readonly calls: (bountyTo: string) => Call[];
}

interface Submitted {
  readonly report: Report;
  readonly submittedAt: bigint;
  readonly txHash: Hex;
  readonly stands: boolean;
}

/** What is looked at, and where. */
export interface Search {
  readonly deployment: Deployment;
  readonly fromEpoch?: bigint;
  readonly toEpoch?: bigint;
  /** Inputs of `submit` that did not come on-chain. */
  readonly inputs: readonly string[];
  readonly events: readonly ContractEvent[];
  readonly files: FileSources;
  readonly provider: JsonRpcProvider;
  readonly registry: RegistryClock;
  /** Takes what could not be looked at, and why. */
  readonly unseen: string[];
}

/** The faults of what the chain has or had, and of it beside what was signed elsewhere. */
export async function reportFaults(search: Search): Promise<Found[]> {
  const { deployment, fromEpoch = 0n, toEpoch, events, provider, files, registry, unseen } = search;
  const { configs, submitted } = submissionsIn(events);
  const domain = readingDomain(BigInt(deployment.chainId), deployment.addresses.telemetry);
  const outside = search.inputs.flatMap((input) => [...statementsIn(input)].map(unfiled));
  const nodes = nodesOf(registry);
  const found: FaultProof[] = [];
  const newest = new Map<bigint, FiledStatement>();
  const keep = (proofs: readonly (FaultProof | undefined)[]) => {
    for (const proof of proofs) if (proof !== undefined && proof.epoch >= fromEpoch) found.push(proof);
  };
  // The epoch before the first is read too: a counter may have fallen between the two.
  const chosen = submitted.filter(
    ({ report: { epoch } }) => epoch + 1n >= fromEpoch && (toEpoch === undefined || epoch <= toEpoch),
  );
  for (const { report, txHash, submittedAt, stands } of chosen) {
    const { epoch } = report;
    try {
      const config = configs.get(report.configDigest);
      const transaction = await provider.getTransaction(txHash);
      demand(config !== undefined && transaction !== null, "Fault_NoTransaction", { epoch, txHash });
      const signed = { ...statementIn(transaction.data, epoch), submittedAt: stands ? submittedAt : 0n };
      keep(outside.map((other) => twoReports(config, signed, other)));
      const { dataHash } = signed.report;
      const set = await files.file("readings", dataHash, (lines) => checkReadingSet(domain, dataHash, lines));
      const statement: FiledStatement = { ...signed, state: set.state, readings: set.readings };
      keep(findFaults(config, statement, nodes, stands ? [...new Set(newest.values())] : []));
      if (stands) for (const { reading } of set.readings) newest.set(reading.nodeId, statement);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      unseen.push(`epoch ${epoch}: ${error.message}`);
    }
  }
  for (const [place, one] of outside.entries()) {
    const config = configs.get(one.report.configDigest);
    if (config !== undefined) keep(outside.slice(place + 1).map((other) => twoReports(config, one, other)));
  }
  const { faults } = deployment.addresses;
  const faultsInterface: Interface = INTERFACES.faults; // that takes a verb which is not known before
  return found.map(({ verb, args, epoch, says }) => ({
    ...{ kind: verb, epoch, says },
    calls: (bountyTo) => [{ to: faults, data: faultsInterface.encodeFunctionData(verb, [...args, bountyTo]) }],
  }));
}

function unfiled(signed: Omit<Statement, "submittedAt">): Statement {
  return { ...signed, submittedAt: 0n };
}

/** What was submitted, rolled back or not, and every configuration. */
function submissionsIn(events: readonly ContractEvent[]) {
  const configs = new Map<string, ConfigCall>();
  let submitted: Submitted[] = [];
  for (const { name, args, txHash } of events) {
    if (name === "ConfigSet") {
      const { configCount, faultyCount } = args as Record<string, bigint>;
      const config = { configCount: configCount!, faultyCount: faultyCount! };
      configs.set(args["configDigest"] as Hex, { ...config, oracles: [...(args["signers"] as string[])] });
    } else if (name === "Submitted") {
      const report = reportFrom(args["report"] as Parameters<typeof reportFrom>[0]);
      submitted.push({ report, txHash, submittedAt: args["submittedAt"] as bigint, stands: true });
    } else if (name === "Resolved" && args["rolledBack"] === true) {
      const from = args["epoch"] as bigint;
      submitted = submitted.map((one) => (one.report.epoch < from ? one : { ...one, stands: false }));
    }
  }
  return { configs, submitted };
}

function nodesOf(registry: RegistryClock): Nodes {
  const keys = new WeakMap<Point, ReturnType<typeof keyOf>>();
  return {
    point: (nodeId) => registry.node(nodeId),
    isSigned: (point, hash, signature) => {
      const key = keys.get(point) ?? keyOf(point);
      keys.set(point, key);
      return isSignedBy(key, hash, signature);
    },
  };
}

/** One device in two places, once for each two lots. A lot that published nothing is passed over. */
export async function duplicates({ deployment, events, files, registry }: Search): Promise<Found[]> {
  const { addresses } = deployment;
  const lotIds = new Set<bigint>();
  for (const { name, args } of events) {
    if (name === "LotRegistered") lotIds.add(args["lotId"] as bigint);
    if (name === "LotRetired") lotIds.delete(args["lotId"] as bigint);
  }
  const lots: PublishedLot[] = [];
  for (const lotId of lotIds) {
    const root = registry.lot(lotId)?.identityRoot;
    if (root === undefined) continue;
    try {
      lots.push({ lotId, devices: await files.file("identities", root, (lines) => devicesOf(lines, root, registry)) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  const found = new Map<string, Found>();
  for (const [a, b] of doubledDevices(lots)) {
    const key = `${a.lot.lotId} ${b.lot.lotId}`;
    if (found.has(key)) continue;
    const says = `one device in ${[a, b].map(({ lot, deviceIndex }) => `lot ${lot.lotId}, index ${deviceIndex}`).join(" and ")}`;
    const leaves = [a, b].map(({ lot, deviceIndex }: Place) => identifiedLeaf(lot.lotId, lot.devices, deviceIndex));
    const calls = (bountyTo: string): Call[] => [
      { to: addresses.bonds, data: INTERFACES.bonds.encodeFunctionData("proveDuplicate", leaves as never) },
      // Where the lot at fault has no bond.
      {
        to: addresses.registry,
        data: INTERFACES.registry.encodeFunctionData("proveDuplicate", [...leaves, bountyTo] as never),
      },
    ];
    found.set(key, { kind: "proveDuplicate", epoch: undefined, says, calls });
  }
  return [...found.values()];
}

async function devicesOf(lines: AsyncIterable<string>, root: Hex, registry: RegistryClock) {
  const devices = (await parseIdentities(lines)).map(({ name, nodeId }) => {
    const nodeKeyHash = registry.node(nodeId)?.keyHash;
    demand(nodeKeyHash !== undefined, "Identities_UnknownNode", { nodeId });
    return { anchor: identityAnchor(name), nodeKeyHash };
  });
  const found = identityRootOf(devices);
  demand(found === root, "Identities_WrongRoot", { root, found });
  return devices;
}
