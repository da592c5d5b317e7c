import { Refusal, demand } from "./refusal.ts";

/** One epoch: a UTC hour. */
export const EPOCH_SEC = 3600n;
/** 1.0 as a ratio of 18 decimals. */
export const WAD = 10n ** 18n;
/** Millijoules in a watt-hour. */
export const MJ_PER_WH = 3_600_000n;
/** Millijoules in a kilowatt-hour. */
export const MJ_PER_KWH = 3_600_000_000n;
/** Milliseconds in a second. */
export const MILLI = 1000n;
/** 100 % in basis points. */
export const BPS = 10_000n;
/** 1.0 in E4. */
export const E4 = 10_000n;
const U32_MAX = 0xffff_ffffn;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** The value, if it fits 32 bits unsigned. */
export function u32(value: bigint, name: string): bigint {
  demand(value >= 0n && value <= U32_MAX, "Number_NotU32", { name, value });
  return value;
}

/** The value, if it fits 64 bits unsigned. */
export function u64(value: bigint, name: string): bigint {
  demand(value >= 0n && value <= U64_MAX, "Number_NotU64", { name, value });
  return value;
}

/** A 64-bit unsigned integer from its one canonical decimal form: digits, no sign, no leading zero. */
export function parseU64(text: string, name: string): bigint {
  if (!DECIMAL.test(text)) throw new Refusal("Number_NotDecimal", { name, text: text.slice(0, 80) });
  const value = BigInt(text);
  // What is shorter fits: readings come by the million, each with dozens of numbers.
  return text.length < 20 ? value : u64(value, name);
}

const DECIMAL = /^(0|[1-9][0-9]{0,19})$/;

/** The epoch a unix time falls into. */
export function epochOf(timeAt: bigint): bigint {
  demand(timeAt >= 0n, "Time_BeforeEpochZero", { timeAt });
  return timeAt / EPOCH_SEC;
}

/** First second of an epoch, unix. */
export function epochStartAt(epoch: bigint): bigint {
  return u64(epoch, "epoch") * EPOCH_SEC;
}

/** First second after an epoch, unix. */
export function epochEndAt(epoch: bigint): bigint {
  return epochStartAt(epoch) + EPOCH_SEC;
}

/** A quotient rounded down and what it left over, to be added to the next dividend. */
export interface Floored {
  readonly quotient: bigint;
  readonly remainder: bigint;
}

/** (amount + carried) / divisor, floored, with the remainder: sums of quotients never lose or gain a unit. */
export function floorCarry(amount: bigint, carried: bigint, divisor: bigint): Floored {
  demand(amount >= 0n && carried >= 0n, "Number_Negative", { amount, carried });
  const total = amount + carried;
  return { quotient: total / divisor, remainder: total % divisor };
}

/** Millijoules to whole watt-hours; the remainder is in mJ and less than one Wh. */
export function floorWh(energyMJ: bigint, carriedMJ: bigint): Floored {
  return floorCarry(energyMJ, carriedMJ, MJ_PER_WH);
}

/**
 * A decimal text scaled by 10^decimals, floored toward zero beyond that scale; `null` when the text is no finite
 * decimal. Accepts an exponent, as Go and Prometheus print floats; exact, no float in between.
 */
export function parseScaled(text: string, decimals: number): bigint | null {
  const match = /^([+-]?)([0-9]{1,40})?(?:\.([0-9]{0,40}))?(?:[eE]([+-]?[0-9]{1,3}))?$/.exec(text);
  if (match === null) return null;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return null;
  const shift = decimals + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  const size = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return sign === "-" ? -size : size;
}

/** Token units from a decimal text: digits with at most `decimals` of them after the point, nothing else. */
export function parseAssets(text: string, decimals: number): bigint {
  const match = /^(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,77}))?$/.exec(text);
  if (match === null) throw new Refusal("Assets_NotDecimal", { text: text.slice(0, 80) });
  const [, whole = "", fraction = ""] = match;
  demand(fraction.length <= decimals, "Assets_TooFine", { text: text.slice(0, 80), decimals });
  return BigInt(whole + fraction.padEnd(decimals, "0"));
}

/** Token units as a decimal text without trailing zeros: the inverse of `parseAssets`. */
export function formatAssets(assets: bigint, decimals: number): string {
  demand(assets >= 0n, "Number_Negative", { assets });
  const digits = assets.toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
