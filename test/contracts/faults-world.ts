// What the tests of faults share: telemetry, bonds and Faults; nodes that sign; and oracles that sign what they are told.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { network } from "hardhat";
import { keyOf, isSignedBy, pointOf, signReading } from "../../server/nodekey.ts";
import { dataTreeOf, initialState, stateLine, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { deviceLeavesOf, type ConfigCall, type FiledStatement } from "../../server/protocol/faults.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { deviceLeafHash, leafHashes, readingLeafHash, type DeviceLeaf } from "../../server/protocol/leaf.ts";
import {
  readingDomain,
  readingHash,
  type DeviceHour,
  type Reading as NodeReading,
} from "../../server/protocol/reading.ts";
import { buildTree, rootOf } from "../../server/protocol/tree.ts";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import { Faults__factory } from "../../types/factories/bond/Faults__factory.ts";
import {
  HOUR_SEC,
  Pen,
  START_AT,
  START_EPOCH,
  ZERO_HASH,
  deployTelemetry,
  idle,
  later,
  registerLots,
  type Report,
} from "./reports.ts";

export const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

export const ORACLE_BOND = 20_000n;
export const BOUNTY_BPS = 1_000n;
const HALTING_ROLE = 11n;
const SLASHING_ROLE = 12n;
const DAY_SEC = 24n * HOUR_SEC;

/** Two lots and two nodes, four oracles with a bond each, and Faults with its roles. */
export async function deployFaults() {
  const world = await deployTelemetry(ethers, 1);
  const { admin, operator, registry, telemetry, oracles } = world;
  await registerLots(registry, operator, 2);
  const keys = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const points = keys.map(pointOf).map(({ x, y }) => ({ publicX: x, publicY: y }));
  await registry.connect(operator).registerNodes(
    1n,
    points.map(({ publicX, publicY }) => ({ x: publicX, y: publicY })),
  );
  const coin = await ethers.deployContract("MockToken", [6]);
  const [, , , , prover, treasury] = await ethers.getSigners();
  const bonds = await new Bonds__factory(admin).deploy(world.manager, {
    ...{ asset: coin, registry, telemetry, treasury: treasury!, unbondingSec: 5n * DAY_SEC },
    ...{ lotBondBps: 500n, oracleBondAssets: ORACLE_BOND, proverBountyBps: BOUNTY_BPS },
  });
  const faults = await new Faults__factory(admin).deploy(telemetry, registry, bonds);
  const manager = await ethers.getContractAt("Authority", world.manager);
  await manager.setTargetFunctionRole(telemetry, [telemetry.interface.getFunction("halt").selector], HALTING_ROLE);
  await manager.setTargetFunctionRole(bonds, [bonds.interface.getFunction("slash").selector], SLASHING_ROLE);
  for (const role of [HALTING_ROLE, SLASHING_ROLE]) await manager.grantRole(role, faults, 0);
  await coin.mint(admin, 10n ** 12n);
  await coin.approve(bonds, 10n ** 12n);
  for (const { address } of oracles) await bonds.post(await bonds.oracleBondId(address), 5n * ORACLE_BOND);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = readingDomain(chainId, await telemetry.getAddress());
  return { ...world, manager, keys, points, coin, bonds, faults, prover: prover!, treasury: treasury!, domain };
}

export type World = Awaited<ReturnType<typeof deployFaults>>;

/** The preimage of the configuration in force. */
export async function configOf({ telemetry }: Pick<World, "telemetry">): Promise<ConfigCall> {
  const [configCount, faultyCount, oracles] = await Promise.all([
    ...([telemetry.configCount(), telemetry.faultyCount(), telemetry.signers()] as const),
  ]);
  return { configCount, faultyCount, oracles: [...oracles] };
}

/** An ordinary hour of a device. */
export function hourOf(deviceIndex: number, change: Partial<DeviceHour> = {}): DeviceHour {
  return {
    ...{
      deviceIndex,
      deviceId: keccakText(`board ${deviceIndex}`),
      energyStartMJ: 1_000_000n,
      energyEndMJ: 2_000_000n,
    },
    ...{ availableSec: 3600n, allocatedSec: 1800n, smActiveMilliSec: 900_000n, curtailedSec: 0n, workUnits: 7n },
    ...{ flagsBitmap: 0, droppedCount: 0 },
    ...change,
  };
}

/** A node's reading with its signature; the key is the node's own unless another is given. */
export function signed(
  world: Pick<World, "keys" | "domain">,
  epoch: bigint,
  devices: DeviceHour[],
  change: Partial<NodeReading> & { key?: KeyObject; signature?: Hex } = {},
): VerifiedReading {
  const { key, signature, ...rest } = change;
  const reading: NodeReading = {
    ...{ nodeId: 1n, lotId: 1n, epoch, sequenceIndex: epoch - START_EPOCH, prevReadingHash: ZERO_HASH },
    ...{
      periodStartAt: epoch * HOUR_SEC,
      periodEndAt: (epoch + 1n) * HOUR_SEC,
      itEnergy: null,
      drops: noDrops(),
      devices,
    },
    ...rest,
  };
  const hash = readingHash(world.domain, reading);
  const signer = key ?? world.keys[Number(reading.nodeId) - 1] ?? world.keys[0]!;
  return { reading, readingHash: hash, signature: signature ?? signReading(signer, hash) };
}

/** What tells the finder whether readings were signed. */
export function nodesOf({ points }: Pick<World, "points">) {
  return {
    point: (nodeId: bigint) => {
      const point = points[Number(nodeId) - 1];
      return point === undefined ? undefined : { x: point.publicX, y: point.publicY };
    },
    isSigned: (point: { x: Hex; y: Hex }, hash: Hex, signature: Hex) => isSignedBy(keyOf(point), hash, signature),
  };
}

/** Oracles that sign a report of whatever readings and leaves they are told. */
export class Liars {
  readonly pen: Pen;
  readonly world: World;
  private hours = 0n;

  constructor(world: World) {
    this.world = world;
    this.pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
  }

  /** A report with the roots of these readings; `leaves` in place of those that follow from them. */
  async report(readings: readonly VerifiedReading[], change: Partial<Report> = {}, leaves?: DeviceLeaf[]) {
    const { epoch } = this.pen;
    const state = initialState(epoch + 1n);
    const devices = leaves ?? deviceLeavesOf(epoch, readings);
    const hashes = readings.map(({ reading, readingHash: hash, signature }, leafIndex) =>
      readingLeafHash({ ...reading, leafIndex, epoch, readingHash: hash, signature }),
    );
    const data = new Uint8Array(32 * hashes.length);
    hashes.forEach((hash, index) => data.set(hash, 32 * index));
    const meters = [1n, 2n].map((lotId) => ({
      ...later(idle(lotId), this.hours),
      reportingCount: BigInt(Math.min(8, devices.filter((leaf) => leaf.lotId === lotId).length)),
    }));
    const report = await this.pen.report(meters, {
      readingsRoot: rootOf(buildTree(leafHashes(devices, deviceLeafHash))),
      dataHash: rootOf(dataTreeOf(epoch, data, stateLine(state))),
      ...change,
    });
    return { report, state, readings };
  }

  /** That report with its signatures, by default of a quorum, as whoever publishes its readings has it. */
  async sign(made: Awaited<ReturnType<Liars["report"]>>, by?: number[]): Promise<FiledStatement> {
    const [signerBitmap, signatures] = await this.pen.sign(made.report, by);
    return { ...made, signerBitmap, signatures: signatures as Hex, submittedAt: 0n };
  }

  /** Files that report, and goes on to the next hour. */
  async file(readings: readonly VerifiedReading[], leaves?: DeviceLeaf[]): Promise<FiledStatement> {
    this.hours++;
    const made = await this.report(readings, {}, leaves);
    const statement = await this.sign(made);
    await this.pen.reach();
    const { filing } = await this.pen.note(made.report);
    return { ...statement, submittedAt: filing.submittedAt };
  }
}
