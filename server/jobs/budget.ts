// Who may have how much of an oracle's time. What a stranger costs is bounded before any of it is verified: requests by
// address (the API counts them), readings by address and by node, and signatures verified in vain by address and in
// all. A node whose reading an address has brought before is trusted there until a signature in its name is false: a
// flood of forged readings takes nothing from those.

export interface BudgetLimits {
  /** Readings an address may bring in a minute. */
  readonly readingsPerMinute: number;
  /** Signatures that an address may have verified in vain, in a minute. */
  readonly failuresPerMinute: number;
  /** Signatures that are verified in vain in a second, whoever brings them. */
  readonly failuresPerSec: number;
  /** Readings that one node may bring at once (its spool after days offline), and the time in which one of them comes back. */
  readonly nodeBurstCount: number;
  readonly nodeRefillMs: number;
}

export const BUDGET_LIMITS: BudgetLimits = {
  readingsPerMinute: 60_000,
  failuresPerMinute: 64,
  failuresPerSec: 500,
  nodeBurstCount: 200,
  nodeRefillMs: 20_000,
};

/** Tokens that come back with time, up to a burst. */
class Bucket {
  #tokens: number;
  #atMs: number;
  readonly #burst: number;
  readonly #perMs: number;

  constructor(burst: number, perMs: number, nowMs: number) {
    this.#tokens = burst;
    this.#atMs = nowMs;
    this.#burst = burst;
    this.#perMs = perMs;
  }

  left(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    return this.#tokens;
  }

  /** Takes tokens; what is owed comes back with time too. */
  take(count: number, nowMs: number): void {
    this.#tokens = this.left(nowMs) - count;
  }

  waitMs(count: number, nowMs: number): number {
    return Math.max(0, (count - this.left(nowMs)) / this.#perMs);
  }
}

interface Address {
  readonly readings: Bucket;
  readonly failures: Bucket;
  /** Places in the roster of nodes whose readings it brought, the newest last. */
  readonly trusted: Set<number>;
}

const MAX_ADDRESSES = 20_000;
const MAX_TRUSTED = 16_384;

/** What a batch may cost. */
export interface Lease {
  readonly failureCount: number;
  readonly trustedNodes: Int32Array;
}

/** The books of all this; times are milliseconds of a clock that never goes back. */
export class Budget {
  readonly #addresses = new Map<string, Address>();
  readonly #limits: BudgetLimits;
  readonly #failures: Bucket;
  readonly #nodes = new Map<number, Bucket>();

  constructor(limits: BudgetLimits, nowMs: number) {
    this.#limits = limits;
    this.#failures = new Bucket(4 * limits.failuresPerSec, limits.failuresPerSec / 1000, nowMs);
  }

  /** Milliseconds until an address may bring readings again; 0 when it may. */
  waitMs(from: string, nowMs: number): number {
    const { readings, failures, trusted } = this.#addressOf(from, nowMs);
    const isTrusted = trusted.size > 0;
    return Math.ceil(Math.max(readings.waitMs(1, nowMs), isTrusted ? 0 : failures.waitMs(1, nowMs)));
  }

  /** What a batch of an address may cost; `settle` counts what it did. Batches at once may overdraw, and owe it then. */
  lease(from: string, nowMs: number): Lease {
    const { failures, trusted } = this.#addressOf(from, nowMs);
    const left = Math.floor(Math.min(failures.left(nowMs), this.#failures.left(nowMs)));
    return { failureCount: Math.max(0, left), trustedNodes: Int32Array.from(trusted) };
  }

  settle(
    from: string,
    was: { readonly readingCount: number; readonly failedCount: number; readonly falseNodes: Iterable<number> },
    nowMs: number,
  ): void {
    const { readings, failures, trusted } = this.#addressOf(from, nowMs);
    readings.take(was.readingCount, nowMs);
    failures.take(was.failedCount, nowMs);
    this.#failures.take(was.failedCount, nowMs);
    for (const node of was.falseNodes) trusted.delete(node);
  }

  /** Counts a verified reading of a node; false when it brings too many. An address that brought it is trusted with it. */
  admit(from: string, node: number, nowMs: number): boolean {
    const { nodeBurstCount, nodeRefillMs } = this.#limits;
    let bucket = this.#nodes.get(node);
    if (bucket === undefined) this.#nodes.set(node, (bucket = new Bucket(nodeBurstCount, 1 / nodeRefillMs, nowMs)));
    const { trusted } = this.#addressOf(from, nowMs);
    trusted.delete(node);
    trusted.add(node);
    if (trusted.size > MAX_TRUSTED) trusted.delete(trusted.values().next().value as number);
    if (bucket.left(nowMs) < 1) return false;
    bucket.take(1, nowMs);
    return true;
  }

  /** Forgets the nodes: their places mean others in another roster. */
  forgetNodes(): void {
    this.#nodes.clear();
    for (const { trusted } of this.#addresses.values()) trusted.clear();
  }

  #addressOf(from: string, nowMs: number): Address {
    let address = this.#addresses.get(from);
    if (address === undefined) {
      const { readingsPerMinute, failuresPerMinute } = this.#limits;
      address = {
        readings: new Bucket(readingsPerMinute, readingsPerMinute / 60_000, nowMs),
        failures: new Bucket(failuresPerMinute, failuresPerMinute / 60_000, nowMs),
        trusted: new Set(),
      };
    }
    // The last to be seen is the last to be forgotten.
    this.#addresses.delete(from);
    this.#addresses.set(from, address);
    if (this.#addresses.size > MAX_ADDRESSES) this.#addresses.delete(this.#addresses.keys().next().value as string);
    return address;
  }
}
