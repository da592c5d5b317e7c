// From outside: whoever reads the chain's events and transactions and the published files, and nothing else, has each
// liar slashed.
import { expect } from "chai";
import { isSignedBy, keyOf } from "../../server/nodekey.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import {
  findFaults,
  statementIn,
  twoReports,
  type ConfigCall,
  type FaultProof,
  type FiledStatement,
  type Point,
} from "../../server/protocol/faults.ts";
import { checkReadingSet, readingSetLines } from "../../server/protocol/publication.ts";
import { readingDomain } from "../../server/protocol/reading.ts";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import { Faults__factory } from "../../types/factories/bond/Faults__factory.ts";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import {
  Liars,
  ORACLE_BOND,
  deployFaults,
  ethers,
  hourOf,
  networkHelpers,
  signed,
  type World,
} from "./faults-world.ts";
import { hashOf } from "./reports.ts";

/** What an outsider knows: where the contracts are, a node of the chain, and a mirror of the published files. */
interface Outside {
  readonly addresses: { registry: string; telemetry: string; bonds: string; faults: string };
  readonly files: ReadonlyMap<Hex, string[]>;
}

/** The outsider's program: everything it says comes from events, transactions and files. */
async function outsider({ addresses, files }: Outside) {
  const [account] = (await ethers.getSigners()).slice(-1);
  const telemetry = Telemetry__factory.connect(addresses.telemetry, ethers.provider);
  const registry = Registry__factory.connect(addresses.registry, ethers.provider);
  const faults = Faults__factory.connect(addresses.faults, account);
  const bonds = Bonds__factory.connect(addresses.bonds, account);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = readingDomain(chainId, addresses.telemetry);

  const points = new Map<bigint, Point>();
  for (const { args } of await registry.queryFilter(registry.filters.NodeRegistered())) {
    points.set(args.nodeId, { x: args.publicX as Hex, y: args.publicY as Hex });
  }
  const nodes = {
    point: (nodeId: bigint) => points.get(nodeId),
    isSigned: (point: Point, hash: Hex, signature: Hex) => isSignedBy(keyOf(point), hash, signature),
  };
  const configs = new Map<string, ConfigCall>();
  for (const { args } of await telemetry.queryFilter(telemetry.filters.ConfigSet())) {
    const { configCount, faultyCount, signers } = args;
    configs.set(args.configDigest, { configCount, faultyCount, oracles: [...signers] });
  }
  const filed: FiledStatement[] = [];
  for (const event of await telemetry.queryFilter(telemetry.filters.Submitted())) {
    const { data } = (await ethers.provider.getTransaction(event.transactionHash))!;
    const statement = statementIn(data, event.args.epoch);
    const set = await checkReadingSet(domain, statement.report.dataHash, files.get(statement.report.dataHash)!);
    filed.push({ ...statement, ...set, submittedAt: event.args.submittedAt });
  }
  const proofs = () =>
    filed.flatMap((statement, index) =>
      findFaults(configs.get(statement.report.configDigest)!, statement, nodes, filed.slice(0, index)),
    );
  const prove = async ({ verb, args }: FaultProof) => {
    const send = faults.getFunction(verb) as unknown as (...args: unknown[]) => Promise<{ wait(): Promise<unknown> }>;
    await (await send(...args, account!.address)).wait();
  };
  return { account: account!, filed, configs, proofs, prove, bonds };
}

describe("outside, with public data only", () => {
  let world: World;
  let liars: Liars;
  let files: Map<Hex, string[]>;

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployFaults);
    liars = new Liars(world);
    files = new Map();
  });

  const publish = ({ report, state, readings }: FiledStatement) =>
    files.set(report.dataHash, [...readingSetLines(report.epoch, state, readings)]);
  const file = async (...readings: ReturnType<typeof signed>[]) => publish(await liars.file(readings));
  const outside = async () => {
    const [registry, telemetry, bonds, faults] = await Promise.all(
      [world.registry, world.telemetry, world.bonds, world.faults].map((contract) => contract.getAddress()),
    );
    return { addresses: { registry: registry!, telemetry: telemetry!, bonds: bonds!, faults: faults! }, files };
  };
  const hour = (energyStartMJ: bigint, more: Parameters<typeof signed>[3] = {}) =>
    signed(world, liars.pen.epoch, [hourOf(0, { energyStartMJ, energyEndMJ: energyStartMJ + 500_000n })], more);

  /** The outsider finds exactly this, and proves it: three oracles lose a bond's worth, the outsider has its bounty. */
  async function slashes(verb: FaultProof["verb"], epoch: bigint) {
    const stranger = await outsider(await outside());
    const proofs = stranger.proofs();
    expect(proofs.map((proof) => [proof.verb, proof.epoch])).to.deep.equal([[verb, epoch]]);
    await stranger.prove(proofs[0]!);
    const taken = await Promise.all(
      world.oracles.map(async ({ address }) => {
        const bond = await world.bonds.bonds(await world.bonds.oracleBondId(address));
        return 5n * ORACLE_BOND - bond.assets;
      }),
    );
    expect(taken).to.deep.equal([ORACLE_BOND, ORACLE_BOND, ORACLE_BOND, 0n]);
    const bounty = await world.bonds.claimableAssets(stranger.account);
    await world.bonds.connect(stranger.account).claim(stranger.account);
    expect(await world.coin.balanceOf(stranger.account)).to.equal(bounty);
    expect(bounty).to.equal((3n * ORACLE_BOND) / 10n);
    expect(await world.telemetry.haltedFromEpoch()).to.equal(epoch);
  }

  it("E05: a forged reading is slashed", async () => {
    await file(hour(0n));
    const { epoch } = liars.pen;
    await file(hour(500_000n, { key: world.keys[1]! }));
    await slashes("proveFalseSignature", epoch);
  });

  it("E03: a falling counter is slashed", async () => {
    await file(hour(1_000_000n));
    const { epoch } = liars.pen;
    await file(hour(1_400_000n));
    await slashes("proveFallenCounter", epoch);
  });

  it("E05: an impossible hour is slashed", async () => {
    const { epoch } = liars.pen;
    await file(signed(world, epoch, [hourOf(0, { curtailedSec: 3600n })]));
    await slashes("proveFalseLeaf", epoch);
  });

  it("E05: a device counted twice is slashed", async () => {
    const { epoch } = liars.pen;
    await file(hour(0n), signed(world, epoch, [hourOf(1, { deviceId: hourOf(0).deviceId })], { nodeId: 2n }));
    await slashes("proveDoubled", epoch);
  });

  it("E04: equivocating oracles are slashed, by the report on-chain and the one that a peer was sent", async () => {
    const { epoch } = liars.pen;
    const sentToPeer = await liars.sign(
      await liars.report([hour(0n)], { methodologyHash: hashOf("another") }),
      [0, 1, 3],
    );
    await file(hour(0n));
    const stranger = await outsider(await outside());
    expect(stranger.proofs()).to.deep.equal([]);
    const config = [...stranger.configs.values()][0]!;
    await stranger.prove(twoReports(config, stranger.filed[0]!, sentToPeer)!);
    const left = await Promise.all(
      world.oracles.map(
        async ({ address }) => (await world.bonds.bonds(await world.bonds.oracleBondId(address))).assets,
      ),
    );
    expect(left).to.deep.equal([4n, 4n, 5n, 5n].map((count) => count * ORACLE_BOND));
    expect(await world.telemetry.haltedFromEpoch()).to.equal(epoch);
  });

  it("honest hours hold no fault", async () => {
    await file(hour(0n));
    await file(hour(500_000n), signed(world, liars.pen.epoch, [hourOf(2)], { nodeId: 2n, lotId: 2n }));
    await file();
    await file(hour(1_000_000n, { sequenceIndex: 2n }));
    expect((await outsider(await outside())).proofs()).to.deep.equal([]);
  });
});
