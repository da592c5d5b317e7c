import type { Interface } from "ethers";
import type { World } from "../contracts/facility-world.ts";
import type * as model from "../../server/model/facility.ts";
import type { PaymentDate } from "../../server/model/payment.ts";
import { PAYEES } from "./deal.ts";
import { Player } from "./player.ts";
import type { Random } from "./random.ts";
import type { Stage } from "./stage.ts";

// Who acts in the history of a facility.

export const HOLDERS = ["holder0", "holder1", "holder2"] as const;
export const LOTS = ["1", "2", "3"] as const;
export const [SPONSOR, ANYONE, FIRST_HOLDER] = [0, 1, 2] as const;
const FIRST_PAYEE = FIRST_HOLDER + HOLDERS.length;
export const ACTOR_COUNT = FIRST_PAYEE + PAYEES.length;

/** A facility as the model and the chain have it. */
export interface Both {
  readonly facility: model.Facility;
  readonly address: string;
  readonly tokens: readonly string[];
  /** Payment dates that were run and are not watched. */
  readonly newDates: PaymentDate[];
  /** Rent that the leases hold for it. */
  pendingRent: bigint;
  /** How well rents cover what is due: an index of moods. */
  mood: number;
  /** From this date on no rent comes in. */
  readonly doomIndex: number;
}

export class FacilityPlayer extends Player {
  readonly world: World;

  constructor(stage: Stage, random: Random, world: World) {
    super(stage, random);
    this.world = world;
  }

  /** A verb of a facility, by anyone. */
  attempt(both: Both, verb: string, args: unknown[], isDone: boolean): void {
    this.act(ANYONE, both, verb, args, !isDone);
    this.count(isDone ? verb : `${verb} refused`);
  }

  act(actorIndex: number, { address }: Both, verb: string, args: unknown[] = [], isRefused = false): void {
    this.tell(actorIndex, { target: address, interface: this.calls }, verb, args, isRefused);
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
    const token = { target: tokens[classIndex], interface: this.world.senior.interface };
    this.tell(actorIndex, token, verb, args, isRefused);
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
    return this.world.facility.interface;
  }
}
