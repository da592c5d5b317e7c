import {
  acquire,
  costOf,
  dispose,
  giveBack,
  openBasis,
  sharesOf,
  writeOff,
  type Basis,
  type BasisMethod,
} from "./basis.ts";
import { RAY } from "./schedule.ts";
import { HIGHEST, LOWEST, xirr, type Flow } from "./yields.ts";

// One account's shares of one class through time: what it has, what they cost, what they brought. Income follows the
// shares as the class token has it (docs/deal.md §8): per share in 27 decimals, an account's part in 12.

const FINE = 10n ** 12n;

export interface Holding {
  readonly basis: Basis;
  /** In the account, and posted in markets for it. */
  heldShares: bigint;
  postedShares: bigint;
  interestRay: bigint;
  principalRay: bigint;
  lossRay: bigint;
  /** Set aside for the shares since the start, in millionths of a millionth of a unit. */
  interestFine: bigint;
  principalFine: bigint;
  lossFine: bigint;
  /** Of the shares in the account alone: what the class token lets it claim, before what it claimed. */
  claimableFine: bigint;
  claimedAssets: bigint;
  /** For shares that were paid for, and for shares that were paid. */
  paidInAssets: bigint;
  paidOutAssets: bigint;
  tradedIncomeAssets: bigint;
  realisedAssets: bigint;
  /** Money in and out as it came about; undefined once shares came or went without a price. */
  flows: Flow[] | undefined;
}

export function openHolding(method: BasisMethod): Holding {
  return {
    basis: openBasis(method),
    ...{ heldShares: 0n, postedShares: 0n, interestRay: 0n, principalRay: 0n, lossRay: 0n },
    ...{ interestFine: 0n, principalFine: 0n, lossFine: 0n, claimableFine: 0n, claimedAssets: 0n },
    ...{ paidInAssets: 0n, paidOutAssets: 0n, tradedIncomeAssets: 0n, realisedAssets: 0n },
    flows: [],
  };
}

/** What a movement cost or gave up, and gained. */
export interface Effect {
  readonly basisAssets: bigint;
  readonly gainAssets: bigint;
}

const NO_EFFECT: Effect = { basisAssets: 0n, gainAssets: 0n };

/** A price of shares, and interest accrued to them that is paid beside it. */
export interface Price {
  readonly assets: bigint;
  readonly incomeAssets: bigint;
}

/** Shares that came for a price. */
export function bring(holding: Holding, at: bigint, shares: bigint, { assets, incomeAssets }: Price): Effect {
  acquire(holding.basis, shares, assets);
  holding.heldShares += shares;
  holding.paidInAssets += assets + incomeAssets;
  holding.tradedIncomeAssets -= incomeAssets;
  holding.flows?.push({ at: Number(at), assets: -(assets + incomeAssets) });
  return { basisAssets: assets, gainAssets: 0n };
}

/** Shares that went for a price; where they were taken out of what is posted, from there. */
export function take(
  holding: Holding,
  at: bigint,
  shares: bigint,
  { assets, incomeAssets }: Price,
  from: "held" | "posted" = "held",
): Effect {
  const basisAssets = dispose(holding.basis, shares);
  leave(holding, shares, from);
  const gainAssets = assets - basisAssets;
  holding.paidOutAssets += assets + incomeAssets;
  holding.tradedIncomeAssets += incomeAssets;
  holding.realisedAssets += gainAssets;
  holding.flows?.push({ at: Number(at), assets: assets + incomeAssets });
  return { basisAssets, gainAssets };
}

/** Shares that came without a price that is known here: they cost nothing. */
export function receive(holding: Holding, shares: bigint, into: "held" | "posted"): Effect {
  acquire(holding.basis, shares, 0n);
  if (into === "held") holding.heldShares += shares;
  else holding.postedShares += shares;
  holding.flows = undefined;
  return NO_EFFECT;
}

/** Shares that went without one: their cost goes with them, and no gain is told. */
export function give(holding: Holding, shares: bigint, from: "held" | "posted"): Effect {
  const basisAssets = dispose(holding.basis, shares);
  leave(holding, shares, from);
  holding.flows = undefined;
  return { basisAssets, gainAssets: 0n };
}

/** Moves shares into a market (more than zero) or out of it: they stay the account's. */
export function post(holding: Holding, shares: bigint): Effect {
  holding.heldShares -= shares;
  holding.postedShares += shares;
  return NO_EFFECT;
}

function leave(holding: Holding, shares: bigint, from: "held" | "posted"): void {
  if (from === "held") holding.heldShares -= shares;
  else holding.postedShares -= shares;
}

/** What the class accrued to a share since the start, in assets: grows with each payment date. */
export interface PerShare {
  readonly interestRay: bigint;
  readonly principalRay: bigint;
}

/** Interest and principal that an accrual sets aside for the account, in whole units; what is left over comes later. */
export function accrueTo(
  holding: Holding,
  at: bigint,
  now: PerShare,
): { interestAssets: bigint; principalAssets: bigint; principal: Effect } {
  const shares = sharesOf(holding.basis);
  const [interestRay, principalRay] = [now.interestRay - holding.interestRay, now.principalRay - holding.principalRay];
  const [interestBefore, principalBefore] = [holding.interestFine / FINE, holding.principalFine / FINE];
  holding.interestFine += (shares * interestRay * FINE) / RAY;
  holding.principalFine += (shares * principalRay * FINE) / RAY;
  holding.claimableFine += (holding.heldShares * (interestRay + principalRay) * FINE) / RAY;
  [holding.interestRay, holding.principalRay] = [now.interestRay, now.principalRay];
  const interestAssets = holding.interestFine / FINE - interestBefore;
  const principalAssets = holding.principalFine / FINE - principalBefore;
  const basisAssets = principalAssets === 0n ? 0n : giveBack(holding.basis, principalAssets);
  const gainAssets = principalAssets - basisAssets;
  holding.realisedAssets += gainAssets;
  const assets = interestAssets + principalAssets;
  if (assets > 0n) holding.flows?.push({ at: Number(at), assets });
  return { interestAssets, principalAssets, principal: { basisAssets, gainAssets } };
}

/** Principal of the account's shares that a write-off lost; its cost is lost with it. */
export function loseTo(holding: Holding, lossRay: bigint): { lossAssets: bigint } & Effect {
  const before = holding.lossFine / FINE;
  const outstanding = outstandingOf(holding);
  holding.lossFine += (sharesOf(holding.basis) * (lossRay - holding.lossRay) * FINE) / RAY;
  holding.lossRay = lossRay;
  const lossAssets = holding.lossFine / FINE - before;
  const basisAssets = writeOff(holding.basis, lossAssets, outstanding);
  holding.realisedAssets -= basisAssets;
  return { lossAssets, basisAssets, gainAssets: -basisAssets };
}

/** Principal of the shares that is neither repaid nor written off. */
export function outstandingOf({ basis, principalRay, lossRay }: Holding): bigint {
  const shares = sharesOf(basis);
  const outstanding = shares - (shares * principalRay) / RAY - (shares * lossRay) / RAY;
  return outstanding > 0n ? outstanding : 0n;
}

/** What the account can claim of the class token now. */
export function claimableOf({ claimableFine, claimedAssets }: Holding): bigint {
  return claimableFine / FINE - claimedAssets;
}

/** Interest that came to the shares, with what was paid and got for accrued interest in trades. */
export function interestOf({ interestFine, tradedIncomeAssets }: Holding): bigint {
  return interestFine / FINE + tradedIncomeAssets;
}

export function principalOf({ principalFine }: Holding): bigint {
  return principalFine / FINE;
}

export function lossOf({ lossFine }: Holding): bigint {
  return lossFine / FINE;
}

export function sharesIn({ basis }: Holding): bigint {
  return sharesOf(basis);
}

export function costIn({ basis }: Holding): bigint {
  return costOf(basis);
}

/** What a few days bring says nothing of a year. */
const YOUNG_SEC = 7 * 86_400;

/**
 * The yearly rate of all flows and a value now; null where shares moved without a price, where there is no value, in the
 * first week, and for a rate that is beyond what `xirr` looks for.
 */
export function rateOfReturn(
  flows: readonly Flow[] | undefined,
  valueAssets: bigint | null,
  nowAt: bigint,
): number | null {
  if (flows === undefined || valueAssets === null) return null;
  const inOrder = [...flows].sort((a, b) => a.at - b.at);
  const [first] = inOrder;
  if (first === undefined || Number(nowAt) - first.at < YOUNG_SEC) return null;
  const rate = xirr([...inOrder, { at: Number(nowAt), assets: valueAssets }]);
  return rate === LOWEST || rate === HIGHEST ? null : rate;
}
