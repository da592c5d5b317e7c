import { isError, Transaction, type BaseWallet, type JsonRpcProvider, type TransactionReceipt } from "ethers";
import { setTimeout as sleep } from "node:timers/promises";

import type { Hex } from "../protocol/bytes.ts";
import { explainRevert } from "../protocol/contracts.ts";
import { Refusal } from "../protocol/refusal.ts";
import {
  enqueue,
  itemByKey,
  markFailed,
  markMined,
  markSent,
  noteError,
  openItems,
  requeueFrom,
  requeueLost,
  requeueUnsent,
  type OutboxRow,
} from "../plugins/outbox.ts";
import type { Store } from "../plugins/store.ts";

/** A call to be brought on-chain, once, under its key. */
export interface Outgoing {
  readonly kind: string;
  readonly key: string;
  readonly to: string;
  readonly data: string;
}

export interface Transmitter {
  /** Queues a call under its key (nothing happens when the key is known) and brings all that is open on-chain. */
  transmit(outgoing: Outgoing): Promise<TransactionReceipt>;
  /** Brings on-chain what an earlier run queued or sent and did not see mined. */
  resume(): Promise<void>;
}

const RECEIPT_WAIT_MS = 60_000;
const POLL_MS = 5;

/**
 * Sends from a durable outbox: signed bytes are stored before they leave, so a crash at any point leads to the same bytes
 * being sent again and to one effect.
 */
export function startTransmitter(
  store: Store,
  wallet: Pick<BaseWallet, "address" | "signTransaction">,
  provider: JsonRpcProvider,
): Transmitter {
  const sender = wallet.address as Hex;

  const receiptOf = async (hash: string): Promise<TransactionReceipt | null> => {
    for (let waitedMs = 0; waitedMs < RECEIPT_WAIT_MS; waitedMs += POLL_MS) {
      const receipt = await provider.getTransactionReceipt(hash);
      if (receipt !== null) return receipt;
      await sleep(POLL_MS);
    }
    return null;
  };

  const prepare = async (item: OutboxRow, nonce: bigint): Promise<SentRow> => {
    const { to, data } = item.request as { to: string; data: string };
    const [gas, fee, network] = await Promise.all([
      provider.estimateGas({ from: sender, to, data }),
      provider.getFeeData(),
      provider.getNetwork(),
    ]);
    const rawTx = (await wallet.signTransaction({
      ...{ type: 2, chainId: network.chainId, nonce: Number(nonce), to, data },
      gasLimit: (gas * 6n) / 5n,
      maxFeePerGas: fee.maxFeePerGas ?? 0n,
      maxPriorityFeePerGas: fee.maxPriorityFeePerGas ?? 0n,
    })) as Hex;
    const txHash = Transaction.from(rawTx).hash as Hex;
    await markSent(store.db, item.id, { nonce, rawTx, txHash });
    return { ...item, nonce, rawTx, txHash };
  };

  const sendRaw = async ({ rawTx }: SentRow) => {
    try {
      await provider.send("eth_sendRawTransaction", [rawTx]);
    } catch (error) {
      // The chain has these bytes already, from the run before; or another transaction has their nonce.
      const isKnown =
        isError(error, "NONCE_EXPIRED") || /already known|nonce too low|already imported/i.test(String(error));
      if (!isKnown) throw error;
    }
  };

  /** Brings one item on-chain; a refusal when it will never have its effect, undefined when it is to be signed anew. */
  const bring = async (item: OutboxRow, nextNonce: bigint): Promise<TransactionReceipt | Refusal | undefined> => {
    try {
      const sent = isSent(item) ? item : await prepare(item, nextNonce);
      let receipt = await provider.getTransactionReceipt(sent.txHash);
      // Its nonce is another's; or the blocks before it are gone, and with them what would have made room for it.
      if (receipt === null && nextNonce !== sent.nonce) {
        await requeueLost(store.db, item.id);
        return undefined;
      }
      if (receipt === null) {
        await sendRaw(sent);
        receipt = await receiptOf(sent.txHash);
      }
      if (receipt === null) {
        throw new Refusal("Outbox_NotMined", { key: item.key, txHash: sent.txHash, waitedMs: RECEIPT_WAIT_MS });
      }
      if (receipt.status !== 0) {
        await markMined(store.db, item.id, sent.txHash);
        return receipt;
      }
      const reverted = new Refusal("Outbox_Reverted", { key: item.key, txHash: sent.txHash });
      await markFailed(store.db, item.id, reverted.message);
      return reverted;
    } catch (error) {
      const refusal = explainRevert(error);
      await (refusal === undefined ? noteError : markFailed)(store.db, item.id, String(refusal ?? error));
      if (refusal === undefined) throw error;
      return refusal;
    }
  };

  // Oldest first. An item that fails for good is out of the way; what fails otherwise stops the queue.
  const bringAll = async (wanted?: string): Promise<TransactionReceipt | undefined> => {
    let receipt: TransactionReceipt | undefined;
    for (;;) {
      // One transaction is open at a time, so the chain's count is the next nonce; what the outbox believes mined beyond
      // it stood in blocks that are gone, and goes first again.
      const nextNonce = BigInt(await provider.getTransactionCount(sender, "latest"));
      await requeueFrom(store.db, sender, nextNonce);
      const [item] = await openItems(store.db, sender, 1);
      if (item === undefined) return receipt;
      const outcome = await bring(item, nextNonce);
      if (item.key !== wanted) continue;
      if (outcome instanceof Refusal) throw outcome;
      receipt = outcome ?? receipt;
    }
  };

  return {
    async transmit({ kind, key, to, data }) {
      const isNew = await enqueue(store.db, { kind, key, sender, request: { to, data } });
      // The chain refused it before it was sent, the state then being another: it may be right now.
      if (!isNew) await requeueUnsent(store.db, key);
      const receipt = await bringAll(key);
      if (receipt !== undefined) return receipt;
      const item = await itemByKey(store.db, key);
      if (item?.status !== "mined" || item.txHash === null) {
        throw new Refusal("Outbox_Failed", { key, error: item?.error ?? "never sent" });
      }
      const mined = await provider.getTransactionReceipt(item.txHash);
      if (mined !== null) return mined;
      // Its block is gone, and another transaction has its nonce.
      await requeueLost(store.db, item.id);
      const again = await bringAll(key);
      if (again === undefined) throw new Refusal("Outbox_Failed", { key, error: "not mined again" });
      return again;
    },
    async resume() {
      await bringAll();
    },
  };
}

type SentRow = OutboxRow & { readonly nonce: bigint; readonly rawTx: Hex; readonly txHash: Hex };

function isSent(item: OutboxRow): item is SentRow {
  return item.nonce !== null && item.rawTx !== null && item.txHash !== null;
}
