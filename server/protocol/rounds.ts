import type { Hex } from "./bytes.ts";

// The messages of a consensus as one oracle holds them, by round: bounded, whatever a faulty signer sends.

/** A signer's value for a round; `validRound` is the round in which it had a quorum of prevotes, −1 for none. */
export interface Proposal {
  readonly type: "proposal";
  readonly signerIndex: number;
  readonly round: number;
  readonly validRound: number;
  readonly value: Hex;
}

/** A signer's prevote or precommit in a round; null is nil, for no value. */
export interface Vote {
  readonly type: "prevote" | "precommit";
  readonly signerIndex: number;
  readonly round: number;
  readonly value: Hex | null;
}

export type Message = Proposal | Vote;

/** More than two thirds of the signers for one value in one round and step. */
export interface Quorum {
  readonly value: Hex | null;
  readonly votes: readonly Vote[];
}

export interface Round {
  proposal: Proposal | undefined;
  /** Of each signer the first. */
  readonly votes: Record<Vote["type"], Map<number, Vote>>;
  readonly quorums: Partial<Record<Vote["type"], Quorum>>;
  /** What happens once a round. */
  readonly done: Set<string>;
}

/** Rounds before the current one whose single votes are kept. */
const KEPT_ROUNDS = 2;

/** Messages by round. */
export class Rounds {
  readonly #rounds = new Map<number, Round>();
  readonly #newest = new Map<number, number>(); // of each signer
  readonly #signerCount: number;
  readonly #quorumCount: number;
  readonly #firstProposerIndex: number;

  constructor(faultyCount: number, firstProposerIndex: number) {
    this.#signerCount = 3 * faultyCount + 1;
    this.#quorumCount = 2 * faultyCount + 1;
    this.#firstProposerIndex = firstProposerIndex;
  }

  at(number: number): Round {
    const known = this.#rounds.get(number);
    if (known !== undefined) return known;
    const votes = { prevote: new Map<number, Vote>(), precommit: new Map<number, Vote>() };
    const fresh: Round = { proposal: undefined, votes, quorums: {}, done: new Set() };
    this.#rounds.set(number, fresh);
    return fresh;
  }

  find(number: number): Round | undefined {
    return this.#rounds.get(number);
  }

  all(): [number, Round][] {
    return [...this.#rounds];
  }

  proposerOf(number: number): number {
    return (this.#firstProposerIndex + number) % this.#signerCount;
  }

  newestOf(signerIndex: number): number | undefined {
    return this.#newest.get(signerIndex);
  }

  /** The highest round that as many signers have reached. */
  reachedBy(signerCount: number): number {
    return [...this.#newest.values()].sort((a, b) => b - a)[signerCount - 1] ?? -1;
  }

  isSound({ signerIndex, round }: Message): boolean {
    const isSigner = Number.isInteger(signerIndex) && signerIndex >= 0 && signerIndex < this.#signerCount;
    return isSigner && Number.isSafeInteger(round) && round >= 0;
  }

  take(message: Message, current: number): void {
    if (!this.#isKept(message, current)) return;
    const place = this.at(message.round);
    if (message.type === "proposal") {
      if (message.signerIndex === this.proposerOf(message.round)) place.proposal ??= message;
      return;
    }
    const votes = place.votes[message.type];
    if (votes.has(message.signerIndex)) return;
    votes.set(message.signerIndex, message);
    const same = [...votes.values()].filter(({ value }) => value === message.value);
    this.#noteQuorum(message.type, message.round, same);
  }

  /** Takes the quorums among messages, each by (round, step, value), whatever came first of their signers. */
  takeQuorums(messages: readonly Message[]): void {
    const groups = new Map<string, Map<number, Vote>>();
    for (const message of messages) {
      if (message.type === "proposal") continue;
      const key = `${message.round}/${message.type}/${message.value}`;
      const group = groups.get(key) ?? new Map<number, Vote>();
      groups.set(key, group.set(message.signerIndex, message));
    }
    for (const group of groups.values()) {
      const votes = [...group.values()];
      const [first] = votes;
      if (first !== undefined) this.#noteQuorum(first.type, first.round, votes);
    }
  }

  /** Forgets what no rule asks for any more: of old rounds their quorums of prevotes stay. */
  forgetBefore(current: number): void {
    for (const [number, place] of this.#rounds) {
      if (number >= current - KEPT_ROUNDS) continue;
      place.votes.prevote.clear();
      place.votes.precommit.clear();
      if (place.quorums.prevote === undefined) this.#rounds.delete(number);
    }
  }

  #noteQuorum(type: Vote["type"], number: number, votes: readonly Vote[]): void {
    const [first] = votes;
    if (first === undefined || votes.length < this.#quorumCount) return;
    const place = this.at(number);
    place.quorums[type] ??= { value: first.value, votes: votes.slice(0, this.#quorumCount) };
    for (const vote of votes) {
      if (!place.votes[type].has(vote.signerIndex)) place.votes[type].set(vote.signerIndex, vote);
    }
  }

  /** Of rounds far ahead one a signer is kept, so that nobody fills the memory. */
  #isKept({ signerIndex, round }: Message, current: number): boolean {
    const newest = this.#newest.get(signerIndex) ?? -1;
    if (round < current - KEPT_ROUNDS || (round > current + 1 && round < newest)) return false;
    if (round <= newest) return true;
    const before = newest > current + 1 ? this.#rounds.get(newest) : undefined;
    if (before?.proposal?.signerIndex === signerIndex) before.proposal = undefined;
    before?.votes.prevote.delete(signerIndex);
    before?.votes.precommit.delete(signerIndex);
    this.#newest.set(signerIndex, round);
    return true;
  }
}
