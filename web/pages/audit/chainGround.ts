import { BrowserProvider } from "ethers";
import type { Hex } from "../../../server/protocol/bytes.ts";
import { nodeKeyHash } from "../../../server/protocol/identity.ts";
import type { DeviceProof } from "../../../server/protocol/proof.ts";
import type { ProofOrigin } from "../../../server/protocol/proofFile.ts";
import type { ProofGround } from "../../../server/protocol/proofSteps.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import { reportCall, reportFrom } from "../../../server/protocol/report.ts";
import { Registry__factory } from "../../../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../../../types/factories/telemetry/Telemetry__factory.ts";
import type { Registry } from "../../../types/registry/Registry.ts";
import type { Eip1193Provider } from "../../eip1193.ts";
import { domainIn, identified, identitiesUnder } from "./ground.ts";

// The chain's own word on a proof, through whatever node the visitor's wallet asks. This server has no part in it, but
// for the files of identities, which their root on the chain proves.

/** What the chain has of a proof's report, node and lot. */
export async function groundOfChain(
  wallet: Eip1193Provider,
  origin: ProofOrigin,
  proof: DeviceProof,
): Promise<ProofGround> {
  const provider = new BrowserProvider(wallet, undefined, { cacheTimeout: -1 });
  const chainId = Number(await provider.send("eth_chainId", []));
  if (chainId !== origin.chainId) {
    throw new Refusal("Chain_WrongId", { chainId, expectedChainId: origin.chainId });
  }
  const telemetry = Telemetry__factory.connect(origin.telemetry, provider);
  const registry = Registry__factory.connect(origin.registry, provider);
  const { leaf, reportHash, transactionHash } = proof;

  // Where to look is the proof's word; what stands there is the chain's.
  const receipt = await provider.getTransactionReceipt(transactionHash);
  const submitted = receipt?.logs
    .filter(({ address }) => address.toLowerCase() === origin.telemetry.toLowerCase())
    .map((log) => telemetry.interface.parseLog(log))
    .find((event) => event?.name === "Submitted" && event.args["reportHash"] === reportHash);
  const head = await provider.getBlock("latest");
  let filed: Pick<ProofGround, "standing" | "report"> = { standing: null };
  if (submitted && receipt) {
    const { submittedAt } = submitted.args as unknown as { submittedAt: bigint };
    // What an event gives is frozen, and a call fills in what it is given.
    const report = reportFrom(submitted.args["report"] as Parameters<typeof reportFrom>[0]);
    const [isFiled, challengeSec] = await Promise.all([
      telemetry.isFiled(reportCall(report), submittedAt),
      telemetry.challengeSec(),
    ]);
    const isOver = BigInt(head?.timestamp ?? 0) >= submittedAt + challengeSec;
    filed = {
      standing: isFiled ? (isOver ? "Final" : "Submitted") : null,
      report,
    };
  }

  const keys = await keysOf(registry, [BigInt(leaf.nodeId)]);
  const root = await rootBefore(registry, BigInt(leaf.lotId), receipt?.blockNumber ?? head?.number ?? 0);
  const named = root === undefined ? undefined : await identitiesUnder(root).catch(() => undefined);
  const hashes = new Map(
    [...(await keysOf(registry, [...new Set(named?.map(({ nodeId }) => nodeId))]))].map(
      ([nodeId, { x, y }]) => [nodeId, nodeKeyHash(x, y)] as const,
    ),
  );
  const devices = named && identified(named, hashes);
  return {
    ...domainIn(origin),
    ...filed,
    nodeKey: keys.get(BigInt(leaf.nodeId)) ?? null,
    ...(root !== undefined && devices !== undefined && { identity: { root, devices } }),
  };
}

async function keysOf(registry: Registry, nodeIds: readonly bigint[]): Promise<Map<bigint, { x: Hex; y: Hex }>> {
  const wanted = new Set(nodeIds);
  if (wanted.size === 0) return new Map();
  const [only] = nodeIds;
  const filter = wanted.size === 1 ? registry.filters.NodeRegistered(only) : registry.filters.NodeRegistered();
  const events = await registry.queryFilter(filter);
  return new Map(
    events
      .filter(({ args }) => wanted.has(args.nodeId))
      .map(({ args }) => [args.nodeId, { x: args.publicX as Hex, y: args.publicY as Hex }]),
  );
}

/** The identity root that a lot had up to a block. */
async function rootBefore(registry: Registry, lotId: bigint, block: number): Promise<Hex | undefined> {
  const [registered, swapped] = await Promise.all([
    registry.queryFilter(registry.filters.LotRegistered(lotId), 0, block),
    registry.queryFilter(registry.filters.DevicesSwapped(lotId), 0, block),
  ]);
  const last = swapped.at(-1)?.args.identityRoot ?? registered.at(-1)?.args.lot.identityRoot;
  return last as Hex | undefined;
}
