/** Money of one class at a time: what was paid in is negative. */
export interface Flow {
  at: number;
  assets: bigint;
}

const YEAR_SEC = 365 * 86_400;
/** Beyond this a rate says nothing: everything lost, or a thousandfold a year. */
export const LOWEST = -0.999_999;
export const HIGHEST = 1_000;

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

/** The yearly rate of flows that are a month apart, the first of them now; null as in `xirr`. Many times as fast. */
export function monthlyYield(flows: Float64Array): number | null {
  let [isPaidIn, isPaidOut] = [false, false];
  for (const flow of flows) {
    if (flow < 0) isPaidIn = true;
    if (flow > 0) isPaidOut = true;
  }
  if (!isPaidIn || !isPaidOut) return null;
  // The discount factor of a month: the more is discounted away, the less the later flows are worth.
  let [low, high] = [(1 + HIGHEST) ** (-1 / 12), (1 + LOWEST) ** (-1 / 12)];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    let value = 0;
    for (let month = flows.length - 1; month >= 0; month--) value = value * middle + flows[month]!;
    if (value > 0) high = middle;
    else low = middle;
  }
  return ((low + high) / 2) ** -12 - 1;
}
