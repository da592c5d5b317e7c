import type { BrowserContext } from "playwright-core";
import { getBytes, JsonRpcProvider, type TypedDataField, type Wallet } from "ethers";

// A wallet as a browser extension puts it into a page: announced by EIP-6963, spoken to by EIP-1193. The key stays in
// this process; the page is asked for nothing, `eth_accounts` is empty until the page asked to connect.

interface Call {
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** What the page gets back: a value, or an error as EIP-1193 has it. */
type Answer = { readonly value: unknown } | { readonly error: { code: number; message: string; data?: unknown } };

const BINDING = "rackbondTestWallet";
const REJECTED = 4001;
const UNKNOWN_METHOD = 4200;

export interface InjectedWallet {
  readonly address: string;
  /** The next request to sign or send is refused, as by a person who says no. */
  rejectNext(): void;
  /** What was signed or sent, in order. */
  readonly requests: readonly string[];
}

/** Puts a wallet into every page of a browser context. */
export async function injectWallet(context: BrowserContext, wallet: Wallet, rpcUrl: string): Promise<InjectedWallet> {
  // Nothing is cached: the nonce of the next of two transactions in a row is another one.
  const provider = new JsonRpcProvider(rpcUrl, undefined, { staticNetwork: true, batchMaxCount: 1, cacheTimeout: -1 });
  context.once("close", () => provider.destroy());
  const signer = wallet.connect(provider);
  const requests: string[] = [];
  let isConnected = false;
  let isRejecting = false;

  const sign = async ({ method, params = [] }: Call): Promise<unknown> => {
    if (isRejecting) {
      isRejecting = false;
      throw Object.assign(new Error("User rejected the request."), { code: REJECTED });
    }
    requests.push(method);
    if (method === "personal_sign") return await signer.signMessage(getBytes(params[0] as string));
    if (method === "eth_signTypedData_v4") {
      const { domain, types, message } = JSON.parse(params[1] as string) as {
        domain: Record<string, string>;
        types: Record<string, TypedDataField[]>;
        message: Record<string, unknown>;
      };
      const { EIP712Domain: _, ...own } = types;
      return await signer.signTypedData(domain, own, message);
    }
    const [transaction] = params as [{ to: string; data?: string; value?: string; gas?: string }];
    const { to, data, value, gas } = transaction;
    const sent = await signer.sendTransaction({
      ...{ to, ...(data === undefined ? {} : { data }), ...(value === undefined ? {} : { value }) },
      ...(gas === undefined ? {} : { gasLimit: gas }),
    });
    return sent.hash;
  };

  const answer = async (call: Call): Promise<unknown> => {
    switch (call.method) {
      case "eth_accounts":
        return isConnected ? [wallet.address] : [];
      case "eth_requestAccounts":
        isConnected = true;
        return [wallet.address];
      case "wallet_switchEthereumChain":
        return null;
      case "personal_sign":
      case "eth_signTypedData_v4":
      case "eth_sendTransaction":
        return await sign(call);
      default:
        if (!/^(?:eth|net|web3)_/.test(call.method))
          throw Object.assign(new Error(`${call.method} is not supported`), { code: UNKNOWN_METHOD });
        return await forward(rpcUrl, call);
    }
  };

  await context.exposeBinding(BINDING, async (_source, call: Call): Promise<Answer> => {
    try {
      return { value: await answer(call) };
    } catch (error) {
      const { code, message, data } = error as { code?: unknown; message: string; data?: unknown };
      return { error: { code: typeof code === "number" ? code : -32_603, message, data } };
    }
  });
  await context.addInitScript(announce, BINDING);
  return { address: wallet.address, requests, rejectNext: () => (isRejecting = true) };
}

async function forward(rpcUrl: string, { method, params = [] }: Call): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { code: number; message: string } };
  if (error !== undefined) throw Object.assign(new Error(error.message), error);
  return result;
}

/** Runs in the page. */
function announce(binding: string): void {
  const page = globalThis as unknown as EventTarget & Record<string, (call: unknown) => Promise<Answer>>;
  const provider = {
    async request(call: unknown): Promise<unknown> {
      const given = await page[binding]!(call);
      if ("value" in given) return given.value;
      throw Object.assign(new Error(given.error.message), given.error);
    },
    on() {
      return provider;
    },
    removeListener() {
      return provider;
    },
  };
  const info = {
    uuid: "8f6a1a7e-61a5-4e0c-9a4c-0b3b1a2f6e11",
    name: "Test Wallet",
    icon: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>",
    rdns: "org.rackbond.test",
  };
  const tell = () =>
    page.dispatchEvent(
      new CustomEvent("eip6963:announceProvider", {
        detail: Object.freeze({ info, provider: Object.freeze(provider) }),
      }),
    );
  page.addEventListener("eip6963:requestProvider", tell);
  tell();
}
