import {
  ballotsOf,
  decisionOf,
  draftsOf,
  saveBallot,
  saveDecision,
  saveDraft,
  type Decision,
} from "../plugins/ballots.ts";
import type { OracleConfig } from "../plugins/head.ts";
import type { Peer } from "../plugins/peers.ts";
import type { Store } from "../plugins/store.ts";
import {
  ballotPreimage,
  type Bundle,
  type DecisionSignature,
  type Instance,
  type SignedMessage,
} from "../protocol/ballot.ts";
import type { Hex } from "../protocol/bytes.ts";
import { startConsensus, type Output, type Restored, type Step } from "../protocol/consensus.ts";
import { keccakHex } from "../protocol/keccak.ts";
import { signerIndexOf } from "../protocol/quorum.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { parseReport, reportHashOf, reportJson, type Report } from "../protocol/report.ts";
import type { Message, Vote } from "../protocol/rounds.ts";
import type { TypedStruct } from "../protocol/typed.ts";
import type { Judgement } from "./drafts.ts";
import { startGossip } from "./gossip.ts";

export interface InstanceOptions {
  readonly oracleId: number;
  readonly store: Store;
  readonly instance: Instance;
  readonly config: OracleConfig;
  readonly selfIndex: number;
  /** Signs messages between oracles. */
  readonly sign: (preimage: Uint8Array) => Promise<Hex>;
  readonly ballotDomain: Hex;
  readonly reportStruct: TypedStruct;
  readonly peers: readonly Peer[];
  readonly roundMs: number;
  /** The value of a round of this oracle's; a skip has no report. */
  readonly propose: () => Promise<{ readonly value: Hex; readonly report: Report | undefined }>;
  readonly judge: (value: Hex, report: Report | undefined) => Promise<Judgement>;
  /** Whether a signature is the signer's, for the chain, over what was decided. */
  readonly isChainSignature: (signature: DecisionSignature, report: Report | undefined) => boolean;
  /** Something changed that the oracle waits for: a decision, a signature. */
  readonly onChange: () => void;
  readonly onRefusal: (refusal: Refusal) => void;
  /** What went wrong in the background; the instance is of no use any more when it says so. */
  readonly onError: (error: unknown) => void;
}

/** One instance of the consensus, under way or decided. */
export interface RunningInstance {
  readonly instance: Instance;
  readonly decision: Decision | undefined;
  /** Whether it has ended, of itself where something went wrong. */
  readonly isStopped: boolean;
  /** The report behind a value, once it is known. */
  reportOf(value: Hex): Report | undefined;
  readonly signatures: readonly DecisionSignature[];
  /** Adds this oracle's signature for the chain, and sends it to all. */
  addSignature(signature: DecisionSignature): void;
  /** Takes what a peer hands over; refuses a bundle with a signature that is not its signer's. */
  receive(bundle: Bundle): Promise<void>;
  bundle(isAsking: boolean): Bundle;
  stop(): void;
}

const MAX_ROUND_MS = 300_000;
const KNOWN_COUNT = 20_000;

/** Runs an instance: what it said before a restart stands, and what it says is durable before it leaves. */
export async function startInstance(options: InstanceOptions): Promise<RunningInstance> {
  const { oracleId, store, instance, config, selfIndex } = options;
  const { db } = store;
  const signerCount = config.signers.length;
  const own = new Map<string, SignedMessage>();
  const reports = new Map<Hex, Report>();
  const reasons = new Map<Hex, Refusal>();
  const awaited = new Set<Hex>(); // values to be judged once their report is there
  const signatures = new Map<number, DecisionSignature>();
  const checked = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();
  let isStopped = false;
  let decision: Decision | undefined;

  const [ballots, kept, decided] = await Promise.all([
    ballotsOf(db, oracleId, instance),
    draftsOf(db, oracleId, instance.epoch),
    decisionOf(db, oracleId, instance),
  ]);
  for (const json of kept) {
    const report = parseReport(json);
    reports.set(reportHashOf(options.reportStruct, report), report);
  }
  const restored: Restored = {
    messages: ballots.map(({ message }) => message),
    quorums: ballots.flatMap(({ quorum }) => [...quorum] as Message[]).filter(isVote),
  };
  for (const { message } of ballots) own.set(keyOf(message), message);
  const machine = startConsensus(
    {
      faultyCount: config.faultyCount,
      selfIndex,
      firstProposerIndex: Number(instance.epoch % BigInt(signerCount)),
    },
    restored,
  );

  // Who proposed what is wrong: said with a nil prevote, for people.
  const reasonOf = (message: Message): string | undefined => {
    if (message.type !== "prevote" || message.value !== null) return undefined;
    return [...reasons.values()].at(-1)?.message.slice(0, 1000);
  };

  /** A message with its signature; none of our own that is not durable yet. */
  const signed = (message: Message): SignedMessage[] => {
    const whole = message.signerIndex === selfIndex ? own.get(keyOf(message)) : (message as SignedMessage);
    return whole === undefined ? [] : [whole];
  };

  const after = (delayMs: number, work: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!isStopped) work();
    }, delayMs);
    timers.add(timer);
  };

  // One input after the other; what it leads to is durable before the next one.
  let turn: Promise<void> = Promise.resolve();
  const apply = (input: () => Output[]): Promise<void> => {
    const next = turn.then(async () => {
      if (isStopped) return;
      await handle(input());
    });
    turn = next.catch((error: unknown) => {
      stop();
      options.onError(error); // what is in memory may not be on disk: the instance is to be started again from there
    });
    return turn;
  };

  const handle = async (outputs: readonly Output[]): Promise<void> => {
    for (const output of outputs) {
      if (output.type === "send") await say(output.message, output.quorum);
      else if (output.type === "timeout") scheduleTimeout(output.step, output.round);
      else if (output.type === "propose") proposeIn(output.round);
      else if (output.type === "judge") judge(output.value);
      else await decide(output.value, output.quorum);
    }
  };

  const say = async (message: Message, quorum: readonly Vote[]): Promise<void> => {
    const preimage = ballotPreimage(options.ballotDomain, instance, message);
    const reason = reasonOf(message);
    const whole = { ...message, signature: await options.sign(preimage), ...(reason === undefined ? {} : { reason }) };
    await saveBallot(db, oracleId, instance, { message: whole, quorum: quorum.flatMap(signed) });
    own.set(keyOf(message), whole);
    gossip.send({ ...emptyBundle(), messages: [whole], reports: reportsOf([message.value]) });
  };

  const decide = async (value: Hex, quorum: readonly Vote[]): Promise<void> => {
    if (decided === undefined) {
      const decidedAt = BigInt(Math.floor(Date.now() / 1000));
      decision = { value, quorum: quorum.flatMap(signed), decidedAt };
      await saveDecision(db, oracleId, instance, decision);
    } else decision = decided;
    options.onChange();
  };

  const scheduleTimeout = (step: Step, round: number) => {
    const delayMs = Math.min(options.roundMs * (1 + round / 2), MAX_ROUND_MS);
    after(delayMs, () => void apply(() => machine.expire(step, round)));
  };

  const proposeIn = (round: number) => {
    const run = async () => {
      const { value, report } = await options.propose();
      if (report !== undefined) {
        reports.set(value, report);
        await saveDraft(db, oracleId, instance.epoch, value, reportJson(report));
      }
      await apply(() => machine.propose(round, value));
    };
    run().catch((error: unknown) => {
      if (error instanceof Refusal)
        options.onRefusal(error); // another one proposes next
      else options.onError(error);
    });
  };

  const judge = (value: Hex) => {
    const report = reports.get(value);
    if (report === undefined && instance.kind === 0) {
      awaited.add(value);
      return;
    }
    const run = async () => {
      const { verdict, reason } = await options.judge(value, report);
      if (reason !== undefined) {
        reasons.set(value, reason);
        options.onRefusal(reason);
      }
      if (report !== undefined) await saveDraft(db, oracleId, instance.epoch, value, reportJson(report));
      await apply(() => machine.judge(value, verdict));
    };
    run().catch((error: unknown) => {
      options.onError(error);
      if (decision === undefined) after(options.roundMs / 2, () => judge(value)); // its set may be there by then
    });
  };

  // Bundles

  const emptyBundle = (): Bundle => ({ instance, messages: [], reports: [], signatures: [], isAsking: false });
  const reportsOf = (values: readonly (Hex | null)[]) =>
    [...new Set(values)].flatMap((value) => {
      const report = value === null ? undefined : reports.get(value);
      return report === undefined ? [] : [reportJson(report)];
    });

  const bundle = (isAsking: boolean): Bundle => {
    const messages = [...new Set([...machine.messages(), ...[...own.values()].slice(-3)].flatMap(signed))];
    const values = [...messages.map(({ value }) => value), decision?.value ?? null];
    const about = reportsOf(values).slice(-4);
    return { instance, messages, reports: about, signatures: [...signatures.values()], isAsking };
  };

  const check = (message: SignedMessage): boolean => {
    const { signerIndex, signature } = message;
    const key = `${keyOf(message)}/${signerIndex}/${message.value}/${signature}`;
    if (checked.has(key)) return true;
    const digest = keccakHex(ballotPreimage(options.ballotDomain, instance, message));
    demand(signerIndexOf(digest, config.signers, signature) === signerIndex, "Ballot_WrongSigner", { signerIndex });
    if (checked.size >= KNOWN_COUNT) checked.clear();
    checked.add(key);
    return true;
  };

  const takeReports = (given: Bundle["reports"]) => {
    const named = [...machine.named(), ...(decision === undefined ? [] : [decision.value])];
    const wanted = new Set(named.filter((value) => !reports.has(value)));
    for (const json of given) {
      if (wanted.size === 0) return; // anybody may send reports, and each costs a hash
      const report = parseReport(json);
      const hash = reportHashOf(options.reportStruct, report);
      if (!wanted.delete(hash)) continue;
      reports.set(hash, report);
      if (awaited.delete(hash)) judge(hash);
      if (decision?.value === hash) options.onChange();
    }
  };

  const takeSignatures = (given: readonly DecisionSignature[]) => {
    if (decision === undefined) return;
    const report = reports.get(decision.value);
    const tried = new Set<number>(); // one a signer: anybody may send what looks like one, and each costs a recovery
    for (const signature of given) {
      const { signerIndex, value } = signature;
      if (signatures.has(signerIndex) || value !== decision.value || signerIndex >= signerCount) continue;
      if (tried.has(signerIndex)) continue;
      tried.add(signerIndex);
      if (!options.isChainSignature(signature, report)) continue;
      signatures.set(signerIndex, signature);
      options.onChange();
    }
  };

  const stop = () => {
    isStopped = true;
    gossip.stop();
    for (const timer of timers) clearTimeout(timer);
  };

  const receive = async (given: Bundle): Promise<void> => {
    const messages = given.messages.filter(({ signerIndex }) => signerIndex !== selfIndex && signerIndex < signerCount);
    messages.forEach(check);
    if (messages.length > 0 && decision === undefined) await apply(() => machine.receive(messages));
    takeReports(given.reports);
    takeSignatures(given.signatures);
  };

  const gossip = startGossip({
    peers: options.peers,
    everyMs: Math.max(options.roundMs / 2, 50),
    bundle: () => bundle(true),
    receive,
  });

  await apply(() => machine.start());
  if (decided !== undefined) await apply(() => machine.receive(decided.quorum));

  return {
    instance,
    get decision() {
      return decision;
    },
    get isStopped() {
      return isStopped;
    },
    reportOf: (value) => reports.get(value),
    get signatures() {
      return [...signatures.values()];
    },
    addSignature(signature) {
      signatures.set(signature.signerIndex, signature);
      gossip.send({ ...emptyBundle(), signatures: [signature] });
    },
    receive,
    bundle,
    stop,
  };
}

function isVote(message: Message): message is Vote {
  return message.type !== "proposal";
}

function keyOf({ type, round }: Message): string {
  return `${round}/${type}`;
}
