import { parentPort } from "node:worker_threads";

import { judgeBatch, transferOf, type BatchJob, type RosterMessage } from "./judges.ts";
import { Judge } from "./judge.ts";
import type { Roster } from "../plugins/roster.ts";

// Judges batches on a thread of its own.

const courts = new Map<number, { judge: Judge; roster: Roster }>();

parentPort!.on("message", (message: RosterMessage | BatchJob) => {
  if ("roster" in message) {
    courts.set(message.rosterId, { judge: new Judge(message.roster), roster: message.roster });
    for (const past of [...courts.keys()].slice(0, -message.keptCount)) courts.delete(past);
    return;
  }
  const court = courts.get(message.rosterId)!;
  const answer = judgeBatch(court.judge, court.roster, message);
  parentPort!.postMessage(answer, transferOf(answer));
});
