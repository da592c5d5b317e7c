import type { IdentitySearch } from "../protocol/apiRegistry.ts";
import type { Hex } from "../protocol/bytes.ts";
import { nodeKeyHash } from "../protocol/identity.ts";
import type { View } from "./events.ts";
import type { IdentityIndex } from "./identityIndex.ts";
import { lotAt } from "./readmodelLots.ts";

// Where a board's identity stands and stood: the roots out of events, the lists behind them out of published files.

/** A root that a lot has or had. */
export interface RootRow {
  readonly lotId: bigint;
  readonly identityRoot: Hex;
  readonly fromAt: bigint;
  readonly untilAt: bigint | null;
  readonly isRetired: boolean;
}

/** Every root of every lot, the oldest first. */
export async function rootsOf({ db }: View): Promise<RootRow[]> {
  const { rows } = await db.query<RootRow & { isEnd: boolean }>(
    `select (e.args ->> 'lotId')::int8 "lotId", e.name = 'LotRetired' "isEnd",
       coalesce(e.args -> 'lot', e.args) ->> 'identityRoot' "identityRoot", b.time "fromAt",
       lead(b.time) over own "untilAt", coalesce(lead(e.name = 'LotRetired') over own, false) "isRetired"
     from events e join blocks b on b.number = e.block
     where e.contract = 'registry' and e.name in ('LotRegistered', 'DevicesSwapped', 'LotRetired')
     window own as (partition by e.args ->> 'lotId' order by e.block, e.log_index)
     order by e.block, e.log_index`,
  );
  return rows.filter(({ isEnd }) => !isEnd);
}

export interface FoundPlace extends RootRow {
  readonly deviceIndex: number;
  readonly nodeId: bigint;
}

/** The places of an anchor under some roots, and the roots whose lists nobody published. */
export async function placesUnder(
  index: IdentityIndex,
  roots: readonly RootRow[],
  anchor: Hex,
): Promise<{ places: FoundPlace[]; unknownRoots: Hex[] }> {
  const places: FoundPlace[] = [];
  const unknownRoots = new Set<Hex>();
  for (const root of roots) {
    const found = await index.placesIn(root.identityRoot, anchor);
    if (found === undefined) unknownRoots.add(root.identityRoot);
    else places.push(...found.map((place) => ({ ...root, ...place })));
  }
  return { places, unknownRoots: [...unknownRoots] };
}

const LIEN_EVENTS = {
  LienOffered: "Offered",
  LienTaken: "Taken",
  LienReleased: "Released",
  LotPassed: "Passed",
} as const;

/** What the chain knows of an anchor and the lots where it was found. */
export async function searchOf(
  view: View,
  anchor: Hex,
  found: { places: readonly FoundPlace[]; unknownRoots: Hex[] },
): Promise<IdentitySearch> {
  const lotIds = [...new Set(found.places.map(({ lotId }) => lotId))];
  const lots = new Map<bigint, Awaited<ReturnType<typeof lotAt>>>();
  for (const lotId of lotIds) lots.set(lotId, await lotAt(view, lotId));
  const keys = await keysOf(view, found.places);
  return {
    anchor,
    places: found.places.map(({ lotId, deviceIndex, nodeId, identityRoot, fromAt, untilAt, isRetired }) => {
      const lot = lots.get(lotId);
      return {
        ...{ lotId: String(lotId), deviceIndex, identityRoot },
        nodeKeyHash: keys.get(nodeId) ?? `0x${"0".repeat(64)}`,
        nodeId: keys.has(nodeId) ? String(nodeId) : null,
        state: untilAt === null ? ("Live" as const) : isRetired ? ("Retired" as const) : ("Swapped" as const),
        ...{ fromAt: String(fromAt), untilAt: untilAt === null ? null : String(untilAt) },
        operator: lot?.operator ?? `0x${"0".repeat(40)}`,
        evidenceClass: lot?.evidenceClass ?? 0,
        isFrozen: lot?.isFrozen ?? false,
        lienHolder: lot?.lienHolder ?? null,
      };
    }),
    duplicates: await duplicatesOf(view, anchor),
    liens: await liensOf(view, lotIds),
    unknownRoots: found.unknownRoots,
  };
}

async function keysOf({ db }: View, places: readonly FoundPlace[]): Promise<Map<bigint, Hex>> {
  const { rows } = await db.query<{ nodeId: bigint; x: Hex; y: Hex }>(
    `select (args ->> 'nodeId')::int8 "nodeId", args ->> 'publicX' x, args ->> 'publicY' y from events
     where contract = 'registry' and name = 'NodeRegistered' and args ->> 'nodeId' = any ($1::text[])`,
    [places.map(({ nodeId }) => String(nodeId))],
  );
  return new Map(rows.map(({ nodeId, x, y }) => [nodeId, nodeKeyHash(x, y)]));
}

async function duplicatesOf({ db }: View, anchor: Hex): Promise<IdentitySearch["duplicates"]> {
  const { rows } = await db.query<{ args: Record<string, string>; at: bigint; transactionHash: Hex }>(
    `select e.args, b.time at, e.tx_hash "transactionHash" from events e join blocks b on b.number = e.block
     where e.contract = 'registry' and e.name = 'DuplicateProven' and e.args ->> 'anchor' = $1
     order by e.block, e.log_index`,
    [anchor],
  );
  return rows.map(({ args, at, transactionHash }) => ({
    lotId: args["lotId"] ?? "",
    injuredLotId: args["injuredLotId"] ?? "",
    provenAt: String(at),
    bountyTo: args["bountyTo"] ?? "",
    lienHolder: args["lienHolder"] ?? "",
    transactionHash,
  }));
}

async function liensOf({ db }: View, lotIds: readonly bigint[]): Promise<IdentitySearch["liens"]> {
  const { rows } = await db.query<{
    name: keyof typeof LIEN_EVENTS;
    args: Record<string, string>;
    at: bigint;
    transactionHash: Hex;
  }>(
    `select e.name, e.args, b.time at, e.tx_hash "transactionHash" from events e join blocks b on b.number = e.block
     where e.contract = 'registry' and e.name = any ($1::text[]) and e.args ->> 'lotId' = any ($2::text[])
     order by e.block, e.log_index`,
    [Object.keys(LIEN_EVENTS), lotIds.map(String)],
  );
  return rows.map(({ name, args, at, transactionHash }) => ({
    lotId: args["lotId"] ?? "",
    event: LIEN_EVENTS[name],
    account: args["holder"] ?? args["to"] ?? args["operator"] ?? "",
    at: String(at),
    transactionHash,
  }));
}
