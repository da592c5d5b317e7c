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

/** From FundingStarted until it closes: interest accrues. */
export const LIVE_STATES: readonly string[] = FACILITY_STATES.slice(1, 6);

export const TRIGGERS = ["Dscr", "Ltv", "Coverage", "Country", "Interest", "Maturity"] as const;

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

export const PRINCIPAL_KINDS = ["LevelPay", "Scheduled", "Balloon", "Sequential"] as const;

/** Who must have seen a holder's papers for what. */
export const INVESTOR_CATEGORIES = ["None", "Retail", "Professional", "Institutional"] as const;
