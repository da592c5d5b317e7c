import type { TransactionReceipt } from "ethers";

import { INTERFACES } from "../server/protocol/contracts.ts";
import type { Addresses } from "../server/protocol/deployment.ts";
import type { Cast } from "./cast.ts";
import { DEAL } from "./catalogue.ts";

// A facility of the catalogue's deal: what it is created with.

/** What differs from one facility to the next. */
export interface Offering {
  readonly name: string;
  readonly symbol: string;
  readonly seniorAssets: bigint;
  /** Of all lots: what the senior class does not pay, the residual does. */
  readonly costAssets: bigint;
  readonly raiseUntilAt: number;
  readonly firstPaymentAt: number;
}

export const COUNTRY = "0x5553"; // US
const NONE = 0;
const [FEE, INTEREST, RESERVE, PRINCIPAL, , TRAP, FEE_EXCESS, RESIDUAL] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** The priority of payments; the lists of early amortisation and enforcement keep nothing back. */
const STEPS = [
  { kind: FEE, subjectIndex: 0 },
  { kind: FEE, subjectIndex: 1 },
  { kind: INTEREST, subjectIndex: 0 },
  { kind: RESERVE, subjectIndex: 0 },
  { kind: PRINCIPAL, subjectIndex: 0 },
  { kind: TRAP, subjectIndex: 0 },
  { kind: FEE_EXCESS, subjectIndex: 0 },
  { kind: FEE_EXCESS, subjectIndex: 1 },
  { kind: RESIDUAL, subjectIndex: 1 },
];
const PASSING_STEPS = STEPS.filter(({ kind }) => kind !== RESERVE && kind !== TRAP);

/** The settings that the factory is given. */
export function facilitySettings(addresses: Addresses, cast: Cast, offering: Offering) {
  const { name, symbol, seniorAssets, costAssets, raiseUntilAt, firstPaymentAt } = offering;
  const feesOf = (bps: bigint) => (seniorAssets * bps) / 10_000n;
  const feeOf = (fixedAssets: bigint) => ({ fixedAssets, capAssets: fixedAssets });
  const monthlyInterest = (seniorAssets * DEAL.couponBps) / 120_000n;
  const monthlyFees = feesOf(DEAL.trusteeFeeBps + DEAL.servicerFeeBps);
  const classOf = (kind: 0 | 1, targetAssets: bigint) => ({
    ...{ kind, principalKind: 0, dayCount: 0, targetAssets, minimumAssets: targetAssets },
    ...{ callPremiumBps: 0, balloonAssets: 0n, scheduledWad: [] },
    couponBps: kind === 0 ? DEAL.couponBps : 0n,
    termMonthCount: kind === 0 ? DEAL.termMonths : 0n,
  });
  return {
    ...{ asset: addresses.asset, sponsor: cast.sponsor.address },
    ...{ leases: addresses.leases, registry: addresses.registry, gate: addresses.gate },
    ...{ appraisal: addresses.valuation, anticipatedRepaymentAt: NONE, callableAt: NONE },
    ...{ raiseUntilAt, firstPaymentAt, advanceBps: 10_000, minEvidenceClass: 2 },
    initialReserveAssets: 0n,
    reserveTargetAssets: DEAL.reserveMonths * (monthlyInterest + monthlyFees),
    classes: [
      { name: `${name} Senior A`, symbol: `${symbol}A`, terms: classOf(0, seniorAssets) },
      { name: `${name} Residual`, symbol: `${symbol}R`, terms: classOf(1, costAssets - seniorAssets) },
    ],
    fees: [
      { payee: cast.trustee.address, collectionsBps: 0, ...feeOf(feesOf(DEAL.trusteeFeeBps)) },
      { payee: cast.servicer.address, collectionsBps: 0, ...feeOf(feesOf(DEAL.servicerFeeBps)) },
    ],
    covenants: { ...DEAL.covenants, countries: [...DEAL.covenants.countries] },
    ratchet: [],
    auction: DEAL.auction,
    performingSteps: STEPS,
    amortisationSteps: PASSING_STEPS,
    enforcementSteps: PASSING_STEPS,
  };
}

/** The facility that a transaction created, and its class tokens. */
export function createdIn(receipt: TransactionReceipt): { facility: string; classTokens: string[] } {
  for (const log of receipt.logs) {
    const event = INTERFACES.facilities.parseLog(log);
    if (event?.name !== "FacilityCreated") continue;
    const [facility, classTokens] = event.args.toArray() as [string, string[]];
    return { facility, classTokens: [...classTokens] };
  }
  throw new Error("the factory announced no facility");
}
