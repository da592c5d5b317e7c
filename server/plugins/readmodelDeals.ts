import type { View } from "./events.ts";

// Facilities as the factory announced them: what was agreed, and does not change.

/** A facility's settings as its event has them. */
export interface Settings {
  asset: string;
  sponsor: string;
  raiseUntilAt: string;
  firstPaymentAt: string;
  anticipatedRepaymentAt: string;
  callableAt: string;
  reserveTargetAssets: string;
  classes: {
    name: string;
    symbol: string;
    terms: Record<"kind" | "principalKind" | "dayCount" | "couponBps" | "termMonthCount" | "targetAssets", string> &
      Record<"callPremiumBps" | "minimumAssets" | "balloonAssets", string> & { scheduledWad: string[] };
  }[];
  covenants: Record<"trapDscrBps" | "amortiseDscrBps" | "dscrPeriodCount" | "maxLtvBps" | "minCoverageBps", string> &
    Record<"covenantCureSec" | "interestCureSec", string> & { countries: string[] };
  ratchet: { maxPueE4: string; marginBps: string }[];
}

/** A facility as the factory announced it. */
export interface Created {
  address: string;
  tokens: string[];
  settings: Settings;
  createdAt: bigint;
}

/** Every facility; what follows it begins with "and". */
export const CREATED = `select args ->> 'facility' address, args -> 'classTokens' tokens, args -> 'settings' settings,
    b.time "createdAt"
  from events join blocks b on b.number = block where contract = 'facilities' and name = 'FacilityCreated'`;

/** What the factory announced of a facility; undefined for an address that is none. */
export async function createdAt({ db, head }: View, address: string): Promise<Created | undefined> {
  const { rows } = await db.query<Created>(`${CREATED} and args ->> 'facility' = $1 and block <= $2`, [
    address,
    head.number,
  ]);
  return rows[0];
}

/** The words that the names of its classes begin with; of classes without such, the first one's name. */
export function nameOf(names: readonly string[]): string {
  const [first = [], ...others] = names.map((name) => name.split(" "));
  if (others.length === 0) return first.join(" ");
  const differing = first.findIndex((word, place) => others.some((other) => other[place] !== word));
  return first.slice(0, differing === -1 ? first.length : differing).join(" ") || first.join(" ");
}
