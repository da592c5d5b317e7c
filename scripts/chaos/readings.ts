import type { Hex } from "../../server/protocol/bytes.ts";
import type { Reading } from "../../server/protocol/reading.ts";
import { epochEndAt } from "../../server/protocol/units.ts";
import { diceOf, type Dice } from "./dice.ts";
import { readingOf, remember, signed, type Signed, type SimLot, type SimNode } from "./fleet.ts";

/** What a node does with the hour it has to tell of, and how often of a thousand. */
const HABITS = {
  plain: 700,
  twice: 70,
  late: 50,
  partial: 50,
  absent: 40,
  equivocating: 30,
  early: 20,
  fallen: 20,
  implausible: 20,
} as const;

export type Habit = keyof typeof HABITS | "forged";

/** What the run knows of a reading that it made. */
export interface Made extends Signed {
  readonly habit: Habit;
  /** Signed by its node and within the bounds; what it follows on is another question. */
  readonly isSound: boolean;
  /** When an oracle said that it is durable, by the chain's time. */
  readonly ackedAt: Map<number, number>;
}

/** A reading on its way to an oracle. */
export interface Post {
  readonly made: Made;
  readonly oracle: number;
  /** Not before this time of the chain. */
  readonly dueAt: number;
}

const ORACLES = [0, 1, 2, 3] as const;
/** Beyond any cut-off, and an epoch after. */
const LATE_SEC = [2_100, 5_400] as const;
/** One forged reading beside so many honest ones. */
const FORGED_SHARE = 0.03;

/** Makes an epoch's readings and says who gets them when; the order is any. */
export function writeEpoch(seed: string, fleet: readonly SimLot[], domain: Hex, epoch: bigint): Post[] {
  const dice = diceOf(seed, `readings of ${epoch}`);
  const nodes = fleet.flatMap((lot) => lot.nodes);
  return dice.shuffled(nodes.flatMap((node) => writeNode(node, nodes, domain, epoch, dice)));
}

function writeNode(node: SimNode, nodes: readonly SimNode[], domain: Hex, epoch: bigint, dice: Dice): Post[] {
  const endAt = Number(epochEndAt(epoch));
  const soonAt = endAt + dice.between(0, 240);
  const make = (reading: Reading, habit: Habit, isSound: boolean, key = node.key): Made => ({
    ...signed(domain, reading, key),
    ...{ habit, isSound, ackedAt: new Map() },
  });
  const to = (made: Made, oracles: readonly number[], dueAt: number): Post[] =>
    oracles.map((oracle) => ({ made, oracle, dueAt }));

  const habit = drawHabit(dice);
  const reading = readingOf(node, epoch, dice);
  const forged = dice.chance(FORGED_SHARE)
    ? to(
        make(readingOf(node, epoch, dice), "forged", false, dice.pick(nodes.filter((one) => one !== node)).key),
        ORACLES,
        soonAt,
      )
    : [];
  if (habit === "absent") return forged;
  if (habit === "fallen") {
    // Nobody who looks at this reading alone sees it: the board's counter starts below where the last one ended.
    const [first, ...others] = reading.devices;
    const startMJ = first!.energyStartMJ / 2n;
    const fallen = { ...reading, devices: [{ ...first!, energyStartMJ: startMJ, energyEndMJ: startMJ }, ...others] };
    const made = make({ ...fallen, itEnergy: null }, habit, true);
    return [...forged, ...to(made, ORACLES, soonAt)];
  }
  if (habit === "implausible") {
    const [first, ...others] = reading.devices;
    const far = { ...first!, energyEndMJ: first!.energyStartMJ + 10n ** 12n };
    return [...forged, ...to(make({ ...reading, devices: [far, ...others] }, habit, false), ORACLES, soonAt)];
  }
  const made = make(reading, habit, true);
  remember(node, made);
  switch (habit) {
    case "twice":
      return [...forged, ...to(made, ORACLES, soonAt), ...to(made, ORACLES, soonAt + dice.between(0, 1_200))];
    case "late":
      return [...forged, ...to(made, ORACLES, endAt + dice.pick(LATE_SEC))];
    case "partial":
      return [...forged, ...to(made, dice.shuffled(ORACLES).slice(0, dice.between(1, 3)), soonAt)];
    case "early":
      return [...forged, ...to(made, ORACLES, endAt - dice.between(600, 1_800)), ...to(made, ORACLES, soonAt)];
    case "equivocating": {
      // The same place in the chain, another hour: half of the oracles hear this one first.
      const [first, ...others] = reading.devices;
      const other = { ...reading, devices: [{ ...first!, workUnits: first!.workUnits + 1n }, ...others] };
      const twin = make(other, habit, true);
      const order = dice.shuffled(ORACLES);
      return [
        ...forged,
        ...to(made, order.slice(0, 2), soonAt),
        ...to(twin, order.slice(2), soonAt),
        ...to(twin, order.slice(0, 1), soonAt + 120),
      ];
    }
    case "plain":
      return [...forged, ...to(made, ORACLES, soonAt)];
  }
}

function drawHabit(dice: Dice): keyof typeof HABITS {
  let left = dice.between(0, Object.values(HABITS).reduce((sum, weight) => sum + weight, 0) - 1);
  for (const [habit, weight] of Object.entries(HABITS) as [keyof typeof HABITS, number][]) {
    left -= weight;
    if (left < 0) return habit;
  }
  return "plain";
}
