import { getAddress, type BaseWallet } from "ethers";

import {
  aggregate,
  initialState,
  parseState,
  stateJson,
  type AggregateState,
  type AggregateStateJson,
  type Aggregation,
  type VerifiedReading,
} from "../protocol/aggregate.ts";
import type { Hex } from "../protocol/bytes.ts";
import { packReading, readingOfBody } from "../protocol/packed.ts";
import { parseReading, readingHash, type Reading, type SignedReadingJson } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { buildReport, reportDigestOf, reportHashOf, type Report } from "../protocol/report.ts";
import { checkFollows, checkGrowth, checkReading } from "../protocol/rules.ts";
import type { Domain, TypedStruct } from "../protocol/typed.ts";
import { Failure } from "../failure.ts";
import { isSignedBy } from "../nodekey.ts";
import { requireSameMeters, type TelemetryHead } from "../plugins/chain.ts";
import type { Directory } from "../plugins/directory.ts";
import { insertReadings, newestReadings, readingsOf, type Outcome } from "../plugins/queries.ts";
import { raiseHighWater, reportOf, saveReport, saveSignature, signaturesOf } from "../plugins/reports.ts";
import type { Store } from "../plugins/store.ts";

export interface OracleOptions {
  readonly oracleId: number;
  /** The report-signing key; it pays for nothing. */
  readonly signer: BaseWallet;
  readonly store: Store;
  readonly directory: Directory;
  readonly readingDomain: Hex;
  readonly reportDomain: Domain;
  readonly reportStruct: TypedStruct;
  readonly methodologyHash: Hex;
}

/** What became of one submitted reading: a refusal says why it was not taken. */
export type Ingested = { outcome: Outcome } | { outcome: "refused"; refusal: Refusal };

export interface Attestation {
  readonly oracleId: number;
  readonly report: Report;
  readonly reportHash: Hex;
  readonly signature: string;
}

/** One of n = 3f+1: keeps the signed readings it was given, and signs only what it recomputed from them. */
export interface Oracle {
  readonly oracleId: number;
  readonly address: string;
  /** Verifies signed readings and makes them durable; each is taken, known, refused, or a second one of its epoch. */
  ingest(batch: readonly SignedReadingJson[], receivedAt: bigint): Promise<Ingested[]>;
  /** The report of the next epoch out of this oracle's own readings, signed. */
  propose(head: TelemetryHead): Promise<Attestation>;
  /** Recomputes a peer's report and signs it, or refuses with the first difference. */
  attest(report: Report, head: TelemetryHead): Promise<Attestation>;
}

interface NewestReading {
  readonly reading: Reading;
  readonly hash: Hex;
}

export function startOracle(options: OracleOptions): Oracle {
  const { oracleId, signer, store, directory } = options;
  // Each node's newest reading that was taken, to check that the next one continues it.
  const newest = new Map<bigint, NewestReading>();
  let isWarm = false;

  const warmUp = async () => {
    if (isWarm) return;
    for (const row of await newestReadings(store.db, oracleId)) {
      newest.set(row.nodeId, { reading: readingOfBody(row.body), hash: row.readingHash });
    }
    isWarm = true;
  };

  const verify = ({ reading: json, signature }: Partial<SignedReadingJson>): VerifiedReading => {
    const reading = parseReading(json);
    const { nodeId, lotId, epoch } = reading;
    demand(typeof signature === "string", "Reading_Unsigned", { nodeId, epoch });
    const node = directory.nodes.get(nodeId);
    if (node === undefined) throw new Refusal("Reading_UnknownNode", { nodeId, epoch });
    const place = directory.lots.get(lotId);
    if (place === undefined || node.lotId !== lotId) throw new Refusal("Reading_WrongLot", { nodeId, lotId, epoch });
    const hash = readingHash(options.readingDomain, reading);
    if (!isSignedBy(node.key, hash, signature as Hex)) {
      throw new Refusal("Reading_BadSignature", { nodeId, epoch, readingHash: hash });
    }
    checkReading(reading, epoch, place.lot);
    for (const { deviceIndex, deviceId } of reading.devices) {
      const device = place.devices[deviceIndex];
      if (device === undefined || device.deviceId !== deviceId || device.nodeId !== nodeId) {
        throw new Refusal("Reading_WrongDevice", { nodeId, epoch, deviceIndex, deviceId });
      }
    }
    return { reading, readingHash: hash, signature: signature as Hex };
  };

  // A repetition and a second reading of an epoch are told apart when they are stored. After one that this oracle missed
  // the counters alone bind: a lost reading must not shut its node out for ever. So do those of one that comes late.
  const checkOrder = (reading: Reading, before: NewestReading | undefined) => {
    if (before === undefined || reading.epoch === before.reading.epoch) return;
    if (reading.epoch < before.reading.epoch) checkGrowth(before.reading, reading);
    else if (reading.sequenceIndex > before.reading.sequenceIndex + 1n) checkGrowth(reading, before.reading);
    else checkFollows(reading, before.reading, before.hash);
  };

  const ownState = async (head: TelemetryHead): Promise<AggregateState> => {
    const row = await reportOf(store.db, oracleId, head.lastEpoch);
    if (row === undefined) {
      if (head.prior.meters.length === 0) return initialState(head.lastEpoch + 1n);
      throw new Refusal("Oracle_NoState", { oracleId, epoch: head.lastEpoch });
    }
    return parseState(row.carry as AggregateStateJson);
  };

  // What was signed stands: a reading that came after it changes nothing, for this key signs no other report.
  const signedBefore = async (head: TelemetryHead): Promise<Attestation | undefined> => {
    const kept = await reportOf(store.db, oracleId, head.lastEpoch + 1n);
    if (kept === undefined) return undefined;
    const report = parseReport(kept.body);
    if (report.configDigest !== head.configDigest || report.prevReportHash !== head.prior.reportHash) return undefined;
    const rows = await signaturesOf(store.db, oracleId, kept.epoch, kept.reportHash);
    const own = rows.find((row) => row.signer === signer.address.toLowerCase());
    return own && { oracleId, report, reportHash: kept.reportHash, signature: own.signature };
  };

  const compute = async (head: TelemetryHead): Promise<{ report: Report; aggregation: Aggregation }> => {
    const epoch = head.lastEpoch + 1n;
    const state = await ownState(head);
    const lots = [...directory.lots.values()].map(({ lot }) => lot);
    const before = await reportOf(store.db, oracleId, head.lastEpoch);
    if (before !== undefined) requireSameMeters(epoch, parseReport(before.body).meters, head.prior);
    const rows = await readingsOf(store.db, oracleId, epoch);
    const verified = rows.map((row) => ({
      reading: readingOfBody(row.body),
      readingHash: row.readingHash,
      signature: row.signature,
    }));
    const aggregation = aggregate(epoch, state, lots, verified);
    const report = buildReport(aggregation, head.configDigest, head.prior.reportHash, options.methodologyHash);
    return { report, aggregation };
  };

  const sign = async (report: Report, aggregation: Aggregation): Promise<Attestation> => {
    const reportHash = reportHashOf(options.reportStruct, report);
    const { epoch } = report;
    const signature = signer.signingKey.sign(reportDigestOf(options.reportStruct, options.reportDomain, report));
    const attestation = { oracleId, report, reportHash, signature: signature.compactSerialized };
    // Mark, report and signature are durable together before the signature leaves this function.
    const keep = store.transaction(async (tx) => {
      await raiseHighWater(tx, signer.address as Hex, epoch, reportHash);
      await saveReport(tx, oracleId, {
        epoch,
        reportHash,
        body: reportText(report),
        meters: report.meters.map((meter) => ({ ...meter, lotId: String(meter.lotId), tdpW: String(meter.tdpW) })),
        carry: stateJson(aggregation.state),
      });
      await saveSignature(tx, oracleId, epoch, reportHash, {
        signer: signer.address as Hex,
        signature: attestation.signature as Hex,
      });
    });
    try {
      await keep;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Refusal(error.code, { oracleId, epoch, reportHash, reason: error.message });
    }
    return attestation;
  };

  return {
    oracleId,
    address: getAddress(signer.address),

    async ingest(batch, receivedAt) {
      await warmUp();
      const results: (Ingested | undefined)[] = new Array<Ingested | undefined>(batch.length).fill(undefined);
      const taken: { place: number; verified: VerifiedReading; body: Uint8Array }[] = [];
      const inBatch = new Map<bigint, NewestReading>();
      batch.forEach((signed, place) => {
        try {
          const verified = verify(signed);
          const { reading, readingHash: hash } = verified;
          const before = inBatch.get(reading.nodeId) ?? newest.get(reading.nodeId);
          checkOrder(reading, before);
          if (before === undefined || before.reading.epoch < reading.epoch)
            inBatch.set(reading.nodeId, { reading, hash });
          taken.push({ place, verified, body: packReading(reading) });
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          results[place] = { outcome: "refused", refusal: error };
        }
      });
      const outcomes = await insertReadings(
        store.db,
        oracleId,
        taken.map(({ verified: { reading, readingHash: hash, signature }, body }) => ({
          epoch: reading.epoch,
          nodeId: reading.nodeId,
          lotId: reading.lotId,
          sequence: reading.sequenceIndex,
          readingHash: hash,
          body,
          signature,
          receivedAt,
        })),
      );
      outcomes.forEach((outcome, index) => {
        const { place, verified } = taken[index] as (typeof taken)[number];
        results[place] = { outcome };
        const before = newest.get(verified.reading.nodeId);
        if (outcome === "inserted" && (before === undefined || before.reading.epoch < verified.reading.epoch)) {
          newest.set(verified.reading.nodeId, { reading: verified.reading, hash: verified.readingHash });
        }
      });
      return results as Ingested[];
    },

    async propose(head) {
      const kept = await signedBefore(head);
      if (kept !== undefined) return kept;
      const { report, aggregation } = await compute(head);
      return await sign(report, aggregation);
    },

    async attest(proposed, head) {
      const kept = await signedBefore(head);
      if (kept !== undefined) {
        requireSameReport(oracleId, kept.report, proposed);
        return kept;
      }
      const { report, aggregation } = await compute(head);
      requireSameReport(oracleId, report, proposed);
      return await sign(report, aggregation);
    },
  };
}

function requireSameReport(oracleId: number, own: Report, proposed: Report): void {
  const difference = firstDifference(own, proposed);
  if (difference === undefined) return;
  throw new Refusal("Oracle_ReportDiffers", { oracleId, epoch: own.epoch, ...difference });
}

function firstDifference(own: Report, proposed: Report): { field: string; own: string; proposed: string } | undefined {
  for (const field of Object.keys(own) as (keyof Report)[]) {
    const [a, b] = [reportText(own[field]), reportText(proposed[field])];
    if (a !== b) return { field, own: a.slice(0, 400), proposed: b.slice(0, 400) };
  }
  return undefined;
}

/** A report as JSON text: integers as decimal strings. */
function reportText(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) => (typeof entry === "bigint" ? String(entry) : entry));
}

type Texts<T> = { [K in keyof T]: T[K] extends bigint ? string : T[K] };
type ReportJson = Texts<Omit<Report, "meters">> & { meters: Texts<Report["meters"][number]>[] };

/** A report out of its text: the inverse of `reportText`. */
function parseReport(text: string): Report {
  const json = JSON.parse(text) as ReportJson;
  return {
    ...json,
    epoch: BigInt(json.epoch),
    periodStartAt: BigInt(json.periodStartAt),
    periodEndAt: BigInt(json.periodEndAt),
    devicesRegisteredCount: BigInt(json.devicesRegisteredCount),
    devicesReportingCount: BigInt(json.devicesReportingCount),
    meters: json.meters.map((meter) => ({ ...meter, lotId: BigInt(meter.lotId), tdpW: BigInt(meter.tdpW) })),
  };
}
