import { parentPort, workerData } from "node:worker_threads";

import { reportBatches, type ReportPlan } from "./reports.ts";

// Signs reports beside the chain: a batch for each request, so that it is never far ahead.

const port = parentPort!;
const batches = reportBatches(workerData as ReportPlan);
port.on("message", () => {
  const { value } = batches.next() as { value: unknown };
  port.postMessage(value);
});
