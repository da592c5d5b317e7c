import { centsOf } from "./figures.ts";

/** Dollars with thousands apart, of an amount as results carry it. */
export function dollarsOf(units: string | bigint): string {
  const [whole = "0", cents = "00"] = centsOf(BigInt(units)).split(".");
  return `$${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents}`;
}

/** Dollars for an axis: 1.2m, 3.4bn. */
export function shortDollars(dollars: number): string {
  for (const [size, name] of [
    [1e9, "bn"],
    [1e6, "m"],
    [1e3, "k"],
  ] as const) {
    if (Math.abs(dollars) >= size) return `$${trim(dollars / size)}${name}`;
  }
  return `$${trim(dollars)}`;
}

function trim(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** A coverage ratio, as 1.35x. */
export function timesOf(bps: number | null): string {
  return bps === null ? "–" : `${(bps / 10_000).toFixed(2)}x`;
}

export function percentOf(ratio: number | null, digits = 2): string {
  return ratio === null ? "–" : `${(ratio * 100).toFixed(digits)} %`;
}

/** A step as people name it: "interest A". */
export function stepName({ kind, subject }: { kind: string; subject: string }): string {
  const words = kind.replace(/[A-Z]/g, (letter, at) => (at === 0 ? "" : " ") + letter.toLowerCase());
  return subject === "" ? words : `${words} ${subject}`;
}
