import type { FacilityTerms, State, Step, StepKind } from "../../server/model/types.ts";

// The same terms as the contracts take them: enumerations by their place, payees by their address.

export const STATES: readonly State[] = [
  "Raising",
  "Funding",
  "Performing",
  "CashTrap",
  "EarlyAmortisation",
  "Enforcement",
  "Closed",
  "Refunding",
];
const STEP_KINDS: readonly StepKind[] = [
  "Fee",
  "Interest",
  "Reserve",
  "Principal",
  "Turbo",
  "Trap",
  "FeeExcess",
  "Residual",
];
const PRINCIPAL_KINDS = ["LevelPay", "Scheduled", "Balloon", "Sequential"];

/** Where lots may stand: US. */
export const COUNTRY_CODE = "0x5553";

export interface Addresses {
  readonly asset: string;
  readonly sponsor: string;
  readonly leases: string;
  readonly registry: string;
  readonly gate: string;
  readonly appraisal: string;
}

export function settingsOf(
  terms: FacilityTerms,
  addresses: Addresses,
  raiseUntilAt: bigint,
  addressOf: (payee: string) => string,
) {
  const steps = (list: readonly Step[]) =>
    list.map(({ kind, subjectIndex }) => ({ kind: STEP_KINDS.indexOf(kind), subjectIndex }));
  return {
    ...addresses,
    ...terms,
    raiseUntilAt,
    advanceBps: 10_000n,
    minEvidenceClass: 0n,
    classes: terms.classes.map((one, index) => ({
      name: `Class ${index}`,
      symbol: `C${index}`,
      terms: {
        ...one,
        scheduledWad: [...one.scheduledWad],
        kind: one.kind === "Senior" ? 0 : 1,
        principalKind: PRINCIPAL_KINDS.indexOf(one.principalKind),
        dayCount: one.dayCount === "Thirty360" ? 0 : 1,
      },
    })),
    fees: terms.fees.map((fee) => ({ ...fee, payee: addressOf(fee.payee) })),
    covenants: { ...terms.covenants, countries: [COUNTRY_CODE] },
    ratchet: [...terms.ratchet],
    performingSteps: steps(terms.performingSteps),
    amortisationSteps: steps(terms.amortisationSteps),
    enforcementSteps: steps(terms.enforcementSteps),
  };
}
