import { getBytes, SigningKey, type Interface } from "ethers";

import type { Hex } from "../../server/protocol/bytes.ts";
import { keccak256 } from "../../server/protocol/keccak.ts";
import { addMeter, COUNTERS, emptyMeter, packMeter, type LotMeter, type Meter } from "../../server/protocol/meter.ts";
import { meterWordsOf } from "../../server/protocol/report.ts";
import type { ReportedLot, Stretch } from "./meters.ts";

/** All that the oracles of a simulation need to write every report of it. */
export interface ReportPlan {
  telemetry: Hex;
  configDigest: Hex;
  domainSeparator: Hex;
  reportTypeHash: Hex;
  submitSelector: Hex;
  executeSelector: Hex;
  multicallSelector: Hex;
  /** Keys of the first 2f+1 signers, in the contract's order. */
  keys: Hex[];
  lots: ReportedLot[];
  stretches: Stretch[];
  /** When reports are sent: all hours that ended by then and were not sent before, in one transaction. */
  batchesAt: number[];
}

/** One transaction's worth of signed reports. */
export interface ReportBatch {
  at: number;
  firstEpoch: number;
  /** Of the access manager's multicall: one execute of Telemetry.submit an hour. */
  calldata: Uint8Array;
  /** The report hash of each epoch, 32 bytes each: filings name them. */
  hashes: Uint8Array;
}

const HOUR_SEC = 3600;
const WORD = 32;

/** What the counters are after the epochs before `epoch` (unix hours). */
export function metersBefore(lots: readonly ReportedLot[], stretches: readonly Stretch[], epoch: number): Meter[] {
  return lots.map(({ gpuCount }, index) => {
    let meter = emptyMeter(gpuCount);
    for (const { fromEpoch, untilEpoch, hourly } of stretches) {
      const hours = BigInt(Math.max(0, Math.min(epoch, untilEpoch) - fromEpoch));
      if (hours === 0n) break;
      const hour = hourly[index]!;
      const growth = { ...hour };
      for (const counter of COUNTERS) growth[counter] *= hours;
      meter = addMeter(meter, growth);
    }
    return meter;
  });
}

/** The lots' meters as they are signed. */
export function packed(lots: readonly ReportedLot[], meters: readonly Meter[]): LotMeter[] {
  return meters.map((meter, index) => packMeter(lots[index]!.lotId, lots[index]!.tdpW, meter));
}

/**
 * Writes and signs every hour's report, batch by batch. Words are laid out by hand: the general encoder takes longer
 * than the chain does (a test holds both to the same bytes).
 */
export function* reportBatches(plan: ReportPlan): Generator<ReportBatch> {
  const { lots, stretches, keys } = plan;
  const signers = keys.map((key) => new SigningKey(key));
  const bitmap = (1n << BigInt(keys.length)) - 1n;
  const fixed = {
    config: getBytes(plan.configDigest),
    reportType: getBytes(plan.reportTypeHash),
    domain: getBytes(plan.domainSeparator),
    submit: getBytes(plan.submitSelector),
  };
  const registered = lots.reduce((sum, { gpuCount }) => sum + gpuCount, 0n);
  let stretchIndex = 0;
  let epoch = stretches[0]!.fromEpoch;
  let meters = metersBefore(lots, stretches, epoch);
  let prior: Meters & { hash: Uint8Array; submittedAt: number } = {
    hash: new Uint8Array(WORD),
    submittedAt: 0,
    body: new Uint8Array(0),
    count: 0,
  };

  for (const at of plan.batchesAt) {
    const firstEpoch = epoch;
    const calls: Uint8Array[] = [];
    const hashes: Uint8Array[] = [];
    for (; (epoch + 1) * HOUR_SEC <= at; epoch++) {
      while (epoch >= stretches[stretchIndex]!.untilEpoch) stretchIndex++;
      const { hourly } = stretches[stretchIndex]!;
      meters = meters.map((meter, index) => addMeter(meter, hourly[index]!));
      const reporting = hourly.reduce((sum, { reportingCount }) => sum + reportingCount, 0n);
      const words = meterWordsOf(packed(lots, meters));
      const body = join(words.map((text) => getBytes(text)));
      const metersHash = keccak256(body);
      const endAt = (epoch + 1) * HOUR_SEC;
      // Of one statement an hour nothing else is published: the roots name the hour.
      const head = join([
        ...[fixed.config, word(epoch), word(endAt - HOUR_SEC), word(endAt), word(epoch), prior.hash, word(epoch)],
        ...[word(1), word(registered), word(reporting)],
      ]);
      const hash = keccak256(join([fixed.reportType, head, metersHash]));
      const digest = keccak256(join([new Uint8Array([0x19, 0x01]), fixed.domain, hash]));
      const signatures = signers.map((signer) => getBytes(signer.sign(digest).compactSerialized));
      calls.push(submitCall(fixed.submit, head, { body, count: words.length }, prior, bitmap, join(signatures)));
      hashes.push(hash);
      prior = { hash, submittedAt: at, body, count: words.length };
    }
    if (calls.length > 0) yield { at, firstEpoch, calldata: multicall(plan, calls), hashes: join(hashes) };
  }
}

interface Meters {
  body: Uint8Array;
  count: number;
}

// submit(Report report, Filing prior, uint256 signerBitmap, bytes signatures): dynamic parts follow their heads.
function submitCall(
  selector: Uint8Array,
  head: Uint8Array,
  meters: Meters,
  prior: Meters & { hash: Uint8Array; submittedAt: number },
  bitmap: bigint,
  signatures: Uint8Array,
): Uint8Array {
  const report = [head, word(head.length + WORD), word(meters.count), meters.body];
  const filing = [prior.hash, word(prior.submittedAt), word(3 * WORD), word(prior.count), prior.body];
  const reportAt = 4 * WORD;
  const filingAt = reportAt + size(report);
  const signaturesAt = filingAt + size(filing);
  const heads = [word(reportAt), word(filingAt), word(bitmap), word(signaturesAt)];
  return join([selector, ...heads, ...report, ...filing, word(signatures.length), signatures]);
}

// multicall(bytes[]) of execute(address target, bytes data)
function multicall(plan: ReportPlan, calls: readonly Uint8Array[]): Uint8Array {
  const execute = getBytes(plan.executeSelector);
  const target = word(BigInt(plan.telemetry));
  const inner = calls.map((call) => join([execute, target, word(2 * WORD), word(call.length), padded(call)]));
  const bodies = inner.map((one) => join([word(one.length), padded(one)]));
  let offset = inner.length * WORD;
  const offsets = bodies.map((body) => {
    const at = word(offset);
    offset += body.length;
    return at;
  });
  return join([getBytes(plan.multicallSelector), word(WORD), word(inner.length), ...offsets, ...bodies]);
}

function word(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(WORD);
  const view = new DataView(bytes.buffer);
  let rest = BigInt(value);
  for (let at = WORD - 8; rest > 0n; at -= 8) {
    view.setBigUint64(at, BigInt.asUintN(64, rest));
    rest >>= 64n;
  }
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.length / WORD) * WORD);
  result.set(bytes);
  return result;
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(size(parts));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** The selector of a function. */
export function selectorOf(contract: Interface, name: string): Hex {
  return contract.getFunction(name)!.selector as Hex;
}
