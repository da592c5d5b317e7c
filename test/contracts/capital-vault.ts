import { id } from "ethers";
import { orderHash, signOrder, type Order } from "../../server/protocol/order.ts";
import { domainOf } from "../../server/protocol/typed.ts";
import { FOREVER } from "./facility-world.ts";
import type { CapitalMarkets } from "./capital-places.ts";
import { UNIT, type CapitalStage } from "./capital-stage.ts";
import type { Signer } from "./capital-values.ts";

// The exchange and the vault on the stage: the vault may hold every class, its share everybody with a credential of its
// own gate, the markets among them.

export const DISCOUNT_BPS = 100n;

export async function openVault(stage: CapitalStage, { markets }: CapitalMarkets) {
  const { ethers, authority, asset, gate, valuation, deals, holders, mallory, admin, signers, admit } = stage;
  const treasury = signers[13]!;
  const exchange = await ethers.deployContract("ShareExchange", [authority, valuation, treasury]);
  const vaultGate = await ethers.deployContract("Gate", [authority, 1]);
  await vaultGate.listProvider(stage.provider.address, true);
  for (const holder of holders) await admit(holder.address, FOREVER, vaultGate);
  const settings = {
    ...{ name: "Income", symbol: "INC", asset, gate: vaultGate, valuation, exchange, maxDiscountBps: DISCOUNT_BPS },
    maxDailyLossBps: 200,
  };
  const libraries = { Holdings: await (await ethers.deployContract("Holdings")).getAddress() };
  const vault = await ethers.deployContract("IncomeVault", [authority, settings], { libraries });
  await vaultGate.listHolder(markets, true);
  await gate.listHolder(vault, true);
  for (const { facility, tokens } of deals) {
    for (const [classIndex] of tokens.entries()) await vault.list(facility, classIndex, 1_000_000n * UNIT);
  }
  for (const account of [...holders, mallory]) {
    await vault.connect(account).approve(exchange, ethers.MaxUint256);
    await vault.connect(account).approve(markets, ethers.MaxUint256);
    for (const spender of [vault, exchange]) await asset.connect(account).approve(spender, ethers.MaxUint256);
    for (const { tokens } of deals) {
      for (const token of tokens) await token.connect(account).approve(exchange, ethers.MaxUint256);
    }
  }
  const domain = domainOf(await exchange.eip712Domain());
  let salt = 0;
  const orders = new Map<string, Order>();
  /** An order for all of some shares at so much, good for ever, with accrued interest. */
  const order = async (maker: Signer, token: { getAddress(): Promise<string> }, changed: Partial<Order>) => {
    const whole: Order = {
      ...{ maker: maker.address, taker: ethers.ZeroAddress, shareToken: await token.getAddress() },
      ...{ asset: await asset.getAddress(), isSell: true, shares: UNIT, assets: UNIT },
      ...{ maxAccruedAssets: 0n, maxFeeBps: 100n, expiresAt: BigInt(FOREVER), nonce: 0n, salt: id(String(++salt)) },
      ...changed,
    };
    orders.set(orderHash(domain, whole), whole);
    return { order: whole, signature: await signOrder(maker, domain, whole) };
  };
  return { exchange, treasury, vault, vaultGate, allocator: admin, order, orders };
}

export type CapitalVault = Awaited<ReturnType<typeof openVault>>;
