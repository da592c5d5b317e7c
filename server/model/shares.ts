import { RAY } from "./schedule.ts";

// What the holders of one class are owed (docs/deal.md §8): income a share has 27 decimals, a holder's part 12.

const FINE = 10n ** 12n;

export interface HolderBook {
  shares: bigint;
  /** What its shares earned since the start and is not its own, or was claimed, in millionths of a millionth of a unit. */
  otherFine: bigint;
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
  move(book, holder, shares);
  book.supply += shares;
}

export function burn(book: ShareBook, holder: string, shares: bigint): void {
  mint(book, holder, -shares);
}

export function transfer(book: ShareBook, from: string, to: string, shares: bigint): void {
  move(book, from, -shares);
  move(book, to, shares);
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
  return incomeFine(book, accountOf(book, holder)) / FINE;
}

/** What was written off of the shares a holder has now. */
export function writtenOffAssets(book: ShareBook, holder: string): bigint {
  return (accountOf(book, holder).shares * book.lossRay) / RAY;
}

/** What was repaid of the shares a holder has now, whoever was paid. */
export function repaidAssets(book: ShareBook, holder: string): bigint {
  return (accountOf(book, holder).shares * book.principalRay) / RAY;
}

/** Takes the whole units of what a holder is owed; the fraction stays. */
export function claim(book: ShareBook, holder: string): bigint {
  const account = accountOf(book, holder);
  const assets = incomeFine(book, account) / FINE;
  account.otherFine += assets * FINE;
  return assets;
}

/** Changes how many shares a holder has; its income until now stays what it was. */
function move(book: ShareBook, holder: string, shares: bigint): void {
  const account = accountOf(book, holder);
  const income = incomeFine(book, account);
  account.shares += shares;
  account.otherFine = earnedFine(book, account) - income;
}

function incomeFine(book: ShareBook, account: HolderBook): bigint {
  return earnedFine(book, account) - account.otherFine;
}

function earnedFine(book: ShareBook, account: HolderBook): bigint {
  return (account.shares * (book.interestRay + book.principalRay) * FINE) / RAY;
}

function accountOf(book: ShareBook, holder: string): HolderBook {
  const account = book.holders.get(holder) ?? { shares: 0n, otherFine: 0n };
  book.holders.set(holder, account);
  return account;
}
