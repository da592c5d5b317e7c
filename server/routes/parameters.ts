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
