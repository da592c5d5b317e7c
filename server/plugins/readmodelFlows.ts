import { ZeroAddress } from "ethers";

import {
  accrueTo,
  bring,
  costIn,
  give,
  loseTo,
  openHolding,
  post,
  receive,
  sharesIn,
  take,
  type Effect,
  type Holding,
} from "../model/holding.ts";
import type { BasisMethod, Flow, FlowKind } from "../protocol/apiMoney.ts";
import type { Addresses } from "../protocol/deployment.ts";
import type { View } from "./events.ts";
import { shareEvents, type HeldClass, type ShareEvent } from "./readmodelHistories.ts";
import type { TokenFacts } from "./tokens.ts";

// An account's flows in one class: its events, told as what they mean for the account.

/** The shares as they are now, and all that happened to them. */
export interface Ledger {
  readonly held: HeldClass;
  readonly asset: TokenFacts;
  readonly holding: Holding;
  readonly flows: readonly Flow[];
}

export interface LedgerOptions {
  readonly account: string;
  readonly addresses: Pick<Addresses, "markets" | "leverage">;
  readonly method: BasisMethod;
}

/** What a flow says beside what the holding says after it. */
interface Told {
  readonly kind: FlowKind;
  readonly shares?: bigint;
  readonly assets?: bigint;
  readonly accruedAssets?: bigint;
  readonly incomeAssets?: bigint;
  readonly feeAssets?: bigint;
  readonly counterparty?: string | undefined;
  readonly effect?: Effect;
}

/** Goes through all that happened to an account's shares of a class. */
export async function ledgerOf(
  view: View,
  { account, addresses, method }: LedgerOptions,
  held: HeldClass,
  asset: TokenFacts,
): Promise<Ledger> {
  const events = await shareEvents(view, { account, leverage: addresses.leverage }, held.token);
  const holding = openHolding(method);
  const transactions = Map.groupBy(events, ({ transactionHash }) => transactionHash);
  const flows = events.flatMap((event) => {
    const whole = transactions.get(event.transactionHash) ?? [];
    const told = tell(holding, event, { account, addresses, whole });
    return told.map((each, part) => flowOf(held, asset, holding, event, each, part));
  });
  return { held, asset, holding, flows };
}

interface Telling {
  readonly account: string;
  readonly addresses: Pick<Addresses, "markets" | "leverage">;
  /** All events of the transaction. */
  readonly whole: readonly ShareEvent[];
}

function tell(holding: Holding, event: ShareEvent, telling: Telling): Told[] {
  const { name, args, at } = event;
  const of = (field: string) => BigInt(args[field] ?? "0");
  switch (name) {
    case "Accrued": {
      const now = { interestRay: of("interestPerShareRay"), principalRay: of("principalPerShareRay") };
      const { interestAssets, principalAssets, principal } = accrueTo(holding, at, now);
      return [
        ...(interestAssets > 0n
          ? [{ kind: "Interest", accruedAssets: interestAssets, incomeAssets: interestAssets } as const]
          : []),
        ...(principalAssets > 0n
          ? [{ kind: "Principal", accruedAssets: principalAssets, effect: principal } as const]
          : []),
      ];
    }
    case "LossAccrued": {
      const { lossAssets, ...effect } = loseTo(holding, of("lossPerShareRay"));
      return lossAssets > 0n ? [{ kind: "Loss", effect }] : [];
    }
    case "Claimed":
      holding.claimedAssets += of("assets");
      return [{ kind: "Claimed", assets: of("assets"), counterparty: args["to"] }];
    case "Transfer":
      return of("value") === 0n ? [] : transfer(holding, event, telling);
    case "SupplyCollateral":
    case "WithdrawCollateral":
    case "Liquidate":
      return collateral(holding, event, telling);
    default:
      return []; // told with the transfers that belong to it
  }
}

/** Whether an address stands for the account: itself, and the leverage helper in a transaction that it makes for it. */
function isOwn({ account, addresses, whole }: Telling, address: string | undefined): boolean {
  if (address === account) return true;
  return address === addresses.leverage && whole.some(({ contract }) => contract === "leverage");
}

function transfer(holding: Holding, { at, args, logIndex }: ShareEvent, telling: Telling): Told[] {
  const [from = "", to = ""] = [args["from"], args["to"]];
  const shares = BigInt(args["value"] ?? "0");
  const isIn = isOwn(telling, to);
  if (isIn === isOwn(telling, from)) return [];
  const other = isIn ? from : to;
  if (other === telling.addresses.markets) return []; // the market's own event says whose they are
  if (other === ZeroAddress) {
    const price = { assets: shares, incomeAssets: 0n };
    return isIn
      ? [{ kind: "Subscribed", shares, assets: -shares, effect: bring(holding, at, shares, price) }]
      : [{ kind: "Refunded", shares: -shares, assets: shares, effect: take(holding, at, shares, price) }];
  }
  // The exchange tells of a trade before it moves the shares.
  const trade = telling.whole.findLast(
    ({ name, args: traded, logIndex: place }) =>
      name === "Traded" &&
      place < logIndex &&
      traded["seller"] === from &&
      BigInt(traded["shares"] ?? "0") === shares &&
      (!isIn || isOwn(telling, traded["buyer"])),
  );
  if (trade === undefined) {
    return isIn
      ? [{ kind: "Received", shares, counterparty: other, effect: receive(holding, shares, "held") }]
      : [{ kind: "Sent", shares: -shares, counterparty: other, effect: give(holding, shares, "held") }];
  }
  const [priceAssets, incomeAssets, feeAssets] = (["priceAssets", "accruedAssets", "feeAssets"] as const).map((field) =>
    BigInt(trade.args[field] ?? "0"),
  ) as [bigint, bigint, bigint];
  if (isIn) {
    const effect = bring(holding, at, shares, { assets: priceAssets, incomeAssets });
    const assets = -(priceAssets + incomeAssets);
    return [{ kind: "Bought", shares, assets, incomeAssets: -incomeAssets, counterparty: other, effect }];
  }
  const proceeds = priceAssets - feeAssets; // the fee is out of the price
  const effect = take(holding, at, shares, { assets: proceeds, incomeAssets });
  return [
    {
      kind: "Sold",
      shares: -shares,
      assets: proceeds + incomeAssets,
      incomeAssets,
      feeAssets,
      counterparty: other,
      effect,
    },
  ];
}

/** Collateral: shares in a market are still the account's for whom they are posted. */
function collateral(holding: Holding, { name, at, args }: ShareEvent, telling: Telling): Told[] {
  const { caller, onBehalf, receiver, borrower } = args;
  if (name === "Liquidate") {
    const shares = BigInt(args["seizedCollateralShares"] ?? "0");
    const price = { assets: BigInt(args["repaidAssets"] ?? "0"), incomeAssets: 0n };
    const told: Told[] = [];
    if (isOwn(telling, borrower)) {
      const effect = take(holding, at, shares, price, "posted");
      told.push({ kind: "Seized", shares: -shares, assets: price.assets, counterparty: caller, effect });
    }
    if (isOwn(telling, caller)) {
      const effect = bring(holding, at, shares, price);
      told.push({ kind: "Bought", shares, assets: -price.assets, counterparty: borrower, effect });
    }
    return told;
  }
  const shares = BigInt(args["collateralShares"] ?? "0");
  const isMine = isOwn(telling, onBehalf);
  if (name === "SupplyCollateral") {
    if (!isMine)
      return [{ kind: "Sent", shares: -shares, counterparty: onBehalf, effect: give(holding, shares, "held") }];
    if (isOwn(telling, caller)) return [{ kind: "Posted", effect: post(holding, shares) }];
    return [{ kind: "Received", shares, counterparty: caller, effect: receive(holding, shares, "posted") }];
  }
  if (!isMine) {
    if (!isOwn(telling, receiver)) return []; // it only gave the order
    return [{ kind: "Received", shares, counterparty: onBehalf, effect: receive(holding, shares, "held") }];
  }
  if (isOwn(telling, receiver)) return [{ kind: "Returned", effect: post(holding, -shares) }];
  return [{ kind: "Sent", shares: -shares, counterparty: receiver, effect: give(holding, shares, "posted") }];
}

function flowOf(
  { deal, classIndex, token }: HeldClass,
  asset: TokenFacts,
  holding: Holding,
  event: ShareEvent,
  told: Told,
  part: number,
): Flow {
  return {
    key: `${event.block}-${event.logIndex}-${part}`,
    ...{ at: String(event.at), kind: told.kind, facility: deal.address, classIndex, token },
    symbol: deal.settings.classes[classIndex]!.symbol,
    ...{ asset: deal.settings.asset, assetSymbol: asset.symbol },
    shares: String(told.shares ?? 0n),
    assets: String(told.assets ?? 0n),
    accruedAssets: String(told.accruedAssets ?? 0n),
    incomeAssets: String(told.incomeAssets ?? 0n),
    feeAssets: String(told.feeAssets ?? 0n),
    basisAssets: String(told.effect?.basisAssets ?? 0n),
    gainAssets: String(told.effect?.gainAssets ?? 0n),
    heldShares: String(sharesIn(holding)),
    costAssets: String(costIn(holding)),
    counterparty: told.counterparty ?? null,
    blockNumber: String(event.block),
    transactionHash: event.transactionHash,
  };
}
