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
  /** Compared after some steps only. */
  readonly isSeldom: boolean;
}

const GAS = "0x3938700"; // 60 million

export class Stage {
  readonly world: World;
  readonly actors: readonly string[];
  private readonly driver: string;
  private readonly driverCalls: Interface;
  private values: Value[] = [];
  private moreValues: Value[] = [];
  private snapshotId: unknown;

  private constructor(world: World, driver: string, driverCalls: Interface, actors: string[]) {
    this.world = world;
    this.driver = driver;
    this.driverCalls = driverCalls;
    this.actors = actors;
  }

  static async create(actorCount: number): Promise<Stage> {
    const world = await createWorld();
    const driver = await world.ethers.deployContract("MockHistory", [actorCount]);
    const actors = await Promise.all(Array.from({ length: actorCount }, (_, index) => driver.actors(index)));
    return new Stage(world, await driver.getAddress(), driver.interface, actors);
  }

  /** Every history starts from what stands now. */
  async keep(): Promise<void> {
    this.snapshotId = await this.request("evm_snapshot", []);
  }

  async restart(): Promise<void> {
    await this.request("evm_revert", [this.snapshotId]);
    this.values = [];
    this.moreValues = [];
    await this.keep();
  }

  /** Compares these from now on. */
  async watch(values: readonly Value[]): Promise<void> {
    const often = grouped(values.filter(({ isSeldom }) => !isSeldom));
    const seldom = grouped(values.filter(({ isSeldom }) => isSeldom));
    this.values.push(...often.flat());
    this.moreValues.push(...seldom.flat());
    await this.send(this.driverCalls.encodeFunctionData("watch", [often.map(readOf), seldom.map(readOf)]));
  }

  /** Plays acts at a time, in one transaction, and compares what is watched. */
  async play(timeAt: bigint, acts: readonly Act[], isAll: boolean): Promise<void> {
    const values = isAll ? [...this.values, ...this.moreValues] : this.values;
    const modelled = values.map((value) => value.modelled());
    const words = `0x${modelled.map((word) => word.toString(16).padStart(64, "0")).join("")}`;
    const data = this.driverCalls.encodeFunctionData("play", [acts, isAll, words]);
    await this.request("evm_setNextBlockTimestamp", [`0x${timeAt.toString(16)}`]);
    try {
      await this.send(data);
    } catch (error) {
      throw this.explain(error, values, modelled, acts);
    }
  }

  private async send(data: string): Promise<unknown> {
    return this.request("eth_sendTransaction", [{ from: this.world.admin.address, to: this.driver, gas: GAS, data }]);
  }

  private request(method: string, params: unknown[]): Promise<unknown> {
    return this.world.ethers.provider.send(method, params) as Promise<unknown>;
  }

  private explain(error: unknown, values: readonly Value[], modelled: readonly bigint[], acts: readonly Act[]): Error {
    const answer = /0x[0-9a-f]{8,}/.exec(JSON.stringify((error as { data?: unknown }).data ?? ""))?.[0] ?? "0x";
    const reason = this.driverCalls.parseError(answer);
    if (reason === null) return error as Error;
    const args = reason.args.toArray() as [bigint | bigint[], string | undefined];
    if (reason.name === "MockHistory_Differs") {
      const shown = args[0] as bigint[];
      const lines = values.flatMap(({ name }, index) =>
        shown[index] === modelled[index] ? [] : [`${name}: the model ${modelled[index]}, the contract ${shown[index]}`],
      );
      return new Error([...lines, ...acts.map(({ text }) => text)].join("\n"), { cause: error });
    }
    const contracts = [this.world.facility, this.world.senior, this.world.rent];
    const data = args[1] ?? "0x";
    const said = contracts.map((one) => (data.length < 10 ? null : one.interface.parseError(data))).find(Boolean);
    const words = said ? `${said.name}(${said.args.join(", ")})` : data;
    return new Error(`${reason.name}: ${acts[Number(args[0])]?.text} ${words}`, { cause: error });
  }
}

function grouped(values: readonly Value[]): Value[][] {
  return [...Map.groupBy(values, ({ target, data }) => target + data).values()];
}

function readOf(group: readonly Value[]) {
  const { target, data } = group[0]!;
  return { target, data, wordIndices: group.map(({ wordIndex }) => wordIndex) };
}
