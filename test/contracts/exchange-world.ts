import type { BaseContract, BigNumberish } from "ethers";
import { orderHash, signOrder, type Order } from "../../server/protocol/order.ts";
import { domainOf } from "../../server/protocol/typed.ts";
import { createWorld, FOREVER, USD } from "./facility-world.ts";

// An exchange beside a facility that performs: Alice has the senior class, Bob the residual, Carol money and a
// credential, Mallory money only.

export const STATUS = {
  Open: 0n,
  Expired: 1n,
  OtherTaker: 2n,
  FeeAboveLimit: 3n,
  NonceVoid: 4n,
  Cancelled: 5n,
  Filled: 6n,
  BadSignature: 7n,
  NoClass: 8n,
  MakerShort: 9n,
  MayNotTransfer: 10n,
} as const;
/** 1,000 shares for 990 assets. */
export const [SHARES, PRICE] = [1000n * USD, 990n * USD] as const;

const w = await createWorld();
await w.perform();
export const { ethers, networkHelpers } = w;

/// The same stage each time: `await networkHelpers.loadFixture(stage)`.
export async function stage() {
  const { alice, bob, carol, mallory, manager, senior, asset } = w;
  const treasury = (await ethers.getSigners())[8]!;
  const valuation = await ethers.deployContract("MockValuation");
  const exchange = await ethers.deployContract("ShareExchange", [manager, valuation, treasury]);
  await w.admit(mallory.address, FOREVER);
  await senior.connect(alice).transfer(mallory.address, SHARES);
  await w.gate.connect(w.provider).revoke(mallory.address);
  for (const account of [alice, bob, carol, mallory]) {
    await asset.connect(account).approve(exchange, ethers.MaxUint256);
    await senior.connect(account).approve(exchange, ethers.MaxUint256);
  }
  const domain = domainOf(await exchange.eip712Domain());
  const selling: Order = {
    maker: alice.address,
    taker: ethers.ZeroAddress,
    shareToken: await senior.getAddress(),
    asset: await asset.getAddress(),
    isSell: true,
    shares: SHARES,
    assets: PRICE,
    maxAccruedAssets: ethers.MaxUint256,
    maxFeeBps: 100n,
    expiresAt: BigInt(FOREVER),
    nonce: 0n,
    salt: ethers.ZeroHash,
  };
  const buying: Order = { ...selling, maker: carol.address, isSell: false };
  const signers = new Map([alice, bob, carol, mallory].map((account) => [account.address, account]));
  const sign = (order: Order, signer = signers.get(order.maker) ?? mallory) => signOrder(signer, domain, order);

  type Options = { by?: typeof carol; shares?: bigint; limit?: BigNumberish; to?: string | BaseContract };
  /// By Carol a sell order, by Alice a buy order, without a limit, unless told otherwise.
  const fill = async (order: Order, { by, shares, limit, to }: Options = {}, signature?: string) => {
    const taker = by ?? (order.isSell ? carol : alice);
    return exchange
      .connect(taker)
      .fill(
        order,
        signature ?? (await sign(order)),
        shares ?? order.shares,
        limit ?? (order.isSell ? ethers.MaxUint256 : 0n),
        to ?? taker,
      );
  };
  const settle = async (sell: Order, buy: Order, shares = sell.shares) =>
    exchange.connect(mallory).settle(sell, await sign(sell), buy, await sign(buy), shares);
  const hash = (order: Order) => orderHash(domain, order);
  /// Interest of so many assets has accrued to `SHARES`.
  const accrue = (assets: bigint) => valuation.setAccrued(senior, (assets * 10n ** 18n) / SHARES);
  return { ...w, treasury, valuation, exchange, domain, selling, buying, sign, fill, settle, hash, accrue };
}

export type Stage = Awaited<ReturnType<typeof stage>>;
