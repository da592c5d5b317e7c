import { BrowserProvider, type JsonRpcSigner } from "ethers";
import { contractsAt, explainRevert, type Contracts } from "../server/protocol/contracts.ts";
import type { Addresses } from "../server/protocol/deployment.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import type { Eip1193Provider } from "./eip1193.ts";

// The chain through the wallet. Loaded only when something is sent, signed or read from a contract.

/** A connected account's hold on the chain: contracts that it signs for and that answer at the newest block. */
export interface Chain {
  contracts: Contracts;
  addresses: Addresses;
  provider: BrowserProvider;
  signer: JsonRpcSigner;
  account: string;
  chainId: number;
}

/** The chain through a wallet's provider. */
export async function openChain(
  wallet: Eip1193Provider,
  account: string,
  deployment: { chainId: number; addresses: Addresses },
): Promise<Chain> {
  const provider = new BrowserProvider(wallet, deployment.chainId, { cacheTimeout: -1 });
  const signer = await provider.getSigner(account);
  const { addresses, chainId } = deployment;
  return { contracts: contractsAt(addresses, signer), addresses, provider, signer, account, chainId };
}

/** Refuses an account that is not the one an action was planned for: what it pays and what it gets would be two accounts'. */
export function demandAccount({ account }: Pick<Chain, "account">, planned: string): void {
  if (account.toLowerCase() !== planned.toLowerCase())
    throw new FailedAction("Account_Changed", { planned, connected: account });
}

/** Waits for a transaction's block, however long that takes; a revert is thrown. */
export async function untilMined(provider: BrowserProvider, hash: string): Promise<void> {
  for (;;) {
    const receipt = await provider.getTransactionReceipt(hash);
    if (receipt?.status === 0) throw new FailedAction("Transaction_Reverted", { hash });
    if (receipt !== null) return;
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

/** Why an action came to nothing: the contract's own error with its numbers, or the wallet's word. */
export class FailedAction extends Error {
  readonly code: string;
  readonly facts: Readonly<Record<string, string>>;

  constructor(code: string, facts: Readonly<Record<string, string>>, message = code) {
    super(message);
    this.name = "FailedAction";
    this.code = code;
    this.facts = facts;
  }
}

/** What stopped an action. */
export function failureOf(error: unknown): FailedAction {
  if (error instanceof FailedAction) return error;
  const refusal = error instanceof Refusal ? error : explainRevert(error);
  if (refusal !== undefined) return new FailedAction(refusal.code, textsOf(refusal.facts), refusal.message);
  const { code, shortMessage, message, facts } = error as {
    code?: unknown;
    shortMessage?: string;
    message?: string;
    facts?: Record<string, unknown>;
  };
  if (code === "ACTION_REJECTED" || code === 4001) return new FailedAction("Wallet_Declined", {});
  const name = typeof code === "string" && /^[A-Z]\w*_\w+$/.test(code) ? code : "Wallet_Failed";
  return new FailedAction(name, textsOf(facts ?? {}), shortMessage ?? message ?? String(error));
}

function textsOf(facts: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]));
}
