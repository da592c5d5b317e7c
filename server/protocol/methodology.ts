import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";

import { checkFactors, type SiteFactors } from "./lot.ts";
import { Refusal, demand } from "./refusal.ts";
import { parseU64 } from "./units.ts";

// What turns GPU energy into site energy, water and carbon, published: a report commits to it by its hash.

/** The site factors of one epoch: a default, and the sites that have others. */
export interface Methodology {
  readonly factors: SiteFactors;
  readonly exceptions: ReadonlyMap<bigint, SiteFactors>; // by siteId
}

const strict = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
const FACTORS = ["overheadE4", "pueE4", "cfeBps", "gCO2ePerKWh", "waterMlPerKWh"] as const;
const factorFields = Object.fromEntries(FACTORS.map((name) => [name, Count])) as Record<
  keyof SiteFactors,
  typeof Count
>;
const FactorsSchema = Type.Object(factorFields, strict);
const SiteId = Type.String({ pattern: "^(0|[1-9][0-9]{0,19})$" });
const MethodologySchema = Type.Object(
  {
    version: Type.Literal(1),
    default: FactorsSchema,
    sites: Type.Array(Type.Object({ siteId: SiteId, ...factorFields }, strict), { maxItems: 100_000 }),
  },
  strict,
);
const validator = Compile(MethodologySchema);

/** The longest methodology that is read, bytes. */
export const MAX_METHODOLOGY_BYTES = 1 << 24;

function factorsJson(factors: SiteFactors): Static<typeof FactorsSchema> {
  return Object.fromEntries(FACTORS.map((name) => [name, Number(factors[name])])) as Static<typeof FactorsSchema>;
}

function parseFactors(json: Static<typeof FactorsSchema>): SiteFactors {
  return Object.fromEntries(FACTORS.map((name) => [name, BigInt(json[name])])) as unknown as SiteFactors;
}

/** A methodology's one text, whose keccak256 is in the report: JSON without spaces, fields in this order, sites by id. */
export function methodologyText({ factors, exceptions }: Methodology): string {
  checkFactors({}, factors);
  for (const [siteId, others] of exceptions) checkFactors({ siteId }, others);
  const sites = [...exceptions].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    version: 1,
    default: factorsJson(factors),
    sites: sites.map(([siteId, others]) => ({ siteId: String(siteId), ...factorsJson(others) })),
  });
}

/** A methodology out of its text; refuses every other spelling of it, and factors that cannot be. */
export function parseMethodology(text: string): Methodology {
  const json = parsed(text);
  const exceptions = new Map<bigint, SiteFactors>();
  for (const site of json.sites) exceptions.set(parseU64(site.siteId, "siteId"), parseFactors(site));
  const methodology = { factors: parseFactors(json.default), exceptions };
  demand(methodologyText(methodology) === text, "Methodology_NotCanonical", { text: text.slice(0, 200) });
  return methodology;
}

function parsed(text: string): Static<typeof MethodologySchema> {
  demand(text.length <= MAX_METHODOLOGY_BYTES, "Methodology_TooLong", { length: text.length });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Refusal("Methodology_Malformed", { text: text.slice(0, 200) });
  }
  if (!validator.Check(json)) throw new Refusal("Methodology_Malformed", { text: text.slice(0, 200) });
  return json;
}

/** The factors of a site. */
export function factorsOf({ factors, exceptions }: Methodology, siteId: bigint): SiteFactors {
  return exceptions.get(siteId) ?? factors;
}
