import { network } from "hardhat";
import { accessManager, CREDENTIAL, FOREVER, US, USD } from "./facility-world.ts";
import type { IncomeVault } from "../../types/vault/IncomeVault.ts";
import type { MockToken } from "../../types/mocks/MockToken.ts";
import type { MockShare } from "../../types/mocks/MockShare.ts";

// A vault over two facilities of two classes each, with a valuation and an exchange that say what a test wants.

// A clock that does not depend on today.
export const { ethers, networkHelpers } = await network.create({ override: { initialDate: "2030-01-10T08:00:00Z" } });

export const HOUR = 3600;
/** Shares per unit of the asset in an empty vault. */
export const SHARES = 10n ** 6n;
export const MAX_DISCOUNT_BPS = 200n;
export const MAX_DAILY_LOSS_BPS = 300n;

export type Signer = Awaited<ReturnType<typeof ethers.getSigners>>[number];

export async function deployManager() {
  const [admin] = (await ethers.getSigners()) as [Signer];
  const { abi, bytecode } = accessManager;
  return new ethers.ContractFactory(abi, bytecode, admin).deploy(admin.address);
}

/** The library of holdings and a vault linked to it. */
export async function deployVault(authority: string, settings: object): Promise<IncomeVault> {
  const Holdings = await (await ethers.deployContract("Holdings")).getAddress();
  return ethers.deployContract("IncomeVault", [authority, settings as never], { libraries: { Holdings } });
}

/** A gate whose provider admits whom a test names. */
export async function deployGate(authority: string, provider: Signer) {
  const gate = await ethers.deployContract("Gate", [authority, 1]);
  await gate.listProvider(provider.address, true);
  const { chainId } = await ethers.provider.getNetwork();
  const domain = { name: "Rackbond Gate", version: "1", chainId, verifyingContract: await gate.getAddress() };
  let issuedAt = (await networkHelpers.time.latest()) - 1_000_000;
  const admit = async (holder: string, expiresAt = FOREVER) => {
    const credential = {
      holder,
      provider: provider.address,
      country: US,
      category: 1,
      issuedAt: ++issuedAt,
      expiresAt,
    };
    await gate.present(credential, await provider.signTypedData(domain, CREDENTIAL, credential));
  };
  return { gate, admit };
}

/** The vault alone: Alice, Bob and Carol may hold its share and have money that it may take. */
export async function deployBare() {
  return deployOn("MockToken", 6);
}

/** The same over another asset. */
export async function deployOn(token: "MockToken" | "MockTether", decimals: number) {
  const signers = (await ethers.getSigners()) as [Signer, Signer, Signer, Signer, Signer, Signer];
  const [admin, alice, bob, carol, mallory, provider] = signers;
  const manager = await (await deployManager()).getAddress();
  const { gate, admit } = await deployGate(manager, provider);
  // A tether has the verbs that tests call, and no habits to set.
  const asset = (await (token === "MockToken"
    ? ethers.deployContract("MockToken", [decimals])
    : ethers.deployContract("MockTether"))) as MockToken;
  const valuation = await ethers.deployContract("MockValuation");
  const exchange = await ethers.deployContract("MockExchange");
  const vault = await deployVault(manager, {
    name: "Rackbond Income",
    symbol: "RBI",
    asset: await asset.getAddress(),
    gate: await gate.getAddress(),
    valuation: await valuation.getAddress(),
    exchange: await exchange.getAddress(),
    maxDiscountBps: MAX_DISCOUNT_BPS,
    maxDailyLossBps: MAX_DAILY_LOSS_BPS,
  });
  const target = await vault.getAddress();
  for (const holder of [alice, bob, carol]) await admit(holder.address);
  for (const account of [admin, alice, bob, carol, mallory]) {
    await asset.mint(account.address, 1_000_000_000n * USD);
    await asset.connect(account).approve(target, ethers.MaxUint256);
  }
  const deposit = async (holder: Signer, assets: bigint) => {
    await vault.connect(holder).deposit(assets, holder.address);
    return vault.balanceOf(holder.address);
  };
  /** Asks for the redemption of a holder's own shares, all of them unless told; returns the request id. */
  const request = async (holder: Signer, shares?: bigint) => {
    const asked = shares ?? (await vault.balanceOf(holder.address));
    const requestId = await vault.connect(holder).requestRedeem.staticCall(asked, holder.address, holder.address);
    await vault.connect(holder).requestRedeem(asked, holder.address, holder.address);
    return requestId;
  };
  const pass = (seconds: number) => networkHelpers.time.increase(seconds);
  const redeemAll = async (holder: Signer) => {
    const shares = await vault.maxRedeem(holder.address);
    await vault.connect(holder).redeem(shares, holder.address, holder.address);
  };
  const accounts = { admin, alice, bob, carol, mallory, provider };
  return {
    ...accounts,
    manager,
    gate,
    admit,
    asset,
    valuation,
    exchange,
    vault,
    target,
    ...{ deposit, request, redeemAll, pass },
  };
}

/** And two facilities; the first three classes are listed with caps of a million, and worth their shares. */
export async function deployWorld() {
  const world = await deployBare();
  const { vault, asset, valuation, exchange, target, admin } = world;
  const funds = [
    await ethers.deployContract("MockFund", [asset, 2, 6]),
    await ethers.deployContract("MockFund", [asset, 2, 6]),
  ] as const;
  const places = [
    [funds[0], 0],
    [funds[0], 1],
    [funds[1], 0],
  ] as const;
  const classes: MockShare[] = [];
  for (const [fund, classIndex] of places) {
    const token = await ethers.getContractAt("MockShare", await fund.classToken(classIndex));
    classes.push(token);
    await valuation.setAssets(fund, classIndex, 0n, 0n);
    await vault.list(fund, classIndex, 1_000_000n * USD);
    // Somebody else holds as much as the vault may.
    await token.mint(admin.address, 1_000_000n * USD);
    await token.approve(exchange, ethers.MaxUint256);
    await asset.approve(token, ethers.MaxUint256);
  }
  await asset.approve(exchange, ethers.MaxUint256);

  /** Sets what one share of a class is worth, in parts of 10 000, from now on and for ever. */
  const setPrice = async (place: number, exitBps: bigint, entryBps = exitBps) => {
    const [fund, classIndex] = places[place]!;
    const supply = await classes[place]!.totalSupply();
    await valuation.setAssets(fund, classIndex, (supply * exitBps) / 10_000n, (supply * entryBps) / 10_000n);
  };
  /** Makes the value of a class one that may not be acted on for an hour. */
  const hold = async (place: number) => {
    const [fund, classIndex] = places[place]!;
    const { exitAssets, entryAssets, computedAt, maxAgeSec } = await valuation.classValue(fund, classIndex);
    const heldUntilAt = BigInt(await networkHelpers.time.latest()) + 3600n;
    await valuation.setValue(fund, classIndex, { exitAssets, entryAssets, computedAt, maxAgeSec, heldUntilAt });
  };
  const order = async (place: number, isSell: boolean, shares: bigint, assets: bigint) => ({
    maker: admin.address,
    taker: target,
    shareToken: await classes[place]!.getAddress(),
    asset: await asset.getAddress(),
    isSell,
    shares,
    assets,
    maxAccruedAssets: 0n,
    maxFeeBps: 0n,
    expiresAt: FOREVER,
    nonce: 0n,
    salt: ethers.ZeroHash,
  });
  /** Buys shares of a class at par. */
  const buy = async (place: number, shares: bigint, assets = shares) =>
    vault.buy(await order(place, true, shares, assets), "0x", shares, assets);
  const sell = async (place: number, shares: bigint, assets: bigint, minAssets = 0n) =>
    vault.sell(await order(place, false, shares, assets), "0x", shares, minAssets);
  for (const place of [0, 1, 2]) await setPrice(place, 10_000n);
  return { ...world, funds, classes, setPrice, hold, order, buy, sell };
}

/** Alice, Bob and Carol with 600, 300 and 100. */
export async function deposited() {
  const world = await deployWorld();
  await world.deposit(world.alice, 600n * USD);
  await world.deposit(world.bob, 300n * USD);
  await world.deposit(world.carol, 100n * USD);
  return world;
}

/** All of the cash invested but a tenth; Alice and Bob have asked for all they have. */
export async function queued() {
  const world = await deposited();
  await world.buy(0, 900n * USD);
  await world.request(world.alice);
  await world.request(world.bob);
  await world.pass(HOUR);
  return world;
}
