import { isError, type ContractRunner, type JsonRpcProvider } from "ethers";

import { Busy } from "../busy.ts";
import { contractsAt, type Contracts } from "../protocol/contracts.ts";
import type { Addresses } from "../protocol/deployment.ts";
import type { BlockRow } from "./events.ts";

// What only a contract can compute is asked of it at the block that the read model stands at, by that block's hash: on
// another branch the node has no answer, and none is given.

export type CallProvider = Pick<JsonRpcProvider, "send">;

/** Where calls are made to the state after one block. */
export function runnerAt(provider: CallProvider, { hash }: Pick<BlockRow, "hash">): ContractRunner {
  return {
    provider: null,
    async call({ from, to, data }) {
      const message = from === undefined || from === null ? { to, data } : { from, to, data };
      try {
        return (await provider.send("eth_call", [message, { blockHash: hash }])) as string;
      } catch (error) {
        if (isError(error, "CALL_EXCEPTION")) throw error; // the contract's own
        throw new Busy("Chain_NoAnswer", "the chain does not answer at this block; try again later", false, RETRY_MS);
      }
    },
  };
}

const RETRY_MS = 2_000;

/** The system's contracts as they were after a block. */
export function contractsAfter(provider: CallProvider, addresses: Addresses, block: Pick<BlockRow, "hash">): Contracts {
  return contractsAt(addresses, runnerAt(provider, block));
}
