/** The roles of the access manager by their ids, as the deployment hands them out (docs/governance.md). */
export const AUTHORITY_ROLES = [
  "admin",
  "auditor",
  "slasher",
  "halter",
  "arbiter",
  "risk",
  "rater",
  "curator",
  "allocator",
  "guardian",
  "compliance",
  "freezer",
  "issuer",
  "lister",
  "limiter",
] as const;

/** What an account is by what it has: a site or a lot, a facility, a lease. */
export const OWN_ROLES = ["operator", "sponsor", "lessee"] as const;

export const ROLE_NAMES = [...AUTHORITY_ROLES, ...OWN_ROLES] as const;

/** What an account is on the chain. */
export type Role = (typeof ROLE_NAMES)[number];
