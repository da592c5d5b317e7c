import type { Reserve } from "../protocol/apiHistory.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { PageAfter } from "../pages.ts";
import { atMost } from "./atMost.ts";
import type { BlockRow, View } from "./events.ts";
import { HttpProblem } from "./problems.ts";
import type { Tokens } from "./tokens.ts";

// What contracts owe by their own account, beside the tokens that they have, at the block of the view. The events say
// what to ask for; the contracts are asked when the view is closed, so that no connection waits for a node.

type Parts = Reserve["parts"];
type Held = Pick<Reserve, "kind" | "address" | "asset"> & {
  /** Out of the events: how the parts can be asked for. */
  readonly partsOf: (view: View) => Promise<AskParts>;
};
type AskParts = (contracts: Contracts) => Promise<Parts>;

/** A contract whose parts can be asked for. */
export type AskedReserve = Pick<Reserve, "kind" | "address" | "asset"> & { readonly ask: AskParts };

/** Calls that are on their way to the node at once. */
const CALL_COUNT = 16;
/** Contracts that are asked at once, each with calls of its own. */
const CONTRACT_COUNT = 4;

export interface ReserveOptions {
  /** As they were after the view's block. */
  readonly contracts: Contracts;
  readonly tokens: Tokens;
}

/** The contracts of one page that hold settlement tokens, by address. A page begins after one of them or nowhere. */
export async function reservesAfter(
  view: View,
  { addresses }: Pick<Deployment, "addresses">,
  { limit, after }: PageAfter<string>,
): Promise<AskedReserve[]> {
  const held = [...(await facilitiesOf(view)), ...systemOf(addresses)].sort((one, other) =>
    one.address.toLowerCase() < other.address.toLowerCase() ? -1 : 1,
  );
  const place = held.findIndex(({ address }) => address === after);
  if (after !== undefined && place === -1)
    throw new HttpProblem(400, "Request_Invalid", `after ${after} is no contract of this list`, { after });
  const asked: AskedReserve[] = [];
  for (const { partsOf, ...where } of held.slice(place + 1, place + 1 + limit))
    asked.push({ ...where, ask: await partsOf(view) });
  return asked;
}

/** What these contracts owe and have. */
export async function reservesOf(
  asked: readonly AskedReserve[],
  block: Pick<BlockRow, "hash">,
  { contracts, tokens }: ReserveOptions,
): Promise<Reserve[]> {
  return await atMost(CONTRACT_COUNT, asked, async ({ ask, ...where }) => {
    const balance = await contracts.classToken(where.asset).balanceOf(where.address);
    const { symbol, decimalCount } = await tokens.factsOf(where.asset, block);
    const parts = await ask(contracts);
    const booked = parts.reduce((sum, { assets }) => sum + BigInt(assets), 0n);
    return {
      ...{ ...where, assetSymbol: symbol, assetDecimalCount: decimalCount, parts },
      ...{ bookedAssets: String(booked), balanceAssets: String(balance) },
    };
  });
}

function part(name: Parts[number]["part"], assets: bigint): Parts[number] {
  return { part: name, assets: String(assets) };
}

function total(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, assets) => sum + assets, 0n);
}

async function facilitiesOf({ db }: View): Promise<Held[]> {
  const { rows } = await db.query<{ address: string; tokens: string[]; asset: string }>(
    `select args ->> 'facility' address, args -> 'classTokens' tokens, args -> 'settings' ->> 'asset' asset
     from events where contract = 'facilities' and name = 'FacilityCreated'`,
  );
  return rows.map(({ address, tokens, asset }) => ({
    ...{ kind: "facility" as const, address, asset },
    partsOf: () => Promise.resolve((contracts: Contracts) => facilityParts(contracts, address, tokens)),
  }));
}

async function facilityParts(contracts: Contracts, address: string, tokens: readonly string[]): Promise<Parts> {
  const facility = contracts.facility(address);
  const [escrow, collections, reserve, trapped, payees, ...holders] = await Promise.all([
    facility.escrowAssets(),
    facility.collectionsAssets(),
    facility.reserveAssets(),
    facility.trappedAssets(),
    facility.totalClaimableAssets(),
    ...tokens.map((token) => facility.unclaimedAssets(token)),
  ]);
  return [
    part("escrow", escrow),
    part("collections", collections),
    part("reserve", reserve),
    part("trapped", trapped),
    part("payees", payees),
    part("holders", total(holders)),
  ];
}

function systemOf(addresses: Deployment["addresses"]): Held[] {
  const { asset } = addresses;
  const own = (kind: Reserve["kind"] & keyof typeof addresses, partsOf: Held["partsOf"]): Held => ({
    ...{ kind, address: addresses[kind], asset, partsOf },
  });
  const simply = (ask: AskParts) => () => Promise.resolve(ask);
  return [
    own("leases", (view) => leaseParts(view, asset)),
    own("markets", (view) => marketParts(view, asset)),
    own(
      "vault",
      simply(async ({ vault }) => [
        part("cash", await vault.cashAssets()),
        part("redemptions", await vault.setAsideAssets()),
      ]),
    ),
    own(
      "bonds",
      simply(async ({ bonds }) => [part("booked", await bonds.ledgerAssets())]),
    ),
    own(
      "disputes",
      simply(async ({ disputes }) => [part("booked", await disputes.ledgerAssets())]),
    ),
  ];
}

/** Deposits and prepaid rent of each lease, and rent that its payee has not collected. */
async function leaseParts({ db }: View, asset: string): Promise<AskParts> {
  const { rows: opened } = await db.query<{ leaseId: bigint }>(
    `select (args ->> 'leaseId')::int8 "leaseId" from events where contract = 'leases' and name = 'Opened'
       and args -> 'terms' ->> 'asset' = $1`,
    [asset],
  );
  const { rows: payees } = await db.query<{ payee: string }>(
    `select distinct payee from events, lateral (values
       (args ->> 'payee'), (case name when 'Assigned' then args ->> 'to' when 'Opened' then args ->> 'operator' end)
     ) earner (payee) where contract = 'leases' and payee is not null`,
  );
  return async ({ leases }) => {
    const states = await atMost(CALL_COUNT, opened, async ({ leaseId }) => (await leases.lease(leaseId)).status);
    const uncollected = await atMost(CALL_COUNT, payees, ({ payee }) => leases.collectableAssets(payee, asset));
    return [
      part("deposits", total(states.map(({ depositAssets }) => depositAssets))),
      part("prepaid", total(states.map(({ prepaidAssets }) => prepaidAssets))),
      part("uncollected", total(uncollected)),
    ];
  };
}

/**
 * What suppliers may take out at once: interest that accrues since adds to both sides. And what the collateral was paid
 * and its posters have not taken yet, a book for each collateral token over all markets.
 */
async function marketParts({ db }: View, asset: string): Promise<AskParts> {
  const { rows } = await db.query<{ id: string; loanToken: string; collateralToken: string }>(
    `select args ->> 'id' id, args -> 'params' ->> 'loanToken' "loanToken",
       args -> 'params' ->> 'collateralToken' "collateralToken"
     from events where contract = 'markets' and name = 'CreateMarket'`,
  );
  const ids = rows.filter(({ loanToken }) => loanToken === asset).map(({ id }) => id);
  const collaterals = [...new Set(rows.map(({ collateralToken }) => collateralToken))];
  return async ({ markets }) => {
    const totals = await atMost(CALL_COUNT, ids, (id) => markets.market(id));
    const books = await atMost(CALL_COUNT, collaterals, (token) => markets.incomeBook(token));
    const own = books.filter((book) => book.asset === asset);
    return [
      part("lendable", total(totals.map((market) => market.totalSupplyAssets - market.totalBorrowAssets))),
      part("collateralIncome", total(own.map(({ cashAssets }) => cashAssets))),
    ];
  };
}
