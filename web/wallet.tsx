import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import type { Session } from "./answers.ts";
import { API_KEY, tell, useAnswer } from "./api.tsx";
import { discoverWallets, type AnnouncedWallet, type Eip1193Provider } from "./eip1193.ts";

// The visitor's wallet: found by EIP-6963, spoken to by EIP-1193, signed in by ERC-4361. Without one all can be read.

export interface Wallet {
  /** Wallets in this browser. */
  wallets: AnnouncedWallet[];
  /** The one in use. */
  wallet: AnnouncedWallet | undefined;
  /** The account in use, as the wallet writes it. */
  account: string | undefined;
  /** Whether the wallet is on the chain that the contracts are on; undefined while that is not known. */
  isOnChain: boolean | undefined;
  /** Who the API takes the visitor for, after signing in. */
  viewer: Session["viewer"] | undefined;
  /** Connects a wallet, then signs in; who declines to sign in stays connected. */
  connect: (wallet: AnnouncedWallet) => Promise<void>;
  disconnect: () => void;
  switchChain: () => Promise<void>;
  signIn: () => Promise<void>;
  signOut: () => Promise<void>;
}

const WalletContext = createContext<Wallet | undefined>(undefined);
const KEPT = "rackbond.wallet";

/** Finds the wallets of this browser and keeps the one in use. */
export function WalletProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [wallets, setWallets] = useState<AnnouncedWallet[]>([]);
  const [wallet, setWallet] = useState<AnnouncedWallet>();
  const [account, setAccount] = useState<string>();
  const [chainId, setChainId] = useState<number>();
  const deployment = useAnswer("/v1/deployment").data;
  const viewer = useAnswer("/v1/session").data?.viewer;

  const take = useCallback(async (found: AnnouncedWallet, method: "eth_accounts" | "eth_requestAccounts") => {
    const [first] = (await found.provider.request({ method })) as string[];
    if (first === undefined) return undefined;
    setChainId(Number(await found.provider.request({ method: "eth_chainId" })));
    setWallet(found);
    setAccount(first);
    localStorage.setItem(KEPT, found.info.rdns);
    return first;
  }, []);

  useEffect(
    () =>
      discoverWallets((found) => {
        setWallets((known) => (known.some(({ info }) => info.uuid === found.info.uuid) ? known : [...known, found]));
        // Only what this visitor used before, and only what it still allows: nothing is asked of anyone.
        if (localStorage.getItem(KEPT) === found.info.rdns) void take(found, "eth_accounts").catch(() => undefined);
      }),
    [take],
  );

  useEffect(() => {
    const provider = wallet?.provider;
    if (provider?.on === undefined) return;
    const onAccounts = (accounts: string[]) => {
      setAccount(accounts[0]);
      if (accounts.length === 0) setWallet(undefined);
    };
    const onChain = (id: string) => setChainId(Number(id));
    provider.on("accountsChanged", onAccounts);
    provider.on("chainChanged", onChain);
    return () => {
      provider.removeListener?.("accountsChanged", onAccounts);
      provider.removeListener?.("chainChanged", onChain);
    };
  }, [wallet]);

  const value = useMemo<Wallet>(() => {
    const askAgain = () => client.invalidateQueries({ queryKey: [API_KEY] });
    return {
      ...{ wallets, wallet, account, viewer },
      isOnChain: deployment === undefined || chainId === undefined ? undefined : chainId === deployment.chainId,
      connect: async (found) => {
        const taken = await take(found, "eth_requestAccounts");
        if (taken === undefined || viewer?.address.toLowerCase() === taken.toLowerCase()) return;
        await signIn(found.provider, taken).then(askAgain, () => undefined);
      },
      disconnect: () => {
        localStorage.removeItem(KEPT);
        setWallet(undefined);
        setAccount(undefined);
      },
      switchChain: async () => {
        if (wallet === undefined || deployment === undefined) return;
        const id = `0x${deployment.chainId.toString(16)}`;
        await wallet.provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: id }] });
      },
      signIn: async () => {
        if (wallet === undefined || account === undefined) return;
        await signIn(wallet.provider, account);
        await askAgain();
      },
      signOut: async () => {
        await tell("DELETE", "/v1/session");
        await askAgain();
      },
    };
  }, [wallets, wallet, account, viewer, deployment, chainId, client, take]);

  return <WalletContext value={value}>{children}</WalletContext>;
}

async function signIn(provider: Eip1193Provider, account: string): Promise<void> {
  const { message } = (await tell("POST", "/v1/session/challenge", { address: account })) as { message: string };
  const bytes = new TextEncoder().encode(message);
  const hex = `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const signature = await provider.request({ method: "personal_sign", params: [hex, account] });
  await tell("POST", "/v1/session", { message, signature });
}

/** The visitor's wallet. */
export function useWallet(): Wallet {
  const wallet = use(WalletContext);
  if (wallet === undefined) throw new Error("useWallet outside of WalletProvider");
  return wallet;
}
