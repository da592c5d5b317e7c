import { setTimeout as sleep } from "node:timers/promises";

import { Transaction, isError, type JsonRpcProvider, type TransactionLike, type TransactionReceipt } from "ethers";

import { messageOf } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import { explainRevert } from "../protocol/contracts.ts";
import { Refusal } from "../protocol/refusal.ts";
import { receiptAmong } from "../plugins/chain.ts";
import type { Lock } from "../plugins/db.ts";
import * as outbox from "../plugins/outbox.ts";
import type { OutboxRow, OutboxVersion } from "../plugins/outbox.ts";
import type { Store } from "../plugins/store.ts";
import { eip1559, feesOf, firstFees, raisedFees, type Fees } from "./fees.ts";

// Sends from a durable outbox. Signed bytes are stored before they leave, one nonce belongs to one transaction for as long as
// any of its versions could be mined, and every step can be done again: so a crash, a re-org or a second process at any
// point leads to one effect.

/** A call to be brought on-chain, once, under its key. */
export interface Outgoing {
  readonly kind: string;
  readonly key: string;
  readonly to: string;
  readonly data: string;
}

/** The gas key: ethers' Wallet and keys/gasSigner.ts are such. */
export interface Sender {
  readonly address: string;
  signTransaction(transaction: TransactionLike): Promise<string>;
}

export interface TransmitOptions {
  /** Blocks, its own counted, that a transaction's block must have on it to be done. */
  readonly confirmationCount: number;
  /** A transaction that is not mined for so long is offered again with higher fees. */
  readonly bumpAfterMs: number;
  /** How often what is not mined is offered again as it is: pools forget. */
  readonly resendMs: number;
  /** The highest fee that is ever offered for a unit of gas. */
  readonly maxFeePerGasWei: bigint;
  /** How long `transmit` waits for a block. */
  readonly waitMs: number;
  /** Whether the chain shows a call's effect as of a block, whoever brought it there. */
  readonly isEffective: (outgoing: Outgoing, blockNumber: number) => Promise<boolean>;
  readonly log: (line: string) => void;
}

export interface Transmitter {
  /**
   * Queues a call under its key (nothing happens when the key is known), brings all that is open on-chain, and gives the
   * receipt once the call is in a block; `Outbox_DoneElsewhere` where another transaction had its effect.
   */
  transmit(outgoing: Outgoing): Promise<TransactionReceipt>;
  /** Brings on-chain what an earlier run queued or sent and did not see mined. */
  resume(): Promise<void>;
  /** One round over all that is not done; false where another process leads. */
  pass(): Promise<boolean>;
  /** Goes on by itself, and keeps the lead, until `stop`. */
  start(everyMs: number): void;
  stop(): Promise<void>;
}

const DEFAULTS: TransmitOptions = {
  ...{ confirmationCount: 1, bumpAfterMs: 60_000, resendMs: 2_000, maxFeePerGasWei: 500n * 10n ** 9n, waitMs: 60_000 },
  isEffective: () => Promise.resolve(false),
  log: () => undefined,
};
const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 1_000;
const GAP = "gap";

/** What a node says of bytes that it has, or of a nonce that is taken: the receipts tell which. */
const KNOWN = /already known|nonce too low|already imported|nonce has already been used/i;
const TOO_CHEAP = /underpriced|less than block base fee|lower than the (current )?base fee|fee too low/i;

/** Sends with one key. Of several processes with that key on one database, one leads and the others wait for the lead. */
export function startTransmitter(
  store: Store,
  wallet: Sender,
  provider: JsonRpcProvider,
  given: Partial<TransmitOptions> = {},
): Transmitter {
  const options = { ...DEFAULTS, ...given };
  const { db } = store;
  const sender = wallet.address.toLowerCase() as Hex;
  const refusals = new Map<string, Refusal>();
  const sentAtMs = new Map<Hex, number>();
  const tooCheap = new Set<Hex>();
  let lock: Lock | undefined;
  let loop: Promise<void> | undefined;
  let isStopping = false;

  const leads = async (): Promise<boolean> => {
    if (lock !== undefined && (await lock.isHeld())) return true;
    await lock?.release();
    lock = await store.tryLock(`rackbond sender ${sender}`);
    return lock !== undefined;
  };

  const signAndStore = async (item: OutboxRow, transaction: TransactionLike): Promise<OutboxVersion> => {
    const rawTx = (await wallet.signTransaction(transaction)) as Hex;
    const txHash = Transaction.from(rawTx).hash as Hex;
    const nonce = BigInt(transaction.nonce ?? 0);
    await outbox.markSent(db, item.id, { nonce, rawTx, txHash });
    return { itemId: item.id, txHash, nonce, rawTx, ageMs: 0 };
  };

  const send = async ({ rawTx, txHash }: OutboxVersion): Promise<void> => {
    sentAtMs.set(txHash, Date.now());
    try {
      await provider.send("eth_sendRawTransaction", [rawTx]);
    } catch (error) {
      if (TOO_CHEAP.test(String(error))) tooCheap.add(txHash);
      else if (!KNOWN.test(String(error))) throw error;
    }
  };

  const suggestion = async (): Promise<{ fees: Fees; baseFeeWei: bigint }> => {
    const [fee, block] = await Promise.all([provider.getFeeData(), provider.getBlock("latest")]);
    const priorityFeePerGasWei = fee.maxPriorityFeePerGas ?? 0n;
    const baseFeeWei = block?.baseFeePerGas ?? 0n;
    return { fees: { maxFeePerGasWei: fee.maxFeePerGas ?? 2n * baseFeeWei, priorityFeePerGasWei }, baseFeeWei };
  };

  /** Signs a queued call under the next nonce and sends it, unless the chain refuses it or the fees are above the cap. */
  const begin = async (item: OutboxRow, nonce: bigint): Promise<void> => {
    const { to, data } = item.request as { to: string; data: string };
    const gas = await provider.estimateGas({ from: sender, to, data }).catch((error: unknown) => {
      if (!isError(error, "CALL_EXCEPTION")) throw error;
      return explainRevert(error) ?? new Refusal("Outbox_Refused", { key: item.key, reason: error.shortMessage });
    });
    if (gas instanceof Refusal) {
      await end(item, gas);
      return;
    }
    const { fees: suggested, baseFeeWei } = await suggestion();
    const fees = firstFees(suggested, baseFeeWei, options.maxFeePerGasWei);
    if (fees === undefined) {
      await outbox.noteError(db, item.id, `the base fee of ${baseFeeWei} wei is above the cap`);
      return;
    }
    const { chainId } = await provider.getNetwork();
    const call = { type: 2, chainId, nonce: Number(nonce), to, data, gasLimit: (gas * 6n) / 5n };
    await send(await signAndStore(item, { ...call, ...eip1559(fees) }));
  };

  /** The newest block that counts as there for good. */
  const settledNumberOf = (headNumber: number) => Math.max(headNumber - options.confirmationCount + 1, 0);

  /** Whether another's transaction has the effect: for good, or in a block that may yet be gone. */
  const effectOf = async (item: OutboxRow): Promise<"settled" | "shown" | "none"> => {
    const outgoing = outgoingOf(item);
    const headNumber = await provider.getBlockNumber();
    if (await options.isEffective(outgoing, settledNumberOf(headNumber))) return "settled";
    return (await options.isEffective(outgoing, headNumber)) ? "shown" : "none";
  };

  /** It will not have its effect by itself: done where another's has it, open until that is for good. */
  const endElsewhere = async (item: OutboxRow, otherwise: () => Promise<void>): Promise<void> => {
    const effect = await effectOf(item);
    if (effect === "settled") await outbox.markDone(db, item.id, null);
    else if (effect === "shown") await outbox.noteError(db, item.id, "another's has its effect, not deep yet");
    else await otherwise();
  };

  const end = (item: OutboxRow, refusal: Refusal, txHash?: Hex): Promise<void> =>
    endElsewhere(item, async () => {
      refusals.set(item.key, refusal);
      await outbox.markFailed(db, item.id, refusal.message, txHash);
    });

  /** Sends the newest version again, or a dearer one where it is not taken up. */
  const push = async (item: OutboxRow, newest: OutboxVersion): Promise<void> => {
    if (newest.ageMs >= options.bumpAfterMs || tooCheap.has(newest.txHash)) {
      const last = Transaction.from(newest.rawTx);
      const { fees: suggested } = await suggestion();
      const fees = raisedFees(feesOf(last), suggested, options.maxFeePerGasWei);
      if (fees !== undefined) {
        const { chainId, nonce, to, data, gasLimit, value } = last;
        const call = { type: 2, chainId, nonce, to, data, gasLimit, value };
        const version = await signAndStore(item, { ...call, ...eip1559(fees) });
        options.log(`${item.key}: not mined for ${Math.round(newest.ageMs)} ms, sent again with higher fees`);
        await send(version);
        return;
      }
      await outbox.noteError(db, item.id, "its fees can be raised no further under the cap");
    }
    if (Date.now() - (sentAtMs.get(newest.txHash) ?? 0) >= options.resendMs) await send(newest);
  };

  const follow = async (item: OutboxRow, headNumber: number, nextNonce: bigint): Promise<void> => {
    const versions = await outbox.versionsOf(db, item.id);
    const hashes = versions.map(({ txHash }) => txHash);
    const nonce = item.nonce as bigint;
    let receipt = await receiptAmong(provider, hashes);
    if (receipt === undefined && nonce < nextNonce) {
      // Another has the nonce: for good once its block is deep. Asked in this order, a version mined meanwhile is seen.
      const settledNonce = await provider.getTransactionCount(sender, settledNumberOf(headNumber));
      receipt = await receiptAmong(provider, hashes);
      if (receipt === undefined && nonce < settledNonce) {
        if (item.kind === GAP) await outbox.markDone(db, item.id, null);
        else await endElsewhere(item, () => outbox.requeueLost(db, item.id));
        return;
      }
    }
    if (receipt === undefined) {
      if (item.status === "mined") {
        await outbox.reopen(db, item.id);
        for (const { txHash } of versions) sentAtMs.delete(txHash);
      }
      const newest = versions.find((version) => version.nonce === nonce);
      if (nonce === nextNonce && newest !== undefined) await push(item, newest);
      return;
    }
    const txHash = receipt.hash as Hex;
    const isDeep = headNumber - receipt.blockNumber + 1 >= options.confirmationCount;
    if (receipt.status === 0) {
      if (isDeep) await end(item, new Refusal("Outbox_Reverted", { key: item.key, txHash }), txHash);
    } else if (isDeep) await outbox.markDone(db, item.id, txHash);
    else if (item.status !== "mined" || item.txHash !== txHash) await outbox.markMined(db, item.id, txHash);
  };

  /** Nothing of ours has these nonces, and what has later ones waits for them: an empty transfer to oneself takes each. */
  const fillGaps = async (open: readonly OutboxRow[], nextNonce: bigint): Promise<void> => {
    const taken = new Set(open.map(({ nonce }) => nonce));
    const last = open.at(-1)?.nonce ?? nextNonce;
    const empty = { to: wallet.address, data: "0x" };
    for (let nonce = nextNonce; nonce < last; nonce++) {
      if (taken.has(nonce)) continue;
      const key = `${GAP}/${sender}/${nonce}`;
      options.log(`the nonce ${nonce} is nobody's and later ones wait for it: an empty transaction takes it`);
      await outbox.enqueue(db, { kind: GAP, key, sender, request: empty });
      const item = await outbox.itemByKey(db, key);
      if (item?.status === "queued") await begin(item, nonce);
    }
  };

  const round = async (): Promise<boolean> => {
    if (!(await leads())) return false;
    for (;;) {
      const headNumber = await provider.getBlockNumber();
      const nextNonce = BigInt(await provider.getTransactionCount(sender, "latest"));
      for (const txHash of await outbox.reopenFrom(db, sender, nextNonce)) sentAtMs.delete(txHash);
      for (const item of await outbox.sentItems(db, sender))
        await attempt(item, () => follow(item, headNumber, nextNonce));
      const open = await outbox.sentItems(db, sender);
      await fillGaps(open, nextNonce);
      // One at a time is under way: what comes next is judged on the state that it leaves.
      if (open.some(({ status }) => status === "sent")) return true;
      const [item] = await outbox.queuedItems(db, sender, 1);
      if (item === undefined) return true;
      const highest = open.at(-1)?.nonce ?? -1n;
      const nonce = highest >= nextNonce ? highest + 1n : nextNonce;
      await attempt(item, () => begin(item, nonce));
      if ((await outbox.itemByKey(db, item.key))?.status === "queued") return true;
    }
  };

  const attempt = (item: OutboxRow, work: () => Promise<unknown>): Promise<unknown> =>
    work().catch(async (error: unknown) => {
      await outbox.noteError(db, item.id, messageOf(error)).catch(() => undefined);
      throw error;
    });

  let turn: Promise<unknown> = Promise.resolve();
  const pass = (): Promise<boolean> => {
    const done = turn.then(round, round);
    turn = done.catch(() => undefined);
    return done;
  };

  /** Goes round until `isOver` says so; what stands in the way is said when the time is up. */
  const until = async <T>(isOver: () => Promise<T | undefined>, waited: () => Refusal): Promise<T> => {
    const startedMs = Date.now();
    try {
      for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, LAST_POLL_MS)) {
        const problem = await pass().then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
        );
        const result = await isOver();
        if (result !== undefined) return result;
        if (Date.now() - startedMs >= options.waitMs || isStopping) throw problem ?? waited();
        await sleep(pollMs);
      }
    } finally {
      if (loop === undefined) await letGo();
    }
  };

  /** What was refused before it was sent may be right now; and a re-org may have taken what another's had brought. */
  const askAgain = async (key: string): Promise<void> => {
    if (await outbox.requeueUnsent(db, key)) return;
    const item = await outbox.itemByKey(db, key);
    const isElsewhere = item?.status === "done" && item.txHash === null;
    if (isElsewhere && (await effectOf(item)) === "none") await outbox.requeueUndone(db, key);
  };

  const letGo = async () => {
    await turn;
    await lock?.release();
    lock = undefined;
  };

  return {
    pass,
    async transmit({ kind, key, to, data }) {
      const isNew = await outbox.enqueue(db, { kind, key, sender, request: { to, data } });
      if (!isNew) await askAgain(key);
      const outcome = async () => {
        const item = await outbox.itemByKey(db, key);
        if (item?.status === "failed")
          throw refusals.get(key) ?? new Refusal("Outbox_Failed", { key, error: item.error ?? "never sent" });
        if (item?.status !== "mined" && item?.status !== "done") return undefined;
        if (item.txHash === null) throw new Refusal("Outbox_DoneElsewhere", { key });
        const receipt = await provider.getTransactionReceipt(item.txHash);
        if (receipt === null) await outbox.reopen(db, item.id);
        return receipt ?? undefined;
      };
      return await until(outcome, () => new Refusal("Outbox_NotMined", { key, waitedMs: options.waitMs }));
    },
    async resume() {
      const isOver = async () => {
        const open = [...(await outbox.queuedItems(db, sender, 1)), ...(await outbox.sentItems(db, sender))];
        return lock === undefined || open.every(({ status }) => status === "mined") ? true : undefined;
      };
      await until(isOver, () => new Refusal("Outbox_NotMined", { key: "all that is open", waitedMs: options.waitMs }));
    },
    start(everyMs) {
      loop ??= (async () => {
        while (!isStopping) {
          await pass().catch((error: unknown) => options.log(`the outbox: ${messageOf(error)}`));
          await sleep(everyMs);
        }
      })();
    },
    async stop() {
      isStopping = true;
      await loop;
      await letGo();
    },
  };
}

function outgoingOf({ kind, key, request }: OutboxRow): Outgoing {
  const { to, data } = request as { to: string; data: string };
  return { kind, key, to, data };
}
