import type { LeaseTermsJson } from "../../../../server/protocol/apiDrafts.ts";
import { parseAssets } from "../../../../server/protocol/units.ts";

// What a person says of a lease, in the words of a form, and the terms that it makes.

/** One step of the service levels, in percent. */
export interface SaidStep {
  readonly availability: string;
  readonly credit: string;
}

/** A form's fields, as text. Days and percent are people's; terms have seconds and basis points. */
export interface DraftSaid {
  readonly lotId: string;
  readonly lessee: string;
  readonly pricing: LeaseTermsJson["pricing"];
  readonly startDay: string;
  readonly months: string;
  readonly baseRent: string;
  readonly gpuHourRate: string;
  readonly indexShare: string;
  readonly indexFloor: string;
  readonly indexCap: string;
  readonly metric: LeaseTermsJson["efficiency"]["metric"];
  readonly target: string;
  readonly sharedSaving: string;
  readonly maxSaving: string;
  readonly kWhRate: string;
  readonly dueDays: string;
  readonly lateFee: string;
  readonly cureDays: string;
  readonly prepaidMonths: string;
  readonly deposit: string;
  readonly minMonths: string;
  readonly noticeDays: string;
  readonly renewalMonths: string;
  readonly renewalRent: string;
  readonly terminationFee: string;
  readonly purchase: string;
  readonly isTripleNet: boolean;
  readonly isRelated: boolean;
  readonly bucket: string;
  readonly countries: string;
  readonly sla: readonly SaidStep[];
  readonly documentHash: string;
}

export type SaidField = keyof DraftSaid;

/** What is not said by the form. */
export interface DraftPlace {
  readonly payee: string;
  readonly asset: string;
  readonly assetDecimalCount: number;
  /** The source of an index-linked rate. */
  readonly indexSource: string;
  readonly salt: string;
}

/** A field that does not read as what it is asked for. */
export interface SaidFault {
  readonly at: SaidField;
  readonly what: "number" | "whole" | "address" | "day" | "country" | "hash";
}

const NOBODY = `0x${"0".repeat(40)}`;
const NO_HASH = `0x${"0".repeat(64)}`;
const DAY_SEC = 86_400;
const MAX_U32 = 0xffff_ffff;
const MAX_BPS = 65_535;
const BPS_DIGITS = 2;
const PUE_DIGITS = 4;

/** A lease as most are: take-or-pay for three years, a month in advance, service levels of 99 and 95 percent. */
export const USUAL: DraftSaid = {
  ...{ lotId: "", lessee: "", pricing: "TakeOrPay", startDay: "", months: "36" },
  ...{ baseRent: "", gpuHourRate: "", indexShare: "90", indexFloor: "", indexCap: "" },
  ...{ metric: "None", target: "", sharedSaving: "50", maxSaving: "10", kWhRate: "" },
  ...{ dueDays: "10", lateFee: "12", cureDays: "30", prepaidMonths: "1", deposit: "0" },
  ...{ minMonths: "12", noticeDays: "30", renewalMonths: "0", renewalRent: "", terminationFee: "0", purchase: "0" },
  ...{ isTripleNet: false, isRelated: false, bucket: "2", countries: "" },
  sla: [
    { availability: "99", credit: "10" },
    { availability: "95", credit: "25" },
  ],
  documentHash: "",
};

/** The terms that a form makes, or which of its fields say nothing that can be read. */
export function termsSaid(said: DraftSaid, place: DraftPlace): LeaseTermsJson | SaidFault[] {
  const faults: SaidFault[] = [];
  const refuse = (at: SaidField, what: SaidFault["what"]) => void faults.push({ at, what });
  const assets = (at: SaidField): string => {
    try {
      return String(parseAssets(plain(said[at] as string), place.assetDecimalCount));
    } catch {
      refuse(at, "number");
      return "0";
    }
  };
  const whole = (at: SaidField, factor = 1, max = MAX_U32): number => {
    const text = plain(said[at] as string);
    const value = /^\d{1,10}$/.test(text) ? Number(text) * factor : Number.NaN;
    if (value <= max) return value;
    refuse(at, "whole");
    return 0;
  };
  const bps = (at: SaidField, text = said[at] as string): number => {
    const value = exact(text, BPS_DIGITS, MAX_BPS);
    if (value === undefined) refuse(at, "number");
    return value ?? 0;
  };
  const isLinked = said.pricing === "IndexLinked";
  const isMeasured = said.metric !== "None";
  const startMs = Date.parse(`${said.startDay}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(said.startDay) || !(startMs > 0)) refuse("startDay", "day");
  if (!/^0x[0-9a-fA-F]{40}$/.test(said.lessee.trim())) refuse("lessee", "address");
  if (said.lotId === "") refuse("lotId", "whole");
  const countries = said.countries.toUpperCase().split(/[\s,]+/).filter((code) => code !== ""); // prettier-ignore
  if (countries.some((code) => !/^[A-Z]{2}$/.test(code))) refuse("countries", "country");
  const documentHash = said.documentHash.trim().toLowerCase() || NO_HASH;
  if (!/^0x[0-9a-f]{64}$/.test(documentHash)) refuse("documentHash", "hash");
  const renewalPeriodCount = whole("renewalMonths");
  const terms: LeaseTermsJson = {
    ...{ lotId: said.lotId, lessee: said.lessee.trim(), payee: place.payee, asset: place.asset },
    pricing: said.pricing,
    startAt: String(startMs > 0 ? startMs / 1000 : 0),
    periodCount: whole("months"),
    baseRentAssets: said.pricing === "TakeOrPay" ? assets("baseRent") : "0",
    gpuHourRateAssets: said.pricing === "Metered" ? assets("gpuHourRate") : "0",
    index: {
      source: isLinked ? place.indexSource : NOBODY,
      participationBps: isLinked ? bps("indexShare") : 0,
      ...{ floorAssets: isLinked ? assets("indexFloor") : "0", capAssets: isLinked ? assets("indexCap") : "0" },
    },
    efficiency: {
      metric: said.metric,
      targetUnits: isMeasured ? targetOf(said, refuse) : 0,
      ...{ sharedBps: isMeasured ? bps("sharedSaving") : 0, maxBps: isMeasured ? bps("maxSaving") : 0 },
      kWhRateAssets: isMeasured ? assets("kWhRate") : "0",
    },
    payment: {
      ...{ dueSec: whole("dueDays", DAY_SEC), lateFeeBps: bps("lateFee"), cureSec: whole("cureDays", DAY_SEC) },
      prepaidMonthCount: said.pricing === "TakeOrPay" ? whole("prepaidMonths") : 0,
      depositAssets: assets("deposit"),
    },
    exit: {
      ...{ minPeriodCount: whole("minMonths"), noticeSec: whole("noticeDays", DAY_SEC), renewalPeriodCount },
      renewalRentBps: renewalPeriodCount > 0 ? bps("renewalRent") : 0,
      ...{ terminationFeeAssets: assets("terminationFee"), purchaseAssets: assets("purchase") },
    },
    ...{ tripleNet: said.isTripleNet, relatedParty: said.isRelated, lesseeBucket: whole("bucket", 1, 255), countries },
    sla: said.isTripleNet
      ? []
      : said.sla.map(({ availability, credit }) => ({
          availabilityBps: bps("sla", availability),
          creditBps: bps("sla", credit),
        })),
    ...{ documentHash, salt: place.salt },
  };
  return faults.length > 0 ? faults : terms;
}

function targetOf({ metric, target }: DraftSaid, refuse: (at: SaidField, what: SaidFault["what"]) => void): number {
  const value = exact(target, metric === "Pue" ? PUE_DIGITS : 0, MAX_U32);
  if (value === undefined) refuse("target", "number");
  return value ?? 0;
}

/** A decimal in units of its last digit; undefined where it is none, finer than that, or too large. */
function exact(text: string, digitCount: number, max: number): number | undefined {
  try {
    const value = parseAssets(plain(text), digitCount);
    return value <= BigInt(max) ? Number(value) : undefined;
  } catch {
    return undefined;
  }
}

/** Without grouping. */
function plain(text: string): string {
  return text.replace(/[,\s]/g, "");
}

const FIELDS: readonly (readonly [at: string, field: SaidField])[] = [
  ["payee", "lotId"],
  ["lotId", "lotId"],
  ["asset", "lotId"],
  ["periodCount", "months"],
  ["startAt", "startDay"],
  ["baseRentAssets", "baseRent"],
  ["gpuHourRateAssets", "gpuHourRate"],
  ["index", "indexCap"],
  ["efficiency.kWhRateAssets", "kWhRate"],
  ["efficiency", "target"],
  ["payment.depositAssets", "deposit"],
  ["payment", "prepaidMonths"],
  ["exit.terminationFeeAssets", "terminationFee"],
  ["exit.purchaseAssets", "purchase"],
  ["exit", "renewalRent"],
  ["tripleNet", "isTripleNet"],
  ["countries", "countries"],
];

/** The form's field that a part of the terms is said in. */
export function fieldOf(at: string): SaidField {
  return FIELDS.find(([part]) => part === at)?.[1] ?? (at.startsWith("sla") ? "sla" : "lotId");
}
