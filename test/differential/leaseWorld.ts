import { artifacts, network } from "hardhat";
import { ContractFactory } from "ethers";
import type { Act } from "./stage.ts";
import { Stage } from "./stage.ts";

// The real leases between doubles of the registry, the telemetry and the index.

export const [OPERATOR, LESSEE, ANYONE, FIRST_PAYEE] = [0, 1, 2, 3] as const;
export const PAYEES = ["payee0", "payee1"] as const;
const ACTOR_COUNT = FIRST_PAYEE + PAYEES.length;
export const LOT_IDS = [1n, 2n] as const;
const MODEL_ID = `0x${"11".repeat(32)}`;
const RICH = 10n ** 40n;

export async function createLeaseWorld(decimals: number) {
  const connection = await network.create({ override: { initialDate: "2027-11-03T08:00:00Z" } });
  const { ethers } = connection;
  const [deployer] = await ethers.getSigners();
  // A library's own ABI has types of structs that ethers does not know.
  const place = async (name: string) => {
    const { bytecode } = await artifacts.readArtifact(name);
    return (await new ContractFactory([], bytecode, deployer).deploy()).getAddress();
  };
  const libraries = { Invoice: await place("Invoice"), LeaseTerms: await place("LeaseTerms") };
  const lots = await ethers.deployContract("MockLots");
  const meters = await ethers.deployContract("MockMeters");
  const index = await ethers.deployContract("MockIndex");
  const coin = await ethers.deployContract("MockCoin", [decimals]);
  const leases = await ethers.deployContract("Leases", [lots, meters], { libraries });
  const stage = await Stage.create(connection, ACTOR_COUNT, [leases.interface, coin.interface]);
  for (const lotId of LOT_IDS) {
    await lots.setLot(lotId, {
      siteId: 1,
      operator: stage.actors[OPERATOR]!,
      gpuCount: 1,
      tdpW: 700,
      modelId: MODEL_ID,
      costAssets: 0,
      commissionedAt: 0,
      identityRoot: `0x${"0".repeat(64)}`,
    });
    await lots.passLien(lotId, stage.actors[FIRST_PAYEE]!);
  }
  const approve = coin.interface.encodeFunctionData("approve", [await leases.getAddress(), 2n ** 256n - 1n]);
  const acts: Act[] = [];
  for (const [actorIndex, actor] of stage.actors.entries()) {
    await coin.mint(actor, RICH);
    acts.push({ actorIndex, target: await coin.getAddress(), data: approve, isRefused: false, text: "approve" });
  }
  await stage.play((await stage.latestAt()) + 1n, acts, true);
  await stage.keep();
  const addresses = {
    leases: await leases.getAddress(),
    coin: await coin.getAddress(),
    index: await index.getAddress(),
  };
  const { interface: actorCalls } = await ethers.getContractAt("MockActor", stage.actors[OPERATOR]!);
  const constants = { actorCalls, modelId: MODEL_ID, dollarAssets: 10n ** BigInt(decimals) };
  return { stage, lots, meters, index, coin, leases, addresses, ...constants };
}

export type LeaseWorld = Awaited<ReturnType<typeof createLeaseWorld>>;
