import type { ActionStep } from "./action.tsx";
import type { Chain } from "./chain.ts";

/** What lets `spender` take `units` of a token, where it may not yet: for that amount and no more. */
export async function approvalOf(
  chain: Chain,
  { token, spender, units, label }: { token: string; spender: string; units: bigint; label: string },
): Promise<ActionStep[]> {
  const coin = chain.contracts.classToken(token);
  const allowed = await coin.allowance(chain.account, spender);
  if (allowed >= units) return [];
  const approve = (amount: bigint): ActionStep => ({
    label,
    run: ({ contracts }) => contracts.classToken(token).approve(spender, amount),
  });
  if (allowed === 0n) return [approve(units)];
  // Tether's token refuses to change an allowance that is not used up: first to nothing.
  const data = coin.interface.encodeFunctionData("approve", [spender, units]);
  const mayChange = await chain.provider.call({ from: chain.account, to: token, data }).then(
    () => true,
    () => false,
  );
  return mayChange ? [approve(units)] : [{ ...approve(0n), label: `${label} (0)` }, approve(units)];
}
