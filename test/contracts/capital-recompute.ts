import { expect } from "chai";
import type { Interface, LogDescription } from "ethers";
import { CREDIT_VERBS } from "./capital-credit.ts";
import { at } from "./facility-world.ts";
import { eventsOf, Fold } from "./capital-fold.ts";
import { DEAL_VERBS, History } from "./capital-history.ts";
import { MarketFold } from "./capital-ledger.ts";
import { openMarkets, type CapitalMarkets } from "./capital-places.ts";
import { capitalStage, COMMISSIONED_AT, COSTS, PARTS, UNIT, type CapitalStage } from "./capital-stage.ts";
import { HAIRCUT_BPS, LIMITS } from "./capital-values.ts";
import { costOf, IncomeFold, VaultFold } from "./capital-shares.ts";
import { tradeVerbs } from "./capital-trade.ts";
import { openVault, type CapitalVault } from "./capital-vault.ts";
import { Values } from "./capital-worth.ts";

// Everything that the contracts say a facility, a class, a loan or a fill is worth, worked out again from the events.

/** Folds that follow the stage's chain. */
async function follower(stage: CapitalStage, { markets, places }: CapitalMarkets, trade: CapitalVault) {
  const { ethers, leases, deals, asset, valuation, index, meters } = stage;
  const fold = new Fold(
    await Promise.all(
      deals.map(async ({ facility, tokens }) => ({
        ...{ address: await facility.getAddress(), firstPaymentAt: BigInt(at("2027-01-31")) },
        fee: { cap: 5_000n * UNIT, fixed: 500n * UNIT, bps: 100n },
        couponsBps: await Promise.all(tokens.map(async (_, i) => (await facility.classAt(i)).terms.couponBps)),
      })),
    ),
  );
  const limits = {
    ...{ maxAge: BigInt(LIMITS.maxAgeSec), hold: BigInt(LIMITS.holdSec), maxMoveBps: BigInt(LIMITS.maxMoveBps) },
  };
  const lot = { commissionedAt: BigInt(COMMISSIONED_AT), haircutBps: HAIRCUT_BPS };
  const values = new Values(limits, new Map(COSTS.map((cost, i) => [BigInt(i + 1), { ...lot, cost }])));
  const loans = new Map(places.map(({ id, params }) => [id, new MarketFold(params.lltv, 0n)]));
  const { vault, exchange, orders } = trade;
  const interfaces = new Map<string, Interface>();
  const tokens = deals.flatMap((deal) => deal.tokens);
  for (const one of [leases, valuation, index, markets, vault, exchange, ...tokens]) {
    interfaces.set(await one.getAddress(), one.interface);
  }
  for (const { facility } of deals) interfaces.set(await facility.getAddress(), facility.interface);
  const [leasesAt, marketsAt] = [await leases.getAddress(), await markets.getAddress()];
  const [vaultAt, exchangeAt] = [await vault.getAddress(), await exchange.getAddress()];
  const shares = new VaultFold();
  const incomes = new Map<string, IncomeFold>();
  const tokenAts = new Map(await Promise.all(tokens.map(async (token) => [token, await token.getAddress()] as const)));
  for (const address of tokenAts.values()) incomes.set(address, new IncomeFold(vaultAt));
  const assetAt = await asset.getAddress();

  const read = async (address: string, event: LogDescription, nowAt: bigint): Promise<void> => {
    const facility = fold.facility(address);
    if (facility !== undefined) fold.readFacility(facility, event);
    else if (address === leasesAt) fold.readLease(event);
    else if (address === marketsAt) readLoan(event, nowAt);
    else if (address === vaultAt) shares.read(event, () => vaultWorth(nowAt)[0]);
    else if (address === exchangeAt) readTrade(event, nowAt);
    else if (incomes.has(address)) incomes.get(address)!.read(event);
    else if (event.name === "Appraised") {
      const { facility: which } = event.args as unknown as { facility: string };
      values.appraise(fold, fold.facility(which)!, assetAt, nowAt, await meters.reportedUntilAt());
    } else values.read(event);
  };
  const readLoan = (event: LogDescription, nowAt: bigint): void => {
    const loan = loans.get(String(event.args[0]));
    if (loan === undefined) return;
    if (event.name === "CreateMarket") loan.accruedAt = nowAt;
    else if (event.name === "Liquidate") loan.liquidate(event.args, priceOf(String(event.args[0]), nowAt), nowAt);
    else loan.read(event, nowAt);
  };
  /** What a unit of a market's collateral is worth at exit, scaled by 1e36; shares and assets have six decimals. */
  const priceOf = (id: string, nowAt: bigint): bigint => {
    const { deal, classIndex } = places.find((place) => place.id === id)!;
    const folded = fold.facilities[deal]!;
    const exit = fold.enforcement(folded, values.facility(fold, folded, nowAt).exit, nowAt)[classIndex]!;
    return ((exit * 10n ** 18n) / PARTS[deal]![classIndex]!) * 10n ** 18n;
  };
  /** All that the vault has, at exit and at entry. */
  const vaultWorth = (nowAt: bigint): [bigint, bigint] => {
    const sums: [bigint, bigint] = [shares.cash, shares.cash];
    for (const [deal, { tokens: own }] of deals.entries()) {
      const folded = fold.facilities[deal]!;
      const worth = values.facility(fold, folded, nowAt);
      for (const [k, all] of [worth.exit, worth.entry].entries()) {
        const classes = fold.enforcement(folded, all, nowAt);
        for (const [i, token] of own.entries()) {
          const at = tokenAts.get(token)!;
          sums[k]! += incomes.get(at)!.claimable() + ((shares.held.get(at) ?? 0n) * classes[i]!) / PARTS[deal]![i]!;
        }
      }
    }
    return sums;
  };
  let filled: string[] = [];
  let feeBps = 0n;
  /** Of two orders that were matched the sale says the price. */
  const readTrade = ({ name, args }: LogDescription, nowAt: bigint): void => {
    const told = args as unknown as Record<string, bigint>;
    if (name === "FeeSet") feeBps = told["feeBps"]!;
    else if (name === "Filled") filled.push(String(told["orderHash"]));
    else if (name === "Traded") {
      const signed = filled.map((hash) => orders.get(hash)!);
      const order = signed.find(({ isSell }) => isSell) ?? signed[0]!;
      filled = [];
      const deal = deals.findIndex(({ tokens: own }) => own.some((token) => tokenAts.get(token) === order.shareToken));
      const classIndex = deals[deal]!.tokens.findIndex((token) => tokenAts.get(token) === order.shareToken);
      const folded = fold.facilities[deal]!;
      const isLast = classIndex === deals[deal]!.tokens.length - 1;
      const isFlat = isLast || folded.state > 3n || folded.classes[classIndex]!.missed;
      const accrued = isFlat
        ? 0n
        : (fold.accrued(folded, classIndex, nowAt) * order.shares) / PARTS[deal]![classIndex]!;
      const cost = costOf(order, told["shares"]!, accrued, feeBps);
      expect([cost.price, cost.accrued, cost.fee], "a trade").to.deep.equal([
        ...[told["priceAssets"], told["accruedAssets"], told["feeAssets"]],
      ]);
    }
  };
  let fromBlock = 0;
  const follow = async () => {
    const toBlock = await ethers.provider.getBlockNumber();
    const logs = await ethers.provider.getLogs({ fromBlock, toBlock });
    fromBlock = toBlock + 1;
    const times = new Map<number, bigint>();
    for (const { address, event, log } of eventsOf(logs, interfaces)) {
      const block = log.blockNumber;
      if (!times.has(block)) times.set(block, BigInt((await ethers.provider.getBlock(block))!.timestamp));
      await read(address, event, times.get(block)!);
    }
  };
  return { fold, values, loans, shares, vaultWorth, follow, asset: assetAt };
}

type Follower = Awaited<ReturnType<typeof follower>>;

async function compareFacilities(stage: CapitalStage, { fold, values, asset }: Follower, after: string) {
  const nowAt = BigInt(await stage.networkHelpers.time.latest());
  for (const { facility, tokens } of stage.deals) {
    const address = await facility.getAddress();
    const folded = fold.facility(address)!;
    expect(fold.cash(folded), `cash ${after}`).to.equal(await facility.cashAssets());
    expect(fold.ages(address, nowAt), `ages ${after}`).to.deep.equal([...(await stage.leases.ageing(address, asset))]);
    const worth = values.facility(fold, folded, nowAt);
    const shown = await stage.valuation.facilityValue(address);
    expect(
      [worth.exit, worth.entry, worth.computedAt, worth.heldUntilAt],
      `exit, entry, age and hold ${after}`,
    ).to.deep.equal([shown.exitAssets, shown.entryAssets, shown.computedAt, shown.heldUntilAt]);
    const [exits, entries] = [worth.exit, worth.entry].map((all) => fold.enforcement(folded, all, nowAt));
    for (const [classIndex] of tokens.entries()) {
      const value = await stage.valuation.classValue(address, classIndex);
      expect([exits![classIndex], entries![classIndex]], `class ${classIndex} ${after}`).to.deep.equal([
        value.exitAssets,
        value.entryAssets,
      ]);
      expect(value.exitAssets, `exit above entry ${after}`).to.be.at.most(value.entryAssets);
    }
  }
}

async function compareLoans(h: History, { loans }: Follower, after: string) {
  const { markets, places } = h.credit;
  for (const { id } of places) {
    const loan = loans.get(id)!;
    const total = await markets.market(id);
    expect([loan.supplied, loan.supplyShares, loan.lent, loan.debtShares], `market ${after}`).to.deep.equal([
      ...[total.totalSupplyAssets, total.totalSupplyShares, total.totalBorrowAssets, total.totalBorrowShares],
    ]);
    for (const [who, { supply, debt, collateral }] of loan.loans) {
      const position = await markets.position(id, who).catch(() => undefined);
      if (position === undefined) continue;
      expect([supply, debt, collateral], `position ${after}`).to.deep.equal([...position]);
    }
  }
}

async function compareVault(stage: CapitalStage, vault: CapitalVault["vault"], following: Follower, after: string) {
  const { shares, vaultWorth } = following;
  const [exit, entry] = vaultWorth(BigInt(await stage.networkHelpers.time.latest()));
  expect([shares.cash, shares.setAside, shares.supply, exit, entry], `vault ${after}`).to.deep.equal([
    ...[await vault.cashAssets(), await vault.setAsideAssets(), await vault.totalSupply()],
    ...[await vault.totalAssets(), await vault.entryAssets()],
  ]);
}

describe("Capital, recomputed from events", () => {
  it("facilities, classes, loans, the vault and every trade, over a history", async function () {
    this.timeout(600_000);
    const seed = Number(process.env["CAPITAL_SEED"] ?? 5);
    const stepCount = Number(process.env["CAPITAL_STEPS"] ?? 300);
    const stage = await capitalStage();
    const credit = await openMarkets(stage);
    const trade = await openVault(stage, credit);
    const history = new History(stage, credit, seed, [...DEAL_VERBS, ...CREDIT_VERBS, ...tradeVerbs(trade)]);
    const following = await follower(stage, credit, trade);
    for (let i = 0; i < stepCount; ++i) {
      const { verb } = await history.step();
      await following.follow();
      await compareFacilities(stage, following, `after ${i} ${verb.name}`);
      await compareVault(stage, trade.vault, following, `after ${i} ${verb.name}`);
      if (i % 10 === 0) await compareLoans(history, following, `after ${i} ${verb.name}`);
    }
    expect(history.done.size, "verbs that were done").to.be.above(25);
  });
});
