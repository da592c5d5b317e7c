import { dataTreeOf, stateLine, type AggregateState, type VerifiedReading } from "./aggregate.ts";
import { ZERO_BYTES32, hexOf, type Hex } from "./bytes.ts";
import { INTERFACES } from "./contracts.ts";
import {
  deviceLeafBytes,
  deviceLeafHash,
  leafHashes,
  readingLeafBytes,
  readingLeafHash,
  type DeviceLeaf,
  type ReadingLeaf,
} from "./leaf.ts";
import { unpackMeter } from "./meter.ts";
import { Refusal, demand } from "./refusal.ts";
import { reportCall, reportFrom, type Report, type ReportCall } from "./report.ts";
import { checkDevice } from "./rules.ts";
import { buildTree, proofOf, rootOf, type Tree } from "./tree.ts";
import { EPOCH_SEC } from "./units.ts";

// Faults that the chain decides (docs/telemetry.md §7): found in what anyone can fetch, and told as the call of
// Faults.sol that shows them. One fault a kind is enough: its signers are slashed once a kind, configuration and epoch.

/** The preimage of a configuration's digest, out of ConfigSet. */
export interface ConfigCall {
  readonly configCount: bigint;
  readonly faultyCount: bigint;
  readonly oracles: string[];
}

/** A report as its quorum signed it, out of the transaction that submitted it. */
export interface SignedReport {
  readonly report: Report;
  readonly signerBitmap: bigint;
  readonly signatures: Hex;
}

/** A signed report, and when the chain took it: 0 where it did not. */
export interface Statement extends SignedReport {
  readonly submittedAt: bigint;
}

/** A statement with what its readings are published as. */
export interface FiledStatement extends Statement {
  readonly state: AggregateState;
  readonly readings: readonly VerifiedReading[];
}

/** A P-256 public key. */
export interface Point {
  readonly x: Hex;
  readonly y: Hex;
}

/** What tells whether a reading was signed: the points of the nodes that exist, and the curve. */
export interface Nodes {
  point(nodeId: bigint): Point | undefined;
  isSigned(point: Point, readingHash: Hex, signature: Hex): boolean;
}

/** A fault, and the call of Faults that shows it; the bounty's receiver is the call's last argument, and not among them. */
export type FaultProof = {
  readonly epoch: bigint;
  /** In words, with the numbers. */
  readonly says: string;
} & (
  | { readonly verb: "proveTwoReports"; readonly args: [ConfigCall, StatementCall, StatementCall] }
  | { readonly verb: "proveFalseLeaf"; readonly args: [ConfigCall, StatementCall, LeafCall] }
  | { readonly verb: "proveDoubled"; readonly args: [ConfigCall, StatementCall, LeafCall, LeafCall] }
  | {
      readonly verb: "proveFallenCounter";
      readonly args: [ConfigCall, StatementCall, LeafCall, ReportCall, bigint, LeafCall];
    }
  | { readonly verb: "proveFalseSignature"; readonly args: [ConfigCall, StatementCall, LeafCall, Hex, Hex] }
);

interface StatementCall {
  readonly report: ReportCall;
  readonly submittedAt: bigint;
  readonly signerBitmap: bigint;
  readonly signatures: Hex;
}

interface LeafCall {
  readonly words: [Hex, Hex, Hex, Hex];
  readonly proof: Hex[];
}

/** The statement of an epoch in the input of the transaction that submitted it, be it through other contracts. */
export function statementIn(input: string, epoch: bigint): SignedReport {
  const selector = INTERFACES.telemetry.getFunction("submit").selector.slice(2);
  for (let at = input.indexOf(selector); at !== -1; at = input.indexOf(selector, at + 2)) {
    const statement = decoded(`0x${input.slice(at)}`);
    if (statement?.report.epoch === epoch) return statement;
  }
  throw new Refusal("Fault_NoStatement", { epoch });
}

function decoded(data: string): SignedReport | undefined {
  try {
    const { report, signerBitmap, signatures } = INTERFACES.telemetry.decodeFunctionData("submit", data).toObject() as {
      report: Parameters<typeof reportFrom>[0];
      signerBitmap: bigint;
      signatures: Hex;
    };
    return { report: reportFrom(report), signerBitmap, signatures };
  } catch {
    return undefined; // the selector's bytes by chance
  }
}

/** Two reports of one configuration and epoch with a common signer: undefined where there is no fault in them. */
export function twoReports(config: ConfigCall, a: Statement, b: Statement): FaultProof | undefined {
  const { epoch, configDigest } = a.report;
  const isSameInstance = epoch === b.report.epoch && configDigest === b.report.configDigest;
  const isSameReport = JSON.stringify(textsOf(a.report)) === JSON.stringify(textsOf(b.report));
  const both = a.signerBitmap & b.signerBitmap;
  if (!isSameInstance || isSameReport || both === 0n) return undefined;
  const says = `two reports of epoch ${epoch}, both signed by ${signersIn(both)}`;
  return { verb: "proveTwoReports", epoch, says, args: [config, statementCall(a), statementCall(b)] };
}

function textsOf(report: Report): string[] {
  return Object.values(reportCall(report)).map(String);
}

function signersIn(bitmap: bigint): string {
  const indexes = Array.from(bitmap.toString(2))
    .reverse()
    .flatMap((bit, index) => (bit === "1" ? [index] : []));
  return `oracles ${indexes.join(", ")}`;
}

/**
 * The faults of a report in its published readings, at most one a kind and earlier statement. `before` are statements on-chain of earlier
 * epochs. Refuses readings that do not make the report's roots: what no leaf shows is for a dispute.
 */
export function findFaults(
  config: ConfigCall,
  filed: FiledStatement,
  nodes: Nodes,
  before: readonly FiledStatement[] = [],
): FaultProof[] {
  const placed = deviceTree(filed);
  const found = [
    falseLeaf(config, filed, placed),
    doubled(config, filed, placed),
    falseSignature(config, filed, nodes),
  ];
  for (const earlier of before) found.push(fallenCounter(config, filed, placed, earlier));
  return found.filter((fault) => fault !== undefined);
}

function falseLeaf(config: ConfigCall, filed: FiledStatement, { leaves, tree }: Placed): FaultProof | undefined {
  const { report } = filed;
  const meters = new Map(report.meters.map((meter) => [meter.lotId, meter]));
  for (const leaf of leaves) {
    const { lotId, device, nodeId, epoch } = leaf;
    const meter = meters.get(lotId);
    let reason = meter === undefined ? `no lot ${lotId} in the report` : undefined;
    if (meter !== undefined) {
      try {
        checkDevice({ nodeId, epoch }, device, { gpuCount: unpackMeter(meter).gpuCount, tdpW: meter.tdpW }, EPOCH_SEC);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        reason = error.message;
      }
    }
    if (reason === undefined) continue;
    const says = `a false leaf, ${leaf.leafIndex}: ${reason}`;
    const args: [ConfigCall, StatementCall, LeafCall] = [config, statementCall(filed), deviceCall(tree, leaf)];
    return { verb: "proveFalseLeaf", epoch: report.epoch, says, args };
  }
  return undefined;
}

function doubled(config: ConfigCall, filed: FiledStatement, { leaves, tree }: Placed): FaultProof | undefined {
  const { epoch } = filed.report;
  const seen = new Map<string, DeviceLeaf>();
  for (const leaf of leaves) {
    const { deviceId, deviceIndex } = leaf.device;
    for (const name of [`device ${deviceId} of lot ${leaf.lotId}`, `place ${deviceIndex} of lot ${leaf.lotId}`]) {
      const other = seen.get(name);
      if (other !== undefined) {
        const says = `${name} twice, in leaves ${other.leafIndex} and ${leaf.leafIndex}`;
        const calls = [deviceCall(tree, other), deviceCall(tree, leaf)] as const;
        return { verb: "proveDoubled", epoch, says, args: [config, statementCall(filed), ...calls] };
      }
      seen.set(name, leaf);
    }
  }
  return undefined;
}

function falseSignature(config: ConfigCall, filed: FiledStatement, nodes: Nodes): FaultProof | undefined {
  const { epoch, dataHash } = filed.report;
  const leaves: ReadingLeaf[] = filed.readings.map(({ reading, readingHash, signature }, leafIndex) => {
    const { lotId, nodeId } = reading;
    return { leafIndex, epoch, lotId, nodeId, readingHash, signature };
  });
  const tree = dataTreeOf(epoch, leafHashes(leaves, readingLeafHash), stateLine(filed.state));
  requireRoot(epoch, rootOf(tree), dataHash);
  for (const leaf of leaves) {
    const { leafIndex, nodeId, readingHash, signature } = leaf;
    const point = nodes.point(nodeId);
    if (point !== undefined && isSigned(nodes, point, readingHash, signature)) continue;
    const says = `node ${nodeId} ${point === undefined ? "does not exist" : "did not sign its reading"}`;
    const call = { words: wordsOf(readingLeafBytes(leaf)), proof: proofOf(tree, leafIndex) };
    const { x, y } = point ?? { x: ZERO_BYTES32, y: ZERO_BYTES32 };
    return { verb: "proveFalseSignature", epoch, says, args: [config, statementCall(filed), call, x, y] };
  }
  return undefined;
}

// A signature out of range or with s in the upper half is none.
function isSigned(nodes: Nodes, point: Point, readingHash: Hex, signature: Hex): boolean {
  try {
    return nodes.isSigned(point, readingHash, signature);
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function fallenCounter(
  config: ConfigCall,
  filed: FiledStatement,
  later: Placed,
  before: FiledStatement,
): FaultProof | undefined {
  const { epoch } = filed.report;
  if (before.report.epoch >= epoch) return undefined;
  const earlier = deviceTree(before);
  const ends = new Map(earlier.leaves.map((leaf) => [`${leaf.nodeId} ${leaf.device.deviceId}`, leaf]));
  for (const leaf of later.leaves) {
    const { nodeId, sequenceIndex, device } = leaf;
    const last = ends.get(`${nodeId} ${device.deviceId}`);
    if (last === undefined || device.energyStartMJ >= last.device.energyEndMJ) continue;
    if (epoch !== before.report.epoch + 1n && sequenceIndex !== last.sequenceIndex + 1n) continue;
    const counters = `from ${last.device.energyEndMJ} to ${device.energyStartMJ} mJ`;
    const says = `the counter of device ${device.deviceId} of node ${nodeId} fell ${counters}`;
    const args: Extract<FaultProof, { verb: "proveFallenCounter" }>["args"] = [
      ...([config, statementCall(filed), deviceCall(later.tree, leaf)] as const),
      ...([reportCall(before.report), before.submittedAt, deviceCall(earlier.tree, last)] as const),
    ];
    return { verb: "proveFallenCounter", epoch, says, args };
  }
  return undefined;
}

/** The device-hour leaves of readings, in their order, whether they can be or not. */
export function deviceLeavesOf(epoch: bigint, readings: readonly Pick<VerifiedReading, "reading">[]): DeviceLeaf[] {
  return readings
    .flatMap(({ reading }) => reading.devices.map((device) => ({ reading, device })))
    .sort((a, b) => {
      const [lotId, otherLotId] = [a.reading.lotId, b.reading.lotId];
      if (lotId !== otherLotId) return lotId < otherLotId ? -1 : 1;
      return a.device.deviceIndex - b.device.deviceIndex;
    })
    .map(({ reading, device }, leafIndex) => {
      const { lotId, nodeId, sequenceIndex } = reading;
      return { leafIndex, epoch, lotId, nodeId, sequenceIndex, device };
    });
}

/** Device-hour leaves and the tree over them. */
interface Placed {
  readonly leaves: DeviceLeaf[];
  readonly tree: Tree;
}

function deviceTree({ report, readings }: FiledStatement): Placed {
  const leaves = deviceLeavesOf(report.epoch, readings);
  const tree = buildTree(leafHashes(leaves, deviceLeafHash));
  requireRoot(report.epoch, rootOf(tree), report.readingsRoot);
  return { leaves, tree };
}

function requireRoot(epoch: bigint, found: Hex, root: Hex): void {
  demand(found === root, "Fault_OtherRoot", { epoch, root, found });
}

function deviceCall(tree: Tree, leaf: DeviceLeaf): LeafCall {
  return { words: wordsOf(deviceLeafBytes(leaf)), proof: proofOf(tree, leaf.leafIndex) };
}

function wordsOf(bytes: Uint8Array): [Hex, Hex, Hex, Hex] {
  const word = (index: number) => hexOf(bytes.subarray(32 * index, 32 * index + 32));
  return [word(0), word(1), word(2), word(3)];
}

/** A statement as Faults takes it. */
export function statementCall({ report, submittedAt, signerBitmap, signatures }: Statement): StatementCall {
  return { report: reportCall(report), submittedAt, signerBitmap, signatures };
}
