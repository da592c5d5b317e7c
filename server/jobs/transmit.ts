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
export function startTransmitter(store: Store, wallet: BaseWallet, provider: JsonRpcProvider): Transmitter {
  const sender = wallet.address as Hex;

  const receiptOf = async (hash: string): Promise<TransactionReceipt | null> => {
    for (let waitedMs = 0; waitedMs < RECEIPT_WAIT_MS; waitedMs += POLL_MS) {
      const receipt = await provider.getTransactionReceipt(hash);
      if (receipt !== null) return receipt;
      await sleep(POLL_MS);
    }
    return null;
  };

  const prepare = async (item: OutboxRow): Promise<{ rawTx: Hex; txHash: Hex }> => {
    const { to, data } = item.request as { to: string; data: string };
    const [gas, fee, network, onChain] = await Promise.all([
      provider.estimateGas({ from: sender, to, data }),
      provider.getFeeData(),
      provider.getNetwork(),
      provider.getTransactionCount(sender, "latest"),
    ]);
    // One transaction is open at a time, so the chain's count is the next nonce; what the outbox believes mined beyond
    // it stood in blocks that are gone.
    const nonce = item.nonce ?? BigInt(onChain);
    await requeueFrom(store.db, sender, nonce);
    const rawTx = (await wallet.signTransaction({
      ...{ type: 2, chainId: network.chainId, nonce: Number(nonce), to, data },
      gasLimit: (gas * 6n) / 5n,
      maxFeePerGas: fee.maxFeePerGas ?? 0n,
      maxPriorityFeePerGas: fee.maxPriorityFeePerGas ?? 0n,
    })) as Hex;
    const txHash = Transaction.from(rawTx).hash as Hex;
    await markSent(store.db, item.id, { nonce, rawTx, txHash });
    return { rawTx, txHash };
  };

  const sendRaw = async (rawTx: string) => {
    try {
      await provider.send("eth_sendRawTransaction", [rawTx]);
    } catch (error) {
      // The chain has these bytes already, from the run before.
      const isKnown =
        isError(error, "NONCE_EXPIRED") || /already known|nonce too low|already imported/i.test(String(error));
      if (!isKnown) throw error;
    }
  };

  const bring = async (item: OutboxRow): Promise<TransactionReceipt> => {
    try {
      const known =
        item.rawTx !== null && item.txHash !== null ? { rawTx: item.rawTx, txHash: item.txHash } : undefined;
      const mined = known === undefined ? null : await provider.getTransactionReceipt(known.txHash);
      const { rawTx, txHash } = known ?? (await prepare(item));
      if (mined === null) await sendRaw(rawTx);
      const receipt = mined ?? (await receiptOf(txHash));
      if (receipt === null) {
        throw new Refusal("Outbox_NotMined", { key: item.key, txHash, waitedMs: RECEIPT_WAIT_MS });
      }
      if (receipt.status === 0) throw new Refusal("Outbox_Reverted", { key: item.key, txHash });
      await markMined(store.db, item.id, txHash);
      return receipt;
    } catch (error) {
      const refusal = explainRevert(error);
      const cause = refusal ?? error;
      const isFinal = refusal !== undefined || (error instanceof Refusal && error.code === "Outbox_Reverted");
      await (isFinal ? markFailed : noteError)(store.db, item.id, String(cause));
      throw cause;
    }
  };

  // Oldest first. An item that fails for good is out of the way; what fails otherwise stops the queue.
  const bringAll = async (wanted?: string): Promise<TransactionReceipt | undefined> => {
    let receipt: TransactionReceipt | undefined;
    for (;;) {
      const [item] = await openItems(store.db, sender, 1);
      if (item === undefined) return receipt;
      try {
        const mined = await bring(item);
        if (item.key === wanted) receipt = mined;
      } catch (error) {
        if (item.key === wanted || !(error instanceof Refusal)) throw error;
      }
    }
  };

  return {
    async transmit({ kind, key, to, data }) {
      await enqueue(store.db, { kind, key, sender, request: { to, data } });
      const receipt = await bringAll(key);
      if (receipt !== undefined) return receipt;
      const item = await itemByKey(store.db, key);
      const txHash = item?.txHash ?? null;
      const mined = txHash === null ? null : await provider.getTransactionReceipt(txHash);
      if (mined !== null) return mined;
      if (item?.status !== "mined") throw new Refusal("Outbox_Failed", { key, error: item?.error ?? "never sent" });
      // It was mined in a block that is gone.
      await requeueFrom(store.db, sender, item.nonce ?? 0n);
      const again = await bringAll(key);
      if (again === undefined) throw new Refusal("Outbox_Failed", { key, error: "not mined again" });
      return again;
    },
    async resume() {
      await bringAll();
    },
  };
}
