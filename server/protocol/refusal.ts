/** What a refusal is about, in numbers (bigint) and names (string); serialises to decimal strings. */
export type RefusalFacts = Readonly<Record<string, bigint | number | string>>;

/** Input that breaks a rule. `code` is stable and named like a Solidity error: `Subject_Reason`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly facts: RefusalFacts;

  constructor(code: string, facts: RefusalFacts) {
    const list = Object.entries(facts).map(([key, value]) => `${key} ${String(value)}`);
    super(`${code}: ${list.join(", ")}`);
    this.code = code;
    this.facts = facts;
  }
}

/** Refuses with `code` unless `condition` holds. */
export function demand(condition: boolean, code: string, facts: RefusalFacts): asserts condition {
  if (!condition) throw new Refusal(code, facts);
}
