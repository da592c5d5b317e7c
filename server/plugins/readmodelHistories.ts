import type { Hex } from "../protocol/bytes.ts";
import type { View } from "./events.ts";
import { CREATED, type Created } from "./readmodelDeals.ts";

// What happened to an account's shares of one class, out of the events of the class, the exchange and the markets.

/** One event that says something of an account's shares. */
export interface ShareEvent {
  readonly block: bigint;
  readonly logIndex: number;
  readonly at: bigint;
  readonly transactionHash: Hex;
  readonly contract: string;
  readonly name: string;
  readonly args: Readonly<Record<string, string>>;
}

/** A class that an account has or had shares of. */
export interface HeldClass {
  readonly deal: Created;
  readonly classIndex: number;
  readonly token: string;
}

/** The classes that an account ever had shares of, as a holder or as collateral. */
export async function heldClasses({ db, head }: View, account: string): Promise<HeldClass[]> {
  const { rows } = await db.query<{ token: string }>(
    `select address token from events where contract = 'classToken' and name = 'Transfer' and args ->> 'to' = $1
       and block <= $2
     union select m.args -> 'params' ->> 'collateralToken' from events m join events s on s.contract = 'markets'
       and s.name = 'SupplyCollateral' and s.args ->> 'id' = m.args ->> 'id' and s.args ->> 'onBehalf' = $1
     where m.contract = 'markets' and m.name = 'CreateMarket' and s.block <= $2`,
    [account, head.number],
  );
  const held = new Set(rows.map(({ token }) => token));
  const { rows: deals } = await db.query<Created>(
    `${CREATED} and block <= $1 and args -> 'classTokens' ?| $2::text[] order by lower(args ->> 'facility') collate "C"`,
    [head.number, [...held]],
  );
  return deals.flatMap((deal) =>
    deal.tokens.flatMap((token, classIndex) => (held.has(token) ? [{ deal, classIndex, token }] : [])),
  );
}

/** All that happened to an account's shares of a class, in the order of the chain. */
export async function shareEvents(
  { db, head }: View,
  { account, leverage }: { readonly account: string; readonly leverage: string },
  token: string,
): Promise<ShareEvent[]> {
  const { rows } = await db.query<ShareEvent>(
    `with market as (select args ->> 'id' id from events where contract = 'markets' and name = 'CreateMarket'
         and args -> 'params' ->> 'collateralToken' = $2),
       -- Transactions that the leverage helper made for the account: there it holds the account's shares.
       helped as (select distinct tx_hash from events where contract = 'leverage'
         and name in ('Leveraged', 'Deleveraged') and args ->> 'account' = $1 and args ->> 'id' in (select id from market))
     select e.block, e.log_index "logIndex", b.time at, e.tx_hash "transactionHash", e.contract, e.name, e.args
     from events e join blocks b on b.number = e.block where e.block <= $3 and (
       e.address = $2 and (e.name in ('Accrued', 'LossAccrued') or e.name = 'Claimed' and e.args ->> 'holder' = $1
         or e.name = 'Transfer' and (e.args ->> 'from' = $1 or e.args ->> 'to' = $1
           or $4 in (e.args ->> 'from', e.args ->> 'to') and e.tx_hash in (select tx_hash from helped)))
       or e.contract = 'exchange' and e.name = 'Traded' and e.args ->> 'shareToken' = $2
         and ($1 in (e.args ->> 'seller', e.args ->> 'buyer')
           or $4 in (e.args ->> 'seller', e.args ->> 'buyer') and e.tx_hash in (select tx_hash from helped))
       or e.contract = 'markets' and e.name in ('SupplyCollateral', 'WithdrawCollateral', 'Liquidate')
         and e.args ->> 'id' in (select id from market)
         and $1 in (e.args ->> 'onBehalf', e.args ->> 'caller', e.args ->> 'receiver', e.args ->> 'borrower')
       or e.contract = 'leverage' and e.tx_hash in (select tx_hash from helped))
     order by e.block, e.log_index`,
    [account, token, head.number, leverage],
  );
  return rows;
}
