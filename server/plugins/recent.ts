import { LRUCache } from "lru-cache";

import type { InView } from "./views.ts";

// Answers that depend on more than the chain, or on who asks, are made of parts that do not: these are made once a block
// and kept for a second at most, however often they are asked for.

export interface Recent {
  /** What `work` gave for this key at this block a moment ago, or gives now. */
  of<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Forgets all: something was handed in. */
  forget(): void;
}

const KEPT_COUNT = 500;
const KEPT_MS = 1_000;

export function openRecent(view: InView): Recent {
  const kept = new LRUCache<string, Promise<unknown>>({ max: KEPT_COUNT, ttl: KEPT_MS });
  const headHash = () => view((now) => Promise.resolve(now.head.hash));
  return {
    async of<T>(key: string, work: () => Promise<T>): Promise<T> {
      const hash = await headHash();
      const name = `${hash} ${key}`;
      const found = kept.get(name) as Promise<T> | undefined;
      if (found !== undefined) return await found;
      const made = work();
      kept.set(name, made);
      try {
        const answer = await made;
        if ((await headHash()) !== hash) kept.delete(name); // it may be of the next block
        return answer;
      } catch (error) {
        kept.delete(name);
        throw error;
      }
    },
    forget: () => kept.clear(),
  };
}

/** A key of what is asked for. */
export function keyOf(name: string, ...asked: unknown[]): string {
  return `${name} ${JSON.stringify(asked, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`;
}
