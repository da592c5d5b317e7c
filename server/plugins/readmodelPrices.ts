import { id } from "ethers";

import type { IndexDay, Price } from "../protocol/apiExchange.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { WAD } from "../protocol/units.ts";
import type { PageBefore } from "../pages.ts";
import type { Db } from "./db.ts";
import type { BlockRow } from "./events.ts";
import type { ClassRow } from "./readmodelClasses.ts";
import { answerOrNull } from "./readmodelMarkets.ts";

// What classes and compute are worth, and whether that may be acted on.

const DAY_SEC = 86_400n;
/** A rate is an input of values for so long after its day (contracts/valuation/Valuation.sol). */
const INDEX_AGE_SEC = 5n * DAY_SEC;

/** What all shares of a class are worth, as `Valuation.classValue` answers. */
export interface ClassWorth {
  readonly exitAssets: bigint;
  readonly entryAssets: bigint;
  readonly computedAt: bigint;
  readonly maxAgeSec: bigint;
  readonly heldUntilAt: bigint;
}

/** Whether a value may be acted on, and if not why. */
export function stateOf({ computedAt, maxAgeSec, heldUntilAt }: ClassWorth, nowAt: bigint): Price["state"] {
  if (computedAt === 0n) return "None";
  if (nowAt > computedAt + maxAgeSec) return "Stale";
  return nowAt < heldUntilAt ? "Held" : "Usable";
}

/** A class's two prices at a block. */
export async function classPrice(
  contracts: Contracts,
  { facilities }: Pick<Deployment, "facilities">,
  { token, facility, classIndex, symbol }: ClassRow,
  { time }: BlockRow,
): Promise<Price> {
  const [worth, totalShares] = await Promise.all([
    answerOrNull<ClassWorth>(contracts.valuation.classValue(facility, classIndex)),
    contracts.classToken(token).totalSupply(),
  ]);
  const known = worth !== null && worth.computedAt > 0n && totalShares > 0n ? worth : null;
  const perShare = (assets: bigint) => String((assets * WAD) / totalShares);
  const feeds = facilities.find(({ address }) => address === facility)?.prices ?? [];
  return {
    ...{ priceId: token, kind: "class", name: symbol, facility, classIndex },
    exitWad: known && perShare(known.exitAssets),
    entryWad: known && perShare(known.entryAssets),
    computedAt: known && String(known.computedAt),
    maxAgeSec: Number(worth?.maxAgeSec ?? 0n),
    heldUntilAt: known === null || known.heldUntilAt === 0n ? null : String(known.heldUntilAt),
    state: known === null ? "None" : stateOf(known, time),
    feed: feeds[classIndex] ?? null,
  };
}

interface ModelRow {
  modelId: Hex;
  name: string;
  newest: { dayAt: string; rateWad: string } | null;
}

/** The newest rate of every model, by id. */
export async function indexPrices(
  db: Db,
  { indexFeeds }: Pick<Deployment, "indexFeeds">,
  { time }: BlockRow,
): Promise<Price[]> {
  const { rows } = await db.query<ModelRow>(
    `select m.args ->> 'modelId' "modelId", m.args ->> 'name' name,
       (select jsonb_build_object('dayAt', e.args ->> 'dayAt', 'rateWad', e.args ->> 'rateWad') from events e
        where e.contract = 'computeIndex' and e.name = 'Fixed' and e.args ->> 'modelId' = m.args ->> 'modelId'
        order by (e.args ->> 'dayAt')::int8 desc limit 1) newest
     from events m where m.contract = 'registry' and m.name = 'ModelAdded' order by 1`,
  );
  return rows.map(({ modelId, name, newest }) => {
    const computedAt = newest === null ? 0n : BigInt(newest.dayAt) + DAY_SEC;
    const isStale = computedAt + INDEX_AGE_SEC < time;
    return {
      ...{ priceId: modelId, kind: "index", name, facility: null, classIndex: null },
      exitWad: newest?.rateWad ?? null,
      entryWad: newest?.rateWad ?? null,
      computedAt: newest === null ? null : String(computedAt),
      maxAgeSec: Number(INDEX_AGE_SEC),
      heldUntilAt: null,
      state: newest === null ? "None" : isStale ? "Stale" : "Usable",
      feed: indexFeeds.find(({ model }) => model === name)?.address ?? null,
    };
  });
}

/** The fixed days of a model, the newest first; undefined for one that is not known. */
export async function indexDaysBefore(
  db: Db,
  model: string,
  { limit, before }: PageBefore<bigint>,
): Promise<IndexDay[] | undefined> {
  const modelId = /^0x[0-9a-f]{64}$/.test(model) ? model : id(model);
  const { rowCount } = await db.query(
    `select 1 from events where ((contract = 'registry' and name = 'ModelAdded')
       or (contract = 'computeIndex' and name = 'Fixed')) and args ->> 'modelId' = $1 limit 1`,
    [modelId],
  );
  if (rowCount === 0) return undefined;
  const { rows } = await db.query<{ args: Record<string, string>; at: bigint; transactionHash: Hex }>(
    `select e.args, b.time at, e.tx_hash "transactionHash" from events e join blocks b on b.number = e.block
     where e.contract = 'computeIndex' and e.name = 'Fixed' and e.args ->> 'modelId' = $1
       and ($2::int8 is null or (e.args ->> 'dayAt')::int8 < $2) order by (e.args ->> 'dayAt')::int8 desc limit $3`,
    [modelId, before ?? null, limit],
  );
  return rows.map(({ args, at, transactionHash }) => ({
    dayAt: args["dayAt"] ?? "",
    rateWad: args["rateWad"] ?? "",
    lowestWad: args["lowestWad"] ?? "",
    highestWad: args["highestWad"] ?? "",
    quoteCount: Number(args["quoteCount"]),
    fixedAt: String(at),
    transactionHash,
  }));
}
