import type { Interface } from "ethers";
import * as model from "../../server/model/facility.ts";
import { PAYEES } from "./deal.ts";
import type { Random } from "./random.ts";
import type { Act, Stage } from "./stage.ts";

// The words in which a history is told: who acts, when a step ends, what was seen.

export const HOLDERS = ["holder0", "holder1", "holder2"] as const;
export const [SPONSOR, ANYONE, FIRST_HOLDER] = [0, 1, 2] as const;
const FIRST_PAYEE = FIRST_HOLDER + HOLDERS.length;
export const ACTOR_COUNT = FIRST_PAYEE + PAYEES.length;

/** A facility as the model and the chain have it. */
export interface Both {
  readonly facility: model.Facility;
  readonly address: string;
  readonly tokens: readonly string[];
  /** Rent that the leases hold for it. */
  pendingRent: bigint;
  /** How well rents cover what is due: an index of moods. */
  mood: number;
}

interface Contract {
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

  /** A verb of a facility, by anyone. */
  attempt({ address }: Both, verb: string, args: unknown[], isDone: boolean): void {
    this.call(ANYONE, address, this.calls, verb, args, !isDone);
    this.count(isDone ? verb : `${verb} refused`);
  }

  /** A verb of a facility, that it lets through. */
  act(actorIndex: number, { address }: Both, verb: string, args: unknown[] = [], isRefused = false): void {
    this.call(actorIndex, address, this.calls, verb, args, isRefused);
  }

  /** A verb of another contract. */
  tell(actorIndex: number, contract: Contract, verb: string, args: unknown[]): void {
    this.call(actorIndex, String(contract.target), contract.interface, verb, args, false);
  }

  /** A verb of a class token. */
  ask(
    actorIndex: number,
    { tokens }: Both,
    classIndex: number,
    verb: string,
    args: unknown[],
    isRefused = false,
  ): void {
    this.call(actorIndex, tokens[classIndex]!, this.stage.world.senior.interface, verb, args, isRefused);
  }

  /** Plays what was told since the step before, and compares. */
  async step(): Promise<void> {
    await this.stage.play(this.nowAt, this.acts, this.stepCount++ % 4 === 0);
    this.acts = [];
    this.nowAt += 1n;
    this.count("step");
  }

  count(event: string, times = 1): void {
    this.events[event] = (this.events[event] ?? 0) + times;
  }

  accounts(): { holders: Map<string, string>; payees: Map<string, string> } {
    const named = (names: readonly string[], first: number) =>
      new Map(names.map((name, index) => [name, this.stage.actors[first + index]!]));
    return { holders: named(HOLDERS, FIRST_HOLDER), payees: named(PAYEES, FIRST_PAYEE) };
  }

  payeeActor(payeeIndex: number): number {
    return FIRST_PAYEE + payeeIndex;
  }

  private get calls(): Interface {
    return this.stage.world.facility.interface;
  }

  private call(
    actorIndex: number,
    target: string,
    calls: Interface,
    verb: string,
    args: unknown[],
    isRefused: boolean,
  ): void {
    const text = `${verb}(${args.join(", ")})`;
    this.acts.push({ actorIndex, target, data: calls.encodeFunctionData(verb, args), isRefused, text });
  }
}

export function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
