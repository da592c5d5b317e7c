import type { JsonRpcProvider, Wallet } from "ethers";

import { contractsAt, send } from "../server/protocol/contracts.ts";
import type { Deployment } from "../server/protocol/deployment.ts";
import type { World } from "./world.ts";
import { fund } from "./seed.ts";
import { dollars } from "./statement.ts";

/** What lessees, investors and the lender do of their own accord while months go by. */
export interface Actors {
  /** Lessees pay what they are invoiced, and the first one prepays its next month; whether anything was paid. */
  payRent(): Promise<boolean>;
  /** After a payment date: holders claim; the first investor borrows once, then pays back from income and pocket. */
  afterPayment(paymentIndex: number): Promise<string[]>;
}

// Of the value of the collateral: well under the liquidation loan-to-value of 77 %.
const BORROW_BPS = 5_000n;
const REPAY_PARTS = 10n;
const PRICE_SCALE = 10n ** 36n;

export function actorsOf(world: World, provider: JsonRpcProvider): Actors {
  const { deployment, cast } = world;
  const { addresses } = deployment;
  const place = deployment.facilities[0] as Deployment["facilities"][number];
  const market = place.markets[0] as (typeof place.markets)[number];
  const params = { ...market, lltv: BigInt(market.lltv) };
  const as = (wallet: Wallet) => contractsAt(addresses, wallet.connect(provider));
  const context = { provider, addresses };

  const claim = async (holder: Wallet, token: string): Promise<bigint> => {
    const own = as(holder).classToken(token);
    const assets = await own.claimableAssets(holder.address);
    if (assets > 0n) await send(own.claim(holder.address));
    return assets;
  };

  /** Values all lots, as anybody may: by what the risk officers set and dated at the start. */
  const appraise = async () => {
    const lotIds = deployment.identities.map(({ lotId }) => BigInt(lotId));
    await send(as(cast.keeper).valuation.appraise(place.address, lotIds));
  };

  const borrow = async (): Promise<string> => {
    const [borrower] = cast.investors as [Wallet];
    const own = as(borrower);
    const [token] = place.classTokens as [string];
    const shares = (await own.classToken(token).balanceOf(borrower.address)) / 2n;
    await appraise();
    await send(own.classToken(token).approve(addresses.markets, shares));
    await send(own.markets.supplyCollateral(params, shares, borrower.address, "0x"));
    const price = await own.classPrice(params.oracle).price();
    const assets = (((shares * price) / PRICE_SCALE) * BORROW_BPS) / 10_000n;
    await send(own.markets.borrow(params, assets, 0n, borrower.address, borrower.address));
    return `investor posts senior shares of ${dollars(shares)} and borrows ${dollars(assets)}`;
  };

  const repay = async (): Promise<string> => {
    const [borrower] = cast.investors as [Wallet];
    const own = as(borrower);
    const income = await own.markets.claimableIncome(params, borrower.address);
    const debt = await own.markets.position(params.id, borrower.address);
    if (debt.borrowShares === 0n) return "investor owes nothing";
    if (income > 0n) await send(own.markets.repayFromIncome(params, borrower.address));
    const { borrowShares } = await own.markets.position(params.id, borrower.address);
    const part = borrowShares / REPAY_PARTS;
    if (part > 0n) {
      const { totalBorrowAssets, totalBorrowShares } = await own.markets.market(params.id);
      await fund(context, borrower, addresses.markets, (part * totalBorrowAssets) / totalBorrowShares + 1_000_000n);
      await send(own.markets.repay(params, 0n, part, borrower.address, "0x"));
    }
    return `investor repays ${dollars(income)} from the income of the collateral, and a tenth of the rest`;
  };

  return {
    async payRent() {
      let isPaid = false;
      const leaseCount = await as(cast.keeper).leases.leaseCount();
      for (let leaseId = 1n; leaseId <= leaseCount; leaseId++) {
        const lessee = cast.lessees[Number(leaseId) - 1] as Wallet;
        const { leases } = as(lessee);
        const { terms, status } = await leases.lease(leaseId);
        const { settledCount, prepaidAssets, owedAssets } = status;
        for (let period = 0n; owedAssets > 0n && period < settledCount; period++) {
          const { assets: leftAssets, lateFeeAssets } = await leases.receivable(leaseId, period);
          if (leftAssets === 0n) continue;
          const assets = leftAssets + lateFeeAssets;
          await fund(context, lessee, addresses.leases, assets);
          await send(leases.pay(leaseId, period, assets));
          isPaid = true;
        }
        const isOver = settledCount === status.endCount;
        if (terms.baseRentAssets > prepaidAssets && !isOver) {
          const missing = terms.baseRentAssets - prepaidAssets;
          await fund(context, lessee, addresses.leases, missing);
          await send(leases.prepay(leaseId, missing));
        }
      }
      return isPaid;
    },
    async afterPayment(paymentIndex) {
      const [senior, residual] = place.classTokens as [string, string];
      const claimed = [];
      for (const investor of cast.investors) claimed.push(await claim(investor, senior));
      claimed.push(await claim(cast.equity, residual));
      const story = [`holders claim ${claimed.map(dollars).join(" + ")}`];
      story.push(paymentIndex === 0 ? await borrow() : await repay());
      return story;
    },
  };
}
