import { Readable } from "node:stream";

import { Failure } from "../failure.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";
import type { ReadingReceipt, Sources } from "../sources.ts";
import { headBlock, type View } from "./events.ts";
import type { Follower } from "./follow.ts";
import { cashOf } from "./readmodelCash.ts";
import { epochAt, epochsBefore, newestEpochs, type ReportArgs } from "./readmodelEpochs.ts";
import { facilitiesAfter, facilityAt, paymentsBefore } from "./readmodelFacilities.ts";
import { leasesAfter } from "./readmodelLeases.ts";
import { gpuCountOf, lotAt, lotsAfter, metersOf } from "./readmodelLots.ts";
import { evidenceOf, proofIn, readingsNote, type Evidence } from "./readmodelProofs.ts";
import type { Store } from "./store.ts";

export interface ReadModelOptions {
  readonly store: Store;
  readonly follower: Pick<Follower, "isCurrent">;
  readonly deployment: Deployment;
  /** Of the settlement token: the one fact that no event has. */
  readonly assetDecimalCount: number;
  /** Gives a reading to the oracles. */
  readonly submit: (signed: SignedReadingJson, receivedAt: bigint) => Promise<ReadingReceipt>;
}

const EVIDENCE_KEPT = 4;
const ALL = 0x7fff_ffff;

/** All that the API serves, computed from the followed events when it is asked for; nothing else is kept. */
export function readModel(options: ReadModelOptions): Sources {
  const { store, follower, deployment } = options;

  /** Answers out of one state of the events, also while the follower writes the next. */
  const view = async <T>(work: (view: View) => Promise<T>): Promise<T> =>
    await store.transaction(async (db) => {
      await db.query("set transaction isolation level repeatable read, read only");
      const head = await headBlock(db);
      if (head === undefined) throw new Failure("ReadModel_Empty", "no block has been followed yet");
      return await work({ db, head });
    });

  // By report hash, so a report that a re-org replaced is never answered for. The newest few; whole epochs are large.
  const evidences = new Map<string, Evidence>();
  const evidenceFor = async (now: View, reportHash: string, args: ReportArgs): Promise<Evidence | undefined> => {
    const evidence = evidences.get(reportHash) ?? (await evidenceOf(now, args));
    if (evidence !== undefined) {
      evidences.delete(reportHash);
      evidences.set(reportHash, evidence);
      for (const oldest of evidences.keys()) if (evidences.size > EVIDENCE_KEPT) evidences.delete(oldest);
    }
    return evidence;
  };

  return {
    async ready() {
      if (!follower.isCurrent()) return undefined;
      try {
        return await view(async (now) => {
          const { lastEpoch } = await newestEpochs(now);
          return { status: "ready" as const, ...chainNow(now), lastEpoch: textOrNull(lastEpoch) };
        });
      } catch {
        return undefined; // the database is not there
      }
    },

    summary: () =>
      view(async (now) => {
        const asset = deployment.addresses.asset;
        const facilities = (await facilitiesAfter(now, { limit: ALL })).filter((one) => one.asset === asset);
        const { lastEpoch, finalEpoch } = await newestEpochs(now);
        return {
          months: Math.max(0, ...facilities.map(({ paymentCount }) => paymentCount)),
          cash: await cashOf(now, facilities),
          ...chainNow(now),
          chainTimeAt: String(now.head.time),
          asset,
          assetDecimalCount: options.assetDecimalCount,
          gpuCount: String(await gpuCountOf(now)),
          lastEpoch: textOrNull(lastEpoch),
          finalEpoch: textOrNull(finalEpoch),
        };
      }),

    facilities: (page) => view((now) => facilitiesAfter(now, page)),
    facility: (address) => view((now) => facilityAt(now, address)),
    payments: (address, page) => view((now) => paymentsBefore(now, address, page)),
    lots: (page) => view((now) => lotsAfter(now, page)),
    lot: (lotId) => view((now) => lotAt(now, lotId)),
    meters: (lotId, range) => view((now) => metersOf(now, lotId, range)),
    leases: (page) => view((now) => leasesAfter(now, page)),
    epochs: (page) => view((now) => epochsBefore(now, page)),

    epoch: (epoch) =>
      view(async (now) => {
        const found = await epochAt(now, epoch);
        if (found === undefined) return undefined;
        const { detail, args } = found;
        const evidence = args === undefined ? undefined : await evidenceFor(now, detail.reportHash, args);
        return { ...detail, readings: evidence === undefined ? null : readingsNote(evidence) };
      }),

    readingSet: (epoch) =>
      view(async (now) => {
        const { detail, args } = (await epochAt(now, epoch)) ?? {};
        if (detail === undefined || args === undefined) return undefined;
        const evidence = await evidenceFor(now, detail.reportHash, args);
        if (evidence === undefined) return undefined;
        const { file, fileHash } = evidence;
        return { fileHash, byteCount: file.length, open: () => Readable.from([file]) };
      }),

    deviceProof: (epoch, deviceId) =>
      view(async (now) => {
        const { detail, args } = (await epochAt(now, epoch)) ?? {};
        if (detail === undefined || args === undefined) return undefined;
        const evidence = await evidenceFor(now, detail.reportHash, args);
        return evidence === undefined ? undefined : proofIn(evidence, deviceId, detail);
      }),

    async submitReading(signed) {
      const head = await headBlock(store.db);
      return await options.submit(signed, head?.time ?? 0n);
    },
  };

  function chainNow({ head }: View): { chainId: string; blockCount: string } {
    return { chainId: String(deployment.chainId), blockCount: String(head.number + 1n) };
  }
}

function textOrNull(value: bigint | null): string | null {
  return value === null ? null : String(value);
}
