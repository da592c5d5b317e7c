import { diceOf, type Dice } from "./dice.ts";

/** What can be done to whom. `arbitrary`: the victim may say and lose anything; of those there is one at a time. */
export const FAULTS = {
  kill: { organ: "process", isArbitrary: false, does: "kill -9, started again" },
  killTwo: { organ: "process", isArbitrary: false, does: "kill -9 of two at once, started again" },
  killAll: { organ: "process", isArbitrary: false, does: "kill -9 of all four at once, started again" },
  pause: { organ: "process", isArbitrary: false, does: "stopped, and going on" },
  cut: { organ: "peers", isArbitrary: false, does: "partitioned from its peers" },
  split: { organ: "peers", isArbitrary: false, does: "partitioned with one other" },
  mute: { organ: "peers", isArbitrary: false, does: "heard by nobody, hears all" },
  deaf: { organ: "peers", isArbitrary: false, does: "answered by nobody" },
  slow: { organ: "peers", isArbitrary: false, does: "slow to its peers" },
  noise: { organ: "peers", isArbitrary: false, does: "bytes of its peers' answers changed" },
  dbDrop: { organ: "database", isArbitrary: false, does: "database connections reset, in transactions too" },
  dbOut: { organ: "database", isArbitrary: false, does: "database refuses connections" },
  dbSilent: { organ: "database", isArbitrary: false, does: "database connections half open" },
  rpcOut: { organ: "chain", isArbitrary: false, does: "chain refuses connections" },
  rpcSilent: { organ: "chain", isArbitrary: false, does: "chain connections half open" },
  rpcOutAll: { organ: "chain", isArbitrary: false, does: "chain refuses everybody" },
  reorg: { organ: "blocks", isArbitrary: false, does: "newest blocks replaced, their transactions gone" },
  reorgReplay: { organ: "blocks", isArbitrary: false, does: "newest blocks replaced, their transactions filed anew" },
  skew: { organ: "process", isArbitrary: true, does: "clock off by hours" },
  liar: { organ: "process", isArbitrary: true, does: "replaced by a liar with its key" },
  rows: { organ: "process", isArbitrary: true, does: "rows of its database altered; later the database lost" },
  files: { organ: "process", isArbitrary: true, does: "its published files corrupted on disk" },
  lost: { organ: "process", isArbitrary: true, does: "database lost" },
  rpcLies: { organ: "chain", isArbitrary: true, does: "bytes of the chain's answers changed" },
} as const satisfies Record<string, { organ: Organ; isArbitrary: boolean; does: string }>;

type Organ = "process" | "peers" | "database" | "chain" | "blocks";
export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

/** One thing that goes wrong, by the count of blocks since the start. */
export interface PlannedFault {
  readonly kind: FaultKind;
  /** By index of the signer; for a re-org nobody. */
  readonly victims: readonly number[];
  readonly atBeat: number;
  readonly beatCount: number;
  /** Blocks of a re-org, seconds of a skew. */
  readonly size: number;
}

export interface PlanOptions {
  readonly seed: string;
  readonly kinds: readonly FaultKind[];
  readonly epochCount: number;
  readonly beatsPerEpoch: number;
}

const ORACLES = [0, 1, 2, 3] as const;
const HOUR_SEC = 3600;
/** Faults of an epoch that pass; an arbitrary one goes on beside them. */
const PASSING_PER_EPOCH = 2.5;
/** Between two arbitrary faults the epochs of the first are decided. */
const GAP_EPOCHS = 1.5;

/** What goes wrong, when and to whom: a function of the seed and of what is asked for. */
export function planFaults({ seed, kinds, epochCount, beatsPerEpoch }: PlanOptions): PlannedFault[] {
  const dice = diceOf(seed, "faults");
  const endBeat = Math.round((epochCount - 1) * beatsPerEpoch);
  const planned: PlannedFault[] = [];
  const isFree = (kind: FaultKind, victims: readonly number[], atBeat: number, beatCount: number) =>
    planned.every((other) => {
      if (FAULTS[other.kind].organ !== FAULTS[kind].organ) return true;
      // Peers are cut one at a time: a wire has two ends.
      const isTouching = FAULTS[kind].organ === "peers" || victims.some((one) => other.victims.includes(one));
      return !isTouching || other.atBeat + other.beatCount + 2 < atBeat || atBeat + beatCount + 2 < other.atBeat;
    });

  // Every run has a liar, if it may have one.
  const others = dice.shuffled(kinds.filter((kind) => FAULTS[kind].isArbitrary && kind !== "liar"));
  const liars = kinds.filter((kind) => kind === "liar");
  const arbitrary = dice.chance(0.5) ? [...liars, ...others] : [...others.slice(0, 1), ...liars, ...others.slice(1)];
  for (let beat = beatsPerEpoch, turn = 0; arbitrary.length > 0 && beat < endBeat; turn++) {
    const kind = arbitrary[turn % arbitrary.length]!;
    const beatCount = Math.round(beatsPerEpoch * (kind === "rpcLies" ? 0.7 : dice.between(12, 25) / 10));
    planned.push({ kind, victims: [dice.pick(ORACLES)], atBeat: beat, beatCount, size: sizeOf(kind, dice) });
    beat += beatCount + Math.round(GAP_EPOCHS * beatsPerEpoch);
  }
  const passing = kinds.filter((kind) => !FAULTS[kind].isArbitrary);
  // Each kind comes once before any comes twice.
  let bag: FaultKind[] = [];
  for (let n = 0; passing.length > 0 && n < epochCount * PASSING_PER_EPOCH; n++) {
    if (bag.length === 0) bag = dice.shuffled(passing);
    const kind = bag.pop()!;
    for (let attempt = 0; attempt < 20; attempt++) {
      const victims = victimsOf(kind, dice);
      const atBeat = dice.between(Math.round(beatsPerEpoch / 2), endBeat);
      const beatCount = beatsOf(kind, beatsPerEpoch, dice);
      if (!isFree(kind, victims, atBeat, beatCount)) continue;
      planned.push({ kind, victims, atBeat, beatCount, size: sizeOf(kind, dice) });
      break;
    }
  }
  return planned.sort((a, b) => a.atBeat - b.atBeat);
}

function beatsOf(kind: FaultKind, beatsPerEpoch: number, dice: Dice): number {
  if (kind === "dbDrop") return 0;
  // A re-org waits that long for blocks with something in them.
  return kind === "reorg" || kind === "reorgReplay" ? 5 * beatsPerEpoch : dice.between(3, beatsPerEpoch);
}

function victimsOf(kind: FaultKind, dice: Dice): number[] {
  if (kind === "reorg" || kind === "reorgReplay") return [];
  if (kind === "killAll" || kind === "rpcOutAll") return [...ORACLES];
  return dice.shuffled(ORACLES).slice(0, kind === "killTwo" || kind === "split" ? 2 : 1);
}

function sizeOf(kind: FaultKind, dice: Dice): number {
  if (kind === "skew") return dice.pick([-5, -2, -1, 1, 2, 5]) * HOUR_SEC;
  return kind === "reorg" || kind === "reorgReplay" ? dice.between(1, 3) : 0;
}

/** A planned fault in words. */
export function textOf({ kind, victims, beatCount, size }: PlannedFault): string {
  const who = victims.length === 4 ? "all" : `oracle ${victims.join(" and ")}`;
  if (victims.length === 0) return `${kind} of ${size} blocks, within ${beatCount}`;
  const amount = kind === "skew" ? ` (${size / HOUR_SEC} h)` : "";
  return `${kind} ${who}${amount}${beatCount > 0 ? ` for ${beatCount} blocks` : ""}`;
}
