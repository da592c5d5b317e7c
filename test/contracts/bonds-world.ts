// What the tests of the bonds share: two operators' lots, a signer, a court that may slash, and the coin.
import { network } from "hardhat";
import { id } from "ethers";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import { MODEL, START_AT, deployRegistry } from "./reports.ts";

export const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

export const CHALLENGE_SEC = 1000n;
export const MAX_DELAY_SEC = 500n;
export const UNBONDING_SEC = 2000n;
export const COST = 1_000_000n;
export const LOT_BOND = 50_000n;
export const ORACLE_BOND = 20_000n;
export const BOUNTY_BPS = 1_000n;
export const FAULT = id("a fault");
const COURT_ROLE = 7n;

/** Lots 1 and 2 of the operator, without a lien; 1,000,000 units of the coin for everybody, which the bonds may take. */
export async function deployBonds() {
  const { registry, manager, admin, operator, stranger } = await deployRegistry(ethers);
  const [, , , court, signer, insurer, injured, prover, treasury] = (await ethers.getSigners()) as [
    ...[HardhatEthersSigner, HardhatEthersSigner, HardhatEthersSigner, HardhatEthersSigner, HardhatEthersSigner],
    ...[HardhatEthersSigner, HardhatEthersSigner, HardhatEthersSigner, HardhatEthersSigner],
  ];
  for (const name of ["one", "two"]) {
    await registry.connect(operator).registerLot(1, id(MODEL), 8, COST, 1, id(`boards of lot ${name}`));
  }
  const coin = await ethers.deployContract("MockToken", [6]);
  const windows = await ethers.deployContract("MockWindows", [CHALLENGE_SEC, MAX_DELAY_SEC]);
  const settings = {
    ...{ asset: coin, registry, telemetry: windows, treasury, unbondingSec: UNBONDING_SEC },
    ...{ lotBondBps: 500n, oracleBondAssets: ORACLE_BOND, proverBountyBps: BOUNTY_BPS },
  };
  const bonds = await new Bonds__factory(admin).deploy(manager, settings);
  const authority = await ethers.getContractAt("Authority", manager);
  await authority.setTargetFunctionRole(bonds, [bonds.interface.getFunction("slash").selector], COURT_ROLE);
  await authority.grantRole(COURT_ROLE, court, 0);
  for (const account of [operator, stranger, signer, insurer]) {
    await coin.mint(account, 1_000_000n);
    await coin.connect(account).approve(bonds, 1_000_000n);
  }
  const lotBond = await bonds.lotBondId(1);
  const oracleBond = await bonds.oracleBondId(signer);
  const people = { admin, operator, stranger, court, signer, insurer, injured, prover, treasury };

  /** What the court may ask of a bond; by default a tenth to the prover, nothing burned, the rest to the injured. */
  const slash = (
    assets: bigint,
    changed: Partial<{
      bondId: string;
      faultId: string;
      bountyTo: string;
      injured: string;
      bps: [bigint, bigint];
    }> = {},
  ) => {
    const { bondId = lotBond, faultId = FAULT, bps = [BOUNTY_BPS, 0n] } = changed;
    const [bountyTo, to] = [changed.bountyTo ?? prover.address, changed.injured ?? injured.address];
    return bonds.connect(court).slash(bondId, faultId, assets, bountyTo, to, ...bps);
  };
  const pledge = async (lotId = 1, holder = injured) => {
    await registry.connect(operator).offerLien(lotId, holder);
    await registry.connect(holder).takeLien(lotId);
  };
  return { ...people, registry, manager, coin, windows, settings, bonds, lotBond, oracleBond, slash, pledge };
}
