import type { LeaseDraft, LeaseTermsJson } from "../protocol/apiDrafts.ts";
import type { LotDetail } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { TERMS, termsDigest, termsFaults } from "../protocol/leaseTerms.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { structDigest, type Domain } from "../protocol/typed.ts";
import type { PageBefore } from "../pages.ts";
import type { DraftFilter } from "../sourcesCapital.ts";
import type { Db } from "./db.ts";
import { bytes } from "./queries.ts";

// Leases that a lot's operator drafted and its lessee may sign; which of them were opened is told by the chain.

const MAX_OPEN_COUNT = 500;

interface DraftRow {
  draftId: Hex;
  place: bigint;
  operator: string;
  terms: LeaseTermsJson;
  draftedAt: bigint;
  signature: Hex | null;
  signedAt: bigint | null;
  /** Leases that may be of this draft, as they were opened. */
  opened: { leaseId: string; terms: Record<string, unknown> }[];
}

const DRAFT = `select d.draft_id "draftId", d.place, d.operator, d.terms, d.drafted_at "draftedAt", d.signature,
    d.signed_at "signedAt",
    (select coalesce(jsonb_agg(jsonb_build_object('leaseId', e.args ->> 'leaseId', 'terms', e.args -> 'terms')), '[]')
     from events e where e.contract = 'leases' and e.name = 'Opened' and e.args ->> 'lotId' = d.lot_id::text
       and e.args -> 'terms' ->> 'salt' = d.terms ->> 'salt') opened
  from lease_drafts d`;

function shown(domain: Domain, { draftId, operator, terms, opened, ...row }: DraftRow): LeaseDraft {
  const lease = opened.find((one) => structDigest(TERMS, domain, one.terms) === draftId);
  const { draftedAt, signature, signedAt } = row;
  return {
    draftId,
    state: lease !== undefined ? "Opened" : signature !== null ? "Signed" : "Drafted",
    ...{ operator, terms, signature, draftedAt: String(draftedAt) },
    signedAt: signedAt === null ? null : String(signedAt),
    leaseId: lease?.leaseId ?? null,
  };
}

/** Drafts, the newest first. */
export async function draftsBefore(
  db: Db,
  domain: Domain,
  { limit, before }: PageBefore<Hex>,
  { party, state, lotId }: DraftFilter,
): Promise<LeaseDraft[]> {
  const found: LeaseDraft[] = [];
  let place = before === undefined ? null : await placeOf(db, before);
  for (;;) {
    const { rows } = await db.query<DraftRow>(
      `${DRAFT} where ($1::int8 is null or d.place < $1) and ($2::text is null or $2 in (d.operator, d.lessee))
         and ($3::int8 is null or d.lot_id = $3) order by d.place desc limit $4`,
      [place, party ?? null, lotId ?? null, limit],
    );
    for (const row of rows) {
      const draft = shown(domain, row);
      if (state === undefined || draft.state === state) found.push(draft);
    }
    const last = rows.at(-1);
    if (found.length >= limit || last === undefined || rows.length < limit) return found.slice(0, limit);
    place = last.place;
  }
}

/** The place of a draft in the order in which they came; 0 where there is none, so that nothing comes before it. */
async function placeOf(db: Db, draftId: Hex): Promise<bigint> {
  const { rows } = await db.query<{ place: bigint }>("select place from lease_drafts where draft_id = $1", [
    bytes(draftId),
  ]);
  return rows[0]?.place ?? 0n;
}

export async function draftOf(db: Db, domain: Domain, draftId: Hex): Promise<LeaseDraft | undefined> {
  const { rows } = await db.query<DraftRow>(`${DRAFT} where d.draft_id = $1`, [bytes(draftId)]);
  return rows[0] === undefined ? undefined : shown(domain, rows[0]);
}

/** The id of terms that an operator hands in. Refuses what is not its lot, and what the contract would refuse. */
export function checkedDraft(
  domain: Domain,
  terms: LeaseTermsJson,
  by: string,
  lot: LotDetail | undefined,
  place: { readonly nowAt: bigint; readonly assetDecimalCount: number },
): Hex {
  const { lotId } = terms;
  if (lot === undefined) throw new Refusal("Draft_UnknownLot", { lotId });
  demand(lot.operator === by, "Draft_NotOperator", { lotId, address: by });
  const { country, isRetired } = lot;
  const [fault] = termsFaults(terms, { ...place, country, isRetired, payee: lot.lienHolder ?? lot.operator });
  if (fault !== undefined) throw new Refusal(fault.code, { at: fault.at, lotId });
  return termsDigest(domain, terms);
}

/**
 * Keeps a draft; false where it was there. Refuses one more of an operator that has very many that can still be opened:
 * not those that were, nor those whose start is past. In a transaction, in which an operator's are counted in turn.
 */
export async function insertDraft(
  tx: Db,
  draftId: Hex,
  terms: LeaseTermsJson,
  operator: string,
  at: bigint,
): Promise<boolean> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`drafts of ${operator}`]);
  const { rows } = await tx.query<{ count: bigint }>(
    `select count(*) count from lease_drafts d where d.operator = $1 and (d.terms ->> 'startAt')::numeric > $2
       and not exists (select 1 from events e where e.contract = 'leases' and e.name = 'Opened'
         and e.args ->> 'lotId' = d.lot_id::text and e.args -> 'terms' ->> 'salt' = d.terms ->> 'salt')`,
    [operator, at],
  );
  demand((rows[0]?.count ?? 0n) < MAX_OPEN_COUNT, "Draft_TooMany", { operator, maxCount: MAX_OPEN_COUNT });
  const { rowCount } = await tx.query(
    `insert into lease_drafts (draft_id, operator, lessee, lot_id, terms, drafted_at)
     values ($1, $2, $3, $4, $5, $6) on conflict (draft_id) do nothing`,
    [bytes(draftId), operator, terms.lessee, BigInt(terms.lotId), JSON.stringify(terms), at],
  );
  return rowCount === 1;
}

/** Adds the lessee's signature to a draft, once. */
export async function keepSignature(db: Db, draftId: Hex, signature: Hex, at: bigint): Promise<void> {
  await db.query("update lease_drafts set signature = $2, signed_at = $3 where draft_id = $1 and signature is null", [
    ...[bytes(draftId), bytes(signature), at],
  ]);
}
