import { createRequire } from "node:module";
import { network } from "hardhat";
import { ContractFactory } from "ethers";

// A clock that does not depend on today.
export const { ethers, networkHelpers } = await network.create({
  override: { initialDate: "2030-01-10T08:00:00Z" },
});

/** The chain before anything was deployed: what an exact gas figure has to start from. */
export const genesis = await networkHelpers.takeSnapshot();

const accessManager = createRequire(import.meta.url)("@openzeppelin/contracts/build/contracts/AccessManager.json") as {
  abi: [];
  bytecode: string;
};

export const WAD = 10n ** 18n;
export const YEAR_SEC = 365n * 86_400n;
export const LLTV = (WAD * 80n) / 100n;
/** Loan assets of 6 decimals for one share of 6 decimals, at par. */
export const PAR = 10n ** 36n;
/** From the flag to the full bonus of a liquidation; and to the flag's end. */
export const RISE_SEC = 6n * 3600n;
export const FLAG_SEC = 24n * 3600n;
export const usd = (amount: number): bigint => BigInt(Math.round(amount * 1e6));

type Signer = Awaited<ReturnType<typeof ethers.getSigners>>[number];

export interface Params {
  loanToken: string;
  collateralToken: string;
  oracle: string;
  irm: string;
  lltv: bigint;
}

export function idOf(params: Params): string {
  const { loanToken, collateralToken, oracle, irm, lltv } = params;
  const types = ["address", "address", "address", "address", "uint256"];
  const values = [loanToken, collateralToken, oracle, irm, lltv];
  return ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(types, values));
}

/** An AccessManager whose admin is the first account. */
export async function deployAuthority() {
  const [admin] = await ethers.getSigners();
  return new ContractFactory(accessManager.abi, accessManager.bytecode, admin).deploy(admin!.address);
}

export async function deployMarkets() {
  const signers = await ethers.getSigners();
  const [admin, lender, borrower, liquidator, stranger, keeper] = signers as [
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
  ];
  const authority = await deployAuthority();
  const markets = await ethers.deployContract("Markets", [authority]);
  const irm = await ethers.deployContract("KinkedRate", [0n, WAD / 25n, WAD, (WAD * 9n) / 10n]);
  await markets.enableIrm(irm);
  await markets.enableLltv(LLTV);
  return { admin, lender, borrower, liquidator, stranger, keeper, authority, markets, irm };
}

/** One market: quirky stablecoin as loan, an income-paying share as collateral, both with 6 decimals, at par. */
export async function deployWorld() {
  const base = await deployMarkets();
  const loan = await ethers.deployContract("MockToken", [6]);
  const share = await ethers.deployContract("MockShare", [loan, 6]);
  const seams = await ethers.deployContract("MockSeams", [loan]);
  await seams.setPrice(PAR);
  const params: Params = {
    loanToken: await loan.getAddress(),
    collateralToken: await share.getAddress(),
    oracle: await seams.getAddress(),
    irm: await base.irm.getAddress(),
    lltv: LLTV,
  };
  await base.markets.createMarket(params);
  for (const account of [base.lender, base.borrower, base.liquidator, base.stranger]) {
    await loan.mint(account, usd(1_000_000));
    await share.mint(account, usd(1_000_000));
    await loan.connect(account).approve(base.markets, ethers.MaxUint256);
    await share.connect(account).approve(base.markets, ethers.MaxUint256);
  }
  return { ...base, loan, share, seams, params, id: idOf(params) };
}

/** The same with 10,000 lent, 1,000 shares posted and 500 borrowed. */
export async function deployIndebted() {
  const world = await deployWorld();
  const { markets, params, lender, borrower } = world;
  await markets.connect(lender).supply(params, usd(10_000), 0, lender, "0x");
  await markets.connect(borrower).supplyCollateral(params, usd(1000), borrower, "0x");
  await markets.connect(borrower).borrow(params, usd(500), 0, borrower, borrower);
  return world;
}

export async function pass(seconds: bigint): Promise<void> {
  await networkHelpers.time.increase(seconds);
}
