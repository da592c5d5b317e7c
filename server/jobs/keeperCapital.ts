import { explainRevert, send, type Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Acting, Apart } from "./acting.ts";

// What a keeper does for the vault and the markets, which anyone may: the vault's income is claimed and its queue paid;
// positions that owe too much are flagged, and liquidated as far as the keeper's own money goes.

type Place = Deployment["facilities"][number];
type MarketPlace = Place["markets"][number];

/** Blocks whose events are asked for at once; halved for a node that gives fewer. */
const MOST_BLOCKS = 10_000;

/** Claims what listed classes owe the vault, then pays who waits for money. */
export async function keepVault(
  contracts: Contracts,
  deployment: Deployment,
  act: Acting,
  apart: Apart,
): Promise<void> {
  const { vault } = contracts;
  const { vault: address } = deployment.addresses;
  for (const token of deployment.facilities.flatMap(({ classTokens }) => classTokens)) {
    const subject = `${token} for the vault`;
    await apart(subject, async () => {
      if ((await contracts.classToken(token).claimableAssets(address)) === 0n) return;
      if ((await tried(vault.claimIncome.staticCall(token))) === undefined) return;
      await act({ verb: "claim", subject }, () => send(vault.claimIncome(token)));
    });
  }
  await apart("requests of the vault", async () => {
    const filled = await tried(vault.fulfil.staticCall());
    if (filled === undefined || filled.shares === 0n) return;
    await act({ verb: "fulfil", subject: `request ${filled.requestId}` }, () => send(vault.fulfil()));
  });
}

/** Watches the borrowers of the deployment's markets; what was read of them is not read again. */
export function marketKeeper(contracts: Contracts, deployment: Deployment, keeper: string) {
  const borrowers = new Map<string, Set<string>>();
  let readUntil = deployment.startBlock - 1;
  let blockCount = MOST_BLOCKS;

  const readBorrowers = async () => {
    const { runner } = contracts.markets;
    const head = (await runner?.provider?.getBlockNumber()) ?? readUntil;
    while (readUntil < head) {
      const until = Math.min(readUntil + blockCount, head);
      try {
        const events = await contracts.markets.queryFilter(contracts.markets.filters.Borrow(), readUntil + 1, until);
        for (const { args } of events) {
          const known = borrowers.get(args.id) ?? new Set();
          borrowers.set(args.id, known.add(args.onBehalf));
        }
        readUntil = until;
      } catch (error) {
        if (blockCount === 1) throw error;
        blockCount >>= 1;
      }
    }
  };

  return async (act: Acting, apart: Apart): Promise<void> => {
    await readBorrowers();
    for (const place of deployment.facilities.flatMap(({ markets }) => markets)) {
      for (const borrower of borrowers.get(place.id) ?? []) {
        const subject = `${borrower} in market ${place.id}`;
        await apart(subject, () => watch(contracts, place, borrower, keeper, act));
      }
    }
  };
}

async function watch(
  contracts: Contracts,
  place: MarketPlace,
  borrower: string,
  keeper: string,
  act: Acting,
): Promise<void> {
  const { markets } = contracts;
  const params = { ...place, lltv: BigInt(place.lltv) };
  const { borrowShares } = await markets.position(place.id, borrower);
  if (borrowShares === 0n) return;
  const refusal = await refusalOf(markets.flag.staticCall(params, borrower));
  const subject = `${borrower} in market ${place.id}`;
  if (refusal === undefined) await act({ verb: "flag", subject }, () => send(markets.flag(params, borrower)));
  // Healthy, or without a price to act on.
  else if (refusal !== "Market_AlreadyFlagged") return;
  await liquidate(contracts, place, borrower, keeper, act);
}

/** Repays as much of the debt as the keeper has money for, where it may hold what it gets. */
async function liquidate(
  contracts: Contracts,
  place: MarketPlace,
  borrower: string,
  keeper: string,
  act: Acting,
): Promise<void> {
  const { markets } = contracts;
  const params = { ...place, lltv: BigInt(place.lltv) };
  const coin = contracts.classToken(place.loanToken); // its functions that are used are any ERC-20's
  const heldAssets = await coin.balanceOf(keeper);
  if (heldAssets === 0n || !(await contracts.classToken(place.collateralToken).canReceive(keeper))) return;
  const repayment = async () => {
    const { borrowShares } = await markets.position(place.id, borrower);
    const { totalBorrowAssets, totalBorrowShares } = await markets.market(place.id);
    // A thousandth more than was owed at the last accrual, for the blocks until the liquidation's own.
    const owedAssets = (borrowShares * totalBorrowAssets * 1001n) / (totalBorrowShares * 1000n) + 1n;
    if (owedAssets <= heldAssets) return { paidAssets: owedAssets, repaidShares: borrowShares };
    return { paidAssets: heldAssets, repaidShares: (borrowShares * heldAssets) / owedAssets };
  };
  if ((await repayment()).repaidShares === 0n) return;
  await act({ verb: "liquidate", subject: `${borrower} in market ${place.id}` }, async () => {
    await send(markets.accrueInterest(params)); // in a market that nobody used for long, much more is owed than stands there
    const { paidAssets, repaidShares } = await repayment();
    if (repaidShares === 0n) return;
    if ((await coin.allowance(keeper, await markets.getAddress())) < paidAssets)
      await send(coin.approve(await markets.getAddress(), paidAssets));
    await send(markets.liquidate(params, borrower, 0n, repaidShares, "0x"));
  });
}

/** What a call would give; undefined where the contract refuses it. */
async function tried<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (explainRevert(error) === undefined) throw error;
    return undefined;
  }
}

/** The name of the error that a call would end in; undefined where it would pass. */
async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    const refusal = error instanceof Refusal ? error : explainRevert(error);
    if (refusal === undefined) throw error;
    return refusal.code;
  }
}
