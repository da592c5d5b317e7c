import type { FacilityClass, Holder } from "../protocol/apiFacilities.ts";
import { countryText } from "../protocol/bytes.ts";
import { INVESTOR_CATEGORIES } from "../protocol/deal.ts";
import { BPS } from "../protocol/units.ts";
import type { PageAfter } from "../pages.ts";
import type { View } from "./events.ts";
import { createdAt } from "./readmodelDeals.ts";

// Who holds the classes of a facility, out of the tokens' and the gate's events.

export type Concentration = Pick<FacilityClass, "holderCount" | "largestHolderBps" | "topTenHoldersBps">;

export const NO_HOLDERS: Concentration = { holderCount: 0, largestHolderBps: 0, topTenHoldersBps: 0 };

/** What each account has of each of some tokens ($1) at a block ($2); nobody without shares. */
const BALANCES = `select token, account, sum(shares) shares from (
    select address token, args ->> 'to' account, (args ->> 'value')::numeric shares from events
      where address = any($1) and name = 'Transfer' and block <= $2
    union all
    select address, args ->> 'from', -(args ->> 'value')::numeric from events
      where address = any($1) and name = 'Transfer' and block <= $2) moves
  where account <> '0x0000000000000000000000000000000000000000' group by token, account having sum(shares) > 0`;

/** By token: how many accounts have shares, and how much of them the largest have. */
export async function concentrationsOf(
  { db, head }: View,
  tokens: readonly string[],
): Promise<Map<string, Concentration>> {
  const { rows } = await db.query<{ token: string; count: number; largest: bigint; topTen: bigint; total: bigint }>(
    `select token, count(*)::int4 count, max(shares) largest, sum(shares) filter (where place <= 10) "topTen",
       sum(shares) total
     from (select *, row_number() over (partition by token order by shares desc) place from (${BALANCES}) b) ranked
     group by token`,
    [tokens, head.number],
  );
  const part = (assets: bigint, total: bigint) => Number((assets * BPS) / total);
  return new Map(
    rows.map(({ token, count, largest, topTen, total }) => [
      token,
      { holderCount: count, largestHolderBps: part(largest, total), topTenHoldersBps: part(topTen, total) },
    ]),
  );
}

interface HolderRow {
  classIndex: number;
  account: string;
  shares: bigint;
  total: bigint;
  frozenShares: string | null;
  isFrozen: boolean;
  isListed: boolean;
  credential: { provider: string; country: string; category: string; expiresAt: string } | null;
  isRevoked: boolean;
  isProviderListed: boolean;
  isCountryBlocked: boolean;
}

/** The newest value of some of the gate's events that name the account `h`. */
const gated = (name: string, field: string, value: string) =>
  `(select ${value} from events g where g.contract = 'gate' and g.name = '${name}' and g.args ->> '${field}' = h.account
     and g.block <= $2 order by g.block desc, g.log_index desc limit 1)`;

/** Accounts with shares by class, then account; undefined for an address that is no facility. */
export async function holdersAfter(
  view: View,
  address: string,
  { limit, after }: PageAfter<string>,
  { classIndex, minCategory }: { readonly classIndex?: number | undefined; readonly minCategory: number },
): Promise<Holder[] | undefined> {
  const { db, head } = view;
  const created = await createdAt(view, address);
  if (created === undefined) return undefined;
  const [afterClass = "-1", afterAccount = ""] = (after ?? "").split("-");
  const { rows } = await db.query<HolderRow>(
    `select h."classIndex", h.account, h.shares, h.total,
       (select f.args ->> 'amount' from events f where f.address = h.token and f.name = 'Frozen'
          and f.args ->> 'account' = h.account and f.block <= $2 order by f.block desc, f.log_index desc limit 1) "frozenShares",
       coalesce(${gated("AccountFrozen", "account", "(g.args ->> 'frozen')::boolean")}, false) "isFrozen",
       coalesce(${gated("HolderListed", "account", "(g.args ->> 'listed')::boolean")}, false) "isListed",
       p.args credential,
       exists (select from events r where r.contract = 'gate' and r.name = 'Revoked' and r.args ->> 'holder' = h.account
         and (r.block, r.log_index) > (p.block, p.log_index) and r.block <= $2) "isRevoked",
       coalesce((select (l.args ->> 'listed')::boolean from events l where l.contract = 'gate'
         and l.name = 'ProviderListed' and l.args ->> 'provider' = p.args ->> 'provider' and l.block <= $2
         order by l.block desc, l.log_index desc limit 1), false) "isProviderListed",
       coalesce((select (l.args ->> 'blocked')::boolean from events l where l.contract = 'gate'
         and l.name = 'CountryBlocked' and l.args ->> 'country' = p.args ->> 'country' and l.block <= $2
         order by l.block desc, l.log_index desc limit 1), false) "isCountryBlocked"
     from (select *, sum(shares) over (partition by token) total, array_position($1::text[], token) - 1 "classIndex"
       from (${BALANCES}) b) h
     left join lateral (select * from events g where g.contract = 'gate' and g.name = 'Presented'
       and g.args ->> 'holder' = h.account and g.block <= $2 order by g.block desc, g.log_index desc limit 1) p on true
     where (h."classIndex", lower(h.account) collate "C") > ($3::int4, lower($4)) and ($5::int4 is null or h."classIndex" = $5)
     order by h."classIndex", lower(h.account) collate "C" limit $6`,
    [created.tokens, head.number, Number(afterClass), afterAccount, classIndex ?? null, limit],
  );
  return rows.map((row) => holderOf(view, minCategory, row));
}

function holderOf({ head }: View, minCategory: number, row: HolderRow): Holder {
  const { credential } = row;
  const isValid =
    credential !== null &&
    !row.isRevoked &&
    row.isProviderListed &&
    !row.isCountryBlocked &&
    Number(credential.category) >= minCategory &&
    BigInt(credential.expiresAt) > head.time;
  return {
    key: holderKey(row),
    ...{ classIndex: row.classIndex, account: row.account, shares: String(row.shares) },
    partBps: Number((row.shares * BPS) / row.total),
    frozenShares: row.frozenShares ?? "0",
    ...{ isFrozen: row.isFrozen, isListed: row.isListed },
    country: credential === null ? null : countryText(credential.country),
    category: INVESTOR_CATEGORIES[Number(credential?.category ?? 0)] ?? "None",
    provider: credential?.provider ?? null,
    expiresAt: credential?.expiresAt ?? null,
    isVerified: isValid && !row.isFrozen,
  };
}

/** What a holder is paged by. */
export function holderKey({ classIndex, account }: { classIndex: number; account: string }): string {
  return `${classIndex}-${account}`;
}
