import { createHash } from "node:crypto";

import { randomOf } from "../random.ts";

/** A stream of chance: the same for the same seed and name, whatever other streams are used for. */
export interface Dice {
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** Whether something of this probability happens. */
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** The list in another order. */
  shuffled<T>(list: readonly T[]): T[];
}

/** The stream of a seed that is called `name`. */
export function diceOf(seed: string, name: string): Dice {
  const random = randomOf(createHash("sha256").update(`rackbond chaos/${seed}/${name}`).digest().readUInt32BE());
  const between = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  return {
    between,
    chance: (probability) => random() < probability,
    pick: (list) => list[between(0, list.length - 1)]!,
    shuffled(list) {
      const left = [...list];
      return list.map(() => left.splice(between(0, left.length - 1), 1)[0]!);
    },
  };
}
