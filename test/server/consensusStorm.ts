import { expect } from "chai";

import { diceOf, type Dice } from "../../scripts/chaos/dice.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { startConsensus, type Consensus, type Output, type Verdict } from "../../server/protocol/consensus.ts";
import type { Message, Vote } from "../../server/protocol/rounds.ts";

// Four machines, one of them a liar, in virtual time: messages are lost, late, doubled and out of order, machines are
// killed at any point and come back with what they had made durable. Until the storm is over only safety is asked for.

const MACHINES = 4;
const ROUND_MS = 100;
const AGAIN_MS = 50;
const STORM_MS = 3_000;
const CALM_MS = 60_000;

interface Machine {
  core: Consensus | undefined;
  /** What a restart finds. */
  durable: { message: Message; quorum: readonly Vote[] }[];
  decided: Hex | undefined;
  /** Tells timers and answers of an earlier life apart. */
  life: number;
}

const valueOf = (number: number): Hex => `0x${number.toString(16).padStart(64, "0")}`;

/** Values below 0x8000 are false, and below 0x9000 the liar's; of the true ones some leave out what a machine holds. */
function verdictOf(index: number, value: Hex): Verdict {
  const number = Number(BigInt(value));
  if (number < 0x8000) return "invalid";
  return (number * 31 + index * 17) % 5 === 0 || (number % 6 === 0 && index !== number % 4) ? "omits" : "valid";
}

/** Plays one storm; gives what each honest machine decided. */
function playStorm(seed: string, isLiarLoud: boolean) {
  const dice = diceOf(seed, "storm");
  const liar = dice.between(0, MACHINES - 1);
  const firstProposerIndex = dice.between(0, MACHINES - 1);
  const honest = Array.from({ length: MACHINES }, (_, index) => index).filter((index) => index !== liar);
  const machines = Array.from({ length: MACHINES }, (): Machine => ({
    core: undefined,
    durable: [],
    decided: undefined,
    life: 0,
  }));
  const queue: { atMs: number; run: () => void }[] = [];
  const named = new Set<Hex>();
  const lossShare = dice.between(2, 8) / 10;
  const lateMs = dice.pick([50, 200, 600]);
  let nowMs = 0;
  let valueCount = 0;

  const isStorm = () => nowMs < STORM_MS;
  const after = (delayMs: number, run: () => void) => queue.push({ atMs: nowMs + delayMs, run });
  const alive = (index: number, run: (core: Consensus) => Output[]) => {
    const { life } = machines[index]!;
    return () => {
      const { core } = machines[index]!;
      if (core !== undefined && machines[index]!.life === life) handle(index, run(core));
    };
  };
  const transmit = (to: number, messages: readonly Message[]) => {
    if (isStorm() && dice.chance(lossShare)) return;
    const copies = dice.chance(0.1) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      after(isStorm() ? dice.between(1, lateMs) : dice.between(1, 10), () => {
        const { core } = machines[to]!;
        if (core !== undefined) handle(to, core.receive(messages));
      });
    }
  };
  const toAll = (from: number, messages: readonly Message[]) => {
    for (const to of honest) if (to !== from) transmit(to, messages);
  };
  const kill = (index: number) => {
    machines[index]!.core = undefined;
    machines[index]!.life += 1;
    after(dice.pick([20, 200, 2_000]), () => start(index));
  };
  const handle = (index: number, outputs: readonly Output[]) => {
    const machine = machines[index]!;
    for (const output of outputs) {
      if (isStorm() && dice.chance(0.01)) {
        kill(index); // in the middle of what it was about to do
        return;
      }
      if (output.type === "send") {
        const { message, quorum } = output;
        const twin = machine.durable.find(
          (one) => one.message.type === message.type && one.message.round === message.round,
        );
        expect(twin, "two messages in one place").to.equal(undefined);
        machine.durable.push({ message, quorum });
        if (message.value !== null) named.add(message.value);
        toAll(index, [message]);
      } else if (output.type === "timeout") {
        const delayMs = ROUND_MS * (1 + output.round / 2);
        after(
          delayMs,
          alive(index, (core) => core.expire(output.step, output.round)),
        );
      } else if (output.type === "propose") {
        const value = valueOf(0x9000 + ++valueCount);
        after(
          dice.between(1, 30),
          alive(index, (core) => core.propose(output.round, value)),
        );
      } else if (output.type === "judge") {
        const verdict = verdictOf(index, output.value);
        after(
          dice.between(1, 30),
          alive(index, (core) => core.judge(output.value, verdict)),
        );
      } else {
        machine.decided ??= output.value;
        expect(machine.decided, "a decision that changed").to.equal(output.value);
        // Before it told anybody, and before it wrote it down.
        if (isStorm() && dice.chance(0.7)) {
          kill(index);
          return;
        }
      }
    }
  };
  const start = (index: number) => {
    const { durable } = machines[index]!;
    machines[index]!.core = startConsensus(
      { faultyCount: 1, selfIndex: index, firstProposerIndex },
      { messages: durable.map(({ message }) => message), quorums: durable.flatMap(({ quorum }) => quorum) },
    );
    handle(index, machines[index]!.core.start());
  };
  const repeat = (index: number) => {
    const { core, durable } = machines[index]!;
    if (core !== undefined) toAll(index, [...core.messages(), ...durable.slice(-3).map(({ message }) => message)]);
    after(AGAIN_MS, () => repeat(index));
  };
  // It follows the others' rounds, and gives each of them what may part them.
  const lie = () => {
    const rounds = honest.map((index) => machines[index]!.core?.round ?? 0);
    for (const [at, to] of honest.entries()) {
      const round = Math.max(0, rounds[at]! + dice.between(-1, 1));
      transmit(to, lieOf(dice, liar, round, [...named]));
    }
    if (isStorm() || isLiarLoud) after(dice.between(5, 40), lie);
  };

  for (const index of honest) {
    after(dice.between(0, 200), () => start(index));
    after(dice.between(0, AGAIN_MS), () => repeat(index));
  }
  lie();
  while (nowMs < CALM_MS && honest.some((index) => machines[index]!.decided === undefined)) {
    queue.sort((a, b) => a.atMs - b.atMs);
    const next = queue.shift()!;
    nowMs = next.atMs;
    next.run();
  }
  return { nowMs, honest, decisions: honest.map((index) => machines[index]!.decided) };
}

/** Anything that a signer can say in a round: of others' values, of its own true and false ones, of none. */
function lieOf(dice: Dice, signerIndex: number, round: number, named: readonly Hex[]): Message[] {
  const own = valueOf(0x8000 + dice.between(1, 4));
  const value = dice.pick([valueOf(dice.between(1, 3)), own, own, ...named.slice(-3), ...named.slice(-3)]);
  return [
    { type: "proposal", signerIndex, round, validRound: Math.max(-1, dice.between(-4, round)), value },
    { type: "prevote", signerIndex, round, value: dice.chance(0.2) ? null : value },
    { type: "precommit", signerIndex, round, value: dice.chance(0.2) ? null : value },
  ];
}

describe("consensus in a storm", function () {
  this.timeout(60_000);
  const STORMS = Number(process.env["STORMS"] ?? 200);

  for (const isLiarLoud of [false, true]) {
    it(`S14: decides one true value ${isLiarLoud ? "while the liar goes on" : "once the liar is silent"}, in ${STORMS} storms`, () => {
      for (let storm = 0; storm < STORMS; storm++) {
        const { nowMs, honest, decisions } = playStorm(`${isLiarLoud}/${storm}`, isLiarLoud);
        const [first] = decisions;
        const where = `storm ${storm}: ${decisions.join(", ")} at ${nowMs} ms`;
        expect(new Set(decisions).size, where).to.equal(1);
        expect(first, where).not.to.equal(undefined);
        const verdicts = honest.map((index) => verdictOf(index, first!));
        expect(verdicts, where).not.to.include("invalid");
        // What f+1 honest ones miss something in has no quorum.
        expect(verdicts.filter((verdict) => verdict === "omits").length, where).to.be.lessThan(2);
      }
    });
  }
});
