import { useMemo, type ReactNode } from "react";
import type { Vault } from "../../../server/protocol/apiExchange.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import type { Action } from "../../action.tsx";
import { approvalOf } from "../../approval.ts";
import type { Chain } from "../../chain.ts";
import { useCoins } from "../../coins.ts";
import type { MoneyUnit } from "../../components/Money.tsx";
import { Amount } from "../../components/Amount.tsx";
import { When } from "../../components/When.tsx";
import { useWords } from "../../language.tsx";
import { fieldWords } from "../../words/field.ts";
import { vaultWords } from "../../words/vault.ts";

// What an account does with the vault: each as one action with the preview of all it changes.

/** What the vault's components and actions speak with. */
export interface VaultTalk {
  words: (typeof vaultWords)["en"];
  field: (typeof fieldWords)["en"];
  coin: MoneyUnit;
  vault: Vault;
  cash: (assets: bigint) => ReactNode;
  shares: (shares: bigint) => ReactNode;
}

/** The talk of a vault. */
export function useVaultTalk(vault: Vault): VaultTalk {
  const words = useWords(vaultWords) as VaultTalk["words"];
  const field = useWords(fieldWords) as VaultTalk["field"];
  const coin = useCoins().coinOf(vault.asset);
  return useMemo(
    () => ({
      ...{ words, field, coin, vault },
      cash: (assets) => <Amount assets={assets} decimalCount={coin.decimalCount} unit={coin.unit} />,
      shares: (shares) => <Amount assets={shares} decimalCount={vault.shareDecimalCount} unit={vault.symbol} />,
    }),
    [words, field, coin, vault],
  );
}

/** A request of an account for redemption. */
export interface OwnRequest {
  requestId: bigint;
  pendingShares: bigint;
  claimableShares: bigint;
  cancelledShares: bigint;
}

/** What an account has in the vault and beside it. */
export interface OwnVault {
  cashAssets: bigint;
  shares: bigint;
  worthAssets: bigint;
  claimableShares: bigint;
  claimableAssets: bigint;
  requests: OwnRequest[];
}

/** The account's own, at the newest block. */
export async function ownVault({ contracts, account }: Chain, { asset }: Vault): Promise<OwnVault> {
  const { vault } = contracts;
  const [cashAssets, shares, claimableShares, claimableAssets, requestIds] = await Promise.all([
    contracts.classToken(asset).balanceOf(account),
    vault.balanceOf(account),
    vault.maxRedeem(account),
    vault.maxWithdraw(account),
    vault.requestIds(account),
  ]);
  const requests = requestIds.map(async (requestId): Promise<OwnRequest> => {
    const [pendingShares, filledShares, cancelledShares] = await Promise.all([
      vault.pendingRedeemRequest(requestId, account),
      vault.claimableRedeemRequest(requestId, account),
      vault.claimableCancelRedeemRequest(requestId, account),
    ]);
    return { requestId, pendingShares, claimableShares: filledShares, cancelledShares };
  });
  return {
    ...{ cashAssets, shares, claimableShares, claimableAssets },
    worthAssets: await vault.convertToAssets(shares),
    requests: await Promise.all(requests),
  };
}

/** Deposits assets at the entry price. */
export function depositAction(assets: bigint, talk: VaultTalk): Action {
  const { words, field, coin, vault: facts, cash, shares } = talk;
  return {
    title: words.depositTitle,
    async plan(chain) {
      const { account, contracts, addresses } = chain;
      const { vault } = contracts;
      const [own, maxAssets, newShares, isPaused] = await Promise.all([
        ownVault(chain, facts),
        vault.maxDeposit(account),
        vault.previewDeposit(assets),
        vault.isPaused(),
      ]);
      if (isPaused) throw new Refusal("Vault_Paused", {});
      if (assets > maxAssets) throw new Refusal("ERC4626ExceededMaxDeposit", { receiver: account, assets, maxAssets });
      if (assets > own.cashAssets)
        throw new Refusal("Wallet_NotEnough", { askedUnits: assets, heldUnits: own.cashAssets });
      const label = field.allow(field.theVault, coin.unit);
      const approvals = await approvalOf(chain, { token: facts.asset, spender: addresses.vault, units: assets, label });
      if (approvals.length === 0) await vault.deposit.staticCall(assets, account);
      const worthAssets = await vault.convertToAssets(own.shares + newShares);
      return {
        effects: [
          { label: field.inWallet(coin.unit), before: cash(own.cashAssets), after: cash(own.cashAssets - assets) },
          { label: field.yourShares(facts.symbol), before: shares(own.shares), after: shares(own.shares + newShares) },
          { label: words.ownWorth, before: cash(own.worthAssets), after: cash(worthAssets) },
        ],
        steps: [...approvals, { label: words.deposit, run: (now) => now.contracts.vault.deposit(assets, account) }],
        ...(worthAssets - own.worthAssets < assets ? { warnings: [words.lossNote] } : {}),
      };
    },
  };
}

/** Puts shares into the queue. */
export function requestAction(asked: bigint, talk: VaultTalk): Action {
  const { words, field, vault: facts, cash, shares } = talk;
  return {
    title: words.redeemTitle,
    async plan(chain) {
      const { account, contracts } = chain;
      const { vault } = contracts;
      const [own, requestId, pendingShares, worthAssets, block] = await Promise.all([
        ownVault(chain, facts),
        vault.requestRedeem.staticCall(asked, account, account),
        vault.pendingShares(),
        vault.convertToAssets(asked),
        chain.provider.getBlock("latest"),
      ]);
      const { openedAt, requestedShares } = await vault.batch(requestId);
      const firstAt = requestedShares === 0n ? BigInt(block?.timestamp ?? 0) : openedAt;
      const ownPending = own.requests.reduce((sum, request) => sum + request.pendingShares, 0n);
      return {
        effects: [
          { label: field.yourShares(facts.symbol), before: shares(own.shares), after: shares(own.shares - asked) },
          { label: words.inWaiting, before: shares(ownPending), after: shares(ownPending + asked) },
          { label: words.ahead, before: shares(pendingShares), after: shares(pendingShares + asked) },
          { label: words.worthAtExit, after: cash(worthAssets) },
          { label: words.fillableFrom, after: <When at={firstAt + OPEN_SEC} /> },
        ],
        steps: [{ label: words.redeem, run: (now) => now.contracts.vault.requestRedeem(asked, account, account) }],
        warnings: [words.estimateNote],
      };
    },
  };
}

/** How long a batch takes requests before it can be filled (contracts/vault/Redemptions.sol). */
const OPEN_SEC = 3600n;

/** Takes what filled requests are worth. */
export function claimAction(talk: VaultTalk): Action {
  const { words, field, coin, vault: facts, cash, shares } = talk;
  return {
    title: words.claimTitle,
    async plan(chain) {
      const { account, contracts } = chain;
      const own = await ownVault(chain, facts);
      const assets = await contracts.vault.redeem.staticCall(own.claimableShares, account, account);
      return {
        effects: [
          { label: words.claimable, before: shares(own.claimableShares), after: shares(0n) },
          { label: field.inWallet(coin.unit), before: cash(own.cashAssets), after: cash(own.cashAssets + assets) },
        ],
        steps: [
          {
            label: words.claim,
            run: (now) => now.contracts.vault.redeem(own.claimableShares, account, account),
          },
        ],
      };
    },
  };
}

/** Takes the waiting part of a request back: out of the queue, and to the wallet. */
export function cancelAction({ requestId }: OwnRequest, talk: VaultTalk): Action {
  const { words, field, vault: facts, shares } = talk;
  return {
    title: words.cancelTitle,
    async plan(chain) {
      const { account, contracts } = chain;
      const own = await ownVault(chain, facts);
      const request = own.requests.find((one) => one.requestId === requestId);
      const pending = request?.pendingShares ?? 0n;
      const back = pending + (request?.cancelledShares ?? 0n);
      if (pending > 0n) await contracts.vault.cancelRedeemRequest.staticCall(requestId, account);
      return {
        effects: [
          { label: words.inWaiting, before: shares(pending), after: shares(0n) },
          { label: field.yourShares(facts.symbol), before: shares(own.shares), after: shares(own.shares + back) },
        ],
        steps: [
          ...(pending > 0n
            ? [
                {
                  label: words.cancel,
                  run: (now: Chain) => now.contracts.vault.cancelRedeemRequest(requestId, account),
                },
              ]
            : []),
          {
            label: words.takeBack,
            run: (now) => now.contracts.vault.claimCancelRedeemRequest(requestId, account, account),
          },
        ],
      };
    },
  };
}
