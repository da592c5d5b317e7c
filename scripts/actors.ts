import { ZeroHash, type Block, type JsonRpcProvider, type Wallet } from "ethers";

import { contractsAt, send, sendAppraisal } from "../server/protocol/contracts.ts";
import type { Deployment } from "../server/protocol/deployment.ts";
import { signOrder, type Order } from "../server/protocol/order.ts";
import { domainOf } from "../server/protocol/typed.ts";
import type { FleetLot } from "./fleet.ts";
import { fixDay } from "./quotes.ts";
import type { World } from "./world.ts";
import { fund } from "./seed.ts";
import { dollars } from "./statement.ts";

/** What lessees, investors and the lender do of their own accord while months go by. */
export interface Actors {
  /** Lessees pay what they are invoiced, and the first one prepays its next month; whether anything was paid. */
  payRent(): Promise<boolean>;
  /** At the end of a day: publishers say what it cost; on the eve of a payment date the saver asks for money back. */
  endDay(at: number): Promise<void>;
  /**
   * After a payment date: holders claim, the vault pays who waits; the first investor borrows once, then pays back from
   * income and pocket, and the second once sells to the vault.
   */
  afterPayment(paymentIndex: number): Promise<string[]>;
}

// Of the value of the collateral: well under the liquidation loan-to-value of 77 %.
const BORROW_BPS = 5_000n;
const REPAY_PARTS = 10n;
const BPS = 10_000n;
const DAY_SEC = 86_400;
/** Of what the saver has, asked back each month; of what the second investor has, sold once, and at which price. */
const [REDEEM_BPS, SALE_BPS, PRICE_BPS, ACCRUED_BPS] = [500n, 500n, 9_950n, 100n];
const PRICE_SCALE = 10n ** 36n;

export function actorsOf(world: World, fleet: readonly FleetLot[], provider: JsonRpcProvider): Actors {
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
    await sendAppraisal(as(cast.keeper).valuation, place.address, lotIds);
  };

  const borrow = async (): Promise<string> => {
    const [borrower] = cast.investors as [Wallet];
    const own = as(borrower);
    const [token] = place.classTokens as [string];
    const shares = (await own.classToken(token).balanceOf(borrower.address)) / 2n;
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

  /** The second investor's signed order, which the vault's allocator fills. */
  const trade = async (): Promise<string> => {
    const seller = cast.investors[1] as Wallet;
    const [shareToken] = place.classTokens as [string];
    const own = as(seller);
    const { timestamp } = (await provider.getBlock("latest")) as Block;
    const shares = ((await own.classToken(shareToken).balanceOf(seller.address)) * SALE_BPS) / BPS;
    const order: Order = {
      ...{ maker: seller.address, taker: addresses.vault, shareToken, asset: addresses.asset, isSell: true },
      ...{ shares, assets: (shares * PRICE_BPS) / BPS, maxAccruedAssets: (shares * ACCRUED_BPS) / BPS },
      ...{ maxFeeBps: 0n, expiresAt: BigInt(timestamp + DAY_SEC), nonce: await own.exchange.minNonce(seller.address) },
      salt: ZeroHash,
    };
    await send(own.classToken(shareToken).approve(addresses.exchange, shares));
    const signature = await signOrder(seller, domainOf(await own.exchange.eip712Domain()), order);
    const { priceAssets, accruedAssets } = await own.exchange.quote(order, shares);
    const paidAssets = priceAssets + accruedAssets;
    await send(as(cast.offices.ALLOCATOR).vault.buy(order, signature, shares, paidAssets));
    return `investor sells senior shares of ${dollars(shares)} to the vault for ${dollars(paidAssets)}`;
  };

  /** The vault's own share of a payment, and what of it the saver waits for. */
  const redeem = async (): Promise<string> => {
    const { vault } = as(cast.saver);
    await send(as(cast.keeper).vault.fulfil());
    const shares = await vault.maxRedeem(cast.saver.address);
    const coin = as(cast.saver).classToken(addresses.asset);
    const before = await coin.balanceOf(cast.saver.address);
    await send(vault.redeem(shares, cast.saver.address, cast.saver.address));
    const assets = (await coin.balanceOf(cast.saver.address)) - before;
    return `vault pays its saver ${dollars(assets)} for shares asked back`;
  };

  return {
    async endDay(at) {
      const keeper = as(cast.keeper);
      await fixDay(keeper.computeIndex, cast.publishers, fleet, at - (at % DAY_SEC) - DAY_SEC);
      const leftSec = Number(await keeper.facility(place.address).nextPaymentAt()) - at;
      if (leftSec < 0 || leftSec >= DAY_SEC) return;
      const { vault } = as(cast.saver);
      const shares = ((await vault.balanceOf(cast.saver.address)) * REDEEM_BPS) / BPS;
      await send(vault.requestRedeem(shares, cast.saver.address, cast.saver.address));
    },
    async payRent() {
      let isPaid = false;
      const leaseCount = await as(cast.keeper).leases.leaseCount();
      for (let leaseId = 1n; leaseId <= leaseCount; leaseId++) {
        const { terms, status } = await as(cast.keeper).leases.lease(leaseId);
        const lessee = cast.lessees.find(({ address }) => address === terms.lessee);
        if (lessee === undefined) continue; // somebody's who is none of the cast
        const { leases } = as(lessee);
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
      const income = await as(cast.keeper).classToken(senior).claimableAssets(addresses.vault);
      await send(as(cast.keeper).vault.claimIncome(senior));
      const story = [`holders claim ${claimed.map(dollars).join(" + ")}, the vault ${dollars(income)}`];
      await appraise();
      if (paymentIndex === 0) story.push(await trade());
      story.push(await redeem());
      story.push(paymentIndex === 0 ? await borrow() : await repay());
      return story;
    },
  };
}
