import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import { type BaseContract, ContractFactory, type ContractTransactionResponse, MaxUint256 } from "ethers";
import { network } from "hardhat";

import { Markets__factory } from "../../types/factories/credit/Markets__factory.ts";
import { Authority__factory } from "../../types/factories/governance/Authority__factory.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import type { Markets } from "../../types/credit/Markets.ts";
import { compileMorpho, type MorphoCode } from "./morpho.ts";
import { type Row, rowOf } from "./rows.ts";

// Morpho Blue and our markets on one chain, with one price source, one rate model and one pair of tokens, which are the
// doubles of Morpho Blue's own tests: both ask them the same questions. The same accounts send the same calls to both.

const START_AT = "2030-01-10T08:00:00Z"; // a clock that does not depend on today
const WAD = 10n ** 18n;
const LLTV = (WAD * 80n) / 100n;
const PAR = 10n ** 36n;
const usd = (amount: number) => BigInt(amount) * 10n ** 6n;

type Connection = Awaited<ReturnType<typeof network.create>>;

interface Stage {
  pass: (seconds: number) => Promise<void>;
  oracle: BaseContract;
  tokens: BaseContract[];
  params: { loanToken: string; collateralToken: string; oracle: string; irm: string; lltv: bigint };
  lender: HardhatEthersSigner;
  borrower: HardhatEthersSigner;
  liquidator: HardhatEthersSigner;
}

/** Each verb of a market beside Morpho Blue's. */
export async function marketRows(say: (line: string) => void): Promise<Row[]> {
  const code = compileMorpho(say);
  const connection = await network.create({ override: { initialDate: START_AT } });
  const admin = (await connection.ethers.getSigners())[0]!;
  const stage = await deployStage(connection, code);
  const markets = await new Markets__factory(admin).deploy(await new Authority__factory(admin).deploy(admin));
  // The verbs have the same shapes: it is called as ours is.
  const morpho = Markets__factory.connect(await addressOf(deploy(code.Morpho, admin, [admin.address])), admin);
  const [ours, theirs] = [await verbsGas(stage, markets), await verbsGas(stage, morpho)];
  await connection.close();
  return Object.entries(ours).map(([name, value]) =>
    rowOf({ name, unit: "gas", value, peer: { name: "Morpho Blue", value: theirs[name]! } }),
  );
}

/** A transfer of OpenZeppelin's ERC-20 between two accounts that hold some. */
export async function plainTransferGas(): Promise<number> {
  const connection = await network.create({ override: { initialDate: START_AT } });
  const [from, to] = (await connection.ethers.getSigners()) as [HardhatEthersSigner, HardhatEthersSigner];
  const token = await new TestStable__factory(from).deploy();
  for (const holder of [from, to]) await token.mint(holder, usd(1_000_000));
  const gas = await gasOf(token.transfer(to, usd(1000)));
  await connection.close();
  return gas;
}

async function deployStage({ ethers, networkHelpers }: Connection, code: MorphoCode): Promise<Stage> {
  const [admin, lender, borrower, liquidator] = (await ethers.getSigners()) as [
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
  ];
  const oracle = await deploy(code.OracleMock, admin);
  const tokens = [await deploy(code.ERC20Mock, admin), await deploy(code.ERC20Mock, admin)];
  for (const token of tokens)
    for (const { address } of [lender, borrower, liquidator]) await call(token, "setBalance", address, usd(1_000_000));
  return {
    pass: async (seconds) => {
      await networkHelpers.time.increase(seconds);
    },
    params: {
      loanToken: await tokens[0]!.getAddress(),
      collateralToken: await tokens[1]!.getAddress(),
      oracle: await oracle.getAddress(),
      irm: await addressOf(deploy(code.IrmMock, admin)),
      lltv: LLTV,
    },
    ...{ oracle, tokens, lender, borrower, liquidator },
  };
}

/** What each verb costs in a market where every slot is in use and interest accrues. */
async function verbsGas(stage: Stage, markets: Markets): Promise<Record<string, number>> {
  const { params, oracle, pass, lender, borrower, liquidator } = stage;
  await markets.enableIrm(params.irm);
  await markets.enableLltv(LLTV);
  await markets.createMarket(params);
  await call(oracle, "setPrice", PAR);
  for (const token of stage.tokens)
    for (const account of [lender, borrower, liquidator])
      await call(token.connect(account), "approve", await markets.getAddress(), MaxUint256);

  const [asLender, asBorrower, asLiquidator] = [lender, borrower, liquidator].map((one) => markets.connect(one)) as [
    Markets,
    Markets,
    Markets,
  ];
  const verbs = {
    supply: () => asLender.supply(params, usd(10_000), 0, lender, "0x"),
    supplyCollateral: () => asBorrower.supplyCollateral(params, usd(1000), borrower, "0x"),
    borrow: () => asBorrower.borrow(params, usd(700), 0, borrower, borrower),
    repay: () => asBorrower.repay(params, usd(10), 0, borrower, "0x"),
    withdraw: () => asLender.withdraw(params, usd(10), 0, lender, lender),
    liquidate: () => asLiquidator.liquidate(params, borrower, usd(10), 0, "0x"),
  };
  const gas: Record<string, number> = {};
  for (let round = 0; round < 2; ++round) {
    for (const [name, send] of Object.entries(verbs)) {
      await call(oracle, "setPrice", name === "liquidate" ? (PAR * 80n) / 100n : PAR);
      await pass(3600);
      gas[name] = await gasOf(send());
    }
  }
  return gas;
}

async function deploy({ abi, bytecode }: MorphoCode["Morpho"], from: HardhatEthersSigner, args: string[] = []) {
  return new ContractFactory(abi, bytecode, from).deploy(...args);
}

async function addressOf(deployed: Promise<BaseContract>): Promise<string> {
  return (await deployed).getAddress();
}

/** Sends a call by its name, for code that has no types here. */
async function call(contract: BaseContract, verb: string, ...args: unknown[]): Promise<void> {
  const sent = await contract.getFunction(verb).send(...args);
  await sent.wait();
}

async function gasOf(sent: Promise<ContractTransactionResponse>): Promise<number> {
  return Number((await (await sent).wait())!.gasUsed);
}
