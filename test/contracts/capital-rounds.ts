import { expect } from "chai";
import type { History } from "./capital-history.ts";
import { A } from "./capital-stage.ts";
import type { CapitalVault } from "./capital-vault.ts";

// There and back on a copy of the chain, at one time: who ends with more than it had was given somebody else's.

/** Plays a random round trip of somebody, undoes it, and says whether one was possible. */
export async function tryRoundTrip(h: History, trade: CapitalVault, after: string): Promise<boolean> {
  const { networkHelpers, asset } = h.stage;
  const who = h.random.pick(h.stage.holders);
  const timeAt = await networkHelpers.time.latest();
  const snapshot = await networkHelpers.takeSnapshot();
  /** Every call of a trip is in the same second. */
  const at = async () => networkHelpers.time.setNextBlockTimestamp(timeAt);
  const had = await asset.balanceOf(who);
  const kind = h.random.whole(0, 3);
  try {
    if (kind === 0) await thereAndBackInVault(h, trade, who, at);
    else if (kind === 1) await thereAndBackInMarket(h, who, at);
    else if (kind === 2) await loanAndBack(h, who, at);
    else await tradeAndBack(h, trade, who, at);
  } catch (error) {
    if (!/revert/.test(String(error))) throw error;
    await snapshot.restore();
    return false;
  }
  const has = await asset.balanceOf(who);
  await snapshot.restore();
  expect(has, `a round trip of kind ${kind}, ${after}`).to.be.at.most(had);
  return true;
}

type Person = History["stage"]["alice"];
type At = () => Promise<unknown>;

/** In at entry; what the shares would be filled with at exit is what it would leave with: taken as if it were paid. */
async function thereAndBackInVault(h: History, { vault }: CapitalVault, who: Person, at: At): Promise<void> {
  const before = await vault.balanceOf(who);
  const assets = h.random.amount(1, 12);
  await at();
  await vault.connect(who).deposit(assets, who);
  const shares = (await vault.balanceOf(who)) - before;
  expect(await vault.convertToAssets(shares), `exit of ${shares} bought for ${assets}`).to.be.at.most(assets);
}

async function thereAndBackInMarket(h: History, who: Person, at: At): Promise<void> {
  const { params, id } = h.market();
  const { markets } = h.credit;
  const before = await markets.position(id, who);
  await at();
  await markets.connect(who).supply(params, h.random.amount(1, 12), 0, who, "0x");
  const { supplyShares } = await markets.position(id, who);
  await at();
  await markets.connect(who).withdraw(params, 0, supplyShares - before.supplyShares, who, who);
}

async function loanAndBack(h: History, who: Person, at: At): Promise<void> {
  const { params, id } = h.market();
  const { markets } = h.credit;
  const before = await markets.position(id, who);
  await at();
  await markets.connect(who).borrow(params, h.random.amount(1, 9), 0, who, who);
  const { borrowShares } = await markets.position(id, who);
  await at();
  await markets.connect(who).repay(params, 0, borrowShares - before.borrowShares, who, "0x");
}

/** Buys by a sell order and sells into a buy order of the same terms: the maker loses nothing by pieces. */
async function tradeAndBack(h: History, { exchange, order }: CapitalVault, who: Person, at: At): Promise<void> {
  const token = h.stage.deals[h.deal()]!.tokens[A]!;
  const maker = await h.holderOf(token);
  const shares = h.random.amount(2, 9);
  const terms = { shares, assets: h.random.amount(2, 9), maxAccruedAssets: h.random.chance(0.5) ? shares : 0n };
  const sale = await order(maker, token, terms);
  const bid = await order(maker, token, { ...terms, isSell: false });
  for (let left = shares; left > 0n;) {
    const part = h.random.part(left) / 2n + 1n;
    await at();
    await exchange.connect(who).fill(sale.order, sale.signature, part, 2n ** 90n, who);
    await at();
    await exchange.connect(who).fill(bid.order, bid.signature, part, 0, who);
    left -= part;
  }
}
