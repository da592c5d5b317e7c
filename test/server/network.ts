import type { Hex } from "../../server/protocol/bytes.ts";
import {
  startConsensus,
  type Consensus,
  type ConsensusOptions,
  type Output,
  type Restored,
} from "../../server/protocol/consensus.ts";
import type { Message, Vote } from "../../server/protocol/rounds.ts";

// A network of oracles in simulated time. Until `syncAtMs` messages are delayed, lost, doubled and reordered, and oracles
// restart with nothing but what they had made durable; after it every message takes at most `DELAY_MS`.

export const DELAY_MS = 20;
const GOSSIP_MS = 50;
const ROUND_MS = 200;

export type Liar = "silent" | "equivocates" | "splits" | "replays";

export interface NetworkOptions {
  readonly seed: number;
  readonly faultyCount: number;
  readonly liars: readonly Liar[];
  readonly syncAtMs: number;
  readonly lossPercent: number;
  readonly restartCount: number;
  /** Honest oracles that miss a reading in every value but their own. */
  readonly objectorCount: number;
  readonly start?: (options: ConsensusOptions, restored?: Restored) => Consensus;
}

export interface Outcome {
  /** By honest oracle: what it decided, at every life of it. */
  readonly decisions: ReadonlyMap<number, ReadonlySet<Hex>>;
  readonly undecided: readonly number[];
  readonly proposedByHonest: ReadonlySet<Hex>;
  readonly doubleVotes: number;
  readonly endedAtMs: number;
}

/** A small generator of pseudo-random numbers in [0, 1): equal seeds, equal runs. */
export function randomOf(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const valueOf = (kind: "a" | "b" | "f", index: number, round: number): Hex =>
  `0x${kind}${[index, round].map((part) => part.toString(16).padStart(4, "0")).join("")}`.padEnd(66, "0") as Hex;

interface Oracle {
  machine: Consensus;
  life: number;
  durable: { messages: Message[]; quorums: Vote[] };
}

export function runNetwork(options: NetworkOptions): Outcome {
  const { faultyCount, liars, syncAtMs } = options;
  const start = options.start ?? startConsensus;
  const random = randomOf(options.seed);
  const signerCount = 3 * faultyCount + 1;
  const firstProposerIndex = Math.floor(random() * signerCount);
  const honest = Array.from({ length: signerCount }, (_, index) => index).slice(liars.length);
  const objectors = new Set(honest.slice(0, options.objectorCount));
  const events: { atMs: number; order: number; run: () => void }[] = [];
  let nowMs = 0;
  let order = 0;
  const at = (delayMs: number, run: () => void) => events.push({ atMs: nowMs + delayMs, order: order++, run });
  const decisions = new Map<number, Set<Hex>>(honest.map((index) => [index, new Set()]));
  const proposedByHonest = new Set<Hex>();
  const signed = new Map<string, Hex | null>();
  let doubleVotes = 0;
  const oracles = new Map<number, Oracle>();

  const deliver = (to: number, messages: readonly Message[]) => {
    const isAsync = nowMs < syncAtMs;
    const copies = isAsync && random() < 0.2 ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (isAsync && random() * 100 < options.lossPercent) continue;
      const delayMs = isAsync ? random() * (syncAtMs / 2) : 1 + random() * (DELAY_MS - 1);
      at(delayMs, () => {
        if (liars.length > to) {
          lie(to, messages);
          return;
        }
        const oracle = oracles.get(to)!;
        handle(to, oracle, oracle.machine.receive(messages));
      });
    }
  };
  const broadcast = (from: number, messages: readonly Message[]) => {
    for (let to = 0; to < signerCount; to++) if (to !== from) deliver(to, messages);
  };

  const verdictOf = (index: number, value: Hex) =>
    value.startsWith("0xf") ? "invalid" : objectors.has(index) && !value.startsWith(valueOf("a", index, 0).slice(0, 7)) ? "omits" : "valid"; // prettier-ignore

  const handle = (index: number, oracle: Oracle, outputs: readonly Output[]) => {
    const { life } = oracle;
    const later = (delayMs: number, make: () => Output[]) =>
      at(delayMs, () => {
        if (oracle.life === life) handle(index, oracle, make());
      });
    for (const output of outputs) {
      if (output.type === "send") {
        const { message, quorum } = output;
        const key = `${index}/${message.round}/${message.type}`;
        if (signed.has(key) && signed.get(key) !== message.value) doubleVotes++;
        signed.set(key, message.value);
        oracle.durable.messages.push(message);
        oracle.durable.quorums.push(...quorum);
        if (message.type === "proposal") proposedByHonest.add(message.value);
        broadcast(index, [message]);
      } else if (output.type === "timeout") {
        const { step, round } = output;
        later(ROUND_MS * (1 + round / 2), () => oracle.machine.expire(step, round));
      } else if (output.type === "propose") {
        later(random() * 10, () => oracle.machine.propose(output.round, valueOf("a", index, output.round)));
      } else if (output.type === "judge") {
        later(random() * 10, () => oracle.machine.judge(output.value, verdictOf(index, output.value)));
      } else decisions.get(index)!.add(output.value);
    }
  };

  const gossip = (index: number) => {
    const oracle = oracles.get(index)!;
    broadcast(index, [...oracle.machine.messages(), ...oracle.durable.messages.slice(-4)]);
    at(GOSSIP_MS * (0.8 + random() * 0.4), () => gossip(index));
  };

  // A liar sees everything, signs whatever suits it, and says something else to everybody.
  const lie = (index: number, messages: readonly Message[]) => {
    const kind = liars[index]!;
    if (kind === "silent") return;
    if (kind === "replays") {
      for (const to of honest) deliver(to, messages.slice(0, 2));
      return;
    }
    for (const { round, value } of messages.slice(0, 1)) {
      if (random() < 0.5) continue;
      for (const to of honest) {
        const side = kind === "splits" ? to % 2 : Math.floor(random() * 3);
        const other = side === 0 ? value : side === 1 ? null : valueOf("f", index, round);
        const own = [valueOf("b", index, round), valueOf("b", index + 64, round), valueOf("f", index, round)][side]!;
        const votes: Message[] = (["prevote", "precommit"] as const).map((type: Vote["type"]) => ({
          ...{ type, signerIndex: index, round, value: other },
        }));
        const isProposer = (firstProposerIndex + round) % signerCount === index;
        const validRound = random() < 0.2 ? Math.floor(random() * (round + 1)) : -1;
        const proposal: Message = { type: "proposal", signerIndex: index, round, validRound, value: own };
        deliver(to, isProposer ? [proposal, ...votes] : votes);
      }
    }
  };

  for (const index of honest) {
    const oracle: Oracle = {
      machine: start({ faultyCount, selfIndex: index, firstProposerIndex }),
      life: 0,
      durable: { messages: [], quorums: [] },
    };
    oracles.set(index, oracle);
    at(random() * ROUND_MS, () => handle(index, oracle, oracle.machine.start()));
    at(GOSSIP_MS + random() * GOSSIP_MS, () => gossip(index));
  }
  for (let count = 0; count < options.restartCount; count++) {
    const index = honest[Math.floor(random() * honest.length)]!;
    at(random() * syncAtMs, () => {
      const oracle = oracles.get(index)!;
      oracle.life += 1;
      oracle.machine = start({ faultyCount, selfIndex: index, firstProposerIndex }, oracle.durable);
      handle(index, oracle, oracle.machine.start());
    });
  }
  liars.forEach((_, index) =>
    at(1, () => lie(index, [{ type: "prevote", signerIndex: index, round: 0, value: null }])),
  );

  const limitMs = syncAtMs + 40_000;
  const isDone = () => honest.every((index) => oracles.get(index)!.machine.decision !== undefined);
  while (events.length > 0 && nowMs < limitMs && !isDone()) {
    const next = events.reduce((a, b) => (b.atMs < a.atMs || (b.atMs === a.atMs && b.order < a.order) ? b : a));
    events.splice(events.indexOf(next), 1);
    nowMs = next.atMs;
    next.run();
  }
  const undecided = honest.filter((index) => oracles.get(index)!.machine.decision === undefined);
  return { decisions, undecided, proposedByHonest, doubleVotes, endedAtMs: nowMs };
}
