import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";

// Verifies one P-256 signature over and over for a while: what a core can do at the very most.

const { durationMs } = workerData as { durationMs: number };
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const message = createHash("sha256").update("measured").digest();
const signature = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
const key = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
let done = 0;
const startMs = performance.now();
while (performance.now() - startMs < durationMs) {
  for (let n = 0; n < 50; n++) verify("sha256", message, key, signature);
  done += 50;
}
parentPort!.postMessage({ done, tookMs: performance.now() - startMs });
