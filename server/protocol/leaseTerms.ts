import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import type { LeaseTermsJson } from "./apiDrafts.ts";
import { hexOf, type Hex } from "./bytes.ts";
import { EFFICIENCY_METRICS, PRICINGS } from "./lease.ts";
import type { TypedSigner } from "./order.ts";
import { structDigest, structOf, type Domain } from "./typed.ts";
import { BPS } from "./units.ts";

// A lease before it is one: its terms as the contract takes them, what their lessee signs, and what the contract would
// refuse of them (contracts/lease/LeaseTerms.sol).

/** The EIP-712 types of terms, out of the ABI. */
export const TERMS = structOf(Leases__factory.abi, "open", "terms");

const DAY_SEC = 86_400n;
const MAX_PERIOD_COUNT = 240;
const MAX_AHEAD_SEC = 366 * 86_400;
const MAX_DUE_SEC = 91 * 86_400;
const MAX_SLA_COUNT = 8;
const MAX_COUNTRY_COUNT = 16;
const MAX_ASSETS = 2n ** 128n - 1n;
const MAX_DECIMAL_COUNT = 18;
const NOBODY = `0x${"0".repeat(40)}`;

/** Terms as `Leases.open` takes them. */
export function contractTerms(terms: LeaseTermsJson) {
  const { index, efficiency, payment, exit } = terms;
  const { kWhRateAssets } = efficiency;
  return {
    ...terms,
    lotId: BigInt(terms.lotId),
    pricing: PRICINGS.indexOf(terms.pricing),
    startAt: BigInt(terms.startAt),
    baseRentAssets: BigInt(terms.baseRentAssets),
    gpuHourRateAssets: BigInt(terms.gpuHourRateAssets),
    index: { ...index, floorAssets: BigInt(index.floorAssets), capAssets: BigInt(index.capAssets) },
    efficiency: {
      ...efficiency,
      ...{ metric: EFFICIENCY_METRICS.indexOf(efficiency.metric), kWhRateAssets: BigInt(kWhRateAssets) },
    },
    payment: { ...payment, depositAssets: BigInt(payment.depositAssets) },
    exit: {
      ...exit,
      terminationFeeAssets: BigInt(exit.terminationFeeAssets),
      purchaseAssets: BigInt(exit.purchaseAssets),
    },
    countries: terms.countries.map(countryBytes),
  };
}

/** A country's code as the contracts keep it. */
export function countryBytes(code: string): Hex {
  return hexOf(new TextEncoder().encode(code));
}

/** What the lessee signs: the draft's id. */
export function termsDigest(domain: Domain, terms: LeaseTermsJson): Hex {
  return structDigest(TERMS, domain, contractTerms(terms));
}

/** A lessee's signature of terms. */
export async function signTerms(signer: TypedSigner, domain: Domain, terms: LeaseTermsJson): Promise<Hex> {
  return (await signer.signTypedData(domain, TERMS.types, contractTerms(terms))) as Hex;
}

/** What the lessee pays in when the lease is opened. */
export function openingAssets({ baseRentAssets, payment }: LeaseTermsJson): bigint {
  return BigInt(baseRentAssets) * BigInt(payment.prepaidMonthCount) + BigInt(payment.depositAssets);
}

/** What a lease's terms are held against, as it stands now. */
export interface TermsPlace {
  readonly nowAt: bigint;
  /** The lot's lien holder, else its operator. */
  readonly payee: string;
  readonly country: string;
  readonly isRetired: boolean;
  readonly assetDecimalCount: number;
}

/** What the contract would refuse: its own error, and the field that it is about. */
export interface TermsFault {
  readonly at: string;
  readonly code: string;
}

/** All that `Leases.open` would refuse of terms, in its order; its own checks go on after none of them. */
export function termsFaults(terms: LeaseTermsJson, place: TermsPlace): TermsFault[] {
  const faults: TermsFault[] = [];
  const demand = (isMet: boolean, at: string, code: string) => {
    if (!isMet) faults.push({ at, code });
  };
  const isSized = (assets: string) => BigInt(assets) <= MAX_ASSETS;
  demand(isSame(terms.payee, place.payee), "payee", "Lease_WrongPayee");
  demand(!place.isRetired, "lotId", "Lease_LotRetired");
  demand(!isSame(terms.asset, NOBODY), "asset", "Lease_NoAsset");
  demand(terms.periodCount > 0 && terms.periodCount <= MAX_PERIOD_COUNT, "periodCount", "Lease_BadPeriods");
  const startAt = BigInt(terms.startAt);
  const earliestAt = place.nowAt - (place.nowAt % DAY_SEC);
  demand(startAt % DAY_SEC === 0n, "startAt", "Lease_NotMidnight");
  demand(startAt >= earliestAt, "startAt", "Lease_StartPassed");
  demand(startAt <= earliestAt + BigInt(MAX_AHEAD_SEC), "startAt", "Lease_StartTooFar");
  const rent = terms.pricing === "TakeOrPay" ? "baseRentAssets" : "gpuHourRateAssets";
  demand(isRentSound(terms), rent, "Lease_BadRent");
  demand(isIndexSound(terms, place.assetDecimalCount), "index", "Lease_BadIndex");
  demand(isEfficiencySound(terms.efficiency), "efficiency", "Lease_BadEfficiency");
  demand(isSized(terms.efficiency.kWhRateAssets), "efficiency.kWhRateAssets", "Lease_TooLarge");
  demand(isPaymentSound(terms), "payment", "Lease_BadPayment");
  demand(isSized(terms.payment.depositAssets), "payment.depositAssets", "Lease_TooLarge");
  demand(isExitSound(terms), "exit", "Lease_BadExit");
  demand(isSized(terms.exit.terminationFeeAssets), "exit.terminationFeeAssets", "Lease_TooLarge");
  demand(isSized(terms.exit.purchaseAssets), "exit.purchaseAssets", "Lease_TooLarge");
  const isPlain = terms.pricing === "TakeOrPay" && terms.sla.length === 0 && terms.efficiency.metric === "None";
  demand(!terms.tripleNet || isPlain, "tripleNet", "Lease_NotNet");
  demand(terms.countries.length <= MAX_COUNTRY_COUNT, "countries", "Lease_TooManyCountries");
  const isAllowed = terms.countries.length === 0 || terms.countries.includes(place.country);
  demand(isAllowed, "countries", "Lease_WrongCountry");
  demand(terms.sla.length <= MAX_SLA_COUNT, "sla", "Lease_SlaTooLong");
  const unsorted = terms.sla.findIndex((step, at) => !isStepSound(step, terms.sla[at - 1]));
  demand(unsorted === -1, `sla.${unsorted}`, "Lease_SlaUnsorted");
  return faults;
}

function isSame(address: string, other: string): boolean {
  return address.toLowerCase() === other.toLowerCase();
}

function isRentSound(terms: LeaseTermsJson): boolean {
  const [base, rate] = [BigInt(terms.baseRentAssets), BigInt(terms.gpuHourRateAssets)];
  if (terms.pricing === "TakeOrPay") return base > 0n && base <= MAX_ASSETS && rate === 0n;
  return base === 0n && rate > 0n === (terms.pricing === "Metered") && rate <= MAX_ASSETS;
}

function isIndexSound({ pricing, index }: LeaseTermsJson, assetDecimalCount: number): boolean {
  const [floor, cap] = [BigInt(index.floorAssets), BigInt(index.capAssets)];
  const isSourced = !isSame(index.source, NOBODY);
  if (pricing !== "IndexLinked") return !isSourced && index.participationBps === 0 && floor === 0n && cap === 0n;
  const isPriced = index.participationBps > 0 && cap > 0n && floor <= cap && cap <= MAX_ASSETS;
  return isSourced && isPriced && assetDecimalCount <= MAX_DECIMAL_COUNT;
}

function isEfficiencySound(clause: LeaseTermsJson["efficiency"]): boolean {
  const { targetUnits, sharedBps, maxBps } = clause;
  const rate = BigInt(clause.kWhRateAssets);
  if (clause.metric === "None") return targetUnits === 0 && sharedBps === 0 && maxBps === 0 && rate === 0n;
  return targetUnits > 0 && isPart(sharedBps) && isPart(maxBps) && rate > 0n;
}

function isPart(bps: number): boolean {
  return bps > 0 && bps <= Number(BPS);
}

function isPaymentSound({ pricing, periodCount, payment }: LeaseTermsJson): boolean {
  const { dueSec, lateFeeBps, cureSec, prepaidMonthCount } = payment;
  const isPrepaid = pricing === "TakeOrPay" && prepaidMonthCount <= periodCount;
  const isTimely = dueSec <= MAX_DUE_SEC && cureSec <= MAX_AHEAD_SEC;
  return isTimely && lateFeeBps <= Number(BPS) && (isPrepaid || prepaidMonthCount === 0);
}

function isExitSound({ periodCount, exit }: LeaseTermsJson): boolean {
  const { noticeSec, renewalPeriodCount, renewalRentBps } = exit;
  const isBounded = noticeSec <= MAX_AHEAD_SEC && renewalPeriodCount <= MAX_PERIOD_COUNT - periodCount;
  return isBounded && renewalPeriodCount > 0 === renewalRentBps > 0;
}

type SlaStep = LeaseTermsJson["sla"][number];

/** Availability strictly falls from at most 100 %, the credit strictly rises to at most that. */
function isStepSound({ availabilityBps, creditBps }: SlaStep, above: SlaStep | undefined): boolean {
  const isBelow = availabilityBps < (above?.availabilityBps ?? Number(BPS) + 1);
  return isBelow && creditBps > (above?.creditBps ?? 0) && creditBps <= Number(BPS);
}
