import type { FacilityTerms, Step } from "../../server/model/types.ts";
import { DAY_COUNTS } from "../../server/protocol/calendar.ts";
import { STEP_KINDS } from "../../server/protocol/deal.ts";

// The same terms as the contracts take them: enumerations by their place, payees by their address.

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
        dayCount: DAY_COUNTS.indexOf(one.dayCount),
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
