import { Refusal } from "../../../../server/protocol/refusal.ts";
import type { Action } from "../../../action.tsx";
import { approvalOf } from "../../../approval.ts";
import type { SharesTalk } from "./sharesTalk.tsx";

// What an investor does with shares of a class: each as one action with the preview of all it changes.

/** A class of a facility, as its actions need it. */
export interface ClassPlace {
  facility: string;
  asset: string;
  classIndex: number;
  token: string;
  symbol: string;
}

/** Subscribes `assets` to a class that raises. */
export function subscribeAction(place: ClassPlace, assets: bigint, talk: SharesTalk): Action {
  const { words, field, coin, amount, part } = talk;
  const { facility, classIndex, symbol } = place;
  return {
    title: words.subscribeTitle(symbol),
    async plan(chain) {
      const { account, contracts } = chain;
      const [money, shares] = [contracts.classToken(place.asset), contracts.classToken(place.token)];
      const [book, cashAssets, heldShares, mayReceive] = await Promise.all([
        contracts.facility(facility).classAt(classIndex),
        money.balanceOf(account),
        shares.balanceOf(account),
        shares.canReceive(account),
      ]);
      const openAssets = book.terms.targetAssets - book.raisedAssets;
      if (!mayReceive) throw new Refusal("ERC7943CannotReceive", { account });
      if (assets > openAssets) throw new Refusal("Facility_OverTarget", { classIndex, assets, openAssets });
      if (assets > cashAssets) throw new Refusal("Wallet_NotEnough", { askedUnits: assets, heldUnits: cashAssets });
      const label = field.allow(field.theFacility, coin.unit);
      const approvals = await approvalOf(chain, { token: place.asset, spender: facility, units: assets, label });
      // Without an approval to wait for, the contract itself says what else it would refuse.
      if (approvals.length === 0) await contracts.facility(facility).subscribe.staticCall(classIndex, assets);
      const raisedAssets = book.raisedAssets + assets;
      return {
        effects: [
          {
            label: field.inWallet(coin.unit),
            before: amount(cashAssets, coin.unit),
            after: amount(cashAssets - assets, coin.unit),
          },
          {
            label: field.yourShares(symbol),
            before: amount(heldShares, symbol),
            after: amount(heldShares + assets, symbol),
          },
          { label: words.raised, before: amount(book.raisedAssets, coin.unit), after: amount(raisedAssets, coin.unit) },
          {
            label: words.part,
            before: part(heldShares, book.raisedAssets),
            after: part(heldShares + assets, raisedAssets),
          },
        ],
        steps: [
          ...approvals,
          { label: words.subscribe, run: (now) => now.contracts.facility(facility).subscribe(classIndex, assets) },
        ],
      };
    },
  };
}

/** Claims all that a class owes the account. */
export function claimAction({ asset, token, symbol }: ClassPlace, talk: SharesTalk): Action {
  const { words, field, coin, amount } = talk;
  return {
    title: words.claimTitle(symbol),
    async plan({ account, contracts }) {
      const [assets, cashAssets] = await Promise.all([
        contracts.classToken(token).claim.staticCall(account),
        contracts.classToken(asset).balanceOf(account),
      ]);
      return {
        effects: [
          { label: words.claimable, before: amount(assets, coin.unit), after: amount(0n, coin.unit) },
          {
            label: field.inWallet(coin.unit),
            before: amount(cashAssets, coin.unit),
            after: amount(cashAssets + assets, coin.unit),
          },
        ],
        steps: [{ label: words.claim, run: (chain) => chain.contracts.classToken(token).claim(account) }],
      };
    },
  };
}

/** Sends shares to another account. */
export function transferAction({ token, symbol }: ClassPlace, to: string, shares: bigint, talk: SharesTalk): Action {
  const { words, field, coin, amount } = talk;
  return {
    title: words.transferTitle(symbol),
    async plan({ account, contracts }) {
      const held = contracts.classToken(token);
      await held.transfer.staticCall(to, shares);
      const [ownShares, theirShares, claimableAssets] = await Promise.all([
        held.balanceOf(account),
        held.balanceOf(to),
        held.claimableAssets(account),
      ]);
      return {
        effects: [
          {
            label: field.yourShares(symbol),
            before: amount(ownShares, symbol),
            after: amount(ownShares - shares, symbol),
          },
          {
            label: words.theirShares,
            before: amount(theirShares, symbol),
            after: amount(theirShares + shares, symbol),
          },
          {
            label: words.staysClaimable,
            before: amount(claimableAssets, coin.unit),
            after: amount(claimableAssets, coin.unit),
          },
        ],
        steps: [{ label: words.transfer, run: (chain) => chain.contracts.classToken(token).transfer(to, shares) }],
        warnings: [words.cannotUndo],
      };
    },
  };
}

/** Takes back what was subscribed in a raise that failed. */
export function refundAction(facility: string, asset: string, talk: SharesTalk): Action {
  const { words, field, coin, amount } = talk;
  return {
    title: words.refundTitle,
    async plan({ account, contracts }) {
      const [assets, cashAssets] = await Promise.all([
        contracts.facility(facility).refund.staticCall(account),
        contracts.classToken(asset).balanceOf(account),
      ]);
      return {
        effects: [
          {
            label: field.inWallet(coin.unit),
            before: amount(cashAssets, coin.unit),
            after: amount(cashAssets + assets, coin.unit),
          },
        ],
        steps: [{ label: words.refund, run: (chain) => chain.contracts.facility(facility).refund(account) }],
      };
    },
  };
}
