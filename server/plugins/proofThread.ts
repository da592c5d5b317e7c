import { parentPort, workerData } from "node:worker_threads";

import { codeOf, messageOf } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import { openFiles } from "./files.ts";
import { buildProofIndex } from "./proofIndex.ts";

// Builds an index away from the thread that serves.

const { folder, domain, dataHash } = workerData as { folder: string; domain: Hex; dataHash: Hex };
try {
  const files = await openFiles(folder);
  const index = await buildProofIndex(domain, dataHash, files.open("readings", dataHash));
  const { tree, dataTree, lotIds, deviceIndexes, anchors, readingOf, chunks } = index;
  const arrays = [tree.nodes, dataTree.nodes, lotIds, deviceIndexes, anchors, readingOf];
  const buffers = [...arrays, ...chunks.map(({ zipped }) => zipped)].map(({ buffer }) => buffer as ArrayBuffer);
  parentPort?.postMessage({ index }, buffers);
} catch (error) {
  parentPort?.postMessage({ code: codeOf(error) ?? "Proofs_Failed", message: messageOf(error) });
}
