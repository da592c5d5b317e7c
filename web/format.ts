import { BPS, WAD, formatAssets } from "../server/protocol/units.ts";

// Numbers and times as people read them. Amounts stay exact: they are cut, never rounded up, and never go through a float.

const LOCALES = { en: "en-US", ja: "ja-JP" } as const;
type Spoken = keyof typeof LOCALES;

/** Base units of a token as grouped decimals, cut after `digitCount` places. */
export function amountText(assets: bigint | string, decimalCount: number, spoken: Spoken, digitCount = 2): string {
  const value = BigInt(assets);
  const [whole = "0", fraction = ""] = formatAssets(value < 0n ? -value : value, decimalCount).split(".");
  const grouped = new Intl.NumberFormat(LOCALES[spoken]).format(BigInt(whole));
  const places = Math.min(digitCount, decimalCount);
  const cut = fraction.slice(0, places).padEnd(places, "0");
  return `${value < 0n ? "−" : ""}${grouped}${cut === "" ? "" : `.${cut}`}`;
}

/** Large amounts in a word: 1.2M. For headings; the exact figure stands beside or in the title. */
export function amountShort(assets: bigint | string, decimalCount: number, spoken: Spoken): string {
  const value = BigInt(assets);
  if (value < 0n) return `−${amountShort(-value, decimalCount, spoken)}`;
  const whole = value / 10n ** BigInt(decimalCount);
  if (whole < 10_000n) return amountText(value, decimalCount, spoken, whole < 100n ? 2 : 0);
  return new Intl.NumberFormat(LOCALES[spoken], {
    notation: "compact",
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  }).format(whole);
}

/** A count or another whole number with its groups. */
export function countText(count: bigint | number | string, spoken: Spoken): string {
  return new Intl.NumberFormat(LOCALES[spoken]).format(typeof count === "string" ? BigInt(count) : count);
}

/** Basis points as a percentage. */
export function percentText(bps: bigint | number | string, spoken: Spoken, digitCount = 2): string {
  const format = { style: "percent", minimumFractionDigits: digitCount, maximumFractionDigits: digitCount } as const;
  return new Intl.NumberFormat(LOCALES[spoken], format).format(Number(bps) / 10_000).replace("-", "−");
}

/** Basis points as a multiple: 1.43×. */
export function timesText(ratioBps: bigint | number | string, spoken: Spoken): string {
  const format = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `${new Intl.NumberFormat(LOCALES[spoken], format).format(Number(ratioBps) / 10_000)}×`;
}

/** Unix seconds as a UTC date, with the time of day unless it is left out. */
export function timeText(at: bigint | number | string, spoken: Spoken, isDateOnly = false): string {
  const date = new Date(Number(at) * 1000);
  const day = { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" } as const;
  if (isDateOnly) return new Intl.DateTimeFormat(LOCALES[spoken], day).format(date);
  const clock = { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  return `${new Intl.DateTimeFormat(LOCALES[spoken], clock).format(date)} UTC`;
}

/** The start of an epoch, which is an hour of UTC. */
export function epochText(epoch: bigint | number | string, spoken: Spoken): string {
  return timeText(BigInt(epoch) * 3600n, spoken);
}

/** A length of time in its largest whole unit and the next. */
export function spanText(seconds: bigint | number | string, spoken: Spoken): string {
  const total = Math.max(0, Number(seconds));
  const units = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ] as const;
  const first = units.findIndex(([, sec]) => total >= sec);
  const from = first === -1 ? units.length - 1 : first;
  let left = total;
  const parts = units.slice(from, from + 2).flatMap(([unit, sec], place) => {
    const count = Math.floor(left / sec);
    left -= count * sec;
    if (count === 0 && place > 0) return [];
    return [new Intl.NumberFormat(LOCALES[spoken], { style: "unit", unit, unitDisplay: "short" }).format(count)];
  });
  return parts.join(" ");
}

/** The beginning and end of an address or hash. */
export function shortHex(hex: string, headCount = 6, tailCount = 4): string {
  return hex.length <= headCount + tailCount + 3 ? hex : `${hex.slice(0, headCount)}…${hex.slice(-tailCount)}`;
}

/** A ratio of 18 decimals in basis points, cut. */
export function bpsOfWad(ratioWad: bigint | string): number {
  return Number((BigInt(ratioWad) * BPS) / WAD);
}

/** A price of 18 decimals. */
export function priceText(priceWad: bigint | string, spoken: Spoken, digitCount = 4): string {
  return amountText(priceWad, 18, spoken, digitCount);
}
