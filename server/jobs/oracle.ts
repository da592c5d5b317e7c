import { getAddress } from "ethers";

import type { Clock } from "../clock.ts";
import type { MarkedSigner } from "../keys/marks.ts";
import { forgetBallots, saveDecisionSignatures } from "../plugins/ballots.ts";
import type { Registry } from "../plugins/directory.ts";
import type { Files } from "../plugins/files.ts";
import type { OracleConfig, TelemetryHead } from "../plugins/head.ts";
import type { Peer } from "../plugins/peers.ts";
import { inventoryOf, readingsWith } from "../plugins/queries.ts";
import { signaturesOf } from "../plugins/reports.ts";
import type { Store } from "../plugins/store.ts";
import { ballotDomain, ballotPreimage, type Bundle, type Instance } from "../protocol/ballot.ts";
import type { Hex } from "../protocol/bytes.ts";
import { keccakHex } from "../protocol/keccak.ts";
import { readingOfBody } from "../protocol/packed.ts";
import { quorumCount, signerIndexOf } from "../protocol/quorum.ts";
import { readingDomain, readingJson, type SignedReadingJson } from "../protocol/reading.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Domain } from "../protocol/typed.ts";
import { epochEndAt } from "../protocol/units.ts";
import { startDrafts } from "./drafts.ts";
import { REPORT_STRUCT, skipHashOf, startFiling } from "./filing.ts";
import { startHistory } from "./history.ts";
import { startInstance, type RunningInstance } from "./instance.ts";
import { startReadings, type Ingested } from "./readings.ts";
import type { Outgoing, Transmitter } from "./transmit.ts";

export interface OracleOptions {
  readonly oracleId: number;
  /** The report key; it pays for nothing. */
  readonly signer: MarkedSigner;
  readonly store: Store;
  readonly files: Files;
  readonly registry: Registry;
  /** Where the telemetry stands, as far as the chain was followed. */
  readonly head: () => Promise<TelemetryHead>;
  /** The other oracles, in the order of the signers; this one's own place does not matter. */
  readonly peers: () => readonly Peer[];
  readonly transmitter: Transmitter;
  readonly clock: Clock;
  readonly chainId: bigint;
  readonly telemetry: string;
  readonly reportDomain: Domain;
  readonly methodologyHash: Hex;
  readonly maxDelaySec: bigint;
  readonly skewSec: bigint;
  readonly graceSec: bigint;
  readonly roundMs: number;
  readonly turnSec: number;
  readonly onRefusal: (refusal: Refusal) => void;
  readonly onError: (error: unknown) => void;
}

/** One of n = 3f+1: keeps the readings it was given, decides reports with its peers, and signs what was decided. */
export interface Oracle {
  readonly oracleId: number;
  readonly address: string;
  /** Verifies signed readings and makes them durable; each is taken, known, refused, or a second one of its epoch. */
  ingest(batch: readonly SignedReadingJson[], receivedAt: bigint): Promise<Ingested[]>;
  /** Resolves when this oracle knows the readings of the newest report: what continues them is judged by them. */
  catchUp(): Promise<void>;
  /** What it answers its peers. */
  readonly peer: Peer;
  /** Does what can be done now; what takes time goes on by itself and wakes it again. */
  step(): Promise<void>;
  /** Steps now and then, and whenever something changed. */
  start(everyMs: number): void;
  wake(): void;
  stop(): Promise<void>;
}

/** Epochs behind the head of which nothing is said any more, not even after a re-org. */
const BURIED_COUNT = 200n;
/** Epochs behind the head of which peers may ask what was held. */
const INVENTORY_COUNT = 3n;
/** After a submission that went wrong. */
const RETRY_MILLI_SEC = 500;

export function startOracle(options: OracleOptions): Oracle {
  const { oracleId, signer, store, files, clock } = options;
  const domain = readingDomain(options.chainId, options.telemetry);
  const ballots = ballotDomain(options.chainId, options.telemetry);
  const readings = startReadings({ ...options, readingDomain: domain });
  const history = startHistory({ ...options, readings, readingDomain: domain });
  const drafts = startDrafts({ ...options, history, readings, reportStruct: REPORT_STRUCT, now: () => clock.now() });
  const filing = startFiling(options);

  let running: RunningInstance | undefined;
  let current: { head: TelemetryHead; config: OracleConfig; selfIndex: number } | undefined;
  const callers = new Set<number>(); // who was heard in an instance that is not under way here
  let isStopped = false;
  let bringing: Promise<void> | undefined;
  let notBeforeMs = 0;
  let prepared: { readonly done: RunningInstance; readonly preimage: Uint8Array } | undefined;
  let isRefused: string | undefined; // what the report key refused to sign

  const peersOf = (selfIndex: number) => options.peers().filter((_, index) => index !== selfIndex);

  /** Whether a skip of this epoch was signed before its deadline moved, by a halt that was resolved: no report is then. */
  const isSkipSigned = (epoch: bigint, { configCount }: OracleConfig): boolean => {
    try {
      const mark = signer.mark();
      return mark?.kind === 1 && mark.epoch === epoch && mark.configCount === configCount;
    } catch {
      return false; // who signs hears of it
    }
  };

  /** The instance that is due now. */
  const dueInstance = ({ head, config }: NonNullable<typeof current>): Instance | undefined => {
    const { configDigest } = config;
    const epoch = head.lastEpoch + 1n;
    if (head.block.time > head.deadlineAt || isSkipSigned(epoch, config)) return { configDigest, epoch, kind: 1 };
    const endAt = epochEndAt(epoch);
    if (head.block.time < endAt) return undefined; // the registry at its end is not known yet
    const isCalled = callers.size > config.faultyCount;
    return clock.now() >= endAt + options.graceSec || isCalled ? { configDigest, epoch, kind: 0 } : undefined;
  };

  const begin = async (instance: Instance): Promise<RunningInstance> => {
    const { config, selfIndex } = current!;
    const { configDigest } = instance;
    const started = await startInstance({
      ...{ oracleId, store, instance, config, selfIndex, reportStruct: REPORT_STRUCT },
      ballotDomain: ballots,
      sign: (preimage) => signer.signMessage(preimage),
      peers: peersOf(selfIndex),
      roundMs: options.roundMs,
      async propose() {
        const { head } = current!;
        if (instance.kind === 0) return await drafts.propose(head, configDigest);
        return { value: skipHashOf(head, configDigest), report: undefined };
      },
      async judge(value, report) {
        const { head } = current!;
        if (report !== undefined) return await drafts.judge(report, head, configDigest);
        const own = skipHashOf(head, configDigest);
        if (value === own) return { verdict: "valid" };
        const reason = new Refusal("Oracle_SkipDiffers", { epoch: instance.epoch, own, proposed: value });
        return { verdict: "invalid", reason };
      },
      isChainSignature(signature, report) {
        const { head, config: signers } = current!;
        const preimage = filing.preimageOf(instance, head, report);
        return preimage !== undefined && filing.isSigned(preimage, signers, signature);
      },
      ...{ onChange: wake, onRefusal: options.onRefusal, onError: options.onError },
    });
    callers.clear();
    return started;
  };

  /** Signs what was decided, once it is here and published; then it is brought on-chain, in turn. */
  const finish = async (done: RunningInstance, head: TelemetryHead): Promise<void> => {
    const { config, selfIndex } = current!;
    const { instance, decision } = done;
    const { epoch, kind } = instance;
    if (decision === undefined) return;
    const report = done.reportOf(decision.value);
    if (bringing !== undefined || Date.now() < notBeforeMs) return;
    if (prepared?.done !== done) {
      const preimage = filing.preimageOf(instance, head, report);
      if (preimage === undefined) return; // a peer will hand the report over
      prepared = { done, preimage };
    }
    const { preimage } = prepared;
    if (!done.signatures.some(({ signerIndex }) => signerIndex === selfIndex)) await sign(done, preimage);
    const needed = quorumCount(config.faultyCount);
    if (done.signatures.length < needed) return;
    const n = BigInt(config.signers.length);
    const turnIndex = Number((BigInt(selfIndex) - (epoch % n) + n) % n);
    const waitedSec = Math.floor(Date.now() / 1000) - Number(decision.decidedAt);
    if (waitedSec < turnIndex * options.turnSec) return;
    const decided = { report: kind === 0 ? report : undefined, preimage };
    bring(filing.call(head, instance, config, decided, done.signatures), head.lastEpoch);
  };

  /** Brings the call on-chain in the background: the oracle goes on meanwhile. */
  const bring = (outgoing: Outgoing, lastEpoch: bigint): void => {
    const run = async () => {
      try {
        await options.transmitter.transmit(outgoing);
      } catch (error) {
        notBeforeMs = Date.now() + RETRY_MILLI_SEC;
        const isOthers = current !== undefined && current.head.lastEpoch > lastEpoch; // another one brought it
        if (!isOthers && !isStopped) options.onError(error);
      }
      bringing = undefined;
      wake();
    };
    bringing = run();
  };

  const sign = async (done: RunningInstance, preimage: Uint8Array): Promise<void> => {
    const { config, selfIndex } = current!;
    const { instance, decision } = done;
    const { value } = decision!;
    if (isRefused === value) return;
    const report = done.reportOf(value);
    const own = config.signers[selfIndex]!.toLowerCase();
    const kept = await signaturesOf(store.db, oracleId, instance.epoch, value);
    const before = kept.find((row) => row.signer === own);
    try {
      if (report !== undefined) await history.set(report.dataHash); // it is published before it is signed
      const signature = before?.signature ?? (await filing.sign(instance, config, preimage));
      const whole = { signerIndex: selfIndex, value, signature };
      await saveDecisionSignatures(store.db, oracleId, instance.epoch, config.signers, [whole]);
      done.addSignature(whole);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      isRefused = value; // the key's mark stands above it: the others are enough
      options.onRefusal(error);
    }
  };

  const step = async (): Promise<void> => {
    const head = await options.head();
    const { config } = head;
    const selfIndex = config?.signers.findIndex((address) => getAddress(address) === getAddress(signer.address)) ?? -1;
    if (config === undefined || selfIndex === -1 || head.isHalted) {
      halt();
      return;
    }
    if (current?.head.lastEpoch !== head.lastEpoch) {
      callers.clear();
      isRefused = undefined;
      history.stateAt(head).catch(options.onError); // before the first reading that continues it, if it can be had
      if (head.lastEpoch % 24n === 0n) await forgetBallots(store.db, oracleId, head.lastEpoch - BURIED_COUNT);
    }
    current = { head, config, selfIndex };
    const due = dueInstance(current);
    if (
      running !== undefined &&
      (running.isStopped || !isSame(running.instance, due ?? running.instance) || isPast(running.instance, head))
    ) {
      await keepSignatures(running, config);
      running.stop();
      running = undefined;
    }
    if (due === undefined || isStopped) return;
    running ??= await begin(due);
    await finish(running, head);
  };

  /** What peers signed is shown with the epoch. */
  const keepSignatures = async (past: RunningInstance, { signers }: OracleConfig): Promise<void> => {
    if (past.decision === undefined) return;
    await saveDecisionSignatures(store.db, oracleId, past.instance.epoch, signers, past.signatures);
  };

  const halt = () => {
    running?.stop();
    running = undefined;
    current = undefined;
  };

  // One step at a time; who wakes it during one gets another.
  let stepping: Promise<void> | undefined;
  let wokenCount = 0;
  let isLooping = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async (): Promise<void> => {
    let doneCount: number;
    do {
      doneCount = wokenCount;
      try {
        await step();
      } catch (error) {
        options.onError(error);
      }
    } while (wokenCount !== doneCount && !isStopped);
    stepping = undefined;
  };
  const wake = () => {
    wokenCount += 1;
    if (isLooping && !isStopped) stepping ??= run();
  };

  const hear = (bundle: Bundle): void => {
    const { instance } = bundle;
    if (current === undefined || instance.epoch !== current.head.lastEpoch + 1n || instance.kind !== 0) return;
    if (instance.configDigest !== current.config.configDigest) return;
    const { signers, faultyCount } = current.config;
    for (const message of bundle.messages.slice(0, signers.length)) {
      if (callers.size > faultyCount) break;
      const digest = keccakHex(ballotPreimage(ballots, instance, message));
      callers.add(signerIndexOf(digest, signers, message.signature));
    }
    if (callers.size > faultyCount) wake();
  };

  const peer: Peer = {
    async exchange(bundle) {
      if (running === undefined || !isSame(running.instance, bundle.instance)) {
        hear(bundle);
        return undefined;
      }
      await running.receive(bundle);
      return bundle.isAsking ? running.bundle(false) : undefined;
    },
    async inventory(epoch) {
      const last = current?.head.lastEpoch ?? 0n;
      if (epoch + INVENTORY_COUNT < last) return [];
      return await inventoryOf(store.db, oracleId, epoch);
    },
    async readings(epoch, hashes) {
      const rows = await readingsWith(store.db, oracleId, epoch, hashes);
      return rows.map(({ body, signature }) => ({ reading: readingJson(readingOfBody(body)), signature }));
    },
    async file(kind, hash) {
      return (await files.has(kind, hash)) ? files.open(kind, hash) : undefined;
    },
  };

  return {
    oracleId,
    address: getAddress(signer.address),
    ingest: (batch, receivedAt) => readings.ingest(batch, receivedAt),
    async catchUp() {
      await history.stateAt(await options.head());
    },
    peer,
    step,
    start(everyMs) {
      isLooping = true;
      timer ??= setInterval(wake, everyMs);
      wake();
    },
    wake,
    async stop() {
      isStopped = true;
      clearInterval(timer);
      running?.stop();
      await stepping;
      await bringing;
    },
  };
}

function isSame(a: Instance, b: Instance): boolean {
  return a.configDigest === b.configDigest && a.epoch === b.epoch && a.kind === b.kind;
}

function isPast({ epoch }: Instance, { lastEpoch }: TelemetryHead): boolean {
  return epoch <= lastEpoch;
}
