import { expect } from "chai";
import type { Log } from "ethers";
import type { History } from "./capital-history.ts";
import type { CapitalVault } from "./capital-vault.ts";

// What must be so on the whole stage, after whatever was done.

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

/** Everybody who may have something: people, and who receives fees. */
const everyone = ({ stage }: History): string[] =>
  [...stage.holders, stage.mallory, stage.servicer].map(({ address }) => address);

/** Every contract holds what it owes, and nobody's claims are counted twice. */
export async function checkBacked(h: History, trade: CapitalVault, after: string): Promise<void> {
  const { asset, deals } = h.stage;
  for (const { facility } of deals) {
    expect(await asset.balanceOf(facility), `a facility's money, ${after}`).to.be.at.least(
      await facility.ledgerAssets(),
    );
  }
  await checkMarkets(h, after);
  await checkVault(h, trade, after);
}

async function checkVault(h: History, { vault, exchange }: CapitalVault, after: string): Promise<void> {
  const { asset, deals } = h.stage;
  const people = everyone(h);
  const setAside = await vault.setAsideAssets();
  const cash = await vault.cashAssets();
  expect(await asset.balanceOf(vault), `money of the vault, ${after}`).to.be.at.least(cash + setAside);
  let claims = 0n;
  let kept = await vault.pendingShares();
  for (const who of people) {
    claims += await vault.maxWithdraw(who);
    for (const id of await vault.requestIds(who)) kept += await vault.claimableCancelRedeemRequest(id, who);
  }
  expect(claims, `claims on the vault, ${after}`).to.be.at.most(setAside);
  expect(await vault.balanceOf(vault), `shares that wait in the vault, ${after}`).to.be.at.least(kept);
  expect(await vault.entryAssets(), `entry of the vault, ${after}`).to.be.at.least(await vault.totalAssets());
  expect(await asset.balanceOf(exchange), `money of the exchange, ${after}`).to.equal(0n);
  for (const { tokens } of deals) {
    for (const token of tokens) {
      const { shares } = await vault.holdingOf(token);
      expect(await token.balanceOf(vault), `shares of the vault, ${after}`).to.be.at.least(shares);
      expect(await token.balanceOf(exchange), `shares of the exchange, ${after}`).to.equal(0n);
    }
  }
}

/** Whoever took out of a market is healthy in it, at the price of that second. */
export async function checkVerb(
  h: History,
  verb: string,
  receipt: { readonly logs: readonly Log[] } | null | undefined,
  after: string,
): Promise<void> {
  const { markets, places } = h.credit;
  if (!receipt || !["borrow", "withdrawCollateral", "claimIncome"].includes(verb)) return;
  for (const log of receipt.logs) {
    const event = markets.interface.parseLog(log);
    if (!event || !["Borrow", "WithdrawCollateral", "TakeIncome"].includes(event.name)) continue;
    const { id, onBehalf } = event.args as unknown as { id: string; onBehalf: string };
    const health = await healthOf(
      h,
      onBehalf,
      places.find((place) => place.id === id)!,
    );
    if (health !== undefined) expect(health.owed, `owed after its own verb, ${after}`).to.be.at.most(health.most);
  }
}

async function checkMarkets(h: History, after: string): Promise<void> {
  const { markets, places } = h.credit;
  const { asset, deals } = h.stage;
  const people = everyone(h);
  let owedAssets = 0n;
  for (const { tokens } of deals)
    for (const token of tokens) owedAssets += (await markets.incomeBook(token)).cashAssets;
  for (const { id } of places) {
    const total = await markets.market(id);
    const positions = await Promise.all(people.map((who) => markets.position(id, who)));
    expect(sum(positions.map(({ supplyShares }) => supplyShares)), `supply, ${after}`).to.equal(
      total.totalSupplyShares,
    );
    expect(sum(positions.map(({ borrowShares }) => borrowShares)), `debt, ${after}`).to.equal(total.totalBorrowShares);
    const idle = total.totalSupplyAssets - total.totalBorrowAssets;
    expect(idle, `liquidity, ${after}`).to.be.at.least(0n);
    owedAssets += idle;
  }
  expect(await asset.balanceOf(markets), `money of the markets, ${after}`).to.be.at.least(owedAssets);
  for (const { tokens } of deals) {
    for (const token of tokens) {
      const address = await token.getAddress();
      const inside = places.filter(({ params }) => params.collateralToken === address);
      if (inside.length === 0) continue;
      const posted: bigint[] = [];
      const incomes: bigint[] = [];
      for (const { id, params } of inside) {
        for (const who of people) {
          posted.push((await markets.position(id, who)).collateralShares);
          incomes.push(await markets.claimableIncome(params, who));
        }
      }
      const book = await markets.incomeBook(token);
      expect(sum(posted), `posted shares, ${after}`).to.equal(book.postedShares);
      expect(await token.balanceOf(markets), `shares of the markets, ${after}`).to.be.at.least(sum(posted));
      const most = (await token.claimableAssets(markets)) + book.cashAssets;
      expect(sum(incomes), `income of the markets, ${after}`).to.be.at.most(most);
    }
  }
}

/** What someone may owe and owes in a market now, or nothing while there is no price. */
export async function healthOf(h: History, who: string, place: History["credit"]["places"][0]) {
  const { markets } = h.credit;
  const oracle = await h.stage.ethers.getContractAt("ClassPrice", place.params.oracle);
  const price = await oracle.price().catch(() => undefined);
  if (price === undefined) return undefined;
  const { borrowShares, collateralShares } = await markets.position(place.id, who);
  const { totalBorrowAssets, totalBorrowShares } = await markets.market(place.id);
  const owed = ceil(borrowShares * (totalBorrowAssets + 1n), totalBorrowShares + 10n ** 6n);
  const most = (((collateralShares * price) / 10n ** 36n) * place.params.lltv) / 10n ** 18n;
  return { owed, most };
}

export const ceil = (x: bigint, y: bigint): bigint => (x + y - 1n) / y;
