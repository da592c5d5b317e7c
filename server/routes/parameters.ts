import { getAddress } from "ethers";
import { HttpProblem } from "../plugins/problems.ts";

// What the schemas cannot say of a parameter: its range, its checksum, which of two comes first.

const INT8_MAX = 2n ** 63n - 1n; // no id, epoch or index is larger

/** The number behind a decimal text that its schema has passed. */
export function numberOf(text: string, name: string): bigint {
  const value = BigInt(text);
  if (value > INT8_MAX)
    throw new HttpProblem(400, "Request_Invalid", `${name} ${text} is out of range`, { [name]: text });
  return value;
}

/** Epochs from one to another; refuses the later one first. */
export function rangeOf({ from, to }: { from: string; to: string }): { fromEpoch: bigint; toEpoch: bigint } {
  const [fromEpoch, toEpoch] = [numberOf(from, "from"), numberOf(to, "to")];
  if (fromEpoch <= toEpoch) return { fromEpoch, toEpoch };
  throw new HttpProblem(400, "Request_Invalid", `from ${from} is after to ${to}`, { from, to });
}

/** The address with its checksum; one written with a wrong checksum is refused. */
export function addressOf(text: string, name: string): string {
  try {
    return getAddress(text);
  } catch {
    throw new HttpProblem(400, "Request_Invalid", `${name} ${text} has a wrong checksum`, { [name]: text });
  }
}

/** The same of one that need not be given. */
export function givenAddress(text: string | undefined, name: string): string | undefined {
  return text === undefined ? undefined : addressOf(text, name);
}

export function givenNumber(text: string | undefined, name: string): bigint | undefined {
  return text === undefined ? undefined : numberOf(text, name);
}

/** A yes or no that need not be given. */
export function flagOf(text: "true" | "false" | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "true";
}

/** The place before which a page ends, as far as it is asked for. */
export function beforeOf({ before }: { readonly before?: string | undefined }): { before?: bigint } {
  return before === undefined ? {} : { before: numberOf(before, "before") };
}

/** One page: asks for one item more than is shown, to know whether there is a next page. */
export async function pageOf<T>(
  limitText: string,
  fetch: (limit: number) => Promise<T[]>,
  keyOf: (item: T) => string,
): Promise<{ items: T[]; next: string | null }> {
  const limit = Number(limitText);
  const found = await fetch(limit + 1);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? keyOf(last) : null };
}

/** One page of a list that is there as a whole; `next` is a place in it. */
export function offsetPage<T>(
  { limit, after }: { readonly limit: string; readonly after?: string | undefined },
  all: readonly T[],
): { items: T[]; next: string | null } {
  const from = after === undefined ? 0 : Number(numberOf(after, "after"));
  const until = from + Number(limit);
  return { items: all.slice(from, until), next: until < all.length ? String(until) : null };
}
