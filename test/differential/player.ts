import type { Interface } from "ethers";
import type { Random } from "./random.ts";
import type { Act, Stage } from "./stage.ts";

// The words in which a history is told: who acts, when a step ends, what was seen.

export interface Contract {
  readonly target: unknown;
  readonly interface: Interface;
}

export class Player {
  readonly events: Record<string, number> = {};
  readonly stage: Stage;
  readonly random: Random;
  nowAt = 0n;
  private acts: Act[] = [];
  private stepCount = 0;

  constructor(stage: Stage, random: Random) {
    this.stage = stage;
    this.random = random;
  }

  /** A verb that the contract must let through, or refuse where the model does. */
  tell(actorIndex: number, contract: Contract, verb: string, args: unknown[], isRefused = false): void {
    const data = contract.interface.encodeFunctionData(verb, args);
    const text = `${actorIndex}: ${verb}(${args.map(String).join(", ")})${isRefused ? " refused" : ""}`;
    this.acts.push({ actorIndex, target: String(contract.target), data, isRefused, text });
  }

  /** Plays what was told since the step before, and compares; all that is watched every fourth time. */
  async step(): Promise<void> {
    await this.stage.play(this.nowAt, this.acts, this.stepCount++ % 4 === 0);
    this.acts = [];
    this.nowAt += 1n;
    this.count("step");
  }

  count(event: string, times = 1): void {
    this.events[event] = (this.events[event] ?? 0) + times;
  }
}

export function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
