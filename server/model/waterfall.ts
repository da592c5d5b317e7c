// Cash paid down a list of dues, in order: each the smaller of its due and what the dues above it left.

export function allocate(dues: readonly bigint[], cash: bigint): bigint[] {
  const payments: bigint[] = [];
  let left = cash;
  for (const due of dues) {
    const paid = due < left ? due : left;
    payments.push(paid);
    left -= paid;
  }
  return payments;
}

export function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

export function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

/** What is left of the first after the second, never under zero. */
export function minus(one: bigint, other: bigint): bigint {
  return one > other ? one - other : 0n;
}
