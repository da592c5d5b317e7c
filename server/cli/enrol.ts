import { toBeHex, type JsonRpcProvider } from "ethers";

import { messageOf } from "../failure.ts";
import type { Files } from "../plugins/files.ts";
import type { Hex } from "../protocol/bytes.ts";
import { contractsAt, explainRevert } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { DeviceList } from "../protocol/deviceList.ts";
import {
  listedDevices,
  lotArguments,
  missingPlaces,
  nodeIdsOf,
  pointsOf,
  takeNodeIds,
  type KnownNode,
  type LotTerms,
} from "../protocol/enrolment.ts";
import { nodeKeyHash } from "../protocol/identity.ts";
import { identityLines } from "../protocol/identityTree.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { Sender } from "./sender.ts";

// A list of devices on its way into the registry. The chain says how far it has come: hosts and lots that are there
// already are not registered again.

/** What the list is for: a new lot, or other devices of one that is there. */
export type Goal =
  { readonly kind: "register"; readonly terms: LotTerms } | { readonly kind: "swap"; readonly lotId: bigint };

export interface Enrolment {
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly goal: Goal;
  readonly list: DeviceList;
  /** Who registers: the site's operator. */
  readonly operator: string;
  readonly hostsPerTransaction: number;
  readonly onProgress?: (what: string, count: number, total: number) => void;
}

/** What is there and what is missing. */
export interface Plan {
  /** Ids of the hosts' nodes, 0 where one is not registered yet. */
  readonly nodeIds: bigint[];
  readonly missingCount: number;
  readonly siteId: bigint;
  /** The lot with these devices, if it is there. */
  readonly lotId: bigint | undefined;
  readonly transactionCount: number;
}

/** What was done. */
export interface Enrolled {
  readonly lotId: bigint;
  readonly identityRoot: Hex;
  readonly deviceCount: number;
  readonly hostCount: number;
  readonly registeredHostCount: number;
  readonly gasUsed: bigint;
}

const FIRST_BLOCKS = 16;
const MAX_BLOCKS = 4_096;
const MANY_LOGS = 5_000;

/** Compares the list with the chain; refuses what the registry would refuse later, or what must not be said twice. */
export async function planEnrolment(enrolment: Enrolment): Promise<Plan> {
  const { list, hostsPerTransaction } = enrolment;
  const siteId = await checkedSite(enrolment);
  const known = await readNodes(enrolment);
  const nodeIds = nodeIdsOf(list, known);
  const missingCount = nodeIds.filter((nodeId) => nodeId === 0n).length;
  const lotId = await findLot(enrolment, siteId);
  const lotTransactions = lotId === undefined ? 1 : 0;
  return {
    ...{ nodeIds, missingCount, siteId, lotId },
    transactionCount: Math.ceil(missingCount / hostsPerTransaction) + lotTransactions,
  };
}

/** The site the devices are to stand at; refuses a lot, site or model that the registry would not take. */
async function checkedSite({ provider, deployment, goal, list, operator }: Enrolment): Promise<bigint> {
  const { registry } = contractsAt(deployment.addresses, provider);
  if (goal.kind === "register") {
    const { siteId, modelId } = goal.terms;
    const [site, model] = await Promise.all([registry.sites(siteId), registry.models(modelId)]);
    demand(site.operator === operator, "Registry_NotOperator", { siteId, caller: operator, operator: site.operator });
    demand(model.tdpW !== 0n, "Registry_UnknownModel", { modelId });
    return siteId;
  }
  const { lotId } = goal;
  const lot = await registry.lot(lotId).catch((error: unknown) => {
    throw explainRevert(error) ?? error;
  });
  demand(lot.operator === operator, "Registry_NotOperator", { lotId, caller: operator, operator: lot.operator });
  demand(!(await registry.isRetired(lotId)), "Registry_Retired", { lotId });
  const deviceCount = list.names.length;
  demand(lot.gpuCount === BigInt(deviceCount), "Enrol_OtherCount", { lotId, deviceCount, gpuCount: lot.gpuCount });
  return lot.siteId;
}

/** Registers what is missing, publishes the identities, then registers the lot or swaps its devices. */
export async function enrol(enrolment: Enrolment, sender: Sender, files: Files): Promise<Enrolled> {
  const { provider, deployment, goal, list, hostsPerTransaction, onProgress } = enrolment;
  const { registry } = contractsAt(deployment.addresses, provider);
  const to = deployment.addresses.registry;
  let gasUsed = (await sender.resume())?.gasUsed ?? 0n;
  const { nodeIds, missingCount, siteId, lotId: foundLotId } = await planEnrolment(enrolment);

  let doneCount = 0;
  for (const places of missingPlaces(nodeIds, hostsPerTransaction)) {
    const data = registry.interface.encodeFunctionData("registerNodes", [siteId, pointsOf(list, places)]);
    const receipt = await sender.send({ to, data });
    gasUsed += receipt.gasUsed;
    takeNodeIds(nodeIds, list, places, receipt, to);
    doneCount += places.length;
    onProgress?.("hosts", doneCount, missingCount);
  }

  await files.put("identities", list.identityRoot, identityLines(listedDevices(list, nodeIds)));
  let lotId = foundLotId;
  if (lotId === undefined) {
    const data =
      goal.kind === "swap"
        ? registry.interface.encodeFunctionData("swapDevices", [goal.lotId, list.identityRoot])
        : registry.interface.encodeFunctionData("registerLot", [...lotArguments(goal.terms, list)]);
    const receipt = await sender.send({ to, data });
    gasUsed += receipt.gasUsed;
    lotId = await findLot(enrolment, siteId);
    if (lotId === undefined) throw new Refusal("Enrol_NotAnnounced", { hash: receipt.hash });
  }
  const counts = { deviceCount: list.names.length, hostCount: list.hosts.length, registeredHostCount: missingCount };
  return { lotId, identityRoot: list.identityRoot, ...counts, gasUsed };
}

/** The operator's nodes at all its sites, by the hash of their key: a key is registered once, wherever its host moves. */
async function readNodes(enrolment: Enrolment): Promise<Map<Hex, KnownNode>> {
  const { registry } = contractsAt(enrolment.deployment.addresses, enrolment.provider);
  const siteIds: bigint[] = [];
  const nodes = new Map<Hex, KnownNode>();
  const byId = new Map<bigint, Hex>();
  await eachRange(enrolment, async (from, to) => {
    const sites = await registry.queryFilter(registry.filters.SiteRegistered(undefined, enrolment.operator), from, to);
    for (const { args } of sites) if (!siteIds.includes(args.siteId)) siteIds.push(args.siteId);
    if (siteIds.length === 0) return 0;
    // Decoded by hand: the library takes minutes for the hosts of a million devices.
    const siteTopics = siteIds.map((siteId) => toBeHex(siteId, 32));
    const topics = [registry.interface.getEvent("NodeRegistered").topicHash, null, siteTopics];
    const logs = await enrolment.provider.getLogs({ address: registry.target, topics, fromBlock: from, toBlock: to });
    for (const { data, topics: subjects } of logs) {
      const nodeId = BigInt(subjects[1] as string);
      const keyHash = nodeKeyHash(data.slice(0, 66) as Hex, `0x${data.slice(66, 130)}`);
      nodes.set(keyHash, { nodeId, isRevoked: false });
      byId.set(nodeId, keyHash);
    }
    for (const { args } of await registry.queryFilter(registry.filters.NodeRevoked(), from, to)) {
      const keyHash = byId.get(args.nodeId);
      if (keyHash !== undefined) nodes.set(keyHash, { nodeId: args.nodeId, isRevoked: true });
    }
    return logs.length;
  });
  return nodes;
}

/** The live lot with the list's devices: the one to swap, or one of the operator at the site. */
async function findLot(enrolment: Enrolment, siteId: bigint): Promise<bigint | undefined> {
  const { deployment, provider, goal, list, operator } = enrolment;
  const { registry } = contractsAt(deployment.addresses, provider);
  const { identityRoot } = list;
  if (goal.kind === "swap")
    return (await registry.lot(goal.lotId)).identityRoot === identityRoot ? goal.lotId : undefined;
  let found: bigint | undefined;
  await eachRange(enrolment, async (from, to) => {
    const registered = registry.filters.LotRegistered(undefined, siteId, operator);
    const events = await registry.queryFilter(registered, from, to);
    for (const { args } of events) {
      if (args[3].identityRoot === identityRoot && !(await registry.isRetired(args.lotId))) found = args.lotId;
    }
    return events.length;
  });
  return found;
}

/** Reads the chain's events in ranges, shorter where there are many or the node does not answer. */
async function eachRange(
  { provider, deployment }: Enrolment,
  read: (fromBlock: number, toBlock: number) => Promise<number>,
): Promise<void> {
  const head = await provider.getBlockNumber();
  let blockCount = FIRST_BLOCKS;
  for (let from = deployment.startBlock; from <= head;) {
    try {
      const to = Math.min(from + blockCount - 1, head);
      const logCount = await read(from, to);
      from = to + 1;
      blockCount = logCount > MANY_LOGS ? Math.max(1, blockCount >> 1) : Math.min(MAX_BLOCKS, 2 * blockCount);
    } catch (error) {
      if (blockCount === 1) throw new Refusal("Enrol_NoEvents", { blockNumber: from, reason: messageOf(error) });
      blockCount >>= 1;
    }
  }
}
