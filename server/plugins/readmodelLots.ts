import type { LotDetail, LotMeterRecord } from "../protocol/api.ts";
import { countryText, type Hex } from "../protocol/bytes.ts";
import { emptyMeter, ratiosOf, subtractMeter, unpackMeter, type Meter } from "../protocol/meter.ts";
import type { PageAfter } from "../pages.ts";
import type { LotFilter } from "../sourcesCapital.ts";
import type { View } from "./events.ts";
import { finality, isStanding } from "./readmodelEpochs.ts";
import { END_COUNT } from "./readmodelLeases.ts";

// Lots and their meters, out of events.

interface LotRow {
  lotId: bigint;
  block: bigint;
  siteId: string;
  operator: string;
  entry: {
    gpuCount: string;
    tdpW: string;
    modelId: Hex;
    costAssets: string;
    commissionedAt: string;
  };
  country: Hex;
  modelName: string;
  identityRoot: Hex;
  levels: { level: number; expiresAt: string }[];
  isFrozen: boolean;
  isRetired: boolean;
  lienHolder: string | null;
  lease: { leaseId: string; endCount: string; settledCount: number; isBought: boolean } | null;
}

/** The newest of some registry events on the lot `l`. */
const newest = (names: string, value: string) =>
  `(select ${value} from events e where e.contract = 'registry' and e.name in (${names})
     and e.args ->> 'lotId' = l.args ->> 'lotId' order by e.block desc, e.log_index desc limit 1)`;

/** Where the lot `l` stands. */
const SITE = newest("'LotRegistered', 'LotMoved'", "e.args ->> 'siteId'");

const LOT = `select (l.args ->> 'lotId')::int8 "lotId", l.block, l.args -> 'lot' entry, ${SITE} "siteId",
    ${newest("'LotRegistered', 'LotPassed'", "e.args ->> 'operator'")} operator,
    (select args ->> 'country' from events where contract = 'registry' and name = 'SiteRegistered'
      and args ->> 'siteId' = ${SITE}) country,
    (select args ->> 'name' from events where contract = 'registry' and name = 'ModelAdded'
      and args ->> 'modelId' = l.args -> 'lot' ->> 'modelId') "modelName",
    ${newest("'LotRegistered', 'DevicesSwapped'", "coalesce(e.args -> 'lot', e.args) ->> 'identityRoot'")} "identityRoot",
    (select coalesce(jsonb_agg(jsonb_build_object('level', a.level, 'expiresAt', a."expiresAt") order by a.level), '[]')
     from (select distinct on (e.args ->> 'level') (e.args ->> 'level')::int level, e.args ->> 'expiresAt' "expiresAt"
       from events e where e.contract = 'registry' and e.name in ('Attested', 'AttestationVoided')
       and e.args ->> 'lotId' = l.args ->> 'lotId'
       order by e.args ->> 'level', e.block desc, e.log_index desc) a where a."expiresAt" is not null) levels,
    coalesce(${newest("'DuplicateProven', 'Unfrozen'", "e.name = 'DuplicateProven'")}, false) "isFrozen",
    ${newest("'LotRetired'", "true")} is not null "isRetired",
    ${newest("'LienTaken', 'LienReleased'", "case when e.name <> 'LienReleased' then e.args ->> 'holder' end")} "lienHolder",
    (select jsonb_build_object('leaseId', o.args ->> 'leaseId', 'endCount', ${END_COUNT},
       'settledCount', (select count(*) from events i where i.contract = 'leases' and i.name = 'Invoiced'
         and i.args ->> 'leaseId' = o.args ->> 'leaseId'),
       'isBought', coalesce((select i.name = 'Purchased' from events i where i.contract = 'leases'
         and i.name in ('Purchased', 'HandedOver') and i.args ->> 'leaseId' = o.args ->> 'leaseId'
         order by i.block desc, i.log_index desc limit 1), false))
     from events o where o.contract = 'leases' and o.name = 'Opened' and o.args ->> 'lotId' = l.args ->> 'lotId'
     order by o.block desc, o.log_index desc limit 1) lease
  from events l where l.contract = 'registry' and l.name = 'LotRegistered'`;

/** Lots by id, of those that a filter asks for. */
export async function lotsAfter(view: View, page: PageAfter<bigint>, filter: LotFilter = {}): Promise<LotDetail[]> {
  const { siteId, operator, modelId, facility, isFrozen, isRetired, evidenceClass = 0 } = filter;
  const found: LotDetail[] = [];
  for (let after = page.after ?? -1n; found.length < page.limit;) {
    const { rows } = await view.db.query<LotRow>(
      `select * from (${LOT}) o where "lotId" > $1 and ($2::text is null or "siteId" = $2)
         and ($3::text is null or operator = $3) and ($4::text is null or entry ->> 'modelId' = $4)
         and ($5::text is null or "lienHolder" = $5) and ($6::bool is null or "isFrozen" = $6)
         and ($7::bool is null or "isRetired" = $7) order by "lotId" limit $8`,
      [
        ...[after, siteId === undefined ? null : String(siteId), operator ?? null, modelId ?? null],
        ...[facility ?? null, isFrozen ?? null, isRetired ?? null, page.limit],
      ],
    );
    found.push(...rows.map((row) => lotOf(view, row)).filter((lot) => lot.evidenceClass >= evidenceClass));
    const last = rows.at(-1);
    if (last === undefined || rows.length < page.limit) break;
    after = last.lotId;
  }
  return found.slice(0, page.limit);
}

export async function lotAt(view: View, lotId: bigint): Promise<LotDetail | undefined> {
  const row = await rowOf(view, lotId);
  return row === undefined ? undefined : lotOf(view, row);
}

/** Some lots, by id. */
export async function lotsWith(view: View, lotIds: readonly string[]): Promise<LotDetail[]> {
  if (lotIds.length === 0) return [];
  const { rows } = await view.db.query<LotRow>(
    `${LOT} and l.args ->> 'lotId' = any($1) order by (l.args ->> 'lotId')::int8`,
    [lotIds],
  );
  return rows.map((row) => lotOf(view, row));
}

async function rowOf({ db }: View, lotId: bigint): Promise<LotRow | undefined> {
  const { rows } = await db.query<LotRow>(`${LOT} and l.args ->> 'lotId' = $1`, [String(lotId)]);
  return rows[0];
}

function lotOf({ head }: View, row: LotRow): LotDetail {
  const { entry, levels, isFrozen, isRetired, lease } = row;
  const isLeased = lease !== null && (lease.isBought || lease.settledCount < Number(lease.endCount));
  return {
    lotId: String(row.lotId),
    siteId: row.siteId,
    operator: row.operator,
    country: countryText(row.country),
    modelId: entry.modelId,
    modelName: row.modelName,
    gpuCount: Number(entry.gpuCount),
    tdpW: Number(entry.tdpW),
    costAssets: entry.costAssets,
    commissionedAt: entry.commissionedAt,
    identityRoot: row.identityRoot,
    evidenceClass: isFrozen || isRetired ? 0 : classOf(levels, head.time),
    ...{ levels, isFrozen, isRetired },
    lienHolder: row.lienHolder,
    leaseId: isLeased ? lease.leaseId : null,
  };
}

/** The highest k whose levels 1 … k all stand. */
function classOf(levels: LotRow["levels"], nowAt: bigint): number {
  const isInForce = (level: number) => levels.some((entry) => entry.level === level && BigInt(entry.expiresAt) > nowAt);
  let evidenceClass = 0;
  while (isInForce(evidenceClass + 1)) evidenceClass++;
  return evidenceClass;
}

/** GPUs of all lots. */
export async function gpuCountOf({ db }: View): Promise<bigint> {
  const { rows } = await db.query<{ gpuCount: bigint }>(
    `select coalesce(sum((args -> 'lot' ->> 'gpuCount')::numeric), 0) "gpuCount" from events
     where contract = 'registry' and name = 'LotRegistered'`,
  );
  return rows[0]?.gpuCount ?? 0n;
}

interface MeterRow {
  epoch: bigint;
  name: string;
  submittedAt: bigint;
  meter: { timeWord: Hex; energyWord: Hex; resourceWord: Hex } | null;
}

const METER = `select (args ->> 'epoch')::int8 epoch, name, (args ->> 'submittedAt')::int8 "submittedAt",
    (select jsonb_build_object('timeWord', w -> 4 * i + 1, 'energyWord', w -> 4 * i + 2, 'resourceWord', w -> 4 * i + 3)
     from (select args -> 'report' -> 'meterWords' w) r, generate_series(0, jsonb_array_length(w) / 4 - 1) i
     where substr(w ->> 4 * i, 43, 16) = $1) meter
  from events e where contract = 'telemetry' and ${isStanding("e")}`;

// The lot's id as the first of its words has it: 16 digits, before the 8 of the design power.
function lotDigits(lotId: bigint): string {
  return lotId.toString(16).padStart(16, "0");
}

/** A lot's meter at the end of each epoch of a range since it is reported; in a skipped epoch no counter moved. */
export async function metersOf(
  view: View,
  lotId: bigint,
  { fromEpoch, toEpoch, limit }: { readonly fromEpoch: bigint; readonly toEpoch: bigint; readonly limit: number },
): Promise<LotMeterRecord[] | undefined> {
  const lot = await rowOf(view, lotId);
  if (lot === undefined) return undefined;
  const { rows: before } = await view.db.query<MeterRow>(
    `${METER} and name = 'Submitted' and (args ->> 'epoch')::int8 < $2 order by (args ->> 'epoch')::int8 desc limit 1`,
    [lotDigits(lotId), fromEpoch],
  );
  const { rows } = await view.db.query<MeterRow>(
    `${METER} and name in ('Submitted', 'Skipped') and (args ->> 'epoch')::int8 between $2 and $3 and block > $4
     order by (args ->> 'epoch')::int8 limit $5`,
    [lotDigits(lotId), fromEpoch, toEpoch, lot.block, limit],
  );
  const isFinal = await finality(view);
  const first = before[0]?.meter ?? null;
  let last: Meter = first === null ? emptyMeter(BigInt(lot.entry.gpuCount)) : unpackMeter(first);
  return rows.map(({ epoch, name, submittedAt, meter }) => {
    const now = meter === null ? { ...last, reportingCount: 0n } : unpackMeter(meter);
    const growth = subtractMeter(now, last);
    last = now;
    return {
      epoch: String(epoch),
      state: name === "Skipped" ? "Skipped" : isFinal({ epoch, submittedAt }) ? "Final" : "Submitted",
      meter: shownMeter(now),
      ratios: shownRatios(growth),
    };
  });
}

function shownMeter({ gpuCount, reportingCount, ...counters }: Meter): LotMeterRecord["meter"] {
  const shown = Object.fromEntries(Object.entries(counters).map(([name, value]) => [name, String(value)]));
  const counts = { gpuCount: Number(gpuCount), reportingCount: Number(reportingCount) };
  return { ...counts, ...(shown as Omit<LotMeterRecord["meter"], keyof typeof counts>) };
}

function shownRatios(growth: Meter): LotMeterRecord["ratios"] {
  const { allocationBps, smActiveBps, pueE4, gpuHoursPerMWh, cfeBps, gCO2ePerKWh, coverageBps } = ratiosOf(growth);
  return {
    allocationBps: Number(allocationBps),
    smActiveBps: Number(smActiveBps),
    pueE4: Number(pueE4),
    gpuHoursPerMWh: String(gpuHoursPerMWh),
    cfeBps: Number(cfeBps),
    gCO2ePerKWh: String(gCO2ePerKWh),
    coverageBps: Number(coverageBps),
  };
}
