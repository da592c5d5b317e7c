// The enumerations of a facility by their place in the contracts' own.

export const FACILITY_STATES = [
  "Raising",
  "Funding",
  "Performing",
  "CashTrap",
  "EarlyAmortisation",
  "Enforcement",
  "Closed",
  "Refunding",
] as const;

export const STEP_KINDS = [
  "Fee",
  "Interest",
  "Reserve",
  "Principal",
  "Turbo",
  "Trap",
  "FeeExcess",
  "Residual",
] as const;
