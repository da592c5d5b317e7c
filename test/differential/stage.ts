import type { Interface } from "ethers";
import { createWorld, type World } from "../contracts/facility-world.ts";

// Where histories are played: the real contracts on a chain of their own, and the driver that plays and compares.

export interface Act {
  readonly actorIndex: number;
  readonly target: string;
  readonly data: string;
  /** By the model: then the contract must refuse too. */
  readonly isRefused: boolean;
  /** What is done, in words. */
  readonly text: string;
}

/** A word of a view's answer, and what the model says it is. */
export interface Value {
  readonly name: string;
  readonly target: string;
  readonly data: string;
  readonly wordIndex: number;
  readonly modelled: () => bigint;
}

const GAS = "0x3938700"; // 60 million

export class Stage {
  readonly world: World;
  readonly driver: string;
  readonly actors: readonly string[];
  private readonly driverCalls: Interface;
  private readonly from: string;
  private values: Value[] = [];
  private snapshotId = "";

  private constructor(world: World, driver: string, driverCalls: Interface, actors: string[]) {
    this.world = world;
    this.driver = driver;
    this.driverCalls = driverCalls;
    this.actors = actors;
    this.from = world.admin.address;
  }

  static async create(actorCount: number): Promise<Stage> {
    const world = await createWorld();
    const driver = await world.ethers.deployContract("MockHistory", [actorCount]);
    const actors = await Promise.all(Array.from({ length: actorCount }, (_, index) => driver.actors(index)));
    return new Stage(world, await driver.getAddress(), driver.interface, actors);
  }

  /** What every history starts from is what stands now. */
  async keep(): Promise<void> {
    this.snapshotId = (await this.request("evm_snapshot", [])) as string;
  }

  async restart(): Promise<void> {
    await this.request("evm_revert", [this.snapshotId]);
    this.values = [];
    await this.keep();
  }

  /** Compares these from now on, after every step. */
  async watch(values: readonly Value[]): Promise<void> {
    const reads = Map.groupBy(values, ({ target, data }) => target + data);
    const calls = [...reads.values()].map((group) => ({
      target: group[0]!.target,
      data: group[0]!.data,
      wordIndices: group.map(({ wordIndex }) => wordIndex),
    }));
    this.values.push(...[...reads.values()].flat());
    await this.send(this.driverCalls.encodeFunctionData("watch", [calls]));
  }

  /** Plays acts at a time, in one transaction, and compares all that is watched. */
  async play(timeAt: bigint, acts: readonly Act[]): Promise<void> {
    await this.request("evm_setNextBlockTimestamp", [`0x${timeAt.toString(16)}`]);
    const modelled = this.values.map((value) => value.modelled());
    const data = this.driverCalls.encodeFunctionData("play", [acts, modelled]);
    try {
      await this.send(data);
    } catch (error) {
      throw this.explain(error, modelled, acts);
    }
  }

  private async send(data: string): Promise<unknown> {
    return this.request("eth_sendTransaction", [{ from: this.from, to: this.driver, gas: GAS, data }]);
  }

  private request(method: string, params: unknown[]): Promise<unknown> {
    return this.world.ethers.provider.send(method, params) as Promise<unknown>;
  }

  private explain(error: unknown, modelled: readonly bigint[], acts: readonly Act[]): Error {
    const text = /0x[0-9a-f]{8,}/.exec(revertDataOf(error))?.[0];
    const reason = text === undefined ? null : this.driverCalls.parseError(text);
    if (reason?.name === "MockHistory_Differs") {
      const shown = (reason.args[0] as bigint[]).map(BigInt);
      const lines = this.values.flatMap(({ name }, index) =>
        shown[index] === modelled[index]
          ? []
          : [`${name}: the model says ${modelled[index]}, the contract ${shown[index]}`],
      );
      return new Error(lines.join("\n"), { cause: error });
    }
    if (reason === null) return error as Error;
    const [index, answer] = reason.args.toArray() as [bigint, string | undefined];
    const because = [this.world.facility, this.world.senior].map((contract) =>
      contract.interface.parseError(answer ?? "0x"),
    );
    const said = because.find((parsed) => parsed !== null);
    const words = said ? `${said.name}(${said.args.join(", ")})` : (answer ?? "");
    return new Error(`${reason.name}: ${acts[Number(index)]?.text ?? `read ${index}`} ${words}`, { cause: error });
  }
}

function revertDataOf(error: unknown): string {
  const { data } = error as { data?: unknown };
  return typeof data === "string" ? data : JSON.stringify(data ?? String(error));
}
