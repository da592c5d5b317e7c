import { Signature } from "ethers";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import type { Order } from "../../server/protocol/order.ts";
import { ethers, stage as exchangeStage } from "./exchange-world.ts";
import { USD } from "./facility-world.ts";

// Leverage on shares of a real class, with its gate, real markets and the real exchange: Alice makes the orders, Bob
// lends, Carol and Dave have money and a credential, Mallory money only.

const WAD = 10n ** 18n;
export const LLTV = (WAD * 8n) / 10n;
export const PAR = 10n ** 36n;
/** Carol's own money. */
export const OWN = 1000n * USD;
/** In how many steps her money buys three times its shares, each loan within four fifths of what is posted by then. */
export const STEPS = [1000n, 790n, 630n, 500n, 80n].map((shares) => shares * USD);
/** And back: what may be taken out each time, and the rest. */
export const STEPS_BACK = [490n, 610n, 760n, 140n].map((shares) => shares * USD);

/** The same stage each time: `await networkHelpers.loadFixture(stage)`. */
export async function stage() {
  const s = await exchangeStage();
  const { bob, carol, mallory, asset, senior, gate, exchange } = s;
  const dave = (await ethers.getSigners())[9]!;
  await s.admit(dave.address);
  await asset.mint(dave, OWN);
  const markets = await ethers.deployContract("Markets", [s.manager]);
  const irm = await ethers.deployContract("KinkedRate", [0n, WAD / 25n, WAD, (WAD * 9n) / 10n]);
  const oracle = await ethers.deployContract("MockSeams", [asset]);
  await oracle.setPrice(PAR);
  await markets.enableIrm(irm);
  await markets.enableLltv(LLTV);
  const leverage = await ethers.deployContract("Leverage", [markets, exchange]);
  for (const holder of [markets, leverage]) await gate.listHolder(holder, true);

  const params = {
    loanToken: await asset.getAddress(),
    collateralToken: await senior.getAddress(),
    oracle: await oracle.getAddress(),
    irm: await irm.getAddress(),
    lltv: LLTV,
  };
  await markets.createMarket(params);
  const words = ["address", "address", "address", "address", "uint256"];
  const id = ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(words, Object.values(params)));
  await asset.connect(bob).approve(markets, ethers.MaxUint256);
  await markets.connect(bob).supply(params, 100_000n * USD, 0, bob, "0x");
  for (const account of [carol, dave, mallory]) {
    await asset.connect(account).approve(leverage, ethers.MaxUint256);
    await senior.connect(account).approve(leverage, ethers.MaxUint256);
    await markets.connect(account).setAuthorization(leverage, true);
  }

  /// 10,000 shares at par, to sell and to buy.
  const selling: Order = { ...s.selling, shares: 10_000n * USD, assets: 10_000n * USD };
  const buying: Order = { ...selling, isSell: false };
  const fillsOf = async (order: Order, steps: readonly bigint[]) => {
    const signature = await s.sign(order);
    return steps.map((fillShares) => ({ order, signature, fillShares }));
  };
  const build = {
    ...{ params, ownAssets: OWN, ownShares: 0n },
    ...{ minPostedShares: 0n, maxBorrowedAssets: ethers.MaxUint256 },
  };
  type Up = { by?: HardhatEthersSigner; order?: Order; steps?: readonly bigint[]; own?: Partial<typeof build> };
  const up = async ({ by = carol, order = selling, steps = STEPS, own = {} }: Up = {}) =>
    leverage.connect(by).leverage({ ...build, ...own }, await fillsOf(order, steps), [], []);
  const unwind = { params, maxSoldShares: ethers.MaxUint256, minProceedsAssets: 0n };
  type Down = { by?: HardhatEthersSigner; order?: Order; steps?: readonly bigint[]; bounds?: Partial<typeof unwind> };
  const down = async ({ by = carol, order = buying, steps = STEPS_BACK, bounds = {} }: Down = {}) =>
    leverage.connect(by).deleverage({ ...unwind, ...bounds }, await fillsOf(order, steps), []);

  /// Carol's, for the helper, unless told otherwise.
  const consent = async (change: { nonce?: bigint; isAuthorized?: boolean; deadline?: bigint } = {}) => {
    const fields = markets.interface.getFunction("setAuthorizationWithSig").inputs[0]!.components!;
    const types = { Authorization: fields.map(({ name, type }) => ({ name, type })) };
    const { name, version, chainId, verifyingContract } = await markets.eip712Domain();
    const authorization = {
      ...{ authorizer: carol.address, authorized: await leverage.getAddress(), isAuthorized: true },
      ...{ nonce: 0n, deadline: 10n ** 12n, ...change },
    };
    const signed = await carol.signTypedData({ name, version, chainId, verifyingContract }, types, authorization);
    const { v, r, s: sigS } = Signature.from(signed);
    return { authorization, signature: { v, r, s: sigS } };
  };

  /// What Carol has posted and owes.
  const positionOf = async (account: HardhatEthersSigner = carol) => {
    const { borrowShares, collateralShares } = await markets.position(id, account);
    const { totalBorrowAssets, totalBorrowShares } = await markets.market(id);
    const [top, bottom] = [borrowShares * (totalBorrowAssets + 1n), totalBorrowShares + 10n ** 6n];
    return { postedShares: collateralShares, borrowShares, owedAssets: (top + bottom - 1n) / bottom };
  };
  /// What the helper has, and lets others move.
  const held = async () => [
    await asset.balanceOf(leverage),
    await senior.balanceOf(leverage),
    await asset.allowance(leverage, exchange),
    await senior.allowance(leverage, exchange),
    await asset.allowance(leverage, markets),
    await senior.allowance(leverage, markets),
  ];
  const parts = { dave, markets, oracle, leverage, params, id, selling, buying, build, unwind };
  return { ...s, ...parts, fillsOf, up, down, consent, positionOf, held };
}

export type Stage = Awaited<ReturnType<typeof stage>>;
