import { A, R, UNIT, type CapitalStage } from "./capital-stage.ts";

// Markets on the stage's classes: the first facility's senior under a rate that adapts, its residual, and the second
// facility's senior.

export const WAD = 10n ** 18n;
export const LLTVS = [(WAD * 80n) / 100n, (WAD * 50n) / 100n] as const;
export const PRICE_SCALE = 10n ** 36n;

export interface Params {
  loanToken: string;
  collateralToken: string;
  oracle: string;
  irm: string;
  lltv: bigint;
}

export interface MarketPlace {
  readonly params: Params;
  readonly id: string;
  readonly deal: number;
  readonly classIndex: number;
}

export async function openMarkets(stage: CapitalStage) {
  const { ethers, authority, asset, gate, valuation, deals, holders, mallory } = stage;
  const markets = await ethers.deployContract("Markets", [authority]);
  await gate.listHolder(markets, true);
  const kinked = await ethers.deployContract("KinkedRate", [0n, WAD / 25n, 2n * WAD, (WAD * 9n) / 10n]);
  await markets.enableIrm(kinked);
  for (const lltv of LLTVS) await markets.enableLltv(lltv);
  const open = async (deal: number, classIndex: number, lltv: bigint): Promise<MarketPlace> => {
    const { facility, tokens } = deals[deal]!;
    const oracle = await ethers.deployContract("ClassPrice", [valuation, facility, classIndex, ethers.ZeroAddress]);
    const params = {
      ...{ loanToken: await asset.getAddress(), collateralToken: await tokens[classIndex]!.getAddress() },
      ...{ oracle: await oracle.getAddress(), irm: await kinked.getAddress(), lltv },
    };
    await markets.createMarket(params);
    const types = ["address", "address", "address", "address", "uint256"];
    const id = ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(types, Object.values(params)));
    return { params, id, deal, classIndex };
  };
  const places = [await open(0, A, LLTVS[0]), await open(0, R, LLTVS[1]), await open(1, A, LLTVS[0])];
  for (const account of [...holders, mallory]) {
    await asset.connect(account).approve(markets, ethers.MaxUint256);
    for (const { tokens } of deals) {
      for (const token of tokens) await token.connect(account).approve(markets, ethers.MaxUint256);
    }
  }
  for (const { params } of places)
    await markets.connect(stage.erin).supply(params, 1_000_000n * UNIT, 0, stage.erin, "0x");
  return { markets, kinked, places };
}

export type CapitalMarkets = Awaited<ReturnType<typeof openMarkets>>;
