import type { JsonRpcProvider } from "ethers";
import type { Hex } from "../protocol/bytes.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";
import type { ReadingReceipt, Sources } from "../sources.ts";
import { headBlock, type BlockRow, type View } from "./events.ts";
import type { Files } from "./files.ts";
import type { Follower } from "./follow.ts";
import { platformSources } from "./readmodelPlatform.ts";
import type { ProofIndex } from "./proofIndex.ts";
import type { Proofs } from "./proofs.ts";
import { auditSources } from "./readmodelAudit.ts";
import { cashOf } from "./readmodelCash.ts";
import { epochAt, epochsBefore, newestEpochs } from "./readmodelEpochs.ts";
import { facilitiesAfter, facilityAt } from "./readmodelFacilities.ts";
import { paymentsBefore } from "./readmodelPayments.ts";
import { moneySources } from "./readmodelMoney.ts";
import { gpuCountOf, lotAt, lotsAfter, metersOf } from "./readmodelLots.ts";
import { absenceProofIn, deviceProofIn, indexFor, lotProofLines, type PlacedReport } from "./readmodelProofs.ts";
import type { Store } from "./store.ts";
import { openTokens } from "./tokens.ts";
import { viewsOf } from "./views.ts";

export interface ReadModelOptions {
  readonly store: Store;
  readonly follower: Pick<Follower, "isCurrent" | "version">;
  /** Asked where only a contract can say; without one no contract account signs in. */
  readonly provider?: Pick<JsonRpcProvider, "call">;
  readonly files: Pick<Files, "find">;
  readonly proofs: Proofs;
  readonly deployment: Deployment;
  /** To be asked what no event says: what tokens are, what things are worth at a block. */
  readonly contractsAfter: (block: Pick<BlockRow, "hash">) => Contracts;
  /** Gives a reading to the oracles. */
  readonly submit: (signed: SignedReadingJson, receivedAt: bigint) => Promise<ReadingReceipt>;
}

const ALL = 0x7fff_ffff;

/** All that the API serves, computed from the followed events when it is asked for; nothing else is kept. */
export function readModel(options: ReadModelOptions): Sources {
  const { store, follower, deployment, contractsAfter } = options;
  const view = viewsOf(store);
  const tokens = openTokens(contractsAfter);

  /** A report out of the events. What is made of its readings is made after the database is let go. */
  const reportAt = async (epoch: bigint): Promise<PlacedReport | undefined> =>
    await view(async (now) => {
      const { detail, args } = (await epochAt(now, epoch)) ?? {};
      if (detail === undefined || args === undefined) return undefined;
      return { args, reportHash: detail.reportHash, transactionHash: detail.transactionHash };
    });

  /** What is proven from the readings behind a report; undefined without either. */
  const proven = async <T>(
    epoch: bigint,
    prove: (index: ProofIndex, report: PlacedReport) => T,
  ): Promise<T | undefined> => {
    const report = await reportAt(epoch);
    const index = report && (await indexFor(options.proofs, report));
    return index && prove(index, report);
  };

  return {
    ...moneySources({ view, addresses: deployment.addresses, tokens, contractsAfter }),
    ...auditSources({ view, tokens, contractsAfter, deployment }),
    ...platformSources({ ...options, view }),

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
        const facilities = (await facilitiesAfter(now, tokens, { limit: ALL })).filter((one) => one.asset === asset);
        const { lastEpoch, finalEpoch } = await newestEpochs(now);
        return {
          months: Math.max(0, ...facilities.map(({ paymentCount }) => paymentCount)),
          cash: await cashOf(now, facilities),
          ...chainNow(now),
          chainTimeAt: String(now.head.time),
          asset,
          assetDecimalCount: (await tokens.factsOf(asset, now.head)).decimalCount,
          gpuCount: String(await gpuCountOf(now)),
          lastEpoch: textOrNull(lastEpoch),
          finalEpoch: textOrNull(finalEpoch),
        };
      }),

    facilities: (page) => view((now) => facilitiesAfter(now, tokens, page)),
    facility: (address) => view((now) => facilityAt(now, tokens, address)),
    payments: (address, page) => view((now) => paymentsBefore(now, address, page)),
    lots: (page, filter) => view((now) => lotsAfter(now, page, filter)),
    lot: (lotId) => view((now) => lotAt(now, lotId)),
    meters: (lotId, range) => view((now) => metersOf(now, lotId, range)),
    epochs: (page) => view((now) => epochsBefore(now, page)),

    async epoch(epoch) {
      const found = await view((now) => epochAt(now, epoch));
      if (found === undefined) return undefined;
      const { detail, args } = found;
      const file = args && (await options.files.find("readings", args.dataHash as Hex));
      const path = `/v1/files/readings/${args?.dataHash}`;
      return { ...detail, readings: file ? { path, storedByteCount: String(file.storedByteCount) } : null };
    },

    file: (kind, hash) => options.files.find(kind, hash),

    deviceProof: (epoch, deviceId) => proven(epoch, (index, report) => deviceProofIn(index, report, deviceId)),
    absenceProof: (epoch, lotId, deviceIndex) =>
      proven(epoch, (index, report) => absenceProofIn(index, report, lotId, deviceIndex)),
    lotProof: (epoch, lotId) => proven(epoch, (index, report) => lotProofLines(index, report, lotId)),

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
