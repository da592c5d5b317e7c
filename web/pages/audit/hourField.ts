const HOUR_MS = 3_600_000;

// Hours as a field of date and time holds them, in UTC.

/** An epoch as a field of date and time takes it. */
export function hourText(epoch: bigint): string {
  return new Date(Number(epoch) * HOUR_MS).toISOString().slice(0, 16);
}

/** The epoch in a field of date and time. */
export function epochIn(text: string): number {
  return Math.floor(Date.parse(`${text}Z`) / HOUR_MS);
}
