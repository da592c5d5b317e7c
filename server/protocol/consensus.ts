import type { Hex } from "./bytes.ts";
import { Rounds, type Message, type Proposal, type Round, type Vote } from "./rounds.ts";

// Tendermint's algorithm for one height (arXiv 1807.04938, algorithm 1), as a state machine without clock, network or
// disk: inputs go in, outputs come out, equal inputs give equal outputs. Its numbers of lines are named below.
//
// Of the paper it differs in three places:
// - A value is known by its hash; whoever runs the machine judges values, when it is asked to, and in its own time.
// - One vote a (round, step) and signer counts, the first; but a whole quorum for one value counts whatever came first,
//   for there can be one at most. So an equivocating signer can show a quorum to one and hide it from no other.
// - A decision needs no proposal: a quorum of precommits says that an honest signer judged the value.

export type Step = "propose" | "prevote" | "precommit";

/** omits: nothing is wrong but what is missing, which is no reason against a value with a quorum of prevotes. */
export type Verdict = "valid" | "omits" | "invalid";

export type Output =
  /** To be made durable, signed, and sent to all; `quorum` are the prevotes that a precommit rests on. */
  | { readonly type: "send"; readonly message: Message; readonly quorum: readonly Vote[] }
  /** To be given back by `expire` after a time that grows with the round. */
  | { readonly type: "timeout"; readonly step: Step; readonly round: number }
  /** A value is wanted, to be given by `propose`. */
  | { readonly type: "propose"; readonly round: number }
  /** A verdict is wanted, to be given by `judge`. */
  | { readonly type: "judge"; readonly value: Hex }
  | { readonly type: "decide"; readonly round: number; readonly value: Hex; readonly quorum: readonly Vote[] };

export interface ConsensusOptions {
  /** n = 3f+1. */
  readonly faultyCount: number;
  readonly selfIndex: number;
  /** Who proposes round 0; the next index proposes the next round. */
  readonly firstProposerIndex: number;
}

/** What a signer had sent before a restart, with the prevotes that its precommits rested on. */
export interface Restored {
  readonly messages: readonly Message[];
  readonly quorums: readonly Vote[];
}

export interface Consensus {
  readonly round: number;
  readonly step: Step;
  readonly decision: { readonly round: number; readonly value: Hex; readonly quorum: readonly Vote[] } | undefined;
  start(): Output[];
  /** Takes messages whose signatures were checked. */
  receive(messages: readonly Message[]): Output[];
  propose(round: number, value: Hex): Output[];
  judge(value: Hex, verdict: Verdict): Output[];
  expire(step: Step, round: number): Output[];
  /** What a peer may need to catch up: this round's and the last one's messages, and the quorums behind them. */
  messages(): Message[];
  /** The values that a proposal or a quorum of votes names. */
  named(): ReadonlySet<Hex>;
}

export function startConsensus(options: ConsensusOptions, restored?: Restored): Consensus {
  const { faultyCount, selfIndex } = options;
  const quorumCount = 2 * faultyCount + 1;
  const rounds = new Rounds(faultyCount, options.firstProposerIndex);
  const sent = new Map<string, Message>();
  const verdicts = new Map<Hex, Verdict>();
  const asked = new Set<Hex>();
  let round = 0;
  let step: Step = "propose";
  let locked: { value: Hex; round: number } | undefined;
  let valid: { value: Hex; round: number } | undefined;
  let decision: Consensus["decision"];
  let outputs: Output[] = [];

  const once = (place: Round, what: string) => !place.done.has(what) && place.done.add(what);

  const send = (message: Message, quorum: readonly Vote[] = []) => {
    const key = `${message.round}/${message.type}`;
    if (sent.has(key)) return; // what was signed before a restart stands
    sent.set(key, message);
    outputs.push({ type: "send", message, quorum });
    rounds.take(message, round);
  };

  // Rules

  const hasQuorum = (value: Hex) => rounds.all().some(([, { quorums }]) => quorums.prevote?.value === value);
  /** Undefined while nobody has judged the value. */
  const isAcceptable = (value: Hex): boolean | undefined => {
    const verdict = verdicts.get(value);
    if (verdict !== undefined) return verdict === "valid" || (verdict === "omits" && hasQuorum(value));
    if (!asked.has(value)) outputs.push({ type: "judge", value });
    asked.add(value);
    return undefined;
  };

  // lines 11 to 21
  const startRound = (number: number) => {
    round = number;
    step = "propose";
    rounds.forgetBefore(number);
    if (sent.has(`${number}/precommit`)) step = "precommit";
    else if (sent.has(`${number}/prevote`)) step = "prevote";
    if (step !== "propose") return;
    outputs.push({ type: "timeout", step: "propose", round: number });
    if (rounds.proposerOf(number) !== selfIndex || sent.has(`${number}/proposal`)) return;
    if (valid === undefined) outputs.push({ type: "propose", round: number });
    else send({ type: "proposal", signerIndex: selfIndex, round, validRound: valid.round, value: valid.value });
  };

  const prevote = (value: Hex | null) => {
    step = "prevote";
    send({ type: "prevote", signerIndex: selfIndex, round, value });
  };

  const precommit = (value: Hex | null, quorum: readonly Vote[] = []) => {
    step = "precommit";
    send({ type: "precommit", signerIndex: selfIndex, round, value }, quorum);
  };

  // lines 22 to 33; undefined while there is nothing to say yet
  const answerTo = ({ value, validRound }: Proposal): Hex | null | undefined => {
    if (validRound >= round) return null;
    if (validRound >= 0 && rounds.find(validRound)?.quorums.prevote?.value !== value) return undefined;
    const isFree = locked === undefined || locked.value === value || locked.round <= validRound;
    if (!isFree) return null;
    const acceptable = isAcceptable(value);
    return acceptable === undefined ? undefined : acceptable ? value : null;
  };

  /** Applies one rule; false when none does. */
  const applyRule = (): boolean => {
    if (decision !== undefined) return false;
    for (const [number, { quorums }] of rounds.all()) {
      const { value, votes: quorum } = quorums.precommit ?? {};
      if (value === undefined || value === null || quorum === undefined) continue;
      decision = { round: number, value, quorum }; // lines 49 to 54
      outputs.push({ type: "decide", ...decision });
      return false;
    }
    // lines 55 and 56: of f+1 signers beyond this round one is honest
    const ahead = rounds.reachedBy(faultyCount + 1);
    if (ahead > round) {
      startRound(ahead);
      return true;
    }
    const place = rounds.at(round);
    if (step === "propose") {
      const answer = place.proposal === undefined ? undefined : answerTo(place.proposal);
      if (answer !== undefined) prevote(answer);
      return answer !== undefined;
    }
    const agreed = place.quorums.prevote;
    if (
      agreed !== undefined &&
      agreed.value !== null &&
      !place.done.has("agreed") &&
      isAcceptable(agreed.value) === true
    ) {
      place.done.add("agreed");
      const { value, votes } = agreed; // lines 36 to 43
      valid = { value, round };
      if (step === "prevote") {
        locked = { value, round };
        precommit(value, votes);
      }
      return true;
    }
    if (step === "prevote" && agreed?.value === null) {
      precommit(null); // lines 44 to 46
      return true;
    }
    if (step === "prevote" && place.votes.prevote.size >= quorumCount && once(place, "prevote")) {
      outputs.push({ type: "timeout", step: "prevote", round }); // lines 34 and 35
    }
    if (place.votes.precommit.size >= quorumCount && once(place, "precommit")) {
      outputs.push({ type: "timeout", step: "precommit", round }); // lines 47 and 48
    }
    return false;
  };

  const run = (): Output[] => {
    while (applyRule());
    const given = outputs;
    outputs = [];
    return given;
  };

  const restore = ({ messages, quorums }: Restored) => {
    rounds.takeQuorums(quorums);
    for (const message of messages) {
      sent.set(`${message.round}/${message.type}`, message);
      rounds.take(message, message.round);
      if (message.type !== "precommit" || message.value === null || message.round < (locked?.round ?? 0)) continue;
      locked = valid = { value: message.value, round: message.round };
    }
  };

  return {
    get round() {
      return round;
    },
    get step() {
      return step;
    },
    get decision() {
      return decision;
    },
    start() {
      if (restored !== undefined) restore(restored);
      startRound(rounds.newestOf(selfIndex) ?? 0);
      return run();
    },
    receive(messages) {
      const sound = messages.filter((message) => rounds.isSound(message));
      rounds.takeQuorums(sound);
      for (const message of sound) rounds.take(message, round);
      return run();
    },
    propose(number, value) {
      verdicts.set(value, "valid");
      if (number === round && step === "propose" && rounds.proposerOf(round) === selfIndex) {
        send({ type: "proposal", signerIndex: selfIndex, round, validRound: -1, value });
      }
      return run();
    },
    judge(value, verdict) {
      verdicts.set(value, verdict);
      return run();
    },
    expire(of, number) {
      if (number === round && decision === undefined) {
        if (of === "propose" && step === "propose")
          prevote(null); // lines 57 to 60
        else if (of === "prevote" && step === "prevote")
          precommit(null); // lines 61 to 64
        else if (of === "precommit") startRound(round + 1); // lines 65 to 67
      }
      return run();
    },
    messages() {
      if (decision !== undefined) return [...decision.quorum];
      const wanted = rounds
        .all()
        .filter(([number]) => number === round || number === round - 1 || number === valid?.round);
      return wanted.flatMap(([, { proposal, votes, quorums }]) => [
        ...new Set<Message>([
          ...(proposal === undefined ? [] : [proposal]),
          ...votes.prevote.values(),
          ...votes.precommit.values(),
          ...(quorums.prevote?.votes ?? []),
          ...(quorums.precommit?.votes ?? []),
        ]),
      ]);
    },
    named() {
      const values = rounds
        .all()
        .flatMap(([, { proposal, quorums }]) => [proposal?.value, ...Object.values(quorums).map(({ value }) => value)]);
      return new Set(values.filter((value) => value !== undefined && value !== null));
    },
  };
}
