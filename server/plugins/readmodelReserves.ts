import type { Reserve } from "../protocol/apiHistory.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { PageAfter } from "../pages.ts";
import type { View } from "./events.ts";
import type { Tokens } from "./tokens.ts";

// What contracts owe by their own account, beside the tokens that they have, at the block of the view.

type Parts = Reserve["parts"];
type Held = Pick<Reserve, "kind" | "address" | "asset"> & { readonly parts: () => Promise<Parts> };

export interface ReserveOptions {
  /** As they were after the view's block. */
  readonly contracts: Contracts;
  readonly deployment: Deployment;
  readonly tokens: Tokens;
}

/** Every contract that holds settlement tokens, by address. */
export async function reservesAfter(
  view: View,
  options: ReserveOptions,
  { limit, after = "" }: PageAfter<string>,
): Promise<Reserve[]> {
  const { contracts, tokens } = options;
  const held = [...(await facilitiesOf(view, options)), ...systemOf(view, options)]
    .filter(({ address }) => address.toLowerCase() > after.toLowerCase())
    .sort((one, other) => (one.address.toLowerCase() < other.address.toLowerCase() ? -1 : 1));
  const reserves: Reserve[] = [];
  for (const { parts, ...where } of held.slice(0, limit)) {
    const balance = await contracts.classToken(where.asset).balanceOf(where.address);
    const { symbol, decimalCount } = await tokens.factsOf(where.asset, view.head);
    const shown = await parts();
    const booked = shown.reduce((sum, { assets }) => sum + BigInt(assets), 0n);
    reserves.push({
      ...{ ...where, assetSymbol: symbol, assetDecimalCount: decimalCount, parts: shown },
      ...{ bookedAssets: String(booked), balanceAssets: String(balance) },
    });
  }
  return reserves;
}

function part(name: Parts[number]["part"], assets: bigint): Parts[number] {
  return { part: name, assets: String(assets) };
}

async function facilitiesOf(view: View, { contracts }: ReserveOptions): Promise<Held[]> {
  const { rows } = await view.db.query<{ address: string; tokens: string[]; asset: string }>(
    `select args ->> 'facility' address, args -> 'classTokens' tokens, args -> 'settings' ->> 'asset' asset
     from events where contract = 'facilities' and name = 'FacilityCreated'`,
  );
  return rows.map(({ address, tokens, asset }) => ({
    ...{ kind: "facility" as const, address, asset },
    async parts() {
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
        part(
          "holders",
          holders.reduce((sum, assets) => sum + assets, 0n),
        ),
      ];
    },
  }));
}

function systemOf(view: View, { contracts, deployment }: ReserveOptions): Held[] {
  const { addresses } = deployment;
  const { asset } = addresses;
  const own = (kind: Reserve["kind"] & keyof typeof addresses, parts: () => Promise<Parts>): Held => ({
    ...{ kind, address: addresses[kind], asset, parts },
  });
  return [
    own("leases", () => leaseParts(view, contracts, asset)),
    own("markets", () => marketParts(view, contracts, asset)),
    own("vault", async () => [
      part("cash", await contracts.vault.cashAssets()),
      part("redemptions", await contracts.vault.setAsideAssets()),
    ]),
    own("bonds", async () => [part("booked", await contracts.bonds.ledgerAssets())]),
    own("disputes", async () => [part("booked", await contracts.disputes.ledgerAssets())]),
  ];
}

/** Deposits and prepaid rent of each lease, and rent that its payee has not collected. */
async function leaseParts(view: View, { leases }: Contracts, asset: string): Promise<Parts> {
  const { rows } = await view.db.query<{ leaseId: bigint }>(
    `select (args ->> 'leaseId')::int8 "leaseId" from events where contract = 'leases' and name = 'Opened'
       and args -> 'terms' ->> 'asset' = $1`,
    [asset],
  );
  let [deposits, prepaid] = [0n, 0n];
  for (const { leaseId } of rows) {
    const { status } = await leases.lease(leaseId);
    deposits += status.depositAssets;
    prepaid += status.prepaidAssets;
  }
  const { rows: payees } = await view.db.query<{ payee: string }>(
    `select distinct payee from events, lateral (values
       (args ->> 'payee'), (case name when 'Assigned' then args ->> 'to' when 'Opened' then args ->> 'operator' end)
     ) earner (payee) where contract = 'leases' and payee is not null`,
  );
  let uncollected = 0n;
  for (const { payee } of payees) uncollected += await leases.collectableAssets(payee, asset);
  return [part("deposits", deposits), part("prepaid", prepaid), part("uncollected", uncollected)];
}

/** What suppliers may take out at once: interest that accrues since adds to both sides. */
async function marketParts(view: View, { markets }: Contracts, asset: string): Promise<Parts> {
  const { rows } = await view.db.query<{ id: string }>(
    `select args ->> 'id' id from events where contract = 'markets' and name = 'CreateMarket'
       and args -> 'params' ->> 'loanToken' = $1`,
    [asset],
  );
  let lendable = 0n;
  for (const { id } of rows) {
    const { totalSupplyAssets, totalBorrowAssets } = await markets.market(id);
    lendable += totalSupplyAssets - totalBorrowAssets;
  }
  return [part("lendable", lendable)];
}
