import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Order } from "../protocol/order.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import type { Call } from "./sender.ts";

// What an investor's verbs send, and what each leaves: read from the chain at its newest block.

/** What a verb will do, before it does it. */
export interface Plan {
  /** In this order; approvals come first. */
  readonly calls: readonly Call[];
  /** By name; amounts in units of their token. */
  readonly preview: Readonly<Record<string, unknown>>;
}

export interface Investor {
  readonly deployment: Deployment;
  readonly contracts: Contracts;
  readonly account: string;
}

type Place = Deployment["facilities"][number];

/** The facility that is named, or the only one. */
export function facilityOf({ facilities }: Deployment, address: string | undefined): Place {
  const [only] = facilities;
  if (address === undefined) {
    if (only === undefined || facilities.length > 1)
      throw new Refusal("Invest_WhichFacility", { facilityCount: facilities.length });
    return only;
  }
  const found = facilities.find((place) => place.address.toLowerCase() === address.toLowerCase());
  if (found === undefined) throw new Refusal("Invest_UnknownFacility", { address });
  return found;
}

/** The share token of a class: senior first, the residual last. */
export function classTokenOf(place: Place, classIndex: bigint): string {
  const token = place.classTokens[Number(classIndex)];
  if (token === undefined)
    throw new Refusal("Invest_UnknownClass", { classIndex, classCount: place.classTokens.length });
  return token;
}

/** Calls that let a contract take so much of a token; a token that refuses to change an allowance has it taken to 0 first. */
export async function approvals({ contracts, account }: Investor, token: string, spender: string, units: bigint) {
  const coin = contracts.classToken(token); // its functions that are used are any ERC-20's
  const allowedUnits = await coin.allowance(account, spender);
  if (allowedUnits >= units) return [];
  const approve = (to: bigint): Call => ({
    to: token,
    data: coin.interface.encodeFunctionData("approve", [spender, to]),
  });
  return allowedUnits === 0n ? [approve(units)] : [approve(0n), approve(units)];
}

/** Refuses what the account has not. */
export async function demandHeld({ contracts, account }: Investor, token: string, units: bigint): Promise<void> {
  const heldUnits = await contracts.classToken(token).balanceOf(account);
  demand(heldUnits >= units, "Invest_NotEnough", { token, askedUnits: units, heldUnits });
}

// Classes

export async function subscribePlan(
  investor: Investor,
  place: Place,
  classIndex: bigint,
  assets: bigint,
): Promise<Plan> {
  const { contracts, account } = investor;
  const facility = contracts.facility(place.address);
  const token = classTokenOf(place, classIndex);
  const [{ terms, raisedAssets }, asset, mayHold] = await Promise.all([
    facility.classAt(classIndex),
    facility.asset(),
    contracts.classToken(token).canReceive(account),
  ]);
  demand(mayHold, "Invest_NoCredential", { account, token });
  await demandHeld(investor, asset, assets);
  const data = facility.interface.encodeFunctionData("subscribe", [classIndex, assets]);
  return {
    calls: [...(await approvals(investor, asset, place.address, assets)), { to: place.address, data }],
    preview: {
      ...{ facility: place.address, classIndex, paidAssets: assets, gotShares: assets },
      ...{ couponBps: terms.couponBps, leftToRaiseAssets: terms.targetAssets - raisedAssets - assets },
    },
  };
}

export async function claimPlan({ contracts, account }: Investor, token: string): Promise<Plan> {
  const class_ = contracts.classToken(token);
  const claimableAssets = await class_.claimableAssets(account);
  demand(claimableAssets > 0n, "Invest_NothingToClaim", { account, token });
  return {
    calls: [{ to: token, data: class_.interface.encodeFunctionData("claim", [account]) }],
    preview: { token, gotAssets: claimableAssets },
  };
}

export async function transferPlan(
  { contracts, account }: Investor,
  token: string,
  to: string,
  shares: bigint,
): Promise<Plan> {
  const class_ = contracts.classToken(token);
  const [balance, mayPass] = await Promise.all([class_.balanceOf(account), class_.canTransfer(account, to, shares)]);
  demand(mayPass, "Invest_MayNotTransfer", { token, to, askedShares: shares, heldShares: balance });
  return {
    calls: [{ to: token, data: class_.interface.encodeFunctionData("transfer", [to, shares]) }],
    preview: { token, to, givenShares: shares, leftShares: balance - shares },
  };
}

// The exchange

/** What the exchange must be allowed to take before an order can be filled; the order itself is only signed. */
export async function orderPlan(investor: Investor, order: Order): Promise<Plan> {
  const { exchange } = investor.deployment.addresses;
  const [token, units] = order.isSell
    ? [order.shareToken, order.shares]
    : [order.asset, order.assets + order.maxAccruedAssets];
  await demandHeld(investor, token, units);
  return {
    calls: await approvals(investor, token, exchange, units),
    preview: {
      ...{ side: order.isSell ? "sell" : "buy", token: order.shareToken, shares: order.shares },
      ...{ assets: order.assets, maxAccruedAssets: order.maxAccruedAssets, expiresAt: order.expiresAt },
    },
  };
}

export async function fillPlan(investor: Investor, order: Order, signature: Hex, asked?: bigint): Promise<Plan> {
  const { contracts, account, deployment } = investor;
  const { exchange } = contracts;
  const [status, fillableShares] = await exchange.statusOf(order, signature, account);
  const shares = asked ?? fillableShares;
  demand(fillableShares >= shares && shares > 0n, "Invest_NotFillable", {
    status,
    askedShares: shares,
    fillableShares,
  });
  const { priceAssets, accruedAssets, feeAssets } = await exchange.quote(order, shares);
  const [token, units] = order.isSell ? [order.asset, priceAssets + accruedAssets] : [order.shareToken, shares];
  await demandHeld(investor, token, units);
  // What accrues until the block is paid or got too: a hundredth of the price more, or less, is still taken.
  const spareAssets = (priceAssets + accruedAssets) / 100n;
  const limitAssets = order.isSell ? units + spareAssets : priceAssets + accruedAssets - feeAssets - spareAssets;
  const args = [order, signature, shares, limitAssets, account] as const;
  return {
    calls: [
      ...(await approvals(investor, token, deployment.addresses.exchange, order.isSell ? limitAssets : units)),
      { to: deployment.addresses.exchange, data: exchange.interface.encodeFunctionData("fill", [...args]) },
    ],
    preview: {
      ...{ you: order.isSell ? "buy" : "sell", token: order.shareToken, shares, priceAssets, accruedAssets },
      ...(order.isSell ? { paidAssets: units } : { gotAssets: priceAssets + accruedAssets - feeAssets, feeAssets }),
    },
  };
}

// The vault

export async function depositPlan(investor: Investor, assets: bigint): Promise<Plan> {
  const { contracts, account, deployment } = investor;
  const { vault, asset } = deployment.addresses;
  const maxAssets = await contracts.vault.maxDeposit(account);
  demand(assets <= maxAssets, "Invest_OverDeposit", { askedAssets: assets, maxAssets });
  await demandHeld(investor, asset, assets);
  const gotShares = await contracts.vault.previewDeposit(assets);
  const data = contracts.vault.interface.encodeFunctionData("deposit", [assets, account]);
  return {
    calls: [...(await approvals(investor, asset, vault, assets)), { to: vault, data }],
    preview: {
      paidAssets: assets,
      gotVaultShares: gotShares,
      exitAssets: await contracts.vault.convertToAssets(gotShares),
    },
  };
}

/** Asks for money back; it is paid as the vault has cash, and taken with `takePlan`. */
export async function redeemPlan({ contracts, account, deployment }: Investor, asked?: bigint): Promise<Plan> {
  const { vault } = contracts;
  const heldShares = await vault.balanceOf(account);
  const shares = asked ?? heldShares;
  demand(shares > 0n && shares <= heldShares, "Invest_NotEnough", { askedShares: shares, heldShares });
  return {
    calls: [
      {
        to: deployment.addresses.vault,
        data: vault.interface.encodeFunctionData("requestRedeem", [shares, account, account]),
      },
    ],
    preview: {
      askedVaultShares: shares,
      exitAssets: await vault.convertToAssets(shares),
      leftVaultShares: heldShares - shares,
    },
  };
}

/** Takes what the vault paid for shares that were asked back. */
export async function takePlan({ contracts, account, deployment }: Investor): Promise<Plan> {
  const { vault } = contracts;
  const [shares, gotAssets] = await Promise.all([vault.maxRedeem(account), vault.maxWithdraw(account)]);
  demand(shares > 0n, "Invest_NothingReady", { account });
  const data = vault.interface.encodeFunctionData("redeem", [shares, account, account]);
  return { calls: [{ to: deployment.addresses.vault, data }], preview: { filledVaultShares: shares, gotAssets } };
}
