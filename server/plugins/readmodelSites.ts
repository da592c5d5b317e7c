import type { Model, NodeRecord, Site } from "../protocol/apiRegistry.ts";
import type { Hex } from "../protocol/bytes.ts";
import { nodeKeyHash } from "../protocol/identity.ts";
import type { PageAfter } from "../pages.ts";
import type { NodeFilter } from "../sourcesCapital.ts";
import { int8Array } from "./arrays.ts";
import type { Db } from "./db.ts";
import { reportedLots, type Directory } from "./directory.ts";
import type { View } from "./events.ts";
import { newestEpochs } from "./readmodelEpochs.ts";

// Sites, nodes and models, out of the registry's events; a node's newest reading out of what the oracles keep.

/** How far back a node's newest reading is looked for, in hours. */
const LOOKED_AT_COUNT = 168;

/** Nodes that are read at once where only some of them are wanted. */
const MIN_ROUND_COUNT = 500;

const TEXT = (hex: string) => Buffer.from(hex.slice(2), "hex").toString("utf8").replaceAll("\0", "");

/** Where a lot stands now, and whether it is there at all. */
const STANDING_LOTS = `select l.args ->> 'lotId' "lotId", (l.args -> 'lot' ->> 'gpuCount')::int8 "gpuCount",
    l.args -> 'lot' ->> 'modelId' "modelId",
    (select s.args ->> 'siteId' from events s where s.contract = 'registry' and s.name in ('LotRegistered', 'LotMoved')
       and s.args ->> 'lotId' = l.args ->> 'lotId' order by s.block desc, s.log_index desc limit 1) "siteId"
  from events l where l.contract = 'registry' and l.name = 'LotRegistered' and not exists (select 1 from events r
    where r.contract = 'registry' and r.name = 'LotRetired' and r.args ->> 'lotId' = l.args ->> 'lotId')`;

/** Sites by id. */
export async function sitesAfter(
  { db }: View,
  { limit, after }: PageAfter<bigint>,
  operator?: string,
): Promise<Site[]> {
  const { rows } = await db.query<{
    args: Record<string, string>;
    at: bigint;
    nodeCount: bigint;
    lotCount: bigint;
    gpuCount: bigint;
  }>(
    `with lots as (${STANDING_LOTS})
     select e.args, b.time at,
       (select count(*) from events n where n.contract = 'registry' and n.name = 'NodeRegistered'
         and n.args ->> 'siteId' = e.args ->> 'siteId' and not exists (select 1 from events r
           where r.contract = 'registry' and r.name = 'NodeRevoked' and r.args ->> 'nodeId' = n.args ->> 'nodeId')) "nodeCount",
       (select count(*) from lots where "siteId" = e.args ->> 'siteId') "lotCount",
       (select coalesce(sum("gpuCount"), 0) from lots where "siteId" = e.args ->> 'siteId') "gpuCount"
     from events e join blocks b on b.number = e.block where e.contract = 'registry' and e.name = 'SiteRegistered'
       and (e.args ->> 'siteId')::int8 > $1 and ($2::text is null or e.args ->> 'operator' = $2)
     order by (e.args ->> 'siteId')::int8 limit $3`,
    [after ?? -1n, operator ?? null, limit],
  );
  return rows.map(({ args, at, nodeCount, lotCount, gpuCount }) => ({
    siteId: args["siteId"] ?? "",
    operator: args["operator"] ?? "",
    country: TEXT(args["country"] ?? "0x"),
    gridZone: TEXT(args["gridZone"] ?? "0x"),
    registeredAt: String(at),
    nodeCount: Number(nodeCount),
    lotCount: Number(lotCount),
    gpuCount: String(gpuCount),
  }));
}

/** Models by id. */
export async function modelsAfter({ db }: View, { limit, after }: PageAfter<Hex>): Promise<Model[]> {
  const { rows } = await db.query<{
    args: Record<string, string>;
    lotCount: bigint;
    gpuCount: bigint;
    newest: { dayAt: string; rateWad: string } | null;
  }>(
    `with lots as (${STANDING_LOTS})
     select e.args, (select count(*) from lots where "modelId" = e.args ->> 'modelId') "lotCount",
       (select coalesce(sum("gpuCount"), 0) from lots where "modelId" = e.args ->> 'modelId') "gpuCount",
       (select f.args from events f where f.contract = 'computeIndex' and f.name = 'Fixed'
         and f.args ->> 'modelId' = e.args ->> 'modelId' order by (f.args ->> 'dayAt')::int8 desc limit 1) newest
     from events e where e.contract = 'registry' and e.name = 'ModelAdded' and e.args ->> 'modelId' > $1
     order by e.args ->> 'modelId' limit $2`,
    [after ?? "", limit],
  );
  return rows.map(({ args, lotCount, gpuCount, newest }) => ({
    modelId: args["modelId"] ?? "",
    name: args["name"] ?? "",
    tdpW: Number(args["tdpW"]),
    lotCount: Number(lotCount),
    gpuCount: String(gpuCount),
    rateWad: newest?.rateWad ?? null,
    rateDayAt: newest?.dayAt ?? null,
  }));
}

/** Of each node with devices: the lot that it reports for, and how many devices of it. */
export type NodePlaces = ReadonlyMap<bigint, { readonly lotId: bigint; readonly deviceCount: number }>;

const known = new WeakMap<Directory, NodePlaces>();

export function placesOf(directory: Directory): NodePlaces {
  const kept = known.get(directory);
  if (kept !== undefined) return kept;
  const places = new Map<bigint, { lotId: bigint; deviceCount: number }>();
  for (const [lotId, { devices }] of directory.lots) {
    for (const { nodeId } of devices) {
      const place = places.get(nodeId);
      if (place === undefined) places.set(nodeId, { lotId, deviceCount: 1 });
      else if (place.lotId === lotId) place.deviceCount += 1;
    }
  }
  known.set(directory, places);
  return places;
}

interface NodeRow {
  nodeId: bigint;
  siteId: string;
  publicX: Hex;
  publicY: Hex;
  operator: string;
  at: bigint;
  isRevoked: boolean;
}

/** Nodes by id; `directory` is the registry as it stands at the view's head. */
export async function nodesAfter(
  view: View,
  directory: Directory,
  page: PageAfter<bigint>,
  filter: NodeFilter,
): Promise<NodeRecord[]> {
  const nodeIds = filter.lotId === undefined ? undefined : nodesOfLot(directory, filter.lotId);
  if (nodeIds?.length === 0) return [];
  const { lastEpoch } = await newestEpochs(view);
  const found: NodeRecord[] = [];
  const limit = filter.isMissing === undefined ? page.limit : Math.max(page.limit, MIN_ROUND_COUNT);
  for (let after = page.after ?? -1n; found.length < page.limit;) {
    const rows = await nodeRows(view, { limit, after }, filter, nodeIds);
    for (const record of await shownNodes(view.db, directory, lastEpoch, rows)) {
      if (filter.isMissing !== undefined && record.isMissing !== filter.isMissing) continue;
      found.push(record);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) break;
    after = last.nodeId;
  }
  return found.slice(0, page.limit);
}

function nodesOfLot(directory: Directory, lotId: bigint): bigint[] {
  return [...placesOf(directory)].flatMap(([nodeId, place]) => (place.lotId === lotId ? [nodeId] : []));
}

async function nodeRows(
  { db }: View,
  { limit, after }: PageAfter<bigint>,
  { operator, siteId }: NodeFilter,
  nodeIds: readonly bigint[] | undefined,
): Promise<NodeRow[]> {
  const { rows } = await db.query<NodeRow>(
    `select (e.args ->> 'nodeId')::int8 "nodeId", e.args ->> 'siteId' "siteId", e.args ->> 'publicX' "publicX",
       e.args ->> 'publicY' "publicY", s.args ->> 'operator' operator, b.time at,
       exists (select 1 from events r where r.contract = 'registry' and r.name = 'NodeRevoked'
         and r.args ->> 'nodeId' = e.args ->> 'nodeId') "isRevoked"
     from events e join blocks b on b.number = e.block join events s on s.contract = 'registry'
       and s.name = 'SiteRegistered' and s.args ->> 'siteId' = e.args ->> 'siteId'
     where e.contract = 'registry' and e.name = 'NodeRegistered' and (e.args ->> 'nodeId')::int8 > $1
       and ($2::text is null or s.args ->> 'operator' = $2) and ($3::text is null or e.args ->> 'siteId' = $3)
       and ($4::int8[] is null or (e.args ->> 'nodeId')::int8 = any ($4))
     order by (e.args ->> 'nodeId')::int8 limit $5`,
    [
      ...[after, operator ?? null, siteId === undefined ? null : String(siteId)],
      ...[nodeIds === undefined ? null : int8Array(nodeIds), limit],
    ],
  );
  return rows;
}

async function shownNodes(
  db: Db,
  directory: Directory,
  lastEpoch: bigint | null,
  rows: readonly NodeRow[],
): Promise<NodeRecord[]> {
  const places = placesOf(directory);
  const periodEndAt = ((lastEpoch ?? 0n) + 1n) * 3600n;
  const reported = new Set(lastEpoch === null ? [] : reportedLots(directory, periodEndAt).map(({ lotId }) => lotId));
  const newest = await newestReadings(
    db,
    lastEpoch,
    rows.map(({ nodeId }) => nodeId),
  );
  return rows.map(({ nodeId, at, ...row }) => {
    const place = places.get(nodeId);
    const last = newest.get(nodeId);
    const isDue = place !== undefined && !row.isRevoked && reported.has(place.lotId);
    return {
      ...row,
      nodeId: String(nodeId),
      nodeKeyHash: nodeKeyHash(row.publicX, row.publicY),
      registeredAt: String(at),
      lotId: place === undefined ? null : String(place.lotId),
      deviceCount: place?.deviceCount ?? 0,
      lastEpoch: last === undefined ? null : String(last.epoch),
      lastReceivedAt: last === undefined ? null : String(last.receivedAt),
      isMissing: isDue && lastEpoch !== null && (last === undefined || last.epoch < lastEpoch),
    };
  });
}

/** The newest reading of each node that the first oracle here keeps, of the newest hours. */
async function newestReadings(
  db: Db,
  lastEpoch: bigint | null,
  nodeIds: readonly bigint[],
): Promise<Map<bigint, { epoch: bigint; receivedAt: bigint }>> {
  if (nodeIds.length === 0) return new Map();
  const until = (lastEpoch ?? 0n) + 2n;
  const { rows } = await db.query<{ nodeId: bigint; epoch: bigint; receivedAt: bigint }>(
    `select distinct on (n.id) n.id "nodeId", r.epoch, r.received_at "receivedAt"
     from unnest($1::int8[]) n (id) cross join generate_series($2::int8, $3::int8) h (epoch)
       join readings r on r.oracle_id = (select min(oracle_id) from readings) and r.epoch = h.epoch and r.node_id = n.id
     order by n.id, r.epoch desc`,
    [int8Array(nodeIds), until - BigInt(LOOKED_AT_COUNT), until],
  );
  return new Map(rows.map(({ nodeId, ...last }) => [nodeId, last]));
}
