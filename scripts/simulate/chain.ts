import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import type { BytesLike, ContractTransactionResponse, Log, TransactionReceipt } from "ethers";
import { hexlify, toQuantity } from "ethers";
import { network } from "hardhat";

import { send } from "../../server/protocol/contracts.ts";

/** Hardhat's network in this process, with a clock that only the simulation moves. */
export interface Chain {
  /** Everybody; the node signs for them. */
  signers: HardhatEthersSigner[];
  chainId: bigint;
  nowAt(): number;
  /** The next transaction is mined at this time, unless it has passed. */
  moveTo(timeAt: number): void;
  /** After transactions that the clock was not told of: from here on it is this time. */
  catchUp(timeAt: number): void;
  /** Sends one transaction, a second after the one before; a revert throws with the contract's own error. */
  send(call: () => Promise<ContractTransactionResponse>): Promise<TransactionReceipt>;
  /** The same for calldata that is written already. */
  sendRaw(from: string, to: string, calldata: BytesLike): Promise<void>;
  /** Events of a contract since a block, that one included. */
  logsSince(address: string, fromBlock: number): Promise<Log[]>;
  blockNumber(): Promise<number>;
  sentCount(): number;
  close(): Promise<void>;
}

/** What a batch of hourly reports may cost: more than a month's worth fits a block. */
const BLOCK_GAS = 1_000_000_000;
const ACCOUNTS = 40;

export async function openChain(startAt: number): Promise<Chain> {
  const connection = await network.create({
    override: {
      initialDate: new Date(startAt * 1000).toISOString(),
      blockGasLimit: BLOCK_GAS,
      accounts: { count: ACCOUNTS, accountsBalance: 10n ** 26n },
    },
  });
  const { ethers, provider } = connection;
  const signers = await ethers.getSigners();
  const { chainId } = await ethers.provider.getNetwork();
  let nowAt = startAt;
  let sent = 0;
  const tick = async () => {
    nowAt += 1;
    sent += 1;
    await provider.request({ method: "evm_setNextBlockTimestamp", params: [nowAt] });
  };
  return {
    signers,
    chainId,
    nowAt: () => nowAt,
    moveTo(timeAt) {
      nowAt = Math.max(nowAt, timeAt - 1);
    },
    catchUp(timeAt) {
      nowAt = timeAt;
    },
    async send(call) {
      await tick();
      return await send(call());
    },
    async sendRaw(from, to, calldata) {
      await tick();
      const transaction = { from, to, data: hexlify(calldata), gas: toQuantity(BLOCK_GAS) };
      const hash: unknown = await provider.request({ method: "eth_sendTransaction", params: [transaction] });
      const receipt = (await provider.request({ method: "eth_getTransactionReceipt", params: [hash] })) as {
        status: string;
      };
      if (receipt.status !== "0x1") throw new Error(`the chain refused reports at ${nowAt}`);
    },
    logsSince: (address, fromBlock) => ethers.provider.getLogs({ address, fromBlock }),
    blockNumber: () => ethers.provider.getBlockNumber(),
    sentCount: () => sent,
    close: () => connection.close(),
  };
}
