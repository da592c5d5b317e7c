import type { Interface } from "ethers";

import { INTERFACES } from "../server/protocol/contracts.ts";

// Who may do what after which delay: the one table that the deployment sets, docs/governance.md shows and a test reads
// back from the chain. A delay hangs on a role, so what waits differently has roles of its own.

const HOUR_SEC = 3600;
const DAY_SEC = 24 * HOUR_SEC;

interface RoleRule {
  readonly roleId: bigint;
  /** How long a holder's call stands announced before it can be made. */
  readonly delaySec: number;
  /** What it is for, and why it waits so long. */
  readonly why: string;
}

/** The roles of the access manager. */
export const ROLES = {
  ADMIN: {
    ...{ roleId: 0n, delaySec: 5 * DAY_SEC },
    why: "hands out roles and changes the oracles: the longest, so that everybody can leave first",
  },
  AUDITOR: {
    ...{ roleId: 1n, delaySec: 0 },
    why: "states what it saw, of a lot or of some hours, or takes it back; no parameter",
  },
  SLASHER: { ...{ roleId: 2n, delaySec: 0 }, why: "contracts only, on a proof or a lost dispute" },
  HALTER: { ...{ roleId: 3n, delaySec: 0 }, why: "a contract only, on the proof of two quorums" },
  ARBITER: {
    ...{ roleId: 4n, delaySec: 0 },
    why: "rules between two parties who had their days to speak; its own deadline runs",
  },
  RISK: {
    ...{ roleId: 5n, delaySec: 2 * DAY_SEC },
    why: "every parameter of prices and markets: lenders and borrowers can leave before it holds",
  },
  RATER: {
    ...{ roleId: 6n, delaySec: DAY_SEC },
    why: "a rating moves one lessee's rent in a price; a day is seen, and not too late for a downgrade",
  },
  CURATOR: {
    ...{ roleId: 7n, delaySec: 3 * DAY_SEC },
    why: "more risk for the vault's holders: longer than a redemption takes",
  },
  ALLOCATOR: {
    ...{ roleId: 8n, delaySec: 0 },
    why: "trades within the caps and at bounded prices; a price does not wait",
  },
  GUARDIAN: { ...{ roleId: 9n, delaySec: 0 }, why: "stops what adds risk, at once; can do nothing else" },
  COMPLIANCE: {
    ...{ roleId: 10n, delaySec: 2 * DAY_SEC },
    why: "who may hold, and shares moved by law: the holder sees it coming and can object",
  },
  FREEZER: { ...{ roleId: 11n, delaySec: 0 }, why: "a court's freeze is of this hour, and moves nothing" },
  ISSUER: {
    ...{ roleId: 12n, delaySec: 2 * DAY_SEC },
    why: "a facility's terms never change: they can be read before there is one",
  },
  LISTER: {
    ...{ roleId: 13n, delaySec: 2 * DAY_SEC },
    why: "a listed contract holds shares past every credential",
  },
  LIMITER: {
    ...{ roleId: 14n, delaySec: 0 },
    why: "the curator's other hand: less risk for the vault's holders, at once",
  },
} as const satisfies Record<string, RoleRule>;

export type RoleName = keyof typeof ROLES;

/** Roles that only contracts of the system hold, and which. */
export const CONTRACT_ROLES = { SLASHER: ["faults", "disputes"], HALTER: ["faults"] } as const satisfies Partial<
  Record<RoleName, readonly (keyof typeof INTERFACES)[]>
>;

/** A role that somebody outside the system holds. */
export type Office = Exclude<RoleName, keyof typeof CONTRACT_ROLES>;

export const OFFICES = (Object.keys(ROLES) as RoleName[]).filter((role): role is Office => !(role in CONTRACT_ROLES));

/** What the access manager guards in a contract: each function's role, and why that one. */
type Rules = Readonly<Record<string, readonly [role: RoleName, why: string]>>;

/** Every restricted function of every contract; of facilities and class tokens it holds for each one. */
export const FUNCTIONS = {
  registry: {
    addModel: ["RISK", "its design power bounds what meters may say; a model never changes"],
    attest: ["AUDITOR", "evidence of a lot, dated and ending"],
    renew: ["AUDITOR", "one level of it"],
    revokeAttestation: ["AUDITOR", "protects at once"],
    unfreeze: ["RISK", "a lot shown twice may be drawn on again, once its devices were swapped"],
  },
  telemetry: {
    setConfig: ["ADMIN", "who signs every meter that money moves on"],
    halt: ["HALTER", "protects at once"],
    resolve: ["RISK", "ends a halt: upholds what was filed, or takes it back"],
  },
  disputes: { rule: ["ARBITER", "decides an answered dispute; a bond moves"] },
  bonds: { slash: ["SLASHER", "takes from a bond"] },
  gate: {
    listProvider: ["COMPLIANCE", "whose credentials count"],
    blockCountry: ["COMPLIANCE", "turns a country's holders away, or lets them in"],
    ruleClass: ["COMPLIANCE", "lock-ups and the limit of holders"],
    listHolder: ["LISTER", "lets a contract hold, or no more"],
    freeze: ["FREEZER", "one account's shares stand still; its claims grow on"],
  },
  facilities: {
    create: ["ISSUER", "a new facility with its terms"],
    pause: ["GUARDIAN", "stops subscriptions, draws and refinancings"],
    resume: ["RISK", "lets them go on"],
  },
  facility: { cancel: ["ADMIN", "calls off a raise nothing was drawn of; all is refunded"] },
  classToken: {
    forcedTransfer: ["COMPLIANCE", "moves a holder's shares by law"],
    recover: ["COMPLIANCE", "moves a lost wallet's shares to its owner's new one"],
    readmit: ["COMPLIANCE", "lets a wallet receive again that was lost"],
    setFrozenTokens: ["FREEZER", "some of a holder's shares stand still"],
  },
  valuation: {
    setCurve: ["RISK", "what a model's hardware is worth by age"],
    setHaircuts: ["RISK", "what is taken off by evidence and by age"],
    setDiscount: ["RISK", "what contracted rent is discounted with, by bucket"],
    rate: ["RATER", "a lessee's bucket: whether its rent counts, and for how much"],
  },
  computeIndex: { listPublisher: ["RISK", "who is asked for a rate"] },
  markets: {
    enableIrm: ["RISK", "a rate model for new markets, for good"],
    enableLltv: ["RISK", "a loan-to-value for new markets, for good"],
    pauseBorrowing: ["GUARDIAN", "stops new debt in one market"],
    resumeBorrowing: ["RISK", "lets it go on"],
    setFee: ["RISK", "lenders' part of the interest"],
    setFeeRecipient: ["RISK", "who gets it"],
  },
  vault: {
    list: ["CURATOR", "lets the vault hold a class, up to a cap"],
    raiseCap: ["CURATOR", "more of a facility"],
    lowerCap: ["LIMITER", "less of it; what is held stays"],
    closeClass: ["LIMITER", "no more of a class, once none is held"],
    subscribe: ["ALLOCATOR", "buys in a raise, within the cap"],
    buy: ["ALLOCATOR", "fills a sell order, at entry value at most"],
    sell: ["ALLOCATOR", "fills a buy order, at exit value less the discount at least"],
    pause: ["GUARDIAN", "stops deposits and purchases; redemptions and sales go on"],
    resume: ["RISK", "lets them go on"],
  },
  exchange: {
    setFee: ["RISK", "what sellers pay; an order's own limit holds against it"],
    setFeeRecipient: ["RISK", "who gets it"],
  },
} as const satisfies Partial<Record<keyof typeof INTERFACES, Rules>>;

/** A kind of contract that has restricted functions. */
export type Governed = keyof typeof FUNCTIONS;

export interface Restriction {
  readonly contract: Governed;
  readonly name: string;
  readonly selector: string;
  readonly role: RoleName;
  readonly why: string;
}

/** The restrictions of a kind of contract. */
export function restrictionsOf(contract: Governed): Restriction[] {
  const code: Interface = INTERFACES[contract];
  return Object.entries<readonly [RoleName, string]>(FUNCTIONS[contract]).map(([name, [role, why]]) => {
    const found = code.getFunction(name);
    if (found === null) throw new Error(`${contract} has no function ${name}`);
    return { contract, name, selector: found.selector, role, why };
  });
}

/** All restrictions, contract by contract. */
export const RESTRICTIONS = (Object.keys(FUNCTIONS) as Governed[]).flatMap(restrictionsOf);

/** The calls by which an administrator gives a contract's functions their roles, for the access manager. */
export function roleCalls(contract: Governed, target: string): string[] {
  const restrictions = restrictionsOf(contract);
  return [...new Set(restrictions.map(({ role }) => role))].map((role) =>
    INTERFACES.authority.encodeFunctionData("setTargetFunctionRole", [
      target,
      restrictions.filter((one) => one.role === role).map(({ selector }) => selector),
      ROLES[role].roleId,
    ]),
  );
}

/** A delay in words. */
export function delayText(delaySec: number): string {
  if (delaySec === 0) return "none";
  const days = delaySec / DAY_SEC;
  return days === 1 ? "a day" : `${days} days`;
}
