import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { Transaction, type JsonRpcProvider, type TransactionReceipt } from "ethers";
import { Type } from "typebox";
import { Compile } from "typebox/compile";

import { Failure, codeOf, messageOf } from "../failure.ts";
import type { GasSigner } from "../keys/gasSigner.ts";
import { explainRevert } from "../protocol/contracts.ts";
import { Refusal } from "../protocol/refusal.ts";

// One transaction after the other from a gas key that nothing else uses meanwhile. What was signed is on disk before it
// leaves; after an interruption it is sent again, under its nonce, so that it has its effect once.

const StateSchema = Type.Object(
  {
    version: Type.Literal(1),
    chainId: Type.Integer({ minimum: 1 }),
    sender: Type.String({ pattern: "^0x[0-9a-fA-F]{40}$" }),
    /** What was signed and is not known to be settled: the newest last, all of one nonce. */
    signed: Type.Array(Type.String({ pattern: "^0x[0-9a-f]+$" })),
  },
  { additionalProperties: false },
);
const validator = Compile(StateSchema);

/** What a transaction is to do. */
export interface Call {
  readonly to: string;
  readonly data: string;
}

export interface Sender {
  readonly address: string;
  /** Settles what an interrupted run left behind; undefined when there was nothing, or another took its nonce. */
  resume(): Promise<TransactionReceipt | undefined>;
  /** Sends a call and waits until its block is `confirmationCount` deep; a revert is thrown with the contract's error. */
  send(call: Call): Promise<TransactionReceipt>;
  close(): void;
}

export interface SenderOptions {
  readonly provider: JsonRpcProvider;
  readonly signer: GasSigner;
  readonly chainId: number;
  readonly stateFile: string;
  readonly confirmationCount: number;
  /** A transaction that is not in a block after this long is sent with a higher fee. */
  readonly raiseAfterMs?: number;
  readonly pollMs?: number;
}

// Nodes take a replacement whose fees are 10 % higher; an eighth leaves room for rounding.
const RAISE_PARTS = 8n;
const MAX_RAISES = 8;

/** Opens the sender; refuses while another process uses its state file. */
export function openSender(options: SenderOptions): Sender {
  const { provider, chainId, stateFile, raiseAfterMs = 60_000, pollMs = 200 } = options;
  const signer = options.signer.connect(provider);
  const unlock = lock(`${stateFile}.lock`);
  let signed: string[];
  try {
    signed = readState(stateFile, chainId, signer.address);
  } catch (error) {
    unlock();
    throw error;
  }
  const keep = (list: string[]) => {
    writeDurably(stateFile, JSON.stringify({ version: 1, chainId, sender: signer.address, signed: list }));
    signed = list;
  };

  const broadcast = async (raw: string) => {
    try {
      await provider.broadcastTransaction(raw);
    } catch (error) {
      // It may be known or mined already: the receipts tell.
      if (!/known|nonce|underpriced|NONCE_EXPIRED|REPLACEMENT/i.test(`${codeOf(error)} ${messageOf(error)}`))
        throw error;
    }
  };
  const receiptOf = async (): Promise<TransactionReceipt | undefined> => {
    for (const raw of signed.toReversed()) {
      const receipt = await provider.getTransactionReceipt(Transaction.from(raw).hash!);
      if (receipt !== null) return receipt;
    }
    return undefined;
  };
  const isDeep = async ({ blockNumber }: TransactionReceipt) =>
    (await provider.getBlockNumber()) - blockNumber + 1 >= options.confirmationCount;

  /** Waits for the transaction of `signed`; undefined when its nonce was used by one that is none of them. */
  const settle = async (): Promise<TransactionReceipt | undefined> => {
    const { nonce } = Transaction.from(signed.at(-1));
    let sentMs = Date.now();
    for (;;) {
      const receipt = await receiptOf();
      if (receipt !== undefined) {
        if (await isDeep(receipt)) return receipt;
      } else if ((await provider.getTransactionCount(signer.address, "latest")) > nonce) {
        if ((await receiptOf()) === undefined) return undefined;
      } else if (Date.now() - sentMs >= raiseAfterMs) {
        if (signed.length > MAX_RAISES)
          throw new Failure(
            "Send_Stuck",
            `nonce ${nonce} of ${signer.address} is in no block; run the command again later`,
          );
        await raise();
        sentMs = Date.now();
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  };
  const raise = async () => {
    const { to, data, nonce, gasLimit, maxFeePerGas, maxPriorityFeePerGas } = Transaction.from(signed.at(-1));
    const raised = (fee: bigint | null) => (fee ?? 0n) + (fee ?? 0n) / RAISE_PARTS + 1n;
    const fees = { maxFeePerGas: raised(maxFeePerGas), maxPriorityFeePerGas: raised(maxPriorityFeePerGas) };
    const raw = await signer.signTransaction({ type: 2, chainId, to, data, nonce, gasLimit, ...fees });
    keep([...signed, raw]);
    await broadcast(raw);
  };
  const finish = async (): Promise<TransactionReceipt | undefined> => {
    const receipt = await settle();
    keep([]);
    if (receipt?.status === 0) throw new Refusal("Transaction_Reverted", { hash: receipt.hash });
    return receipt;
  };

  return {
    address: signer.address,
    async resume() {
      if (signed.length === 0) return undefined;
      await broadcast(signed.at(-1)!);
      return await finish();
    },
    async send({ to, data }) {
      if (signed.length > 0) throw new Failure("Send_Unsettled", "what was sent before is not settled yet");
      const [gas, fees, nonce, pendingNonce] = await Promise.all([
        provider.estimateGas({ from: signer.address, to, data }).catch((error: unknown) => {
          throw explainRevert(error) ?? error;
        }),
        provider.getFeeData(),
        provider.getTransactionCount(signer.address, "latest"),
        provider.getTransactionCount(signer.address, "pending"),
      ]);
      if (pendingNonce !== nonce)
        throw new Failure(
          "Send_NonceTaken",
          `something else sends from ${signer.address}: nonce ${nonce} is on its way`,
        );
      const { maxFeePerGas, maxPriorityFeePerGas } = fees;
      if (maxFeePerGas === null || maxPriorityFeePerGas === null)
        throw new Failure("Send_NoFees", "the chain names no EIP-1559 fees");
      const request = { type: 2, chainId, to, data, nonce, maxFeePerGas, maxPriorityFeePerGas };
      const raw = await signer.signTransaction({ ...request, gasLimit: gas + gas / 20n });
      keep([raw]);
      await broadcast(raw);
      const receipt = await finish();
      if (receipt === undefined)
        throw new Failure(
          "Send_NonceTaken",
          `something else sends from ${signer.address}: its nonce ${nonce} was used`,
        );
      return receipt;
    },
    close: unlock,
  };
}

function readState(file: string, chainId: number, sender: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw new Failure("Send_State", `the state file ${file} cannot be read: ${messageOf(error)}`);
  }
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    state = undefined;
  }
  if (!validator.Check(state)) throw new Failure("Send_State", `${file} is no state file of this command`);
  if (state.signed.length === 0) return [];
  if (state.chainId !== chainId || state.sender !== sender) {
    const whose = `chain ${state.chainId} and sender ${state.sender}, not of ${chainId} and ${sender}`;
    throw new Failure("Send_State", `${file} holds an unsettled transaction of ${whose}`);
  }
  return state.signed;
}

function writeDurably(file: string, text: string): void {
  const temporary = `${file}.new`;
  const descriptor = openSync(temporary, "w", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  const folder = openSync(dirname(file), "r");
  fsyncSync(folder);
  closeSync(folder);
}

/** One process at a time; a lock whose process is gone is taken over. */
function lock(file: string): () => void {
  for (;;) {
    try {
      const descriptor = openSync(file, "wx", 0o600);
      writeSync(descriptor, String(process.pid));
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      const owner = Number(readFileSync(file, "utf8"));
      if (isAlive(owner)) throw new Failure("Send_Locked", `process ${owner} is at work with ${file}`);
      rmSync(file, { force: true });
    }
  }
}

function isAlive(processId: number): boolean {
  if (!Number.isInteger(processId) || processId <= 0) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
