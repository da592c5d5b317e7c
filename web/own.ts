import { useQuery } from "@tanstack/react-query";
import { useChain } from "./action.tsx";
import { API_KEY } from "./api.tsx";
import type { Chain } from "./chain.ts";
import { useWallet } from "./wallet.tsx";

/**
 * What the connected account has, asked of the contracts at the newest block through its own wallet: its figures need no
 * sign-in. Asked again when a block arrives; undefined without a wallet, and until it answered.
 */
export function useOwn<T>(key: readonly string[], read: (chain: Chain) => Promise<T>): T | undefined {
  const { account, isOnChain } = useWallet();
  const openChain = useChain();
  const query = useQuery({
    queryKey: [API_KEY, "own", account ?? "", ...key],
    queryFn: async () => read(await openChain!()),
    enabled: openChain !== undefined && isOnChain === true,
    staleTime: 2000,
    retry: false,
  });
  return query.data;
}
