import type { Interface } from "ethers";
import type { network } from "hardhat";

// Where histories are played: a chain of their own, and the driver that plays and compares.

export type Connection = Pick<Awaited<ReturnType<typeof network.create>>, "ethers" | "networkHelpers">;

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

export function valueOf(
  name: string,
  target: string,
  calls: Interface,
  view: string,
  args: readonly unknown[],
  modelled: () => bigint,
  wordIndex = 0,
): Value {
  return { name, target, data: calls.encodeFunctionData(view, args), wordIndex, modelled, isSeldom: false };
}

const GAS = "0x3938700"; // 60 million

export class Stage {
  readonly actors: readonly string[];
  private readonly connection: Connection;
  private readonly driver: string;
  private readonly driverCalls: Interface;
  private readonly from: string;
  /** The contracts whose errors are put in words. */
  private readonly refusing: readonly Interface[];
  private values: Value[] = [];
  private moreValues: Value[] = [];
  private snapshotId: unknown;

  private constructor(
    connection: Connection,
    driver: { target: unknown; interface: Interface },
    from: string,
    actors: string[],
    refusing: readonly Interface[],
  ) {
    this.connection = connection;
    this.driver = String(driver.target);
    this.driverCalls = driver.interface;
    this.from = from;
    this.actors = actors;
    this.refusing = refusing;
  }

  static async create(connection: Connection, actorCount: number, refusing: readonly Interface[]): Promise<Stage> {
    const { ethers } = connection;
    const [deployer] = await ethers.getSigners();
    const driver = await ethers.deployContract("MockHistory", [actorCount]);
    const actors = await Promise.all(Array.from({ length: actorCount }, (_, index) => driver.actors(index)));
    return new Stage(connection, driver, deployer!.address, actors, refusing);
  }

  async latestAt(): Promise<bigint> {
    return BigInt(await this.connection.networkHelpers.time.latest());
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
    return this.request("eth_sendTransaction", [{ from: this.from, to: this.driver, gas: GAS, data }]);
  }

  private request(method: string, params: unknown[]): Promise<unknown> {
    return this.connection.ethers.provider.send(method, params) as Promise<unknown>;
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
    const data = args[1] ?? "0x";
    const said = this.refusing.map((one) => (data.length < 10 ? null : one.parseError(data))).find(Boolean);
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
