import { expect } from "chai";
import type { LogDescription } from "ethers";
import type { Order } from "../../server/protocol/order.ts";
import { min } from "./capital-fold.ts";

// The vault's books and the exchange's fills from their events: what the vault owns and owes, what a share of it is
// worth, what every batch was filled with and every trade cost (docs/capital.md §3 and §4).

type Args = Record<string, bigint> & Record<string, unknown>;

const VIRTUAL = 10n ** 6n;
const E15 = 10n ** 15n;
const E12 = 10n ** 12n;

/** What a class owes one holder: what its shares earned since the start, less what is not its own. */
export class IncomeFold {
  shares = 0n;
  private other = 0n;
  private perShareRay = 0n;
  private readonly holder: string;

  constructor(holder: string) {
    this.holder = holder;
  }

  private earned(shares: bigint): bigint {
    return (shares * this.perShareRay) / E15;
  }

  claimable(): bigint {
    return (this.earned(this.shares) - this.other) / E12;
  }

  read({ name, args: all }: LogDescription): void {
    const args = all as unknown as Args;
    if (name === "Accrued") this.perShareRay = args["interestPerShareRay"]! + args["principalPerShareRay"]!;
    else if (name === "Claimed" && args["holder"] === (this.holder as unknown)) this.other += args["assets"]! * E12;
    else if (name === "Transfer" && args["from"] !== args["to"]) {
      if (args["from"] === (this.holder as unknown)) this.resize(this.shares - args["value"]!);
      if (args["to"] === (this.holder as unknown)) this.resize(this.shares + args["value"]!);
    }
  }

  private resize(shares: bigint): void {
    const unclaimed = this.earned(this.shares) - this.other;
    this.shares = shares;
    this.other = this.earned(shares) - unclaimed;
  }
}

export class VaultFold {
  cash = 0n;
  setAside = 0n;
  supply = 0n;
  readonly held = new Map<string, bigint>();

  /** @param exit everything at exit, in that second */
  read({ name, args: all }: LogDescription, exit: () => bigint): void {
    const args = all as unknown as Args;
    const [assets, shares, token] = [args["assets"]!, args["shares"]!, String(args["classToken"])];
    if (name === "Deposit") this.cash += assets;
    else if (name === "Transfer") this.count(String(args["from"]), String(args["to"]), args["value"]!);
    else if (name === "IncomeClaimed") this.cash += assets;
    else if (name === "ClassBought") this.trade(token, shares, -assets);
    else if (name === "ClassSold") this.trade(token, -shares, assets);
    else if (name === "Withdraw") this.setAside -= assets;
    else if (name === "Fulfilled") this.fulfil(args, exit());
  }

  private count(from: string, to: string, shares: bigint): void {
    if (BigInt(from) === 0n) this.supply += shares;
    if (BigInt(to) === 0n) this.supply -= shares;
  }

  private trade(token: string, shares: bigint, assets: bigint): void {
    this.held.set(token, (this.held.get(token) ?? 0n) + shares);
    this.cash += assets;
  }

  /** At exit, as far as the cash goes; the burn was told before, so its shares count in the price. */
  private fulfil(args: Args, exit: bigint): void {
    const [shares, assets] = [args["shares"]!, args["assets"]!];
    const whole = (shares * (exit + 1n)) / (this.supply + shares + VIRTUAL);
    expect(assets, `a fill of ${shares} at ${exit}`).to.be.within(whole - 2n, whole);
    expect(assets, "more than the cash").to.be.at.most(this.cash);
    // A batch that is not whole took all the cash there was, but for what less than a share's part is worth.
    if (!args["isFilled"]) expect(this.cash - assets, "cash kept from who waits").to.be.at.most(1_000_000n);
    this.cash -= assets;
    this.setAside += assets;
  }
}

/** What a fill of an order costs, with so much accrued to all of its shares. */
export function costOf(order: Order, shares: bigint, accrued: bigint, feeBps: bigint) {
  const part = (whole: bigint) => {
    const down = (whole * shares) / order.shares;
    return order.isSell && down * order.shares < whole * shares ? down + 1n : down;
  };
  const price = part(order.assets);
  return { price, accrued: part(min(accrued, order.maxAccruedAssets)), fee: (price * feeBps) / 10_000n };
}
