import {
  claimableOf,
  costIn,
  interestOf,
  lossOf,
  outstandingOf,
  principalOf,
  rateOfReturn,
  sharesIn,
} from "../model/holding.ts";
import type { BasisMethod, Flow, Portfolio, PortfolioTotal, Position, TaxYear } from "../protocol/apiMoney.ts";
import type { Contracts } from "../protocol/contracts.ts";
import { BPS } from "../protocol/units.ts";
import type { PageAfter } from "../pages.ts";
import type { FlowFilter } from "../sourcesMoney.ts";
import { inTurn, type BlockRow, type View } from "./events.ts";
import { nameOf } from "./readmodelDeals.ts";
import { ledgerOf, type Ledger, type LedgerOptions } from "./readmodelFlows.ts";
import { heldClasses } from "./readmodelHistories.ts";
import { isUsable, priceWad, type PastPrices } from "./readmodelValues.ts";
import type { Tokens } from "./tokens.ts";

// All of an account's classes together: what they are worth, what they brought, what of it is taxed in a year.

/** One ledger for each class that the account ever had. */
export async function ledgersOf(view: View, tokens: Tokens, options: LedgerOptions): Promise<Ledger[]> {
  return await inTurn(await heldClasses(view, options.account), async (held) =>
    ledgerOf(view, options, held, await tokens.factsOf(held.deal.settings.asset, view.head)),
  );
}

interface PortfolioOptions {
  readonly account: string;
  readonly method: BasisMethod;
  readonly head: BlockRow;
  readonly ledgers: readonly Ledger[];
  readonly pastPrices: PastPrices;
  readonly contracts: Contracts;
}

/** An account's classes as they are worth now, and their sums by settlement token. */
export async function portfolioOf(options: PortfolioOptions): Promise<Portfolio> {
  const { account, method, head, ledgers } = options;
  const positions = await inTurn(ledgers, (ledger) => positionOf(options, ledger));
  const assets = Map.groupBy(positions, ({ asset }) => asset);
  return {
    ...{ account, asOfAt: String(head.time), method, positions },
    totals: [...assets].map(([asset, own]) => {
      const of = ledgers.filter(({ held }) => held.deal.settings.asset === asset);
      return totalOf(own, of, head.time);
    }),
  };
}

async function positionOf(
  { account, head, pastPrices, contracts }: PortfolioOptions,
  { held, asset, holding }: Ledger,
): Promise<Position> {
  const { deal, classIndex, token } = held;
  const settings = deal.settings.classes[classIndex]!;
  const prices = await pastPrices.at(deal.address, deal.tokens, head);
  const worth = prices?.classes[classIndex];
  const live = contracts.classToken(token);
  const [frozenShares, unlockAt] = await Promise.all([live.getFrozenTokens(account), live.unlockAt(account)]);
  const shares = sharesIn(holding);
  const valueAssets = valueOf(shares, worth);
  return {
    ...{
      facility: deal.address,
      facilityName: nameOf(deal.settings.classes.map(({ name }) => name)),
      classIndex,
      token,
    },
    ...{ name: settings.name, symbol: settings.symbol, asset: deal.settings.asset },
    ...{ assetSymbol: asset.symbol, assetDecimalCount: asset.decimalCount },
    ...{ shares: String(holding.heldShares), postedShares: String(holding.postedShares) },
    ...{ frozenShares: String(frozenShares), unlockAt: unlockAt > head.time ? String(unlockAt) : null },
    partBps: worth === undefined || worth.shares === 0n ? 0 : Number((shares * BPS) / worth.shares),
    outstandingAssets: String(outstandingOf(holding)),
    costAssets: String(costIn(holding)),
    ...{ paidInAssets: String(holding.paidInAssets), paidOutAssets: String(holding.paidOutAssets) },
    interestAssets: String(interestOf(holding)),
    principalAssets: String(principalOf(holding)),
    lossAssets: String(lossOf(holding)),
    realisedAssets: String(holding.realisedAssets),
    claimableAssets: String(claimableOf(holding)),
    claimedAssets: String(holding.claimedAssets),
    exitPriceWad: worth === undefined ? null : priceWad(worth.exitAssets, worth.shares),
    valueAssets: valueAssets === null ? null : String(valueAssets),
    valueComputedAt: prices === undefined || prices.computedAt === 0n ? null : String(prices.computedAt),
    isValueUsable: prices !== undefined && isUsable(prices, head.time),
    xirrBps: bpsOf(rateOfReturn(holding.flows, valueAssets, head.time)),
  };
}

/** Shares at the exit price; null where no value is known. Without shares it is nothing, whatever the price. */
function valueOf(shares: bigint, worth: { exitAssets: bigint; shares: bigint } | undefined): bigint | null {
  if (shares === 0n) return 0n;
  return worth === undefined ? null : (worth.exitAssets * shares) / worth.shares;
}

function bpsOf(rate: number | null): number | null {
  return rate === null ? null : Math.round(rate * 10_000);
}

function totalOf(positions: readonly Position[], ledgers: readonly Ledger[], nowAt: bigint): PortfolioTotal {
  const [{ asset, assetSymbol, assetDecimalCount }] = positions as [Position];
  const sum = (field: (position: Position) => string) =>
    positions.reduce((total, position) => total + BigInt(field(position)), 0n);
  const isValued = positions.every(({ valueAssets }) => valueAssets !== null);
  const valueAssets = isValued ? sum((position) => position.valueAssets ?? "0") : null;
  const flows = ledgers.every(({ holding }) => holding.flows !== undefined)
    ? ledgers.flatMap(({ holding }) => holding.flows ?? [])
    : undefined;
  return {
    ...{ asset, assetSymbol, assetDecimalCount },
    costAssets: String(sum((position) => position.costAssets)),
    paidInAssets: String(sum((position) => position.paidInAssets)),
    paidOutAssets: String(sum((position) => position.paidOutAssets)),
    interestAssets: String(sum((position) => position.interestAssets)),
    realisedAssets: String(sum((position) => position.realisedAssets)),
    lossAssets: String(sum((position) => position.lossAssets)),
    claimableAssets: String(sum((position) => position.claimableAssets)),
    valueAssets: valueAssets === null ? null : String(valueAssets),
    xirrBps: bpsOf(rateOfReturn(flows, valueAssets, nowAt)),
  };
}

/** Flows of all classes in the order of the chain. */
export function flowsAfter(
  ledgers: readonly Ledger[],
  { limit, after }: PageAfter<string>,
  { year, token }: Omit<FlowFilter, "method">,
): Flow[] {
  const flows = ledgers
    .filter(({ held }) => token === undefined || held.token === token)
    .flatMap((ledger) => ledger.flows)
    .filter(({ at }) => year === undefined || yearOf(at) === year)
    .sort((a, b) => comparePlaces(a.key, b.key));
  const rest = after === undefined ? flows : flows.filter(({ key }) => comparePlaces(key, after) > 0);
  return rest.slice(0, limit);
}

/** The order of two places: block, log, part. */
function comparePlaces(a: string, b: string): number {
  const [one, other] = [a.split("-").map(Number), b.split("-").map(Number)];
  const place = one.findIndex((part, at) => part !== other[at]);
  return place === -1 ? 0 : one[place]! - other[place]!;
}

function yearOf(at: string): number {
  return new Date(Number(at) * 1000).getUTCFullYear();
}

/** What of an account's flows is taxed in a year of UTC, by settlement token. */
export function taxYearOf(
  ledgers: readonly Ledger[],
  { account, year, method }: { readonly account: string; readonly year: number; readonly method: BasisMethod },
): TaxYear {
  const assets = Map.groupBy(ledgers, ({ held }) => held.deal.settings.asset);
  const totals = [...assets].map(([asset, own]) => {
    const flows = own.flatMap((ledger) => ledger.flows).filter(({ at }) => yearOf(at) === year);
    const sum = (field: (flow: Flow) => string, kinds?: readonly Flow["kind"][]) => {
      const counted = flows.filter(({ kind }) => kinds === undefined || kinds.includes(kind));
      return String(counted.reduce((total, flow) => total + BigInt(field(flow)), 0n));
    };
    const [{ asset: facts }] = own as [Ledger];
    const sales: readonly Flow["kind"][] = ["Sold", "Refunded", "Seized"];
    return {
      ...{ asset, assetSymbol: facts.symbol, assetDecimalCount: facts.decimalCount },
      interestAssets: sum(({ incomeAssets }) => incomeAssets),
      principalAssets: sum(({ accruedAssets }) => accruedAssets, ["Principal"]),
      proceedsAssets: sum(({ assets: paid, incomeAssets }) => String(BigInt(paid) - BigInt(incomeAssets)), sales),
      basisAssets: sum(({ basisAssets }) => basisAssets, sales),
      gainAssets: sum(({ gainAssets }) => gainAssets),
      lossAssets: sum(({ basisAssets }) => basisAssets, ["Loss"]),
      feeAssets: sum(({ feeAssets }) => feeAssets),
    };
  });
  return { account, year, method, totals };
}
