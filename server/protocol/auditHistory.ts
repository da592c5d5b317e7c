import { getAddress, recoverAddress } from "ethers";

import type { AggregateState } from "./aggregate.ts";
import { ZERO_BYTES32, type Hex } from "./bytes.ts";
import { COUNTERS, unpackMeter, type LotMeter, type Meter } from "./meter.ts";
import { quorumCount } from "./quorum.ts";
import type { ContractEvent } from "./registryHistory.ts";
import { configDigestOf, reportFrom, reportHashOf, type Report } from "./report.ts";
import { structDigest, structHash, type Domain, type TypedStruct } from "./typed.ts";
import { epochEndAt, epochStartAt } from "./units.ts";

// What the telemetry's events say, checked against each other: the order of epochs, the configurations, halts and
// rollbacks, what was recorded. The files are not needed for it.

/** Something that is not as it must be. */
export interface Difference {
  readonly epoch: bigint | undefined;
  /** What it is about: a report's field, a reading, a lot's counter, a file. */
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
  /** Where it was found: a transaction, a file and its line. */
  readonly where: string;
}

/** Takes a difference; throws when no more are wanted. */
export type OnDifference = (difference: Difference) => void;

/** A set of signers. */
export interface SignerConfig {
  readonly digest: Hex;
  readonly configCount: bigint;
  readonly signers: readonly string[];
  readonly faultyCount: number;
  readonly expiresAt: bigint;
}

/** What an epoch has on-chain: a report, or a skip's reason; with the configuration in force when it was filed. */
export interface FiledEpoch {
  readonly epoch: bigint;
  readonly hash: Hex;
  readonly prevHash: Hex;
  readonly report: Report | undefined;
  readonly reasonHash: Hex | undefined;
  readonly submittedAt: bigint;
  readonly signerBitmap: bigint;
  readonly config: SignerConfig | undefined;
  readonly txHash: Hex;
  /** The meters after it: of a skip those before. */
  readonly meters: readonly LotMeter[];
}

/** What the chain says of the telemetry. */
export interface TelemetryHistory {
  /** Those that stand, one for each epoch from the first. */
  readonly filed: readonly FiledEpoch[];
  readonly skippedCount: number;
  readonly rolledBackCount: number;
  readonly recordedCount: number;
}

export interface ChainNames {
  readonly chainId: bigint;
  readonly telemetry: string;
  readonly reportStruct: TypedStruct;
  readonly skipStruct: TypedStruct;
  readonly domain: Domain;
}

/** Replays the telemetry's events, which are in the order of the chain. */
export function telemetryHistory(
  events: readonly ContractEvent[],
  names: ChainNames,
  onDifference: OnDifference,
): TelemetryHistory {
  let filed: FiledEpoch[] = [];
  let startEpoch: bigint | undefined;
  let challengeSec = 0n;
  let maxDelaySec = 0n;
  let config: SignerConfig | undefined;
  let configCount = 0n;
  let haltedFrom: bigint | undefined;
  let resolvedAt = 0n;
  let rolledBackCount = 0;
  let recordedCount = 0;

  const file = (event: ContractEvent, one: Omit<FiledEpoch, "config" | "prevHash" | "txHash">) => {
    const { epoch, submittedAt } = one;
    const where = `transaction ${event.txHash}`;
    const last = filed.at(-1);
    const differs = (subject: string, expected: unknown, found: unknown) => {
      if (String(expected) !== String(found))
        onDifference({ epoch, subject, expected: String(expected), found: String(found), where });
    };
    differs("epoch", last === undefined ? startEpoch : last.epoch + 1n, epoch);
    differs("halt", "no report while halted", haltedFrom === undefined ? "no report while halted" : "a report");
    differs("submittedAt", event.blockAt, submittedAt);
    const endAt = epochEndAt(epoch);
    const latestAt = (endAt > resolvedAt ? endAt : resolvedAt) + maxDelaySec;
    if (submittedAt < endAt || (one.report !== undefined && submittedAt > latestAt)) {
      differs("submittedAt", `${endAt} to ${latestAt}`, submittedAt);
    }
    // A skip is proposed once a report would be refused as too old: an earlier one keeps readings out. (After an upheld
    // halt reports may come later, and a skip that was decided before it still comes.)
    if (one.report === undefined && submittedAt <= endAt + maxDelaySec) {
      differs("skip", `after ${endAt + maxDelaySec}, when no report can come any more`, `at ${submittedAt}`);
    }
    if (config !== undefined && submittedAt >= config.expiresAt) {
      differs("configuration", `in force until ${config.expiresAt}`, `used at ${submittedAt}`);
    }
    filed.push({ ...one, config, prevHash: last?.hash ?? ZERO_BYTES32, txHash: event.txHash });
  };

  const submitted = (event: ContractEvent) => {
    const { epoch, reportHash, submittedAt, signerBitmap } = event.args as Record<string, bigint> & { reportHash: Hex };
    const report = reportFrom(event.args["report"] as Parameters<typeof reportFrom>[0]);
    file(event, {
      ...{ epoch: epoch!, hash: reportHash, report, reasonHash: undefined, meters: report.meters },
      ...{ submittedAt: submittedAt!, signerBitmap: signerBitmap! },
    });
  };

  const skipped = (event: ContractEvent) => {
    const { epoch, submittedAt, signerBitmap } = event.args as Record<string, bigint>;
    const { skipHash, reasonHash } = event.args as { skipHash: Hex; reasonHash: Hex };
    file(event, {
      ...{ epoch: epoch!, hash: skipHash, report: undefined, reasonHash, meters: filed.at(-1)?.meters ?? [] },
      ...{ submittedAt: submittedAt!, signerBitmap: signerBitmap! },
    });
  };

  const recorded = ({ args, blockAt, txHash }: ContractEvent) => {
    recordedCount++;
    const { lotId, epoch, meter } = args as unknown as { lotId: bigint; epoch: bigint; meter: Meter };
    const one = filed.findLast((candidate) => candidate.epoch === epoch);
    const where = `transaction ${txHash}`;
    const words = one?.meters.find((candidate) => candidate.lotId === lotId);
    const subject = `recorded meter of lot ${lotId}`;
    if (one === undefined || words === undefined) {
      onDifference({ epoch, subject, expected: "none: it was not filed", found: "a meter", where });
      return;
    }
    const isSilent = one.report === undefined;
    const expected = { ...unpackMeter(words), ...(isSilent ? { reportingCount: 0n } : {}) };
    compareMeters(expected, meter, (counter, a, b) => {
      onDifference({ epoch, subject: `${subject}: ${counter}`, expected: String(a), found: String(b), where });
    });
    const finalAt = one.submittedAt + challengeSec;
    if (blockAt >= finalAt) return;
    onDifference({ epoch, subject, expected: `not before ${finalAt}`, found: `at ${blockAt}`, where });
  };

  const configured = ({ args, txHash }: ContractEvent) => {
    const { configDigest, signers } = args as { configDigest: Hex; signers: string[] };
    const faultyCount = Number(args["faultyCount"]);
    const count = args["configCount"] as bigint;
    const own = configDigestOf(names.chainId, names.telemetry, count, signers, faultyCount);
    const where = `transaction ${txHash}`;
    const differs = (subject: string, expected: string, found: string) => {
      if (expected !== found) onDifference({ epoch: undefined, subject, expected, found, where });
    };
    differs("configCount", String(configCount + 1n), String(count));
    differs("configDigest", own, configDigest);
    configCount = count;
    config = { digest: own, configCount: count, signers, faultyCount, expiresAt: args["expiresAt"] as bigint };
  };

  const resolved = ({ args, blockAt }: ContractEvent) => {
    haltedFrom = undefined;
    resolvedAt = blockAt;
    if (args["rolledBack"] !== true) return;
    const stands = filed.filter(({ epoch }) => epoch < (args["epoch"] as bigint));
    rolledBackCount += filed.length - stands.length;
    filed = stands;
    config = undefined;
  };

  for (const event of events) {
    const { name, args } = event;
    if (name === "Opened") {
      startEpoch = args["epoch"] as bigint;
      challengeSec = args["challengeSec"] as bigint;
      maxDelaySec = args["maxDelaySec"] as bigint;
    } else if (name === "ConfigSet") configured(event);
    else if (name === "Submitted") submitted(event);
    else if (name === "Skipped") skipped(event);
    else if (name === "Recorded") recorded(event);
    else if (name === "Halted") haltedFrom = args["epoch"] as bigint;
    else if (name === "Resolved") resolved(event);
  }
  const skippedCount = filed.filter(({ report }) => report === undefined).length;
  return { filed, skippedCount, rolledBackCount, recordedCount };
}

/** Tells where a published state has other lots, or other meters, than the report after which it is. */
export function compareState(
  { epoch, dataHash, meters }: Report,
  state: AggregateState,
  onDifference: OnDifference,
): void {
  const where = `readings ${dataHash} line 1`;
  const tell = (subject: string, expected: unknown, found: unknown) => {
    if (String(expected) !== String(found))
      onDifference({ epoch, subject, expected: String(expected), found: String(found), where });
  };
  tell("published state: epoch", epoch, state.epoch);
  const [said, kept] = [meters, state.lots].map((list) => list.map(({ lotId }) => lotId).join(" "));
  tell("published state: lots", said, kept);
  const byId = new Map(state.lots.map((lot) => [lot.lotId, lot.meter]));
  for (const meter of meters) {
    const other = byId.get(meter.lotId);
    if (other === undefined) continue;
    compareMeters(unpackMeter(meter), other, (counter, expected, found) => {
      tell(`published state: lot ${meter.lotId}: ${counter}`, expected, found);
    });
  }
}

/** Tells of each counter in which two meters differ. */
export function compareMeters(
  expected: Meter,
  found: Meter,
  onCounter: (counter: string, expected: bigint, found: bigint) => void,
): void {
  for (const counter of ["gpuCount", "reportingCount", ...COUNTERS] as const) {
    if (expected[counter] !== found[counter]) onCounter(counter, expected[counter], found[counter]);
  }
}

/** What a transaction of a report or a skip carried. */
export interface FiledCall {
  readonly value: object;
  readonly signerBitmap: bigint;
  readonly signatures: Hex;
}

/**
 * Checks an epoch's hash, the place it says it has, and the signatures that came with it. Those of a filing that came
 * through another contract may not be seen: the telemetry has checked them.
 */
export function checkFiling(
  one: FiledEpoch,
  call: FiledCall | undefined,
  names: ChainNames,
  onDifference: OnDifference,
): void {
  const { epoch, report, config } = one;
  const where = `transaction ${one.txHash}`;
  const differs = (subject: string, expected: unknown, found: unknown) => {
    if (String(expected) !== String(found))
      onDifference({ epoch, subject, expected: String(expected), found: String(found), where });
  };
  const struct = report === undefined ? names.skipStruct : names.reportStruct;
  const skip = { configDigest: config?.digest, epoch, prevReportHash: one.prevHash, reasonHash: one.reasonHash };
  if (report !== undefined) {
    differs("report: configDigest", config?.digest ?? "a configuration", report.configDigest);
    differs("report: epoch", epoch, report.epoch);
    differs("report: periodStartAt", epochStartAt(epoch), report.periodStartAt);
    differs("report: periodEndAt", epochEndAt(epoch), report.periodEndAt);
    differs("report: prevReportHash", one.prevHash, report.prevReportHash);
    differs("report hash", reportHashOf(struct, report), one.hash);
  } else differs("skip hash", structHash(struct, skip), one.hash);
  if (call === undefined) return;
  differs("signed value", one.hash, structHash(struct, call.value));
  differs("signerBitmap", one.signerBitmap, call.signerBitmap);
  if (config === undefined) return;
  const digest = structDigest(struct, names.domain, call.value);
  const needed = quorumCount(config.faultyCount);
  const indexes: number[] = [];
  for (let index = 0; call.signerBitmap >> BigInt(index) !== 0n; index++) {
    if ((call.signerBitmap >> BigInt(index)) & 1n) indexes.push(index);
  }
  differs(
    "signatures",
    `${needed}, 64 bytes each`,
    `${indexes.length}, ${describeLength(call.signatures, indexes.length)}`,
  );
  indexes.forEach((index, place) => {
    const text = `0x${call.signatures.slice(2 + 128 * place, 130 + 128 * place)}`;
    const expected = config.signers[index];
    differs(
      `signature of signer ${index}`,
      expected === undefined ? "no signer" : getAddress(expected),
      signerOf(digest, text),
    );
  });
}

function describeLength(signatures: Hex, count: number): string {
  return signatures.length === 2 + 128 * count ? "64 bytes each" : `${(signatures.length - 2) / 2} bytes together`;
}

function signerOf(digest: Hex, signature: string): string {
  try {
    return recoverAddress(digest, signature);
  } catch {
    return "no signature";
  }
}
