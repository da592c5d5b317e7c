import type { ActionStep } from "../../action.tsx";
import type { Chain } from "../../chain.ts";

/** The step that lets a contract take an amount of a token, where it is not allowed already. */
export async function allowanceStep(
  { contracts, account }: Chain,
  token: string,
  spender: string,
  assets: bigint,
  label: string,
): Promise<ActionStep[]> {
  const coin = contracts.classToken(token); // the functions used are any ERC-20's
  const allowed = await coin.allowance(account, spender);
  if (allowed >= assets) return [];
  const approve = (amount: bigint) => () => coin.approve(spender, amount);
  // Some tokens refuse to change an allowance that is not zero.
  const reset: ActionStep[] = allowed > 0n ? [{ label: `${label} (0)`, run: approve(0n) }] : [];
  return [...reset, { label, run: approve(assets) }];
}
