import type { Facility, Summary } from "../protocol/api.ts";
import { BPS } from "../protocol/units.ts";
import type { Db } from "./db.ts";
import type { View } from "./events.ts";

/**
 * Where the money that facilities received for their fee payees and holders is now. Received is what came in: rent paid
 * for their leases, surplus booked, the price of lots, a redemption, and raised money that was not drawn: it went back or
 * into the reserve; less what a failed raise left to its sponsor. So it is the sum of the others.
 */
export async function cashOf(view: View, facilities: readonly Facility[]): Promise<Summary["cash"]> {
  const total = { received: 0n, fees: 0n, claimable: 0n, claimed: 0n, reserve: 0n, collections: 0n };
  for (const facility of facilities) {
    const { paid, collected } = await rentOf(view.db, facility.address, facility.asset);
    total.received += paid + (await otherReceipts(view.db, facility.address));
    total.fees += BigInt(facility.feesPaidAssets);
    total.reserve += BigInt(facility.reserveAssets);
    total.collections += BigInt(facility.collectionsAssets) + BigInt(facility.trappedAssets);
    total.collections += paid - collected; // waits to be collected
    for (const { claimableAssets, claimedAssets } of facility.classes) {
      total.claimable += BigInt(claimableAssets);
      total.claimed += BigInt(claimedAssets);
    }
  }
  const { received, fees, claimable, claimed, reserve, collections } = total;
  return {
    received: String(received),
    fees: String(fees),
    claimable: String(claimable),
    claimed: String(claimed),
    reserve: String(reserve),
    collections: String(collections),
  };
}

/** What a payee was paid under leases in a token (rent, fees, the price of lots), and what of it the payee collected. */
async function rentOf(db: Db, payee: string, asset: string): Promise<{ paid: bigint; collected: bigint }> {
  const { rows } = await db.query<{ paid: bigint; collected: bigint }>(
    `select
       (select coalesce(sum(case e.name
            when 'Purchased' then (e.args ->> 'assets')::numeric
            when 'Invoiced' then (e.args -> 'payment' ->> 'paidAssets')::numeric
            when 'FeeInvoiced' then (e.args -> 'payment' ->> 'paidAssets')::numeric
            else (e.args -> 'reduction' ->> 'lateFeeAssets')::numeric + (e.args -> 'reduction' ->> 'paidAssets')::numeric
          end), 0)
        from events l join events e on e.contract = 'leases'
          and e.name in ('Invoiced', 'FeeInvoiced', 'Paid', 'PaidFromEscrow', 'Purchased')
          and e.args ->> 'leaseId' = l.args ->> 'leaseId'
        where l.contract = 'leases' and l.name = 'Opened' and l.args -> 'terms' ->> 'asset' = $2
          and coalesce(e.args ->> 'payee', e.args -> 'reduction' ->> 'payee') = $1) paid,
       (select coalesce(sum((args ->> 'assets')::numeric), 0) from events
        where contract = 'leases' and name = 'Collected' and args ->> 'payee' = $1 and args ->> 'asset' = $2) collected`,
    [payee, asset],
  );
  return rows[0] ?? { paid: 0n, collected: 0n };
}

/** Related parties' part of all that was paid for a payee under leases (rent and fees) in a token, rounded up. */
export async function relatedPartyBps({ db, head }: View, payee: string, asset: string): Promise<number> {
  const { rows } = await db.query<{ total: bigint; related: bigint }>(
    `select coalesce(sum(paid.assets), 0) total, coalesce(sum(paid.assets) filter (where paid.is_related), 0) related
     from (select
         case when e.name in ('Invoiced', 'FeeInvoiced') then (e.args -> 'payment' ->> 'paidAssets')::numeric
         else (e.args -> 'reduction' ->> 'lateFeeAssets')::numeric + (e.args -> 'reduction' ->> 'paidAssets')::numeric
         end assets,
         (l.args -> 'terms' ->> 'relatedParty')::boolean or exists (select from events m where m.contract = 'leases'
           and m.name = 'MarkedRelated' and m.args ->> 'leaseId' = l.args ->> 'leaseId' and m.args ->> 'payee' = $1
           and m.block <= $3) is_related
       from events l join events e on e.contract = 'leases'
         and e.name in ('Invoiced', 'FeeInvoiced', 'Paid', 'PaidFromEscrow')
         and e.args ->> 'leaseId' = l.args ->> 'leaseId' and e.block <= $3
       where l.contract = 'leases' and l.name = 'Opened' and l.args -> 'terms' ->> 'asset' = $2
         and coalesce(e.args ->> 'payee', e.args -> 'reduction' ->> 'payee') = $1) paid`,
    [payee, asset, head.number],
  );
  const { total = 0n, related = 0n } = rows[0] ?? {};
  return total === 0n ? 0 : Number((related * BPS + total - 1n) / total);
}

/** What came in and was not paid under a lease. */
async function otherReceipts(db: Db, address: string): Promise<bigint> {
  const { rows } = await db.query<{ assets: bigint }>(
    `select coalesce(sum(case name
         when 'SurplusBooked' then (args ->> 'assets')::numeric
         when 'PerformingStarted' then (args ->> 'returnedAssets')::numeric + (args ->> 'reserveAssets')::numeric
         when 'RefundingStarted' then -(args ->> 'surplusAssets')::numeric
         else (args ->> 'priceAssets')::numeric end), 0) assets
     from events where address = $1
       and name in ('SurplusBooked', 'PerformingStarted', 'RefundingStarted', 'LotSold', 'Redeemed')`,
    [address],
  );
  return rows[0]?.assets ?? 0n;
}
