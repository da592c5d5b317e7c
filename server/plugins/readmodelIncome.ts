import type { View } from "./events.ts";

// What was paid into the classes of a facility and set aside for their holders, out of events.

/** By class: shares issued and not given back, one for each asset that was paid. */
export async function principalOf({ db, head }: View, address: string): Promise<Map<number, bigint>> {
  const { rows } = await db.query<{ classIndex: number; shares: bigint }>(
    `select (args ->> 'classIndex')::int4 "classIndex",
       sum(case name when 'Subscribed' then 1 else -1 end * (args ->> 'assets')::numeric) shares
     from events where address = $1 and name in ('Subscribed', 'Refunded') and block <= $2 group by 1`,
    [address, head.number],
  );
  return new Map(rows.map(({ classIndex, shares }) => [classIndex, shares]));
}

export interface Income {
  /** Interest and principal set aside for the holders. */
  interest: bigint;
  repaid: bigint;
  /** Principal written off. */
  lost: bigint;
  claimed: bigint;
}

export const NO_INCOME: Income = { interest: 0n, repaid: 0n, lost: 0n, claimed: 0n };

/** By token. */
export async function incomesOf({ db, head }: View, tokens: readonly string[]): Promise<Map<string, Income>> {
  const { rows } = await db.query<Income & { address: string }>(
    `select address,
       coalesce(sum((args ->> 'interestAssets')::numeric), 0) interest,
       coalesce(sum((args ->> 'principalAssets')::numeric), 0) repaid,
       coalesce(sum((args ->> 'lossAssets')::numeric), 0) lost,
       coalesce(sum((args ->> 'assets')::numeric) filter (where name = 'Claimed'), 0) claimed
     from events where address = any($1) and name in ('Accrued', 'LossAccrued', 'Claimed') and block <= $2
     group by address`,
    [tokens, head.number],
  );
  return new Map(rows.map((row) => [row.address, row]));
}

/** By token: principal that is not outstanding any more, repaid or written off. */
export async function repaidOf(view: View, tokens: readonly string[]): Promise<Map<string, bigint>> {
  const incomes = await incomesOf(view, tokens);
  return new Map([...incomes].map(([token, { repaid, lost }]) => [token, repaid + lost]));
}
