/** Numbers out of a seed: the same seed gives the same history (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from least to most, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  big(least: number, most: number): bigint {
    return BigInt(this.whole(least, most));
  }

  chance(part: number): boolean {
    return this.next() < part;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!;
  }

  /** A part of an amount, rounded down; often none or all of it. */
  part(amount: bigint): bigint {
    const kind = this.next();
    if (kind < 0.1) return 0n;
    if (kind < 0.25) return amount;
    return (amount * BigInt(this.whole(0, 1_000_000))) / 1_000_000n;
  }

  /** An amount of up to so many decimal digits, every size as likely. */
  amount(leastDigits: number, mostDigits: number): bigint {
    const digits = this.whole(leastDigits, mostDigits);
    let text = String(this.whole(1, 9));
    while (text.length < digits) text += String(this.whole(0, 9));
    return BigInt(text);
  }
}
