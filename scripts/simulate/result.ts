import type { Figure } from "./figures.ts";

// What a simulation gives, as `--json` prints it. Amounts are whole units of the stablecoin (six decimals) as decimal
// text, but `levelPayment`, which is dollars and cents; ratios say their unit in their names, times are ISO dates.

export interface StepResult {
  kind: string;
  /** The fee's or class's name; "" for the reserve and the trap. */
  subject: string;
  due: string;
  paid: string;
}

export interface ClassPeriod {
  name: string;
  interest: string;
  principal: string;
  outstanding: string;
  /** Outstanding ÷ raised. */
  poolFactor: string;
}

/** Where all money that ever came in is: received = the sum of the others. */
export interface Conservation {
  received: string;
  fees: string;
  claimable: string;
  claimed: string;
  reserve: string;
  trapped: string;
  collections: string;
  escrow: string;
}

export interface PeriodResult {
  index: number;
  dueOn: string;
  state: string;
  /** What the facility collected since the date before, and the rent among it. */
  collections: string;
  rent: string;
  invoiced: string;
  net: string;
  service: string;
  /** Of the last dates that the covenant averages; null with nothing to serve. */
  dscrBps: number | null;
  ltvBps: number | null;
  value: string;
  steps: StepResult[];
  classes: ClassPeriod[];
  reserve: string;
  trapped: string;
  /** What happened since the date before, in words. */
  events: string[];
  cash: Conservation;
}

export interface ClassResult {
  name: string;
  kind: "Senior" | "Residual";
  principalKind: string;
  couponBps: number;
  raised: string;
  interest: string;
  principal: string;
  outstanding: string;
  loss: string;
  /** XIRR of what holders paid and claimed. */
  yield: number | null;
  /** Paid out ÷ paid in. */
  multiple: number;
}

/** How often each assertion held; one that fails ends the run. */
export interface Checks {
  conserved: number;
  seniorFirst: number;
  levelPayments: number;
}

export interface SimulationResult {
  deal: string;
  title: string;
  about: string;
  scenario: string;
  scenarioAbout: string;
  /** Dollars and cents a month of the first level-pay class. */
  levelPayment?: string;
  decimals: number;
  figures: Figure[];
  covenants: { trapDscrBps: number; amortiseDscrBps: number };
  classes: ClassResult[];
  periods: PeriodResult[];
  /** The last run of the list, when the facility closed. */
  closing?: PeriodResult;
  cash: Conservation;
  checks: Checks;
  /** The facility's state at the end. */
  state: string;
  reports: number;
  transactions: number;
  seconds: number;
}
