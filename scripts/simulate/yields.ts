/** Money of one class at a time: what was paid in is negative. */
export interface Flow {
  at: number;
  assets: bigint;
}

const YEAR_SEC = 365 * 86_400;
/** Beyond this a rate says nothing: everything lost, or a thousandfold a year. */
const LOWEST = -0.999_999;
const HIGHEST = 1_000;

/**
 * The yearly rate at which flows are worth nothing today, actual/365 (what spreadsheets call XIRR); null when nothing
 * was paid in or nothing came back. Bisection: the package `xirr` (Newton, 20 steps) finds no rate of 100 % and more.
 */
export function xirr(flows: readonly Flow[]): number | null {
  const [first] = flows;
  if (first === undefined) return null;
  const points = flows.map(({ at, assets }) => ({ years: (at - first.at) / YEAR_SEC, amount: Number(assets) }));
  return rateOf(points);
}

/** The same for points in years, the form in which random paths keep their flows. */
export function rateOf(points: readonly { years: number; amount: number }[]): number | null {
  const isPaidIn = points.some(({ amount }) => amount < 0);
  const isPaidOut = points.some(({ amount }) => amount > 0);
  if (!isPaidIn || !isPaidOut) return null;
  // In the logarithm of growth each step halves what is left of any rate, small or huge.
  let [low, high] = [Math.log1p(LOWEST), Math.log1p(HIGHEST)];
  const valueAt = (growth: number) =>
    points.reduce((sum, { years, amount }) => sum + amount * Math.exp(-growth * years), 0);
  if (valueAt(low) < 0) return LOWEST;
  if (valueAt(high) > 0) return HIGHEST;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (valueAt(middle) > 0) low = middle;
    else high = middle;
  }
  return Math.expm1((low + high) / 2);
}
