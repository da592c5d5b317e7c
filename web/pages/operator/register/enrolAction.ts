import type { DeviceList } from "../../../../server/protocol/deviceList.ts";
import type { KnownNode, LotTerms } from "../../../../server/protocol/enrolment.ts";
import type { Hex } from "../../../../server/protocol/bytes.ts";
import type { ActionStep, Plan } from "../../../action.tsx";
import { ApiProblem, ask } from "../../../api.tsx";
import type { Chain } from "../../../chain.ts";

// A sound list on its way into the registry: hosts, lot, identities. What is there already is not said again.

/** A lot that is registered and whose identities the oracle has. */
export interface EnrolledLot {
  readonly lotId: bigint;
  /** The published identities. */
  readonly identities: Blob;
}

/** What a person reads of it. */
export interface EnrolWords {
  readonly newHosts: string;
  readonly knownHosts: string;
  readonly transactions: string;
  readonly lot: string;
  readonly lotNew: string;
  lotKnown(lotId: string): string;
  stepHosts(from: string, to: string): string;
  readonly stepLot: string;
  readonly stepPublish: string;
}

export interface Enrolling {
  readonly list: DeviceList;
  readonly terms: LotTerms;
  readonly operator: string;
  readonly words: EnrolWords;
  readonly count: (count: number) => string;
  readonly onEnrolled: (lot: EnrolledLot) => void;
}

const PAGE = 200;
const PATIENCE_MS = 90_000;
const WAIT_MS = 1000;

/** What has to be sent, after the contracts were asked whether they would take it. */
export async function planEnrolling(chain: Chain, enrolling: Enrolling): Promise<Plan> {
  const { list, terms, operator, words, count } = enrolling;
  const protocol = await import("../../../../server/protocol/enrolment.ts");
  const { registry } = chain.contracts;
  const [known, knownLotId] = await Promise.all([knownNodes(operator), lotWith(operator, terms, list.identityRoot)]);
  const nodeIds = protocol.nodeIdsOf(list, known);
  const portions = protocol.missingPlaces(nodeIds, protocol.HOSTS_PER_TRANSACTION);
  const lot = protocol.lotArguments(terms, list);
  const [first] = portions;
  if (first !== undefined) await registry.registerNodes.staticCall(terms.siteId, protocol.pointsOf(list, first));
  if (knownLotId === undefined) await registry.registerLot.staticCall(...lot);

  const pending: { places: readonly number[]; hash: string }[] = [];
  const settle = async () => {
    for (const { places, hash } of pending.splice(0)) {
      const receipt = await chain.provider.getTransactionReceipt(hash);
      if (receipt === null) throw new Error(`no receipt of ${hash}`);
      protocol.takeNodeIds(nodeIds, list, places, receipt, chain.addresses.registry);
    }
  };
  let lotHash: string | undefined;
  const steps: ActionStep[] = portions.map((places) => ({
    label: words.stepHosts(count(places[0]! + 1), count(places.at(-1)! + 1)),
    run: async () => {
      const sent = await registry.registerNodes(terms.siteId, protocol.pointsOf(list, places));
      pending.push({ places, hash: sent.hash });
      return sent;
    },
  }));
  if (knownLotId === undefined)
    steps.push({
      label: words.stepLot,
      run: async () => {
        const sent = await registry.registerLot(...lot);
        lotHash = sent.hash;
        return sent;
      },
    });
  steps.push({
    label: words.stepPublish,
    run: async () => {
      await settle();
      const identities = await identitiesOf(protocol.listedDevices(list, nodeIds));
      await handOver(list.identityRoot, identities);
      const lotId = knownLotId ?? (await lotIn(chain, lotHash));
      enrolling.onEnrolled({ lotId, identities });
      return undefined;
    },
  });
  const newHostCount = portions.reduce((sum, places) => sum + places.length, 0);
  return {
    steps,
    effects: [
      { label: words.newHosts, after: count(newHostCount) },
      { label: words.knownHosts, after: count(list.hosts.length - newHostCount) },
      { label: words.lot, after: knownLotId === undefined ? words.lotNew : words.lotKnown(String(knownLotId)) },
      { label: words.transactions, after: count(steps.length - 1) },
    ],
  };
}

/** The operator's nodes at all its sites, by the hash of their key. */
async function knownNodes(operator: string): Promise<Map<Hex, KnownNode>> {
  const nodes = new Map<Hex, KnownNode>();
  let after: string | undefined;
  do {
    const page = await ask("/v1/nodes", { query: { operator, limit: PAGE, after } });
    for (const { nodeKeyHash, nodeId, isRevoked } of page.items)
      nodes.set(nodeKeyHash as Hex, { nodeId: BigInt(nodeId), isRevoked });
    after = page.next ?? undefined;
  } while (after !== undefined);
  return nodes;
}

/** The operator's live lot at the site with these devices, if it is there. */
async function lotWith(operator: string, { siteId }: LotTerms, identityRoot: Hex): Promise<bigint | undefined> {
  let after: string | undefined;
  do {
    const query = { operator, siteId: String(siteId), limit: PAGE, after };
    const page = await ask("/v1/lots", { query });
    const found = page.items.find((lot) => lot.identityRoot === identityRoot && !lot.isRetired);
    if (found !== undefined) return BigInt(found.lotId);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return undefined;
}

async function identitiesOf(devices: Iterable<{ name: string; nodeId: bigint }>): Promise<Blob> {
  const { identityLines } = await import("../../../../server/protocol/identityTree.ts");
  const lines: string[] = [];
  for (const line of identityLines(devices)) lines.push(`${line}\n`);
  return new Blob(lines, { type: "application/x-ndjson" });
}

/** Hands the identities to the oracle behind this API; again while it has not followed the chain to the lot yet. */
async function handOver(identityRoot: Hex, identities: Blob): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const response = await fetch(`/v1/files/identities/${identityRoot}`, {
      method: "PUT",
      headers: { "content-type": "application/x-ndjson" },
      body: identities,
    });
    if (response.ok) return;
    const { status } = response;
    const { code = "Api_Failed", detail = `status ${status}` } = (await response.json().catch(() => ({}))) as {
      code?: string;
      detail?: string;
    };
    const isForLater = code === "Lot_Unknown" || status === 429 || status >= 500;
    if (!isForLater || Date.now() + WAIT_MS > untilMs) throw new ApiProblem(status, code, detail);
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}

async function lotIn(chain: Chain, hash: string | undefined): Promise<bigint> {
  const receipt = hash === undefined ? null : await chain.provider.getTransactionReceipt(hash);
  const { registry } = chain.contracts;
  for (const { address, topics, data } of receipt?.logs ?? []) {
    if (address.toLowerCase() !== chain.addresses.registry.toLowerCase()) continue;
    const event = registry.interface.parseLog({ topics: [...topics], data });
    if (event?.name === "LotRegistered") return event.args["lotId"] as bigint;
  }
  throw new Error("the lot was not announced");
}
