import type { Registry } from "../plugins/directory.ts";
import { reportedLots } from "../plugins/directory.ts";
import type { TelemetryHead } from "../plugins/head.ts";
import { READINGS_AT_ONCE, type Peer } from "../plugins/peers.ts";
import { aggregate, type Aggregation, type VerifiedReading } from "../protocol/aggregate.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Verdict } from "../protocol/consensus.ts";
import { distinctReadings } from "../protocol/distinct.ts";
import { Refusal } from "../protocol/refusal.ts";
import { buildReport, reportHashOf, reportJson, type Report } from "../protocol/report.ts";
import type { TypedStruct } from "../protocol/typed.ts";
import { epochEndAt } from "../protocol/units.ts";
import type { History } from "./history.ts";
import type { HeldReading, Readings } from "./readings.ts";

export interface DraftOptions {
  readonly history: History;
  readonly readings: Readings;
  readonly registry: Registry;
  readonly peers: () => readonly Peer[];
  readonly methodologyHash: Hex;
  readonly reportStruct: TypedStruct;
  readonly graceSec: bigint;
  readonly now: () => bigint;
}

/** A report that is put together here, or judged. */
export interface Draft {
  readonly value: Hex;
  readonly report: Report;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** What is wrong with it. */
  readonly reason?: Refusal;
}

/** Makes the reports that an oracle proposes, and recomputes those of others. */
export interface Drafts {
  /** The report of the next epoch over all valid readings that this oracle and its peers hold; its set is published. */
  propose(head: TelemetryHead, configDigest: Hex): Promise<Draft>;
  /** Recomputes a report from its published set. Throws when that cannot be had now. */
  judge(report: Report, head: TelemetryHead, configDigest: Hex): Promise<Judgement>;
}

export function startDrafts(options: DraftOptions): Drafts {
  const { history, readings, registry, reportStruct } = options;

  const compute = async (
    head: TelemetryHead,
    configDigest: Hex,
    verified: readonly VerifiedReading[],
  ): Promise<{ report: Report; aggregation: Aggregation }> => {
    const epoch = head.lastEpoch + 1n;
    const periodEndAt = epochEndAt(epoch);
    const lots = reportedLots(await registry.at(periodEndAt), periodEndAt);
    const state = await history.stateAt(head);
    const aggregation = aggregate(epoch, state, lots, verified);
    const report = buildReport(aggregation, configDigest, head.prior.reportHash, options.methodologyHash);
    return { report, aggregation };
  };

  /** What peers hold of nodes that we hold nothing of: of two readings of a node the one with the lower hash. */
  const fromPeers = async (epoch: bigint, own: readonly HeldReading[]): Promise<VerifiedReading[]> => {
    const known = new Set(own.map(({ reading }) => reading.nodeId));
    const { nodes } = await registry.at(epochEndAt(epoch));
    const found = new Map<bigint, VerifiedReading>();
    await Promise.all(
      options.peers().map(async (peer) => {
        try {
          const held = (await peer.inventory(epoch)).filter(({ nodeId }) => !known.has(nodeId) && nodes.has(nodeId));
          for (let from = 0; from < held.length; from += READINGS_AT_ONCE) {
            const asked = held.slice(from, from + READINGS_AT_ONCE).map(({ readingHash }) => readingHash);
            const given = (await peer.readings(epoch, asked)).filter(({ reading }) => reading.epoch === String(epoch));
            const valid = await readings.adopt(given.slice(0, asked.length), options.now());
            for (const one of valid) {
              const { nodeId } = one.reading;
              const other = found.get(nodeId);
              if (other === undefined || one.readingHash < other.readingHash) found.set(nodeId, one);
            }
            if (valid.length < asked.length) return; // it does not hold what it said: no more is asked of it
          }
        } catch {
          // A peer that is silent or talks rubbish holds nothing.
        }
      }),
    );
    return [...found.values()];
  };

  const judged = async (report: Report, head: TelemetryHead, configDigest: Hex): Promise<Judgement> => {
    const epoch = head.lastEpoch + 1n;
    const expected = { configDigest, epoch, prevReportHash: head.prior.reportHash };
    requireSame(report, { ...report, ...expected, methodologyHash: options.methodologyHash });
    const set = await history.set(report.dataHash);
    const directory = await registry.at(epochEndAt(epoch));
    await history.stateAt(head);
    const own = await readings.valid(epoch);
    const known = new Map(own.map(({ readingHash, signature }) => [readingHash, signature]));
    for (const one of set.readings) {
      readings.check(one, directory, known.get(one.readingHash) === one.signature);
    }
    const { report: recomputed } = await compute(head, configDigest, set.readings);
    requireSame(report, recomputed);
    const cutOffAt = epochEndAt(epoch) + options.graceSec;
    const nodeIds = new Set(set.readings.map(({ reading }) => reading.nodeId));
    const absent = own.filter(({ reading, receivedAt }) => receivedAt <= cutOffAt && !nodeIds.has(reading.nodeId));
    if (absent.length === 0) return { verdict: "valid" };
    // A reading that repeats a board of one in the set is left out rightly.
    const distinct = new Set<VerifiedReading>(distinctReadings<VerifiedReading>([...set.readings, ...absent]));
    const missing = absent.find((one) => distinct.has(one));
    if (missing === undefined) return { verdict: "valid" };
    const { nodeId } = missing.reading;
    return {
      verdict: "omits",
      reason: new Refusal("Report_OmitsReading", { epoch, nodeId, readingHash: missing.readingHash }),
    };
  };

  return {
    async propose(head, configDigest) {
      const epoch = head.lastEpoch + 1n;
      await history.stateAt(head); // the readings are judged against what was reported before
      const own = await readings.valid(epoch);
      const all = distinctReadings<VerifiedReading>([...own, ...(await fromPeers(epoch, own))]);
      const { report, aggregation } = await compute(head, configDigest, all);
      await history.publish(report.dataHash, { epoch, state: aggregation.state, readings: all });
      return { value: reportHashOf(reportStruct, report), report };
    },

    async judge(report, head, configDigest) {
      try {
        return await judged(report, head, configDigest);
      } catch (error) {
        if (error instanceof Refusal) return { verdict: "invalid", reason: error };
        throw error;
      }
    },
  };
}

/** Refuses a report by its first field that is not what it should be. */
function requireSame(proposed: Report, expected: Report): void {
  const [a, b] = [reportJson(proposed), reportJson(expected)];
  for (const field of Object.keys(b) as (keyof typeof b)[]) {
    const [given, own] = [JSON.stringify(a[field]), JSON.stringify(b[field])];
    if (given === own) continue;
    throw new Refusal("Oracle_ReportDiffers", {
      ...{ epoch: expected.epoch, field, own: own.slice(0, 400), proposed: given.slice(0, 400) },
    });
  }
}
