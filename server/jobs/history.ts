import { Failure } from "../failure.ts";
import {
  forgetReportedAfter,
  hasReportedAfter,
  newestStandingEpoch,
  saveReportedReadings,
} from "../plugins/ballots.ts";
import type { Files } from "../plugins/files.ts";
import { filedReports, type FiledReport, type TelemetryHead } from "../plugins/head.ts";
import type { Peer } from "../plugins/peers.ts";
import { reportOf, saveReport } from "../plugins/reports.ts";
import type { Store } from "../plugins/store.ts";
import {
  initialState,
  parseState,
  stateJson,
  type AggregateState,
  type AggregateStateJson,
} from "../protocol/aggregate.ts";
import type { Hex } from "../protocol/bytes.ts";
import { packMeter } from "../protocol/meter.ts";
import { checkReadingSet, readingSetLines, type CheckedSet } from "../protocol/publication.ts";
import { Refusal } from "../protocol/refusal.ts";
import { metersHashOf, reportJson, type Report } from "../protocol/report.ts";
import type { Readings } from "./readings.ts";

export interface HistoryOptions {
  readonly oracleId: number;
  readonly store: Store;
  readonly files: Files;
  readonly peers: () => readonly Peer[];
  readonly readings: Readings;
  readonly readingDomain: Hex;
}

/** What was reported so far, as one oracle knows it: the state to go on from, and each node's newest reading. */
export interface History {
  /** The state after the head's newest report; sets that are missing are asked of the peers. */
  stateAt(head: TelemetryHead): Promise<AggregateState>;
  /** A reading set by its hash, checked against it: from our files, else from peers; then it is in our files. */
  set(dataHash: Hex): Promise<CheckedSet>;
  /** Publishes a set that was put together here. */
  publish(dataHash: Hex, set: CheckedSet): Promise<void>;
}

/** How many epochs back an oracle that was away, or lost its database, reads the sets. */
const BACK_COUNT = 72n;
const KEPT_SETS = 1;
/** Before every epoch. */
const NONE = -1n;

export function startHistory(options: HistoryOptions): History {
  const { oracleId, store, files, readings, readingDomain } = options;
  const sets = new Map<Hex, CheckedSet>(); // the newest few
  /** The report up to which the readings were noted; null where there is none on-chain. */
  let noted: Hex | null | undefined;
  let state: AggregateState | undefined;

  const keep = (dataHash: Hex, set: CheckedSet): CheckedSet => {
    sets.delete(dataHash);
    sets.set(dataHash, set);
    for (const oldest of sets.keys()) if (sets.size > KEPT_SETS) sets.delete(oldest);
    return set;
  };

  const publish = async (dataHash: Hex, set: CheckedSet): Promise<void> => {
    keep(dataHash, set);
    if (await files.has("readings", dataHash)) return;
    await files.put("readings", dataHash, readingSetLines(set.epoch, set.state, set.readings));
  };

  const fromFiles = async (dataHash: Hex): Promise<CheckedSet | undefined> => {
    if (!(await files.has("readings", dataHash))) return undefined;
    try {
      return await checkReadingSet(readingDomain, dataHash, files.open("readings", dataHash));
    } catch (error) {
      if (error instanceof Refusal || error instanceof Failure) return undefined; // damaged: a peer has it whole
      throw error;
    }
  };

  const fromPeers = async (dataHash: Hex): Promise<CheckedSet> => {
    for (const peer of options.peers()) {
      try {
        const lines = await peer.file("readings", dataHash);
        if (lines === undefined) continue;
        const set = await checkReadingSet(readingDomain, dataHash, lines);
        await files.put("readings", dataHash, readingSetLines(set.epoch, set.state, set.readings));
        return set;
      } catch (error) {
        if (error instanceof Failure && error.code === "Files_NotWritten") throw error;
        // what this peer gave is no such set; the next one may have it
      }
    }
    throw new Failure("History_NoSet", `neither this oracle nor its peers have the reading set ${dataHash}`);
  };

  const set = async (dataHash: Hex): Promise<CheckedSet> =>
    keep(dataHash, sets.get(dataHash) ?? (await fromFiles(dataHash)) ?? (await fromPeers(dataHash)));

  const note = async ({ report, reportHash }: FiledReport): Promise<AggregateState> => {
    const { state: after, readings: verified } = await set(report.dataHash);
    if (!hasMeters(after, report)) throw new Refusal("Oracle_MetersDiffer", { epoch: report.epoch, reportHash });
    const reported = verified.map(({ reading, readingHash: hash }) => ({ reading, hash }));
    await store.transaction(async (tx) => {
      await saveReportedReadings(tx, oracleId, reported);
      await saveReport(tx, oracleId, {
        ...{ epoch: report.epoch, reportHash, body: JSON.stringify(reportJson(report)) },
        ...{ meters: reportJson(report).meters, carry: stateJson(after) },
      });
    });
    readings.note(reported);
    return after;
  };

  /** Forgets what was taken back: what an oracle goes on from is in sets that stand. */
  const forgetAfter = async (epoch: bigint, fromEpoch: bigint): Promise<boolean> => {
    if (!(await hasReportedAfter(store.db, oracleId, epoch))) {
      await readings.reload();
      return false;
    }
    const { readingCount } = await store.transaction((tx) => forgetReportedAfter(tx, oracleId, epoch, fromEpoch));
    await readings.reload();
    return readingCount > 0;
  };

  const catchUp = async (newest: FiledReport): Promise<AggregateState> => {
    const { epoch, prevReportHash } = newest.report;
    const isNext = noted === prevReportHash;
    const fromEpoch = epoch > BACK_COUNT ? epoch - BACK_COUNT : 0n;
    const filed = isNext ? [newest] : await filedReports(store.db, fromEpoch, epoch);
    let known: bigint | undefined = epoch - 1n;
    if (!isNext) {
      known = await newestStandingEpoch(store.db, oracleId, epoch);
      if (await forgetAfter(known ?? NONE, fromEpoch)) known = undefined;
    }
    let after: AggregateState | undefined;
    for (const one of filed) if (known === undefined || one.report.epoch > known) after = await note(one);
    noted = newest.reportHash;
    if (after !== undefined) return after;
    const row = await reportOf(store.db, oracleId, epoch);
    const kept = row === undefined ? undefined : parseState(row.carry as AggregateStateJson);
    return kept !== undefined && hasMeters(kept, newest.report) ? kept : await note(newest);
  };

  let turn: Promise<unknown> = Promise.resolve();
  return {
    set,
    publish,
    stateAt({ newest, lastEpoch, firstEpoch }) {
      const next = turn.then(async () => {
        if (newest === undefined) {
          if (noted !== null) await forgetAfter(NONE, 0n);
          [noted, state] = [null, undefined];
          return initialState(firstEpoch);
        }
        if (noted !== newest.reportHash || state === undefined) state = await catchUp(newest);
        return { ...state, epoch: lastEpoch }; // in a skipped epoch nothing changed
      });
      turn = next.catch(() => undefined);
      return next;
    },
  };
}

/** Whether a state makes the meters that are on-chain. */
function hasMeters(state: AggregateState, { meters }: Report): boolean {
  const tdps = new Map(meters.map(({ lotId, tdpW }) => [lotId, tdpW]));
  const own = state.lots.map(({ lotId, meter }) => packMeter(lotId, tdps.get(lotId) ?? 0n, meter));
  return metersHashOf(own) === metersHashOf(meters);
}
