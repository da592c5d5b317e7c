import { Worker } from "node:worker_threads";

import { Failure } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Files } from "./files.ts";
import { HttpProblem } from "./problems.ts";
import { buildProofIndex, sizeOf, type ProofIndex } from "./proofIndex.ts";

/** Indexes of published reading sets, built when they are asked for. */
export interface Proofs {
  /** Undefined when the set is not kept here. */
  indexOf(dataHash: Hex): Promise<ProofIndex | undefined>;
}

export interface ProofsOptions {
  readonly files: Files;
  /** That readings are signed in. */
  readonly domain: Hex;
  /** Memory that the kept indexes may take together; the newest is kept in any case. */
  readonly keptBytes?: number;
}

// An index of 1,000,000 devices takes some 160 MB: one such, or hundreds of small ones.
const KEPT_BYTES = 256 << 20;
/** Sets that are larger on disk are read in a thread of their own. */
const THREAD_BYTES = 1 << 18;
const WAITING_COUNT = 16;

/** The newest used indexes are kept; one is built at a time, since each takes a core and its set's memory. */
export function openProofs({ files, domain, keptBytes = KEPT_BYTES }: ProofsOptions): Proofs {
  const kept = new Map<Hex, ProofIndex>();
  const building = new Map<Hex, Promise<ProofIndex>>();
  let last: Promise<unknown> = Promise.resolve();

  const keep = (dataHash: Hex, index: ProofIndex) => {
    kept.delete(dataHash);
    kept.set(dataHash, index);
    let bytes = 0;
    for (const one of kept.values()) bytes += sizeOf(one);
    for (const [oldest, one] of kept) {
      if (bytes <= keptBytes || oldest === dataHash) break;
      kept.delete(oldest);
      bytes -= sizeOf(one);
    }
  };

  const build = async (dataHash: Hex, isLarge: boolean): Promise<ProofIndex> => {
    const index = isLarge
      ? await buildApart(files.folder, domain, dataHash)
      : await buildProofIndex(domain, dataHash, files.open("readings", dataHash));
    keep(dataHash, index);
    return index;
  };

  return {
    async indexOf(dataHash) {
      const found = kept.get(dataHash);
      if (found !== undefined) {
        keep(dataHash, found);
        return found;
      }
      const file = await files.find("readings", dataHash);
      if (file === undefined) return undefined;
      const started = building.get(dataHash);
      if (started !== undefined) return await started;
      if (building.size >= WAITING_COUNT) {
        throw new HttpProblem(503, "Proofs_Busy", "other epochs are being made ready; try again later");
      }
      const turn = last.then(() => build(dataHash, file.storedByteCount > THREAD_BYTES));
      building.set(dataHash, turn);
      last = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        building.delete(dataHash);
      }
    },
  };
}

function buildApart(folder: string, domain: Hex, dataHash: Hex): Promise<ProofIndex> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./proofThread.ts", import.meta.url), {
      workerData: { folder, domain, dataHash },
    });
    worker.once("message", (answer: { index: ProofIndex } | { code: string; message: string }) => {
      if ("index" in answer) resolve(answer.index);
      else reject(new Failure(answer.code, answer.message));
      void worker.terminate();
    });
    worker.once("error", reject);
    worker.once("exit", () => reject(new Failure("Proofs_Failed", `the thread for ${dataHash} ended`)));
  });
}
