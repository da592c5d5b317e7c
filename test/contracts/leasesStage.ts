import { artifacts, network } from "hardhat";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { ContractFactory, type Addressable, type Signer, type TypedDataDomain, type TypedDataField } from "ethers";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import type { Leases } from "../../types/lease/Leases.ts";

// One lot of 8 GPUs under a lien, an anchor day that most months lack, and a clock that does not depend on today.
export const { ethers, networkHelpers } = await network.create({
  override: { initialDate: "2030-01-10T08:00:00Z" },
});

const genesis = await networkHelpers.takeSnapshot();

export const at = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 1000;
export const LOT_ID = 7n;
export const GPU_COUNT = 8;
export const BASE = 10_000_000_000n; // 10,000 a month, six decimals
export const DUE_SEC = 10 * 86_400;
/** The ends of the periods of a lease that starts on 31 January 2030. */
export const ENDS = ["2030-01-31", "2030-02-28", "2030-03-31", "2030-04-30"].map(at) as [
  number,
  number,
  number,
  number,
];

export type Terms = Omit<typeof NO_CLAUSES, "sla"> & {
  sla: { availabilityBps: number | bigint; creditBps: number | bigint }[];
  lotId: bigint;
  lessee: string;
  payee: string;
  asset: string;
  pricing: number;
  startAt: number;
  periodCount: number;
  baseRentAssets: bigint;
  gpuHourRateAssets: bigint;
  documentHash: string;
  salt: string;
};

/** Every clause that a take-or-pay lease of three periods may have. */
export const FULL_CLAUSES = {
  efficiency: { metric: 1n, targetUnits: 13_000n, sharedBps: 5000n, maxBps: 1000n, kWhRateAssets: 80_000n },
  payment: {
    dueSec: BigInt(DUE_SEC),
    lateFeeBps: 1800n,
    cureSec: 432_000n,
    prepaidMonthCount: 1n,
    depositAssets: BASE,
  },
  exit: {
    ...{ minPeriodCount: 1n, noticeSec: 259_200n, renewalPeriodCount: 2n, renewalRentBps: 9500n },
    ...{ terminationFeeAssets: BASE / 4n, purchaseAssets: 50n * BASE },
  },
  lesseeBucket: 2n,
  countries: ["0x4445"],
} satisfies Partial<Terms>;

/** What makes a lease index-linked: 90 %, between 5 and 9 units a GPU-hour. */
export const LINKED_CLAUSES = {
  pricing: 2,
  baseRentAssets: 0n,
  index: {
    ...{ source: "0x00000000000000000000000000000000000000A1", participationBps: 9000n },
    ...{ floorAssets: 5n, capAssets: 9n },
  },
} satisfies Partial<Terms>;

export type Counters = {
  gpuCount?: number;
  available?: number;
  allocated?: number;
  curtailed?: number;
  itEnergyWh?: number;
  facilityEnergyWh?: number;
};

type AbiField = { name: string; type: string; internalType: string; components?: readonly AbiField[] };

const structName = (internalType: string): string => internalType.replace(/^struct \w+\./, "").replace("[]", "");

/** The EIP-712 types of a struct, as the ABI tells them. */
function typesOf(struct: AbiField): Record<string, TypedDataField[]> {
  const fields = struct.components ?? [];
  const nested = fields.filter(({ components }) => components !== undefined);
  const types: Record<string, TypedDataField[]> = {
    [structName(struct.internalType)]: fields.map(({ name, type, internalType, components }) => ({
      name,
      type: components === undefined ? type : internalType.replace(/^struct \w+\./, ""),
    })),
  };
  return Object.assign(types, ...nested.map(typesOf)) as Record<string, TypedDataField[]>;
}

const openAbi = Leases__factory.abi.find((entry) => entry.type === "function" && entry.name === "open");
export const TERMS_TYPES = typesOf((openAbi as unknown as { inputs: [AbiField] }).inputs[0]);

export async function domainOf(leases: Leases): Promise<TypedDataDomain> {
  const { name, version, chainId, verifyingContract } = await leases.eip712Domain();
  return { name, version, chainId, verifyingContract };
}

/** Deploys a library; without its ABI, whose types of structs and enums ethers does not know. */
export async function deployCode(name: string, chain = ethers): Promise<string> {
  const { bytecode } = await artifacts.readArtifact(name);
  const [deployer] = await chain.getSigners();
  return await (await new ContractFactory([], bytecode, deployer).deploy()).getAddress();
}

/** The leases with the code they are linked to. */
export async function deployLeases(registry: Addressable, telemetry: Addressable, chain = ethers): Promise<Leases> {
  const libraries = {
    Invoice: await deployCode("Invoice", chain),
    LeaseTerms: await deployCode("LeaseTerms", chain),
  };
  return chain.deployContract("Leases", [registry, telemetry], { libraries });
}

/**
 * The leases between their doubles on a fresh chain; the payee holds the lot's lien, the lessee and the stranger have
 * money and approved the leases.
 */
export async function stage() {
  await genesis.restore();
  const [operator, lessee, payee, stranger] = await ethers.getSigners();
  if (!operator || !lessee || !payee || !stranger) throw new Error("the chain has too few accounts");
  const lots = await ethers.deployContract("MockLots");
  const meters = await ethers.deployContract("MockMeters");
  const coin = await ethers.deployContract("MockCoin", [6]);
  const leases = await deployLeases(lots, meters);
  const addLot = (lotId: bigint, owner: Addressable = operator) =>
    lots.setLot(lotId, {
      siteId: 1,
      operator: owner,
      gpuCount: GPU_COUNT,
      tdpW: 700,
      modelId: ethers.ZeroHash,
      costAssets: 0,
      commissionedAt: 0,
      identityRoot: ethers.ZeroHash,
    });
  await addLot(LOT_ID);
  await lots.connect(payee).takeLien(LOT_ID);
  for (const account of [lessee, stranger]) {
    await coin.mint(account, 100n * BASE);
    await coin.connect(account).approve(leases, ethers.MaxUint256);
  }
  const terms: Terms = {
    ...NO_CLAUSES,
    lotId: LOT_ID,
    lessee: lessee.address,
    payee: payee.address,
    asset: await coin.getAddress(),
    pricing: 0,
    startAt: ENDS[0],
    periodCount: 3,
    baseRentAssets: BASE,
    gpuHourRateAssets: 0n,
    payment: { ...NO_CLAUSES.payment, dueSec: BigInt(DUE_SEC) },
    sla: [
      { availabilityBps: 9900, creditBps: 1000 },
      { availabilityBps: 9500, creditBps: 2500 },
    ],
    documentHash: ethers.id("contract"),
    salt: ethers.id("salt"),
  };
  const sign = async (signed: Terms, signer: Signer = lessee, domain: TypedDataDomain = {}) =>
    signer.signTypedData({ ...(await domainOf(leases)), ...domain }, TERMS_TYPES, signed);
  const open = async (changed: Partial<Terms> = {}) => {
    const changedTerms = { ...terms, ...changed };
    return leases.connect(operator).open(changedTerms, await sign(changedTerms));
  };
  const record = (time: number, counters: Counters = {}, lotId = LOT_ID) =>
    meters.record(lotId, time / 3600 - 1, {
      gpuCount: counters.gpuCount ?? GPU_COUNT,
      reportingCount: GPU_COUNT,
      availableGpuSec: counters.available ?? 0,
      allocatedGpuSec: counters.allocated ?? 0,
      smActiveGpuSec: 0,
      gpuEnergyWh: 0,
      itEnergyWh: counters.itEnergyWh ?? 0,
      facilityEnergyWh: counters.facilityEnergyWh ?? 0,
      cfeMatchedWh: 0,
      waterMl: 0,
      emissionsGCO2e: 0,
      curtailedGpuSec: counters.curtailed ?? 0,
      workUnits: 0,
    });
  return { operator, lessee, payee, stranger, lots, meters, coin, leases, terms, addLot, sign, open, record };
}

/** The stage with lease 1 open and every boundary metered, all of the time delivered and allocated. */
export async function leasedStage(changed: Partial<Terms> = {}) {
  const world = await stage();
  await world.open(changed);
  for (const end of ENDS) await world.record(end, whole(end));
  return world;
}

export type World = Awaited<ReturnType<typeof leasedStage>>;

/** The counters at a time, all of the time since the lease's start delivered and allocated. */
export function whole(time: number): Counters {
  const gpuSec = GPU_COUNT * (time - ENDS[0]);
  return { available: gpuSec, allocated: gpuSec };
}

/** Everything the ledger says about lease 1 and its payee. */
export async function ledger({ leases, coin, payee, lessee }: World) {
  const { status } = await leases.lease(1);
  return {
    settledCount: Number(status.settledCount),
    prepaid: status.prepaidAssets,
    deposit: status.depositAssets,
    owed: status.owedAssets,
    receivable: await leases.receivableAssets(payee, coin),
    collectable: await leases.collectableAssets(payee, coin),
    refundable: await leases.collectableAssets(lessee, coin),
    held: await coin.balanceOf(leases),
  };
}

export const EMPTY = {
  settledCount: 0,
  prepaid: 0n,
  deposit: 0n,
  owed: 0n,
  receivable: 0n,
  collectable: 0n,
  refundable: 0n,
  held: 0n,
};

/** Settles the first `count` periods, the clock standing at the end of the last of them. */
export async function settled(count: number, changed: Partial<Terms> = {}): Promise<World> {
  const world = await leasedStage(changed);
  await networkHelpers.time.increaseTo(ENDS[count]!);
  for (let periodIndex = 0; periodIndex < count; periodIndex++) await world.leases.settle(1, periodIndex);
  return world;
}
