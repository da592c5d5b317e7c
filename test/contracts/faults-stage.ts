// The stage that the tests of Faults share: a world of its own for each test, and what is asked of every fault.
import { expect } from "chai";
import { dataTreeOf, stateLine } from "../../server/protocol/aggregate.ts";
import { hexOf, type Hex } from "../../server/protocol/bytes.ts";
import { findFaults, type ConfigCall, type FaultProof, type FiledStatement } from "../../server/protocol/faults.ts";
import {
  deviceLeafBytes,
  deviceLeafHash,
  leafHashes,
  readingLeafBytes,
  readingLeafHash,
  type DeviceLeaf,
  type ReadingLeaf,
} from "../../server/protocol/leaf.ts";
import { buildTree, proofOf } from "../../server/protocol/tree.ts";
import {
  BOUNTY_BPS,
  Liars,
  ORACLE_BOND,
  configOf,
  deployFaults,
  hourOf,
  networkHelpers,
  nodesOf,
  signed,
  type World,
} from "./faults-world.ts";

function wordsOf(bytes: Uint8Array): [Hex, Hex, Hex, Hex] {
  const word = (index: number) => hexOf(bytes.subarray(32 * index, 32 * index + 32));
  return [word(0), word(1), word(2), word(3)];
}

/** A device-hour leaf among others, as they stand in the list. */
export function leafCall(leaf: DeviceLeaf, leaves: readonly DeviceLeaf[] = [leaf]) {
  const tree = buildTree(leafHashes(leaves, deviceLeafHash));
  return { words: wordsOf(deviceLeafBytes(leaf)), proof: proofOf(tree, leaves.indexOf(leaf)) };
}

/** The one reading of a set. */
export function readingProof(leaf: ReadingLeaf, { report, state }: FiledStatement) {
  const tree = dataTreeOf(report.epoch, leafHashes([leaf], readingLeafHash), stateLine(state));
  return { words: wordsOf(readingLeafBytes(leaf)), proof: proofOf(tree, 0) };
}

/** Where a test finds its world, fresh before each. */
export class Stage {
  world!: World;
  liars!: Liars;
  config!: ConfigCall;

  constructor() {
    beforeEach(() => this.again());
  }

  async again(): Promise<void> {
    this.world = await networkHelpers.loadFixture(deployFaults);
    this.liars = new Liars(this.world);
    this.config = await configOf(this.world);
  }

  /** Sends a proof as a stranger; the bounty is the prover's. */
  prove({ verb, args }: FaultProof): ReturnType<World["faults"]["proveDoubled"]> {
    const { faults, stranger, prover } = this.world;
    const send = faults.connect(stranger).getFunction(verb) as unknown as (
      ...args: unknown[]
    ) => ReturnType<World["faults"]["proveDoubled"]>;
    return send(...args, prover.address);
  }

  /** What is left of each oracle's bond. */
  async bonds(): Promise<bigint[]> {
    const { oracles, bonds } = this.world;
    return await Promise.all(
      oracles.map(async ({ address }) => (await bonds.bonds(await bonds.oracleBondId(address))).assets),
    );
  }

  /** Node 1's reading of two devices, the second with a change. */
  reading(change: Parameters<typeof hourOf>[1] = {}, more: Parameters<typeof signed>[3] = {}) {
    return signed(this.world, this.liars.pen.epoch, [hourOf(0), hourOf(3, change)], more);
  }

  found(filed: FiledStatement, before: FiledStatement[] = []): FaultProof[] {
    return findFaults(this.config, filed, nodesOf(this.world), before);
  }

  /** The proof is taken, costs the three signers a bond's worth each and halts the telemetry; again it is refused. */
  async costs(proof: FaultProof | undefined): Promise<void> {
    const { telemetry, bonds, faults, prover, treasury } = this.world;
    const before = await this.bonds();
    await expect(this.prove(proof!)).to.emit(telemetry, "Halted").withArgs(proof!.epoch);
    expect(await this.bonds()).to.deep.equal(before.map((assets, i) => (i < 3 ? assets - ORACLE_BOND : assets)));
    const bounty = (3n * ORACLE_BOND * BOUNTY_BPS) / 10_000n;
    expect(await bonds.claimableAssets(prover)).to.equal(bounty);
    expect(await bonds.claimableAssets(treasury)).to.equal(3n * ORACLE_BOND - bounty);
    await expect(this.prove(proof!)).to.be.revertedWithCustomError(faults, "Faults_AlreadyProven");
    expect(await telemetry.haltedFromEpoch()).to.equal(proof!.epoch);
  }
}
