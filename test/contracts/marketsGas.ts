import { expect } from "chai";
import type { ContractTransactionResponse } from "ethers";
import { deployMarkets, ethers, LLTV, networkHelpers, PAR, pass, usd } from "./marketsWorld.ts";

// The figures of Morpho Blue that the design sets beside ours; plain ERC-20 tokens on both sides.
const REACH = {
  supply: 78_159n,
  supplyCollateral: 56_895n,
  borrow: 83_611n,
  repay: 80_886n,
  withdraw: 76_344n,
  liquidate: 107_385n,
};

describe("Markets gas on the steady path", () => {
  it("each verb costs at most what Morpho Blue's does", async () => {
    const { markets, irm, lender, borrower, liquidator } = await networkHelpers.loadFixture(deployMarkets);
    const loan = await ethers.deployContract("TestStable");
    const collateral = await ethers.deployContract("TestStable");
    const seams = await ethers.deployContract("MockSeams", [loan]);
    await seams.setPrice(PAR);
    const [loanToken, collateralToken] = [await loan.getAddress(), await collateral.getAddress()];
    const params = {
      loanToken,
      collateralToken,
      oracle: await seams.getAddress(),
      irm: await irm.getAddress(),
      lltv: LLTV,
    };
    await markets.createMarket(params);
    for (const account of [lender, borrower, liquidator]) {
      for (const token of [loan, collateral]) {
        await token.mint(account, usd(1_000_000));
        await token.connect(account).approve(markets, ethers.MaxUint256);
      }
    }
    const verbs = {
      supply: () => markets.connect(lender).supply(params, usd(10_000), 0, lender, "0x"),
      supplyCollateral: () => markets.connect(borrower).supplyCollateral(params, usd(1000), borrower, "0x"),
      borrow: () => markets.connect(borrower).borrow(params, usd(700), 0, borrower, borrower),
      repay: () => markets.connect(borrower).repay(params, usd(10), 0, borrower, "0x"),
      withdraw: () => markets.connect(lender).withdraw(params, usd(10), 0, lender, lender),
    };
    // The second round finds every slot in use.
    const gas: Record<string, bigint> = {};
    for (let round = 0; round < 2; round++) {
      for (const [name, send] of Object.entries(verbs)) {
        await pass(3600n);
        gas[name] = await gasOf(send());
      }
    }
    await seams.setPrice((PAR * 85n) / 100n);
    const liquidate = () => markets.connect(liquidator).liquidate(params, borrower, usd(10), 0, "0x");
    await liquidate();
    await pass(3600n);
    gas["liquidate"] = await gasOf(liquidate());
    // A day later the flag is void, and a liquidation sets it anew.
    await pass(24n * 3600n);
    gas["liquidate, flagging"] = await gasOf(liquidate());

    for (const [name, most] of Object.entries(REACH)) expect(gas[name], name).to.be.at.most(most);
    expect(gas["liquidate, flagging"]).to.be.at.most(REACH.liquidate);
  });
});

async function gasOf(sent: Promise<ContractTransactionResponse>): Promise<bigint> {
  const receipt = await (await sent).wait();
  return receipt!.gasUsed;
}
