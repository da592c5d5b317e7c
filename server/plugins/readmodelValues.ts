import { LRUCache } from "lru-cache";

import { scheduledYield, isScheduled, type Standing } from "../model/outlook.ts";
import type { FacilityClass } from "../protocol/apiFacilities.ts";
import type { Appraisal, ClassValue, FacilityValue } from "../protocol/apiValues.ts";
import type { Facility } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Contracts } from "../protocol/contracts.ts";
import { BPS, WAD } from "../protocol/units.ts";
import type { PageBefore } from "../pages.ts";
import { isError } from "ethers";
import { inTurn, type BlockRow, type View } from "./events.ts";
import { createdAt } from "./readmodelDeals.ts";

// What a facility and its classes are worth. The contract computes it: it is asked at a block, and here its answer is
// put together with the parts that it is made of.

const MOST_BPS = 0xffff_ffffn; // of the API
const FLOAT_BPS = 10_000;

/** A facility with what the valuation needs to know of it beside, at one block. */
export interface Valued {
  readonly facility: Facility;
  readonly standings: readonly Standing[];
  readonly head: BlockRow;
}

/** A figure for who leaves and one for who comes, and when they may be acted on. */
interface Worth {
  readonly exitAssets: bigint;
  readonly entryAssets: bigint;
}

/** Net asset value now, with its parts. */
export async function valueOf(contracts: Contracts, { facility, standings, head }: Valued): Promise<FacilityValue> {
  const { valuation, leases } = contracts;
  const { address, asset } = facility;
  const [value, appraisal, [paidAssets], unpaidAssets] = await Promise.all([
    valuation.facilityValue(address),
    valuation.appraisal(address),
    leases.revenueAssets(address, asset),
    leases.receivableAssets(address, asset),
  ]);
  const { computedAt, maxAgeSec, heldUntilAt } = value;
  // As the contract takes it off: what was invoiced since the appraisal, as far as rent to come was counted.
  const invoicedAssets = paidAssets + unpaidAssets - appraisal.invoicedAssets;
  const movedAssets = invoicedAssets < appraisal.contractedAssets ? invoicedAssets : appraisal.contractedAssets;
  const { escrowAssets, collectionsAssets, reserveAssets, trappedAssets } = facility;
  const cash = [escrowAssets, collectionsAssets, reserveAssets, trappedAssets].reduce(
    (sum, each) => sum + BigInt(each),
    0n,
  );
  const seniorOwedAssets = facility.classes.reduce((sum, { owedAssets }) => sum + BigInt(owedAssets), 0n);
  const classes = await Promise.all(
    facility.classes.map(async (each) => {
      const worth = await valuation.classValue(address, each.classIndex);
      const accrued = await valuation.accruedAssets(each.token, BigInt(each.totalShares));
      const yields = yieldsOf(each, facility.marginBps, worth.entryAssets, standings[each.classIndex]!, head.time);
      return classValueOf(each, worth, accrued, yields);
    }),
  );
  return {
    ...{ address, asOfAt: String(head.time), maxAgeSec: Number(maxAgeSec) },
    computedAt: computedAt === 0n ? null : String(computedAt),
    expiresAt: computedAt === 0n ? null : String(computedAt + maxAgeSec),
    heldUntilAt: heldUntilAt > head.time ? String(heldUntilAt) : null,
    isUsable: isUsable(value, head.time),
    ...{ exitAssets: String(value.exitAssets), entryAssets: String(value.entryAssets) },
    parts: {
      ...{ escrowAssets, collectionsAssets, reserveAssets, trappedAssets },
      receivableExitAssets: String(value.exitAssets + movedAssets - appraisal.exitAssets - cash),
      receivableEntryAssets: String(value.entryAssets - appraisal.entryAssets - cash),
      lotExitAssets: String(appraisal.exitAssets),
      lotEntryAssets: String(appraisal.entryAssets),
      hardwareAssets: String(appraisal.hardwareAssets),
      contractedAssets: String(appraisal.contractedAssets),
      movedAssets: String(movedAssets),
    },
    seniorOwedAssets: String(seniorOwedAssets),
    ltvBps: partBps(seniorOwedAssets, value.exitAssets),
    classes,
  };
}

/** Whether a value may be acted on: neither stale nor held. */
export function isUsable(value: Omit<Prices, "classes" | keyof Worth>, nowAt: bigint): boolean {
  const { computedAt, maxAgeSec, heldUntilAt } = value;
  return computedAt > 0n && nowAt <= computedAt + maxAgeSec && nowAt >= heldUntilAt;
}

function classValueOf(
  { classIndex, token, symbol, totalShares, owedAssets }: FacilityClass,
  { exitAssets, entryAssets }: Worth,
  accruedAssets: bigint,
  yields: Pick<ClassValue, "runningYieldBps" | "scheduledYieldBps">,
): ClassValue {
  const shares = BigInt(totalShares);
  return {
    ...{ classIndex, token, symbol, totalShares, owedAssets },
    ...{ exitAssets: String(exitAssets), entryAssets: String(entryAssets), accruedAssets: String(accruedAssets) },
    exitPriceWad: priceWad(exitAssets, shares),
    entryPriceWad: priceWad(entryAssets, shares),
    ...yields,
  };
}

/** Assets per share; a share has the decimals of its asset. */
export function priceWad(assets: bigint, shares: bigint): string | null {
  return shares === 0n ? null : String((assets * WAD) / shares);
}

/** A part of a whole; null where there is no whole. */
export function partBps(assets: bigint, wholeAssets: bigint): number | null {
  if (wholeAssets === 0n) return null;
  const bps = (assets * BPS) / wholeAssets;
  return Number(bps < MOST_BPS ? bps : MOST_BPS);
}

/** What a senior class yields who comes at the entry price; interest accrued in that price comes back with the next date. */
function yieldsOf(
  { kind, couponBps, outstandingAssets, owedAssets }: FacilityClass,
  marginBps: number,
  entryAssets: bigint,
  standing: Standing,
  nowAt: bigint,
): Pick<ClassValue, "runningYieldBps" | "scheduledYieldBps"> {
  if (kind === "Residual" || BigInt(outstandingAssets) === 0n)
    return { runningYieldBps: null, scheduledYieldBps: null };
  const interest = BigInt(outstandingAssets) * BigInt(couponBps + marginBps);
  const cleanAssets = entryAssets - (BigInt(owedAssets) - BigInt(outstandingAssets));
  const rate = isScheduled(standing.terms) ? scheduledYield(standing, nowAt, entryAssets) : null;
  return {
    runningYieldBps: cleanAssets <= 0n ? null : Number(interest / cleanAssets),
    scheduledYieldBps: rate === null || rate < 0 ? null : Math.round(rate * FLOAT_BPS),
  };
}

// History

interface AppraisedRow {
  number: bigint;
  hash: Hex;
  time: bigint;
  transactionHash: Hex;
  appraisal: Record<
    "exitAssets" | "entryAssets" | "hardwareAssets" | "contractedAssets" | "computedAt" | "heldUntilAt",
    string
  >;
}

/** The appraisals of a facility, out of events, the newest first: one a block. */
export async function appraisedBefore(
  view: View,
  address: string,
  { limit, before }: PageBefore<bigint>,
): Promise<{ rows: AppraisedRow[]; tokens: string[] } | undefined> {
  const created = await createdAt(view, address);
  if (created === undefined) return undefined;
  const { rows } = await view.db.query<AppraisedRow>(
    `select * from (select distinct on (e.block) b.number, b.hash, b.time, e.tx_hash "transactionHash",
         e.args -> 'appraisal' appraisal
       from events e join blocks b on b.number = e.block
       where e.contract = 'valuation' and e.name = 'Appraised' and e.args ->> 'facility' = $1 and e.block <= $2
         and ($3::int8 is null or e.block < $3) order by e.block desc, e.log_index desc) a
     order by number desc limit $4`,
    [address, view.head.number, before ?? null, limit],
  );
  return { rows, tokens: created.tokens };
}

/** What everything was worth in one block, and whether that could be acted on. */
export interface Prices extends Worth {
  readonly computedAt: bigint;
  readonly maxAgeSec: bigint;
  readonly heldUntilAt: bigint;
  readonly classes: readonly (Worth & { readonly shares: bigint })[];
}

const KEPT = 5_000;
const GONE_MS = 600_000;
const AT_ONCE = 8;

/** Tells what facilities were worth in past blocks; a block's answer does not change, so it is asked once. */
export function openPastPrices(contractsAfter: (block: Pick<BlockRow, "hash">) => Contracts) {
  const known = new LRUCache<string, Prices>({ max: KEPT });
  // A node that has dropped a block's state is not asked for it on every request; another node may have it later.
  const gone = new LRUCache<string, true>({ max: KEPT, ttl: GONE_MS });

  const ask = async (address: string, tokens: readonly string[], block: Pick<BlockRow, "hash">): Promise<Prices> => {
    const { valuation, classToken } = contractsAfter(block);
    const { exitAssets, entryAssets, computedAt, maxAgeSec, heldUntilAt } = await valuation.facilityValue(address);
    const classes = await Promise.all(
      tokens.map(async (token, classIndex) => {
        const worth = await valuation.classValue(address, classIndex);
        return { ...pick(worth), shares: await classToken(token).totalSupply() };
      }),
    );
    return { exitAssets, entryAssets, computedAt, maxAgeSec, heldUntilAt, classes };
  };

  /** Undefined where the node has that block's state no more. */
  const at = async (address: string, tokens: readonly string[], block: Pick<BlockRow, "hash">) => {
    const key = `${block.hash} ${address}`;
    const found = known.get(key);
    if (found !== undefined || gone.has(key)) return found;
    try {
      const prices = await ask(address, tokens, block);
      known.set(key, prices);
      return prices;
    } catch (error) {
      if (!isError(error, "CALL_EXCEPTION") && !isUnanswered(error)) throw error;
      gone.set(key, true);
      return undefined;
    }
  };

  /** The appraisals with what everything was worth then. */
  const appraisals = async (address: string, { rows, tokens }: { rows: AppraisedRow[]; tokens: string[] }) => {
    const chunks = Array.from({ length: Math.ceil(rows.length / AT_ONCE) }, (_, at) =>
      rows.slice(at * AT_ONCE, (at + 1) * AT_ONCE),
    );
    const shown = await inTurn(chunks, (chunk) =>
      Promise.all(chunk.map(async (row) => appraisalOf(row, tokens, await at(address, tokens, row)))),
    );
    return shown.flat();
  };

  return { at, appraisals };
}

export type PastPrices = ReturnType<typeof openPastPrices>;

function isUnanswered(error: unknown): boolean {
  return (error as { code?: unknown }).code === "Chain_NoAnswer";
}

function pick({ exitAssets, entryAssets }: Worth): Worth {
  return { exitAssets, entryAssets };
}

function appraisalOf(row: AppraisedRow, tokens: readonly string[], prices: Prices | undefined): Appraisal {
  const { appraisal } = row;
  return {
    ...{ blockNumber: String(row.number), at: String(row.time), transactionHash: row.transactionHash },
    ...{ computedAt: appraisal.computedAt, heldUntilAt: appraisal.heldUntilAt === "0" ? null : appraisal.heldUntilAt },
    ...{ lotExitAssets: appraisal.exitAssets, lotEntryAssets: appraisal.entryAssets },
    ...{ hardwareAssets: appraisal.hardwareAssets, contractedAssets: appraisal.contractedAssets },
    exitAssets: prices === undefined ? null : String(prices.exitAssets),
    entryAssets: prices === undefined ? null : String(prices.entryAssets),
    classes: tokens.map((token, classIndex) => {
      const worth = prices?.classes[classIndex];
      return {
        ...{ classIndex, token },
        exitPriceWad: worth === undefined ? null : priceWad(worth.exitAssets, worth.shares),
        entryPriceWad: worth === undefined ? null : priceWad(worth.entryAssets, worth.shares),
      };
    }),
  };
}
