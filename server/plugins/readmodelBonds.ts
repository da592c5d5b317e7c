import type { Bond, Dispute } from "../protocol/apiRegistry.ts";
import { DISPUTE_STATES } from "../protocol/apiRegistry.ts";
import type { Hex } from "../protocol/bytes.ts";
import { BPS } from "../protocol/units.ts";
import type { PageAfter, PageBefore } from "../pages.ts";
import type { BondFilter, DisputeFilter } from "../sourcesCapital.ts";
import type { View } from "./events.ts";

// Bonds, what was slashed of them, and disputes, as the events of their contracts tell.

interface Pool {
  assets: bigint;
  shares: bigint;
  unbondingShares: bigint;
  slashedAssets: bigint;
}

interface Cover {
  assets: bigint;
  readonly expiresAt: bigint;
}

interface Books {
  readonly pools: Map<string, Pool>;
  /** By lot, then by index. */
  readonly covers: Map<string, Map<string, Cover>>;
  readonly unmetAssets: Map<string, bigint>;
  lotBondBps: bigint;
  oracleBondAssets: bigint;
}

type Args = Record<string, string>;

function poolOf({ pools }: Books, { bondId = "" }: Args): Pool {
  const known = pools.get(bondId);
  if (known !== undefined) return known;
  const pool: Pool = { assets: 0n, shares: 0n, unbondingShares: 0n, slashedAssets: 0n };
  pools.set(bondId, pool);
  return pool;
}

const amount = (args: Args, name: string) => BigInt(args[name] ?? 0);

function addUnmet({ unmetAssets }: Books, { lotId = "" }: Args, assets: bigint): void {
  unmetAssets.set(lotId, (unmetAssets.get(lotId) ?? 0n) + assets);
}

const ENTRIES: Record<string, (books: Books, args: Args & { settings?: Args }) => void> = {
  Opened(books, { settings = {} }) {
    books.lotBondBps = amount(settings, "lotBondBps");
    books.oracleBondAssets = amount(settings, "oracleBondAssets");
  },
  Posted(books, args) {
    const pool = poolOf(books, args);
    pool.assets += amount(args, "assets");
    pool.shares += amount(args, "shares");
  },
  UnbondingStarted: (books, args) => (poolOf(books, args).unbondingShares += amount(args, "shares")),
  UnbondingCancelled: (books, args) => (poolOf(books, args).unbondingShares -= amount(args, "shares")),
  Withdrawn(books, args) {
    const pool = poolOf(books, args);
    pool.assets -= amount(args, "assets");
    pool.shares -= amount(args, "shares");
    pool.unbondingShares -= amount(args, "shares");
  },
  Slashed(books, args) {
    const pool = poolOf(books, args);
    pool.assets -= amount(args, "takenAssets");
    pool.slashedAssets += amount(args, "takenAssets");
    // When everything was taken, the shares of it are void.
    if (pool.assets === 0n) [pool.shares, pool.unbondingShares] = [0n, 0n];
  },
  CoverGiven(books, args) {
    const { lotId = "", coverIndex = "" } = args;
    const covers = books.covers.get(lotId) ?? new Map<string, Cover>();
    books.covers.set(
      lotId,
      covers.set(coverIndex, { assets: amount(args, "assets"), expiresAt: amount(args, "expiresAt") }),
    );
  },
  CoverEnded: ({ covers }, { lotId = "", coverIndex = "" }) => covers.get(lotId)?.delete(coverIndex),
  LossUnmet: (books, args) => addUnmet(books, args, amount(args, "assets")),
  LossMet(books, args) {
    const cover = books.covers.get(args["lotId"] ?? "")?.get(args["coverIndex"] ?? "");
    if (cover !== undefined) cover.assets -= amount(args, "assets");
    addUnmet(books, args, -amount(args, "assets"));
  },
};

/** The id of a lot's bond. */
export function lotBondId(lotId: bigint | string): Hex {
  return `0x01${BigInt(lotId).toString(16).padStart(62, "0")}`;
}

function oracleBondId(signer: string): Hex {
  return `0x02${signer.slice(2).toLowerCase().padStart(62, "0")}`;
}

interface LotOwner {
  readonly lotId: string;
  readonly operator: string;
  readonly costAssets: string;
  readonly isRetired: boolean;
}

/** What stands behind every lot that is live or has a bond, then behind every oracle. */
export async function bondsOf({ db, head }: View): Promise<Bond[]> {
  const books: Books = {
    ...{ pools: new Map(), covers: new Map(), unmetAssets: new Map(), lotBondBps: 0n, oracleBondAssets: 0n },
  };
  const { rows } = await db.query<{ name: string; args: Args }>(
    "select name, args from events where contract = 'bonds' order by block, log_index",
  );
  for (const { name, args } of rows) ENTRIES[name]?.(books, args);
  const { rows: lots } = await db.query<LotOwner>(
    `select l.args ->> 'lotId' "lotId", l.args -> 'lot' ->> 'costAssets' "costAssets",
       (select o.args ->> 'operator' from events o where o.contract = 'registry' and o.name in ('LotRegistered', 'LotPassed')
         and o.args ->> 'lotId' = l.args ->> 'lotId' order by o.block desc, o.log_index desc limit 1) operator,
       exists (select 1 from events r where r.contract = 'registry' and r.name = 'LotRetired'
         and r.args ->> 'lotId' = l.args ->> 'lotId') "isRetired"
     from events l where l.contract = 'registry' and l.name = 'LotRegistered' order by (l.args ->> 'lotId')::int8`,
  );
  const { rows: configs } = await db.query<{ signers: string[] }>(
    `select args -> 'signers' signers from events where contract = 'telemetry' and name = 'ConfigSet'
     order by block desc, log_index desc limit 1`,
  );
  const signers = new Map((configs[0]?.signers ?? []).map((signer) => [oracleBondId(signer), signer]));
  const oracleIds = new Set([...signers.keys(), ...[...books.pools.keys()].filter((id) => id.startsWith("0x02"))]);
  return [
    ...lots
      .filter(({ lotId, isRetired }) => !isRetired || books.pools.has(lotBondId(lotId)))
      .map((lot) => lotBond(books, lot, head.time)),
    ...[...oracleIds].sort().map((bondId) => oracleBond(books, bondId as Hex, signers.get(bondId as Hex))),
  ];
}

function lotBond(books: Books, { lotId, operator, costAssets, isRetired }: LotOwner, nowAt: bigint): Bond {
  const bondId = lotBondId(lotId);
  const requiredAssets = isRetired ? 0n : (BigInt(costAssets) * books.lotBondBps + BPS - 1n) / BPS;
  const covers = [...(books.covers.get(lotId)?.values() ?? [])].filter(({ expiresAt }) => expiresAt > nowAt);
  return {
    ...{ bondId, kind: "lot", lotId, operator, signer: null },
    ...shownPool(poolOf(books, { bondId }), requiredAssets),
    coverAssets: String(covers.reduce((sum, { assets }) => sum + assets, 0n)),
    unmetAssets: String(books.unmetAssets.get(lotId) ?? 0n),
  };
}

function oracleBond(books: Books, bondId: Hex, signer: string | undefined): Bond {
  return {
    ...{ bondId, kind: "oracle", lotId: null, operator: null, signer: signer ?? `0x${bondId.slice(26)}` },
    ...shownPool(poolOf(books, { bondId }), signer === undefined ? 0n : books.oracleBondAssets),
    ...{ coverAssets: "0", unmetAssets: "0" },
  };
}

function shownPool({ assets, shares, unbondingShares, slashedAssets }: Pool, requiredAssets: bigint) {
  const worth = (part: bigint) => (shares === 0n ? 0n : (part * assets) / shares);
  return {
    assets: String(assets),
    unbondingAssets: String(worth(unbondingShares)),
    requiredAssets: String(requiredAssets),
    isMet: worth(shares - unbondingShares) >= requiredAssets,
    slashedAssets: String(slashedAssets),
  };
}

/** A page of bonds, by id. */
export function bondPage(bonds: readonly Bond[], { limit, after }: PageAfter<Hex>, filter: BondFilter): Bond[] {
  const { operator, lotId, kind } = filter;
  return bonds
    .filter((bond) => kind === undefined || bond.kind === kind)
    .filter((bond) => operator === undefined || bond.operator === operator)
    .filter((bond) => lotId === undefined || bond.lotId === String(lotId))
    .filter(({ bondId }) => after === undefined || bondId > after)
    .slice(0, limit);
}

interface DisputeRow {
  args: Args;
  at: bigint;
  transactionHash: Hex;
  answer: Args | null;
  decision: Args | null;
}

/** Disputes, the newest first. */
export async function disputesBefore(
  { db, head }: View,
  { limit, before }: PageBefore<bigint>,
  { lotId, operator, isOpen = false }: DisputeFilter,
): Promise<Dispute[]> {
  const later = (name: string) => `(select l.args from events l where l.contract = 'disputes' and l.name = '${name}'
    and l.args ->> 'disputeId' = e.args ->> 'disputeId')`;
  const { rows } = await db.query<DisputeRow>(
    `select * from (select e.args, b.time at, e.tx_hash "transactionHash", ${later("Answered")} answer,
         ${later("Decided")} decision
       from events e join blocks b on b.number = e.block where e.contract = 'disputes' and e.name = 'Disputed'
         and ($1::int8 is null or (e.args ->> 'disputeId')::int8 < $1) and ($2::text is null or e.args ->> 'lotId' = $2)
         and ($3::text is null or e.args ->> 'operator' = $3)) d
     where $4::bool is false or d.decision is null order by (d.args ->> 'disputeId')::int8 desc limit $5`,
    [before ?? null, lotId === undefined ? null : String(lotId), operator ?? null, isOpen, limit],
  );
  return rows.map(({ args, at, transactionHash, answer, decision }) => {
    const state = decision === null ? (answer === null ? 1 : 2) : Number(decision["state"]);
    const deadlineAt = decision === null ? (answer?.["deadlineAt"] ?? args["deadlineAt"] ?? "0") : null;
    const winner = decision?.["winner"];
    return {
      disputeId: args["disputeId"] ?? "",
      lotId: args["lotId"] ?? "",
      epoch: args["epoch"] ?? "",
      state: DISPUTE_STATES[state - 1] ?? "Open",
      disputer: args["disputer"] ?? "",
      operator: args["operator"] ?? "",
      evidenceHash: args["evidenceHash"] ?? "",
      answerHash: answer?.["answerHash"] ?? null,
      disputedAt: String(at),
      deadlineAt,
      isDue: deadlineAt !== null && BigInt(deadlineAt) <= head.time,
      winner: winner === undefined || BigInt(winner) === 0n ? null : winner,
      loserAssets: decision?.["loserAssets"] ?? "0",
      transactionHash,
    };
  });
}
