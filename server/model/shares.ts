import { RAY } from "./schedule.ts";

// What the holders of one class are owed (docs/deal.md §8): income a share has 27 decimals, a holder's part 12.

const FINE = 10n ** 12n;

export interface HolderBook {
  shares: bigint;
  /** Income a share up to which this holder's part is counted. */
  incomeRay: bigint;
  /** In millionths of a millionth of a unit. */
  claimableFine: bigint;
}

export interface ShareBook {
  supply: bigint;
  interestRay: bigint;
  interestRest: bigint;
  principalRay: bigint;
  principalRest: bigint;
  lossRay: bigint;
  lossRest: bigint;
  readonly holders: Map<string, HolderBook>;
}

export function openShares(): ShareBook {
  return {
    supply: 0n,
    interestRay: 0n,
    interestRest: 0n,
    principalRay: 0n,
    principalRest: 0n,
    lossRay: 0n,
    lossRest: 0n,
    holders: new Map(),
  };
}

export function mint(book: ShareBook, holder: string, shares: bigint): void {
  const account = touch(book, holder);
  account.shares += shares;
  book.supply += shares;
}

export function burn(book: ShareBook, holder: string, shares: bigint): void {
  mint(book, holder, -shares);
}

export function transfer(book: ShareBook, from: string, to: string, shares: bigint): void {
  touch(book, from).shares -= shares;
  touch(book, to).shares += shares;
}

/** Spreads interest and principal over the shares; what does not divide waits for the next accrual. */
export function accrue(book: ShareBook, interest: bigint, principal: bigint): void {
  if (book.supply === 0n) return;
  const interestTotal = interest * RAY + book.interestRest;
  book.interestRay += interestTotal / book.supply;
  book.interestRest = interestTotal % book.supply;
  const principalTotal = principal * RAY + book.principalRest;
  book.principalRay += principalTotal / book.supply;
  book.principalRest = principalTotal % book.supply;
}

export function accrueLoss(book: ShareBook, loss: bigint): void {
  if (book.supply === 0n) return;
  const total = loss * RAY + book.lossRest;
  book.lossRay += total / book.supply;
  book.lossRest = total % book.supply;
}

/** What a holder could claim now, in whole units. */
export function claimableAssets(book: ShareBook, holder: string): bigint {
  const account = book.holders.get(holder);
  return account === undefined ? 0n : (account.claimableFine + newlyFine(book, account)) / FINE;
}

/** The principal that the shares a holder has now were repaid, whoever it went to. */
export function repaidAssets(book: ShareBook, holder: string): bigint {
  return ((book.holders.get(holder)?.shares ?? 0n) * book.principalRay) / RAY;
}

/** What the shares that a holder has now have lost. */
export function writtenOffAssets(book: ShareBook, holder: string): bigint {
  return ((book.holders.get(holder)?.shares ?? 0n) * book.lossRay) / RAY;
}

/** Takes the whole units of what a holder is owed; the fraction stays. */
export function claim(book: ShareBook, holder: string): bigint {
  const account = touch(book, holder);
  const assets = account.claimableFine / FINE;
  account.claimableFine -= assets * FINE;
  return assets;
}

function touch(book: ShareBook, holder: string): HolderBook {
  const incomeRay = book.interestRay + book.principalRay;
  const account = book.holders.get(holder);
  if (account === undefined) {
    const opened = { shares: 0n, incomeRay, claimableFine: 0n };
    book.holders.set(holder, opened);
    return opened;
  }
  account.claimableFine += newlyFine(book, account);
  account.incomeRay = incomeRay;
  return account;
}

/** A holder's part of what came in since it was last counted. */
function newlyFine(book: ShareBook, { shares, incomeRay }: HolderBook): bigint {
  return (shares * (book.interestRay + book.principalRay - incomeRay) * FINE) / RAY;
}
