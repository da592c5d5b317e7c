import { expect } from "chai";
import type { LogDescription } from "ethers";
import { min } from "./capital-fold.ts";

// The books of lending markets from their events: each event's other figure is worked out again from the totals before
// it, by docs/capital.md §2 and the rounding against whoever calls.

type Args = Record<string, bigint> & Record<string, unknown>;

const WAD = 10n ** 18n;
const VIRTUAL = 10n ** 6n;
const up = (x: bigint, y: bigint): bigint => (x + y - 1n) / y;

export interface LoanFold {
  supply: bigint;
  debt: bigint;
  collateral: bigint;
}

export class MarketFold {
  supplied = 0n;
  supplyShares = 0n;
  lent = 0n;
  debtShares = 0n;
  accruedAt: bigint;
  readonly loans = new Map<string, LoanFold>();
  readonly flags = new Map<string, bigint>();
  readonly lltvWad: bigint;

  constructor(lltvWad: bigint, createdAt: bigint) {
    [this.lltvWad, this.accruedAt] = [lltvWad, createdAt];
  }

  loan(account: string): LoanFold {
    const loan = this.loans.get(account) ?? { supply: 0n, debt: 0n, collateral: 0n };
    this.loans.set(account, loan);
    return loan;
  }

  /** What a debt costs to repay, with the interest counted so far. */
  owed(account: string): bigint {
    return up(this.loan(account).debt * (this.lent + 1n), this.debtShares + VIRTUAL);
  }

  read({ name, args: all }: LogDescription, nowAt: bigint): void {
    const args = all as unknown as Args;
    const [assets, shares] = [args["assets"]!, args["shares"]!];
    const owner = this.loan(String(args["onBehalf"]));
    if (name === "AccrueInterest") this.accrue(args, nowAt);
    else if (name === "Supply") {
      this.expectOne(name, assets, shares, this.supplied, this.supplyShares, true);
      [this.supplied, this.supplyShares, owner.supply] = [
        this.supplied + assets,
        this.supplyShares + shares,
        owner.supply + shares,
      ];
    } else if (name === "Withdraw") {
      this.expectOne(name, assets, shares, this.supplied, this.supplyShares, false);
      [this.supplied, this.supplyShares, owner.supply] = [
        this.supplied - assets,
        this.supplyShares - shares,
        owner.supply - shares,
      ];
    } else if (name === "Borrow") {
      this.expectOne(name, assets, shares, this.lent, this.debtShares, false);
      [this.lent, this.debtShares, owner.debt] = [this.lent + assets, this.debtShares + shares, owner.debt + shares];
    } else if (name === "Repay") {
      this.expectOne(name, assets, shares, this.lent, this.debtShares, true);
      [this.lent, this.debtShares, owner.debt] = [
        this.lent - min(this.lent, assets),
        this.debtShares - shares,
        owner.debt - shares,
      ];
    } else if (name === "SupplyCollateral") owner.collateral += args["collateralShares"]!;
    else if (name === "WithdrawCollateral") owner.collateral -= args["collateralShares"]!;
    else if (name === "Flag") this.flags.set(String(args["borrower"]), args["flaggedAt"]!);
    else if (name === "Unflag") this.flags.delete(String(args["borrower"]));
  }

  /** Coming in: shares down or assets up. Going out: shares up or assets down. */
  private expectOne(
    name: string,
    assets: bigint,
    shares: bigint,
    total: bigint,
    ofShares: bigint,
    isIn: boolean,
  ): void {
    const [a, s] = [total + 1n, ofShares + VIRTUAL];
    const byAssets = isIn ? (assets * s) / a : up(assets * s, a);
    const byShares = isIn ? up(shares * a, s) : (shares * a) / s;
    expect(shares === byAssets || assets === byShares, `${name} of ${assets} for ${shares}`).to.equal(true);
  }

  /** Three terms of the exponential, each rounded down. */
  private accrue(args: Args, nowAt: bigint): void {
    const first = args["ratePerSecondWad"]! * (nowAt - this.accruedAt);
    const second = (first * first) / (2n * WAD);
    const interest = (this.lent * (first + second + (second * first) / (3n * WAD))) / WAD;
    expect(args["interestAssets"], "interest").to.equal(interest);
    this.supplied += interest;
    this.lent += interest;
    this.supplyShares += args["feeShares"]!;
    this.accruedAt = nowAt;
  }

  /** What a liquidator gets for a unit: a fifth of the bonus at the flag, all of it six hours later. */
  private incentiveWad(borrower: string, nowAt: bigint): bigint {
    const full = min((WAD * WAD) / (WAD - (3n * (WAD - this.lltvWad)) / 10n), (WAD * 115n) / 100n) - WAD;
    const flaggedAt = this.flags.get(borrower);
    const since = flaggedAt !== undefined && nowAt < flaggedAt + 86_400n ? nowAt - flaggedAt : 0n;
    return WAD + (full * (21_600n + 4n * min(since, 21_600n))) / 108_000n;
  }

  /** Seizes at the price that is worked out for that second; what follows from the other as it was asked for. */
  liquidate(all: LogDescription["args"], price: bigint, nowAt: bigint): void {
    const args = all as unknown as Args;
    const loan = this.loan(String(args["borrower"]));
    const bonusWad = this.incentiveWad(String(args["borrower"]), nowAt);
    const most = (((loan.collateral * price) / 10n ** 36n) * this.lltvWad) / WAD;
    expect(this.owed(String(args["borrower"])), "a healthy loan liquidated").to.be.above(most);
    const [repaid, shares, seized] = [args["repaidAssets"]!, args["repaidShares"]!, args["seizedCollateralShares"]!];
    const asked = up(price * WAD, bonusWad);
    expect(repaid, "repaid").to.equal(up(shares * (this.lent + 1n), this.debtShares + VIRTUAL));
    // By debt the shares follow from it, down; by collateral the debt follows from the shares, up.
    const byDebt = (((shares * (this.lent + 1n)) / (this.debtShares + VIRTUAL)) * 10n ** 36n) / asked;
    const byShares = up(up(seized * asked, 10n ** 36n) * (this.debtShares + VIRTUAL), this.lent + 1n);
    expect(seized === min(byDebt, loan.collateral) || shares === byShares, `seized ${seized} for ${shares}`).to.equal(
      true,
    );
    this.lent -= min(this.lent, repaid);
    this.debtShares -= shares;
    loan.debt -= shares;
    loan.collateral -= seized;
    if (args["badDebtShares"]! > 0n) {
      expect(loan.collateral, "collateral left with bad debt").to.equal(0n);
      const bad = min(up(loan.debt * (this.lent + 1n), this.debtShares + VIRTUAL), this.lent);
      expect([args["badDebtShares"], args["badDebtAssets"]], "bad debt").to.deep.equal([loan.debt, bad]);
      this.lent -= bad;
      this.supplied -= bad;
      this.debtShares -= loan.debt;
      loan.debt = 0n;
    }
  }
}
